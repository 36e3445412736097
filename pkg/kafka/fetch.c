/*
 * Keeping librdkafka fetching while there is much to read.
 *
 * When what it has fetched reaches queued.min.messages or queued.max.messages.kbytes, its fetching thread goes to sleep, and up to 2.1
 * nothing but an answer or a request of that broker wakes it again before a second is over; from 2.2 on it sleeps for
 * fetch.queue.backoff.ms, which is a second too unless it is set. A second's sleep after every 100,000 records is most of the time.
 */
#include <stdlib.h>

#include "kafka/kafka_priv.h"

enum { WAKE_TIMEOUT_MS = 50, BACKOFF_MS = 5 };

#define BACKOFF "fetch.queue.backoff.ms"

static bool known(const rd_kafka_conf_t *conf, const char *name, long long *value)
{
	char text[32];
	size_t size = sizeof text;
	if (rd_kafka_conf_get(conf, name, text, &size) != RD_KAFKA_CONF_OK)
		return false;
	*value = atoll(text);
	return true;
}

bool kafka_fetch_configure(rd_kafka_conf_t *conf, struct err *err)
{
	long long none;
	return !known(conf, BACKOFF, &none) || kafka_conf_put_number(conf, BACKOFF, BACKOFF_MS, err);
}

void kafka_fetch_begin(struct kafka_consumer *consumer)
{
	long long none, messages = 0, kbytes = 0;
	const rd_kafka_conf_t *conf = rd_kafka_conf(consumer->rk);
	must(known(conf, "queued.min.messages", &messages) &&
	     known(conf, "queued.max.messages.kbytes", &kbytes));
	consumer->fetch.wakes_itself = known(conf, BACKOFF, &none);
	consumer->fetch.messages_max = (uint64_t)messages;
	consumer->fetch.bytes_max = (uint64_t)kbytes << 10;
}

/* Any request to the brokers that lead our partitions. What they answer is of no interest, nor is it if they don't. */
static void wake(struct kafka_consumer *consumer)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)consumer->parts_count);
	for (size_t i = 0; i < consumer->parts_count; i++)
		rd_kafka_topic_partition_list_add(list, consumer->topics[consumer->parts[i].topic],
						  consumer->parts[i].partition)
			->offset = RD_KAFKA_OFFSET_END;
	(void)rd_kafka_offsets_for_times(consumer->rk, list, WAKE_TIMEOUT_MS);
	rd_kafka_topic_partition_list_destroy(list);
}

void kafka_fetch_keep_up(struct kafka_consumer *consumer)
{
	struct kafka_fetch *f = &consumer->fetch;
	if (f->wakes_itself || consumer->parts_count == 0)
		return;
	uint64_t queued = rd_kafka_queue_length(consumer->queue), max = f->messages_max;
	if (consumer->stats.bytes) {
		uint64_t of_bytes = f->bytes_max * consumer->stats.records / consumer->stats.bytes;
		if (of_bytes < max)
			max = of_bytes;
	}
	if (queued >= max - max / 8) {
		f->full = true;
	} else if (f->full && queued <= max / 2) {
		f->full = false;
		wake(consumer);
	}
}
