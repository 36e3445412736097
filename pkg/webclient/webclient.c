#include "webclient/webclient_priv.h"

#include <limits.h>
#include <stdlib.h>

#include "base/version.h"

#define IN_FLIGHT_MAX 64
#define CONNECT_MS    5000
#define KEPT_MAX      16L /* connections without a request */

struct webclient *webclient_create(const struct webclient_options *options, struct err *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		err_set(err, "libcurl can't be initialised");
		return NULL;
	}
	struct webclient *client = must_alloc(sizeof *client);
	client->multi = curl_multi_init();
	must(client->multi != NULL);
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, KEPT_MAX);
	client->user_agent =
		must_copy(options->user_agent ? options->user_agent : "corridor/" CORRIDOR_VERSION);
	client->ca_file = options->ca_file ? must_copy(options->ca_file) : NULL;
	client->connect_ms = options->connect_ms ? options->connect_ms : CONNECT_MS;
	client->in_flight_max = options->in_flight_max ? options->in_flight_max : IN_FLIGHT_MAX;
	return client;
}

static void unlink_exchange(struct webclient *client, struct exchange *exchange)
{
	curl_multi_remove_handle(client->multi, exchange->easy);
	if (exchange->previous)
		exchange->previous->next = exchange->next;
	else
		client->first = exchange->next;
	if (exchange->next)
		exchange->next->previous = exchange->previous;
	client->in_flight--;
}

void webclient_destroy(struct webclient *client)
{
	if (client == NULL)
		return;
	while (client->first) {
		struct exchange *exchange = client->first;
		unlink_exchange(client, exchange);
		exchange_end(exchange);
	}
	curl_multi_cleanup(client->multi);
	curl_global_cleanup();
	free(client->user_agent);
	free(client->ca_file);
	free(client);
}

bool webclient_send(struct webclient *client, const struct webclient_request *request, struct err *err)
{
	if (client->in_flight >= client->in_flight_max) {
		err_set(err, "%u requests are under way, as many as may be", client->in_flight);
		return false;
	}
	if (!webclient_check_url(request->url, request->allow_private, "url", err))
		return false;
	struct exchange *exchange = must_alloc(sizeof *exchange);
	exchange->client = client;
	if (!exchange_begin(exchange, request, err)) {
		exchange_end(exchange);
		return false;
	}
	must(curl_multi_add_handle(client->multi, exchange->easy) == CURLM_OK);
	exchange->next = client->first;
	if (client->first)
		client->first->previous = exchange;
	client->first = exchange;
	client->in_flight++;
	return true;
}

static unsigned collect(struct webclient *client, webclient_answered *answered, void *context)
{
	unsigned answers = 0;
	int running, left;
	must(curl_multi_perform(client->multi, &running) == CURLM_OK);
	for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL;) {
		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode code = message->data.result; /* the message is gone once its handle is removed */
		struct exchange *exchange = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&exchange);
		unlink_exchange(client, exchange);
		exchange_answer(exchange, code, answered, context);
		exchange_end(exchange);
		answers++;
	}
	return answers;
}

unsigned webclient_step(struct webclient *client, int64_t timeout_ms, webclient_answered *answered,
			void *context)
{
	unsigned answers = collect(client, answered, context);
	if (answers)
		timeout_ms = 0;
	int wait = timeout_ms < 0 ? 0 : timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX;
	must(curl_multi_poll(client->multi, NULL, 0, wait, NULL) == CURLM_OK);
	return answers + collect(client, answered, context);
}

void webclient_wake(struct webclient *client)
{
	curl_multi_wakeup(client->multi);
}

unsigned webclient_in_flight(const struct webclient *client)
{
	return client->in_flight;
}
