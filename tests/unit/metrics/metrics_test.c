#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feedback/feedback.h"
#include "metrics/metrics.h"

static void has(struct metrics *metrics, const char *line, bool wanted)
{
	size_t len;
	char *text = metrics_text(metrics, &len), whole[300];
	assert_int_equal(strlen(text), len);
	snprintf(whole, sizeof whole, "\n%s\n", line);
	if ((strstr(text, whole) != NULL) != wanted)
		fail_msg("`%s` is %s in:\n%s", line, wanted ? "not" : "there", text);
	free(text);
}

static void shards_are_summed(void **state)
{
	struct metrics *metrics = metrics_create("1.2.3");
	struct metrics_shard *a = metrics_shard(metrics), *b = metrics_shard(metrics);
	metrics_add(a, METRIC_DUPLICATES, METRIC_ONLY, 3);
	metrics_add(b, METRIC_DUPLICATES, METRIC_ONLY, 4);
	metrics_add(a, METRIC_DUPLICATES, METRIC_ONLY, 1);
	metrics_add(b, METRIC_DEAD_LETTERS, FEEDBACK_LATE, 2);
	metrics_add(a, METRIC_TALLIED, LEDGER_REVIEW, 5000000000);
	has(metrics, "corridor_duplicates_total 8", true);
	has(metrics, "corridor_dead_letters_total{reason=\"late\"} 2", true);
	has(metrics, "corridor_dead_letters_total{reason=\"not_json\"} 0",
	    true); /* there from the start, for rate() */
	has(metrics, "corridor_responses_tallied_total{ledger=\"review\"} 5000000000", true);
	has(metrics, "corridor_build_info{version=\"1.2.3\"} 1", true);
	assert_true(metrics_read(metrics, METRIC_DUPLICATES, METRIC_ONLY) == 8);
	metrics_destroy(metrics);
}

static void gauges_are_absent_until_they_have_a_value(void **state)
{
	struct metrics *metrics = metrics_create("1");
	struct metrics_shard *a = metrics_shard(metrics), *b = metrics_shard(metrics);
	has(metrics, "# TYPE corridor_redis_up gauge", false);
	metrics_put(a, METRIC_REDIS_UP, METRIC_ONLY, 0);
	has(metrics, "corridor_redis_up 0", true);
	unsigned p0 = metrics_label(metrics, METRIC_LAG, "surveys", "0"),
		 p1 = metrics_label(metrics, METRIC_LAG, "surveys", "1");
	assert_int_not_equal(p0, p1);
	assert_int_equal(metrics_label(metrics, METRIC_LAG, "surveys", "0"), p0);
	metrics_put(a, METRIC_LAG, p0, 12);
	metrics_put(b, METRIC_LAG, p0, 0.5);
	metrics_put(b, METRIC_LAG, p1, 7);
	has(metrics, "corridor_consumer_lag_messages{topic=\"surveys\",partition=\"0\"} 12.5", true);
	metrics_drop(b, METRIC_LAG, p0);
	has(metrics, "corridor_consumer_lag_messages{topic=\"surveys\",partition=\"0\"} 12", true);
	metrics_drop(a, METRIC_LAG, p0);
	has(metrics, "corridor_consumer_lag_messages{topic=\"surveys\",partition=\"1\"} 7", true);
	assert_true(isnan(metrics_read(metrics, METRIC_LAG, p0)));
	metrics_put(a, METRIC_EVICTIONS, METRIC_ONLY, 9); /* a counter that is kept elsewhere */
	metrics_put(b, METRIC_EVICTIONS, METRIC_ONLY, 1);
	has(metrics, "corridor_response_evictions_total 10", true);
	metrics_destroy(metrics);
}

static void labels_are_escaped_and_bounded(void **state)
{
	struct metrics *metrics = metrics_create("1");
	struct metrics_shard *shard = metrics_shard(metrics);
	metrics_add(shard, METRIC_CONSUMED, metrics_label(metrics, METRIC_CONSUMED, "a\"b\\c\nd", NULL), 1);
	has(metrics, "corridor_messages_consumed_total{topic=\"a\\\"b\\\\c\\nd\"} 1", true);
	for (int i = 0; i < 200; i++) {
		char topic[20];
		snprintf(topic, sizeof topic, "t%d", i);
		metrics_add(shard, METRIC_CONSUMED, metrics_label(metrics, METRIC_CONSUMED, topic, NULL), 1);
	}
	has(metrics, "corridor_messages_consumed_total{topic=\"t61\"} 1", true);
	has(metrics, "corridor_messages_consumed_total{topic=\"other\"} 138",
	    true); /* 64 in all, the last one shared */
	metrics_destroy(metrics);
}

static void a_histogram_is_cumulative(void **state)
{
	static const struct {
		uint64_t us;
		const char *first; /* the first bucket that holds it */
	} rows[] = {{0, "0.0005"},   {500, "0.0005"},  {501, "0.001"},
		    {100000, "0.1"}, {30000000, "30"}, {30000001, "+Inf"}};
	struct metrics *metrics = metrics_create("1");
	struct metrics_shard *a = metrics_shard(metrics), *b = metrics_shard(metrics);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char line[100];
		metrics_observe(i % 2 ? a : b, METRIC_COMMIT_SECONDS, rows[i].us);
		snprintf(line, sizeof line, "corridor_commit_seconds_bucket{le=\"%s\"} %zu", rows[i].first,
			 i + 1);
		has(metrics, line, true);
	}
	has(metrics, "corridor_commit_seconds_sum 60.101002", true);
	has(metrics, "corridor_commit_seconds_count 6", true);
	has(metrics, "corridor_commit_seconds_bucket{le=\"0.05\"} 3", true);
	metrics_destroy(metrics);
}

#define TIMES 200000

static void *add_up(void *shard)
{
	for (int i = 0; i < TIMES; i++)
		metrics_add(shard, METRIC_EDITS, METRIC_ONLY, 1);
	return NULL;
}

static void a_reader_beside_writers_never_sees_a_counter_fall(void **state)
{
	struct metrics *metrics = metrics_create("1");
	pthread_t writers[2];
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, add_up, metrics_shard(metrics)), 0);
	double last = 0;
	while (last < TIMES) {
		double now = metrics_read(metrics, METRIC_EDITS, METRIC_ONLY);
		assert_true(now >= last);
		last = now;
	}
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	assert_true(metrics_read(metrics, METRIC_EDITS, METRIC_ONLY) == 2 * TIMES);
	metrics_destroy(metrics);
}

static void promtool_accepts_the_text(void **state)
{
	if (system("command -v promtool >/dev/null") != 0) {
		print_message("skipped: promtool (package prometheus) is not here\n");
		skip();
	}
	struct metrics *metrics = metrics_create("1.2.3");
	struct metrics_shard *shard = metrics_shard(metrics);
	metrics_add(shard, METRIC_CONSUMED,
		    metrics_label(metrics, METRIC_CONSUMED, "a \"b\" \\ \n \xc3\xbc", NULL), 1);
	metrics_put(shard, METRIC_LAG, metrics_label(metrics, METRIC_LAG, "surveys", "3"), 1e17);
	metrics_put(shard, METRIC_LOG_LAG_SECONDS, metrics_label(metrics, METRIC_LOG_LAG_SECONDS, "0", NULL),
		    0.125);
	static const enum metric gauges[] = {
		METRIC_RESPONSES, METRIC_RESPONSES_CAPACITY, METRIC_RESPONSES_BYTES, METRIC_TOUCHPOINTS,
		METRIC_SLOTS,	  METRIC_WINDOW_BYTES,	     METRIC_REDIS_UP,	     METRIC_PUBLISH_BACKLOG};
	for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++)
		metrics_put(shard, gauges[i], METRIC_ONLY, 1.5);
	size_t len;
	char *text = metrics_text(metrics, &len);
	FILE *promtool = popen("promtool check metrics 2>&1", "w");
	assert_non_null(promtool);
	assert_int_equal(fwrite(text, 1, len, promtool), len);
	assert_int_equal(pclose(promtool), 0); /* 3: a lint, printed above */
	free(text);
	metrics_destroy(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shards_are_summed),
		cmocka_unit_test(gauges_are_absent_until_they_have_a_value),
		cmocka_unit_test(labels_are_escaped_and_bounded),
		cmocka_unit_test(a_histogram_is_cumulative),
		cmocka_unit_test(a_reader_beside_writers_never_sees_a_counter_fall),
		cmocka_unit_test(promtool_accepts_the_text),
	};
	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
