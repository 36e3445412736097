/*
 * One transaction of a lane: begun only when there is something to write, filled in one go, then handed to the committer thread,
 * which waits for the broker (send offsets 5-8 ms, commit 11-37 ms) while the lane reads on into the next one.
 *
 * How it ends, and what that means:
 *   DONE     what was closed is committed
 *   ABORT    nothing counts: abort, take back what was closed and what is open, seek to the committed offsets
 *   UNCLEAR  the producer is replaced under the same transactional id (which ends the old transaction, one way or the other); then the
 *            committed offsets, not the return code, say what happened
 *   FATAL    somebody else runs under our name: stop
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/log.h"

#define END UINT32_MAX /* of a chain of journal entries */

/* ---- filling ---- */

static bool note(struct lane *lane, enum kafka_outcome out)
{
	if (out != KAFKA_DONE)
		lane->commit_outcome = out;
	return out == KAFKA_DONE;
}

bool lane_send(struct lane *lane, const struct kafka_message *m)
{
	return note(lane, kafka_producer_send(lane->producer, m, &lane->commit_err));
}

static bool emit_tally(void *context, uint32_t shard, struct str bytes)
{
	struct lane *lane = context;
	struct kafka_message m = {.topic = lane->tallies, .partition = (int32_t)shard, .value = bytes};
	return lane_send(lane, &m);
}

static bool write_tallies(struct lane *lane, bool tick)
{
	struct pipeline *p = lane->pipeline;
	struct bundle_sources sources = intake_sources(lane->intake);
	struct bundle_head head = {
		.sources = &sources,
		.shards = p->shards,
		.journals = p->journal_partitions,
		.clock_ms = pipeline_now(p),
		.behind = atomic_load(&lane->behind) || atomic_load(&lane->refilling),
		.instance = str_of(kafka_instance(&p->setup.kafka)),
	};
	return bundle_write(lane->writer, &head, intake_names(lane->intake), intake_tally(lane->intake), tick,
			    emit_tally, lane);
}

struct journal_target {
	struct lane *lane;
	struct part *part;
};

static bool emit_journal(void *context, uint32_t shard, struct str bytes)
{
	struct journal_target *to = context;
	struct kafka_message m = {
		.topic = to->lane->journal,
		.partition = to->part->journal_partition,
		.key = str_of(to->part->key),
		.value = bytes,
		.tag = to->part->number,
	};
	return lane_send(to->lane, &m);
}

/* The newest journal offset of a part would do for the low-water mark too, but the first of a commit is never too late.
 * A part that was revoked meanwhile is not there any more. */
void lane_delivered(void *context, const struct kafka_delivery *d)
{
	struct lane *lane = context;
	for (unsigned i = 0; d->ok && i < lane->parts_count; i++) {
		struct part *part = lane->parts[i];
		if (part->number != d->tag)
			continue;
		if (part->journal_offset < 0)
			part->journal_offset = d->offset;
		return;
	}
}

/* The entries come in the order in which they were decided, of all parts mixed: chained per part, so that each is walked once. */
static void chain_journal(struct lane *lane, unsigned count)
{
	if (count > lane->journal_next_max) {
		lane->journal_next_max = count * 2;
		free(lane->journal_next);
		lane->journal_next = must_array(lane->journal_next_max, sizeof *lane->journal_next);
	}
	for (unsigned i = 0; i < lane->parts_count; i++)
		lane->parts[i]->journal_first = END;
	struct part *part = NULL;
	for (unsigned i = count; i-- > 0;) {
		unsigned slot;
		(void)intake_journal_entry(lane->intake, i, &slot);
		for (unsigned k = 0; (part == NULL || part->slot != slot) && k < lane->parts_count; k++)
			part = lane->parts[k];
		must(part != NULL && part->slot == slot);
		lane->journal_next[i] = part->journal_first;
		part->journal_first = i;
	}
}

static bool write_journal(struct lane *lane)
{
	chain_journal(lane, intake_journal(lane->intake));
	for (unsigned k = 0; k < lane->parts_count; k++) {
		struct journal_target to = {lane, lane->parts[k]};
		if (to.part->journal_first == END)
			continue;
		unsigned slot;
		bundle_journal_begin(lane->writer, pipeline_now(lane->pipeline), lane->key_print);
		for (unsigned i = to.part->journal_first; i != END; i = lane->journal_next[i])
			bundle_journal_add(lane->writer, intake_journal_entry(lane->intake, i, &slot));
		if (!bundle_journal_finish(lane->writer, intake_names(lane->intake), 0, emit_journal, &to))
			return false;
	}
	return true;
}

/* The offsets of parts that moved, each with the journal's low-water mark for whoever refills after us. */
static void write_offsets(struct lane *lane)
{
	struct pipeline *p = lane->pipeline;
	int64_t now_ms = pipeline_now(p);
	if (lane->parts_count > lane->offsets_max) {
		lane->offsets_max = lane->parts_count * 2;
		free(lane->offsets);
		free(lane->metadata);
		lane->offsets = must_array(lane->offsets_max, sizeof *lane->offsets);
		lane->metadata = must_array(lane->offsets_max, sizeof *lane->metadata);
	}
	lane->offsets_count = 0;
	for (unsigned i = 0; i < lane->parts_count; i++) {
		struct part *part = lane->parts[i];
		if (part->next == part->committed && !part->uncommitted)
			continue;
		unsigned n = lane->offsets_count++;
		int64_t low = intake_low_water(&part->marks, now_ms, p->setup.intake.responses.horizon_ms);
		struct commit_mark mark = {low, part->begun.from_ms, part->begun.partitions};
		size_t len = commit_mark_write(lane->metadata[n], sizeof *lane->metadata, &mark);
		lane->offsets[n] = (struct kafka_offset){
			.topic = p->setup.topics[part->topic],
			.partition = part->partition,
			.offset = part->next,
			.metadata = {lane->metadata[n], len},
		};
		part->closing = part->next;
		part->journal_offset = -1;
	}
}

static void ended_badly(struct lane *lane);

static void hand_over(struct lane *lane)
{
	intake_close(lane->intake);
	lane->origins_count = 0;
	lane->keys_used = 0;
	pthread_mutex_lock(&lane->lock);
	lane->commit_state = COMMIT_HANDED;
	pthread_cond_broadcast(&lane->changed);
	pthread_mutex_unlock(&lane->lock);
}

void lane_commit_begin(struct lane *lane)
{
	int64_t now_ns = os_monotonic_ns();
	must(lane->commit_state == COMMIT_NONE);
	bool tick = lane->number == 0 && now_ns - lane->last_tick_ns >= 1000000000;
	err_clear(&lane->commit_err);
	lane->last_commit_ns = lane->commit_began_ns = now_ns;
	write_offsets(lane);
	if (lane->offsets_count > 0) { /* before the first record, on the thread that serves rebalances */
		lane->group = kafka_consumer_group(lane->consumer, &lane->commit_err);
		if (lane->group == NULL) {
			log_warn("lane %u can't commit yet: %s", lane->number, lane->commit_err.text);
			for (unsigned i = 0; i < lane->parts_count; i++)
				lane->parts[i]->closing = -1;
			return;
		}
	}
	lane->commit_outcome = KAFKA_DONE;
	if (!note(lane, kafka_producer_begin(lane->producer, &lane->commit_err)) ||
	    !write_tallies(lane, tick) || !write_journal(lane) || !lane_write_letters(lane)) {
		ended_badly(lane);
		return;
	}
	if (tick)
		lane->last_tick_ns = now_ns;
	hand_over(lane);
}

/* ---- the committer's thread ---- */

static void commit(struct lane *lane)
{
	enum kafka_outcome out = KAFKA_DONE;
	if (lane->offsets_count)
		out = kafka_producer_send_offsets(lane->producer, lane->offsets, lane->offsets_count,
						  lane->group, NET_TIMEOUT_MS, &lane->commit_err);
	if (out == KAFKA_DONE)
		out = kafka_producer_commit(lane->producer, NET_TIMEOUT_MS, &lane->commit_err);
	lane->commit_outcome = out;
}

void *lane_committer(void *context)
{
	struct lane *lane = context;
	pipeline_name_thread("commit", lane->number);
	pthread_mutex_lock(&lane->lock);
	for (;;) {
		while (lane->commit_state != COMMIT_HANDED && !lane->committer_stop)
			pthread_cond_wait(&lane->changed, &lane->lock);
		if (lane->commit_state != COMMIT_HANDED)
			break;
		pthread_mutex_unlock(&lane->lock);
		commit(lane);
		pthread_mutex_lock(&lane->lock);
		lane->commit_state = COMMIT_ENDED;
		pthread_cond_broadcast(&lane->changed);
	}
	pthread_mutex_unlock(&lane->lock);
	return NULL;
}

/* ---- settling, on the lane's thread again ---- */

static void committed(struct lane *lane)
{
	int64_t now_ms = pipeline_now(lane->pipeline);
	intake_commit(lane->intake, &lane->counts);
	for (unsigned i = 0; i < lane->parts_count; i++) {
		struct part *part = lane->parts[i];
		if (part->closing < 0)
			continue;
		part->committed = part->closing;
		part->uncommitted = false;
		part->closing = -1;
		if (part->journal_offset >= 0)
			intake_mark(&part->marks, now_ms, part->journal_offset);
		part->journal_offset = -1;
	}
	lane->commits++;
	atomic_store(&lane->aborts_in_a_row, 0);
	metrics_add(lane->shard, METRIC_COMMITS, METRIC_ONLY, 1);
	metrics_observe(lane->shard, METRIC_COMMIT_SECONDS,
			(uint64_t)(os_monotonic_ns() - lane->commit_began_ns) / 1000);
}

/* The producer was replaced: did the transaction count? All of its offsets or none. */
static bool offsets_say_committed(struct lane *lane)
{
	struct err err = {0};
	bool any = false;
	for (unsigned i = 0; i < lane->parts_count; i++) {
		struct part *part = lane->parts[i];
		if (part->closing < 0)
			continue;
		struct kafka_committed c = {.topic = part->topic, .partition = part->partition};
		while (!kafka_consumer_committed(lane->consumer, &c, 1, NET_TIMEOUT_MS, &err)) {
			log_warn("lane %u asks what was committed: %s", lane->number, err.text);
			err_clear(&err);
			if (atomic_load(&lane->stop))
				return false;
		}
		if (c.offset != part->closing)
			return false;
		any = true;
	}
	return any;
}

static enum kafka_outcome replace(struct lane *lane, struct err *err)
{
	for (;;) {
		err_clear(err);
		enum kafka_outcome out = kafka_producer_replace(lane->producer, NET_TIMEOUT_MS, err);
		if (out == KAFKA_DONE || out == KAFKA_FATAL || atomic_load(&lane->stop))
			return out;
		log_warn("lane %u waits for Kafka to say what became of its transaction: %s", lane->number,
			 err->text);
	}
}

static void ended_badly(struct lane *lane)
{
	struct err err = lane->commit_err;
	enum kafka_outcome out = lane->commit_outcome;
	log_warn("lane %u: transaction %s: %s", lane->number, kafka_outcome_name(out), err.text);
	metrics_add(lane->shard, METRIC_ABORTS, METRIC_ONLY, 1);
	lane->aborts++;
	atomic_fetch_add(&lane->aborts_in_a_row, 1);
	if (out == KAFKA_ABORT) {
		err_clear(&err);
		out = kafka_producer_abort(lane->producer, NET_TIMEOUT_MS, &err);
	}
	bool counted = false;
	if (out == KAFKA_UNCLEAR) {
		out = replace(lane, &err);
		counted = out == KAFKA_DONE && lane->commit_state == COMMIT_ENDED &&
			  offsets_say_committed(lane);
	}
	if (counted) {
		log_info("lane %u: it was committed", lane->number);
		committed(lane);
	} else {
		lane_rollback(lane);
	}
	if (out == KAFKA_FATAL) {
		err.lasting = err.lasting &&
			      !kafka_consumer_was_away(lane->consumer); /* else starting again sorts it out */
		lane_fail(lane, &err);
	}
	kafka_group_destroy(lane->group);
	lane->group = NULL;
}

static void settle(struct lane *lane)
{
	if (lane->commit_outcome == KAFKA_DONE) {
		committed(lane);
		kafka_group_destroy(lane->group);
		lane->group = NULL;
	} else {
		ended_badly(lane);
	}
	lane->commit_state = COMMIT_NONE;
}

void lane_commit_check(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	bool ended = lane->commit_state == COMMIT_ENDED;
	pthread_mutex_unlock(&lane->lock);
	if (ended)
		settle(lane);
	else if (lane->commit_state == COMMIT_NONE)
		kafka_producer_serve(lane->producer);
}

void lane_commit_wait(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	while (lane->commit_state == COMMIT_HANDED)
		pthread_cond_wait(&lane->changed, &lane->lock);
	pthread_mutex_unlock(&lane->lock);
	lane_commit_check(lane);
}

void lane_commit_all(struct lane *lane)
{
	lane_commit_wait(lane);
	if (lane->give_up || (intake_idle(lane->intake) && !lane_uncommitted(lane)))
		return;
	lane_commit_begin(lane);
	lane_commit_wait(lane);
	if (!intake_idle(
		    lane->intake)) /* no member of the group any more: it comes again, to us or to somebody else */
		lane_rollback(lane);
}
