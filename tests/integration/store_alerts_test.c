/* Alerts in Redis: written with the checkpoint, read as an outbox, and what people say to them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"
#include "support/redis.h"
#include "support/touchpoint.h"

#define LOG_MS 1700000000000
#define DAY_MS (24LL * 3600 * 1000)

static struct redis_server *server;
static redisContext *admin;
static struct store *store;
static int64_t alerts_max;

static struct store *open_store(void)
{
	struct store_options options = {.url = redis_server_url(server),
					.prefix = "corridor",
					.timeout_ms = 1000,
					.retry_max_ms = 200,
					.ttl_ms = 3600000,
					.in_flight_bytes = 65536,
					.alerts_max = alerts_max,
					.retention_ms = 15 * DAY_MS,
					.windows = touchpoint_windows};
	struct err err = {.set = false};
	struct store *opened = store_create(&options, &err);
	assert_non_null(opened);
	return opened;
}

/* The integer, or 0, or 1 for a text that is there. */
static long long command(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	redisReply *reply = redisvCommand(admin, format, args);
	va_end(args);
	if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", format, reply ? reply->str : admin->errstr);
	long long number = reply->type == REDIS_REPLY_STRING ? 1 : reply->integer;
	freeReplyObject(reply);
	return number;
}

static struct store_alert event(const char *touchpoint, uint64_t number, uint64_t incident, bool open)
{
	static char texts[STORE_ALERTS_MAX][40];
	static unsigned next;
	char *json = texts[next++ % STORE_ALERTS_MAX];
	snprintf(json, sizeof texts[0], "{\"n\":%" PRIu64 "}", number);
	return (struct store_alert){str_of(touchpoint), LEDGER_SURVEY, number, incident, open, str_of(json)};
}

static enum store_checkpoint_outcome tell(int64_t log_ms, const struct store_alert *alerts, unsigned n,
					  struct store_token *token)
{
	struct store_checkpoint c = {
		.partition = 4, .at = {log_ms, log_ms - LOG_MS + 1}, .alerts = alerts, .alerts_count = n};
	return store_checkpoint(store, &c, token);
}

/* What came, as one line: "touchpoint number incident json;" */
struct seen {
	char text[8192], id[STORE_STREAM_ID_BYTES];
	size_t used;
	unsigned count, partition;
};

static bool see_event(void *context, const struct store_event *e)
{
	struct seen *seen = context;
	seen->count++;
	seen->partition = e->partition;
	snprintf(seen->id, sizeof seen->id, "%.*s", (int)e->id.len, e->id.at);
	if (seen->used < sizeof seen->text - 200)
		seen->used +=
			(size_t)snprintf(seen->text + seen->used, 200, "%.*s %" PRIu64 " %" PRIx64 " %.*s;",
					 (int)e->touchpoint.len, e->touchpoint.at, e->number, e->incident,
					 (int)e->json.len, e->json.at);
	return true;
}

static struct seen events(const char *after)
{
	struct seen seen = {.count = 0};
	assert_true(store_alerts_read(store, after, 1000, see_event, &seen));
	return seen;
}

static bool see_incident(void *context, const struct store_incident *i)
{
	struct seen *seen = context;
	seen->count++;
	if (seen->used < sizeof seen->text - 200)
		seen->used += (size_t)snprintf(seen->text + seen->used, 200, "%" PRIx64 " %s %.*s;", i->id,
					       i->open ? "open" : "closed", (int)i->json.len, i->json.at);
	return true;
}

static struct seen incidents(bool all)
{
	struct seen seen = {.count = 0};
	assert_true(all ? store_alerts_all(store, see_incident, &seen)
			: store_alerts_open(store, see_incident, &seen));
	return seen;
}

static void every_event_is_there_once(void **state)
{
	struct store_token token = {.text = ""};
	struct store_alert a[4] = {event("shop", 1, 0xa1, true), event("app {x}", 7, 0xb2, true),
				   event("shop", 2, 0xa1, true), event("shop", 3, 0xa1, false)};
	assert_int_equal(tell(LOG_MS, a, 2, &token), STORE_CHECKPOINT_WRITTEN);
	assert_string_equal(events("").text, "shop 1 a1 {\"n\":1};app {x} 7 b2 {\"n\":7};");
	assert_int_equal(events("").partition, 4);
	assert_int_equal(tell(LOG_MS + 1, a, 4, &token), STORE_CHECKPOINT_WRITTEN); /* all over again */
	assert_int_equal(tell(LOG_MS + 2, a, 4, &token), STORE_CHECKPOINT_WRITTEN);
	assert_string_equal(events("").text, "shop 1 a1 {\"n\":1};app {x} 7 b2 {\"n\":7};"
					     "shop 2 a1 {\"n\":2};shop 3 a1 {\"n\":3};");
	a[0].incident = 0xc3;
	a[0].ledger = LEDGER_SOCIAL; /* counted on its own */
	assert_int_equal(tell(LOG_MS + 3, a, 1, &token), STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(events("").count, 5);
	struct seen first = {.count = 0};
	assert_true(store_alerts_read(store, "", 2, see_event, &first));
	assert_int_equal(events(first.id).count, 3);
	char newest[STORE_STREAM_ID_BYTES];
	assert_true(store_alerts_newest(store, newest));
	assert_string_equal(newest, events("").id);
	assert_int_equal(events(newest).count, 0);
	static const char *const keys[] = {"corridor:alerts", "corridor:incidents:{corridor:alerts}",
					   "corridor:closed:{corridor:alerts}",
					   "corridor:numbers:{corridor:alerts}:4"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		assert_true(command("PTTL %s", keys[i]) > 14 * DAY_MS);
}

/* Nothing goes into the stream with a checkpoint that is not taken, and nothing twice after a loss. */
static void alerts_and_checkpoint_are_one(void **state)
{
	struct store_token token = {.text = ""}, wrong = {.text = "1 1 x"};
	struct store_alert a[2] = {event("shop", 1, 0xa1, true), event("shop", 2, 0xa1, false)};
	struct store_field field = {STR("shop"), STR("state")};
	struct store_position low = {LOG_MS, 1};
	struct store_checkpoint c = {.partition = 4,
				     .at = {LOG_MS + 5, 50},
				     .low = &low,
				     .fields = &field,
				     .fields_count = 1,
				     .alerts = a,
				     .alerts_count = 1};
	assert_int_equal(store_checkpoint(store, &c, &wrong), STORE_CHECKPOINT_LOST);
	assert_int_equal(events("").count, 0);
	assert_int_equal(store_checkpoint(store, &c, &token), STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(events("").count, 1);
	assert_int_equal(tell(LOG_MS + 4, a, 2, &token), STORE_CHECKPOINT_REFUSED);
	assert_int_equal(events("").count, 1);
	assert_int_equal(tell(LOG_MS + 6, NULL, 0, &token), STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(command("HEXISTS corridor:state:{corridor:alerts}:4 :low"), 1);
	command("DEL corridor:state:{corridor:alerts}:4");
	c.at.log_ms = LOG_MS + 7;
	c.alerts_count = 2;
	assert_int_equal(store_checkpoint(store, &c, &token), STORE_CHECKPOINT_LOST);
	c.replace = true;
	assert_int_equal(store_checkpoint(store, &c, &token), STORE_CHECKPOINT_WRITTEN);
	assert_string_equal(events("").text, "shop 1 a1 {\"n\":1};shop 2 a1 {\"n\":2};");
}

struct numbers {
	uint64_t shop, social, app;
	unsigned count;
};

static void see_number(void *context, struct str touchpoint, enum ledger ledger, uint64_t number)
{
	struct numbers *n = context;
	n->count++;
	if (str_is(touchpoint, "shop"))
		*(ledger == LEDGER_SOCIAL ? &n->social : &n->shop) = number;
	else if (str_is(touchpoint, "an app: 1 "))
		n->app = number;
}

static void numbers_are_told_and_forgotten_with_the_log(void **state)
{
	struct store_token token = {.text = ""};
	struct store_alert a[3] = {event("shop", 41, 1, true), event("shop", 5, 2, true),
				   event("an app: 1 ", (1ULL << 53) - 1, 3, true)};
	struct numbers n = {.count = 0};
	a[1].ledger = LEDGER_SOCIAL;
	assert_true(store_alert_numbers(store, 4, see_number, &n));
	assert_int_equal(n.count, 0);
	assert_int_equal(tell(LOG_MS, a, 3, &token), STORE_CHECKPOINT_WRITTEN);
	assert_true(store_alert_numbers(store, 4, see_number, &n));
	assert_int_equal(n.count, 3);
	assert_true(n.shop == 41 && n.social == 5 && n.app == (1ULL << 53) - 1);
	a[0] = event("shop", 42, 1, true);
	assert_int_equal(tell(LOG_MS + 16 * DAY_MS, a, 1, &token), STORE_CHECKPOINT_WRITTEN);
	n = (struct numbers){.count = 0};
	assert_true(store_alert_numbers(store, 4, see_number, &n));
	assert_int_equal(n.count, 1);
	assert_int_equal(n.shop, 42);
}

static void incidents_are_open_or_closed_and_old_ones_leave(void **state)
{
	struct store_token token = {.text = ""};
	struct store_alert a[4] = {event("shop", 1, 0xa1, true), event("app", 1, 0xfedcba9876543210, true),
				   event("shop", 2, 0xa1, false), event("shop", 3, 0xa1, true)};
	struct store_ack ack = {0xa1, LOG_MS, STR("me")};
	tell(LOG_MS, a, 3, &token);
	assert_string_equal(incidents(false).text, "fedcba9876543210 open {\"n\":1};");
	assert_int_equal(incidents(true).count, 2);
	assert_non_null(strstr(incidents(true).text, "a1 closed {\"n\":2};"));
	assert_int_equal(store_ack(store, &ack), STORE_SAID_DONE);
	assert_int_equal(store_ack(store, &ack), STORE_SAID_ALREADY);
	tell(LOG_MS + 1, a + 3, 1, &token); /* reopened, which ends the acknowledgement */
	assert_int_equal(command("HLEN corridor:acks:{corridor:alerts}"), 0);
	assert_non_null(strstr(incidents(false).text, "a1 open {\"n\":3};"));
	a[0] = event("shop", 4, 0xa1, false);
	tell(LOG_MS + 2, a, 1, &token);
	assert_int_equal(store_ack(store, &ack), STORE_SAID_DONE);
	a[0] = event("new", 1, 0xc3, true);
	tell(LOG_MS + 1 + 90 * DAY_MS, a, 1, &token);
	assert_int_equal(incidents(true).count, 3);
	a[0] = event("new", 2, 0xc3, true);
	tell(LOG_MS + 2 + 90 * DAY_MS, a, 1, &token);
	assert_null(strstr(incidents(true).text, "a1 closed"));
	assert_int_equal(incidents(true).count, 2); /* the open one stays, however old it is */
	assert_int_equal(command("HLEN corridor:acks:{corridor:alerts}"), 0);
}

static void an_incident_of_the_desk_is_one_like_the_others(void **state)
{
	struct store_incident suspect = {0xd1, true, STR("{}")};
	struct store_ack ack = {0xd1, LOG_MS, STR("me")};
	assert_int_equal(store_ack(store, &ack), STORE_SAID_UNKNOWN);
	assert_true(store_incident_put(store, &suspect, LOG_MS));
	assert_string_equal(incidents(false).text, "d1 open {};");
	assert_int_equal(store_ack(store, &ack), STORE_SAID_DONE);
	suspect.open = false;
	assert_true(store_incident_put(store, &suspect, LOG_MS + 1));
	assert_string_equal(incidents(true).text, "d1 closed {};");
	assert_int_equal(events("").count, 0);
	assert_true(command("PTTL corridor:closed:{corridor:alerts}") > DAY_MS);
}

static void ten_thousand_closed_ones_are_kept_and_the_stream_is_cut(void **state)
{
	enum { N = 10300 };
	struct store_token token = {.text = ""};
	static struct store_alert a[STORE_ALERTS_MAX];
	store_destroy(store);
	alerts_max = 1000;
	store = open_store();
	for (unsigned i = 0; i < N;) {
		unsigned n = 0;
		for (; n < STORE_ALERTS_MAX && i < N; n++, i++)
			a[n] = event("shop", i + 1, i + 1, false);
		assert_int_equal(tell(LOG_MS + i, a, n, &token), STORE_CHECKPOINT_WRITTEN);
	}
	assert_int_equal(incidents(true).count, 10000);
	assert_int_equal(command("ZSCORE corridor:closed:{corridor:alerts} %016x", N), 1);
	assert_int_equal(command("ZSCORE corridor:closed:{corridor:alerts} %016x", 1), 0);
	long long kept = command("XLEN corridor:alerts");
	assert_in_range(kept, 1000, 1200);
}

static void see_source(void *context, const struct store_source *source)
{
	struct seen *seen = context;
	seen->used += (size_t)snprintf(seen->text + seen->used, 100, "%.*s %d;", (int)source->name.len,
				       source->name.at, (int)source->touchpoints);
}

static void sources_are_as_last_written(void **state)
{
	struct store_source list[] = {{STR("a"), 3}, {STR("b"), 5}};
	struct seen seen = {.used = 0};
	assert_true(store_sources_set(store, 4, list, 2));
	list[1].touchpoints = 7;
	assert_true(store_sources_set(store, 4, list + 1, 1));
	assert_true(store_sources(store, 4, see_source, &seen));
	assert_string_equal(seen.text, "b 7;");
	assert_true(store_sources(store, 5, see_source, &seen));
	assert_string_equal(seen.text, "b 7;");
}

static void see_cursor(void *context, unsigned partition, struct str id)
{
	struct seen *seen = context;
	seen->used +=
		(size_t)snprintf(seen->text + seen->used, 100, "%u %.*s;", partition, (int)id.len, id.at);
}

static void a_cursor_never_goes_back(void **state)
{
	static const char *const rows[][2] = {
		{"1700000000000-5", "1700000000000-5"},	  {"1700000000000-4", "1700000000000-5"},
		{"1700000000000-10", "1700000000000-10"}, {"999-99", "1700000000000-10"},
		{"1700000000001-0", "1700000000001-0"},	  {"nonsense", "1700000000001-0"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct seen seen = {.used = 0};
		char want[80];
		snprintf(want, sizeof want, "3 %s;", rows[i][1]);
		assert_true(store_cursor_set(store, "pager", 3, rows[i][0]));
		assert_true(store_cursors(store, "pager", see_cursor, &seen));
		assert_string_equal(seen.text, want);
	}
	struct seen seen = {.used = 0};
	assert_true(store_cursors(store, "slack", see_cursor, &seen));
	assert_int_equal(seen.used, 0);
	assert_true(command("PTTL corridor:delivery:{corridor:alerts}:pager") > DAY_MS);
}

static void a_sink_remembers(void **state)
{
	char text[20];
	assert_true(store_memory_get(store, "slack", 7, text, sizeof text));
	assert_string_equal(text, "");
	assert_true(store_memory_set(store, "slack", 7, STR("1700000000.000100")));
	assert_true(store_memory_get(store, "slack", 7, text, sizeof text));
	assert_string_equal(text, "1700000000.000100");
	assert_true(store_memory_get(store, "slack", 8, text, sizeof text));
	assert_string_equal(text, "");
	assert_true(store_memory_get(store, "slack", 7, text, 5));
	assert_string_equal(text, "1700");
	assert_true(command("PTTL corridor:memory:{corridor:alerts}:slack:0000000000000007") > 29 * DAY_MS);
}

static void see_ack(void *context, const struct store_ack *ack)
{
	struct seen *seen = context;
	seen->used += (size_t)snprintf(seen->text + seen->used, 300, "%" PRIx64 " %" PRId64 " %.*s;",
				       ack->incident, ack->at_ms, (int)ack->by.len, ack->by.at);
}

static void see_closing(void *context, const struct store_closing *closing)
{
	struct seen *seen = context;
	seen->used +=
		(size_t)snprintf(seen->text + seen->used, 300, "%" PRIx64 " %.*s %s;", closing->incident,
				 (int)closing->by.len, closing->by.at, store_verdict_name(closing->as));
}

static void see_mute(void *context, const struct store_mute *mute)
{
	struct seen *seen = context;
	seen->used += (size_t)snprintf(seen->text + seen->used, 300, "%.*s %" PRId64 " %.*s;",
				       (int)mute->touchpoint.len, mute->touchpoint.at, mute->until_ms,
				       (int)mute->by.len, mute->by.at);
}

static void the_first_acknowledgement_and_the_last_verdict_stand(void **state)
{
	struct store_token token = {.text = ""};
	struct store_alert a[2] = {event("shop", 1, 0xa1, true), event("app", 1, 0xb2, true)};
	struct store_ack first = {0xa1, LOG_MS, STR("Zo\xc3\xab \"Z\"")};
	struct store_ack second = {0xa1, LOG_MS + 1, STR("other")};
	struct store_ack unknown = {0xdead, LOG_MS, STR("me")};
	struct store_closing false_alarm = {0xb2, LOG_MS + 2, STR("bad \xff\n name"), STORE_FALSE};
	struct store_closing real = {0xb2, LOG_MS + 3, STR("me"), STORE_REAL};
	struct seen acks = {.used = 0}, closings = {.used = 0};
	tell(LOG_MS, a, 2, &token);
	assert_int_equal(store_ack(store, &first), STORE_SAID_DONE);
	assert_int_equal(store_ack(store, &second), STORE_SAID_ALREADY);
	assert_int_equal(store_ack(store, &unknown), STORE_SAID_UNKNOWN);
	assert_int_equal(store_close(store, &false_alarm), STORE_SAID_DONE);
	assert_true(store_acks(store, see_ack, &acks));
	assert_non_null(strstr(acks.text, "a1 1700000000000 Zo\xc3\xab \"Z\";"));
	assert_non_null(strstr(acks.text, "b2 1700000000002 bad ?? name;"));
	assert_int_equal(store_close(store, &real), STORE_SAID_DONE);
	assert_true(store_closings(store, see_closing, &closings));
	assert_string_equal(closings.text, "b2 me real;");
	real.incident = 0xdead;
	assert_int_equal(store_close(store, &real), STORE_SAID_UNKNOWN);
	assert_true(command("PTTL corridor:acks:{corridor:alerts}") > DAY_MS);
	command("HSET corridor:acks:{corridor:alerts} 00000000000000a1 rubbish");
	acks.used = 0;
	assert_true(store_acks(store, see_ack, &acks));
	assert_string_equal(acks.text, "b2 1700000000002 bad ?? name;");
}

static void reopening_ends_an_acknowledgement(void **state)
{
	struct store_token token = {.text = ""};
	struct store_alert a[4] = {event("shop", 1, 0xa1, true), event("shop", 2, 0xa1, true),
				   event("shop", 3, 0xa1, false), event("shop", 4, 0xa1, true)};
	struct store_ack ack = {0xa1, LOG_MS, STR("me")};
	tell(LOG_MS, a, 1, &token);
	assert_int_equal(store_ack(store, &ack), STORE_SAID_DONE);
	tell(LOG_MS + 1, a + 1, 2, &token);
	assert_int_equal(store_ack(store, &ack), STORE_SAID_ALREADY); /* an update, the end: it stands */
	tell(LOG_MS + 2, a + 3, 1, &token);
	struct seen acks = {.used = 0};
	assert_true(store_acks(store, see_ack, &acks));
	assert_int_equal(acks.used, 0);
	assert_int_equal(store_ack(store, &ack), STORE_SAID_DONE);
	tell(LOG_MS + 3, a, 4, &token); /* handed in again: nothing happens */
	assert_int_equal(store_ack(store, &ack), STORE_SAID_ALREADY);
}

static void mutes_end(void **state)
{
	struct store_mute a = {STR("shop"), LOG_MS + 3600000, STR("me")},
			  b = {STR("a pp"), LOG_MS + 60000, STR("x")};
	struct seen seen = {.used = 0};
	assert_int_equal(store_mute(store, &a, LOG_MS), STORE_SAID_DONE);
	assert_int_equal(store_mute(store, &b, LOG_MS), STORE_SAID_DONE);
	assert_in_range(command("PTTL corridor:mutes:{corridor:alerts}"), DAY_MS + 3500000, DAY_MS + 3600000);
	assert_true(store_mutes(store, see_mute, &seen));
	assert_non_null(strstr(seen.text, "a pp 1700000060000 x;"));
	a.until_ms += 1; /* for longer; the other one has ended meanwhile */
	assert_int_equal(store_mute(store, &a, LOG_MS + 60000), STORE_SAID_DONE);
	seen = (struct seen){.used = 0};
	assert_true(store_mutes(store, see_mute, &seen));
	assert_string_equal(seen.text, "shop 1700003600001 me;");
	assert_int_equal(store_unmute(store, STR("a pp"), LOG_MS), STORE_SAID_UNKNOWN);
	assert_int_equal(store_unmute(store, STR("shop"), LOG_MS), STORE_SAID_DONE);
	for (int i = 0; i < 1000; i++) {
		char name[20];
		snprintf(name, sizeof name, "t%d", i);
		a.touchpoint = str_of(name);
		assert_int_equal(store_mute(store, &a, LOG_MS), STORE_SAID_DONE);
	}
	assert_int_equal(store_mute(store, &b, LOG_MS), STORE_SAID_FAILED);
	assert_non_null(strstr(store_error(store), "1000 touchpoints are muted already"));
	assert_int_equal(command("HLEN corridor:mutes:{corridor:alerts}"), 1000);
}

static void the_alert_hash_is_published_with_the_rest(void **state)
{
	static const int64_t scores[BINS] = {1};
	struct view_field fields[2] = {{"state", "open", 4}, {"incident", "00000000000000a1", 16}};
	struct publication_alert alert = {fields, 2}, none = {fields, 0};
	struct touchpoint t;
	touchpoint_make(&t, STR("shop"), LOG_MS, 5, scores);
	struct publication p = t.publication;
	p.alert = &alert;
	assert_int_equal(store_publish(store, &p, 1, NULL).written, 1);
	assert_int_equal(command("HLEN corridor:{shop}:alert"), 2);
	assert_in_range(command("PTTL corridor:{shop}:alert"), 3500000, 3600000);
	p.alert = NULL;
	assert_int_equal(store_publish(store, &p, 1, NULL).written, 1);
	assert_int_equal(command("HLEN corridor:{shop}:alert"), 2);
	p.windows_count = 0; /* it alone is due */
	p.alert = &none;
	p.offset = 4;
	assert_int_equal(store_publish(store, &p, 1, NULL).refused, 1);
	p.offset = 5;
	assert_int_equal(store_publish(store, &p, 1, NULL).written, 1);
	assert_int_equal(command("EXISTS corridor:{shop}:alert"), 0);
	assert_int_equal(command("EXISTS corridor:{shop}:survey:5m"), 1);
}

static void registry_and_active_touchpoints(void **state)
{
	uint64_t count = 9;
	assert_true(store_registry(store, STR("[]")));
	assert_in_range(command("PTTL corridor:registry"), 3500000, 3600000);
	assert_true(store_touchpoints_active(store, LOG_MS, &count));
	assert_int_equal(count, 0);
	command("ZADD corridor:touchpoints %lld a %lld b %lld c", LOG_MS - 1, LOG_MS, LOG_MS + 1);
	assert_true(store_touchpoints_active(store, LOG_MS, &count));
	assert_int_equal(count, 2);
}

static void scripts_are_loaded_again_and_failures_are_said(void **state)
{
	struct store_token token = {.text = ""};
	struct store_alert a = event("shop", 1, 0xa1, true);
	struct store_ack ack = {0xa1, LOG_MS, STR("me")};
	assert_int_equal(tell(LOG_MS, &a, 1, &token), STORE_CHECKPOINT_WRITTEN);
	command("SCRIPT FLUSH");
	assert_int_equal(store_ack(store, &ack), STORE_SAID_DONE);
	command("SCRIPT FLUSH");
	assert_int_equal(incidents(true).count, 1);
	command("DEL corridor:alerts");
	command("SET corridor:alerts x");
	struct seen seen = {.count = 0};
	assert_false(store_alerts_read(store, "", 10, see_event, &seen));
	assert_non_null(strstr(store_error(store), "another program uses our keys"));
	redis_server_kill(server);
	assert_int_equal(store_ack(store, &ack), STORE_SAID_FAILED);
	assert_false(store_alerts_open(store, see_incident, &seen));
	assert_true(store_error(store)[0] != '\0');
	redis_server_again(server);
	redisFree(admin);
	admin = redisConnectUnix(redis_server_socket(server));
}

static int set_up(void **state)
{
	command("FLUSHALL");
	alerts_max = 0;
	store = open_store();
	return 0;
}

static int tear_down(void **state)
{
	store_destroy(store);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	server = redis_server_start(NULL);
	if (server == NULL) {
		puts("skipped: no redis-server here");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	admin = redisConnectUnix(redis_server_socket(server));
	const struct CMUnitTest tests[] = {
		TEST(every_event_is_there_once),
		TEST(alerts_and_checkpoint_are_one),
		TEST(numbers_are_told_and_forgotten_with_the_log),
		TEST(incidents_are_open_or_closed_and_old_ones_leave),
		TEST(an_incident_of_the_desk_is_one_like_the_others),
		TEST(ten_thousand_closed_ones_are_kept_and_the_stream_is_cut),
		TEST(sources_are_as_last_written),
		TEST(a_cursor_never_goes_back),
		TEST(a_sink_remembers),
		TEST(the_first_acknowledgement_and_the_last_verdict_stand),
		TEST(reopening_ends_an_acknowledgement),
		TEST(mutes_end),
		TEST(the_alert_hash_is_published_with_the_rest),
		TEST(registry_and_active_touchpoints),
		TEST(scripts_are_loaded_again_and_failures_are_said),
	};
	int failed = cmocka_run_group_tests_name("store/alerts", tests, NULL, NULL);
	redisFree(admin);
	redis_server_stop(server);
	return failed;
}
