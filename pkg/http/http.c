#include "http/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REASONS_BYTES	8192
#define IDLE_S		30 /* a client that keeps its connection open costs us a socket */
#define CONNECTIONS_MAX 64

const struct option_row http_options[] = {
	{"listen", OPTION_TEXT, offsetof(struct http_options, listen), "127.0.0.1:9464", 0, 0, NULL,
	 "where /metrics, /healthz and /readyz are: HOST:PORT, [IPV6]:PORT, :PORT for every address, or off",
	 0},
	{.key = NULL},
};

struct http {
	struct MHD_Daemon *daemon;
	struct http_callbacks callbacks;
	unsigned port;
};

/* A JSON array in the making. */
struct http_reasons {
	unsigned count;
	size_t used;
	char text[REASONS_BYTES];
};

/* ---- where to listen ---- */

struct place {
	char host[256], port[8];
};

static bool parse_listen(const char *listen, struct place *place, struct err *err)
{
	const char *colon = strrchr(listen, ':'), *host = listen, *end = colon;
	char *rest = NULL;
	long port = colon && colon[1] >= '0' && colon[1] <= '9' ? strtol(colon + 1, &rest, 10) : -1;
	if (port < 0 || port > 65535 || *rest != '\0') {
		err_set(err, "http.listen: `%s` is not HOST:PORT with a port from 0 to 65535, nor off",
			listen);
		return false;
	}
	if (listen[0] == '[' && colon > listen && colon[-1] == ']') {
		host = listen + 1;
		end = colon - 1;
	} else if (memchr(listen, ':', (size_t)(colon - listen)) || listen[0] == '[') {
		err_set(err, "http.listen: `%s`: an IPv6 address is written [ADDRESS]:PORT", listen);
		return false;
	}
	if ((size_t)(end - host) >= sizeof place->host) {
		err_set(err, "http.listen: the host is longer than %zu characters", sizeof place->host - 1);
		return false;
	}
	snprintf(place->host, sizeof place->host, "%.*s", (int)(end - host), host);
	snprintf(place->port, sizeof place->port, "%ld", port);
	return true;
}

bool http_check_listen(const char *listen, struct err *err)
{
	struct place place;
	return strcmp(listen, "off") == 0 || parse_listen(listen, &place, err);
}

static int bind_to(const struct addrinfo *address)
{
	int on = 1, off = 0;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->ai_family == AF_INET6) /* ":PORT" is meant for IPv4 as well */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, 64) == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

static int open_socket(const char *listen, struct err *err)
{
	struct place place;
	if (!parse_listen(listen, &place, err))
		return -1;
	struct addrinfo hints = {.ai_family = place.host[0] ? AF_UNSPEC : AF_INET6,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE};
	struct addrinfo *list = NULL;
	int failed = getaddrinfo(place.host[0] ? place.host : NULL, place.port, &hints, &list);
	if (failed) {
		err_set(err, "http.listen: %s: %s", listen, gai_strerror(failed));
		return -1;
	}
	int fd = -1;
	for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next)
		fd = bind_to(at);
	if (fd < 0 && !place.host[0]) { /* a kernel without IPv6 */
		struct addrinfo *old = list;
		hints.ai_family = AF_INET;
		if (getaddrinfo(NULL, place.port, &hints, &list) == 0) {
			freeaddrinfo(old);
			fd = bind_to(list);
		}
	}
	if (fd < 0)
		err_set(err, "http.listen: %s: %s%s", listen, strerror(errno),
			errno == EADDRINUSE
				? " (is another corridor running? `http.listen: off` or another port)"
				: "");
	freeaddrinfo(list);
	return fd;
}

static unsigned port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	char port[8] = "0";
	if (getsockname(fd, (struct sockaddr *)&address, &len) == 0)
		getnameinfo((struct sockaddr *)&address, len, NULL, 0, port, sizeof port, NI_NUMERICSERV);
	return (unsigned)atoi(port);
}

/* ---- answers ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
			      char *body, size_t len, enum MHD_ResponseMemoryMode memory)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(len, body, memory);
	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
	return answer(connection, status, "text/plain; charset=utf-8", (char *)text, strlen(text),
		      MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer_metrics(const struct http *http, struct MHD_Connection *connection)
{
	size_t len = 0;
	char *text = http->callbacks.metrics(http->callbacks.context, &len);
	return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text, len,
		      MHD_RESPMEM_MUST_FREE);
}

/* One character of a JSON string; the room for six bytes is the caller's care. */
static size_t put_json(char *out, unsigned char c)
{
	if (c < 0x20)
		return (size_t)sprintf(out, "\\u%04x", c);
	size_t n = 0;
	if (c == '"' || c == '\\')
		out[n++] = '\\';
	out[n++] = (char)c;
	return n;
}

void http_not_ready(struct http_reasons *reasons, const char *format, ...)
{
	char text[500];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (sizeof reasons->text - reasons->used < 6 * sizeof text + 64) {
		reasons->count++; /* no room to say it; not ready all the same */
		return;
	}
	char *out = reasons->text + reasons->used;
	size_t n = 0;
	if (reasons->used)
		out[n++] = ',';
	out[n++] = '"';
	for (const char *c = text; *c; c++)
		n += put_json(out + n, (unsigned char)*c);
	out[n++] = '"';
	reasons->used += n;
	reasons->count++;
}

static enum MHD_Result answer_ready(const struct http *http, struct MHD_Connection *connection)
{
	static const size_t frame = 64;
	struct http_reasons reasons = {.count = 0};
	http->callbacks.ready(http->callbacks.context, &reasons);
	char *body = must_alloc(reasons.used + frame);
	int len = snprintf(body, reasons.used + frame, "{\"ready\":%s,\"reasons\":[%.*s]}\n",
			   reasons.count ? "false" : "true", (int)reasons.used, reasons.text);
	return answer(connection, reasons.count ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
		      "application/json", body, (size_t)len, MHD_RESPMEM_MUST_FREE);
}

/* Called when the headers are there, and again for each piece of a body, which nobody asked for and nobody
 * reads. */
static enum MHD_Result respond(void *context, struct MHD_Connection *connection, const char *path,
			       const char *method, const char *version, const char *upload,
			       size_t *upload_len, void **state)
{
	const struct http *http = context;
	static char known;
	if (*state == NULL) {
		*state = &known;
		return MHD_YES;
	}
	if (*upload_len) {
		*upload_len = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				   "only GET and HEAD are answered here\n");
	if (strcmp(path, "/metrics") == 0)
		return answer_metrics(http, connection);
	if (strcmp(path, "/healthz") == 0)
		return answer_text(connection, MHD_HTTP_OK, "alive\n");
	if (strcmp(path, "/readyz") == 0)
		return answer_ready(http, connection);
	return answer_text(connection, MHD_HTTP_NOT_FOUND, "here are /metrics, /healthz and /readyz\n");
}

bool http_start(struct http **out, const struct http_options *options, const struct http_callbacks *callbacks,
		struct err *err)
{
	*out = NULL;
	if (strcmp(options->listen, "off") == 0)
		return true;
	int fd = open_socket(options->listen, err);
	if (fd < 0)
		return false;
	struct http *http = must_alloc(sizeof *http);
	http->callbacks = *callbacks;
	http->port = port_of(fd);
	http->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, respond, http,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_END);
	if (http->daemon == NULL) {
		err_set(err, "http.listen: %s: the HTTP server does not start", options->listen);
		close(fd);
		free(http);
		return false;
	}
	*out = http;
	return true;
}

unsigned http_port(const struct http *http)
{
	return http->port;
}

/* The library closes the socket that it was given. */
void http_stop(struct http *http)
{
	if (http == NULL)
		return;
	MHD_stop_daemon(http->daemon);
	free(http);
}
