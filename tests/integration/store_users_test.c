/* deploy/redis/users.conf: what each of the three users may do, asked of a real server. Run from the
 * repository's root. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"
#include "support/redis.h"
#include "support/touchpoint.h"

static struct redis_server *server;

static struct store *open_as(const char *userinfo)
{
	char url[300];
	snprintf(url, sizeof url, "unix://%s%s?db=0", userinfo, redis_server_socket(server));
	struct store_options options = {.url = url,
					.prefix = "corridor",
					.timeout_ms = 2000,
					.retry_max_ms = 200,
					.ttl_ms = 3600000,
					.in_flight_bytes = 65536,
					.retention_ms = 7200000,
					.windows = touchpoint_windows};
	struct err err = {.set = false};
	struct store *store = store_create(&options, &err);
	if (store == NULL)
		fail_msg("%s", err.text);
	return store;
}

static bool no_field(void *context, struct str touchpoint, struct str bytes)
{
	return true;
}

static void the_program_may_do_all_that_it_does(void **state)
{
	static const int64_t scores[BINS] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4};
	struct store *store = open_as("corridor:change-me-program@");
	struct touchpoint t[2];
	struct publication list[2];
	touchpoint_make(&t[0], STR("checkout"), 1700000000000, 1, scores);
	touchpoint_make(&t[1], STR("empty"), 1700000000000, 1, scores);
	touchpoint_empty(&t[1]);
	list[0] = t[0].publication;
	list[1] = t[1].publication;
	struct store_batch batch = store_publish(store, list, 2, NULL);
	if (batch.written != 2)
		fail_msg("%s", store_error(store));
	assert_true(store_health(store, &(struct store_health){0, 1, 2, "i", "v"}, 1));
	struct store_position low = {1, 1};
	struct store_field fields[2] = {{STR("checkout"), STR("x")}, {STR("gone"), {NULL, 0}}};
	struct store_checkpoint c = {
		.at = {2, 2}, .low = &low, .replace = true, .fields = fields, .fields_count = 2};
	struct store_token token = {.text = ""};
	if (store_checkpoint(store, &c, &token) != STORE_CHECKPOINT_WRITTEN)
		fail_msg("%s", store_error(store));
	struct store_restore r = {.field = no_field};
	if (store_restore(store, &r, &low, &token) != STORE_RESTORE_DONE)
		fail_msg("%s", store_error(store));
	store_destroy(store);
}

static bool any_event(void *context, const struct store_event *event)
{
	return true;
}

static bool any_incident(void *context, const struct store_incident *incident)
{
	return true;
}

static void any_number(void *context, struct str touchpoint, enum ledger ledger, uint64_t number) {}

static void any_source(void *context, const struct store_source *source) {}

static void any_cursor(void *context, unsigned partition, struct str id) {}

static void any_ack(void *context, const struct store_ack *ack) {}

static void any_closing(void *context, const struct store_closing *closing) {}

static void any_mute(void *context, const struct store_mute *mute) {}

/* Every command of the alerts' part once. */
static void the_program_may_do_all_that_alerts_need(void **state)
{
	struct store *store = open_as("corridor:change-me-program@");
	struct store_alert alerts[2] = {{STR("a"), LEDGER_SURVEY, 1, 0xa1, true, STR("{}")},
					{STR("a"), LEDGER_SURVEY, 2, 0xa1, false, STR("{}")}};
	struct store_checkpoint c = {.partition = 9, .at = {1, 1}, .alerts = alerts, .alerts_count = 2};
	struct store_token token = {.text = ""};
	char id[STORE_STREAM_ID_BYTES], text[10];
	uint64_t count;
	const bool good[] = {
		store_checkpoint(store, &c, &token) == STORE_CHECKPOINT_WRITTEN,
		(c.at.log_ms = 1LL << 40, alerts[1].number = 3,
		 store_checkpoint(store, &c, &token) == STORE_CHECKPOINT_WRITTEN), /* the old ones leave */
		(alerts[0].number = 4, store_checkpoint(store, &c, &token) == STORE_CHECKPOINT_WRITTEN),
		store_alert_numbers(store, 9, any_number, NULL),
		store_alerts_read(store, "", 9, any_event, NULL),
		store_alerts_newest(store, id),
		store_alerts_open(store, any_incident, NULL),
		store_sources_set(store, 1, &(struct store_source){STR("a"), 1}, 1),
		store_sources(store, 1, any_source, NULL),
		store_cursor_set(store, "s", 1, "1-1"),
		store_cursors(store, "s", any_cursor, NULL),
		store_memory_set(store, "s", 1, STR("x")),
		store_memory_get(store, "s", 1, text, sizeof text),
		store_ack(store, &(struct store_ack){.incident = 0xa1}) == STORE_SAID_DONE,
		store_close(store, &(struct store_closing){.incident = 0xa1}) == STORE_SAID_DONE,
		store_mute(store, &(struct store_mute){STR("a"), 9, STR("")}, 1) == STORE_SAID_DONE,
		store_unmute(store, STR("a"), 1) == STORE_SAID_DONE,
		store_acks(store, any_ack, NULL),
		store_closings(store, any_closing, NULL),
		store_mutes(store, any_mute, NULL),
		store_registry(store, STR("[]")),
		store_touchpoints_active(store, 0, &count),
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!good[i])
			fail_msg("%zu: %s", i, store_error(store));
	store_destroy(store);
}

static void wrong_users_are_told_what_is_wrong(void **state)
{
	static const struct {
		const char *userinfo, *says;
	} rows[] = {
		{"corridor:wrong@", "user or password"},
		{"nobody:change-me-program@", "user or password"},
		{"corridor-counters:change-me-counters@", "users.conf"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store *store = open_as(rows[i].userinfo);
		assert_false(store_connect(store));
		if (strstr(store_error(store), rows[i].says) == NULL || strstr(store_error(store), "wrong@"))
			fail_msg("%s: %s", rows[i].userinfo, store_error(store));
		store_destroy(store);
	}
}

/* Words as they are: hiredis would take a % for a format. */
static redisReply *raw(redisContext *redis, const char *command)
{
	char words[200];
	const char *argv[16];
	int argc = 0;
	snprintf(words, sizeof words, "%s", command);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return redisCommandArgv(redis, argc, argv, NULL);
}

enum { COUNTERS = 1, COMMENTS = 2 };
static const struct {
	int may;
	const char *command;
} rows[] = {
	{3, "PING"},
	{3, "SELECT 0"},
	{3, "ZREVRANGE corridor:touchpoints 0 -1 WITHSCORES"},
	{3, "ZSCORE corridor:touchpoints checkout"},
	{3, "HGETALL corridor:{checkout}:survey:5m"},
	{3, "HGETALL corridor:{checkout}:relationship:today"},
	{3, "HGETALL corridor:{checkout}:social:series:1h"},
	{3, "HGET corridor:{checkout}:review:5m net"},
	{3, "HGETALL corridor:health:0"},
	{3, "GET corridor:registry"},
	{COMMENTS, "XREVRANGE corridor:{checkout}:verbatims + -"},
	{COMMENTS, "GET corridor:{checkout}:causes"},
	{COMMENTS, "HGETALL corridor:{checkout}:alert"},
	{COMMENTS, "XRANGE corridor:alerts - +"},
	{COMMENTS, "XREAD COUNT 1 STREAMS corridor:alerts 0"},
	{COMMENTS, "HGETALL corridor:incidents:{corridor:alerts}"},
	{COMMENTS, "ZRANGE corridor:closed:{corridor:alerts} 0 -1"},
	{COMMENTS, "HGETALL corridor:acks:{corridor:alerts}"},
	{COMMENTS, "HGETALL corridor:verdicts:{corridor:alerts}"},
	{COMMENTS, "HGETALL corridor:mutes:{corridor:alerts}"},
	{0, "HGETALL corridor:numbers:{corridor:alerts}:0"},
	{0, "HGETALL corridor:delivery:{corridor:alerts}:slack"},
	{0, "GET corridor:memory:{corridor:alerts}:slack:00000000000000a1"},
	{0, "XADD corridor:alerts * a b"},
	{0, "HSET corridor:acks:{corridor:alerts} 00000000000000a1 x"},
	{0, "HGETALL corridor:state:{corridor:alerts}:0"},
	{0, "HKEYS corridor:state:{corridor:alerts}:0"},
	{0, "GET corridor:{checkout}:pos"},
	{0, "GET corridor:{x:survey:y}:pos"}, /* names that would fool a glob, */
	{0, "GET corridor:{x%7D:survey:y}:pos"}, /* did not the program encode braces */
	{0, "HSET corridor:{checkout}:survey:5m nps 100"},
	{0, "DEL corridor:{checkout}:survey:5m"},
	{0, "PEXPIRE corridor:{checkout}:survey:5m 1"},
	{0, "PUBLISH corridor:changes x"},
	{0, "SUBSCRIBE other"},
	{0, "PSUBSCRIBE *"},
	{0, "KEYS *"},
	{0, "SCAN 0"},
	{0, "EVAL return{} 0"},
	{0, "FLUSHALL"},
	{0, "CONFIG GET *"},
	{0, "ACL LIST"},
	{0, "MONITOR"},
	{3, "SUBSCRIBE corridor:changes"}, /* the last one: after it nothing else is allowed */
};

static void readers_see_what_they_may_and_nothing_else(void **state)
{
	static const char *const users[][2] = {{"corridor-counters", "change-me-counters"},
					       {"corridor-comments", "change-me-comments"}};
	for (int user = 0; user < 2; user++) {
		redisContext *redis = redisConnectUnix(redis_server_socket(server));
		freeReplyObject(redisCommand(redis, "AUTH %s %s", users[user][0], users[user][1]));
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			redisReply *reply = raw(redis, rows[i].command);
			assert_non_null(reply);
			bool denied =
				reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOPERM", 6) == 0;
			bool may = rows[i].may & (user == 0 ? COUNTERS : COMMENTS);
			if (denied == may || (may && reply->type == REDIS_REPLY_ERROR))
				fail_msg("%s: %s: %s", users[user][0], rows[i].command,
					 reply->str ? reply->str : "allowed");
			freeReplyObject(reply);
		}
		redisFree(redis);
	}
}

int main(void)
{
	char path[600], folder[500];
	if (getcwd(folder, sizeof folder) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/deploy/redis/users.conf", folder);
	server = redis_server_start((const char *[]){"--include", path, NULL});
	if (server == NULL) {
		puts("skipped: no redis-server here");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_program_may_do_all_that_it_does),
		cmocka_unit_test(the_program_may_do_all_that_alerts_need),
		cmocka_unit_test(wrong_users_are_told_what_is_wrong),
		cmocka_unit_test(readers_see_what_they_may_and_nothing_else),
	};
	int failed = cmocka_run_group_tests_name("store/users", tests, NULL, NULL);
	redis_server_stop(server);
	return failed;
}
