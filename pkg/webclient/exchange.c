#include "webclient/webclient_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_ROOM 1024

/* ---- libcurl calls back ---- */

static size_t take_body(char *at, size_t one, size_t len, void *context)
{
	struct exchange *exchange = context;
	size_t fits = WEBCLIENT_BODY_MAX - exchange->len < len ? WEBCLIENT_BODY_MAX - exchange->len : len;
	if (exchange->len + fits > exchange->room) {
		size_t room = exchange->room ? exchange->room : FIRST_ROOM;
		while (room < exchange->len + fits)
			room *= 2;
		exchange->body = realloc(exchange->body, room);
		must(exchange->body != NULL);
		exchange->room = room;
	}
	if (fits)
		memcpy(exchange->body + exchange->len, at, fits);
	exchange->len += fits;
	exchange->cut |= fits < len;
	return exchange->cut ? 0 : len; /* 0 ends the transfer: nobody is served for ever */
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct exchange *exchange = context;
	if (!exchange->allow_private && !webclient_public(&to->addr)) {
		exchange->refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* Asked also when a connection is used again: it may have been opened by a request that was allowed more. */
static int before_request(void *context, char *peer, char *own, int peer_port, int own_port)
{
	struct exchange *exchange = context;
	bool literal;
	if (exchange->allow_private || (webclient_public_text(peer, &literal) && literal))
		return CURL_PREREQFUNC_OK;
	exchange->refused = true;
	return CURL_PREREQFUNC_ABORT;
}

/* ---- the request ---- */

static bool set_headers(struct exchange *exchange, const char *const *headers)
{
	for (; headers && *headers; headers++) {
		struct curl_slist *longer = curl_slist_append(exchange->headers, *headers);
		must(longer != NULL);
		exchange->headers = longer;
	}
	/* Not `Expect: 100-continue`: it costs a second at receivers that do not know it. */
	exchange->headers = curl_slist_append(exchange->headers, "Expect:");
	must(exchange->headers != NULL);
	return curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers) == CURLE_OK;
}

#define SET(option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool set_limits(struct exchange *exchange, const struct webclient_request *request)
{
	CURL *easy = exchange->easy;
	const struct webclient *client = exchange->client;
	return SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
	       SET(CURLOPT_PROXY, "") && SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
	       SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
	       (client->ca_file == NULL || SET(CURLOPT_CAINFO, client->ca_file)) &&
	       SET(CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_ms) &&
	       SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) && SET(CURLOPT_NOSIGNAL, 1L) &&
	       /* A look-up that hangs is left to its thread; joining it would make everybody wait. */
	       SET(CURLOPT_QUICK_EXIT, 1L) && SET(CURLOPT_OPENSOCKETFUNCTION, open_socket) &&
	       SET(CURLOPT_OPENSOCKETDATA, exchange) && SET(CURLOPT_PREREQFUNCTION, before_request) &&
	       SET(CURLOPT_PREREQDATA, exchange);
}

bool exchange_begin(struct exchange *exchange, const struct webclient_request *request, struct err *err)
{
	CURL *easy = exchange->easy = curl_easy_init();
	must(easy != NULL);
	exchange->tag = request->tag;
	exchange->allow_private = request->allow_private;
	bool get = strcmp(request->method, "GET") == 0;
	if (set_limits(exchange, request) && set_headers(exchange, request->headers) &&
	    SET(CURLOPT_URL, request->url) && SET(CURLOPT_USERAGENT, exchange->client->user_agent) &&
	    (get || (SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len) &&
		     SET(CURLOPT_COPYPOSTFIELDS, request->body.len ? request->body.at : ""))) &&
	    SET(CURLOPT_CUSTOMREQUEST, request->method) && SET(CURLOPT_ERRORBUFFER, exchange->error) &&
	    SET(CURLOPT_WRITEFUNCTION, take_body) && SET(CURLOPT_WRITEDATA, exchange) &&
	    SET(CURLOPT_PRIVATE, exchange))
		return true;
	err_set(err, "libcurl %s lacks something that requests need",
		curl_version_info(CURLVERSION_NOW)->version);
	return false;
}

void exchange_end(struct exchange *exchange)
{
	curl_easy_cleanup(exchange->easy);
	curl_slist_free_all(exchange->headers);
	free(exchange->body);
	free(exchange);
}

/* ---- the answer ---- */

static enum webclient_failure failure_of(const struct exchange *exchange, CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST: return WEBCLIENT_NAME;
	case CURLE_COULDNT_CONNECT: return exchange->refused ? WEBCLIENT_PRIVATE : WEBCLIENT_CONNECT;
	case CURLE_ABORTED_BY_CALLBACK: return exchange->refused ? WEBCLIENT_PRIVATE : WEBCLIENT_BROKEN;
	case CURLE_OPERATION_TIMEDOUT: return WEBCLIENT_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR: return WEBCLIENT_TLS;
	default: return WEBCLIENT_BROKEN;
	}
}

static const char *explain(const struct exchange *exchange, enum webclient_failure failure, CURLcode code)
{
	if (failure == WEBCLIENT_PRIVATE)
		return "its address is not public, and private_addresses is not true";
	return exchange->error[0] ? exchange->error : curl_easy_strerror(code);
}

void exchange_answer(struct exchange *exchange, CURLcode code, webclient_answered *answered, void *context)
{
	struct webclient_answer answer = {.tag = exchange->tag,
					  .retry_after_ms = -1,
					  .cut = exchange->cut,
					  .body = {exchange->body, exchange->len},
					  .error = ""};
	long status = 0;
	curl_off_t retry_after_s = 0, took_us = 0;
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && exchange->cut))
		curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(exchange->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	answer.status = (unsigned)status;
	answer.took_us = took_us;
	if (status == 0) {
		answer.failure = failure_of(exchange, code);
		answer.error = explain(exchange, answer.failure, code);
	} else if (curl_easy_getinfo(exchange->easy, CURLINFO_RETRY_AFTER, &retry_after_s) == CURLE_OK &&
		   retry_after_s > 0)
		answer.retry_after_ms = retry_after_s < 24 * 3600 ? retry_after_s * 1000 : 24 * 3600 * 1000;
	answered(context, &answer);
}
