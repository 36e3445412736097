/*
 * What the files of webclient share.
 */
#ifndef WEBCLIENT_PRIV_H
#define WEBCLIENT_PRIV_H

#include <curl/curl.h>

#include "webclient/webclient.h"

/* One request, from send to its answer. */
struct exchange {
	struct exchange *next, *previous;
	struct webclient *client;
	CURL *easy;
	struct curl_slist *headers;
	uint64_t tag;
	bool allow_private;
	bool refused;                     /* an address was turned down; another one of the host may still do */
	char *body;
	size_t len, room;
	bool cut;
	char error[CURL_ERROR_SIZE];
};

struct webclient {
	CURLM *multi;
	char *user_agent, *ca_file;
	int64_t connect_ms;
	unsigned in_flight, in_flight_max;
	struct exchange *first;
};

bool webclient_public_text(const char *address, bool *literal);   /* literal false: it is a name, which is fine here */

bool exchange_begin(struct exchange *, const struct webclient_request *, struct err *);
void exchange_answer(struct exchange *, CURLcode, webclient_answered *, void *context);
void exchange_end(struct exchange *);

#endif
