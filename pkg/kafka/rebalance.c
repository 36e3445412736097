#include "kafka/kafka.h"

#include <stdlib.h>
#include <string.h>

#include "kafka/kafka_priv.h"

/*
 * librdkafka's callback arrives in the middle of taking a batch. It only notes the event; kafka_rebalance_serve() carries it out when
 * the batch is complete, so that a record's partition either is ours for the whole batch or the record is left out.
 *
 * librdkafka 2.0 pauses the partitions that we keep while a rebalance is under way, and may throw records of them away that a batch call
 * has already taken, without fetching them again (mended in 2.1). So after each rebalance they are sought to where we know we are.
 */

#define LEAVE_WAIT_MS	5000 /* for librdkafka's own threads, and an answer of the broker that is on its way */
#define JOIN_WAIT_MS	4500 /* for a first assignment that may come */
#define ASSIGN_AGAIN_MS 100 /* a question that Kafka refuses at once is not asked again without a pause */

/* ---- the partitions that we have ---- */

uint32_t kafka_topic_index(const struct kafka_consumer *consumer, const char *name)
{
	for (size_t i = 0; i < consumer->topics_count; i++)
		if (strcmp(consumer->topics[i], name) == 0)
			return (uint32_t)i;
	return TOPIC_UNKNOWN;
}

struct kafka_part *kafka_part_find(const struct kafka_consumer *consumer, uint32_t topic, int32_t partition)
{
	for (size_t i = 0; i < consumer->parts_count; i++)
		if (consumer->parts[i].partition == partition && consumer->parts[i].topic == topic)
			return &consumer->parts[i];
	return NULL;
}

struct kafka_part *kafka_part_add(struct kafka_consumer *consumer, uint32_t topic, int32_t partition,
				  int64_t start)
{
	struct kafka_part *part = kafka_part_find(consumer, topic, partition);
	if (part == NULL && consumer->parts_count == consumer->parts_room) {
		size_t room = consumer->parts_room ? consumer->parts_room * 2 : 16;
		struct kafka_part *parts = must_array(room, sizeof *parts);
		if (consumer->parts_count > 0)
			memcpy(parts, consumer->parts, consumer->parts_count * sizeof *parts);
		free(consumer->parts);
		consumer->parts = parts;
		consumer->parts_room = room;
	}
	if (part == NULL)
		part = &consumer->parts[consumer->parts_count++];
	/* stale: records that are in hand come from an earlier life of this partition */
	*part = (struct kafka_part){.topic = topic,
				    .partition = partition,
				    .start = start,
				    .position = KAFKA_OFFSET_NONE,
				    .eof = KAFKA_OFFSET_NONE,
				    .reset_from = KAFKA_OFFSET_NONE,
				    .stale = true};
	return part;
}

void kafka_part_drop(struct kafka_consumer *consumer, uint32_t topic, int32_t partition)
{
	struct kafka_part *part = kafka_part_find(consumer, topic, partition);
	if (part != NULL)
		*part = consumer->parts[--consumer->parts_count];
}

rd_kafka_topic_partition_list_t *kafka_part_list(const struct kafka_consumer *consumer, uint32_t topic,
						 int32_t partition, int64_t offset)
{
	must(topic < consumer->topics_count);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, consumer->topics[topic], partition)->offset = offset;
	return list;
}

/* ---- carrying a rebalance out ---- */

static void library_answer(struct kafka_consumer *consumer, bool assign,
			   rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_error_t *error = assign ? rd_kafka_incremental_assign(consumer->rk, list)
					 : rd_kafka_incremental_unassign(consumer->rk, list);
	if (error == NULL)
		return;
	/* The group went on without us meanwhile: another event follows and puts it right. */
	kafka_say(consumer->log.options, KAFKA_LOG_WARNING, "%s %d partitions: %s",
		  assign ? "taking" : "giving up", list->cnt, rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
}

static void kept_seek(struct kafka_consumer *consumer)
{
	for (size_t i = 0; i < consumer->parts_count; i++) {
		struct kafka_part *part = &consumer->parts[i];
		struct err err = {0};
		int64_t at = part->position != KAFKA_OFFSET_NONE ? part->position
			     : part->eof != KAFKA_OFFSET_NONE	 ? part->eof
								 : part->start;
		if (part->reset_from == KAFKA_OFFSET_NONE && !kafka_part_seek(consumer, part, at, &err))
			kafka_say(consumer->log.options, KAFKA_LOG_WARNING, "%s", err.text);
	}
}

/* Tells the caller and forgets them. */
static void give_up(struct kafka_consumer *consumer, const struct kafka_partition *gone, size_t count,
		    bool lost)
{
	const struct kafka_consumer_events *events = &consumer->events;
	if (count > 0 && lost && events->lost != NULL)
		events->lost(events->context, gone, count);
	else if (count > 0 && events->revoked != NULL)
		events->revoked(events->context, gone, count);
	for (size_t i = 0; i < count; i++)
		kafka_part_drop(consumer, gone[i].topic, gone[i].partition);
}

static void revoke(struct kafka_consumer *consumer, const struct kafka_rebalance *event)
{
	size_t count = 0;
	struct kafka_partition *gone = must_array((size_t)event->list->cnt + 1, sizeof *gone);
	for (int i = 0; i < event->list->cnt; i++) {
		const rd_kafka_topic_partition_t *p = &event->list->elems[i];
		uint32_t topic = kafka_topic_index(consumer, p->topic);
		if (kafka_part_find(consumer, topic, p->partition) != NULL)
			gone[count++] = (struct kafka_partition){topic, p->partition};
	}
	give_up(consumer, gone, count, event->lost);
	free(gone);
	kept_seek(consumer);
	library_answer(consumer, false, event->list);
}

static void pending_drop(struct kafka_consumer *consumer)
{
	rd_kafka_topic_partition_list_destroy(consumer->pending[0].list);
	memmove(consumer->pending, consumer->pending + 1,
		--consumer->pending_count * sizeof *consumer->pending);
}

/* Only for librdkafka's sake: nobody reads these partitions any more. */
static void answer_pending(struct kafka_consumer *consumer)
{
	for (; consumer->pending_count > 0; pending_drop(consumer))
		library_answer(consumer, consumer->pending[0].assign, consumer->pending[0].list);
}

/* Takes a batch for its events only; false: nothing was there. */
static bool batch_drop(struct kafka_consumer *consumer, int timeout_ms)
{
	ssize_t n = rd_kafka_consume_batch_queue(consumer->queue, timeout_ms, consumer->messages,
						 consumer->batch_max);
	consumer->messages_count = n > 0 ? (size_t)n : 0;
	kafka_consumer_release(consumer);
	return n > 0;
}

/*
 * librdkafka 2.0 aborts the program when a member ends between the broker's answer to its first joining and its first assignment (mended in
 * 2.1): that moment is waited out. From outside it can only be seen when it is there (a generation), not when it is about to come; so a
 * member that was never assigned anything waits a while for it, unless no broker is there to answer.
 */
static void joining_wait(struct kafka_consumer *consumer)
{
	int64_t since_ms = kafka_now_ms();
	while (consumer->stats.rebalances == 0) {
		int64_t limit_ms = kafka_group_joined(consumer) ? LEAVE_WAIT_MS
				   : consumer->brokers_down	? 0
								: JOIN_WAIT_MS;
		if (kafka_now_ms() - since_ms >= limit_ms)
			return;
		batch_drop(consumer, 10);
	}
}

static void give_up_all(struct kafka_consumer *consumer, bool lost)
{
	size_t count = consumer->parts_count;
	struct kafka_partition *gone = must_array(count + 1, sizeof *gone);
	for (size_t i = 0; i < count; i++)
		gone[i] = (struct kafka_partition){consumer->parts[i].topic, consumer->parts[i].partition};
	give_up(consumer, gone, count, lost);
	free(gone);
}

void kafka_rebalance_lose(struct kafka_consumer *consumer)
{
	give_up_all(consumer, true);
}

void kafka_rebalance_leave(struct kafka_consumer *consumer)
{
	bool lost = rd_kafka_assignment_lost(consumer->rk);
	for (size_t i = 0; i < consumer->pending_count; i++)
		lost |= consumer->pending[i].lost;
	give_up_all(consumer, lost);
	joining_wait(consumer);
	/* librdkafka does not end while an answer is due, so every event that is still on its way gets one. */
	answer_pending(consumer);
	rd_kafka_unsubscribe(consumer->rk);
	int64_t deadline_ms = kafka_now_ms() + LEAVE_WAIT_MS;
	while ((batch_drop(consumer, 0) || consumer->pending_count > 0) && kafka_now_ms() < deadline_ms)
		answer_pending(consumer);
}

/* Says where the caller wants to begin; false: the committed offsets are not to be had yet. */
static bool starts_decide(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *list,
			  struct kafka_assigned *assigned)
{
	rd_kafka_resp_err_t code = rd_kafka_committed(consumer->rk, list, 5000);
	for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
		code = list->elems[i].err;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		struct err err = {0};
		if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
			kafka_denied_note(consumer, consumer->topics_count, KAFKA_DENIED_DESCRIBE);
			return false;
		}
		kafka_err(&err, code, "asking for the committed offsets", NULL);
		kafka_say(consumer->log.options, KAFKA_LOG_WARNING, "%s; trying again", err.text);
		return false;
	}
	for (int i = 0; i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *p = &list->elems[i];
		int64_t committed = p->offset >= 0 ? p->offset : KAFKA_OFFSET_NONE;
		assigned[i] = (struct kafka_assigned){
			.topic = kafka_topic_index(consumer, p->topic),
			.partition = p->partition,
			.committed = committed,
			.metadata = {p->metadata, p->metadata_size},
			.start = committed != KAFKA_OFFSET_NONE ? committed : KAFKA_OFFSET_EARLIEST,
		};
		must(assigned[i].topic != TOPIC_UNKNOWN);
	}
	if (list->cnt > 0 && consumer->events.assigned != NULL)
		consumer->events.assigned(consumer->events.context, assigned, (size_t)list->cnt);
	for (int i = 0; i < list->cnt; i++)
		if (assigned[i].start == KAFKA_OFFSET_LATER)
			return false;
	return true;
}

static bool assign(struct kafka_consumer *consumer, const struct kafka_rebalance *event)
{
	rd_kafka_topic_partition_list_t *list = event->list;
	struct kafka_assigned *assigned = must_array((size_t)list->cnt + 1, sizeof *assigned);
	bool ok = list->cnt == 0 || starts_decide(consumer, list, assigned);
	if (ok) {
		for (int i = 0; i < list->cnt; i++) {
			struct kafka_assigned *a = &assigned[i];
			a->start = kafka_offset_resolve(consumer, a->topic, a->partition, a->start);
			list->elems[i].offset = a->start;
		}
		library_answer(consumer, true, list);
		kept_seek(consumer);
		for (int i = 0; i < list->cnt; i++) {
			struct err err = {0};
			kafka_part_add(consumer, assigned[i].topic, assigned[i].partition, assigned[i].start);
			if (assigned[i].paused &&
			    !kafka_consumer_pause(consumer, assigned[i].topic, assigned[i].partition, &err))
				kafka_say(consumer->log.options, KAFKA_LOG_WARNING, "%s", err.text);
		}
		consumer->stats.topics_missing = false;
		consumer->denied[consumer->topics_count] = KAFKA_DENIED_NOTHING;
	}
	free(assigned);
	return ok;
}

void kafka_rebalance_serve(struct kafka_consumer *consumer)
{
	while (consumer->pending_count > 0) {
		struct kafka_rebalance *event = &consumer->pending[0];
		/* An assignment that was lost before it was carried out is not begun. */
		bool moot = consumer->pending_count > 1 && consumer->pending[1].lost;
		if (event->assign && moot)
			library_answer(consumer, true, event->list);
		else if (event->assign && !assign(consumer, event)) {
			nanosleep(&(struct timespec){.tv_nsec = ASSIGN_AGAIN_MS * 1000000L}, NULL);
			return;
		} else if (!event->assign)
			revoke(consumer, event);
		pending_drop(consumer);
	}
}

void kafka_rebalance_callback(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
			      void *opaque)
{
	struct kafka_consumer *consumer = opaque;
	must(consumer->pending_count < sizeof consumer->pending / sizeof *consumer->pending);
	consumer->pending[consumer->pending_count++] = (struct kafka_rebalance){
		.assign = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
		.lost = rd_kafka_assignment_lost(rk),
		.list = rd_kafka_topic_partition_list_copy(list),
	};
	consumer->stats.rebalances++;
	if (rd_kafka_assignment_lost(rk))
		consumer->away_ms = kafka_now_ms();
	rd_kafka_queue_yield(consumer->queue); /* a poll that waits for a record ends */
}

/* ---- offsets that are gone ---- */

static bool range_mend(struct kafka_consumer *consumer, struct kafka_part *part)
{
	struct err err = {0};
	struct kafka_range_error range = {
		.topic = part->topic, .partition = part->partition, .wanted = part->reset_from};
	if (!kafka_consumer_watermarks(consumer, part->topic, part->partition, &range.low, &range.high, 5000,
				       &err)) {
		kafka_say(consumer->log.options, KAFKA_LOG_WARNING, "%s", err.text);
		return false;
	}
	/* librdkafka has stopped fetching it, and a seek can't start it: it is taken anew. */
	bool paused = part->paused, there = range.low <= range.wanted && range.wanted <= range.high;
	int64_t next =
		there ? range.wanted
		      : range.low; /* there: librdkafka 2.1 and later ask after every change of the leader */
	rd_kafka_topic_partition_list_t *list = kafka_part_list(consumer, part->topic, part->partition, next);
	library_answer(consumer, false, list);
	library_answer(consumer, true, list);
	rd_kafka_topic_partition_list_destroy(list);
	part = kafka_part_add(consumer, part->topic, part->partition, next);
	if (paused && !kafka_part_pause(consumer, part, true, &err))
		kafka_say(consumer->log.options, KAFKA_LOG_WARNING, "%s", err.text);
	if (there)
		return true;
	consumer->stats.out_of_range++;
	kafka_say(consumer->log.options, KAFKA_LOG_WARNING,
		  "%s [%d]: offset %lld is gone (there are %lld to %lld); going on at %lld. Was the topic "
		  "created anew, or is its retention too short?",
		  consumer->topics[range.topic], range.partition, (long long)range.wanted,
		  (long long)range.low, (long long)range.high, (long long)range.low);
	if (consumer->events.out_of_range != NULL)
		consumer->events.out_of_range(consumer->events.context, &range);
	return true;
}

void kafka_range_serve(struct kafka_consumer *consumer)
{
	consumer->reset_pending = false;
	for (size_t i = 0; i < consumer->parts_count; i++)
		if (consumer->parts[i].reset_from != KAFKA_OFFSET_NONE &&
		    !range_mend(consumer, &consumer->parts[i]))
			consumer->reset_pending = true;
}
