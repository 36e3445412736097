#include "http/http.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_priv.h"

#define REASONS_BYTES	8192
#define IDLE_S		30 /* a client that keeps its connection open costs us a socket */
#define CONNECTIONS_MAX 64

const struct option_row http_options[] = {
	{"listen", OPTION_TEXT, offsetof(struct http_options, listen), "127.0.0.1:9464", 0, 0, NULL,
	 "where /metrics, /healthz and /readyz are: HOST:PORT, [IPV6]:PORT, :PORT for every address, or off",
	 0},
	{"token_file", OPTION_TEXT, offsetof(struct http_options, token_file), NULL, 0, 0, NULL,
	 "a file with a token in its first line, with which alerts are acknowledged over HTTP; without one "
	 "they "
	 "can't be",
	 0},
	{"public_url", OPTION_TEXT, offsetof(struct http_options, public_url), NULL, 0, 0, NULL,
	 "where people reach this server: then messages hold a link to acknowledge with", 0},
	{.key = NULL},
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

/* A page's address is what signs: it loads nothing and tells nobody where it is. */
static void add_headers(struct MHD_Response *response, unsigned status, const char *type)
{
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (strncmp(type, "text/html", 9) == 0) {
		MHD_add_response_header(response, "Content-Security-Policy",
					"default-src 'none'; form-action 'self'; frame-ancestors 'none'");
		MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
		MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	}
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
}

enum MHD_Result http_answer(struct MHD_Connection *connection, unsigned status, const char *type,
			    struct str body, enum MHD_ResponseMemoryMode memory)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(body.len, (char *)body.at, memory);
	if (response == NULL)
		return MHD_NO;
	add_headers(response, status, type);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result http_answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
	return http_answer(connection, status, "text/plain; charset=utf-8", str_of(text),
			   MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result answer_metrics(const struct http *http, struct MHD_Connection *connection)
{
	size_t len = 0;
	char *text = http->callbacks.metrics(http->callbacks.context, &len);
	return http_answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
			   (struct str){text, len}, MHD_RESPMEM_MUST_FREE);
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
	return http_answer(connection, reasons.count ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
			   "application/json", (struct str){body, (size_t)len}, MHD_RESPMEM_MUST_FREE);
}

enum MHD_Result http_not_allowed(struct MHD_Connection *connection, const char *allow)
{
	char text[80];
	int len = snprintf(text, sizeof text, "answered here: %s\n", allow);
	struct MHD_Response *response =
		MHD_create_response_from_buffer((size_t)len, text, MHD_RESPMEM_MUST_COPY);
	if (response == NULL)
		return MHD_NO;
	add_headers(response, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain; charset=utf-8");
	MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_METHOD_NOT_ALLOWED, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result respond_get(const struct http *http, struct MHD_Connection *connection,
				   const char *method, const char *path)
{
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return http_not_allowed(connection, "GET, HEAD");
	if (strcmp(path, "/metrics") == 0)
		return answer_metrics(http, connection);
	if (strcmp(path, "/healthz") == 0)
		return http_answer_text(connection, MHD_HTTP_OK, "alive\n");
	if (strcmp(path, "/readyz") == 0)
		return answer_ready(http, connection);
	return http_answer_text(connection, MHD_HTTP_NOT_FOUND, "here are /metrics, /healthz and /readyz\n");
}

static char nothing; /* stands for a request whose body is of no use */

/* Called when the headers are there, and again for each piece of a body: a form where one can be of use, else
 * nobody asked for it and nobody reads it. */
static enum MHD_Result respond(void *context, struct MHD_Connection *connection, const char *path,
			       const char *method, const char *version, const char *upload,
			       size_t *upload_len, void **state)
{
	const struct http *http = context;
	uint64_t incident;
	bool ack = http->secret.token[0] && http->callbacks.ack && http_ack_path(path, &incident);
	if (*state == NULL) {
		*state = ack ? (void *)http_form_create(connection) : &nothing;
		return MHD_YES;
	}
	if (*upload_len) {
		if (ack)
			http_form_add(*state, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	return ack ? http_ack_respond(http, connection, method, incident, *state)
		   : respond_get(http, connection, method, path);
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
		      enum MHD_RequestTerminationCode why)
{
	if (*state && *state != &nothing)
		http_form_destroy(*state);
	*state = NULL;
}

bool http_start(struct http **out, const struct http_options *options, const struct http_callbacks *callbacks,
		struct err *err)
{
	*out = NULL;
	if (strcmp(options->listen, "off") == 0)
		return true;
	struct http_secret secret;
	int fd = http_secret_read(&secret, options->token_file, err) ? open_socket(options->listen, err) : -1;
	if (fd < 0)
		return false;
	struct http *http = must_alloc(sizeof *http);
	http->secret = secret;
	http->callbacks = *callbacks;
	http->port = port_of(fd);
	http->daemon =
		MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, respond, http,
				 MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_TIMEOUT,
				 (unsigned)IDLE_S, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
				 MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
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
	explicit_bzero(&http->secret, sizeof http->secret);
	free(http);
}
