/*
 * The delivery: from Redis' stream of alerts to the people who have to act. One thread of the instance that owns partition 0 of the
 * tallies: whether a parent speaks for its children can only be seen where the events of all partitions come together.
 *
 *   stream -> desk (what goes out, and when) -> outgoing -> sinks (each with a queue of its own)
 *
 * An incident's `desk_sent` is written to Redis once every sink is done with the message, so after a crash the message goes out again,
 * with the same id: at least once. What people said (acknowledged, muted) is read every two seconds.
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"

#define DESK "_desk" /* whose memory of incidents in Redis is the desk's */

enum {
	READ_MS = 1000, /* the stream is read at least so often: other instances write to it, too */
	PEOPLE_MS = 2000,
	WAIT_MS = 500,
	STREAM_PAGE = 200,
	LINK_MS = 7 * 24 * 3600 * 1000, /* how long a link in a message acknowledges */
	KEPT_MS = 24 * 3600 * 1000, /* how long the desk wants to know of an incident that is over */
};

/* A message until all sinks are done with it. */
struct outgoing {
	struct outgoing *next;
	struct option_pool pool;
	struct alert_event event;
	enum sink_what what;
	uint32_t to, done; /* sinks that are still to take it; that are done with it */
	struct desk_sent sent;
};

struct delivery {
	struct pipeline *pipeline;
	struct metrics_shard *shard;
	struct store *store;
	struct desk *desk;
	struct sinks *sinks;
	pthread_t thread;
	bool running, begun;
	atomic_bool stop, owner, news;
	pthread_mutex_t
		lock; /* of the pointer `sinks`, since they are woken from other threads, and of `fresh` */
	bool has_fresh;
	struct desk_options options, fresh; /* fresh: settings that were read again */
	struct alert_options alerts, fresh_alerts;
	struct http_secret secret;
	char after[STORE_STREAM_ID_BYTES];
	int64_t read_ms, people_ms;
	struct outgoing *first, **last;
};

/* ---- what sinks say ---- */

static void done(void *context, unsigned sink, const struct sink_message *m)
{
	struct delivery *d = context;
	for (struct outgoing *o = d->first; o; o = o->next)
		if (o->event.incident == m->event.incident && o->event.number == m->event.number &&
		    o->what == m->what)
			o->done |= UINT32_C(1) << sink;
}

static void delivered(void *context, unsigned sink, const struct sink_message *m)
{
	struct delivery *d = context;
	metrics_add(d->shard, METRIC_DELIVERIES, METRIC_DELIVERED, 1);
	done(context, sink, m);
}

static void dead_letter(void *context, unsigned sink, const struct sink_message *m, const char *reason)
{
	struct delivery *d = context;
	metrics_add(d->shard, METRIC_DELIVERIES, METRIC_UNDELIVERED, 1); /* the sink says it */
	done(context, sink, m);
}

static void remember(void *context, unsigned sink, const struct alert_event *event, struct str memory)
{
	struct delivery *d = context;
	if (!store_memory_set(d->store, sinks_name(d->sinks, sink), event->incident, memory))
		log_warn("sink %s: what it wrote for incident %016" PRIx64 " could not be kept: %s",
			 sinks_name(d->sinks, sink), event->incident, store_error(d->store));
}

/* ---- life ---- */

static bool open_sinks(struct delivery *d, struct err *err)
{
	const struct pipeline_setup *setup = &d->pipeline->setup;
	struct sinks_options options = {.sinks = setup->sinks,
					.count = setup->sinks_count,
					.give_up_ms = setup->delivery.give_up_ms,
					.callbacks = {d, delivered, dead_letter, remember}};
	struct sinks *sinks = sinks_create(&options, err);
	pthread_mutex_lock(&d->lock);
	d->sinks = sinks;
	pthread_mutex_unlock(&d->lock);
	return sinks != NULL;
}

static void close_sinks(struct delivery *d)
{
	struct sinks *sinks = d->sinks;
	pthread_mutex_lock(&d->lock);
	d->sinks = NULL;
	pthread_mutex_unlock(&d->lock);
	sinks_destroy(sinks);
}

struct delivery *delivery_create(struct pipeline *p, struct err *err)
{
	struct delivery *d = must_alloc(sizeof *d);
	d->pipeline = p;
	d->shard = metrics_shard(p->metrics);
	d->last = &d->first;
	d->alerts = p->setup.watch.alerts;
	d->options = p->setup.delivery;
	pthread_mutex_init(&d->lock, NULL);
	if (!http_secret_read(&d->secret, p->setup.http.token_file, err)) {
		delivery_destroy(d);
		return NULL;
	}
	d->store = store_create(&p->setup.store, err);
	if (d->store && open_sinks(d, err))
		return d;
	delivery_destroy(d);
	return NULL;
}

static void forget(struct delivery *d)
{
	while (d->first) {
		struct outgoing *o = d->first;
		d->first = o->next;
		option_pool_release(&o->pool);
		free(o);
	}
	d->last = &d->first;
	close_sinks(d);
	desk_destroy(d->desk);
	d->desk = NULL;
	d->begun = false;
}

void delivery_destroy(struct delivery *d)
{
	if (d == NULL)
		return;
	delivery_stop(d);
	forget(d);
	store_destroy(d->store);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* ---- taking over ---- */

static size_t write_sent(char *out, size_t size, const struct desk_sent *s)
{
	return (size_t)snprintf(out, size, "%d %d %d %d %" PRIu64 " %" PRId64, s->triggered, s->resolved,
				s->acked, (int)s->severity, s->number, s->at_ms);
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

/* False: Redis is away. What is not known to have been told would be told again. */
static bool restore_one(struct delivery *d, const struct alert_event *event, int64_t now_ms)
{
	char text[400];
	struct desk_sent sent;
	if (!store_memory_get(d->store, DESK, event->incident, text, sizeof text))
		return false;
	bool known = read_sent(text, &sent);
	desk_restore(d->desk, event, known ? &sent : NULL, now_ms);
	for (unsigned s = 0; known && sent.triggered && s < sinks_count(d->sinks); s++) {
		if (!store_memory_get(d->store, sinks_name(d->sinks, s), event->incident, text, sizeof text))
			return false;
		sinks_open(d->sinks, s, event, str_of(text));
	}
	return true;
}

/* False: Redis is away, try again. */
static bool begin(struct delivery *d, int64_t now_ms)
{
	struct found found = {.since_ms = now_ms - KEPT_MS};
	struct err err = {0};
	if (d->sinks == NULL && !open_sinks(d, &err)) {
		log_error("alerts are not delivered: %s", err.text);
		return false;
	}
	if (!store_alerts_newest(d->store, d->after) || !store_alerts_all(d->store, find, &found)) {
		free(found.events);
		option_pool_release(&found.pool);
		return false;
	}
	d->desk = desk_create(&d->options, d->pipeline->setup.watch.zone);
	bool good = true;
	for (unsigned i = 0; good && i < found.count; i++)
		good = restore_one(d, &found.events[i], now_ms);
	if (!good) {
		forget(d);
		goto out;
	}
	log_info("alerts are delivered from here: %u sinks, %u incidents that are open or were within a day",
		 sinks_count(d->sinks), found.count);
	d->people_ms = 0;
	d->begun = true;
out:
	free(found.events);
	option_pool_release(&found.pool);
	return good;
}

/* ---- what comes in ---- */

static bool take_event(void *context, const struct store_event *e)
{
	struct delivery *d = context;
	struct option_pool pool = {0};
	struct alert_event event;
	snprintf(d->after, sizeof d->after, "%.*s", (int)e->id.len, e->id.at);
	if (alert_read(&event, e->json, &pool))
		desk_event(d->desk, &event, pipeline_now(d->pipeline));
	else
		log_warn("entry %s of the stream of alerts can't be read: it is passed over", d->after);
	option_pool_release(&pool);
	return true;
}

static void read_stream(struct delivery *d, int64_t now_ms)
{
	char before[STORE_STREAM_ID_BYTES];
	if (!atomic_exchange(&d->news, false) && now_ms - d->read_ms < READ_MS)
		return;
	d->read_ms = now_ms;
	do
		memcpy(before, d->after, sizeof before);
	while (store_alerts_read(d->store, d->after, STREAM_PAGE, take_event, d) &&
	       strcmp(before, d->after) != 0);
}

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

/* ---- what goes out ---- */

static enum sink_what what_of(enum desk_what what)
{
	static const enum sink_what of[] = {[DESK_TRIGGER] = SINK_TRIGGER,
					    [DESK_UPDATE] = SINK_UPDATE,
					    [DESK_ACKNOWLEDGE] = SINK_ACKNOWLEDGE,
					    [DESK_RESOLVE] = SINK_RESOLVE};
	return of[what];
}

static int64_t utc_offset_s(const struct delivery *d, int64_t at_ms)
{
	const struct zone *zone = d->pipeline->setup.watch.zone;
	return zone ? zone_offset_s(zone, at_ms) : 0;
}

/* What is made of several incidents is in no stream: it is kept with the others here, so that it can be acknowledged and found again. */
static void keep_made(struct delivery *d, const struct desk_message *m, struct str json)
{
	struct store_incident made = {m->event.incident, m->what != DESK_RESOLVE, json};
	if (m->event.partition < 0 && !store_incident_put(d->store, &made, m->event.at_ms))
		log_warn("incident %016" PRIx64 ", made of several, could not be kept: %s", m->event.incident,
			 store_error(d->store));
}

static uint32_t all_sinks(const struct delivery *d)
{
	return (uint32_t)((UINT64_C(1) << sinks_count(d->sinks)) - 1);
}

/* The desk's texts are gone at its next call: the event is kept as its JSON read back. */
static void send_out(struct delivery *d, const struct desk_message *m)
{
	char json[ALERT_JSON_MAX], ack[HTTP_LINK_MAX];
	const struct pipeline_setup *setup = &d->pipeline->setup;
	struct alert_event event = m->event;
	struct watch_links links;
	struct outgoing *o = must_alloc(sizeof *o);
	if (event.collected)
		watch_describe(setup->watch.registry, &d->alerts, &event, &links);
	size_t len = alert_json(json, sizeof json, &event, utc_offset_s(d, event.at_ms));
	if (len)
		keep_made(d, m, (struct str){json, len});
	event.ack = (struct str){ack, http_ack_link(ack, &d->secret, setup->http.public_url, event.incident,
						    event.at_ms + LINK_MS)};
	len = alert_json(json, sizeof json, &event, utc_offset_s(d, event.at_ms));
	if (len == 0 || !alert_read(&o->event, (struct str){json, len}, &o->pool)) {
		log_error("an alert of %.*s does not fit into %d bytes and is not delivered",
			  (int)m->event.touchpoint.len, m->event.touchpoint.at, ALERT_JSON_MAX);
		option_pool_release(&o->pool);
		free(o);
		return;
	}
	o->what = what_of(m->what);
	/* Who does not want it is done with it now, and never says so. */
	o->to = sinks_want(d->sinks, &(struct sink_message){.event = o->event, .what = o->what});
	o->done = ~o->to & all_sinks(d);
	(void)desk_sent(d->desk, m->event.incident, &o->sent);
	*d->last = o;
	d->last = &o->next;
}

/* In order: a sink that had no room for one gets nothing behind it. */
static void offer_all(struct delivery *d)
{
	uint32_t full = 0;
	for (struct outgoing *o = d->first; o; o = o->next) {
		uint32_t to = o->to & ~full;
		struct sink_message m = {
			.event = o->event, .what = o->what, .utc_offset_s = utc_offset_s(d, o->event.at_ms)};
		if (to == 0)
			continue;
		uint32_t refused = sinks_offer(d->sinks, &m, to);
		o->to &= refused | full;
		full |= refused;
	}
}

static bool follows_another(const struct delivery *d, const struct outgoing *o)
{
	for (const struct outgoing *before = d->first; before != o; before = before->next)
		if (before->event.incident == o->event.incident)
			return true;
	return false;
}

/* What all sinks are done with is written down, in order per incident. */
static void settle(struct delivery *d)
{
	uint32_t all = all_sinks(d);
	for (struct outgoing **at = &d->first; *at != NULL;) {
		struct outgoing *o = *at;
		char text[120];
		if (o->done != all || follows_another(d, o)) {
			at = &o->next;
			continue;
		}
		size_t len = write_sent(text, sizeof text, &o->sent);
		if (!store_memory_set(d->store, DESK, o->event.incident, (struct str){text, len}))
			break; /* Redis is away: later */
		*at = o->next;
		option_pool_release(&o->pool);
		free(o);
	}
	for (d->last = &d->first; *d->last != NULL;)
		d->last = &(*d->last)->next;
}

/* ---- the thread ---- */

static void take_settings(struct delivery *d, int64_t now_ms)
{
	pthread_mutex_lock(&d->lock);
	if (d->has_fresh) {
		d->options = d->fresh; /* whoever takes over again later begins with them */
		desk_set_options(d->desk, &d->options, now_ms);
		d->alerts = d->fresh_alerts;
	}
	d->has_fresh = false;
	pthread_mutex_unlock(&d->lock);
}

static void step(struct delivery *d)
{
	int64_t now_ms = pipeline_now(d->pipeline);
	struct desk_message message;
	take_settings(d, now_ms);
	read_stream(d, now_ms);
	hear_people(d, now_ms);
	while (desk_next(d->desk, now_ms, &message))
		send_out(d, &message);
	offer_all(d);
	int64_t wait_ms = desk_next_ms(d->desk) - now_ms;
	sinks_step(d->sinks, now_ms, wait_ms < 0 ? 0 : wait_ms < WAIT_MS ? wait_ms : WAIT_MS);
	settle(d);
}

static void *delivery_main(void *context)
{
	struct delivery *d = context;
	pipeline_name_thread("deliver", 0);
	while (!atomic_load(&d->stop)) {
		bool owner = atomic_load(&d->owner);
		if (d->begun && !owner) {
			log_info("alerts are delivered by another instance from now on");
			forget(d);
		}
		if (owner && (d->begun || begin(d, pipeline_now(d->pipeline))))
			step(d);
		else
			usleep(WAIT_MS * 200);
	}
	return NULL;
}

bool delivery_start(struct delivery *d, struct err *err)
{
	if (pthread_create(&d->thread, NULL, delivery_main, d) != 0) {
		err_set(err, "no thread for the delivery of alerts");
		return false;
	}
	d->running = true;
	return true;
}

void delivery_stop(struct delivery *d)
{
	if (!d->running)
		return;
	atomic_store(&d->stop, true);
	delivery_wake(d);
	pthread_join(d->thread, NULL);
	d->running = false;
}

void delivery_own(struct delivery *d, bool owner)
{
	if (d)
		atomic_store(&d->owner, owner);
}

void delivery_set(struct delivery *d, const struct desk_options *options, const struct alert_options *alerts)
{
	if (d == NULL)
		return;
	pthread_mutex_lock(&d->lock);
	d->fresh = *options;
	d->fresh_alerts = *alerts;
	d->has_fresh = true;
	pthread_mutex_unlock(&d->lock);
}

void delivery_wake(struct delivery *d)
{
	if (d == NULL)
		return;
	atomic_store(&d->news, true);
	pthread_mutex_lock(&d->lock);
	if (d->sinks)
		sinks_wake(d->sinks);
	pthread_mutex_unlock(&d->lock);
}
