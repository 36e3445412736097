#include "receiver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct receiver {
	pid_t pid;
	unsigned port, next;
	char urls[16][256];
};

static void need(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

struct receiver *receiver_start_tls(const char *cert, const char *key)
{
	struct receiver *receiver = calloc(1, sizeof *receiver);
	int ends[2];
	need(receiver != NULL && pipe2(ends, 0) == 0, "receiver: pipe");
	pid_t parent = getpid();
	receiver->pid = fork();
	if (receiver->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		dup2(ends[1], 1);
		close(ends[0]);
		execlp("python3", "python3", "tests/support/receiver.py", cert ? "--cert" : NULL, cert,
		       "--key", key, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	char line[32] = "";
	FILE *out = fdopen(ends[0], "r");
	need(out != NULL && fgets(line, sizeof line, out) != NULL,
	     "receiver: python3 tests/support/receiver.py");
	fclose(out);
	receiver->port = (unsigned)strtoul(line, NULL, 10);
	return receiver;
}

struct receiver *receiver_start(void)
{
	return receiver_start_tls(NULL, NULL);
}

void receiver_stop(struct receiver *receiver)
{
	if (receiver == NULL)
		return;
	kill(receiver->pid, SIGKILL);
	waitpid(receiver->pid, NULL, 0);
	free(receiver);
}

unsigned receiver_port(const struct receiver *receiver)
{
	return receiver->port;
}

const char *receiver_url(struct receiver *receiver, const char *path)
{
	char *url = receiver->urls[receiver->next++ % 16];
	snprintf(url, sizeof receiver->urls[0], "http://127.0.0.1:%u%s", receiver->port, path);
	return url;
}

char *receiver_get(const struct receiver *receiver, const char *path)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((unsigned short)receiver->port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "receiver: connect");
	char request[300];
	int len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			   path);
	need(write(fd, request, (size_t)len) == len, "receiver: write");
	size_t used = 0, room = 1 << 16;
	char *text = malloc(room);
	for (ssize_t got; (got = read(fd, text + used, room - used - 1)) > 0;) {
		used += (size_t)got;
		if (room - used < 4096)
			text = realloc(text, room *= 2);
		need(text != NULL, "receiver: memory");
	}
	close(fd);
	text[used] = '\0';
	char *body = strstr(text, "\r\n\r\n");
	need(body != NULL, "receiver: no answer");
	memmove(text, body + 4, strlen(body + 4) + 1);
	return text;
}

unsigned receiver_count(const struct receiver *receiver, const char *path)
{
	char member[300], *seen = receiver_get(receiver, "/seen");
	snprintf(member, sizeof member, "\"path\": \"%s\"", path);
	unsigned count = 0;
	for (char *at = seen; (at = strstr(at, member)) != NULL; at++)
		count++;
	free(seen);
	return count;
}
