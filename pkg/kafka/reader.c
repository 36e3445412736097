#include "kafka/kafka.h"

#include <stdlib.h>
#include <string.h>

#include "kafka/kafka_priv.h"

/*
 * A consumer with partitions of our choice. librdkafka wants a group even for that; it is named but never joined.
 */
struct kafka_reader {
	struct kafka_consumer *consumer;
	struct kafka_read *reads;
	bool *done;
	size_t reads_count, open_count;
};

static rd_kafka_conf_t *reader_conf(const struct kafka_options *options, bool committed, struct err *err)
{
	rd_kafka_conf_t *conf = kafka_conf_create(options, "reader", err);
	if (conf == NULL)
		return NULL;
	const struct kafka_property fixed[] = {
		{"group.id", options->group},
		{"isolation.level", committed ? "read_committed" : "read_uncommitted"},
		{"enable.auto.commit", "false"},
		{"enable.auto.offset.store", "false"},
		{"auto.offset.reset", "earliest"},
		{"enable.partition.eof", "true"},
		{"allow.auto.create.topics", "false"},
		{"statistics.interval.ms", "2000"},
	};
	bool ok = true;
	for (size_t i = 0; ok && i < sizeof fixed / sizeof *fixed; i++)
		ok = kafka_conf_put(conf, fixed[i].name, fixed[i].value, err);
	if (ok)
		return conf;
	rd_kafka_conf_destroy(conf);
	return NULL;
}

/* The high watermarks need a client that reads uncommitted records: the others are told the last stable offset. */
static bool ends_ask(struct kafka_consumer *consumer, struct kafka_read *reads, size_t count, int64_t kind,
		     int64_t deadline_ms, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		int64_t low, left_ms = deadline_ms - kafka_now_ms();
		if (reads[i].until == kind &&
		    !kafka_consumer_watermarks(consumer, reads[i].topic, reads[i].partition, &low,
					       &reads[i].until, left_ms < 100 ? 100 : (int)left_ms, err))
			return false;
	}
	return true;
}

static bool ends_high(const struct kafka_options *options, const char *const *topics, size_t topics_count,
		      struct kafka_read *reads, size_t count, int64_t deadline_ms, struct err *err)
{
	size_t wanted = 0;
	for (size_t i = 0; i < count; i++)
		wanted += reads[i].until == KAFKA_UNTIL_HIGH;
	if (wanted == 0)
		return true;
	rd_kafka_conf_t *conf = reader_conf(options, false, err);
	if (conf == NULL)
		return false;
	struct kafka_consumer *consumer = kafka_consumer_create(options, conf, topics, topics_count, 1, err);
	if (consumer == NULL)
		return false;
	bool ok = ends_ask(consumer, reads, count, KAFKA_UNTIL_HIGH, deadline_ms, err);
	kafka_consumer_close(consumer);
	return ok;
}

static void part_finish(struct kafka_reader *reader, size_t i)
{
	if (reader->done[i])
		return;
	reader->done[i] = true;
	reader->open_count--;
	/* What lies behind the end is not fetched for nothing. */
	struct err err = {0};
	struct kafka_part *part =
		kafka_part_find(reader->consumer, reader->reads[i].topic, reader->reads[i].partition);
	if (part != NULL && !kafka_part_pause(reader->consumer, part, true, &err))
		kafka_say(reader->consumer->log.options, KAFKA_LOG_DEBUG, "%s", err.text);
}

static bool reads_assign(struct kafka_reader *reader, struct err *err)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new((int)reader->reads_count + 1);
	for (size_t i = 0; i < reader->reads_count; i++) {
		const struct kafka_read *read = &reader->reads[i];
		must(read->topic < reader->consumer->topics_count);
		reader->open_count++;
		if (read->until >= 0 && (read->from >= read->until || read->until == 0)) {
			part_finish(reader, i);
			continue;
		}
		kafka_part_add(reader->consumer, read->topic, read->partition, read->from);
		rd_kafka_topic_partition_list_add(list, reader->consumer->topics[read->topic],
						  read->partition)
			->offset = read->from;
	}
	rd_kafka_resp_err_t code = rd_kafka_assign(reader->consumer->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	kafka_err(err, code, "reading", NULL);
	return false;
}

struct kafka_reader *kafka_reader_open(const struct kafka_options *options, const char *const *topics,
				       size_t topics_count, struct kafka_read *reads, size_t reads_count,
				       size_t batch_max, int timeout_ms, struct err *err)
{
	int64_t deadline_ms = kafka_now_ms() + timeout_ms;
	rd_kafka_conf_t *conf = reader_conf(options, true, err);
	if (conf == NULL)
		return NULL;
	struct kafka_consumer *consumer =
		kafka_consumer_create(options, conf, topics, topics_count, batch_max, err);
	if (consumer == NULL)
		return NULL;
	struct kafka_reader *reader = must_alloc(sizeof *reader);
	reader->consumer = consumer;
	reader->reads = must_array(reads_count + 1, sizeof *reads);
	reader->done = must_array(reads_count + 1, sizeof *reader->done);
	if (ends_high(options, topics, topics_count, reads, reads_count, deadline_ms, err) &&
	    ends_ask(consumer, reads, reads_count, KAFKA_UNTIL_STABLE, deadline_ms, err)) {
		reader->reads_count = reads_count;
		if (reads_count > 0)
			memcpy(reader->reads, reads, reads_count * sizeof *reads);
		for (size_t i = 0; i < reads_count; i++)
			reader->reads[i].from = kafka_offset_resolve(consumer, reads[i].topic,
								     reads[i].partition, reads[i].from);
		if (reads_assign(reader, err))
			return reader;
	}
	kafka_reader_close(reader);
	return NULL;
}

void kafka_reader_close(struct kafka_reader *reader)
{
	if (reader == NULL)
		return;
	kafka_consumer_close(reader->consumer);
	free(reader->reads);
	free(reader->done);
	free(reader);
}

static size_t read_of(const struct kafka_reader *reader, const struct kafka_record *record)
{
	size_t i = 0;
	while (reader->reads[i].topic != record->topic || reader->reads[i].partition != record->partition)
		i++;
	return i;
}

enum kafka_poll kafka_reader_poll(struct kafka_reader *reader, struct kafka_record *out, size_t max,
				  size_t *count, int timeout_ms, struct err *err)
{
	size_t have, kept = 0, read = 0;
	enum kafka_poll outcome = kafka_consumer_poll(reader->consumer, out, max, &have, timeout_ms, err);
	for (size_t i = 0; i < have; i++) {
		if (i == 0 || out[i].partition != out[i - 1].partition || out[i].topic != out[i - 1].topic)
			read = read_of(reader, &out[i]);
		int64_t until = reader->reads[read].until;
		if (until == KAFKA_UNTIL_FOREVER || out[i].offset < until) {
			struct kafka_record record = out[i];
			out[kept++] = record;
		}
	}
	*count = kept;
	if (outcome == KAFKA_POLL_OK && kafka_consumer_denied(reader->consumer, err))
		outcome = KAFKA_POLL_FATAL;
	/* The end is known by a record at or behind it, or by having seen the partition's end: aborted records and markers have no record. */
	for (size_t i = 0; i < reader->reads_count && reader->open_count > 0; i++) {
		const struct kafka_read *r = &reader->reads[i];
		const struct kafka_part *part = kafka_part_find(reader->consumer, r->topic, r->partition);
		if (part != NULL && r->until >= 0 && (part->position >= r->until || part->eof >= r->until))
			part_finish(reader, i);
	}
	return outcome;
}

void kafka_reader_release(struct kafka_reader *reader)
{
	kafka_consumer_release(reader->consumer);
}

bool kafka_reader_done(const struct kafka_reader *reader)
{
	return reader->open_count == 0;
}

int64_t kafka_reader_remaining(const struct kafka_reader *reader)
{
	int64_t sum = 0;
	for (size_t i = 0; i < reader->reads_count; i++) {
		const struct kafka_read *r = &reader->reads[i];
		const struct kafka_part *part = kafka_part_find(reader->consumer, r->topic, r->partition);
		int64_t at = part != NULL && part->position >= 0 ? part->position : r->from > 0 ? r->from : 0;
		if (!reader->done[i] && r->until > at)
			sum += r->until - at;
	}
	return sum;
}
