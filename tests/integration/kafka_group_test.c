#include "integration/kafka_broker.h"

/*
 * One lane as small as it can be: reads, and in a transaction sends what it read on and commits offsets with metadata. Whatever happens, the
 * output must hold each input once.
 */
struct lane {
	const struct kafka_options *options;
	const char *in, *out;
	struct kafka_consumer *consumer;
	struct kafka_producer *producer;
	int64_t next[16]; /* per partition; -1: nothing to commit */
	bool owned[16];
	bool open;
	int assigned, revoked, lost, out_of_range, replaced;
	int64_t first_committed; /* of partition 0 at its last assignment */
	char first_metadata[64];
	struct kafka_range_error range;
	bool pause; /* assign paused */
};

/* Begins anew at the committed offsets, whether or not the transaction went through. */
static void lane_redo(struct lane *lane, enum kafka_outcome outcome)
{
	struct err err = {0};
	lane->open = false;
	if (outcome == KAFKA_ABORT)
		outcome = kafka_producer_abort(lane->producer, WAIT_MS, &err);
	if (outcome == KAFKA_UNCLEAR) {
		err_clear(&err);
		lane->replaced++;
		outcome = kafka_producer_replace(lane->producer, WAIT_MS, &err);
	}
	assert_ok(outcome == KAFKA_DONE, err);
	struct kafka_committed committed[16];
	size_t n = 0;
	for (int p = 0; p < 16; p++)
		if (lane->owned[p] && lane->next[p] >= 0)
			committed[n++] = (struct kafka_committed){.partition = p};
	assert_ok(kafka_consumer_committed(lane->consumer, committed, n, WAIT_MS, &err), err);
	for (size_t i = 0; i < n; i++) {
		int64_t at = committed[i].offset >= 0 ? committed[i].offset : KAFKA_OFFSET_EARLIEST;
		lane->next[committed[i].partition] = -1;
		assert_ok(kafka_consumer_seek(lane->consumer, 0, committed[i].partition, at, &err), err);
	}
}

static void lane_abort(struct lane *lane)
{
	if (lane->open)
		lane_redo(lane, KAFKA_ABORT);
}

static void lane_commit(struct lane *lane)
{
	struct err err = {0};
	if (!lane->open)
		return;
	struct kafka_group *group = kafka_consumer_group(lane->consumer, &err);
	if (group == NULL) {
		lane_abort(lane);
		return;
	}
	struct kafka_offset offsets[16];
	char metadata[16][32];
	size_t n = 0;
	for (int p = 0; p < 16; p++) {
		if (lane->next[p] < 0)
			continue;
		snprintf(metadata[n], sizeof metadata[n], "low=%lld", (long long)lane->next[p]);
		offsets[n] = (struct kafka_offset){lane->in, p, lane->next[p], str_of(metadata[n])};
		n++;
	}
	enum kafka_outcome outcome =
		kafka_producer_send_offsets(lane->producer, offsets, n, group, WAIT_MS, &err);
	if (outcome == KAFKA_DONE)
		outcome = kafka_producer_commit(lane->producer, WAIT_MS, &err);
	kafka_group_destroy(group);
	if (outcome == KAFKA_DONE) {
		lane->open = false;
		for (int p = 0; p < 16; p++)
			lane->next[p] = -1;
		return;
	}
	assert_ok(outcome != KAFKA_FATAL, err);
	lane_redo(lane, outcome);
}

static void on_assigned(void *context, struct kafka_assigned *assigned, size_t count)
{
	struct lane *lane = context;
	lane->assigned += (int)count;
	for (size_t i = 0; i < count; i++) {
		assert_false(lane->owned[assigned[i].partition]);
		lane->owned[assigned[i].partition] = true;
		lane->next[assigned[i].partition] = -1;
		assigned[i].paused = lane->pause;
		if (assigned[i].partition != 0)
			continue;
		lane->first_committed = assigned[i].committed;
		snprintf(lane->first_metadata, sizeof lane->first_metadata, "%.*s",
			 (int)assigned[i].metadata.len,
			 assigned[i].metadata.at ? assigned[i].metadata.at : "");
	}
}

static void on_revoked(void *context, const struct kafka_partition *gone, size_t count)
{
	struct lane *lane = context;
	lane_commit(lane);
	lane->revoked += (int)count;
	for (size_t i = 0; i < count; i++) {
		assert_true(lane->owned[gone[i].partition]);
		lane->owned[gone[i].partition] = false;
	}
}

static void on_lost(void *context, const struct kafka_partition *gone, size_t count)
{
	struct lane *lane = context;
	for (size_t i = 0; i < count; i++)
		lane->owned[gone[i].partition] = false;
	lane_abort(lane);
	for (size_t i = 0; i < count; i++)
		lane->next[gone[i].partition] = -1;
	lane->lost += (int)count;
}

static void on_out_of_range(void *context, const struct kafka_range_error *range)
{
	struct lane *lane = context;
	lane->out_of_range++;
	lane->range = *range;
}

static void lane_open(struct lane *lane, const struct kafka_options *options, const char *in, const char *out,
		      int number)
{
	struct err err = {0};
	bool pause = lane->pause;
	*lane = (struct lane){.options = options, .in = in, .out = out, .pause = pause};
	for (int p = 0; p < 16; p++)
		lane->next[p] = -1;
	struct kafka_consumer_spec spec = {
		.lane = number,
		.topics = &lane->in,
		.topics_count = 1,
		.batch_max = 500,
		.events = {on_assigned, on_revoked, on_lost, on_out_of_range, lane},
	};
	lane->producer = kafka_producer_open(options, NULL, number, NULL, NULL, &err);
	assert_ok(lane->producer != NULL, err);
	assert_ok(kafka_producer_init(lane->producer, WAIT_MS, &err) == KAFKA_DONE, err);
	lane->consumer = kafka_consumer_open(options, &spec, &err);
	assert_ok(lane->consumer != NULL, err);
}

static void lane_close(struct lane *lane)
{
	lane_commit(lane);
	kafka_consumer_close(lane->consumer);
	kafka_producer_close(lane->producer);
}

/* One poll; sends on what it finds. */
static size_t lane_step(struct lane *lane, size_t max, int timeout_ms)
{
	struct err err = {0};
	static struct kafka_record records[500];
	size_t count;
	assert_ok(kafka_consumer_poll(lane->consumer, records, max, &count, timeout_ms, &err) ==
			  KAFKA_POLL_OK,
		  err);
	if (count > 0 && !lane->open) {
		assert_ok(kafka_producer_begin(lane->producer, &err) == KAFKA_DONE, err);
		lane->open = true;
	}
	for (size_t i = 0; i < count; i++) {
		const struct kafka_record *r = &records[i];
		assert_true(lane->owned[r->partition]);
		struct kafka_message message = {.topic = kafka_producer_topic(lane->producer, lane->out),
						.partition = 0,
						.value = r->value};
		assert_ok(kafka_producer_send(lane->producer, &message, &err) == KAFKA_DONE, err);
		lane->next[r->partition] = r->offset + 1;
	}
	kafka_consumer_release(lane->consumer);
	return count;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* ---- tests ---- */

static void offsets_and_metadata_come_back(void **state)
{
	struct kafka_options options = broker_options();
	const char *in = broker_topic(&options, 1), *out = broker_topic(&options, 1);
	struct err err = {0};
	struct lane lane = {0};
	broker_fill(&options, in, 0, 0, 100);
	lane_open(&lane, &options, in, out, 0);
	for (int64_t deadline = broker_now_ms() + WAIT_MS, n = 0; n < 100;) {
		assert_true(broker_now_ms() < deadline);
		n += (int64_t)lane_step(&lane, 500, 100);
	}
	assert_int_equal(lane.first_committed, KAFKA_OFFSET_NONE);
	struct kafka_group *group = kafka_consumer_group(lane.consumer, &err);
	assert_ok(group != NULL, err);
	assert_true(kafka_group_generation(group) >= 0);
	kafka_group_destroy(group);
	lane_commit(&lane);
	struct kafka_committed committed = {0};
	assert_ok(kafka_consumer_committed(lane.consumer, &committed, 1, WAIT_MS, &err), err);
	assert_int_equal(committed.offset, 100);
	assert_string_equal(committed.metadata, "low=100");
	lane_close(&lane);

	/* the same name again: the member's partitions come back without waiting for the session's end */
	int64_t before_ms = broker_now_ms();
	lane_open(&lane, &options, in, out, 0);
	while (lane.assigned == 0 && broker_now_ms() < before_ms + WAIT_MS)
		lane_step(&lane, 500, 100);
	assert_in_range(broker_now_ms() - before_ms, 0, 5000);
	assert_int_equal(lane.first_committed, 100);
	assert_string_equal(lane.first_metadata, "low=100");
	lane_close(&lane);
}

static void before_the_group_was_joined_there_is_nothing_to_commit_with(void **state)
{
	struct kafka_options options = broker_options();
	const char *in = broker_topic(&options, 1);
	struct err err = {0};
	struct lane lane = {0};
	lane_open(&lane, &options, in, in, 0);
	assert_null(kafka_consumer_group(lane.consumer, &err));
	assert_non_null(strstr(err.text, "not a member"));
	lane_close(&lane);
}

/*
 * Lanes come and go while records flow, with small polls and random aborts: each record reaches the output once.
 */
static void rebalances_and_aborts_lose_and_double_nothing(void **state)
{
	enum { PARTITIONS = 6, EACH = 4000, ALL = PARTITIONS * EACH };
	struct kafka_options options = broker_options();
	const char *in = broker_topic(&options, PARTITIONS), *out = broker_topic(&options, 1);
	struct err err = {0};
	struct lane lanes[3] = {0};
	bool up[3] = {false};
	unsigned seed = getenv("SEED") != NULL ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);
	printf("# seed %u\n", seed);
	struct kafka_producer *source = kafka_producer_open_plain(&options, NULL, NULL, &err);
	assert_ok(source != NULL, err);
	int sent = 0, copied = 0, rebalances = 0, replaced = 0;
	int64_t deadline_ms = broker_now_ms() + 120000;
	for (int step = 0; copied < ALL || sent < ALL; step++) {
		assert_true(broker_now_ms() < deadline_ms);
		for (int i = 0; i < 30 && sent < ALL; i++, sent++)
			broker_send(source, in, sent % PARTITIONS, sent, 1);
		int want = step < 40 ? 1 : 1 + (int)(step / 120) % 3;
		for (int i = 0; i < 3; i++) {
			if (i < want && !up[i])
				lane_open(&lanes[i], &options, in, out, i);
			else if (i >= want && up[i]) {
				lane_close(&lanes[i]);
				replaced += lanes[i].replaced;
			}
			rebalances += up[i] != (i < want);
			up[i] = i < want;
			if (!up[i])
				continue;
			lane_step(&lanes[i], 1 + (size_t)rand_r(&seed) % 200, (int)(rand_r(&seed) % 5));
			switch (rand_r(&seed) % 16) {
			case 0: lane_abort(&lanes[i]); break;
			case 1: lane_commit(&lanes[i]); break;
			}
		}
		if (step % 100 == 99) {
			int *values = malloc(ALL * 2 * sizeof *values);
			copied = broker_read(&options, out, 0, KAFKA_UNTIL_STABLE, values, ALL * 2);
			free(values);
			for (int i = 0; sent == ALL && i < 3; i++)
				if (up[i])
					lane_commit(&lanes[i]);
		}
	}
	for (int i = 0; i < 3; i++)
		if (up[i]) {
			lane_close(&lanes[i]);
			replaced += lanes[i].replaced;
		}
	kafka_producer_close(source);
	int *values = malloc(ALL * 2 * sizeof *values);
	int n = broker_read(&options, out, 0, KAFKA_UNTIL_HIGH, values, ALL * 2);
	qsort(values, (size_t)n, sizeof *values, compare);
	assert_sequence(values, n, 0, ALL);
	free(values);
	printf("# %d lanes came or went, %d producers replaced\n", rebalances, replaced);
}

static void a_second_consumer_of_the_same_name_ends_the_first(void **state)
{
	struct kafka_options options = broker_options();
	const char *in = broker_topic(&options, 1);
	struct err err = {0};
	struct lane old = {0}, new = {0};
	lane_open(&old, &options, in, in, 0);
	int64_t deadline_ms = broker_now_ms() + WAIT_MS;
	while (old.assigned == 0 && broker_now_ms() < deadline_ms)
		lane_step(&old, 1, 100);
	lane_open(&new, &options, in, in, 0);
	enum kafka_poll outcome = KAFKA_POLL_OK;
	while (outcome == KAFKA_POLL_OK && broker_now_ms() < deadline_ms) {
		struct kafka_record record;
		size_t count;
		lane_step(&new, 1, 50);
		outcome = kafka_consumer_poll(old.consumer, &record, 1, &count, 50, &err);
		kafka_consumer_release(old.consumer);
	}
	assert_int_equal(outcome, KAFKA_POLL_FATAL);
	assert_non_null(strstr(err.text, "kafka.instance"));
	lane_close(&new);
	lane_close(&old);
}

static void a_paused_partition_waits_and_then_skips_nothing(void **state)
{
	struct kafka_options options = broker_options();
	const char *in = broker_topic(&options, 1), *out = broker_topic(&options, 1);
	struct err err = {0};
	struct lane lane = {.pause = true};
	broker_fill(&options, in, 0, 0, 1000);
	lane_open(&lane, &options, in, out, 0);
	int64_t deadline_ms = broker_now_ms() + WAIT_MS;
	while (lane.assigned == 0 && broker_now_ms() < deadline_ms)
		lane_step(&lane, 10, 100);
	for (int i = 0; i < 10; i++)
		assert_int_equal(lane_step(&lane, 10, 50), 0);
	struct kafka_position position;
	assert_int_equal(kafka_consumer_positions(lane.consumer, &position, 1), 1);
	assert_true(position.paused);
	/* pause and resume after every few records, with a full queue behind */
	size_t n = 0;
	bool paused = true;
	for (int step = 0; n < 1000; step++) {
		assert_true(broker_now_ms() < deadline_ms);
		if (paused)
			assert_ok(kafka_consumer_resume(lane.consumer, 0, 0, KAFKA_OFFSET_NONE, &err), err);
		else
			assert_ok(kafka_consumer_pause(lane.consumer, 0, 0, &err), err);
		paused = !paused;
		n += lane_step(&lane, 70, paused ? 1 : 50);
	}
	lane_commit(&lane);
	int values[2000];
	assert_sequence(values, broker_read(&options, out, 0, KAFKA_UNTIL_HIGH, values, 2000), 0, 1000);
	lane_close(&lane);
}

/* What was handed out and not taken, since the partition counted as paused, comes again. */
static void resuming_goes_on_where_the_caller_says(void **state)
{
	struct kafka_options options = broker_options();
	const char *in = broker_topic(&options, 1), *out = broker_topic(&options, 1);
	struct err err = {0};
	struct lane lane = {0};
	broker_fill(&options, in, 0, 0, 100);
	lane_open(&lane, &options, in, out, 0);
	int64_t deadline_ms = broker_now_ms() + WAIT_MS;
	size_t n = 0;
	while (n < 100 && broker_now_ms() < deadline_ms)
		n += lane_step(&lane, 100, 100);
	assert_int_equal(n, 100);
	assert_ok(kafka_consumer_pause(lane.consumer, 0, 0, &err), err);
	assert_ok(kafka_consumer_resume(lane.consumer, 0, 0, 40, &err), err);
	while (n < 160 && broker_now_ms() < deadline_ms)
		n += lane_step(&lane, 100, 100);
	lane_commit(&lane);
	int values[300];
	assert_int_equal(broker_read(&options, out, 0, KAFKA_UNTIL_HIGH, values, 300), 160);
	assert_sequence(values, 100, 0, 100);
	assert_sequence(values + 100, 60, 40, 60);
	lane_close(&lane);
}

static void lag_is_zero_at_the_end_whatever_lies_there(void **state)
{
	struct kafka_options options = broker_options();
	const char *in = broker_topic(&options, 1), *out = broker_topic(&options, 1);
	struct err err = {0};
	struct lane lane = {0};
	struct kafka_producer *producer = kafka_producer_open(&options, "feeder", 0, NULL, NULL, &err);
	assert_ok(producer != NULL && kafka_producer_init(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, in, 0, 0, 10);
	assert_ok(kafka_producer_commit(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_begin(producer, &err) == KAFKA_DONE, err);
	broker_send(producer, in, 0, 10, 10);
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	assert_ok(kafka_producer_abort(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	kafka_producer_close(producer);
	lane_open(&lane, &options, in, out, 0);
	struct kafka_position position = {.lag = -1};
	int64_t deadline_ms = broker_now_ms() + WAIT_MS;
	size_t n = 0;
	while ((n < 10 || position.lag != 0) && broker_now_ms() < deadline_ms) {
		n += lane_step(&lane, 100, 100);
		kafka_consumer_positions(lane.consumer, &position, 1);
	}
	assert_int_equal(n, 10);
	assert_int_equal(position.lag, 0);
	assert_int_equal(position.position, 10);
	assert_int_equal(position.high, 22); /* 20 records and two markers */
	lane_close(&lane);
}

/* The committed offset lies beyond what the topic holds, as after the topic was created anew. */
static void an_offset_that_is_gone_is_said_and_reading_goes_on(void **state)
{
	struct kafka_options options = broker_options();
	const char *in = broker_topic(&options, 1), *out = broker_topic(&options, 1);
	struct err err = {0};
	struct lane lane = {0};
	broker_fill(&options, in, 0, 0, 10);
	lane_open(&lane, &options, in, out, 0);
	int64_t deadline_ms = broker_now_ms() + WAIT_MS;
	while (lane.assigned == 0 && broker_now_ms() < deadline_ms)
		lane_step(&lane, 1, 100);
	assert_ok(lane.open || kafka_producer_begin(lane.producer, &err) == KAFKA_DONE, err);
	lane.open = true;
	lane.next[0] = 5000;
	lane_commit(&lane);
	lane_close(&lane);

	lane_open(&lane, &options, in, out, 0);
	size_t n = 0;
	while (n < 10 && broker_now_ms() < deadline_ms)
		n += lane_step(&lane, 100, 100);
	assert_int_equal(n, 10);
	assert_int_equal(lane.out_of_range, 1);
	assert_int_equal(lane.range.wanted, 5000);
	assert_int_equal(lane.range.low, 0);
	assert_int_equal(lane.range.high, 10);
	assert_int_equal(kafka_consumer_stats(lane.consumer).out_of_range, 1);
	/* and it is an ordinary partition again */
	assert_ok(kafka_consumer_seek(lane.consumer, 0, 0, 8, &err), err);
	for (n = 0; n < 2 && broker_now_ms() < deadline_ms;)
		n += lane_step(&lane, 100, 100);
	assert_int_equal(n, 2);
	lane_close(&lane);
}

static void starts_by_time(void **state)
{
	struct kafka_options options = broker_options();
	const char *in = broker_topic(&options, 1);
	struct err err = {0};
	struct kafka_producer *producer = kafka_producer_open_plain(&options, NULL, NULL, &err);
	assert_ok(producer != NULL, err);
	for (int i = 0; i < 10; i++) {
		struct kafka_message message = {.topic = kafka_producer_topic(producer, in),
						.value = STR("x"),
						.timestamp_ms = 1700000000000 + i * 1000};
		assert_ok(kafka_producer_send(producer, &message, &err) == KAFKA_DONE, err);
	}
	assert_ok(kafka_producer_flush(producer, WAIT_MS, &err) == KAFKA_DONE, err);
	kafka_producer_close(producer);
	struct lane lane = {0};
	lane_open(&lane, &options, in, in, 0);
	const struct {
		int64_t time_ms, offset;
	} rows[] = {{1700000000000, 0}, {1700000003001, 4}, {1700000009000, 9}, {1700000009001, 10}, {-5, 0}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t offset;
		assert_ok(kafka_consumer_offset_at(lane.consumer, 0, 0, rows[i].time_ms, &offset, WAIT_MS,
						   &err),
			  err);
		assert_int_equal(offset, rows[i].offset);
	}
	int64_t low, stable;
	assert_ok(kafka_consumer_watermarks(lane.consumer, 0, 0, &low, &stable, WAIT_MS, &err), err);
	assert_int_equal(low, 0);
	assert_int_equal(stable, 10);
	assert_int_equal(kafka_consumer_topic_partitions(lane.consumer, 0), 1);
	lane_close(&lane);
}

static void a_topic_that_comes_later_is_waited_for(void **state)
{
	struct kafka_options options = broker_options();
	const char *in = broker_name("later");
	struct err err = {0};
	struct lane lane = {0};
	lane_open(&lane, &options, in, in, 0);
	int64_t deadline_ms = broker_now_ms() + WAIT_MS;
	while (!kafka_consumer_stats(lane.consumer).topics_missing && broker_now_ms() < deadline_ms)
		lane_step(&lane, 10, 100);
	assert_true(kafka_consumer_stats(lane.consumer).topics_missing);
	assert_ok(kafka_topic_create(&options, in, 2, 1, NULL, 0, WAIT_MS, &err), err);
	while (lane.assigned < 2 && broker_now_ms() < deadline_ms)
		lane_step(&lane, 10, 100);
	assert_int_equal(lane.assigned, 2);
	assert_false(kafka_consumer_stats(lane.consumer).topics_missing);
	lane_close(&lane);
}

int main(void)
{
	broker_servers();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_and_metadata_come_back),
		cmocka_unit_test(before_the_group_was_joined_there_is_nothing_to_commit_with),
		cmocka_unit_test(rebalances_and_aborts_lose_and_double_nothing),
		cmocka_unit_test(a_second_consumer_of_the_same_name_ends_the_first),
		cmocka_unit_test(a_paused_partition_waits_and_then_skips_nothing),
		cmocka_unit_test(resuming_goes_on_where_the_caller_says),
		cmocka_unit_test(lag_is_zero_at_the_end_whatever_lies_there),
		cmocka_unit_test(an_offset_that_is_gone_is_said_and_reading_goes_on),
		cmocka_unit_test(starts_by_time),
		cmocka_unit_test(a_topic_that_comes_later_is_waited_for),
	};
	return cmocka_run_group_tests_name("kafka/group", tests, NULL, NULL);
}
