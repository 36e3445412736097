/*
 * http - /metrics, /healthz and /readyz for whoever runs the program, and /alerts/<id>/ack for whoever is on call. The only user
 * of libmicrohttpd.
 *
 * One thread of the library's own; the callbacks run on it. Loopback by default: nothing here is a secret, but it is nobody's
 * business either. GET and HEAD, but for acknowledging:
 *
 *   POST /alerts/<id>/ack                      with `Authorization: Bearer TOKEN`: for programs; answers in JSON
 *   GET  /alerts/<id>/ack?expires=S&sig=HEX    the link in a message: a page with a button and nothing else. Chats and mail
 *                                              programs fetch links to preview them, so looking must not acknowledge
 *   POST the same                              the button; answers with a page
 *
 * `by=NAME` in the body (a form) or the query says who. The token is the first line of http.token_file and never sent anywhere; a
 * link is signed with HMAC-SHA-256 under it over id and expiry, so it opens this one incident until then. Another token makes all
 * old links void. Without a token the route is 404.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/option.h"
#include "base/str.h"

struct http_options {
	const char *listen;       /* "127.0.0.1:9464", "[::1]:9464", ":9464" (every address), "off" */
	const char *token_file;   /* NULL: nobody can acknowledge over HTTP */
	const char *public_url;   /* where people reach this server, for links in messages; NULL: messages have none */
};
extern const struct option_row http_options[];   /* section `http` */

NODISCARD bool http_check_listen(const char *listen, struct err *);
NODISCARD bool http_check_public_url(const char *url, struct err *);

/* ---- acknowledging ---- */

struct http_secret {
	char token[256];   /* NUL-terminated; "": none */
};
/* The file's first line: 16 to 255 printable characters without spaces. NULL as path: none. */
NODISCARD bool http_secret_read(struct http_secret *, const char *path, struct err *);

#define HTTP_LINK_MAX 1024
/* "https://nps.example.com/alerts/00000000000000a1/ack?expires=1700000000&sig=..."; the length. 0: no secret, no base URL, or it
 * does not fit. */
size_t http_ack_link(char out[HTTP_LINK_MAX], const struct http_secret *, const char *base_url, uint64_t incident,
		     int64_t expires_ms);

enum http_ack { HTTP_ACK_DONE, HTTP_ACK_ALREADY, HTTP_ACK_UNKNOWN, HTTP_ACK_FAILED };   /* failed: 503, try again */

/* ---- the server ---- */

struct http_reasons;
void http_not_ready(struct http_reasons *, const char *format, ...) PRINTF(2, 3);   /* one sentence each */

struct http_callbacks {
	void *context;
	char *(*metrics)(void *context, size_t *len);              /* malloc'ed; freed by http */
	void (*ready)(void *context, struct http_reasons *);       /* adds nothing: ready */
	/* May take some seconds; all other requests wait meanwhile. `by` may be empty. NULL: the route is 404. */
	enum http_ack (*ack)(void *context, uint64_t incident, struct str by);
};

struct http;

/* *out is NULL for "off". Error: the address can't be parsed or had, the token file can't be read. */
NODISCARD bool http_start(struct http **out, const struct http_options *, const struct http_callbacks *, struct err *);
unsigned http_port(const struct http *);   /* the port in use (listen may have said 0) */
void http_stop(struct http *);             /* answers what is being answered, then ends its thread; NULL is fine */

#endif
