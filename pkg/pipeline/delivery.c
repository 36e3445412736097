/*
 * The delivery: from Redis' stream of alerts to the people who have to act. One thread of the instance that owns partition 0 of the
 * tallies: whether a parent speaks for its children can only be seen where the events of all partitions come together.
 *
 *   stream -> desk (what goes out, and when) -> outgoing -> sinks (each with a queue of its own)
 *
 * An incident's `desk_sent` is written to Redis once every sink is done with the message, so after a crash the message goes out again,
 * with the same id: at least once.
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"

enum {
	WAIT_MS = 500,
	LINK_MS = 7 * 24 * 3600 * 1000, /* how long a link in a message acknowledges */
};

/* ---- what sinks say ---- */

static int64_t utc_offset_s(const struct delivery *d, int64_t at_ms)
{
	const struct zone *zone = d->pipeline->setup.watch.zone;
	return zone ? zone_offset_s(zone, at_ms) : 0;
}

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

/* To the dead letters, without a topic: it came from none, so nobody sends it back there. */
static void write_letter(struct delivery *d, const char *sink, const struct alert_event *event,
			 const char *reason)
{
	char json[ALERT_JSON_MAX];
	struct err err = {0};
	struct kafka_header headers[] = {{STR("reason"), STR("undelivered")},
					 {STR("sentence"), str_of(reason)},
					 {STR("sink"), str_of(sink)}};
	size_t len = alert_json(json, sizeof json, event, utc_offset_s(d, event->at_ms));
	struct kafka_message m = {.topic = d->letters_topic,
				  .partition = -1,
				  .key = event->touchpoint,
				  .value = {json, len},
				  .headers = headers,
				  .headers_count = sizeof headers / sizeof *headers};
	if (kafka_producer_send(d->producer, &m, &err) != KAFKA_DONE)
		log_error("dead letter not written: %s", err.text);
}

static void dead_letter(void *context, unsigned sink, const struct sink_message *m, const char *reason)
{
	struct delivery *d = context;
	write_letter(d, sinks_name(d->sinks, sink), &m->event, reason);
	metrics_add(d->shard, METRIC_DELIVERIES, METRIC_UNDELIVERED, 1);
	log_error("sink %s: incident %016" PRIx64 " (%s, %.*s) was not delivered: %s",
		  sinks_name(d->sinks, sink), m->event.incident, alert_type_name(m->event.type),
		  (int)m->event.touchpoint.len, m->event.touchpoint.at, reason);
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
					.give_up_ms = d->settings.give_up_ms,
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
	d->settings = p->setup.delivery;
	pthread_mutex_init(&d->lock, NULL);
	if (!http_secret_read(&d->secret, p->setup.http.token_file, err)) {
		delivery_destroy(d);
		return NULL;
	}
	char letters[KAFKA_TOPIC_NAME_BYTES];
	kafka_topic_name(&p->setup.kafka, KAFKA_TOPIC_DEAD_LETTERS, letters);
	d->store = store_create(&p->setup.store, err);
	d->producer = d->store ? kafka_producer_open_plain(&p->setup.kafka, NULL, NULL, err) : NULL;
	if (d->producer)
		d->letters_topic = kafka_producer_topic(d->producer, letters);
	if (d->producer && open_sinks(d, err))
		return d;
	delivery_destroy(d);
	return NULL;
}

static void drop_outgoing(struct delivery *d)
{
	while (d->first) {
		struct outgoing *o = d->first;
		d->first = o->next;
		option_pool_release(&o->pool);
		free(o);
	}
	d->last = &d->first;
}

static void forget(struct delivery *d)
{
	drop_outgoing(d);
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
	kafka_producer_close(d->producer);
	store_destroy(d->store);
	pthread_mutex_destroy(&d->lock);
	free(d);
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
	memcpy(o->before, d->before, sizeof o->before);
	*d->last = o;
	d->last = &o->next;
}

void delivery_drain(struct delivery *d, int64_t now_ms)
{
	struct desk_message message;
	while (desk_next(d->desk, now_ms, &message))
		send_out(d, &message);
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
		if (o->done != all || follows_another(d, o)) {
			at = &o->next;
			continue;
		}
		if (!delivery_note(d, o))
			break; /* Redis is away: later */
		*at = o->next;
		option_pool_release(&o->pool);
		free(o);
	}
	for (d->last = &d->first; *d->last != NULL;)
		d->last = &(*d->last)->next;
}

/* ---- the thread ---- */

static bool begin(struct delivery *d)
{
	struct err err = {0};
	if (d->sinks == NULL && !open_sinks(d, &err)) {
		log_error("alerts are not delivered: %s", err.text);
		return false;
	}
	if (delivery_begin(d, pipeline_now(d->pipeline)))
		return true;
	drop_outgoing(d); /* what was let out before Redis went away comes again */
	return false;
}

static void take_settings(struct delivery *d, int64_t now_ms)
{
	pthread_mutex_lock(&d->lock);
	if (d->has_fresh) {
		d->settings = d->fresh;
		desk_set_options(d->desk, &d->settings, now_ms);
		sinks_set_give_up(d->sinks, d->settings.give_up_ms);
		d->alerts = d->fresh_alerts;
	}
	d->has_fresh = false;
	pthread_mutex_unlock(&d->lock);
}

static void step(struct delivery *d)
{
	int64_t now_ms = pipeline_now(d->pipeline);
	take_settings(d, now_ms);
	delivery_take(d, now_ms);
	delivery_drain(d, now_ms);
	offer_all(d);
	int64_t wait_ms = desk_next_ms(d->desk) - now_ms;
	sinks_step(d->sinks, now_ms, wait_ms < 0 ? 0 : wait_ms < WAIT_MS ? wait_ms : WAIT_MS);
	settle(d);
	delivery_cursor(d, now_ms);
	kafka_producer_serve(d->producer);
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
		if (owner && (d->begun || begin(d)))
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
