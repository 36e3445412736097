#include "store/store_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"

#define PAGE	  200 /* incidents per reply: some hundred kilobytes */
#define MEMORY_MS (30LL * 24 * 3600 * 1000)

static struct str str_reply(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING ? (struct str){reply->str, reply->len} : STR("");
}

/* All of it in this base, or 0. */
static uint64_t number_of(struct str text, int base)
{
	char copy[32], *end;
	if (text.len == 0 || text.len >= sizeof copy)
		return 0;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	uint64_t number = strtoull(copy, &end, base);
	return *end == '\0' ? number : 0;
}

/* ---- numbers ---- */

/* A field is "LEDGER TOUCHPOINT", its value "NUMBER LOG". */
bool store_alert_numbers(struct store *store, unsigned partition,
			 void (*number)(void *context, struct str touchpoint, enum ledger, uint64_t),
			 void *context)
{
	if (!store_command(store, "HGETALL"))
		return false;
	args_numbers_key(store, partition);
	redisReply *reply = store_call(store, REDIS_REPLY_ARRAY);
	for (size_t i = 0; reply && i + 1 < reply->elements; i += 2) {
		struct str field = str_reply(reply->element[i]), value = str_reply(reply->element[i + 1]);
		const char *space = memchr(field.at, ' ', field.len);
		const char *end = memchr(value.at, ' ', value.len);
		enum ledger ledger;
		if (space == NULL || end == NULL ||
		    !ledger_from((struct str){field.at, (size_t)(space - field.at)}, &ledger))
			continue;
		number(context, (struct str){space + 1, field.len - (size_t)(space + 1 - field.at)}, ledger,
		       number_of((struct str){value.at, (size_t)(end - value.at)}, 10));
	}
	freeReplyObject(reply);
	return reply != NULL;
}

/* ---- the stream ---- */

static bool event_from(const redisReply *entry, struct store_event *event)
{
	if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
	    entry->element[1]->type != REDIS_REPLY_ARRAY)
		return false;
	const redisReply *fields = entry->element[1];
	*event = (struct store_event){.id = str_reply(entry->element[0])};
	for (size_t i = 0; i + 1 < fields->elements; i += 2) {
		struct str name = str_reply(fields->element[i]), value = str_reply(fields->element[i + 1]);
		if (str_is(name, "partition"))
			event->partition = (unsigned)number_of(value, 10);
		else if (str_is(name, "number"))
			event->number = number_of(value, 10);
		else if (str_is(name, "incident"))
			event->incident = number_of(value, 16);
		else if (str_is(name, "touchpoint"))
			event->touchpoint = value;
		else if (str_is(name, "alert"))
			event->json = value;
	}
	return event->number && event->incident && event->json.len;
}

bool store_alerts_read(struct store *store, const char *after, unsigned max, store_event_call *call,
		       void *context)
{
	if (!store_command(store, "XRANGE"))
		return false;
	args_alerts_key(store);
	args_format(&store->args, "%s%s", after[0] ? "(" : "-", after);
	args_text(&store->args, "+");
	args_text(&store->args, "COUNT");
	args_whole(&store->args, max);
	redisReply *reply = store_call(store, REDIS_REPLY_ARRAY);
	struct store_event event;
	for (size_t i = 0; reply && i < reply->elements; i++) {
		if (event_from(reply->element[i], &event) && !call(context, &event))
			break;
	}
	freeReplyObject(reply);
	return reply != NULL;
}

bool store_alerts_newest(struct store *store, char id[STORE_STREAM_ID_BYTES])
{
	if (!store_command(store, "XREVRANGE"))
		return false;
	args_alerts_key(store);
	args_text(&store->args, "+");
	args_text(&store->args, "-");
	args_text(&store->args, "COUNT");
	args_text(&store->args, "1");
	redisReply *reply = store_call(store, REDIS_REPLY_ARRAY);
	snprintf(id, STORE_STREAM_ID_BYTES, "0-0");
	if (reply && reply->elements == 1 && reply->element[0]->type == REDIS_REPLY_ARRAY &&
	    reply->element[0]->elements == 2) {
		struct str newest = str_reply(reply->element[0]->element[0]);
		snprintf(id, STORE_STREAM_ID_BYTES, "%.*s", (int)newest.len, newest.at);
	}
	freeReplyObject(reply);
	return reply != NULL;
}

/* ---- incidents ---- */

struct page {
	const redisReply *names;
	size_t from, to;
	bool closed;
};

static void put_page(struct store *store, const void *context)
{
	const struct page *page = context;
	args_slot_key(store, "incidents");
	args_slot_key(store, "closed");
	args_text(&store->args, page->closed ? "1" : "0");
	for (size_t i = page->from; i < page->to; i++)
		args_bytes(&store->args, str_reply(page->names->element[i]));
}

static bool hand_out(const redisReply *reply, store_incident_call *call, void *context)
{
	for (size_t i = 0; i + 2 < reply->elements; i += 3) {
		struct store_incident incident = {
			.id = number_of(str_reply(reply->element[i]), 16),
			.open = str_is(str_reply(reply->element[i + 1]), "1"),
			.json = str_reply(reply->element[i + 2]),
		};
		if (incident.id && !call(context, &incident))
			return false;
	}
	return true;
}

/* Names first, then page by page: one that is raised meanwhile comes with the stream. */
static bool read_incidents(struct store *store, bool closed, store_incident_call *call, void *context)
{
	if (!store_command(store, "HKEYS"))
		return false;
	args_slot_key(store, "incidents");
	redisReply *names = store_call(store, REDIS_REPLY_ARRAY);
	bool good = names != NULL, more = good;
	struct page page = {.names = names, .closed = closed};
	for (; more && page.from < names->elements; page.from = page.to) {
		page.to = page.from + PAGE < names->elements ? page.from + PAGE : names->elements;
		redisReply *reply =
			store_script(store, SCRIPT_INCIDENTS, 2, put_page, &page, REDIS_REPLY_ARRAY);
		good = reply != NULL;
		more = good && hand_out(reply, call, context);
		freeReplyObject(reply);
	}
	freeReplyObject(names);
	return good;
}

bool store_alerts_open(struct store *store, store_incident_call *call, void *context)
{
	return read_incidents(store, false, call, context);
}

bool store_alerts_all(struct store *store, store_incident_call *call, void *context)
{
	return read_incidents(store, true, call, context);
}

struct put {
	const struct store_incident *incident;
	int64_t at_ms;
};

static void put_incident(struct store *store, const void *context)
{
	const struct put *put = context;
	args_slot_key(store, "incidents");
	args_slot_key(store, "closed");
	args_format(&store->args, "%016" PRIx64, put->incident->id);
	args_text(&store->args, put->incident->open ? "1" : "0");
	args_bytes(&store->args, put->incident->json);
	args_whole(&store->args, put->at_ms);
	args_whole(&store->args, store_incidents_ttl(store));
}

bool store_incident_put(struct store *store, const struct store_incident *incident, int64_t at_ms)
{
	struct put put = {incident, at_ms};
	redisReply *reply = store_script(store, SCRIPT_INCIDENT, 2, put_incident, &put, REDIS_REPLY_INTEGER);
	freeReplyObject(reply);
	return reply != NULL;
}

/* ---- sources ---- */

#define SOURCES_TTL_MS 60000

struct sources {
	unsigned partition, count;
	const struct store_source *at;
};

static void args_sources_key(struct store *store, unsigned partition)
{
	args_format(&store->args, "%s:sources:{%s:alerts}:%u", store->options.prefix, store->options.prefix,
		    partition);
}

static void put_sources(struct store *store, const void *context)
{
	const struct sources *sources = context;
	args_sources_key(store, sources->partition);
	args_whole(&store->args, SOURCES_TTL_MS);
	for (unsigned i = 0; i < sources->count; i++) {
		args_bytes(&store->args, sources->at[i].name);
		args_whole(&store->args, (int64_t)sources->at[i].touchpoints);
	}
}

bool store_sources_set(struct store *store, unsigned partition, const struct store_source *at, unsigned count)
{
	struct sources sources = {partition, count, at};
	if (count == 0)
		return true;
	redisReply *reply = store_script(store, SCRIPT_HEALTH, 1, put_sources, &sources, REDIS_REPLY_INTEGER);
	freeReplyObject(reply);
	return reply != NULL;
}

bool store_sources(struct store *store, unsigned partition,
		   void (*source)(void *context, const struct store_source *), void *context)
{
	if (!store_command(store, "HGETALL"))
		return false;
	args_sources_key(store, partition);
	redisReply *reply = store_call(store, REDIS_REPLY_ARRAY);
	for (size_t i = 0; reply && i + 1 < reply->elements; i += 2) {
		struct store_source one = {str_reply(reply->element[i]),
					   number_of(str_reply(reply->element[i + 1]), 10)};
		source(context, &one);
	}
	freeReplyObject(reply);
	return reply != NULL;
}

/* ---- what a sink has done ---- */

static void args_cursors_key(struct store *store, const char *sink)
{
	args_format(&store->args, "%s:delivery:{%s:alerts}:%s", store->options.prefix, store->options.prefix,
		    sink);
}

bool store_cursors(struct store *store, const char *sink,
		   void (*cursor)(void *context, unsigned partition, struct str id), void *context)
{
	if (!store_command(store, "HGETALL"))
		return false;
	args_cursors_key(store, sink);
	redisReply *reply = store_call(store, REDIS_REPLY_ARRAY);
	for (size_t i = 0; reply && i + 1 < reply->elements; i += 2)
		cursor(context, (unsigned)number_of(str_reply(reply->element[i]), 10),
		       str_reply(reply->element[i + 1]));
	freeReplyObject(reply);
	return reply != NULL;
}

struct move {
	const char *sink, *id;
	unsigned partition;
};

static void put_move(struct store *store, const void *context)
{
	const struct move *move = context;
	args_cursors_key(store, move->sink);
	args_whole(&store->args, move->partition);
	args_text(&store->args, move->id);
	args_whole(&store->args, store_incidents_ttl(store));
}

bool store_cursor_set(struct store *store, const char *sink, unsigned partition, const char *id)
{
	struct move move = {sink, id, partition};
	redisReply *reply = store_script(store, SCRIPT_CURSOR, 1, put_move, &move, REDIS_REPLY_INTEGER);
	freeReplyObject(reply);
	return reply != NULL;
}

static void args_memory_key(struct store *store, const char *sink, uint64_t incident)
{
	args_format(&store->args, "%s:memory:{%s:alerts}:%s:%016" PRIx64, store->options.prefix,
		    store->options.prefix, sink, incident);
}

bool store_memory_set(struct store *store, const char *sink, uint64_t incident, struct str text)
{
	if (!store_command(store, "SET"))
		return false;
	args_memory_key(store, sink, incident);
	args_bytes(&store->args, text);
	args_text(&store->args, "PX");
	args_whole(&store->args, MEMORY_MS);
	redisReply *reply = store_call(store, REDIS_REPLY_STATUS);
	freeReplyObject(reply);
	return reply != NULL;
}

bool store_memory_get(struct store *store, const char *sink, uint64_t incident, char *out, size_t max)
{
	out[0] = '\0';
	if (!store_command(store, "GET"))
		return false;
	args_memory_key(store, sink, incident);
	redisReply *reply = store_call(store, REDIS_REPLY_STRING);
	struct str text = reply ? str_reply(reply) : STR("");
	snprintf(out, max, "%.*s", (int)text.len, text.at);
	freeReplyObject(reply);
	return reply != NULL;
}

/* ---- more that readers see ---- */

bool store_registry(struct store *store, struct str json)
{
	if (!store_command(store, "SET"))
		return false;
	args_format(&store->args, "%s:registry", store->options.prefix);
	args_bytes(&store->args, json);
	args_text(&store->args, "PX");
	args_whole(&store->args, store->options.ttl_ms);
	redisReply *reply = store_call(store, REDIS_REPLY_STATUS);
	freeReplyObject(reply);
	return reply != NULL;
}

bool store_touchpoints_active(struct store *store, int64_t since_ms, uint64_t *count)
{
	if (!store_command(store, "ZCOUNT"))
		return false;
	args_format(&store->args, "%s:touchpoints", store->options.prefix);
	args_whole(&store->args, since_ms);
	args_text(&store->args, "+inf");
	redisReply *reply = store_call(store, REDIS_REPLY_INTEGER);
	*count = reply ? (uint64_t)reply->integer : 0;
	freeReplyObject(reply);
	return reply != NULL;
}
