#include "integration/kafka_broker.h"

/* ---- what is committed is read, what is aborted is not ---- */

static void only_committed_records_are_read(void **state)
{
	struct kafka_options options = broker_options();
	const char *topic = broker_topic(&options, 1);
	struct err err = {0};
	int values[100];
	struct kafka_producer *producer = broker_transactional(&options, NULL, NULL);

	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, topic, 0, 0, 10);
	assert_ok(kafka_producer_commit(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, topic, 0, 1000, 10);
	assert_ok(kafka_producer_abort(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, topic, 0, 10, 10);
	assert_ok(kafka_producer_commit(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_sequence(values, broker_read(&options, topic, 0, KAFKA_UNTIL_HIGH, values, 100), 0, 20);

	/* the last thing in the log is aborted: the end must be found although no record lies there */
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, topic, 0, 2000, 10);
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_abort(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_sequence(values, broker_read(&options, topic, 0, KAFKA_UNTIL_HIGH, values, 100), 0, 20);
	assert_sequence(values, broker_read(&options, topic, 0, KAFKA_UNTIL_HIGH, values, 100), 0, 20);
	kafka_producer_close(producer);
}

/* Stable: what an open transaction wrote is behind the end. High: it is waited for. */
static void open_transactions_are_left_out_or_waited_for(void **state)
{
	struct kafka_options options = broker_options();
	const char *topic = broker_topic(&options, 1);
	struct err err = {0};
	int values[100];
	struct kafka_producer *producer = broker_transactional(&options, NULL, NULL);
	broker_fill(&options, topic, 0, 0, 5);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, topic, 0, 5, 5);
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_sequence(values, broker_read(&options, topic, 0, KAFKA_UNTIL_STABLE, values, 100), 0, 5);

	struct kafka_read read = {.partition = 0, .from = KAFKA_OFFSET_EARLIEST, .until = KAFKA_UNTIL_HIGH};
	struct kafka_reader *reader = kafka_reader_open(&options, &topic, 1, &read, 1, 100, WAIT_MS, &err);
	assert_ok(reader != NULL, err);
	assert_int_equal(read.until, 10);
	struct kafka_record records[100];
	size_t count, seen = 0;
	for (int i = 0; i < 10; i++, seen += count, kafka_reader_release(reader))
		assert_ok(kafka_reader_poll(reader, records, 100, &count, 100, &err) == KAFKA_POLL_OK, err);
	assert_int_equal(seen, 5);
	assert_false(kafka_reader_done(reader));
	assert_int_equal(kafka_reader_remaining(reader), 5);
	assert_ok(kafka_producer_commit(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	for (int i = 0; i < 100 && !kafka_reader_done(reader);
	     i++, seen += count, kafka_reader_release(reader))
		assert_ok(kafka_reader_poll(reader, records, 100, &count, 100, &err) == KAFKA_POLL_OK, err);
	assert_int_equal(seen, 10);
	assert_true(kafka_reader_done(reader));
	assert_int_equal(kafka_reader_remaining(reader), 0);
	kafka_reader_close(reader);
	kafka_producer_close(producer);
}

static void an_empty_partition_is_done_at_once(void **state)
{
	struct kafka_options options = broker_options();
	const char *topic = broker_topic(&options, 1);
	int values[1];
	assert_int_equal(broker_read(&options, topic, 0, KAFKA_UNTIL_STABLE, values, 1), 0);
}

/* ---- a second process under the same name ends the first ---- */

static void a_zombie_is_fenced(void **state)
{
	struct kafka_options options = broker_options();
	const char *topic = broker_topic(&options, 1);
	struct err err = {0};
	int values[100];
	struct kafka_producer *zombie = broker_transactional(&options, NULL, NULL);
	assert_ok(kafka_producer_begin(zombie, &err) == KAFKA_DONE, err);
	broker_send(zombie, topic, 0, 1000, 5);
	assert_ok(kafka_producer_flush(zombie, WAIT_MS, &err) == KAFKA_DONE, err);

	struct kafka_producer *heir = broker_transactional(&options, NULL, NULL);
	assert_ok(kafka_producer_begin(heir, &err) == KAFKA_DONE, err);
	broker_send(heir, topic, 0, 0, 5);
	assert_ok(kafka_producer_commit(heir, WAIT_MS, &err) == KAFKA_DONE, err);

	assert_int_equal(kafka_producer_commit(zombie, WAIT_MS, &err), KAFKA_FATAL);
	assert_non_null(strstr(err.text, "kafka.instance"));
	kafka_producer_close(zombie);
	kafka_producer_close(heir);
	assert_sequence(values, broker_read(&options, topic, 0, KAFKA_UNTIL_HIGH, values, 100), 0, 5);
}

/* A new client under the same id ends what the old one left open. */
static void replacing_ends_the_open_transaction(void **state)
{
	struct kafka_options options = broker_options();
	const char *topic = broker_topic(&options, 1);
	struct err err = {0};
	int values[100];
	struct kafka_producer *producer = broker_transactional(&options, NULL, NULL);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, topic, 0, 1000, 5);
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_replace(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, topic, 0, 0, 5);
	assert_ok(kafka_producer_commit(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	kafka_producer_close(producer);
	assert_sequence(values, broker_read(&options, topic, 0, KAFKA_UNTIL_HIGH, values, 100), 0, 5);
}

/* The broker ends a transaction that runs out of time: not a fence, but a reason to replace the client. */
static void a_transaction_out_of_time_is_not_fatal(void **state)
{
	struct kafka_options options = broker_options();
	const char *topic = broker_topic(&options, 1);
	struct err err = {0};
	int values[100];
	struct kafka_producer *producer = broker_transactional(&options, NULL, NULL);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, topic, 0, 1000, 5);
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	usleep(13500 * 1000);
	enum kafka_outcome outcome = kafka_producer_commit(producer, WAIT_MS, &err);
	assert_true(outcome == KAFKA_UNCLEAR || outcome == KAFKA_ABORT);
	err_clear(&err);
	assert_ok(kafka_producer_replace(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, topic, 0, 0, 5);
	assert_ok(kafka_producer_commit(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	kafka_producer_close(producer);
	assert_sequence(values, broker_read(&options, topic, 0, KAFKA_UNTIL_HIGH, values, 100), 0, 5);
}

/* ---- what the journal's low-water mark rests on ---- */

struct seen {
	int count;
	int64_t offsets[10];
};

static void on_delivered(void *context, const struct kafka_delivery *delivery)
{
	struct seen *seen = context;
	assert_true(delivery->ok);
	seen->offsets[delivery->tag] = delivery->offset;
	seen->count++;
}

static void deliveries_tell_offsets_of_tagged_records_only(void **state)
{
	struct kafka_options options = broker_options();
	const char *topic = broker_topic(&options, 1);
	struct err err = {0};
	struct seen seen = {0};
	struct kafka_producer *producer = broker_transactional(&options, on_delivered, &seen);
	unsigned number = kafka_producer_topic(producer, topic);
	assert_int_equal(kafka_producer_topic(producer, topic), number);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	for (uint64_t tag = 0; tag < 3; tag++) {
		struct kafka_message message = {
			.topic = number, .partition = 0, .value = STR("x"), .tag = tag};
		assert_ok(kafka_producer_send(producer, &message, &err) == KAFKA_DONE, err);
	}
	assert_ok(kafka_producer_commit(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.offsets[1], 1);
	assert_int_equal(seen.offsets[2], 2);
	kafka_producer_close(producer);
}

static void keys_values_and_headers_arrive_as_sent(void **state)
{
	struct kafka_options options = broker_options();
	const char *topic = broker_topic(&options, 1);
	struct err err = {0};
	const char bytes[] = {'\0', '\xff', '\n', 'x'};
	struct kafka_header headers[] = {{STR("reason"), STR("bad_json")},
					 {STR("raw"), {bytes, sizeof bytes}},
					 {STR("none"), {NULL, 0}}};
	struct kafka_producer *producer = kafka_producer_open_plain(&options, NULL, NULL, &err);
	assert_ok(producer != NULL, err);
	struct kafka_message messages[] = {
		{.key = {bytes, sizeof bytes},
		 .value = {bytes, sizeof bytes},
		 .headers = headers,
		 .headers_count = 3,
		 .timestamp_ms = 1234567890123},
		{.key = {NULL, 0}, .value = {NULL, 0}},
		{.key = STR(""), .value = STR("")},
	};
	for (int i = 0; i < 3; i++) {
		messages[i].topic = kafka_producer_topic(producer, topic);
		assert_ok(kafka_producer_send(producer, &messages[i], &err) == KAFKA_DONE, err);
	}
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	kafka_producer_close(producer);

	struct kafka_read read = {.from = 0, .until = KAFKA_UNTIL_STABLE};
	struct kafka_reader *reader = kafka_reader_open(&options, &topic, 1, &read, 1, 10, WAIT_MS, &err);
	assert_ok(reader != NULL, err);
	struct kafka_record records[10];
	size_t count = 0;
	for (int i = 0; i < 100 && count == 0; i++)
		assert_ok(kafka_reader_poll(reader, records, 10, &count, 100, &err) == KAFKA_POLL_OK, err);
	assert_int_equal(count, 3);
	assert_true(str_equal(records[0].key, messages[0].key));
	assert_true(str_equal(records[0].value, messages[0].value));
	assert_int_equal(records[0].timestamp_ms, 1234567890123);
	assert_false(records[0].log_append_time);
	assert_true(str_is(kafka_record_header(&records[0], "reason"), "bad_json"));
	assert_true(str_equal(kafka_record_header(&records[0], "raw"), headers[1].value));
	assert_null(kafka_record_header(&records[0], "none").at);
	assert_null(kafka_record_header(&records[0], "other").at);
	struct str name, value;
	assert_true(kafka_record_header_at(&records[0], 0, &name, &value) && str_is(name, "reason"));
	assert_false(kafka_record_header_at(&records[0], 3, &name, &value));
	assert_null(records[1].key.at);
	assert_null(records[1].value.at);
	assert_false(kafka_record_header_at(&records[1], 0, &name, &value));
	assert_true(records[2].key.at != NULL && records[2].key.len == 0);
	assert_true(records[2].value.at != NULL && records[2].value.len == 0);
	kafka_reader_release(reader);
	kafka_reader_close(reader);
}

static void a_record_too_large_aborts_and_the_producer_goes_on(void **state)
{
	struct kafka_options options = broker_options();
	const char *topic = broker_topic(&options, 1);
	struct err err = {0};
	int values[10];
	struct kafka_producer *producer = broker_transactional(&options, NULL, NULL);
	char *large = calloc(1, 3 << 20);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	struct kafka_message message = {.topic = kafka_producer_topic(producer, topic),
					.value = {large, 3 << 20}};
	assert_int_equal(kafka_producer_send(producer, &message, &err), KAFKA_ABORT);
	err_clear(&err);
	assert_ok(kafka_producer_abort(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, topic, 0, 0, 1);
	assert_ok(kafka_producer_commit(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	kafka_producer_close(producer);
	free(large);
	assert_sequence(values, broker_read(&options, topic, 0, KAFKA_UNTIL_HIGH, values, 10), 0, 1);
}

int main(void)
{
	broker_servers();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_committed_records_are_read),
		cmocka_unit_test(open_transactions_are_left_out_or_waited_for),
		cmocka_unit_test(an_empty_partition_is_done_at_once),
		cmocka_unit_test(a_zombie_is_fenced),
		cmocka_unit_test(replacing_ends_the_open_transaction),
		cmocka_unit_test(a_transaction_out_of_time_is_not_fatal),
		cmocka_unit_test(deliveries_tell_offsets_of_tagged_records_only),
		cmocka_unit_test(keys_values_and_headers_arrive_as_sent),
		cmocka_unit_test(a_record_too_large_aborts_and_the_producer_goes_on),
	};
	return cmocka_run_group_tests_name("kafka/transaction", tests, NULL, NULL);
}
