#include "commands.h"

#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/*
 * The health check of images and units without a shell or curl. A plain GET by hand: libcurl belongs to `webclient`, and what is
 * asked is this program's own little server.
 */
#define PING_URL "http://127.0.0.1:9464/healthz"

struct target {
	char host[256], port[8], path[512];
};

/* http://HOST[:PORT][/PATH], HOST may be [IPv6] */
static bool target_parse(struct target *target, const char *url)
{
	int at = 0;
	snprintf(target->port, sizeof target->port, "80");
	if (sscanf(url, "http://[%255[^]]]%n", target->host, &at) != 1 &&
	    sscanf(url, "http://%255[^:/]%n", target->host, &at) != 1)
		return false;
	if (at == 0)
		return false;
	const char *rest = url + at;
	if (*rest == ':') {
		char *end;
		long port = strtol(rest + 1, &end, 10);
		if (end == rest + 1 || port < 1 || port > 65535)
			return false;
		snprintf(target->port, sizeof target->port, "%ld", port);
		rest = end;
	}
	if (*rest != '\0' && *rest != '/')
		return false;
	int len = snprintf(target->path, sizeof target->path, "%s", *rest ? rest : "/");
	return (size_t)len < sizeof target->path;
}

static int target_connect(const struct target *target, long timeout_s, struct err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	int bad = getaddrinfo(target->host, target->port, &hints, &list);
	if (bad != 0) {
		err_set(err, "%s: %s", target->host, gai_strerror(bad));
		return -1;
	}
	int fd = -1;
	for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd < 0)
			continue;
		struct timeval limit = {.tv_sec = timeout_s};
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* bounds connect() too */
		if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd < 0)
		err_set(err, "no answer from %s port %s; is `corridor run` up?", target->host, target->port);
	return fd;
}

/* The HTTP status, or -1; the answer's text in `answer`. */
static int target_ask(const struct target *target, int fd, char *answer, size_t size)
{
	char request[1024];
	int len =
		snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n",
			 target->path, target->host);
	if (send(fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		return -1;
	size_t have = 0;
	ssize_t n;
	while (have < size - 1 && (n = recv(fd, answer + have, size - 1 - have, 0)) > 0)
		have += (size_t)n;
	answer[have] = '\0';
	int status;
	return sscanf(answer, "HTTP/1.%*1d %d", &status) == 1 ? status : -1;
}

static int ping(const char *url, long timeout_s, bool quiet)
{
	struct target target;
	struct err err = {0};
	if (!target_parse(&target, url))
		return command_usage(&command_ping, "'%s' is not http://HOST[:PORT][/PATH]", url);
	int fd = target_connect(&target, timeout_s, &err);
	if (fd < 0)
		return command_failed(&command_ping, &err);
	char answer[8192];
	int status = target_ask(&target, fd, answer, sizeof answer);
	close(fd);
	if (status < 0) {
		err_set(&err, "%s did not answer in HTTP within %ld s", url, timeout_s);
		return command_failed(&command_ping, &err);
	}
	const char *body = strstr(answer, "\r\n\r\n");
	if (!quiet && body != NULL && body[4] != '\0')
		printf("%s%s", body + 4, body[strlen(body) - 1] == '\n' ? "" : "\n");
	if (status == 200)
		return EXIT_FINE;
	err_set(&err, "%s answered %d", url, status);
	return command_failed(&command_ping, &err);
}

static int ping_run(int argc, char **argv)
{
	static const struct option options[] = {
		{"url", required_argument, NULL, 'u'},
		{"timeout", required_argument, NULL, 't'},
		{"quiet", no_argument, NULL, 'q'},
		{0},
	};
	const char *url = PING_URL;
	long timeout_s = 3;
	bool quiet = false;
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'u': url = optarg; break;
		case 't': timeout_s = strtol(optarg, NULL, 10); break;
		case 'q': quiet = true; break;
		default: return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return command_usage(&command_ping, "what is '%s'?", argv[optind]);
	if (timeout_s < 1 || timeout_s > 3600)
		return command_usage(&command_ping, "--timeout is in seconds, 1 to 3600");
	return ping(url, timeout_s, quiet);
}

const struct command command_ping = {
	.name = "ping",
	.summary = "ask a running corridor how it is, for health checks",
	.help = "usage: corridor ping [--url URL] [--timeout SECONDS] [--quiet]\n"
		"\n"
		"Asks a running corridor over HTTP and prints its answer. Exit code 0 when it says 200, else "
		"1.\n"
		"\n"
		"  --url URL            default " PING_URL "; /readyz says whether it can do its work now\n"
		"  --timeout SECONDS    default 3\n"
		"  --quiet              only the exit code\n",
	.run = ping_run,
};
