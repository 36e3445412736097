/*
 * webclient - HTTP requests to receivers that other people run: many at once, on the caller's thread. The only user of
 * libcurl (7.85 or newer).
 *
 * A request is sent and forgotten until webclient_step() brings its answer; a slow receiver holds up its own request and nothing
 * else (names are looked up by threads of libcurl's own, which are left alone when a request times out).
 *
 * What a configured URL must not be able to do: redirects are never followed (the answer is 3xx), only http and https are spoken,
 * certificates are verified, proxies of the environment, .netrc and cookies are ignored. Addresses that are not public (private,
 * loopback, link-local, unique-local, carrier NAT, multicast ...) are refused unless the request allows them, judged on the
 * address that is really connected to, so a name that changes its address between check and use gains nothing; a kept connection
 * is judged again before it is used again.
 *
 * Answer bodies are cut at WEBCLIENT_BODY_MAX. Headers, bodies and paths are never in an error's text: they may hold secrets.
 * Owned by one thread; only webclient_wake() may be called from others.
 */
#ifndef WEBCLIENT_H
#define WEBCLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define WEBCLIENT_BODY_MAX (64 * 1024)

struct webclient_options {
	unsigned in_flight_max;    /* requests at once; 0: 64 */
	int64_t connect_ms;        /* for the name's look-up, the connection and TLS; 0: 5 s */
	const char *user_agent;    /* NULL: corridor/VERSION */
	const char *ca_file;       /* NULL: the system's certificates */
};

struct webclient_request {
	const char *method;        /* "POST" ... */
	const char *url;
	const char *const *headers;   /* "Name: value", NULL-ended; NULL: none. Copied, as everything here */
	struct str body;
	int64_t timeout_ms;        /* for all of it */
	bool allow_private;
	uint64_t tag;              /* given back with the answer */
};

enum webclient_failure {
	WEBCLIENT_NONE,      /* there is a status */
	WEBCLIENT_PRIVATE,   /* the receiver's address is not public, and that was not allowed */
	WEBCLIENT_NAME,      /* the host's name is not known, or nobody could be asked */
	WEBCLIENT_CONNECT,
	WEBCLIENT_TLS,       /* above all: its certificate is not to be trusted */
	WEBCLIENT_TIMEOUT,
	WEBCLIENT_BROKEN,    /* reset, closed early, no HTTP */
};

struct webclient_answer {
	uint64_t tag;
	unsigned status;           /* 0: there was none */
	enum webclient_failure failure;
	int64_t retry_after_ms;    /* as the receiver asked (seconds or date); -1: it did not */
	struct str body;           /* borrowed until the callback returns; what came of it when the answer broke off */
	bool cut;                  /* the body was longer */
	int64_t took_us;
	const char *error;         /* for a person; "" with a status */
};
typedef void webclient_answered(void *context, const struct webclient_answer *);

struct webclient;

NODISCARD struct webclient *webclient_create(const struct webclient_options *, struct err *);
void webclient_destroy(struct webclient *);   /* what is in flight is dropped without an answer; NULL is fine */

/* False, with the reason: the URL can't be used, or in_flight_max are under way. Else there will be exactly one answer. */
NODISCARD bool webclient_send(struct webclient *, const struct webclient_request *, struct err *);
/* Moves everything on, waits at most timeout_ms for something to happen (less when it does, or at a wake), calls back for
 * each answer; the callback may send. Returns the number of answers. */
unsigned webclient_step(struct webclient *, int64_t timeout_ms, webclient_answered *, void *context);
void webclient_wake(struct webclient *);      /* from any thread: the running or next step returns at once */
unsigned webclient_in_flight(const struct webclient *);

/* http or https, with a host, without user and password; a literal address must be public unless `allow_private`. `what` begins
 * the error. The path is not quoted. */
NODISCARD bool webclient_check_url(const char *url, bool allow_private, const char *what, struct err *);

struct sockaddr;
bool webclient_public(const struct sockaddr *);   /* an address of the public internet (IPv4, IPv6; also one within the other) */

#endif
