/* The embedded broker: what the demo needs of it, and what goes wrong when Kafka does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kafka/kafka.h"

enum { WAIT_MS = 20000, END_TXN = 26, ADD_PARTITIONS = 24, PRODUCE = 0 };
enum {
	CODE_INVALID_TXN_STATE = 48,
	CODE_TRANSACTIONAL_ID_AUTHORIZATION = 53,
	CODE_PRODUCER_FENCED = 90,
	CODE_COORDINATOR_LOAD = 14
};

#define assert_ok(condition, err)                                                                            \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			fail_msg("%s: %s", #condition, (err).text);                                          \
	} while (0)

static void quiet(void *context, enum kafka_log_level level, const char *line) {}

static struct kafka_options options_for(const struct kafka_embedded *embedded)
{
	return (struct kafka_options){
		.brokers = kafka_embedded_brokers(embedded),
		.group = "group",
		.prefix = "prefix",
		.instance = "one",
		.shards = 2,
		.session_timeout_ms = 6000,
		.record_bytes_max = 1 << 20,
		.log = quiet,
	};
}

static struct kafka_embedded *embedded_open(void)
{
	struct err err = {0};
	struct kafka_embedded *embedded = kafka_embedded_open(1, &err);
	assert_ok(embedded != NULL, err);
	assert_ok(kafka_embedded_topic(embedded, "in", 2, &err), err);
	return embedded;
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct kafka_producer *transactional(const struct kafka_options *options)
{
	struct err err = {0};
	struct kafka_producer *producer = kafka_producer_open(options, NULL, 0, NULL, NULL, &err);
	assert_ok(producer != NULL, err);
	assert_ok(kafka_producer_init(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	return producer;
}

static void send_one(struct kafka_producer *producer, const char *topic)
{
	struct err err = {0};
	struct kafka_message message = {
		.topic = kafka_producer_topic(producer, topic), .partition = 0, .value = STR("x")};
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_send(producer, &message, &err) == KAFKA_DONE, err);
}

static struct kafka_consumer *consumer_open(const struct kafka_options *options, const char *const *topic)
{
	struct err err = {0};
	struct kafka_consumer_spec spec = {.topics = topic, .topics_count = 1, .batch_max = 100};
	struct kafka_consumer *consumer = kafka_consumer_open(options, &spec, &err);
	assert_ok(consumer != NULL, err);
	return consumer;
}

/* Polls until `count` records came. */
static void expect_records(struct kafka_consumer *consumer, size_t count)
{
	struct kafka_record records[100];
	struct err err = {0};
	int64_t deadline_ms = now_ms() + WAIT_MS;
	for (size_t have = 0, n; have < count; have += n) {
		assert_true(now_ms() < deadline_ms);
		assert_ok(kafka_consumer_poll(consumer, records, 100, &n, 100, &err) == KAFKA_POLL_OK, err);
		kafka_consumer_release(consumer);
	}
}

static void a_group_reads_what_a_transaction_wrote(void **state)
{
	struct kafka_embedded *embedded = embedded_open();
	struct kafka_options options = options_for(embedded);
	struct err err = {0};
	const char *topic = "in";
	assert_ok(kafka_embedded_own_topics(embedded, &options, &err), err);
	const char *topics[] = {"prefix.tallies", "prefix.dead-letters", "none"};
	int partitions[3];
	assert_ok(kafka_topics_partitions(&options, topics, 2, partitions, WAIT_MS, &err), err);
	assert_int_equal(partitions[0], 2);
	assert_int_equal(partitions[1], 2);
	struct kafka_producer *producer = transactional(&options);
	struct kafka_consumer *consumer = consumer_open(&options, &topic);
	for (int i = 0; i < 5; i++) {
		send_one(producer, topic);
		assert_ok(kafka_producer_commit(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	}
	expect_records(consumer, 5);
	kafka_consumer_close(consumer);
	kafka_producer_close(producer);
	kafka_embedded_close(embedded);
}

/* What the broker answers to the end of a transaction, and what that is to the caller. */
static void answers_to_a_commit_are_told_apart(void **state)
{
	static const struct {
		int code, times;
		enum kafka_outcome outcome;
	} rows[] = {
		{0, 0, KAFKA_DONE},
		{CODE_COORDINATOR_LOAD, 2, KAFKA_DONE}, /* tried again inside */
		{CODE_INVALID_TXN_STATE, 1, KAFKA_UNCLEAR},
		{CODE_PRODUCER_FENCED, 1, KAFKA_FATAL},
		{CODE_TRANSACTIONAL_ID_AUTHORIZATION, 1, KAFKA_FATAL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct kafka_embedded *embedded = embedded_open();
		struct kafka_options options = options_for(embedded);
		struct kafka_producer *producer = transactional(&options);
		struct err err = {0};
		int codes[] = {rows[i].code, rows[i].code};
		send_one(producer, "in");
		kafka_embedded_fail(embedded, END_TXN, codes, (size_t)rows[i].times);
		enum kafka_outcome outcome = kafka_producer_commit(producer, WAIT_MS, &err);
		if (outcome != rows[i].outcome)
			fail_msg("code %d: %s, %s", rows[i].code, kafka_outcome_name(outcome), err.text);
		if (outcome == KAFKA_UNCLEAR) {
			err_clear(&err);
			assert_ok(kafka_producer_replace(producer, WAIT_MS, &err) == KAFKA_DONE, err);
			send_one(producer, "in");
			assert_ok(kafka_producer_commit(producer, WAIT_MS, &err) == KAFKA_DONE, err);
		}
		kafka_producer_close(producer);
		kafka_embedded_close(embedded);
	}
}

/* The answer to a commit that takes longer than we wait is unclear, never "did not happen". */
static void a_commit_without_an_answer_is_unclear(void **state)
{
	struct kafka_embedded *embedded = embedded_open();
	struct kafka_options options = options_for(embedded);
	struct kafka_producer *producer = transactional(&options);
	struct err err = {0};
	send_one(producer, "in");
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	kafka_embedded_round_trip(embedded, 1500);
	assert_int_equal(kafka_producer_commit(producer, 300, &err), KAFKA_UNCLEAR);
	kafka_embedded_round_trip(embedded, 0);
	err_clear(&err);
	assert_ok(kafka_producer_replace(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	kafka_producer_close(producer);
	kafka_embedded_close(embedded);
}

static void brokers_that_go_away_are_said_and_come_back(void **state)
{
	struct kafka_embedded *embedded = embedded_open();
	struct kafka_options options = options_for(embedded);
	struct err err = {0};
	const char *topic = "in";
	struct kafka_record record;
	size_t count;
	struct kafka_producer *producer = kafka_producer_open_plain(&options, NULL, NULL, &err);
	assert_ok(producer != NULL, err);
	struct kafka_consumer *consumer = consumer_open(&options, &topic);
	struct kafka_message message = {
		.topic = kafka_producer_topic(producer, topic), .partition = 0, .value = STR("x")};
	assert_ok(kafka_producer_send(producer, &message, &err) == KAFKA_DONE, err);
	expect_records(consumer, 1);
	assert_false(kafka_consumer_stats(consumer).brokers_down);

	kafka_embedded_down(embedded, true);
	int64_t deadline_ms = now_ms() + WAIT_MS;
	while (!kafka_consumer_stats(consumer).brokers_down && now_ms() < deadline_ms)
		assert_ok(kafka_consumer_poll(consumer, &record, 1, &count, 100, &err) == KAFKA_POLL_OK, err);
	assert_true(kafka_consumer_stats(consumer).brokers_down);
	assert_ok(kafka_producer_send(producer, &message, &err) == KAFKA_DONE, err);

	kafka_embedded_down(embedded, false);
	while (kafka_consumer_stats(consumer).brokers_down && now_ms() < deadline_ms) {
		assert_ok(kafka_consumer_poll(consumer, &record, 1, &count, 100, &err) == KAFKA_POLL_OK, err);
		kafka_consumer_release(consumer);
	}
	assert_false(kafka_consumer_stats(consumer).brokers_down);
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_int_equal(kafka_producer_stats(producer).delivered, 2);
	kafka_consumer_close(consumer);
	kafka_producer_close(producer);
	kafka_embedded_close(embedded);
}

static void *wake_soon(void *consumer)
{
	usleep(200 * 1000);
	kafka_consumer_wake(consumer);
	return NULL;
}

static void a_waiting_poll_can_be_woken(void **state)
{
	struct kafka_embedded *embedded = embedded_open();
	struct kafka_options options = options_for(embedded);
	struct err err = {0};
	const char *topic = "in";
	struct kafka_consumer *consumer = consumer_open(&options, &topic);
	struct kafka_record record;
	size_t count;
	int64_t settled_ms = now_ms() + 4000; /* joining wakes it too */
	while (now_ms() < settled_ms)
		assert_ok(kafka_consumer_poll(consumer, &record, 1, &count, 100, &err) == KAFKA_POLL_OK, err);
	pthread_t waker;
	assert_int_equal(pthread_create(&waker, NULL, wake_soon, consumer), 0);
	int64_t before_ms = now_ms();
	assert_ok(kafka_consumer_poll(consumer, &record, 1, &count, 10000, &err) == KAFKA_POLL_OK, err);
	assert_int_equal(count, 0);
	assert_in_range(now_ms() - before_ms, 0, 5000);
	pthread_join(waker, NULL);
	kafka_consumer_close(consumer);
	kafka_embedded_close(embedded);
}

static void without_kafka_everything_says_so_in_time(void **state)
{
	struct kafka_options options = {
		.brokers = "127.0.0.1:9",
		.group = "g",
		.prefix = "p",
		.instance = "i",
		.shards = 1,
		.session_timeout_ms = 6000,
		.record_bytes_max = 1 << 20,
		.log = quiet,
	};
	struct err err = {0};
	const char *topic = "in";
	int partitions;
	struct kafka_topic_state topics[KAFKA_TOPICS];
	int64_t before_ms = now_ms();
	assert_false(kafka_topics_partitions(&options, &topic, 1, &partitions, 500, &err));
	assert_non_null(strstr(err.text, "127.0.0.1:9"));
	assert_false(kafka_topics_ensure(&options, true, topics, 500, &err));
	struct kafka_read read = {.from = 0, .until = KAFKA_UNTIL_STABLE};
	assert_null(kafka_reader_open(&options, &topic, 1, &read, 1, 10, 500, &err));
	err_clear(&err);
	struct kafka_producer *producer = kafka_producer_open(&options, NULL, 0, NULL, NULL, &err);
	assert_ok(producer != NULL, err);
	assert_int_equal(kafka_producer_init(producer, 500, &err), KAFKA_UNCLEAR);
	err_clear(&err);
	assert_int_equal(kafka_producer_init(producer, 500, &err), KAFKA_UNCLEAR);
	kafka_producer_close(producer);
	struct kafka_consumer *consumer = consumer_open(&options, &topic);
	struct kafka_record record;
	size_t count;
	err_clear(&err);
	assert_int_equal(kafka_consumer_poll(consumer, &record, 1, &count, 500, &err), KAFKA_POLL_OK);
	assert_int_equal(count, 0);
	kafka_consumer_close(consumer);
	assert_in_range(now_ms() - before_ms, 0, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_reads_what_a_transaction_wrote),
		cmocka_unit_test(answers_to_a_commit_are_told_apart),
		cmocka_unit_test(a_commit_without_an_answer_is_unclear),
		cmocka_unit_test(brokers_that_go_away_are_said_and_come_back),
		cmocka_unit_test(a_waiting_poll_can_be_woken),
		cmocka_unit_test(without_kafka_everything_says_so_in_time),
	};
	return cmocka_run_group_tests_name("kafka/embedded", tests, NULL, NULL);
}
