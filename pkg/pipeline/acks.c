/*
 * Acknowledging over HTTP: what people say goes to Redis, where every instance reads it. With a connection of its own, since it runs on
 * http's thread.
 */
#include "pipeline/pipeline_priv.h"

#include <stdlib.h>

struct acks {
	struct store *store;
};

struct acks *acks_create(struct pipeline *p, struct err *err)
{
	struct acks *acks = must_alloc(sizeof *acks);
	acks->store = store_create(&p->setup.store, err);
	if (acks->store)
		return acks;
	free(acks);
	return NULL;
}

void acks_destroy(struct acks *acks)
{
	if (acks == NULL)
		return;
	store_destroy(acks->store);
	free(acks);
}

enum http_ack acks_take(void *context, uint64_t incident, struct str by)
{
	struct pipeline *p = context;
	struct store_ack ack = {incident, pipeline_now(p), by};
	switch (store_ack(p->acks->store, &ack)) {
	case STORE_SAID_DONE: return HTTP_ACK_DONE;
	case STORE_SAID_ALREADY: return HTTP_ACK_ALREADY;
	case STORE_SAID_UNKNOWN: return HTTP_ACK_UNKNOWN;
	case STORE_SAID_FAILED: break;
	}
	return HTTP_ACK_FAILED;
}
