/* The partitions of a lane: they come and go inside the poll, on the lane's thread. */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "log/log.h"

struct part *lane_part(const struct lane *lane, uint32_t topic, int32_t partition)
{
	for (unsigned i = 0; i < lane->parts_count; i++)
		if (lane->parts[i]->topic == topic && lane->parts[i]->partition == partition)
			return lane->parts[i];
	return NULL;
}

/* A first position is committed though nothing was read: else whoever comes next decides it anew, and may skip what came meanwhile. */
bool lane_uncommitted(const struct lane *lane)
{
	for (unsigned i = 0; i < lane->parts_count; i++)
		if (lane->parts[i]->uncommitted)
			return true;
	return false;
}

static struct part *add_part(struct lane *lane, const struct kafka_assigned *a, const struct first *first)
{
	struct pipeline *p = lane->pipeline;
	struct part *part = must_alloc(sizeof *part);
	char number[16];
	snprintf(part->key, sizeof part->key, "%s:%" PRId32, p->setup.topics[a->topic], a->partition);
	snprintf(number, sizeof number, "%" PRId32, a->partition);
	part->topic = a->topic;
	part->partition = a->partition;
	part->number = ++lane->parts_made;
	part->slot = intake_partition_open(lane->intake);
	part->committed = first->offset;
	part->uncommitted = a->committed < 0;
	part->next = part->committed;
	part->closing = part->journal_offset = -1;
	part->refill_from = first->mark.journal >= 0 ? first->mark.journal : KAFKA_OFFSET_EARLIEST;
	part->begun = first->mark;
	part->journal_partition = (int32_t)hash_shard(hash_bytes(str_of(part->key)), p->journal_partitions);
	part->label = metrics_label(p->metrics, METRIC_LAG, p->setup.topics[a->topic], number);
	lane->parts =
		pipeline_room(lane->parts, &lane->parts_max, lane->parts_count + 1, sizeof *lane->parts);
	lane->parts[lane->parts_count++] = part;
	return part;
}

static void assigned(void *context, struct kafka_assigned *list, size_t count)
{
	struct lane *lane = context;
	struct first *firsts = must_array(count, sizeof *firsts);
	if (!first_find(lane, list, count, firsts)) {
		for (size_t i = 0; i < count; i++)
			list[i].start = KAFKA_OFFSET_LATER;
		free(firsts);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct part *part = add_part(lane, &list[i], &firsts[i]);
		list[i].start = part->committed;
		list[i].paused = true; /* until its responses are known again */
		log_info("lane %u: %s from offset %" PRId64, lane->number, part->key, part->committed);
	}
	free(firsts);
	atomic_store(&lane->refilling, true);
	atomic_store(&lane->caught_up, false);
}

static void drop_part(struct lane *lane, uint32_t topic, int32_t partition)
{
	for (unsigned i = 0; i < lane->parts_count; i++) {
		struct part *part = lane->parts[i];
		if (part->topic != topic || part->partition != partition)
			continue;
		metrics_drop(lane->shard, METRIC_LAG, part->label);
		intake_partition_drop(lane->intake, part->slot);
		lane->parts[i] = lane->parts[--lane->parts_count];
		free(part);
		return;
	}
}

static void revoked(void *context, const struct kafka_partition *list, size_t count)
{
	struct lane *lane = context;
	lane_commit_all(lane);
	for (size_t i = 0; i < count; i++)
		drop_part(lane, list[i].topic, list[i].partition);
}

/* Somebody else may own them already: nothing of what is open may count. */
static void lost(void *context, const struct kafka_partition *list, size_t count)
{
	struct lane *lane = context;
	log_warn("lane %u lost %zu partitions: what was not committed is taken back", lane->number, count);
	lane_commit_wait(lane);
	lane_rollback(lane);
	for (size_t i = 0; i < count; i++)
		drop_part(lane, list[i].topic, list[i].partition);
}

static void out_of_range(void *context, const struct kafka_range_error *e)
{
	struct lane *lane = context;
	struct part *part = lane_part(lane, e->topic, e->partition);
	log_error("%s:%" PRId32 ": offset %" PRId64 " is gone (there is %" PRId64 " to %" PRId64
		  "): reading goes on at %" PRId64
		  ", what was between is lost to us (retention, or the topic was created anew)",
		  lane->pipeline->setup.topics[e->topic], e->partition, e->wanted, e->low, e->high, e->low);
	metrics_add(lane->shard, METRIC_INPUT_RESETS, METRIC_ONLY, 1);
	if (part) {
		part->next = part->committed = e->low;
		part->uncommitted = true;
	}
}

struct kafka_consumer_events lane_events(struct lane *lane)
{
	return (struct kafka_consumer_events){assigned, revoked, lost, out_of_range, lane};
}
