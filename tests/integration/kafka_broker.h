/* What the tests against a real Kafka share: options, topics with random names, quick ways to write and read. */
#ifndef KAFKA_BROKER_H
#define KAFKA_BROKER_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kafka/kafka.h"

#define WAIT_MS 30000

static inline const char *broker_servers(void)
{
	const char *brokers = getenv("CORRIDOR_TEST_BROKERS");
	if (brokers != NULL && *brokers != '\0')
		return brokers;
	printf("# skipped: needs a real Kafka in CORRIDOR_TEST_BROKERS (tests/kafka/broker.sh)\n");
	exit(77);
}

static inline void broker_log(void *context, enum kafka_log_level level, const char *line)
{
	if (level <= KAFKA_LOG_WARNING && getenv("VERBOSE") != NULL)
		fprintf(stderr, "# %s\n", line);
}

/* A name that no earlier run used: brokers are shared between tests. */
static inline const char *broker_name(const char *what)
{
	static char names[64][80];
	static unsigned n;
	char *name = names[n++ % 64];
	snprintf(name, sizeof names[0], "%s-%d-%ld-%u", what, (int)getpid(), (long)time(NULL) % 100000, n);
	return name;
}

static inline struct kafka_options broker_options(void)
{
	return (struct kafka_options){
		.brokers = broker_servers(),
		.group = broker_name("group"),
		.prefix = broker_name("prefix"),
		.instance = "one",
		.shards = 4,
		.session_timeout_ms = 6000,
		.record_bytes_max = 1 << 20,
		.log = broker_log,
	};
}

#define assert_ok(condition, err)                                                                            \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			fail_msg("%s: %s", #condition, (err).text);                                          \
	} while (0)

static inline int64_t broker_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline const char *broker_topic(const struct kafka_options *options, int partitions)
{
	struct err err = {0};
	const char *name = broker_name("topic");
	assert_ok(kafka_topic_create(options, name, partitions, 1, NULL, 0, WAIT_MS, &err), err);
	return name;
}

/* Values "FIRST" .. "FIRST + count - 1" with keys of the same text. */
static inline void broker_send(struct kafka_producer *producer, const char *topic, int32_t partition,
			       int first, int count)
{
	struct err err = {0};
	unsigned number = kafka_producer_topic(producer, topic);
	for (int i = first; i < first + count; i++) {
		char text[16];
		snprintf(text, sizeof text, "%d", i);
		struct kafka_message message = {
			.topic = number, .partition = partition, .key = str_of(text), .value = str_of(text)};
		assert_ok(kafka_producer_send(producer, &message, &err) == KAFKA_DONE, err);
	}
}

static inline void broker_fill(const struct kafka_options *options, const char *topic, int32_t partition,
			       int first, int count)
{
	struct err err = {0};
	struct kafka_producer *producer = kafka_producer_open_plain(options, NULL, NULL, &err);
	assert_ok(producer != NULL, err);
	broker_send(producer, topic, partition, first, count);
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_int_equal(kafka_producer_stats(producer).delivered, count);
	kafka_producer_close(producer);
}

static inline struct kafka_producer *broker_transactional(const struct kafka_options *options,
							  kafka_delivered_fn *delivered, void *context)
{
	struct err err = {0};
	struct kafka_producer *producer = kafka_producer_open(options, NULL, 0, delivered, context, &err);
	assert_ok(producer != NULL, err);
	assert_ok(kafka_producer_init(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	return producer;
}

/* All committed values of one partition of a topic, as numbers in order; returns their count. */
static inline int broker_read(const struct kafka_options *options, const char *topic, int32_t partition,
			      int64_t until, int *values, int max)
{
	struct err err = {0};
	struct kafka_record records[100];
	struct kafka_read read = {
		.topic = 0, .partition = partition, .from = KAFKA_OFFSET_EARLIEST, .until = until};
	struct kafka_reader *reader = kafka_reader_open(options, &topic, 1, &read, 1, 100, WAIT_MS, &err);
	assert_ok(reader != NULL, err);
	int64_t deadline_ms = broker_now_ms() + WAIT_MS;
	int n = 0;
	while (!kafka_reader_done(reader)) {
		size_t count;
		assert_true(broker_now_ms() < deadline_ms);
		assert_ok(kafka_reader_poll(reader, records, 100, &count, 100, &err) == KAFKA_POLL_OK, err);
		for (size_t i = 0; i < count; i++) {
			assert_true(n < max);
			values[n++] = atoi(records[i].value.at);
		}
		kafka_reader_release(reader);
	}
	kafka_reader_close(reader);
	return n;
}

static inline void assert_sequence(const int *values, int n, int first, int count)
{
	assert_int_equal(n, count);
	for (int i = 0; i < n; i++)
		assert_int_equal(values[i], first + i);
}

#endif
