/* What a full publish leaves in Redis, held against deploy/schema/ by _schema_check.py. Run from the
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
#include <sys/wait.h>

#include "alert/alert.h"
#include "registry/registry.h"
#include "store/store.h"
#include "support/redis.h"
#include "support/touchpoint.h"

static struct redis_server *server;

static void publish(struct store *store, struct str name, const int64_t scores[BINS], bool before)
{
	struct touchpoint t;
	touchpoint_make(&t, name, 1700000000123, 42, scores);
	for (unsigned i = 0; i < t.publication.windows_count && !before; i++)
		t.windows[i].reading.before = (struct nps_counts){0, 0, 0};
	assert_int_equal(store_publish(store, &t.publication, 1, NULL).written, 1);
}

/* Nothing ever happened, something that is over, and what is open: of each kind and ledger that has words of its own. */
static const struct view_alert alerts[] = {
	{.ledger = LEDGER_SURVEY, .baseline_rate = 0.15},
	{.ledger = LEDGER_SURVEY,
	 .ready = true,
	 .baseline_rate = 1 / 7.0,
	 .learned_responses = 4200,
	 .incident = 0xa1,
	 .severity = ALERT_PAGE,
	 .raised_ms = 1700000000000,
	 .changed_ms = 1700000000123,
	 .onset_ms = 1690000000000},
	{.ledger = LEDGER_RELATIONSHIP, .incident = 1, .open = true, .kind = ALERT_SILENCE},
	{.ledger = LEDGER_RELATIONSHIP,
	 .incident = 2,
	 .open = true,
	 .responses = 9,
	 .counted = 5,
	 .rate = 5 / 9.0},
	{.ledger = LEDGER_SOCIAL, .incident = 3, .open = true, .responses = 9, .rate_high = 1e-7},
	{.ledger = LEDGER_SURVEY, .incident = 4, .open = true, .kind = ALERT_PROMOTER_RISE, .rate = 1},
	{.ledger = LEDGER_REVIEW, .incident = UINT64_MAX, .open = true, .kind = ALERT_PROMOTER_RISE},
};

static void publish_alerts(struct store *store)
{
	static const int64_t one[BINS] = {1};
	for (unsigned i = 0; i < sizeof alerts / sizeof *alerts; i++) {
		char name[20];
		struct view_fields fields;
		struct touchpoint t;
		view_alert_fields(&fields, &alerts[i]);
		struct publication_alert alert = {fields.at, fields.count};
		snprintf(name, sizeof name, "alert-%u", i);
		touchpoint_make(&t, str_of(name), 1700000000123, 42, one);
		t.publication.alert = &alert;
		assert_int_equal(store_publish(store, &t.publication, 1, NULL).written, 1);
	}
}

static void publish_registry(struct store *store)
{
	static const struct registry_touchpoint declared[] = {
		{.name = "checkout",
		 .label = "Checkout \"web\"",
		 .parent = "all",
		 .team = "web",
		 .journey = "buy",
		 .stage = "pay",
		 .moment_of_truth = true,
		 .runbook = "https://wiki.example.com/checkout"},
		{.name = "till", .parent = "", .label = ""}};
	static const char *const zones[] = {"Europe/Berlin", NULL};
	struct err err = {.set = false};
	unsigned line;
	size_t len;
	struct registry *registry = registry_create(declared, 2, &line, &err);
	assert_non_null(registry);
	char *text = registry_json(registry, zones, &len);
	assert_true(store_registry(store, (struct str){text, len}));
	free(text);
	registry_destroy(registry);
}

/* What people and sinks write of the two incidents. */
static void say(struct store *store)
{
	struct store_ack ack = {0xa1, 1700000000456, STR("Zo\xc3\xab \"Z\"")};
	struct store_closing closing = {0xfedcba9876543210, 1700000000457, STR(""), STORE_KNOWN};
	struct store_mute mute = {STR("shop*"), 1700000060000, STR("me")};
	assert_int_equal(store_ack(store, &ack), STORE_SAID_DONE);
	assert_int_equal(store_close(store, &closing), STORE_SAID_DONE);
	assert_int_equal(store_mute(store, &mute, 1700000000000), STORE_SAID_DONE);
	struct store_source source = {STR("feedback.surveys"), 12};
	assert_true(store_sources_set(store, 11, &source, 1));
	assert_true(store_cursor_set(store, "on-call_1", 11, "1700000000123-0"));
	assert_true(store_memory_set(store, "slack", 0xa1, STR("1700000000.000100")));
}

static void fill(void)
{
	static const int64_t mixed[BINS] = {1, 3, 1, 0, 2, 7, 0, 1, 1, 3, 4}, none[BINS] = {0},
			     one[BINS] = {0, 1};
	static const int64_t many[BINS] = {900000000000, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1};
	struct store_options options = {.url = redis_server_url(server),
					.prefix = "corridor",
					.timeout_ms = 2000,
					.retry_max_ms = 200,
					.ttl_ms = 3600000,
					.in_flight_bytes = 65536,
					.retention_ms = 7200000,
					.windows = touchpoint_windows};
	struct err err = {.set = false};
	struct store *store = store_create(&options, &err);
	assert_non_null(store);
	publish(store, STR("checkout"), mixed, true);
	publish(store, STR("quiet {today}\n"), none, true);
	publish(store, STR("new:survey:5m"), mixed, false);
	publish(store, STR(""), none, false);
	publish(store, STR("100%"), one, true);
	publish(store,
		STR("Stra\xc3\x9f"
		    "e"),
		many, true);
	assert_true(store_health(store, &(struct store_health){11, 1700000000456, 0, "host-1", "0.1.0"}, 1));
	struct store_position low = {1700000000000, 40};
	struct store_field fields[2] = {{STR("checkout"), STR("\x01\xff\x00")}, {STR(":odd"), STR("x")}};
	char event[ALERT_JSON_MAX];
	struct alert_event of = {.incident = 0xa1,
				 .touchpoint = STR("checkout"),
				 .number = 1,
				 .at_ms = 1700000000000,
				 .raised_ms = 1700000000000,
				 .figures = {.onset_ms = 1700000000000, .rate = 0.5, .responses = 9}};
	assert_true(alert_json(event, sizeof event, &of, 0) > 0);
	struct store_alert events[2] = {
		{STR("quiet {today}\n"), LEDGER_SURVEY, 1, 0xa1, true, str_of(event)},
		{STR("checkout"), LEDGER_REVIEW, 1700000000123, 0xfedcba9876543210, false, str_of(event)}};
	struct store_checkpoint c = {.partition = 11,
				     .at = {1700000000123, 42},
				     .low = &low,
				     .fields = fields,
				     .fields_count = 2,
				     .alerts = events,
				     .alerts_count = 2};
	struct store_token token = {.text = ""};
	assert_int_equal(store_checkpoint(store, &c, &token), STORE_CHECKPOINT_WRITTEN);
	publish_alerts(store);
	publish_registry(store);
	say(store);
	store_destroy(store);
}

static int check(void)
{
	char command[300];
	snprintf(command, sizeof command, "python3 tests/integration/_schema_check.py %s >&2",
		 redis_server_socket(server));
	int status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void redis_holds_what_the_contract_says(void **state)
{
	fill();
	int status = check();
	if (status == 77)
		skip();
	assert_int_equal(status, 0);
}

/* The check itself can fail: otherwise the test above says nothing. */
static void what_is_not_in_the_contract_is_found(void **state)
{
	static const char *const rows[] = {
		"HSET corridor:{checkout}:survey:5m nps x",
		"HDEL corridor:{checkout}:survey:5m responses",
		"HSET corridor:{checkout}:review:1h mood 1",
		"PERSIST corridor:{checkout}:pos",
		"SET corridor:{checkout}:verbatims x PX 9999",
		"SET corridor:{a}b}:pos x PX 9999",
		"DEL corridor:health:11",
		"ZADD corridor:touchpoints 1.5 x",
		"XADD corridor:alerts * partition 1 ledger survey number 2 incident a1 touchpoint x alert {}",
		"HSET corridor:incidents:{corridor:alerts} 00000000000000a1 {",
		"HSET corridor:verdicts:{corridor:alerts} 00000000000000a1 "
		"{\"at_ms\":1,\"by\":\"\",\"as\":\"x\"}",
		"HSET corridor:delivery:{corridor:alerts}:slack 1 x",
		"SET corridor:memory:{corridor:alerts}:slack:A1 x PX 9999",
		"SET corridor:registry x PX 9999",
		"SET corridor:registry [{\"touchpoint\":\"a\",\"mood\":1}] PX 9999",
		"SET corridor:registry [{\"label\":\"a\"}] PX 9999",
		"HDEL corridor:{alert-0}:alert learned_responses",
		"HSET corridor:{alert-0}:alert state open",
		"HSET corridor:{alert-1}:alert rate 0.5",
		"HDEL corridor:{alert-1}:alert onset_ms",
		"HSET corridor:{alert-2}:alert kind source_suspect",
		"HDEL corridor:{alert-3}:alert rate_low",
		"HSET corridor:{alert-3}:alert state resolved",
		"HSET corridor:{alert-4}:alert detractors 3",
		"HSET corridor:{alert-5}:alert mood 1",
	};
	redisContext *redis = redisConnectUnix(redis_server_socket(server));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		freeReplyObject(redisCommand(redis, "FLUSHALL"));
		fill();
		redisReply *reply = redisCommand(redis, rows[i]);
		assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
		freeReplyObject(reply);
		int status = check();
		if (status == 77)
			skip();
		if (status != 1)
			fail_msg("%s went unnoticed", rows[i]);
	}
	redisFree(redis);
}

int main(void)
{
	server = redis_server_start(NULL);
	if (server == NULL) {
		puts("skipped: no redis-server here");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(redis_holds_what_the_contract_says),
		cmocka_unit_test(what_is_not_in_the_contract_is_found),
	};
	int failed = cmocka_run_group_tests_name("store/schema", tests, NULL, NULL);
	redis_server_stop(server);
	return failed;
}
