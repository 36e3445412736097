#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "support/redis.h"
#include "support/touchpoint.h"

#define LOG_MS 1700000000123

static struct redis_server *server;
static redisContext *reader; /* what a reader would see */
static const int64_t scores[BINS] = {1, 0, 0, 0, 0, 2, 0, 1, 1, 3, 4};

static void reader_connect(void)
{
	if (reader)
		redisFree(reader);
	reader = redisConnectUnix(redis_server_socket(server));
	assert_non_null(reader);
	assert_int_equal(reader->err, 0);
}

static redisReply *ask(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	redisReply *reply = redisvCommand(reader, format, args);
	va_end(args);
	if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", format, reply ? reply->str : reader->errstr);
	return reply;
}

/* A reply as a text that is good until the next but seven. */
static const char *text_of(redisReply *reply)
{
	static char texts[8][4096];
	static int turn;
	char *text = texts[turn++ % 8];
	if (reply->type == REDIS_REPLY_NIL)
		snprintf(text, 4096, "(nil)");
	else if (reply->type == REDIS_REPLY_INTEGER)
		snprintf(text, 4096, "%lld", reply->integer);
	else
		snprintf(text, 4096, "%s", reply->str ? reply->str : "(none)");
	freeReplyObject(reply);
	return text;
}

#define SEE(...) text_of(ask(__VA_ARGS__))

static struct store_options options_of(const char *url)
{
	return (struct store_options){.url = url,
				      .prefix = "corridor",
				      .timeout_ms = 300,
				      .retry_max_ms = 200,
				      .ttl_ms = 3600000,
				      .in_flight_bytes = 65536,
				      .retention_ms = 7200000,
				      .windows = touchpoint_windows};
}

static struct store *open_patient(int64_t timeout_ms)
{
	struct store_options options = options_of(redis_server_url(server));
	options.timeout_ms = timeout_ms;
	struct err err = {.set = false};
	struct store *store = store_create(&options, &err);
	if (store == NULL)
		fail_msg("%s", err.text);
	return store;
}

static struct store *open_store(void)
{
	return open_patient(300);
}

static enum store_outcome publish(struct store *store, const struct touchpoint *t)
{
	enum store_outcome outcome;
	struct store_batch batch = store_publish(store, &t->publication, 1, &outcome);
	assert_int_equal(batch.written + batch.refused + batch.failed, 1);
	return outcome;
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void no_key_lives_for_ever(void)
{
	redisReply *keys = ask("KEYS *");
	for (size_t i = 0; i < keys->elements; i++) {
		redisReply *ttl = ask("PTTL %b", keys->element[i]->str, keys->element[i]->len);
		if (ttl->integer <= 0)
			fail_msg("%s has no TTL", keys->element[i]->str);
		freeReplyObject(ttl);
	}
	freeReplyObject(keys);
}

/* ---- publishing ---- */

static void what_is_published_can_be_read(void **state)
{
	struct store *store = open_store();
	struct touchpoint t;
	touchpoint_make(&t, STR("checkout"), LOG_MS, 7, scores);
	assert_int_equal(publish(store, &t), STORE_FRESH);
	assert_true(store_up(store));
	assert_string_equal(SEE("HGET corridor:{checkout}:survey:5m responses"), "12");
	assert_string_equal(SEE("HGET corridor:{checkout}:survey:5m promoters"), "7");
	assert_string_equal(SEE("HGET corridor:{checkout}:survey:5m histogram"), "1,0,0,0,0,2,0,1,1,3,4");
	assert_string_equal(SEE("HGET corridor:{checkout}:survey:5m to_ms"), "1700000001000");
	assert_string_equal(SEE("HGET corridor:{checkout}:survey:5m net"), "(nil)");
	assert_string_equal(SEE("HGET corridor:{checkout}:review:today negative"), "0");
	assert_string_equal(SEE("HGET corridor:{checkout}:review:today nps"), "(nil)");
	assert_string_equal(SEE("HLEN corridor:{checkout}:relationship:series:1h"), "4");
	assert_string_equal(SEE("HGET corridor:{checkout}:relationship:series:1h 1699999986000"), "2,4,1");
	assert_string_equal(SEE("GET corridor:{checkout}:pos"), "1700000000123 7 1700000001000");
	assert_string_equal(SEE("ZSCORE corridor:touchpoints checkout"), "1699999999623");
	assert_string_equal(SEE("DBSIZE"), "26"); /* 4 ledgers x 3 windows x 2, pos, touchpoints */
	no_key_lives_for_ever();
	store_destroy(store);
}

static void an_older_position_is_refused(void **state)
{
	static const struct {
		int64_t log_ms, offset, to_shift_ms;
		enum store_outcome want;
	} rows[] = {
		{LOG_MS, 9, 0, STORE_FRESH},
		{LOG_MS, 9, 0, STORE_WRITTEN},
		{LOG_MS, 8, 0, STORE_REFUSED},
		{LOG_MS - 1, 99, 0, STORE_REFUSED},
		{LOG_MS, 9, -1000, STORE_REFUSED},
		{LOG_MS, 9, 1000, STORE_WRITTEN},
		{LOG_MS, 9, 0, STORE_REFUSED},
		{LOG_MS, 10, 0, STORE_WRITTEN},
		{LOG_MS + 1, 0, 0, STORE_WRITTEN},
		{LOG_MS + 10000, 100, 0, STORE_WRITTEN}, /* 100 > 99 as numbers, not as texts */
		{LOG_MS + 10000, 99, 0, STORE_REFUSED},
		{LOG_MS + 10000, 9007199254740991, 0, STORE_WRITTEN},
		{LOG_MS + 10000, 9007199254740990, 0, STORE_REFUSED},
	};
	struct store *store = open_store();
	struct touchpoint t;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t count[BINS] = {[10] = (int64_t)i + 1};
		char before[64], want[64];
		snprintf(before, sizeof before, "%s", SEE("HGET corridor:{x}:survey:1h responses"));
		touchpoint_make(&t, STR("x"), rows[i].log_ms, rows[i].offset, count);
		for (unsigned k = 0; k < t.publication.windows_count; k++)
			t.windows[k].reading.to_ms += rows[i].to_shift_ms;
		if (publish(store, &t) != rows[i].want)
			fail_msg("row %zu", i);
		snprintf(want, sizeof want, "%zu", i + 1);
		assert_string_equal(SEE("HGET corridor:{x}:survey:1h responses"),
				    rows[i].want == STORE_REFUSED ? before : want);
	}
	struct store_stats stats = store_stats(store);
	assert_int_equal(stats.refused, 6);
	assert_int_equal(stats.written, 7);
	store_destroy(store);
}

static void a_hash_is_replaced_as_a_whole(void **state)
{
	static const int64_t nothing[BINS] = {0};
	struct store *store = open_store();
	struct touchpoint t;
	touchpoint_make(&t, STR("x"), LOG_MS, 1, scores);
	publish(store, &t);
	assert_string_not_equal(SEE("HGET corridor:{x}:survey:5m nps"), "(nil)");
	touchpoint_make(&t, STR("x"), LOG_MS, 2, nothing);
	t.windows[0].panes_count = 1;
	t.windows[1].panes = NULL;
	t.windows[2].empty = true;
	assert_int_equal(publish(store, &t), STORE_WRITTEN);
	assert_string_equal(SEE("HGET corridor:{x}:survey:5m nps"), "(nil)");
	assert_string_equal(SEE("HGET corridor:{x}:survey:5m responses"), "0");
	assert_string_equal(SEE("HLEN corridor:{x}:survey:series:5m"), "1");
	assert_string_equal(SEE("HLEN corridor:{x}:survey:series:1h"), "4"); /* was not due: stays */
	assert_string_equal(SEE("EXISTS corridor:{x}:survey:today"), "0");
	assert_string_equal(SEE("EXISTS corridor:{x}:survey:series:today"), "0");
	no_key_lives_for_ever();
	store_destroy(store);
}

static void an_empty_touchpoint_leaves(void **state)
{
	struct store *store = open_store();
	struct touchpoint t, other, late;
	touchpoint_make(&t, STR("x"), LOG_MS, 1, scores);
	touchpoint_make(&other, STR("y"), LOG_MS, 1, scores);
	publish(store, &t);
	publish(store, &other);
	touchpoint_empty(&t);
	t.publication.offset = 0;
	assert_int_equal(publish(store, &t), STORE_REFUSED);
	assert_string_equal(SEE("ZCARD corridor:touchpoints"), "2"); /* a paused owner removes nobody */
	t.publication.offset = 2;
	assert_int_equal(publish(store, &t), STORE_WRITTEN);
	assert_string_equal(SEE("ZSCORE corridor:touchpoints x"), "(nil)");
	assert_string_equal(SEE("ZCARD corridor:touchpoints"), "1");
	assert_string_equal(SEE("DBSIZE"), "27"); /* y's 26 and the position of x */
	t.publication.windows_count = 0;
	t.publication.offset = 3;
	assert_int_equal(publish(store, &t), STORE_WRITTEN); /* nothing due at all */
	assert_int_equal(publish(store, &t), STORE_WRITTEN);
	/* y has been quiet for longer than the tallies are kept: nobody can know it any more */
	touchpoint_make(&late, STR("z"), LOG_MS + 7200000, 9, scores);
	publish(store, &late);
	assert_string_equal(SEE("ZSCORE corridor:touchpoints y"), "(nil)");
	assert_string_equal(SEE("ZCARD corridor:touchpoints"), "1");
	store_destroy(store);
}

static void the_last_response_never_goes_back(void **state)
{
	struct store *store = open_store();
	struct touchpoint t;
	touchpoint_make(&t, STR("x"), LOG_MS, 1, scores);
	publish(store, &t);
	t.publication.last_ms -= 5000;
	publish(store, &t);
	assert_string_equal(SEE("ZSCORE corridor:touchpoints x"), "1699999999623");
	store_destroy(store);
}

static void odd_names_stay_one_touchpoint_each(void **state)
{
	static const struct {
		struct str name, key;
	} rows[] = {
		{STR("a}:pos"), STR("corridor:{a%7D:pos}:pos")},
		{STR("{x}"), STR("corridor:{%7Bx%7D}:pos")},
		{STR("100%"), STR("corridor:{100%25}:pos")},
		{STR("line\nbreak"), STR("corridor:{line%0Abreak}:pos")},
		{STR("nul\0byte"), STR("corridor:{nul%00byte}:pos")},
		{STR("B\xc3\xbc"
		     "cher & Co. \"x\""),
		 STR("corridor:{B\xc3\xbc"
		     "cher & Co. \"x\"}:pos")},
		{STR("%s%n%b"), STR("corridor:{%25s%25n%25b}:pos")},
		{STR(":pos"), STR("corridor:{:pos}:pos")},
	};
	struct store *store = open_store();
	struct touchpoint t;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		touchpoint_make(&t, rows[i].name, LOG_MS, 1, scores);
		assert_int_equal(publish(store, &t), STORE_FRESH);
		assert_string_equal(SEE("EXISTS %b", rows[i].key.at, rows[i].key.len), "1");
		assert_string_not_equal(
			SEE("ZSCORE corridor:touchpoints %b", rows[i].name.at, rows[i].name.len), "(nil)");
	}
	assert_string_equal(SEE("ZCARD corridor:touchpoints"), "8");
	store_destroy(store);
}

static void each_publish_is_announced_once(void **state)
{
	struct store *store = open_store();
	redisContext *listener = redisConnectUnix(redis_server_socket(server));
	freeReplyObject(redisCommand(listener, "SUBSCRIBE corridor:changes"));
	struct touchpoint t[2];
	touchpoint_make(&t[0], STR("a{1}"), LOG_MS, 5, scores);
	touchpoint_make(&t[1], STR("a{1}"), LOG_MS, 4, scores); /* refused: no news */
	publish(store, &t[0]);
	publish(store, &t[1]);
	t[0].publication.touchpoint = STR("b");
	publish(store, &t[0]);
	for (int i = 0; i < 2; i++) {
		redisReply *reply = NULL;
		assert_int_equal(redisGetReply(listener, (void **)&reply), REDIS_OK);
		assert_string_equal(reply->element[2]->str, i == 0 ? "a{1}" : "b");
		freeReplyObject(reply);
	}
	redisFree(listener);
	store_destroy(store);
}

/* More than what may be in flight, more than an index portion; and scripts that somebody flushed away
 * meanwhile. */
static void many_touchpoints_in_one_batch(void **state)
{
	enum { N = 2500 };
	struct store *store = open_patient(20000);
	struct touchpoint *t = calloc(N, sizeof *t);
	struct publication *list = calloc(N, sizeof *list);
	enum store_outcome *outcomes = calloc(N, sizeof *outcomes);
	char(*names)[16] = calloc(N, sizeof *names);
	for (int i = 0; i < N; i++) {
		snprintf(names[i], sizeof names[i], "t%d", i);
		touchpoint_make(&t[i], str_of(names[i]), LOG_MS, 1, scores);
		t[i].publication.windows_count = 1;
		list[i] = t[i].publication;
	}
	assert_int_equal(store_connect(store), true);
	freeReplyObject(ask("SCRIPT FLUSH"));
	struct store_batch batch = store_publish(store, list, N, outcomes);
	assert_int_equal(batch.written, N);
	assert_int_equal(batch.fresh, N);
	assert_true(batch.redis_us > 0 && batch.bytes > N * 300);
	for (int i = 0; i < N; i++)
		assert_int_equal(outcomes[i], STORE_FRESH);
	assert_string_equal(SEE("ZCARD corridor:touchpoints"), "2500");
	assert_string_equal(SEE("HGET corridor:{t2499}:survey:5m responses"), "12");
	free(t);
	free(list);
	free(outcomes);
	free(names);
	store_destroy(store);
}

/* What one call has no time for is said to have failed; the connection lives on, and the next call goes
 * on. */
static void a_batch_that_is_too_large_ends_in_time(void **state)
{
	enum { N = 20000 };
	struct store *store = open_patient(40);
	struct touchpoint t;
	touchpoint_make(&t, STR("x"), LOG_MS, 1, scores);
	struct publication *list = calloc(N, sizeof *list);
	for (int i = 0; i < N; i++)
		list[i] = t.publication;
	int64_t began_ms = now_ms();
	struct store_batch batch = store_publish(store, list, N, NULL);
	assert_true(now_ms() - began_ms < 400);
	assert_true(batch.written > 0 && batch.failed > 0);
	assert_int_equal(store_publish(store, list, 1, NULL).written, 1);
	assert_int_equal(store_stats(store).connects, 1);
	free(list);
	store_destroy(store);
}

/* ---- health, losses, outages ---- */

static const struct store_health health[2] = {{0, 1700000000000, 12, "i-1", "0.1.0"},
					      {3, 1700000000001, 0, "i-1", "0.1.0"}};

static void health_is_there_for_ten_seconds(void **state)
{
	struct store *store = open_store();
	assert_true(store_health(store, health, 2));
	freeReplyObject(ask("SCRIPT FLUSH"));
	assert_true(store_health(store, health, 2));
	assert_false(store_take_lost(store));
	assert_string_equal(SEE("HGET corridor:health:3 as_of_ms"), "1700000000001");
	assert_string_equal(SEE("HGET corridor:health:0 lag_ms"), "12");
	assert_string_equal(SEE("HGET corridor:health:0 instance"), "i-1");
	assert_string_equal(SEE("HGET corridor:health:0 contract"), "1");
	assert_string_equal(SEE("HGET corridor:health:0 version"), "0.1.0");
	long ttl = atol(SEE("PTTL corridor:health:0"));
	assert_true(ttl > 8000 && ttl <= 10000);
	store_destroy(store);
}

static void an_emptied_redis_is_noticed(void **state)
{
	struct store *store = open_store();
	assert_true(store_health(store, health, 2));
	assert_false(store_take_lost(store));
	freeReplyObject(ask("FLUSHALL"));
	assert_true(store_health(store, health, 2));
	assert_true(store_take_lost(store));
	assert_false(store_take_lost(store)); /* said once */
	assert_true(store_health(store, health, 2));
	assert_false(store_take_lost(store));
	assert_int_equal(store_stats(store).losses, 1);
	store_destroy(store);
}

static void a_redis_that_died_is_found_again(void **state)
{
	struct store *store = open_store();
	struct touchpoint t;
	touchpoint_make(&t, STR("x"), LOG_MS, 1, scores);
	assert_int_equal(publish(store, &t), STORE_FRESH);
	redis_server_kill(server);
	assert_int_equal(publish(store, &t), STORE_FAILED);
	assert_false(store_up(store));
	assert_non_null(strstr(store_error(store), redis_server_socket(server)));
	int64_t began_ms = now_ms();
	for (int i = 0; i < 1000; i++)
		publish(store, &t); /* between two attempts nothing is tried */
	assert_true(now_ms() - began_ms < 150);
	assert_true(store_stats(store).failures < 10);
	redis_server_again(server);
	reader_connect();
	usleep(250000); /* longer than the back-off */
	assert_int_equal(publish(store, &t), STORE_FRESH);
	assert_true(store_up(store));
	assert_string_equal(store_error(store), "");
	assert_true(store_take_lost(store));
	assert_int_equal(store_stats(store).connects, 2);
	store_destroy(store);
}

static void a_lost_connection_alone_is_no_loss(void **state)
{
	struct store *store = open_store();
	struct touchpoint t;
	touchpoint_make(&t, STR("x"), LOG_MS, 1, scores);
	publish(store, &t);
	freeReplyObject(ask("CLIENT KILL TYPE normal SKIPME yes"));
	assert_int_equal(publish(store, &t), STORE_FAILED);
	usleep(150000);
	assert_int_equal(publish(store, &t), STORE_WRITTEN);
	assert_false(store_take_lost(store));
	store_destroy(store);
}

static void a_slow_redis_holds_nobody_up(void **state)
{
	struct store *store = open_store();
	struct touchpoint t;
	touchpoint_make(&t, STR("x"), LOG_MS, 1, scores);
	publish(store, &t);
	redisAppendCommand(reader, "DEBUG SLEEP 1.5");
	int done = 0;
	while (!done)
		redisBufferWrite(reader, &done);
	usleep(50000);
	int64_t began_ms = now_ms();
	assert_int_equal(publish(store, &t), STORE_FAILED); /* waits for the time-out: 300 ms */
	assert_non_null(strstr(store_error(store), "no answer within 300 ms"));
	int64_t took_ms = now_ms() - began_ms;
	assert_true(took_ms >= 250 && took_ms < 600);
	redisReply *reply = NULL;
	assert_int_equal(redisGetReply(reader, (void **)&reply), REDIS_OK);
	freeReplyObject(reply);
	usleep(250000);
	assert_int_equal(publish(store, &t), STORE_WRITTEN);
	store_destroy(store);
}

static void a_full_redis_is_explained(void **state)
{
	struct store *store = open_store();
	struct touchpoint t;
	touchpoint_make(&t, STR("x"), LOG_MS, 1, scores);
	publish(store, &t);
	freeReplyObject(ask("CONFIG SET maxmemory 1"));
	assert_int_equal(publish(store, &t), STORE_FAILED);
	assert_non_null(strstr(store_error(store), "maxmemory"));
	assert_false(store_up(store));
	freeReplyObject(ask("CONFIG SET maxmemory 0"));
	assert_int_equal(publish(store, &t), STORE_WRITTEN); /* at once: the connection was never in doubt */
	store_destroy(store);
}

static int set_up(void **state)
{
	if (server == NULL)
		return 0;
	reader_connect();
	freeReplyObject(ask("FLUSHALL"));
	return 0;
}

int main(void)
{
	server = redis_server_start(NULL);
	if (server == NULL) {
		puts("skipped: no redis-server here");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN); /* as the program does */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_published_can_be_read, set_up),
		cmocka_unit_test_setup(an_older_position_is_refused, set_up),
		cmocka_unit_test_setup(a_hash_is_replaced_as_a_whole, set_up),
		cmocka_unit_test_setup(an_empty_touchpoint_leaves, set_up),
		cmocka_unit_test_setup(the_last_response_never_goes_back, set_up),
		cmocka_unit_test_setup(odd_names_stay_one_touchpoint_each, set_up),
		cmocka_unit_test_setup(each_publish_is_announced_once, set_up),
		cmocka_unit_test_setup(many_touchpoints_in_one_batch, set_up),
		cmocka_unit_test_setup(a_batch_that_is_too_large_ends_in_time, set_up),
		cmocka_unit_test_setup(health_is_there_for_ten_seconds, set_up),
		cmocka_unit_test_setup(an_emptied_redis_is_noticed, set_up),
		cmocka_unit_test_setup(a_redis_that_died_is_found_again, set_up),
		cmocka_unit_test_setup(a_lost_connection_alone_is_no_loss, set_up),
		cmocka_unit_test_setup(a_slow_redis_holds_nobody_up, set_up),
		cmocka_unit_test_setup(a_full_redis_is_explained, set_up),
	};
	int failed = cmocka_run_group_tests_name("store", tests, NULL, NULL);
	redisFree(reader);
	redis_server_stop(server);
	return failed;
}
