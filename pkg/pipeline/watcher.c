/*
 * The watcher: reads the tallies, keeps one watch per partition, fills the publisher's parcels. Nothing of a partition is published
 * before it was read to the end once, so a rebuild never shows half a window.
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/number.h"
#include "log/log.h"

#define LEAD_NS 1000000000LL /* a log is read up to the present when it is ahead of us by less */

enum { POLL_MS = 10 }; /* how soon a due time that no record announces is noticed */

/* ---- parcels ---- */

/* Redis lost what it had of a partition. */
static void publish_anew(struct watch_part *part)
{
	watch_publish_all(part->watch);
	watch_checkpoint_rewrite(part->watch);
	part->lost = true;
}

static void settle(struct watcher *w, struct parcel *parcel)
{
	struct watch_part *part = parcel->part;
	struct watch_batch *b = parcel->batch;
	for (unsigned i = 0; i < b->count; i++) {
		w->redis_failed = w->redis_failed || parcel->outcomes[i] == STORE_FAILED;
		if (parcel->outcomes[i] == STORE_FAILED)
			watch_failed(part->watch, b->touchpoints[i]);
		else
			watch_published(part->watch, b->touchpoints[i], parcel->outcomes[i] == STORE_FRESH);
	}
	if (b->fields_count || b->alerts_count) {
		part->saving = false;
		w->redis_failed = w->redis_failed || parcel->checkpoint == STORE_CHECKPOINT_FAILED;
		if (parcel->checkpoint == STORE_CHECKPOINT_LOST)
			publish_anew(part);
		else if (parcel->checkpoint != STORE_CHECKPOINT_WRITTEN)
			watch_checkpoint_failed(part->watch, b);
		else
			watch_checkpoint_written(part->watch, b);
	}
	part->out--;
	publisher_return(w->pipeline->publisher, parcel);
}

void watcher_settle_all(struct watcher *w)
{
	struct parcel *parcel;
	while ((parcel = publisher_parcel(w->pipeline->publisher, PARCEL_DONE)) != NULL)
		settle(w, parcel);
	if (!publisher_take_lost(w->pipeline->publisher))
		return;
	for (unsigned i = 0; i < w->parts_count; i++)
		publish_anew(w->parts[i]);
}

/* False: nothing was due. */
bool watcher_fill_one(struct watcher *w, struct watch_part *part, struct parcel *parcel, bool all)
{
	int64_t now_ms = pipeline_now(w->pipeline);
	parcel->batch->fields_count = parcel->batch->alerts_count = 0;
	watch_fill(part->watch, now_ms, parcel->batch);
	if (!part->saving && !part->lost)
		watch_fill_checkpoint(part->watch, now_ms, all, parcel->batch);
	bool saves = parcel->batch->fields_count > 0 || parcel->batch->alerts_count > 0;
	if (parcel->batch->count == 0 && parcel->batch->sources_count == 0 && !saves)
		return false;
	part->saving = part->saving || saves;
	parcel->part = part;
	part->out++;
	publisher_send(w->pipeline->publisher, parcel);
	return true;
}

/* The partitions take turns, so that a short publisher serves all of them. */
static void fill(struct watcher *w)
{
	struct parcel *parcel = publisher_parcel(w->pipeline->publisher, PARCEL_WANTED);
	for (unsigned tried = 0; parcel && tried < w->parts_count; tried++) {
		struct watch_part *part = w->parts[w->turn++ % w->parts_count];
		if (part->caught_up && watcher_fill_one(w, part, parcel, false))
			parcel = publisher_parcel(w->pipeline->publisher, PARCEL_WANTED);
	}
}

/* ---- reading ---- */

static void letter(struct watcher *w, const struct kafka_record *r)
{
	char partition[NUMBER_BYTES], offset[NUMBER_BYTES];
	struct err err = {0};
	size_t partition_len = number_whole(partition, r->partition),
	       offset_len = number_whole(offset, r->offset);
	struct kafka_header headers[] = {
		{STR("topic"), str_of(w->topic)},
		{STR("partition"), {partition, partition_len}},
		{STR("offset"), {offset, offset_len}},
		{STR("reason"), str_of(feedback_reason_code(FEEDBACK_BAD_BUNDLE))},
		{STR("sentence"), str_of(feedback_reason_sentence(FEEDBACK_BAD_BUNDLE))},
	};
	struct kafka_message m = {.topic = w->letters_topic,
				  .partition = -1,
				  .key = r->key,
				  .value = r->value,
				  .headers = headers,
				  .headers_count = sizeof headers / sizeof *headers};
	log_error("%s:%" PRId32 " offset %" PRId64
		  " can't be read (a newer version of this program wrote it?): to the dead letters",
		  w->topic, r->partition, r->offset);
	metrics_add(w->shard, METRIC_DEAD_LETTERS, FEEDBACK_BAD_BUNDLE, 1);
	if (kafka_producer_send(w->producer, &m, &err) != KAFKA_DONE)
		log_error("dead letter not written: %s", err.text);
}

static void apply(struct watcher *w, const struct kafka_record *records, size_t count)
{
	struct watch_part *part = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct kafka_record *r = &records[i];
		if (part == NULL || part->partition != r->partition)
			part = watcher_part(w, r->partition);
		if (part && !part->broken && !watch_apply(part->watch, r->value, r->timestamp_ms, r->offset))
			letter(w, r);
	}
	metrics_add(w->shard, METRIC_BUNDLES, METRIC_ONLY, count);
}

/* Nothing is left, or what came meanwhile took less than a second to read. At a partition that gets a transaction every few
 * milliseconds there is always something left, if only the marker behind the last one, and its end is never seen. */
static bool read_to_end(struct watch_part *part, const struct kafka_position *at)
{
	int64_t now_ns = os_monotonic_ns();
	bool reached = part->end >= 0 && at->position >= part->end;
	if (at->lag == 0 || (reached && now_ns - part->end_ns < LEAD_NS))
		return true;
	if (at->high >= 0 && (part->end < 0 || reached)) {
		part->end = at->high;
		part->end_ns = now_ns;
	}
	return false;
}

static void note_caught_up(struct watcher *w)
{
	bool all = w->parts_count > 0;
	pipeline_positions(&w->positions, w->consumer);
	for (unsigned i = 0; i < w->positions.count; i++) {
		struct watch_part *part = watcher_part(w, w->positions.at[i].partition);
		if (part && !part->broken && !part->caught_up && read_to_end(part, &w->positions.at[i])) {
			part->caught_up = true;
			if (part->rewrite) /* what the checkpoint holds is of no use to anybody */
				watch_checkpoint_rewrite(part->watch);
			watch_rebuild_end(part->watch);
			part->rewrite = false;
		}
	}
	for (unsigned i = 0; i < w->parts_count; i++)
		all = all && w->parts[i]->caught_up;
	if (all && !atomic_load(&w->caught_up))
		malloc_trim(
			0); /* a rebuild leaves what librdkafka had queued: hundreds of MB that nobody needs again */
	atomic_store(&w->caught_up, all);
}

static void advance(struct watcher *w)
{
	int64_t now_ms = pipeline_now(w->pipeline);
	for (unsigned i = 0; i < w->parts_count; i++) {
		struct watch_part *part = w->parts[i];
		watch_advance(part->watch, now_ms);
		atomic_store(&part->log_ms, watch_position(part->watch).log_ms);
		if (part->caught_up)
			atomic_store(&part->as_of_ms, now_ms);
	}
}

static void each_second(struct watcher *w)
{
	int64_t now_ns = os_monotonic_ns(), now_ms = pipeline_now(w->pipeline);
	if (now_ns - w->last_second_ns < 1000000000)
		return;
	w->last_second_ns = now_ns;
	struct window_memory sum = {0};
	unsigned due = 0, incidents = 0;
	for (unsigned i = 0; i < w->parts_count; i++) {
		struct watch_part *part = w->parts[i];
		struct window_memory memory = watch_memory(part->watch);
		sum.bytes += memory.bytes;
		sum.slots += memory.slots;
		sum.clamped += memory.clamped;
		due += watch_due(part->watch, now_ms);
		incidents += watch_incidents(part->watch);
		int64_t log_ms = watch_position(part->watch).log_ms;
		if (log_ms)
			metrics_put(w->shard, METRIC_LOG_LAG_SECONDS, part->label,
				    (double)(now_ms - log_ms) / 1000);
	}
	if (sum.clamped > w->clamped)
		log_warn("%" PRIu64 " counts would have gone below zero: the log that the windows were "
			 "rebuilt from lacks its beginning, or a touchpoint got another parent",
			 sum.clamped - w->clamped);
	w->clamped = sum.clamped;
	struct err denied = {0};
	(void)kafka_consumer_denied(w->consumer, &denied);
	pthread_mutex_lock(&w->lock);
	w->denied = denied;
	pthread_mutex_unlock(&w->lock);
	metrics_put(w->shard, METRIC_SLOTS, METRIC_ONLY, (double)sum.slots);
	metrics_put(w->shard, METRIC_WINDOW_BYTES, METRIC_ONLY, (double)sum.bytes);
	metrics_put(w->shard, METRIC_INCIDENTS, METRIC_ONLY, incidents);
	metrics_put(w->shard, METRIC_PUBLISH_BACKLOG, METRIC_ONLY, due);
	kafka_producer_serve(w->producer);
}

/* Settings that were read again hold from the next record on. */
static void take_settings(struct watcher *w)
{
	if (!atomic_exchange(&w->has_fresh, false))
		return;
	pthread_mutex_lock(&w->lock);
	struct alert_options fresh = w->fresh;
	pthread_mutex_unlock(&w->lock);
	w->pipeline->setup.watch.alerts =
		fresh; /* of partitions that are still to come: this thread's alone */
	for (unsigned i = 0; i < w->parts_count; i++)
		watch_alerts_set(w->parts[i]->watch, &fresh);
}

void watcher_set(struct watcher *w, const struct alert_options *options)
{
	pthread_mutex_lock(&w->lock);
	w->fresh = *options;
	pthread_mutex_unlock(&w->lock);
	atomic_store(&w->has_fresh, true);
}

static bool step(struct watcher *w)
{
	struct err err = {0};
	size_t count = 0;
	take_settings(w);
	if (kafka_consumer_poll(w->consumer, w->records, POLL_RECORDS, &count, POLL_MS, &err) ==
	    KAFKA_POLL_FATAL) {
		err_prefix(&err, "watch");
		pipeline_give_up(w->pipeline, &err);
		return false;
	}
	advance(w);
	apply(w, w->records, count);
	kafka_consumer_release(w->consumer);
	for (unsigned i = 0; i < w->parts_count; i++)
		if (w->parts[i]->broken)
			watcher_mend(w, w->parts[i]);
	note_caught_up(w);
	struct watch_part *first = watcher_part(w, 0);
	delivery_own(w->pipeline->delivery, first && first->caught_up);
	watcher_tell(w);
	watcher_settle_all(w);
	watcher_again(w);
	if (w->parts_count)
		fill(w);
	each_second(w);
	return true;
}

/* The lanes have ended: what they committed last is still to be read. */
static void drain(struct watcher *w)
{
	int64_t until_ns = os_monotonic_ns() + WATCH_DRAIN_MS * 1000000LL, quiet_ns = os_monotonic_ns();
	while (os_monotonic_ns() < until_ns && os_monotonic_ns() - quiet_ns < 300000000) {
		if (!step(w))
			return;
		pipeline_positions(&w->positions, w->consumer);
		for (unsigned i = 0; i < w->positions.count; i++)
			if (w->positions.at[i].lag != 0)
				quiet_ns = os_monotonic_ns();
	}
}

static void *watcher_main(void *context)
{
	struct watcher *w = context;
	bool fine = true;
	pipeline_name_thread("watch", 0);
	while (fine && !atomic_load(&w->drain))
		fine = step(w);
	if (fine)
		drain(w);
	pthread_mutex_lock(&w->lock);
	w->closing = true;
	pthread_mutex_unlock(&w->lock);
	kafka_consumer_close(w->consumer); /* revoked() saves and drops what is left */
	w->consumer = NULL;
	while (w->parts_count) /* after a fatal error nothing was revoked */
		watcher_drop(w, w->parts[0]->partition, 0);
	return NULL;
}

struct watcher *watcher_create(struct pipeline *p)
{
	struct watcher *w = must_alloc(sizeof *w);
	w->pipeline = p;
	w->shard = metrics_shard(p->metrics);
	w->records = must_array(POLL_RECORDS, sizeof *w->records);
	pthread_mutex_init(&w->lock, NULL);
	kafka_topic_name(&p->setup.kafka, KAFKA_TOPIC_TALLIES, w->topic);
	return w;
}

bool watcher_start(struct watcher *w, struct err *err)
{
	struct pipeline *p = w->pipeline;
	const char *topics[] = {w->topic};
	char letters[KAFKA_TOPIC_NAME_BYTES], alerts[KAFKA_TOPIC_NAME_BYTES];
	struct kafka_consumer_spec spec = {
		.group_suffix = "watch",
		.topics = topics,
		.topics_count = 1,
		.batch_max = POLL_RECORDS,
		.events = {watcher_assigned, watcher_revoked, watcher_lost, watcher_out_of_range, w},
	};
	kafka_topic_name(&p->setup.kafka, KAFKA_TOPIC_DEAD_LETTERS, letters);
	kafka_topic_name(&p->setup.kafka, KAFKA_TOPIC_ALERTS, alerts);
	w->producer = kafka_producer_open_plain(&p->setup.kafka, watcher_told, w, err);
	if (w->producer == NULL)
		return false;
	w->letters_topic = kafka_producer_topic(w->producer, letters);
	w->alerts_topic = kafka_producer_topic(w->producer, alerts);
	w->consumer = kafka_consumer_open(&p->setup.kafka, &spec, err);
	if (w->consumer == NULL)
		return false;
	must(pthread_create(&w->thread, NULL, watcher_main, w) == 0);
	w->running = true;
	return true;
}

void watcher_drain(struct watcher *w)
{
	pthread_mutex_lock(&w->lock);
	atomic_store(&w->drain, true);
	if (w->running && !w->closing)
		kafka_consumer_wake(w->consumer);
	pthread_mutex_unlock(&w->lock);
}

void watcher_join(struct watcher *w)
{
	if (w->running)
		pthread_join(w->thread, NULL);
	w->running = false;
}

void watcher_destroy(struct watcher *w)
{
	if (w == NULL)
		return;
	watcher_drain(w);
	watcher_join(w);
	kafka_consumer_close(w->consumer);
	kafka_producer_close(w->producer);
	pthread_mutex_destroy(&w->lock);
	free(w->records);
	free(w->parts);
	free(w->positions.at);
	free(w);
}

bool watcher_caught_up(struct watcher *w)
{
	return atomic_load(&w->caught_up);
}

bool watcher_denied(struct watcher *w, struct err *err)
{
	pthread_mutex_lock(&w->lock);
	*err = w->denied;
	pthread_mutex_unlock(&w->lock);
	return err->set;
}
