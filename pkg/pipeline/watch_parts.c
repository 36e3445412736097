/*
 * Partitions of the tallies come and go: where to begin (a checkpoint, or the log), what to leave behind, and what to do when the log ends
 * before what we have read.
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"

enum { RESTORE_TRIES = 20 }; /* of 100 ms: Redis may start together with us */

struct watch_part *watcher_part(struct watcher *w, int32_t partition)
{
	for (unsigned i = 0; i < w->parts_count; i++)
		if (w->parts[i]->partition == partition)
			return w->parts[i];
	return NULL;
}

struct restoring {
	struct watch *watch;
	uint64_t fields, unreadable;
};

static bool restore_field(void *context, struct str touchpoint, struct str bytes)
{
	struct restoring *r = context;
	r->fields++;
	r->unreadable += !watch_restore(r->watch, touchpoint, bytes);
	return true;
}

static void fresh_watch(struct watcher *w, struct watch_part *part)
{
	struct watch_setup setup = w->pipeline->setup.watch;
	setup.partition = part->partition;
	watch_destroy(part->watch);
	part->watch = watch_create(&setup, pipeline_now(w->pipeline));
	part->turn = w->turns++;
}

static bool try_restore(struct watcher *w, struct watch_part *part, struct store *store,
			struct store_position *low, enum store_restore_outcome *out)
{
	struct restoring r = {part->watch, 0, 0};
	struct store_restore what = {(unsigned)part->partition, &r, restore_field, NULL};
	*out = store_restore(store, &what, low, &part->token);
	uint64_t missed = watch_memory(part->watch).missed;
	if (*out == STORE_RESTORE_DONE && r.unreadable == 0 && missed == 0) {
		watch_restored(part->watch, (struct watch_position){low->log_ms, low->offset});
		log_info("partition %" PRId32 ": %" PRIu64
			 " touchpoints restored, going on behind offset %" PRId64,
			 part->partition, r.fields, low->offset);
		return true;
	}
	fresh_watch(w, part);
	if (*out == STORE_RESTORE_DONE) {
		part->rewrite = true;
		log_warn("partition %" PRId32 ": %" PRIu64 " of %" PRIu64
			 " touchpoints in the checkpoint can't be used, %" PRIu64
			 " windows are not in it (windows, zones or limits were configured anew); rebuilding "
			 "from the tallies",
			 part->partition, r.unreadable, r.fields, missed);
	}
	return false;
}

/* The position to go on from, or false: the windows are rebuilt from the log. Redis may start together with us, so the first partition
 * waits for it a little; the others know. */
static bool restore(struct watcher *w, struct watch_part *part, struct store *store,
		    struct store_position *low)
{
	enum store_restore_outcome out = STORE_RESTORE_FAILED;
	for (int tries = 0; tries < (w->redis_away ? 1 : RESTORE_TRIES); tries++) {
		if (try_restore(w, part, store, low, &out))
			return true;
		if (out != STORE_RESTORE_FAILED)
			return false;
		if (!w->redis_away)
			usleep(100000);
	}
	w->redis_away = true;
	log_warn("partition %" PRId32 ": Redis is away (%s); rebuilding from the tallies", part->partition,
		 store_error(store));
	return false;
}

static int64_t rebuild_from(struct watcher *w, int32_t partition)
{
	struct pipeline *p = w->pipeline;
	struct err err = {0};
	int64_t offset;
	if (p->setup.embedded) /* it answers every question for a time with the end */
		return KAFKA_OFFSET_EARLIEST;
	/* Both windows of the longest length, and how far a response may be dated ahead of the bundle that brought it. */
	int64_t from_ms = pipeline_now(p) - 2 * p->setup.intake.reach_ms -
			  p->setup.intake.options.max_future_skew_ms - 60000;
	if (kafka_consumer_offset_at(w->consumer, 0, partition, from_ms, &offset, NET_TIMEOUT_MS, &err))
		return offset;
	log_warn("partition %" PRId32 ": %s; rebuilding from the earliest tally", partition, err.text);
	return KAFKA_OFFSET_EARLIEST;
}

/* Does the log, which ends before the checkpoint, hold records from before it? Then it is the same log and its end was lost (a broker's
 * power cut); else the topic was created anew. */
static bool is_cut_short(struct watcher *w, int32_t partition, int64_t log_ms, int64_t first, int64_t stable)
{
	struct err err = {0};
	int64_t after;
	return first < stable &&
	       kafka_consumer_offset_at(w->consumer, 0, partition, log_ms + 1, &after, NET_TIMEOUT_MS,
					&err) &&
	       after > first;
}

/* The log ends before `at`: whatever happened, the windows are to be what the log and our state say together. Where to go on. */
static int64_t begin_anew(struct watcher *w, struct watch_part *part, struct watch_position at, int64_t first,
			  int64_t stable)
{
	if (is_cut_short(w, part->partition, at.log_ms, first, stable)) {
		log_error("%s:%" PRId32 " lost its end: it stops at %" PRId64 ", we had read to %" PRId64
			  "; the windows are rebuilt from what is left",
			  w->topic, part->partition, stable, at.offset);
		fresh_watch(w, part);
		part->caught_up = false;
		part->end = -1;
		part->rewrite = true;
		watcher_known(w, part);
		return rebuild_from(w, part->partition);
	}
	log_error("%s:%" PRId32 " was created anew: it ends at %" PRId64 ", we had read to %" PRId64
		  "; what was counted stays, reading begins at what is there",
		  w->topic, part->partition, stable, at.offset);
	watch_log_anew(part->watch);
	return first;
}

static int64_t start_of(struct watcher *w, struct watch_part *part, struct store *store)
{
	struct store_position low;
	struct err err = {0};
	int64_t first, stable;
	if (!restore(w, part, store, &low)) {
		watcher_known(w, part);
		return rebuild_from(w, part->partition);
	}
	if (kafka_consumer_watermarks(w->consumer, 0, part->partition, &first, &stable, NET_TIMEOUT_MS,
				      &err) &&
	    low.offset + 1 > stable)
		return begin_anew(w, part, (struct watch_position){low.log_ms, low.offset}, first, stable);
	return low.offset + 1;
}

void watcher_assigned(void *context, struct kafka_assigned *list, size_t count)
{
	struct watcher *w = context;
	struct err err = {0};
	struct store *store = store_create(&w->pipeline->setup.store, &err);
	must(store != NULL); /* the publisher was created from the same options */
	w->redis_away = false;
	for (size_t i = 0; i < count; i++) {
		struct watch_part *part = must_alloc(sizeof *part);
		char number[16];
		snprintf(number, sizeof number, "%" PRId32, list[i].partition);
		part->partition = list[i].partition;
		part->end = -1;
		fresh_watch(w, part);
		part->label = metrics_label(w->pipeline->metrics, METRIC_LOG_LAG_SECONDS, number, NULL);
		list[i].start = start_of(w, part, store);
		w->parts = pipeline_room(w->parts, &w->parts_room, w->parts_count + 1, sizeof *w->parts);
		w->parts[w->parts_count++] = part;
	}
	store_destroy(store);
	atomic_store(&w->caught_up, false);
	publisher_parts(w->pipeline->publisher, w->parts, w->parts_count);
}

static void await(struct watcher *w, const struct watch_part *part)
{
	while (part->out > 0) {
		publisher_wait(w->pipeline->publisher, 100);
		watcher_settle_all(w);
	}
}

/* What readers should see, and what a new owner would otherwise have to read again. A favour, the log has it all: it ends when Redis
 * fails, and at the deadline that all partitions of a revocation share. */
static void save(struct watcher *w, struct watch_part *part, int64_t until_ns)
{
	publisher_hurry(w->pipeline->publisher, true);
	while (part->caught_up && !w->redis_failed && os_monotonic_ns() < until_ns) {
		struct parcel *parcel = publisher_parcel(w->pipeline->publisher, PARCEL_WANTED);
		watch_hurry(part->watch);
		watcher_tell(w);
		if (parcel && !watcher_fill_one(w, part, parcel, true) && part->out == 0 &&
		    watch_alerts_waiting(part->watch) == 0)
			break;
		publisher_wait(w->pipeline->publisher, 100);
		watcher_settle_all(w);
	}
	publisher_hurry(w->pipeline->publisher, false);
}

void watcher_drop(struct watcher *w, int32_t partition, int64_t save_until_ns)
{
	struct watch_part *part = watcher_part(w, partition);
	if (part == NULL)
		return;
	if (partition == 0)
		delivery_own(w->pipeline->delivery, false);
	save(w, part, save_until_ns);
	await(w, part);
	for (unsigned i = 0; i < w->parts_count; i++)
		if (w->parts[i] == part)
			w->parts[i] = w->parts[--w->parts_count];
	publisher_parts(w->pipeline->publisher, w->parts, w->parts_count);
	metrics_drop(w->shard, METRIC_LOG_LAG_SECONDS, part->label);
	watch_destroy(part->watch);
	free(part);
}

void watcher_revoked(void *context, const struct kafka_partition *list, size_t count)
{
	struct watcher *w = context;
	int64_t until_ns = os_monotonic_ns() + WATCH_DRAIN_MS * 1000000LL;
	w->redis_failed = false;
	for (size_t i = 0; i < count; i++)
		watcher_drop(w, list[i].partition, until_ns);
}

void watcher_lost(void *context, const struct kafka_partition *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		watcher_drop(context, list[i].partition, 0);
}

/* The log was cut or made anew under us; looked into outside the callback. */
void watcher_out_of_range(void *context, const struct kafka_range_error *e)
{
	struct watcher *w = context;
	struct watch_part *part = watcher_part(w, e->partition);
	if (e->wanted <= e->high)
		log_error("%s:%" PRId32 ": offsets %" PRId64 " to %" PRId64
			  " are gone before they were read (kafka.retention is too short "
			  "for how far we are behind): windows lack what was in them",
			  w->topic, e->partition, e->wanted, e->low);
	else if (part)
		part->broken = true;
}

void watcher_mend(struct watcher *w, struct watch_part *part)
{
	struct err err = {0};
	int64_t first, stable;
	if (!kafka_consumer_watermarks(w->consumer, 0, part->partition, &first, &stable, NET_TIMEOUT_MS,
				       &err))
		return; /* again at the next step */
	await(w, part);
	int64_t from = begin_anew(w, part, watch_position(part->watch), first, stable);
	if (kafka_consumer_seek(w->consumer, 0, part->partition, from, &err))
		part->broken = false;
	else
		log_warn("%s:%" PRId32 ": %s", w->topic, part->partition, err.text);
}
