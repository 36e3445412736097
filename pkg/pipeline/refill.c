/*
 * Which responses are known is read back from the journal, never judged again. One refill at a time, for all parts that wait, outside
 * any rebalance callback and in small steps, so that the lane goes on polling and committing what is ready.
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdlib.h>

#include "log/log.h"

enum { REFILL_RECORDS = 64, STEP_NS = 20000000, SAY_NS = 2000000000 };

static void add_read(struct lane *lane, const struct part *part)
{
	for (unsigned i = 0; i < lane->refill_count; i++) {
		struct kafka_read *r = &lane->refill_reads[i];
		if (r->partition != part->journal_partition)
			continue;
		if (part->refill_from == KAFKA_OFFSET_EARLIEST ||
		    (r->from != KAFKA_OFFSET_EARLIEST && part->refill_from < r->from))
			r->from = part->refill_from;
		return;
	}
	/* HIGH, not the last stable offset: an entry of ours may lie behind somebody else's open transaction. */
	lane->refill_reads[lane->refill_count++] =
		(struct kafka_read){0, part->journal_partition, part->refill_from, KAFKA_UNTIL_HIGH};
}

static bool begin(struct lane *lane)
{
	struct pipeline *p = lane->pipeline;
	struct err err = {0};
	char name[KAFKA_TOPIC_NAME_BYTES];
	const char *topics[] = {name};
	unsigned waiting = 0;
	free(lane->refill_reads);
	lane->refill_reads = must_array(p->journal_partitions, sizeof *lane->refill_reads);
	lane->refill_count = 0;
	for (unsigned i = 0; i < lane->parts_count; i++) {
		if (lane->parts[i]->state != PART_WAITING)
			continue;
		add_read(lane, lane->parts[i]);
		waiting++;
	}
	if (waiting == 0) { /* they were revoked again before it began */
		atomic_store(&lane->refilling, false);
		return false;
	}
	kafka_topic_name(&p->setup.kafka, KAFKA_TOPIC_RESPONSES, name);
	lane->refill = kafka_reader_open(&p->setup.kafka, topics, 1, lane->refill_reads, lane->refill_count,
					 REFILL_RECORDS, NET_TIMEOUT_MS, &err);
	if (lane->refill == NULL) {
		log_warn("lane %u: the journal can't be read, trying again: %s", lane->number, err.text);
		return false;
	}
	for (unsigned i = 0; i < lane->parts_count; i++)
		if (lane->parts[i]->state == PART_WAITING)
			lane->parts[i]->state = PART_REFILLING;
	lane->refill_began_ns = lane->refill_said_ns = os_monotonic_ns();
	lane->refill_entries = 0;
	return true;
}

/* Under another key no response would be known again, and every repeat and edit counted twice. */
static bool same_key(struct lane *lane, const struct bundle_journal *journal, const struct kafka_record *r)
{
	struct err err = {0};
	if (journal->key_print == 0 || journal->key_print == lane->key_print)
		return true;
	char topic[KAFKA_TOPIC_NAME_BYTES];
	kafka_topic_name(&lane->pipeline->setup.kafka, KAFKA_TOPIC_RESPONSES, topic);
	err_set(&err,
		"%s [%" PRId32 "] at offset %" PRId64
		" was written under another id key: repeats and edits of what it holds would count "
		"twice. Give intake.id_key_file (without one: kafka.prefix) as it was, or a new kafka.prefix "
		"to begin anew",
		topic, r->partition, r->offset);
	err.lasting = true;
	lane_fail(lane, &err);
	return false;
}

static void apply(struct lane *lane, const struct kafka_record *r)
{
	struct bundle_journal journal;
	int64_t now_ms = pipeline_now(lane->pipeline);
	struct part *part = NULL;
	for (unsigned i = 0; i < lane->parts_count && part == NULL; i++)
		if (lane->parts[i]->state == PART_REFILLING && str_is(r->key, lane->parts[i]->key))
			part = lane->parts[i];
	if (part == NULL)
		return;
	if (!bundle_read_journal(lane->reader, r->value, &journal)) {
		log_error("journal partition %" PRId32 " offset %" PRId64
			  " can't be read: repeats of the responses in it would be counted again",
			  r->partition, r->offset);
		return;
	}
	if (journal.clock_ms < now_ms - lane->pipeline->setup.intake.responses.horizon_ms)
		return;
	if (!same_key(lane, &journal, r))
		return;
	intake_refill(lane->intake, part->slot, now_ms, &journal);
	intake_mark(&part->marks, journal.clock_ms, r->offset);
	lane->refill_entries += journal.entries_count;
}

static void say_progress(struct lane *lane, bool done)
{
	int64_t now_ns = os_monotonic_ns();
	if (!done && now_ns - lane->refill_said_ns < SAY_NS)
		return;
	lane->refill_said_ns = now_ns;
	double seconds = (double)(now_ns - lane->refill_began_ns) / 1e9;
	log_info("lane %u: %s %" PRIu64 " responses from the journal in %.1f s (%.2f M/s)%s", lane->number,
		 done ? "refilled" : "refilling:", lane->refill_entries, seconds,
		 (double)lane->refill_entries / 1e6 / (seconds + 1e-9), done ? "" : ", more to come");
}

static void end(struct lane *lane)
{
	struct err err = {0};
	say_progress(lane, true);
	metrics_add(lane->shard, METRIC_REFILLED, METRIC_ONLY, lane->refill_entries);
	lane_refill_stop(lane);
	bool waiting = false;
	for (unsigned i = 0; i < lane->parts_count; i++) {
		struct part *part = lane->parts[i];
		if (part->state == PART_REFILLING) {
			part->state = PART_READY;
			if (!kafka_consumer_resume(lane->consumer, part->topic, part->partition, part->next,
						   &err))
				lane_fail(lane, &err);
		}
		waiting = waiting || part->state == PART_WAITING;
	}
	atomic_store(&lane->refilling, waiting);
}

void lane_refill_stop(struct lane *lane)
{
	kafka_reader_close(lane->refill);
	lane->refill = NULL;
	free(lane->refill_reads);
	lane->refill_reads = NULL;
}

void lane_refill_step(struct lane *lane)
{
	struct kafka_record records[REFILL_RECORDS];
	struct err err = {0};
	if (!atomic_load(&lane->refilling) || (lane->refill == NULL && !begin(lane)))
		return;
	int64_t until_ns = os_monotonic_ns() + STEP_NS;
	while (!kafka_reader_done(lane->refill) && os_monotonic_ns() < until_ns) {
		size_t count = 0;
		if (kafka_reader_poll(lane->refill, records, REFILL_RECORDS, &count, 10, &err) ==
		    KAFKA_POLL_FATAL) {
			lane_fail(lane, &err);
			return;
		}
		for (size_t i = 0; i < count; i++)
			apply(lane, &records[i]);
		kafka_reader_release(lane->refill);
	}
	say_progress(lane, false);
	if (kafka_reader_done(lane->refill))
		end(lane);
}
