/*
 * The watcher: reads the tallies, keeps one watch per partition, fills the publisher's parcels. Nothing of a partition is published
 * before it was read to the end once, so a rebuild never shows half a window.
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/number.h"
#include "log/log.h"

enum {
	POLL_MS = 10,             /* how soon a due time that no record announces is noticed */
	DRAIN_MS = 5000,          /* on stopping: at most so long for the last tallies and for Redis */
	RESTORE_TRIES = 20,       /* of 100 ms: Redis may start together with us */
	PARTS_MAX = 1024,
};

struct watcher {
	struct pipeline *pipeline;
	struct kafka_consumer *consumer;
	struct kafka_producer *letters;   /* of bundles that can't be read */
	unsigned letters_topic;
	struct metrics_shard *shard;
	struct kafka_record *records;
	struct watch_part *parts[PARTS_MAX];
	unsigned parts_count, turn;
	pthread_t thread;
	bool running, closing;
	bool redis_away;                  /* noticed while partitions were assigned */
	bool redis_failed;                /* noticed since partitions were revoked */
	pthread_mutex_t lock;             /* of closing */
	atomic_bool drain, caught_up;
	int64_t last_second_ns;
	uint64_t clamped;
	char topic[KAFKA_TOPIC_NAME_BYTES];
};

static struct watch_part *part_of(struct watcher *w, int32_t partition)
{
	for (unsigned i = 0; i < w->parts_count; i++)
		if (w->parts[i]->partition == partition)
			return w->parts[i];
	return NULL;
}

/* ---- parcels ---- */

/* Redis lost what it had of a partition. */
static void publish_anew(struct watch_part *part)
{
	watch_publish_all(part->watch);
	watch_checkpoint_rewrite(part->watch);
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
	if (b->fields_count) {
		part->saving = false;
		w->redis_failed = w->redis_failed || parcel->checkpoint == STORE_CHECKPOINT_FAILED;
		if (parcel->checkpoint == STORE_CHECKPOINT_LOST)
			publish_anew(part);
		else if (parcel->checkpoint != STORE_CHECKPOINT_WRITTEN)
			watch_checkpoint_failed(part->watch, b);
	}
	part->out--;
	publisher_return(w->pipeline->publisher, parcel);
}

static void settle_all(struct watcher *w)
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
static bool fill_one(struct watcher *w, struct watch_part *part, struct parcel *parcel, bool all)
{
	int64_t now_ms = pipeline_now(w->pipeline);
	parcel->batch->fields_count = 0;
	watch_fill(part->watch, now_ms, parcel->batch);
	if (!part->saving)
		watch_fill_checkpoint(part->watch, now_ms, all, parcel->batch);
	if (parcel->batch->count == 0 && parcel->batch->fields_count == 0)
		return false;
	part->saving = part->saving || parcel->batch->fields_count > 0;
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
		if (part->caught_up && fill_one(w, part, parcel, false))
			parcel = publisher_parcel(w->pipeline->publisher, PARCEL_WANTED);
	}
}

/* ---- partitions come and go ---- */

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

static struct watch *fresh_watch(struct watcher *w, int32_t partition)
{
	struct watch_setup setup = w->pipeline->setup.watch;
	setup.partition = partition;
	return watch_create(&setup, pipeline_now(w->pipeline));
}

static bool try_restore(struct watcher *w, struct watch_part *part, struct store *store, struct store_position *low,
			enum store_restore_outcome *out)
{
	struct restoring r = {part->watch, 0, 0};
	struct store_restore what = {(unsigned)part->partition, &r, restore_field, NULL};
	*out = store_restore(store, &what, low, &part->token);
	uint64_t missed = watch_memory(part->watch).missed;
	if (*out == STORE_RESTORE_DONE && r.unreadable == 0 && missed == 0) {
		watch_restored(part->watch, (struct watch_position){low->log_ms, low->offset});
		log_info("partition %" PRId32 ": %" PRIu64 " touchpoints restored, going on behind offset %" PRId64, part->partition,
			 r.fields, low->offset);
		return true;
	}
	watch_destroy(part->watch);
	part->watch = fresh_watch(w, part->partition);
	if (*out == STORE_RESTORE_DONE) {
		part->rewrite = true;
		log_warn("partition %" PRId32 ": %" PRIu64 " of %" PRIu64 " touchpoints in the checkpoint can't be used, %" PRIu64
			 " windows are not in it (windows, zones or limits were configured anew); rebuilding from the tallies",
			 part->partition, r.unreadable, r.fields, missed);
	}
	return false;
}

/* The position to go on from, or false: the windows are rebuilt from the log. Redis may start together with us, so the first partition
 * waits for it a little; the others know. */
static bool restore(struct watcher *w, struct watch_part *part, struct store *store, struct store_position *low)
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
	log_warn("partition %" PRId32 ": Redis is away (%s); rebuilding from the tallies", part->partition, store_error(store));
	return false;
}

static int64_t rebuild_from(struct watcher *w, int32_t partition)
{
	struct pipeline *p = w->pipeline;
	struct err err = {0};
	int64_t offset;
	if (p->setup.embedded)   /* it answers every question for a time with the end */
		return KAFKA_OFFSET_EARLIEST;
	/* Both windows of the longest length, and how far a response may be dated ahead of the bundle that brought it. */
	int64_t from_ms = pipeline_now(p) - 2 * p->setup.intake.reach_ms - p->setup.intake.options.max_future_skew_ms - 60000;
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
	       kafka_consumer_offset_at(w->consumer, 0, partition, log_ms + 1, &after, NET_TIMEOUT_MS, &err) && after > first;
}

/* The log ends before `at`: whatever happened, the windows are to be what the log and our state say together. Where to go on. */
static int64_t begin_anew(struct watcher *w, struct watch_part *part, struct watch_position at, int64_t first, int64_t stable)
{
	if (is_cut_short(w, part->partition, at.log_ms, first, stable)) {
		log_error("%s:%" PRId32 " lost its end: it stops at %" PRId64 ", we had read to %" PRId64
			  "; the windows are rebuilt from what is left", w->topic, part->partition, stable, at.offset);
		watch_destroy(part->watch);
		part->watch = fresh_watch(w, part->partition);
		part->caught_up = false;
		part->rewrite = true;
		return rebuild_from(w, part->partition);
	}
	log_error("%s:%" PRId32 " was created anew: it ends at %" PRId64 ", we had read to %" PRId64
		  "; what was counted stays, reading begins at what is there", w->topic, part->partition, stable, at.offset);
	watch_log_anew(part->watch);
	return first;
}

static int64_t start_of(struct watcher *w, struct watch_part *part, struct store *store)
{
	struct store_position low;
	struct err err = {0};
	int64_t first, stable;
	if (!restore(w, part, store, &low))
		return rebuild_from(w, part->partition);
	if (kafka_consumer_watermarks(w->consumer, 0, part->partition, &first, &stable, NET_TIMEOUT_MS, &err) &&
	    low.offset + 1 > stable)
		return begin_anew(w, part, (struct watch_position){low.log_ms, low.offset}, first, stable);
	return low.offset + 1;
}

static void assigned(void *context, struct kafka_assigned *list, size_t count)
{
	struct watcher *w = context;
	struct err err = {0};
	struct store *store = store_create(&w->pipeline->setup.store, &err);
	must(store != NULL);   /* the publisher was created from the same options */
	w->redis_away = false;
	for (size_t i = 0; i < count; i++) {
		must(w->parts_count < PARTS_MAX);
		struct watch_part *part = must_alloc(sizeof *part);
		char number[16];
		snprintf(number, sizeof number, "%" PRId32, list[i].partition);
		part->partition = list[i].partition;
		part->watch = fresh_watch(w, part->partition);
		part->label = metrics_label(w->pipeline->metrics, METRIC_LOG_LAG_SECONDS, number, NULL);
		list[i].start = start_of(w, part, store);
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
		settle_all(w);
	}
}

/* What readers should see, and what a new owner would otherwise have to read again. A favour, the log has it all: it ends when Redis
 * fails, and at the deadline that all partitions of a revocation share. */
static void save(struct watcher *w, struct watch_part *part, int64_t until_ns)
{
	publisher_hurry(w->pipeline->publisher);
	while (part->caught_up && !w->redis_failed && os_monotonic_ns() < until_ns) {
		struct parcel *parcel = publisher_parcel(w->pipeline->publisher, PARCEL_WANTED);
		watch_hurry(part->watch);
		if (parcel && !fill_one(w, part, parcel, true) && part->out == 0)
			return;
		publisher_wait(w->pipeline->publisher, 100);
		settle_all(w);
	}
}

static void drop(struct watcher *w, int32_t partition, int64_t save_until_ns)
{
	struct watch_part *part = part_of(w, partition);
	if (part == NULL)
		return;
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

static void revoked(void *context, const struct kafka_partition *list, size_t count)
{
	struct watcher *w = context;
	int64_t until_ns = os_monotonic_ns() + DRAIN_MS * 1000000LL;
	w->redis_failed = false;
	for (size_t i = 0; i < count; i++)
		drop(w, list[i].partition, until_ns);
}

static void lost(void *context, const struct kafka_partition *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		drop(context, list[i].partition, 0);
}

/* The log was cut or made anew under us; looked into outside the callback. */
static void out_of_range(void *context, const struct kafka_range_error *e)
{
	struct watcher *w = context;
	struct watch_part *part = part_of(w, e->partition);
	if (e->wanted <= e->high)
		log_error("%s:%" PRId32 ": offsets %" PRId64 " to %" PRId64 " are gone before they were read (kafka.retention is too short "
			  "for how far we are behind): windows lack what was in them", w->topic, e->partition, e->wanted, e->low);
	else if (part)
		part->broken = true;
}

static void mend(struct watcher *w, struct watch_part *part)
{
	struct err err = {0};
	int64_t first, stable;
	if (!kafka_consumer_watermarks(w->consumer, 0, part->partition, &first, &stable, NET_TIMEOUT_MS, &err))
		return;   /* again at the next step */
	await(w, part);
	int64_t from = begin_anew(w, part, watch_position(part->watch), first, stable);
	if (kafka_consumer_seek(w->consumer, 0, part->partition, from, &err))
		part->broken = false;
	else
		log_warn("%s:%" PRId32 ": %s", w->topic, part->partition, err.text);
}

/* ---- reading ---- */

static void letter(struct watcher *w, const struct kafka_record *r)
{
	char partition[NUMBER_BYTES], offset[NUMBER_BYTES];
	struct err err = {0};
	size_t partition_len = number_whole(partition, r->partition), offset_len = number_whole(offset, r->offset);
	struct kafka_header headers[] = {
		{STR("topic"), str_of(w->topic)},
		{STR("partition"), {partition, partition_len}},
		{STR("offset"), {offset, offset_len}},
		{STR("reason"), str_of(feedback_reason_code(FEEDBACK_BAD_BUNDLE))},
		{STR("sentence"), str_of(feedback_reason_sentence(FEEDBACK_BAD_BUNDLE))},
	};
	struct kafka_message m = {.topic = w->letters_topic, .partition = -1, .key = r->key, .value = r->value,
				  .headers = headers, .headers_count = sizeof headers / sizeof *headers};
	log_error("%s:%" PRId32 " offset %" PRId64 " can't be read (a newer version of this program wrote it?): to the dead letters",
		  w->topic, r->partition, r->offset);
	metrics_add(w->shard, METRIC_DEAD_LETTERS, FEEDBACK_BAD_BUNDLE, 1);
	if (kafka_producer_send(w->letters, &m, &err) != KAFKA_DONE)
		log_error("dead letter not written: %s", err.text);
}

static void apply(struct watcher *w, const struct kafka_record *records, size_t count)
{
	struct watch_part *part = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct kafka_record *r = &records[i];
		if (part == NULL || part->partition != r->partition)
			part = part_of(w, r->partition);
		if (part && !part->broken && !watch_apply(part->watch, r->value, r->timestamp_ms, r->offset))
			letter(w, r);
	}
	metrics_add(w->shard, METRIC_BUNDLES, METRIC_ONLY, count);
}

static void note_caught_up(struct watcher *w)
{
	struct kafka_position positions[PARTS_MAX];
	size_t n = kafka_consumer_positions(w->consumer, positions, PARTS_MAX);
	bool all = w->parts_count > 0;
	for (size_t i = 0; i < n; i++) {
		struct watch_part *part = part_of(w, positions[i].partition);
		if (part && !part->broken && positions[i].lag == 0 && !part->caught_up) {
			part->caught_up = true;
			if (part->rewrite)   /* what the checkpoint holds is of no use to anybody */
				watch_checkpoint_rewrite(part->watch);
			part->rewrite = false;
		}
	}
	for (unsigned i = 0; i < w->parts_count; i++)
		all = all && w->parts[i]->caught_up;
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
	unsigned due = 0;
	for (unsigned i = 0; i < w->parts_count; i++) {
		struct watch_part *part = w->parts[i];
		struct window_memory memory = watch_memory(part->watch);
		sum.bytes += memory.bytes;
		sum.slots += memory.slots;
		sum.clamped += memory.clamped;
		due += watch_due(part->watch, now_ms);
		int64_t log_ms = watch_position(part->watch).log_ms;
		if (log_ms)
			metrics_put(w->shard, METRIC_LOG_LAG_SECONDS, part->label, (double)(now_ms - log_ms) / 1000);
	}
	if (sum.clamped > w->clamped)
		log_warn("%" PRIu64 " counts would have gone below zero: the log that the windows were rebuilt from lacks its beginning",
			 sum.clamped - w->clamped);
	w->clamped = sum.clamped;
	metrics_put(w->shard, METRIC_SLOTS, METRIC_ONLY, (double)sum.slots);
	metrics_put(w->shard, METRIC_WINDOW_BYTES, METRIC_ONLY, (double)sum.bytes);
	metrics_put(w->shard, METRIC_PUBLISH_BACKLOG, METRIC_ONLY, due);
	kafka_producer_serve(w->letters);
}

static bool step(struct watcher *w)
{
	struct err err = {0};
	size_t count = 0;
	if (kafka_consumer_poll(w->consumer, w->records, POLL_RECORDS, &count, POLL_MS, &err) == KAFKA_POLL_FATAL) {
		err_prefix(&err, "watch");
		pipeline_give_up(w->pipeline, &err);
		return false;
	}
	advance(w);
	apply(w, w->records, count);
	kafka_consumer_release(w->consumer);
	for (unsigned i = 0; i < w->parts_count; i++)
		if (w->parts[i]->broken)
			mend(w, w->parts[i]);
	note_caught_up(w);
	settle_all(w);
	if (w->parts_count)
		fill(w);
	each_second(w);
	return true;
}

/* The lanes have ended: what they committed last is still to be read. */
static void drain(struct watcher *w)
{
	int64_t until_ns = os_monotonic_ns() + DRAIN_MS * 1000000LL, quiet_ns = os_monotonic_ns();
	while (os_monotonic_ns() < until_ns && os_monotonic_ns() - quiet_ns < 300000000) {
		struct kafka_position positions[PARTS_MAX];
		if (!step(w))
			return;
		size_t n = kafka_consumer_positions(w->consumer, positions, PARTS_MAX);
		for (size_t i = 0; i < n; i++)
			if (positions[i].lag != 0)
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
	kafka_consumer_close(w->consumer);   /* revoked() saves and drops what is left */
	w->consumer = NULL;
	while (w->parts_count)               /* after a fatal error nothing was revoked */
		drop(w, w->parts[0]->partition, 0);
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
	char letters[KAFKA_TOPIC_NAME_BYTES];
	struct kafka_consumer_spec spec = {
		.group_suffix = "watch",
		.topics = topics,
		.topics_count = 1,
		.batch_max = POLL_RECORDS,
		.events = {assigned, revoked, lost, out_of_range, w},
	};
	kafka_topic_name(&p->setup.kafka, KAFKA_TOPIC_DEAD_LETTERS, letters);
	w->letters = kafka_producer_open_plain(&p->setup.kafka, NULL, NULL, err);
	if (w->letters == NULL)
		return false;
	w->letters_topic = kafka_producer_topic(w->letters, letters);
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
	kafka_producer_close(w->letters);
	pthread_mutex_destroy(&w->lock);
	free(w->records);
	free(w);
}

bool watcher_caught_up(struct watcher *w)
{
	return atomic_load(&w->caught_up);
}
