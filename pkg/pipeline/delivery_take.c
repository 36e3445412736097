/*
 * What the delivery takes in: after a restart what was told before, then the stream from where it stood, and what people say.
 *
 * The cursor stands before the oldest entry whose message is not done with. What was told of an incident lies beside it in Redis, so
 * on taking over the told ones are as they were, and a day of the stream before the cursor brings those that wait, are muted or held.
 * What follows goes through the desk entry by entry: an incident that came and went meanwhile is told, as it would have been.
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/log.h"

enum {
	READ_MS = 1000, /* the stream is read at least so often: other instances write to it, too */
	PEOPLE_MS = 2000,
	CURSOR_MS = 1000,
	SOURCES_MS = 30000,
	STREAM_PAGE = 200,
	KEPT_MS = 25 * 3600 *
		  1000, /* how long the desk wants to know of an incident that is over, and an hour */
};

/* ---- what was told ---- */

bool delivery_note(struct delivery *d, const struct outgoing *o)
{
	char text[120];
	const struct desk_sent *s = &o->sent;
	int len = snprintf(text, sizeof text, "%d %d %d %d %" PRIu64 " %" PRId64, s->triggered, s->resolved,
			   s->acked, (int)s->severity, s->number, s->at_ms);
	return store_memory_set(d->store, DELIVERY_DESK, o->event.incident, (struct str){text, (size_t)len});
}

static bool read_sent(const char *text, struct desk_sent *s)
{
	int triggered, resolved, acked, severity;
	if (sscanf(text, "%d %d %d %d %" SCNu64 " %" SCNd64, &triggered, &resolved, &acked, &severity,
		   &s->number, &s->at_ms) != 6)
		return false;
	s->triggered = triggered;
	s->resolved = resolved;
	s->acked = acked;
	s->severity = severity ? ALERT_PAGE : ALERT_TICKET;
	return true;
}

/* The cursor follows what is done with: behind all that is still on its way. */
void delivery_cursor(struct delivery *d, int64_t now_ms)
{
	const char *done = d->first ? d->first->before : d->after;
	if (now_ms - d->cursor_ms < CURSOR_MS || strcmp(done, d->cursor) == 0 || done[0] == '\0')
		return;
	d->cursor_ms = now_ms;
	if (store_cursor_set(d->store, DELIVERY_DESK, 0, done))
		snprintf(d->cursor, sizeof d->cursor, "%s", done);
}

/* ---- how large sources are ---- */

struct sum {
	struct names *names;
	uint64_t counts[WATCH_SOURCES];
};

static void add_source(void *context, const struct store_source *source)
{
	struct sum *sum = context;
	uint32_t i = names_intern(sum->names, source->name);
	if (i != NAMES_FULL)
		sum->counts[i] += source->touchpoints;
}

static void hear_sources(struct delivery *d, int64_t now_ms)
{
	struct sum sum = {.names = NULL};
	bool good = true;
	if (d->sources_ms && now_ms - d->sources_ms < SOURCES_MS)
		return;
	d->sources_ms = now_ms;
	sum.names = names_create(WATCH_SOURCES, VIEW_NAME_MAX);
	for (uint32_t p = 0; good && p < d->pipeline->shards; p++)
		good = store_sources(d->store, p, add_source, &sum);
	for (uint32_t i = 0; good && i < names_count(sum.names); i++)
		desk_source(d->desk, names_get(sum.names, i), sum.counts[i]);
	names_destroy(sum.names);
}

/* ---- the stream ---- */

struct incoming {
	char id[STORE_STREAM_ID_BYTES];
	struct option_pool pool;
	struct alert_event event;
	bool readable;
};

struct page {
	struct incoming at[STREAM_PAGE];
	unsigned count;
};

static bool collect(void *context, const struct store_event *e)
{
	struct page *page = context;
	struct incoming *in = &page->at[page->count++];
	*in = (struct incoming){0};
	snprintf(in->id, sizeof in->id, "%.*s", (int)e->id.len, e->id.at);
	in->readable = alert_read(&in->event, e->json, &in->pool);
	if (!in->readable)
		log_warn("entry %s of the stream of alerts can't be read: it is passed over", in->id);
	return page->count < STREAM_PAGE;
}

/* Ids are MS-SEQUENCE. */
static bool is_behind(const char *id, const char *other)
{
	unsigned long long ms, sequence, other_ms, other_sequence;
	if (sscanf(id, "%llu-%llu", &ms, &sequence) != 2 ||
	    sscanf(other, "%llu-%llu", &other_ms, &other_sequence) != 2)
		return true;
	return ms > other_ms || (ms == other_ms && sequence > other_sequence);
}

/* Everything behind `after`. Entries up to `told` were let out before, or stand in the way of nothing. False: Redis is away. */
static bool read_on(struct delivery *d, const char *told, int64_t now_ms)
{
	static struct page page; /* one delivery a process */
	do {
		page.count = 0;
		if (!store_alerts_read(d->store, d->after, STREAM_PAGE, collect, &page))
			return false;
		for (unsigned i = 0; i < page.count; i++) {
			struct incoming *in = &page.at[i];
			memcpy(d->before, d->after, sizeof d->before);
			memcpy(d->after, in->id, sizeof d->after);
			if (is_behind(in->id, told))
				hear_sources(d, now_ms); /* what was told before makes no source suspect now */
			if (in->readable)
				desk_event(d->desk, &in->event, now_ms);
			if (is_behind(in->id, told))
				delivery_drain(d, now_ms);
			option_pool_release(&in->pool);
		}
	} while (page.count == STREAM_PAGE);
	return true;
}

/* ---- what people say ---- */

static void take_ack(void *context, const struct store_ack *ack)
{
	struct delivery *d = context;
	desk_ack(d->desk, ack->incident, ack->at_ms, pipeline_now(d->pipeline));
}

static void take_mute(void *context, const struct store_mute *mute)
{
	struct delivery *d = context;
	desk_mute(d->desk, mute->touchpoint, mute->until_ms, pipeline_now(d->pipeline));
}

static void hear_people(struct delivery *d, int64_t now_ms)
{
	if (now_ms - d->people_ms < PEOPLE_MS)
		return;
	d->people_ms = now_ms;
	desk_mutes_begin(d->desk);
	if (store_acks(d->store, take_ack, d) && store_mutes(d->store, take_mute, d))
		desk_mutes_end(d->desk, now_ms);
	else
		log_debug("what was acknowledged and muted can't be read: %s", store_error(d->store));
}

static void hear(struct delivery *d, int64_t now_ms)
{
	hear_people(d, now_ms);
	hear_sources(d, now_ms);
}

/* ---- taking over ---- */

struct found {
	struct option_pool pool;
	struct alert_event *events;
	unsigned count, room;
	int64_t since_ms;
};

static bool find(void *context, const struct store_incident *incident)
{
	struct found *f = context;
	f->events = pipeline_room(f->events, &f->room, f->count + 1, sizeof *f->events);
	struct alert_event *event = &f->events[f->count];
	if (alert_read(event, incident->json, &f->pool) && (incident->open || event->at_ms > f->since_ms))
		f->count++;
	return true;
}

/* As it was told: what has happened since comes with the stream. False: Redis is away; what is not known to have been told would be
 * told again. */
static bool restore_one(struct delivery *d, struct alert_event *event, int64_t now_ms)
{
	char text[400];
	struct desk_sent sent;
	if (!store_memory_get(d->store, DELIVERY_DESK, event->incident, text, sizeof text))
		return false;
	if (!read_sent(text, &sent)) /* nobody was told */
		return true;
	if (event->number > sent.number) {
		event->number = sent.number;
		event->type = sent.resolved ? ALERT_RESOLVED : ALERT_UPDATED;
		event->severity = sent.severity;
	}
	desk_restore(d->desk, event, &sent, now_ms);
	for (unsigned s = 0; sent.triggered && s < sinks_count(d->sinks); s++) {
		if (!store_memory_get(d->store, sinks_name(d->sinks, s), event->incident, text, sizeof text))
			return false;
		sinks_open(d->sinks, s, event, str_of(text));
	}
	return true;
}

static void see_cursor(void *context, unsigned partition, struct str id)
{
	struct delivery *d = context;
	if (partition == 0)
		snprintf(d->cursor, sizeof d->cursor, "%.*s", (int)id.len, id.at);
}

static bool restore(struct delivery *d, struct found *found, int64_t now_ms)
{
	d->cursor[0] = '\0';
	if (!store_cursors(d->store, DELIVERY_DESK, see_cursor, d) ||
	    !store_alerts_all(d->store, find, found))
		return false;
	if (d->cursor[0] == '\0' &&
	    !store_alerts_newest(d->store,
				 d->cursor)) /* nobody ever delivered: nothing of the past is told */
		return false;
	for (unsigned i = 0; i < found->count; i++)
		if (!restore_one(d, &found->events[i], now_ms))
			return false;
	long long cursor_ms = atoll(d->cursor);
	snprintf(d->after, sizeof d->after, "%lld-0", cursor_ms > KEPT_MS ? cursor_ms - KEPT_MS : 0);
	return read_on(d, d->cursor, now_ms);
}

bool delivery_begin(struct delivery *d, int64_t now_ms)
{
	struct found found = {.since_ms = now_ms - KEPT_MS};
	d->desk = desk_create(&d->settings, d->pipeline->setup.watch.zone);
	d->people_ms = d->sources_ms = 0;
	hear_people(d, now_ms);
	d->begun = restore(d, &found, now_ms);
	if (d->begun)
		log_info("alerts are delivered from here: %u sinks, %u incidents that are open or were "
			 "within a day",
			 sinks_count(d->sinks), found.count);
	else {
		desk_destroy(d->desk);
		d->desk = NULL;
	}
	free(found.events);
	option_pool_release(&found.pool);
	return d->begun;
}

void delivery_take(struct delivery *d, int64_t now_ms)
{
	hear(d, now_ms);
	if (!atomic_exchange(&d->news, false) && now_ms - d->read_ms < READ_MS)
		return;
	d->read_ms = now_ms;
	(void)read_on(d, d->cursor, now_ms);
}
