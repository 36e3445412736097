#include "store/store_priv.h"

#include <stdio.h>

bool store_command(struct store *store, const char *command)
{
	if (!store_begin(store))
		return false;
	args_begin(&store->args);
	args_text(&store->args, command);
	return true;
}

/* The reply if it is of the type (a nil counts as an empty string's place), else what it says is kept. */
static redisReply *of_type(struct store *store, redisReply *reply, int type)
{
	if (reply == NULL)
		return NULL;
	if (reply->type == type || (reply->type == REDIS_REPLY_NIL && type == REDIS_REPLY_STRING)) {
		store_good(store);
		return reply;
	}
	if (reply->type == REDIS_REPLY_ERROR)
		store_refused(store, reply);
	else
		store_fail(store, "an answer of type %d, %d was expected: another program uses our keys",
			   reply->type, type);
	freeReplyObject(reply);
	return NULL;
}

redisReply *store_call(struct store *store, int type)
{
	return of_type(store, store_roundtrip(store), type);
}

redisReply *store_script(struct store *store, enum script script, int keys,
			 void (*put)(struct store *, const void *context), const void *context, int type)
{
	redisReply *reply = NULL;
	for (int attempt = 0; attempt < 2; attempt++) {
		if (!store_begin(store))
			return NULL;
		store_begin_script(store, script, keys);
		put(store, context);
		reply = store_roundtrip(store);
		if (reply == NULL || !reply_is_error(reply, "NOSCRIPT"))
			break;
		freeReplyObject(reply);
		reply = NULL;
		if (!store_load_scripts(store))
			return NULL;
	}
	return of_type(store, reply, type);
}

void args_alerts_key(struct store *store)
{
	args_format(&store->args, "%s:alerts", store->options.prefix);
}

void args_slot_key(struct store *store, const char *what)
{
	args_format(&store->args, "%s:%s:{%s:alerts}", store->options.prefix, what, store->options.prefix);
}

void args_numbers_key(struct store *store, unsigned partition)
{
	args_format(&store->args, "%s:numbers:{%s:alerts}:%u", store->options.prefix, store->options.prefix,
		    partition);
}

int64_t store_incidents_ttl(const struct store *store)
{
	int64_t retention_ms = store->options.retention_ms;
	return retention_ms > STORE_INCIDENTS_MS ? retention_ms : STORE_INCIDENTS_MS;
}
