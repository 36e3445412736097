#include "integration/kafka_broker.h"

#include "deadletter/deadletter.h"

/* ---- our topics ---- */

static void own_topics_are_created_right_and_then_found_so(void **state)
{
	struct kafka_options options = broker_options();
	options.shards = 6;
	struct kafka_topic_state topics[KAFKA_TOPICS];
	struct err err = {0};
	assert_ok(kafka_topics_ensure(&options, false, topics, WAIT_MS, &err), err);
	for (int i = 0; i < KAFKA_TOPICS; i++)
		assert_false(topics[i].exists);
	assert_ok(kafka_topics_ensure(&options, true, topics, WAIT_MS, &err), err);
	for (int i = 0; i < KAFKA_TOPICS; i++)
		assert_true(topics[i].exists && topics[i].created);
	assert_int_equal(topics[KAFKA_TOPIC_TALLIES].partitions, 6);
	assert_int_equal(topics[KAFKA_TOPIC_DEAD_LETTERS].partitions, 4);
	options.shards = 9; /* what exists stays and is told */
	assert_ok(kafka_topics_ensure(&options, true, topics, WAIT_MS, &err), err);
	for (int i = 0; i < KAFKA_TOPICS; i++) {
		assert_true(topics[i].exists && !topics[i].created);
		assert_string_equal(topics[i].warning, "");
	}
	assert_int_equal(topics[KAFKA_TOPIC_TALLIES].partitions, 6);

	/* the broker's clock, whatever the producer says */
	int64_t before_ms = (int64_t)time(NULL) * 1000;
	struct kafka_producer *producer = kafka_producer_open_plain(&options, NULL, NULL, &err);
	assert_ok(producer != NULL, err);
	const char *tallies = topics[KAFKA_TOPIC_TALLIES].name;
	struct kafka_message message = {.topic = kafka_producer_topic(producer, tallies),
					.value = STR("x"),
					.timestamp_ms = 1234567890123};
	assert_ok(kafka_producer_send(producer, &message, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	kafka_producer_close(producer);
	struct kafka_read read = {.partition = 0, .from = 0, .until = KAFKA_UNTIL_STABLE};
	struct kafka_record record;
	size_t count = 0;
	struct kafka_reader *reader = kafka_reader_open(&options, &tallies, 1, &read, 1, 1, WAIT_MS, &err);
	assert_ok(reader != NULL, err);
	while (!kafka_reader_done(reader) && count == 0)
		assert_ok(kafka_reader_poll(reader, &record, 1, &count, 1000, &err) == KAFKA_POLL_OK, err);
	assert_int_equal(count, 1);
	assert_true(record.log_append_time && record.timestamp_ms >= before_ms - 1000);
	kafka_reader_release(reader);
	kafka_reader_close(reader);
}

static void what_is_wrong_with_a_topic_is_said_with_its_remedy(void **state)
{
	struct kafka_options options = broker_options();
	struct kafka_topic_state topics[KAFKA_TOPICS];
	struct err err = {0};
	char name[KAFKA_TOPIC_NAME_BYTES];
	const struct kafka_property settings[] = {{"message.timestamp.type", "CreateTime"},
						  {"retention.ms", "1000"}};
	kafka_topic_name(&options, KAFKA_TOPIC_TALLIES, name);
	assert_ok(kafka_topic_create(&options, name, 2, 1, settings, 2, WAIT_MS, &err), err);
	assert_ok(kafka_topics_ensure(&options, true, topics, WAIT_MS, &err), err);
	const char *warning = topics[KAFKA_TOPIC_TALLIES].warning;
	assert_non_null(strstr(warning, "message.timestamp.type is CreateTime"));
	assert_non_null(strstr(warning, "kafka-configs.sh --alter"));
	assert_non_null(strstr(warning, "message.timestamp.type=LogAppendTime,retention.ms="));
	assert_string_equal(topics[KAFKA_TOPIC_RESPONSES].warning, "");
}

static void absent_topics_are_told_from_those_that_are_there(void **state)
{
	struct kafka_options options = broker_options();
	struct err err = {0};
	const char *topics[] = {broker_topic(&options, 3), broker_name("absent")};
	int partitions[2];
	assert_ok(kafka_topics_partitions(&options, topics, 2, partitions, WAIT_MS, &err), err);
	assert_int_equal(partitions[0], 3);
	assert_int_equal(partitions[1], -1);
	assert_ok(kafka_topic_create(&options, topics[0], 3, 1, NULL, 0, WAIT_MS, &err),
		  err); /* existing: fine */
}

/* ---- dead letters ---- */

static void letter_write(const struct kafka_options *options, const char *topic, const char *partition,
			 const char *reason, struct str key, struct str raw)
{
	struct err err = {0};
	char name[KAFKA_TOPIC_NAME_BYTES];
	kafka_topic_name(options, KAFKA_TOPIC_DEAD_LETTERS, name);
	const struct kafka_header headers[] = {{STR("topic"), str_of(topic)},
					       {STR("partition"), str_of(partition)},
					       {STR("offset"), STR("77")},
					       {STR("reason"), str_of(reason)},
					       {STR("sentence"), STR("It is wrong.")}};
	struct kafka_producer *producer = kafka_producer_open_plain(options, NULL, NULL, &err);
	assert_ok(producer != NULL, err);
	struct kafka_message message = {.topic = kafka_producer_topic(producer, name),
					.partition = -1,
					.key = key,
					.value = raw,
					.headers = headers,
					.headers_count = 5};
	assert_ok(kafka_producer_send(producer, &message, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	kafka_producer_close(producer);
}

struct listed {
	int count, redriven;
	char raw[16][32];
};

static void on_letter(void *context, const struct deadletter *letter)
{
	struct listed *listed = context;
	assert_int_equal(letter->from_offset, 77);
	assert_true(str_is(letter->sentence, "It is wrong."));
	snprintf(listed->raw[listed->count++], sizeof listed->raw[0], "%.*s", (int)letter->raw.len,
		 letter->raw.at);
	listed->redriven += letter->redriven;
}

static const struct deadletter_filter all = {.one_offset = -1};

static struct listed letters_list(const struct kafka_options *options, const struct deadletter_filter *filter)
{
	struct err err = {0};
	struct listed listed = {0};
	struct deadletter_counts counts;
	struct deadletter_watch watch = {.letter = on_letter, .context = &listed};
	assert_ok(deadletter_list(options, filter, &watch, &counts, &err), err);
	return listed;
}

static struct deadletter_counts letters_redrive(const struct kafka_options *options,
						const struct deadletter_filter *filter)
{
	struct err err = {0};
	struct deadletter_counts counts;
	struct deadletter_watch watch = {0};
	assert_ok(deadletter_redrive(options, filter, &watch, &counts, &err), err);
	return counts;
}

static void a_letter_goes_back_once_whatever_the_filters(void **state)
{
	struct kafka_options options = broker_options();
	struct kafka_topic_state topics[KAFKA_TOPICS];
	struct err err = {0};
	int values[16];
	assert_ok(kafka_topics_ensure(&options, true, topics, WAIT_MS, &err), err);
	const char *home = broker_topic(&options, 3);
	letter_write(&options, home, "2", "bad_score", STR("k1"), STR("1"));
	letter_write(&options, home, "2", "late", STR("k2"), STR("2"));
	letter_write(&options, home, "0", "bad_score", (struct str){NULL, 0}, STR("3"));
	letter_write(&options, broker_name("gone"), "0", "bad_score", STR("k4"), STR("4"));

	struct listed listed = letters_list(&options, &all);
	assert_int_equal(listed.count, 4);
	assert_int_equal(listed.redriven, 0);
	struct deadletter_filter late = {.reason = "late", .one_offset = -1};
	listed = letters_list(&options, &late);
	assert_int_equal(listed.count, 1);
	assert_string_equal(listed.raw[0], "2");

	struct deadletter_counts counts = letters_redrive(&options, &late);
	assert_int_equal(counts.sent, 1);
	assert_int_equal(broker_read(&options, home, 2, KAFKA_UNTIL_HIGH, values, 16), 1);
	assert_int_equal(values[0], 2);
	counts = letters_redrive(&options, &all);
	assert_int_equal(counts.letters, 4);
	assert_int_equal(counts.sent, 2);
	assert_int_equal(counts.redriven_before, 1);
	assert_int_equal(counts.homeless, 1);
	counts = letters_redrive(&options, &all);
	assert_int_equal(counts.sent, 0);
	assert_int_equal(counts.redriven_before, 3);
	assert_int_equal(broker_read(&options, home, 2, KAFKA_UNTIL_HIGH, values, 16), 2);
	assert_int_equal(values[1], 1);
	assert_int_equal(broker_read(&options, home, 0, KAFKA_UNTIL_HIGH, values, 16), 1);
	assert_int_equal(values[0], 3);
	assert_int_equal(broker_read(&options, home, 1, KAFKA_UNTIL_HIGH, values, 16), 0);
	listed = letters_list(&options, &all);
	assert_int_equal(listed.count, 4);
	assert_int_equal(listed.redriven, 3);
}

static void a_limit_is_taken_up_where_it_ended(void **state)
{
	struct kafka_options options = broker_options();
	struct kafka_topic_state topics[KAFKA_TOPICS];
	struct err err = {0};
	options.shards = 1;
	assert_ok(kafka_topics_ensure(&options, true, topics, WAIT_MS, &err), err);
	const char *home = broker_topic(&options, 1);
	for (int i = 0; i < 7; i++) {
		char raw[8];
		snprintf(raw, sizeof raw, "%d", i);
		letter_write(&options, home, "0", "late", STR("k"), str_of(raw));
	}
	struct deadletter_filter three = {.max = 3, .one_offset = -1};
	assert_int_equal(letters_redrive(&options, &three).sent, 3);
	assert_int_equal(letters_redrive(&options, &three).sent, 3);
	assert_int_equal(letters_redrive(&options, &three).sent, 1);
	int values[16];
	assert_sequence(values, broker_read(&options, home, 0, KAFKA_UNTIL_HIGH, values, 16), 0, 7);
	struct deadletter_filter one = {.partition = 0, .one_offset = 4};
	struct listed listed = letters_list(&options, &one);
	assert_int_equal(listed.count, 1);
	assert_string_equal(listed.raw[0], "4");
	struct deadletter_filter recent = {.since_ms = ((int64_t)time(NULL) + 3600) * 1000, .one_offset = -1};
	assert_int_equal(letters_list(&options, &recent).count, 0);
}

int main(void)
{
	broker_servers();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_topics_are_created_right_and_then_found_so),
		cmocka_unit_test(what_is_wrong_with_a_topic_is_said_with_its_remedy),
		cmocka_unit_test(absent_topics_are_told_from_those_that_are_there),
		cmocka_unit_test(a_letter_goes_back_once_whatever_the_filters),
		cmocka_unit_test(a_limit_is_taken_up_where_it_ended),
	};
	return cmocka_run_group_tests_name("kafka/topics", tests, NULL, NULL);
}
