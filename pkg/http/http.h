/*
 * http - /metrics, /healthz and /readyz for whoever runs the program. The only user of libmicrohttpd.
 *
 * One thread of the library's own; the callbacks run on it. Loopback by default: nothing here is a secret,
 * but it is nobody's business either. GET and HEAD only.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/option.h"

struct http_options {
	const char *listen;   /* "127.0.0.1:9464", "[::1]:9464", ":9464" (every address), "off" */
};
extern const struct option_row http_options[];   /* section `http` */

NODISCARD bool http_check_listen(const char *listen, struct err *);

struct http_reasons;
void http_not_ready(struct http_reasons *, const char *format, ...) PRINTF(2, 3);   /* one sentence each */

struct http_callbacks {
	void *context;
	char *(*metrics)(void *context, size_t *len);              /* malloc'ed; freed by http */
	void (*ready)(void *context, struct http_reasons *);       /* adds nothing: ready */
};

struct http;

/* *out is NULL for "off". Error: the address can't be parsed or had. */
NODISCARD bool http_start(struct http **out, const struct http_options *, const struct http_callbacks *, struct err *);
unsigned http_port(const struct http *);   /* the port in use (listen may have said 0) */
void http_stop(struct http *);             /* answers what is being answered, then ends its thread; NULL is fine */

#endif
