/*
 * A lane: reads its share of the input, takes it in, and commits about ten times a second. Everything here runs on the lane's thread
 * (rebalances too: they are called from inside the poll).
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"

enum { SECOND_NS = 1000000000, BEHIND_MS = 30000 };

void lane_fail(struct lane *lane, const struct err *err)
{
	struct err said = *err;
	err_prefix(&said, "lane %u", lane->number);
	pipeline_give_up(lane->pipeline, &said);
	lane->give_up = true;
}

/* ---- what was read goes in ---- */

static void note_origins(struct lane *lane, const struct kafka_record *const *of)
{
	for (; lane->origins_count < intake_letters(lane->intake); lane->origins_count++) {
		const struct kafka_record *r = of[intake_letter(lane->intake, lane->origins_count).tag];
		size_t need = lane->keys_used + r->key.len;
		if (need >
		    lane->keys_size) { /* like the letters' bytes: the most that one commit ever held, and stays */
			lane->keys_size = need * 2 > 65536 ? need * 2 : 65536;
			lane->keys = realloc(lane->keys, lane->keys_size);
			must(lane->keys != NULL);
		}
		if (r->key.len)
			memcpy(lane->keys + lane->keys_used, r->key.at, r->key.len);
		lane->origins[lane->origins_count] = (struct origin){
			.topic = r->topic,
			.partition = r->partition,
			.offset = r->offset,
			.timestamp_ms = r->timestamp_ms,
			.key_at = lane->keys_used,
			.key_len = r->key.len,
			.has_key = r->key.at != NULL,
		};
		lane->keys_used = need;
	}
}

static void take_chunk(struct lane *lane, const struct kafka_record *const *of,
		       const struct intake_record *in, unsigned count)
{
	if (count == 0)
		return;
	int64_t now_ms = pipeline_now(lane->pipeline);
	struct intake_clock clock = {
		.now_ms = now_ms,
		.future_after_ms = now_ms + lane->pipeline->setup.intake.options.max_future_skew_ms,
		.leave_out_after_ms = INT64_MAX,
	};
	intake_take(lane->intake, in, count, &clock);
	note_origins(lane, of);
}

/* Room is made before a chunk begins, since a part's `next` already counts what is in the chunk. If making room ends in a rollback,
 * the rest of this batch is dropped: the parts were sought back and all of it comes again. */
static void take(struct lane *lane, const struct kafka_record *records, size_t count)
{
	struct intake_record in[INTAKE_BATCH];
	const struct kafka_record *of[INTAKE_BATCH];
	struct part *part = NULL;
	uint64_t rollbacks = lane->rollbacks;
	struct err err = {0};
	unsigned n = 0;
	if (count &&
	    !pipeline_clock_good(lane->pipeline,
				 &err)) { /* at once: all of the next second's could be in the future */
		lane_fail(lane, &err);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct kafka_record *r = &records[i];
		if (n == 0 && !intake_room(lane->intake, INTAKE_BATCH)) {
			lane_commit_all(lane);
			if (lane->rollbacks != rollbacks || lane->give_up)
				return;
		}
		if (part == NULL || part->topic != r->topic || part->partition != r->partition)
			part = lane_part(lane, r->topic, r->partition);
		if (part == NULL || part->state != PART_READY || r->offset < part->next)
			continue;
		of[n] = r;
		in[n] = (struct intake_record){r->value, r->topic, part->slot, n};
		part->next = r->offset + 1;
		part->newest_ms = r->timestamp_ms;
		metrics_add(lane->shard, METRIC_CONSUMED_BYTES, lane->topic_labels[r->topic], r->value.len);
		if (++n == INTAKE_BATCH) {
			take_chunk(lane, of, in, n);
			metrics_add(lane->shard, METRIC_CONSUMED, lane->topic_labels[r->topic], n);
			n = 0;
		}
	}
	if (n)
		metrics_add(lane->shard, METRIC_CONSUMED, lane->topic_labels[of[n - 1]->topic], n);
	take_chunk(lane, of, in, n);
}

void lane_rollback(struct lane *lane)
{
	struct err err = {0};
	intake_rollback(lane->intake);
	lane->origins_count = 0;
	lane->keys_used = 0;
	lane->rollbacks++;
	for (unsigned i = 0; i < lane->parts_count; i++) {
		struct part *part = lane->parts[i];
		part->next = part->committed;
		part->closing = part->journal_offset = -1;
		if (part->state == PART_READY &&
		    !kafka_consumer_seek(lane->consumer, part->topic, part->partition, part->committed, &err))
			lane_fail(lane, &err); /* reading on would skip what was rolled back */
	}
}

/* ---- each second ---- */

static void report_counts(struct lane *lane)
{
	struct intake_counts *was = &lane->reported, *now = &lane->counts;
	struct metrics_shard *s = lane->shard;
	for (unsigned l = 0; l < LEDGERS; l++)
		metrics_add(s, METRIC_TALLIED, l, now->tallied[l] - was->tallied[l]);
	metrics_add(s, METRIC_DUPLICATES, METRIC_ONLY, now->duplicates - was->duplicates);
	metrics_add(s, METRIC_SUPERSEDED, METRIC_ONLY, now->superseded - was->superseded);
	metrics_add(s, METRIC_EDITS, METRIC_ONLY, now->edits - was->edits);
	metrics_add(s, METRIC_DELETIONS, METRIC_ONLY, now->deletions - was->deletions);
	metrics_add(s, METRIC_UNSCORED, METRIC_ONLY, now->unscored - was->unscored);
	metrics_add(s, METRIC_UNREAD, METRIC_ONLY, now->unread - was->unread);
	metrics_add(s, METRIC_UNMAPPED, METRIC_ONLY, now->unmapped - was->unmapped);
	metrics_add(s, METRIC_OVERFLOW, METRIC_ONLY, now->overflowed - was->overflowed);
	for (unsigned r = 0; r < FEEDBACK_REASONS; r++)
		metrics_add(s, METRIC_DEAD_LETTERS, r, now->rejected[r] - was->rejected[r]);
	*was = *now;
}

static void report_table(struct lane *lane)
{
	struct response_stats stats = intake_stats(lane->intake);
	metrics_put(lane->shard, METRIC_RESPONSES, METRIC_ONLY, (double)stats.entries);
	metrics_put(lane->shard, METRIC_RESPONSES_CAPACITY, METRIC_ONLY, (double)stats.capacity);
	metrics_put(lane->shard, METRIC_RESPONSES_BYTES, METRIC_ONLY, (double)stats.bytes);
	metrics_put(lane->shard, METRIC_EVICTIONS, METRIC_ONLY, (double)stats.evictions);
	metrics_put(lane->shard, METRIC_EXPIRED, METRIC_ONLY, (double)stats.expired);
	metrics_put(lane->shard, METRIC_TOUCHPOINTS, METRIC_ONLY,
		    (double)names_count(intake_names(lane->intake)));
	if (stats.evictions)
		log_warn("lane %u: %" PRIu64 " responses were evicted from a full table: counts may be "
			 "inexact, raise responses.max",
			 lane->number, stats.evictions);
}

static void report_lag(struct lane *lane)
{
	int64_t now_ms = pipeline_now(lane->pipeline);
	bool behind = false, caught_up = true;
	pipeline_positions(&lane->positions, lane->consumer);
	for (unsigned i = 0; i < lane->positions.count; i++) {
		const struct kafka_position *at = &lane->positions.at[i];
		struct part *part = lane_part(lane, at->topic, at->partition);
		if (part == NULL)
			continue;
		if (at->lag >= 0)
			metrics_put(lane->shard, METRIC_LAG, part->label, (double)at->lag);
		caught_up = caught_up && part->state == PART_READY && at->lag == 0;
		behind = behind ||
			 (at->lag > 0 && part->newest_ms > 0 && now_ms - part->newest_ms > BEHIND_MS);
	}
	atomic_store(&lane->behind, behind);
	atomic_store(&lane->caught_up,
		     caught_up && intake_idle(lane->intake) && lane->commit_state == COMMIT_NONE);
}

static void each_second(struct lane *lane)
{
	int64_t now_ns = os_monotonic_ns();
	if (now_ns - lane->last_second_ns < SECOND_NS)
		return;
	lane->last_second_ns = now_ns;
	report_counts(lane);
	report_table(lane);
	report_lag(lane);
	struct err err = {0};
	struct kafka_group *group = kafka_consumer_group(lane->consumer, &err);
	atomic_store(&lane->assigned, group != NULL);
	kafka_group_destroy(group);
	err_clear(&err);
	(void)kafka_consumer_denied(lane->consumer, &err);
	pthread_mutex_lock(&lane->figures_lock);
	lane->denied = err;
	lane->figures = (struct pipeline_figures){lane->counts, lane->commits, lane->aborts, 0,
						  atomic_load(&lane->caught_up)};
	pthread_mutex_unlock(&lane->figures_lock);
}

/* ---- the thread ---- */

/* One that could not begin (no member of the group just now) counts as the last one too: it is not tried at every poll. */
bool lane_commit_due(const struct lane *lane, int64_t now_ns)
{
	int64_t interval_ns = lane->pipeline->setup.intake.options.commit_interval_ms * 1000000,
		since_ns = now_ns - lane->last_commit_ns;
	if (lane->number == 0 && now_ns - lane->last_tick_ns >= SECOND_NS &&
	    since_ns >= (interval_ns < SECOND_NS ? interval_ns : SECOND_NS))
		return true;
	return since_ns >= interval_ns && (!intake_idle(lane->intake) || lane_uncommitted(lane));
}

static int poll_timeout(const struct lane *lane, int64_t now_ns)
{
	int64_t interval_ns = lane->pipeline->setup.intake.options.commit_interval_ms * 1000000;
	int64_t left_ms = (lane->last_commit_ns + interval_ns - now_ns) / 1000000;
	if (lane->refill)
		return 0;
	if (intake_idle(lane->intake) || left_ms > 50)
		return 50;
	return left_ms < 1 ? 1 : (int)left_ms;
}

static void step(struct lane *lane)
{
	struct err err = {0};
	size_t count = 0;
	int timeout = poll_timeout(lane, os_monotonic_ns());
	if (kafka_consumer_poll(lane->consumer, lane->records, POLL_RECORDS, &count, timeout, &err) ==
	    KAFKA_POLL_FATAL) {
		lane_fail(lane, &err);
		return;
	}
	take(lane, lane->records, count);
	kafka_consumer_release(lane->consumer);
	lane_commit_check(lane);
	lane_refill_step(lane);
	if (!lane->give_up && lane->commit_state == COMMIT_NONE && lane_commit_due(lane, os_monotonic_ns()))
		lane_commit_begin(lane);
	each_second(lane);
}

static bool init_producer(struct lane *lane)
{
	while (!atomic_load(&lane->stop)) {
		struct err err = {0};
		enum kafka_outcome out = kafka_producer_init(lane->producer, NET_TIMEOUT_MS, &err);
		if (out == KAFKA_DONE)
			return true;
		if (out == KAFKA_FATAL) {
			lane_fail(lane, &err);
			return false;
		}
		log_warn("lane %u waits for Kafka: %s", lane->number, err.text);
	}
	return false;
}

static void *lane_main(void *context)
{
	struct lane *lane = context;
	pipeline_name_thread("lane", lane->number);
	if (init_producer(lane))
		while (!atomic_load(&lane->stop) && !lane->give_up)
			step(lane);
	lane_commit_wait(
		lane); /* to settle it takes the consumer, which may be fenced and so closes without a revocation */
	if (!lane->give_up)
		lane_commit_all(lane);
	lane_refill_stop(lane);
	pthread_mutex_lock(&lane->lock);
	lane->closing = true;
	pthread_mutex_unlock(&lane->lock);
	kafka_consumer_close(lane->consumer); /* revoked() is called for what is left */
	lane->consumer = NULL;
	must(lane->commit_state == COMMIT_NONE);
	report_counts(lane);
	pthread_mutex_lock(&lane->figures_lock);
	lane->figures = (struct pipeline_figures){lane->counts, lane->commits, lane->aborts, 0, true};
	pthread_mutex_unlock(&lane->figures_lock);
	return NULL;
}

static bool open_kafka(struct lane *lane, struct err *err)
{
	struct pipeline *p = lane->pipeline;
	char name[KAFKA_TOPIC_NAME_BYTES];
	struct kafka_consumer_spec spec = {
		.lane = (int)lane->number,
		.topics = p->setup.topics,
		.topics_count = p->setup.intake.sources_count,
		.batch_max = POLL_RECORDS,
		.events = lane_events(lane),
	};
	lane->producer =
		kafka_producer_open(&p->setup.kafka, NULL, (int)lane->number, lane_delivered, lane, err);
	if (lane->producer == NULL)
		return false;
	kafka_topic_name(&p->setup.kafka, KAFKA_TOPIC_TALLIES, name);
	lane->tallies = kafka_producer_topic(lane->producer, name);
	kafka_topic_name(&p->setup.kafka, KAFKA_TOPIC_RESPONSES, name);
	lane->journal = kafka_producer_topic(lane->producer, name);
	kafka_topic_name(&p->setup.kafka, KAFKA_TOPIC_DEAD_LETTERS, name);
	lane->letters = kafka_producer_topic(lane->producer, name);
	lane->consumer = kafka_consumer_open(&p->setup.kafka, &spec, err);
	return lane->consumer != NULL;
}

bool lane_start(struct lane *lane, struct pipeline *p, unsigned number, struct err *err)
{
	struct intake_setup setup = p->setup.intake;
	setup.responses.max = setup.responses.max / setup.options.lanes + 1;
	lane->pipeline = p;
	lane->number = number;
	pthread_mutex_init(&lane->lock, NULL);
	pthread_mutex_init(&lane->figures_lock, NULL);
	pthread_cond_init(&lane->changed, NULL);
	lane->shard = metrics_shard(p->metrics);
	lane->topic_labels = must_array(setup.sources_count, sizeof *lane->topic_labels);
	for (unsigned i = 0; i < setup.sources_count; i++)
		lane->topic_labels[i] = metrics_label(p->metrics, METRIC_CONSUMED, p->setup.topics[i], NULL);
	lane->records = must_array(POLL_RECORDS, sizeof *lane->records);
	lane->writer = bundle_writer_create(intake_names_max(&setup.options));
	lane->reader = bundle_reader_create();
	lane->key_print = hash_key_print(&setup.id_key);
	lane->intake = intake_create(&setup, err);
	if (lane->intake == NULL || !open_kafka(lane, err))
		return false;
	must(pthread_create(&lane->committer, NULL, lane_committer, lane) == 0);
	must(pthread_create(&lane->thread, NULL, lane_main, lane) == 0);
	lane->running = true;
	return true;
}

void lane_stop(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	atomic_store(&lane->stop, true);
	if (lane->running && !lane->closing)
		kafka_consumer_wake(lane->consumer);
	pthread_mutex_unlock(&lane->lock);
}

void lane_join(struct lane *lane)
{
	if (!lane->running)
		return;
	pthread_join(lane->thread, NULL);
	pthread_mutex_lock(&lane->lock);
	lane->committer_stop = true;
	pthread_cond_broadcast(&lane->changed);
	pthread_mutex_unlock(&lane->lock);
	pthread_join(lane->committer, NULL);
	lane->running = false;
}

void lane_release(struct lane *lane)
{
	lane_join(lane);
	kafka_consumer_close(lane->consumer);
	kafka_producer_close(lane->producer);
	while (lane->parts_count)
		free(lane->parts[--lane->parts_count]);
	free(lane->parts);
	free(lane->records);
	free(lane->keys);
	free(lane->journal_next);
	free(lane->offsets);
	free(lane->metadata);
	free(lane->topic_labels);
	free(lane->positions.at);
	kafka_group_destroy(lane->group);
	bundle_writer_destroy(lane->writer);
	bundle_reader_destroy(lane->reader);
	intake_destroy(lane->intake);
	pthread_mutex_destroy(&lane->lock);
	pthread_mutex_destroy(&lane->figures_lock);
	pthread_cond_destroy(&lane->changed);
}
