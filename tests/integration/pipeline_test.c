/*
 * The threads together: embedded broker, private Redis, the whole pipeline in this process. Also run under TSan. The embedded broker
 * shows aborted messages and forgets committed offsets, so counts are compared only where nothing was aborted; what exactly once means
 * is tested on Apache Kafka.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feed/feed.h"
#include "log/log.h"
#include "pipeline/pipeline.h"
#include "../support/redis.h"

enum { CELLS_MAX = 400, MESSAGES = 20000, PARTITIONS = 4, BEFORE = 6000 };

/* The newest reading of each touchpoint and ledger in the window 24h, as Redis was told. */
struct cell {
	char name[VIEW_NAME_MAX];
	size_t name_len;
	enum ledger ledger;
	struct window_reading reading;
};

struct world {
	struct redis_server *redis;
	struct kafka_embedded *broker;
	struct config *config;
	struct pipeline_setup setup;
	struct pipeline *pipeline;
	pthread_mutex_t lock;
	struct cell cells[CELLS_MAX];
	unsigned cells_count;
};

static void published(void *context, const struct publication *list, unsigned count)
{
	struct world *w = context;
	pthread_mutex_lock(&w->lock);
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < list[i].windows_count; k++) {
			const struct publication_window *p = &list[i].windows[k];
			struct cell *c = w->cells;
			if (p->which != 0)
				continue;
			while (c < w->cells + w->cells_count &&
			       !(c->ledger == p->ledger &&
				 str_equal((struct str){c->name, c->name_len}, list[i].touchpoint)))
				c++;
			assert_true(c < w->cells + CELLS_MAX);
			if (c == w->cells + w->cells_count)
				w->cells_count++;
			memcpy(c->name, list[i].touchpoint.at, list[i].touchpoint.len);
			c->name_len = list[i].touchpoint.len;
			c->ledger = p->ledger;
			c->reading = p->reading;
		}
	pthread_mutex_unlock(&w->lock);
}

static void load_config(struct world *w, const char *start_at)
{
	char yaml[1000];
	struct config_report report = {0};
	int len = snprintf(yaml, sizeof yaml,
			   "kafka: {brokers: '%s', group: g, prefix: c, shards: 3}\n"
			   "redis: {url: '%s'}\n"
			   "intake: {lanes: 2, commit_interval: 50ms}\n"
			   "publish: {cpu_max: 1}\n"
			   "windows: [24h, 5m]\n"
			   "responses: {max: 200000, horizon: 25h}\n"
			   "http: {listen: '127.0.0.1:0'}\n"
			   "start: %s\n"
			   "sources: [{topic: feedback}]\n",
			   kafka_embedded_brokers(w->broker), redis_server_url(w->redis), start_at);
	w->config = config_read((struct str){yaml, (size_t)len}, CONFIG_FOR_RUN, &report);
	if (w->config == NULL)
		fail_msg("%s", report.at[0].text);
	config_report_release(&report);
}

static void start(struct world *w)
{
	struct err err = {0};
	assert_true(pipeline_setup_from(&w->setup, w->config, &err));
	w->setup.embedded = true;
	w->setup.published = published;
	w->setup.published_context = w;
	w->pipeline = pipeline_create(&w->setup, &err);
	assert_non_null(w->pipeline);
	if (!pipeline_start(w->pipeline, &err))
		fail_msg("%s", err.text);
}

/* With a broker and a Redis, not started. */
static struct world *prepare(void **state, const char *start_at)
{
	struct world *w = calloc(1, sizeof *w);
	struct err err = {0};
	struct log_options quiet = {.level = LOG_LEVEL_ERROR};
	log_setup(&quiet);
	w->redis = redis_server_start(NULL);
	if (w->redis == NULL) {
		free(w);
		return *state = NULL;
	}
	pthread_mutex_init(&w->lock, NULL);
	w->broker = kafka_embedded_open(1, &err);
	assert_non_null(w->broker);
	load_config(w, start_at);
	assert_true(kafka_embedded_topic(w->broker, "feedback", PARTITIONS, &err));
	assert_true(kafka_embedded_own_topics(w->broker, &w->config->kafka, &err));
	return *state = w;
}

static int set_up(void **state)
{
	struct world *w = prepare(state, "earliest");
	if (w)
		start(w);
	return 0;
}

/* What Kafka refuses at first: where a partition begins, and where it was at a time (ListOffsets). */
static void refuse_offsets(struct world *w)
{
	static const int no[] = {-1, -1, -1,
				 -1, -1, -1}; /* UNKNOWN_SERVER_ERROR: librdkafka gives it to the caller */
	kafka_embedded_fail(w->broker, 2, no, sizeof no / sizeof *no);
}

static struct feed *send(struct world *, int64_t seed, unsigned count, struct feed_expect *);

static int set_up_refused(void **state)
{
	struct world *w = prepare(state, "earliest");
	if (w) {
		refuse_offsets(w);
		start(w);
	}
	return 0;
}

static int set_up_refused_time(void **state)
{
	struct world *w = prepare(state, "window");
	if (w) {
		feed_destroy(send(w, 30, BEFORE, NULL));
		refuse_offsets(w);
		start(w);
	}
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	if (w == NULL)
		return 0;
	pipeline_destroy(w->pipeline);
	pipeline_setup_release(&w->setup);
	config_destroy(w->config);
	kafka_embedded_close(w->broker);
	redis_server_stop(w->redis);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return 0;
}

static struct world *world_of(void **state)
{
	if (*state == NULL)
		skip();
	return *state;
}

/* A feed of the last ten minutes; `expect` may be NULL. */
static struct feed *send(struct world *w, int64_t seed, unsigned count, struct feed_expect *expect)
{
	struct err err = {0};
	struct feed_options options = feed_defaults;
	char text[FEED_MESSAGE_MAX];
	struct feed_event event;
	options.seed = seed;
	options.touchpoints = 20;
	options.rate = count / 500.0;
	options.start_ms = os_wall_ms() - 600000;
	options.late_by_ms = INT64_C(26) * 3600000;
	struct feed *feed = feed_create(&options, &err);
	struct kafka_producer *producer = kafka_producer_open_plain(&w->config->kafka, NULL, NULL, &err);
	assert_non_null(producer);
	unsigned topic = kafka_producer_topic(producer, "feedback");
	for (unsigned i = 0; i < count; i++) {
		feed_next(feed, text, &event);
		struct kafka_message m = {
			.topic = topic, .partition = -1, .key = event.key, .value = event.message};
		assert_int_equal(kafka_producer_send(producer, &m, &err), KAFKA_DONE);
		if (expect)
			feed_expect_add(expect, &event);
	}
	assert_int_equal(kafka_producer_flush(producer, 30000, &err), KAFKA_DONE);
	kafka_producer_close(producer);
	return feed; /* the expectation's names are the feed's */
}

static void await_consumed(struct world *w, uint64_t count)
{
	struct err err = {0};
	for (int i = 0; i < 600; i++) {
		if (pipeline_figures(w->pipeline).counts.consumed >= count)
			return;
		if (!pipeline_tick(w->pipeline, &err))
			fail_msg("%s", err.text);
		usleep(100000);
	}
	fail_msg("%llu of %llu messages were read",
		 (unsigned long long)pipeline_figures(w->pipeline).counts.consumed,
		 (unsigned long long)count);
}

static bool same_as_published(void *context, const struct feed_expect_row *row)
{
	struct world *w = context;
	if (row->window != 0)
		return true;
	for (unsigned i = 0; i < w->cells_count; i++) {
		const struct cell *c = &w->cells[i];
		struct str name = {c->name, c->name_len};
		if (c->ledger != row->ledger ||
		    !str_equal(name, row->touchpoint.len ? row->touchpoint : STR("_unmapped")))
			continue;
		for (unsigned b = 0; b < BINS; b++)
			if (c->reading.bins[b] != row->bins[b])
				fail_msg("%.*s %s bin %u: %lld published, %lld expected", (int)name.len,
					 name.at, ledger_name(row->ledger), b, (long long)c->reading.bins[b],
					 (long long)row->bins[b]);
		return true;
	}
	fail_msg("%.*s %s was not published", (int)row->touchpoint.len, row->touchpoint.at,
		 ledger_name(row->ledger));
	return false;
}

static void what_redis_was_told_is_what_was_sent(void **state)
{
	struct world *w = world_of(state);
	struct err err = {0};
	static const char *const windows[] = {"24h", "5m"};
	struct zone *zone = zone_open("UTC", &err);
	struct feed_expect *expect =
		feed_expect_create(&(struct feed_expect_options){windows, 2, zone, INT64_MIN}, &err);
	assert_non_null(expect);
	struct feed *feed = send(w, 11, MESSAGES, expect);
	await_consumed(w, MESSAGES);
	pipeline_stop(w->pipeline);
	assert_int_equal(pipeline_figures(w->pipeline).counts.consumed, MESSAGES);
	assert_int_equal(pipeline_figures(w->pipeline).aborts, 0);
	assert_true(feed_expect_report(expect, same_as_published, w));
	feed_expect_destroy(expect);
	feed_destroy(feed);
	zone_close(zone);
}

static void aborted_and_unclear_transactions_are_done_again(void **state)
{
	struct world *w = world_of(state);
	/* EndTxn 26, TxnOffsetCommit 28, AddOffsetsToTxn 25: fatal for the transaction, or retried by librdkafka. */
	static const int abort_it[] = {48, 48}; /* INVALID_TXN_STATE */
	static const int again[] = {14, 15, 16}; /* coordinator loading, not available, elsewhere */
	feed_destroy(send(w, 12, MESSAGES / 4, NULL));
	for (int i = 0; i < 6; i++) {
		kafka_embedded_fail(w->broker, i % 2 ? 28 : 26, i % 3 ? again : abort_it, i % 3 ? 3 : 1);
		feed_destroy(send(w, 13 + i, MESSAGES / 40, NULL));
		usleep(150000);
	}
	await_consumed(w, MESSAGES / 4 + 6 * (MESSAGES / 40));
	pipeline_stop(w->pipeline);
	assert_int_equal(pipeline_figures(w->pipeline).counts.consumed, MESSAGES / 4 + 6 * (MESSAGES / 40));
}

static void redis_may_go_and_come_back_empty(void **state)
{
	struct world *w = world_of(state);
	feed_destroy(send(w, 20, 2000, NULL));
	await_consumed(w, 2000);
	redis_server_kill(w->redis);
	feed_destroy(send(w, 21, 2000, NULL));
	await_consumed(w, 4000); /* windows go on in memory */
	redis_server_again(w->redis);
	pthread_mutex_lock(&w->lock);
	memset(w->cells, 0, sizeof w->cells);
	w->cells_count = 0;
	pthread_mutex_unlock(&w->lock);
	unsigned seen = 0;
	for (int i = 0; i < 300 && seen < 20;
	     i++) { /* 20 touchpoints: all of them are told again, changed or not */
		usleep(100000);
		pthread_mutex_lock(&w->lock);
		seen = w->cells_count;
		pthread_mutex_unlock(&w->lock);
	}
	assert_true(seen >= 20);
}

static void a_refusal_to_say_where_to_begin_is_asked_again(void **state)
{
	struct world *w = world_of(state);
	feed_destroy(send(w, 31, 1000, NULL));
	await_consumed(w, 1000);
}

/* The embedded broker knows no times: to it, what is there lies before any. Begun at the earliest offset, it would be read. */
static void a_refusal_to_say_where_the_window_begins_is_no_beginning_at_all(void **state)
{
	struct world *w = world_of(state);
	struct err err = {0};
	unsigned sent = 0;
	while (pipeline_figures(w->pipeline).counts.consumed == 0) {
		assert_true(pipeline_tick(w->pipeline, &err));
		assert_true(sent < BEFORE / 2);
		feed_destroy(send(w, 32 + sent, 20, NULL));
		sent += 20;
		usleep(300000);
	}
	pipeline_stop(w->pipeline);
	assert_in_range(pipeline_figures(w->pipeline).counts.consumed, 1, sent);
}

static void stopping_at_once_is_fine(void **state)
{
	struct world *w = world_of(state);
	pipeline_stop(w->pipeline);
	pipeline_stop(w->pipeline);
	assert_int_equal(pipeline_figures(w->pipeline).counts.consumed, 0);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* as os_signals_open does in the program */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_redis_was_told_is_what_was_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(aborted_and_unclear_transactions_are_done_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(redis_may_go_and_come_back_empty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_refusal_to_say_where_to_begin_is_asked_again,
						set_up_refused, tear_down),
		cmocka_unit_test_setup_teardown(
			a_refusal_to_say_where_the_window_begins_is_no_beginning_at_all, set_up_refused_time,
			tear_down),
		cmocka_unit_test_setup_teardown(stopping_at_once_is_fine, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
