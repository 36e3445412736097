#include "kafka/kafka.h"

#include <stdlib.h>
#include <string.h>

#include "kafka/kafka_priv.h"

static void err_part(struct err *err, const struct kafka_consumer *consumer, uint32_t topic,
		     int32_t partition, const char *what, rd_kafka_resp_err_t code)
{
	char subject[400];
	if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED && topic < consumer->topics_count) {
		kafka_err_right(err, code, "Describe", "topic", consumer->topics[topic]);
		return;
	}
	snprintf(subject, sizeof subject, "%s [%d]: %s",
		 topic < consumer->topics_count ? consumer->topics[topic] : "?", partition, what);
	kafka_err(err, code, subject, NULL);
}

/* ---- moving ---- */

int64_t kafka_offset_resolve(struct kafka_consumer *consumer, uint32_t topic, int32_t partition,
			     int64_t offset)
{
	struct err err = {0};
	int64_t low, end;
	if (offset >= 0)
		return offset;
	if (kafka_consumer_watermarks(consumer, topic, partition, &low, &end, 5000, &err))
		return offset == KAFKA_OFFSET_LATEST ? end : low;
	kafka_say(consumer->log.options, KAFKA_LOG_WARNING, "%s", err.text);
	/* If 0 is gone, that is noticed and put right. */
	return offset == KAFKA_OFFSET_LATEST ? offset : 0;
}

bool kafka_part_seek(struct kafka_consumer *consumer, struct kafka_part *part, int64_t offset,
		     struct err *err)
{
	offset = kafka_offset_resolve(consumer, part->topic, part->partition, offset);
	rd_kafka_topic_partition_list_t *list =
		kafka_part_list(consumer, part->topic, part->partition, offset);
	/* -1: waits only for librdkafka's own thread. (Up to 2.1 it takes the time-out for microseconds.) */
	rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer->rk, list, -1);
	rd_kafka_resp_err_t code = error != NULL ? rd_kafka_error_code(error) : list->elems[0].err;
	rd_kafka_error_destroy(error);
	/* Not fetching at all: its offset was gone. It is taken anew. */
	if (code == RD_KAFKA_RESP_ERR__STATE) {
		code = RD_KAFKA_RESP_ERR_NO_ERROR;
		rd_kafka_error_destroy(rd_kafka_incremental_unassign(consumer->rk, list));
		error = rd_kafka_incremental_assign(consumer->rk, list);
		if (error != NULL)
			code = rd_kafka_error_code(error);
		rd_kafka_error_destroy(error);
	}
	rd_kafka_topic_partition_list_destroy(list);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		err_part(err, consumer, part->topic, part->partition, "seek", code);
		return false;
	}
	bool paused = part->paused;
	part = kafka_part_add(consumer, part->topic, part->partition, offset);
	part->paused = paused;
	if (offset >= 0)
		part->position = offset;
	return true;
}

bool kafka_part_pause(struct kafka_consumer *consumer, struct kafka_part *part, bool pause, struct err *err)
{
	rd_kafka_topic_partition_list_t *list =
		kafka_part_list(consumer, part->topic, part->partition, RD_KAFKA_OFFSET_INVALID);
	rd_kafka_resp_err_t code = pause ? rd_kafka_pause_partitions(consumer->rk, list)
					 : rd_kafka_resume_partitions(consumer->rk, list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = list->elems[0].err;
	rd_kafka_topic_partition_list_destroy(list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
		part->paused = pause;
		return true;
	}
	err_part(err, consumer, part->topic, part->partition, pause ? "pause" : "resume", code);
	return false;
}

static struct kafka_part *part_owned(struct kafka_consumer *consumer, uint32_t topic, int32_t partition,
				     struct err *err)
{
	struct kafka_part *part = kafka_part_find(consumer, topic, partition);
	if (part == NULL)
		err_part(err, consumer, topic, partition, "is not ours", RD_KAFKA_RESP_ERR__STATE);
	return part;
}

bool kafka_consumer_pause(struct kafka_consumer *consumer, uint32_t topic, int32_t partition, struct err *err)
{
	struct kafka_part *part = part_owned(consumer, topic, partition, err);
	return part != NULL && kafka_part_pause(consumer, part, true, err);
}

bool kafka_consumer_resume(struct kafka_consumer *consumer, uint32_t topic, int32_t partition, int64_t from,
			   struct err *err)
{
	struct kafka_part *part = part_owned(consumer, topic, partition, err);
	if (part == NULL)
		return false;
	/* librdkafka 2.0 can skip what it had fetched before the pause: say where to go on. The seek also wakes its fetcher, which else may
	 * sleep on for up to a second. */
	int64_t stands = part->position != KAFKA_OFFSET_NONE ? part->position : part->start;
	return kafka_part_pause(consumer, part, false, err) &&
	       kafka_part_seek(consumer, part, from != KAFKA_OFFSET_NONE ? from : stands, err);
}

bool kafka_consumer_seek(struct kafka_consumer *consumer, uint32_t topic, int32_t partition, int64_t offset,
			 struct err *err)
{
	struct kafka_part *part = part_owned(consumer, topic, partition, err);
	return part != NULL && kafka_part_seek(consumer, part, offset, err);
}

/* ---- asking ---- */

bool kafka_consumer_committed(struct kafka_consumer *consumer, struct kafka_committed *out, size_t count,
			      int timeout_ms, struct err *err)
{
	if (count == 0)
		return true;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	for (size_t i = 0; i < count; i++) {
		must(out[i].topic < consumer->topics_count);
		rd_kafka_topic_partition_list_add(list, consumer->topics[out[i].topic], out[i].partition);
	}
	rd_kafka_resp_err_t code = rd_kafka_committed(consumer->rk, list, timeout_ms);
	for (size_t i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < count; i++) {
		const rd_kafka_topic_partition_t *p = &list->elems[i];
		code = p->err;
		out[i].offset = p->offset >= 0 ? p->offset : KAFKA_OFFSET_NONE;
		size_t len = p->metadata_size < sizeof out[i].metadata ? p->metadata_size
								       : sizeof out[i].metadata - 1;
		if (len > 0)
			memcpy(out[i].metadata, p->metadata, len);
		out[i].metadata[len] = '\0';
	}
	rd_kafka_topic_partition_list_destroy(list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
		kafka_err_right(err, code, "Describe", "group", consumer->group);
	else
		kafka_err(err, code, "asking for the committed offsets", NULL);
	return false;
}

bool kafka_consumer_offset_at(struct kafka_consumer *consumer, uint32_t topic, int32_t partition,
			      int64_t time_ms, int64_t *offset, int timeout_ms, struct err *err)
{
	rd_kafka_topic_partition_list_t *list =
		kafka_part_list(consumer, topic, partition, time_ms < 0 ? 0 : time_ms);
	rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(consumer->rk, list, timeout_ms);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = list->elems[0].err;
	*offset = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		err_part(err, consumer, topic, partition, "asking for the offset of a time", code);
		return false;
	}
	int64_t low;
	return *offset >= 0 ||
	       kafka_consumer_watermarks(consumer, topic, partition, &low, offset, timeout_ms, err);
}

bool kafka_consumer_watermarks(struct kafka_consumer *consumer, uint32_t topic, int32_t partition,
			       int64_t *low, int64_t *stable, int timeout_ms, struct err *err)
{
	must(topic < consumer->topics_count);
	/* The request carries this client's isolation level, so the end is the last stable offset. */
	rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(consumer->rk, consumer->topics[topic],
								    partition, low, stable, timeout_ms);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	err_part(err, consumer, topic, partition, "asking where it begins and ends", code);
	return false;
}

int kafka_consumer_topic_partitions(struct kafka_consumer *consumer, uint32_t topic)
{
	must(topic < consumer->topics_count);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(consumer->rk, consumer->topics[topic], NULL);
	if (rkt == NULL)
		return -1;
	int partitions = -1;
	if (rd_kafka_metadata(consumer->rk, 0, rkt, &metadata, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		if (metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR)
			partitions = metadata->topics[0].partition_cnt;
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_topic_destroy(rkt);
	return partitions;
}

/* ---- what is known without asking ---- */

size_t kafka_consumer_positions(const struct kafka_consumer *consumer, struct kafka_position *out, size_t max)
{
	for (size_t i = 0; i < consumer->parts_count && i < max; i++) {
		const struct kafka_part *part = &consumer->parts[i];
		int64_t low, high;
		if (rd_kafka_get_watermark_offsets(consumer->rk, consumer->topics[part->topic],
						   part->partition, &low,
						   &high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
		    high < 0)
			high = -1;
		/* The end that was seen lies behind the last record's offset by the transaction markers that follow it. */
		int64_t next = part->eof > part->position ? part->eof : part->position;
		out[i] = (struct kafka_position){.topic = part->topic,
						 .partition = part->partition,
						 .position = part->position,
						 .high = high,
						 .lag = high < 0 || next < 0 ? -1
							: high > next	     ? high - next
									     : 0,
						 .paused = part->paused};
	}
	return consumer->parts_count;
}

/* ---- the group ---- */

struct kafka_group {
	rd_kafka_consumer_group_metadata_t *metadata;
	int32_t generation;
};

/* "CGMDv2:", the generation as an int32 in the machine's order, then names: the only way to the generation in librdkafka 2.0. */
static bool generation_read(const rd_kafka_consumer_group_metadata_t *metadata, int32_t *generation)
{
	static const char magic[] = "CGMDv2:";
	const size_t at = sizeof magic - 1;
	void *bytes;
	size_t size;
	rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);
	if (error != NULL) {
		rd_kafka_error_destroy(error);
		return false;
	}
	bool ok = size >= at + sizeof *generation && memcmp(bytes, magic, at) == 0;
	if (ok)
		memcpy(generation, (const char *)bytes + at, sizeof *generation);
	rd_kafka_mem_free(NULL, bytes);
	return ok;
}

bool kafka_group_joined(const struct kafka_consumer *consumer)
{
	int32_t generation = -1;
	rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(consumer->rk);
	bool joined = metadata != NULL && generation_read(metadata, &generation) && generation >= 0;
	if (metadata != NULL)
		rd_kafka_consumer_group_metadata_destroy(metadata);
	return joined;
}

struct kafka_group *kafka_consumer_group(struct kafka_consumer *consumer, struct err *err)
{
	rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(consumer->rk);
	int32_t generation = -1;
	if (metadata == NULL) {
		err_set(err, "this consumer is in no group");
		return NULL;
	}
	bool ok = false;
	if (!generation_read(metadata, &generation))
		err_set(err,
			"librdkafka %s writes group metadata in a form that is not known; nothing can be "
			"committed safely",
			rd_kafka_version_str());
	else if (generation < 0 || rd_kafka_assignment_lost(consumer->rk))
		err_set(err, "not a member of group %s just now", consumer->log.options->group);
	else
		ok = true;
	if (!ok) {
		rd_kafka_consumer_group_metadata_destroy(metadata);
		return NULL;
	}
	struct kafka_group *group = must_alloc(sizeof *group);
	*group = (struct kafka_group){metadata, generation};
	return group;
}

void kafka_group_destroy(struct kafka_group *group)
{
	if (group == NULL)
		return;
	rd_kafka_consumer_group_metadata_destroy(group->metadata);
	free(group);
}

int32_t kafka_group_generation(const struct kafka_group *group)
{
	return group->generation;
}

const rd_kafka_consumer_group_metadata_t *kafka_group_metadata(const struct kafka_group *group)
{
	return group->metadata;
}
