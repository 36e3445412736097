#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "json/json.h"
#include "os/os.h"
#include "sample.h"
#include "support/receiver.h"

#define EVENTS_MAX 4000

static struct receiver *receiver;
static char folder[] = "/tmp/corridor-deliver-XXXXXX";
static char hook_file[80], key_file[80], token_file[80];

static struct {
	unsigned delivered, dead, remembered;
	uint64_t order[EVENTS_MAX]; /* delivered: incident << 32 | position */
	unsigned sink[EVENTS_MAX];
	char dead_reason[400], memory[120];
} heard;

/* What a callback does besides: the worst is that the partition goes away in the middle of it. */
static struct sinks *drop_of;

static void drop(void)
{
	if (drop_of)
		sinks_drop_partition(drop_of, 0);
}

static void on_delivered(void *context, unsigned sink, const struct sink_message *message)
{
	must(heard.delivered < EVENTS_MAX);
	heard.sink[heard.delivered] = sink;
	heard.order[heard.delivered++] = message->event.incident << 32 | message->position;
	drop();
}

static void on_dead(void *context, unsigned sink, const struct sink_message *message, const char *reason)
{
	heard.dead++;
	snprintf(heard.dead_reason, sizeof heard.dead_reason, "%s", reason);
	drop();
}

static void on_remember(void *context, unsigned sink, const struct alert_event *event, struct str memory)
{
	heard.remembered++;
	snprintf(heard.memory, sizeof heard.memory, "%.*s", (int)memory.len, memory.at);
	drop();
}

static int64_t now_ms(void)
{
	return os_wall_ms();
}

static const char *const kinds[] = {"detractor_spike", "silence", "source_suspect"};

static struct sink_options sink_at(enum sink_type type, const char *name, const char *path)
{
	struct sink_options options = {.name = name,
				       .type = type,
				       .kinds = {kinds, 3},
				       .private_addresses = true,
				       .timeout_ms = 700,
				       .url = receiver_url(receiver, path)};
	if (type == SINK_WEBHOOK || type == SINK_PAGERDUTY)
		options.secret_file = type == SINK_WEBHOOK ? hook_file : key_file;
	if (type == SINK_SLACK && strstr(path, "/api")) {
		options.token_file = token_file;
		options.channel = "#alerts";
	}
	return options;
}

static struct sinks *create(const struct sink_options *options, unsigned count, struct sinks_options how)
{
	memset(&heard, 0, sizeof heard);
	struct err err = {0};
	how.sinks = options;
	how.count = count;
	how.callbacks = (struct sinks_callbacks){NULL, on_delivered, on_dead, on_remember};
	how.retry_min_ms = how.retry_min_ms ? how.retry_min_ms : 20;
	how.retry_max_ms = how.retry_max_ms ? how.retry_max_ms : 100;
	struct sinks *sinks = sinks_create(&how, &err);
	if (sinks == NULL)
		fail_msg("%s", err.text);
	return sinks;
}

static struct sinks *create_one(enum sink_type type, const char *path, struct sinks_options how)
{
	struct sink_options options = sink_at(type, "one", path);
	return create(&options, 1, how);
}

static void offer(struct sinks *sinks, uint64_t incident, enum sink_what what, uint64_t position)
{
	struct sink_message message = sample_message(incident, what, position);
	assert_int_equal(sinks_offer(sinks, &message, SINKS_ALL), 0);
}

static void run(struct sinks *sinks, unsigned ended)
{
	for (int64_t end = now_ms() + 15000; heard.delivered + heard.dead < ended && now_ms() < end;)
		sinks_step(sinks, now_ms(), 100);
	assert_int_equal(heard.delivered + heard.dead, ended);
}

/* ---- the queue ---- */

static void test_faults_are_tried_again(void **state)
{
	static const char *const paths[] = {"/fault/2/500/hook/a",     "/fault/2/reset/hook/a",
					    "/fault/1/hang/hook/a",    "/fault/2/close/hook/a",
					    "/fault/1/garbage/hook/a", "/fault/1/408/hook/a"};
	for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct sinks *sinks = create_one(SINK_WEBHOOK, paths[i], (struct sinks_options){0});
		offer(sinks, 1, SINK_TRIGGER, 5);
		assert_int_equal(sinks_low(sinks, 0, 0), 4);
		run(sinks, 1);
		assert_int_equal(heard.delivered, 1);
		assert_int_equal(sinks_low(sinks, 0, 0), 5);
		assert_int_equal(sinks_stats(sinks, 0).failures, paths[i][7] - '0');
		assert_string_equal(sinks_stats(sinks, 0).error, "");
		sinks_destroy(sinks);
	}
}

static void test_retry_after(void **state)
{
	struct sinks *sinks = create_one(SINK_WEBHOOK, "/fault/1/429-1/hook/b", (struct sinks_options){0});
	int64_t began_ms = now_ms();
	offer(sinks, 1, SINK_TRIGGER, 1);
	run(sinks, 1);
	assert_true(now_ms() - began_ms >= 950);
	assert_int_equal(receiver_count(receiver, "/fault/1/429-1/hook/b"), 2);
	sinks_destroy(sinks);
}

static void test_final_answers(void **state)
{
	struct sinks *sinks = create_one(SINK_WEBHOOK, "/fault/1/400/hook/c", (struct sinks_options){0});
	offer(sinks, 1, SINK_TRIGGER, 1);
	offer(sinks, 1, SINK_RESOLVE, 2);
	run(sinks, 2);
	assert_int_equal(heard.dead, 1);
	assert_int_equal(heard.delivered, 1); /* what comes after it is not held up */
	assert_string_equal(heard.dead_reason, "it answers 400 (failed as asked)");
	assert_int_equal(sinks_low(sinks, 0, 0), 2);
	sinks_destroy(sinks);
}

static void test_redirect_is_not_followed(void **state)
{
	struct sinks *sinks = create_one(SINK_WEBHOOK, "/redirect/hook/d", (struct sinks_options){0});
	offer(sinks, 1, SINK_TRIGGER, 1);
	run(sinks, 1);
	assert_int_equal(heard.dead, 1);
	assert_int_equal(receiver_count(receiver, "/hook/d"), 0);
	sinks_destroy(sinks);
}

static void test_gone_disables(void **state)
{
	struct sinks *sinks = create_one(SINK_WEBHOOK, "/fault/all/410/hook", (struct sinks_options){0});
	for (uint64_t i = 1; i <= 10; i++)
		offer(sinks, i, SINK_TRIGGER, i);
	run(sinks, 10);
	assert_int_equal(heard.dead, 10);
	assert_true(sinks_stats(sinks, 0).disabled);
	unsigned requests = receiver_count(receiver, "/fault/all/410/hook");
	assert_true(requests <= 4);
	offer(sinks, 11, SINK_TRIGGER, 11);
	run(sinks, 11);
	assert_int_equal(receiver_count(receiver, "/fault/all/410/hook"), requests);
	assert_int_equal(sinks_low(sinks, 0, 0), 11);
	sinks_destroy(sinks);
}

static void test_gives_up(void **state)
{
	struct sinks *sinks =
		create_one(SINK_WEBHOOK, "/fault/all/503/hook", (struct sinks_options){.give_up_ms = 500});
	int64_t began_ms = now_ms();
	offer(sinks, 1, SINK_TRIGGER, 1);
	run(sinks, 1);
	assert_true(now_ms() - began_ms >= 450 && now_ms() - began_ms < 3000);
	assert_non_null(strstr(heard.dead_reason, "given up after "));
	assert_non_null(strstr(heard.dead_reason, "it answers 503"));
	assert_true(receiver_count(receiver, "/fault/all/503/hook") >= 4);
	sinks_destroy(sinks);
}

/* While the receiver asks for peace until long after the message's time. */
static void test_gives_up_in_a_pause(void **state)
{
	struct sinks *sinks =
		create_one(SINK_WEBHOOK, "/fault/all/429-3000/e", (struct sinks_options){.give_up_ms = 300});
	offer(sinks, 1, SINK_TRIGGER, 1);
	run(sinks, 1);
	assert_int_equal(receiver_count(receiver, "/fault/all/429-3000/e"), 1);
	sinks_destroy(sinks);
}

/* Faults in between: each incident's messages arrive in order all the same, and nothing is lost. */
static void test_order(void **state)
{
	struct sink_options options = sink_at(SINK_WEBHOOK, "one", "/fault/7/500/hook/order");
	struct sinks *sinks = create(&options, 1, (struct sinks_options){.in_flight_max = 8});
	uint64_t position = 0;
	for (unsigned round = 0; round < 10; round++) {
		for (uint64_t incident = 1; incident <= 20; incident++)
			offer(sinks, incident,
			      round == 9 ? SINK_RESOLVE
			      : round	 ? SINK_UPDATE
					 : SINK_TRIGGER,
			      ++position);
	}
	run(sinks, 200);
	assert_int_equal(heard.delivered, 200);
	uint64_t last[21] = {0};
	for (unsigned i = 0; i < 200; i++) {
		uint64_t incident = heard.order[i] >> 32, at = heard.order[i] & UINT32_MAX;
		assert_true(at > last[incident]);
		last[incident] = at;
	}
	assert_int_equal(sinks_low(sinks, 0, 0), 200);
	assert_int_equal(sinks_stats(sinks, 0).queued, 0);
	sinks_destroy(sinks);
}

static void test_slow_sink_delays_nobody(void **state)
{
	struct sink_options options[] = {sink_at(SINK_WEBHOOK, "slow", "/slow/600/hook/slow"),
					 sink_at(SINK_WEBHOOK, "dead", "/fault/all/hang/hook/dead"),
					 sink_at(SINK_WEBHOOK, "fast", "/hook/fast")};
	struct sinks *sinks = create(options, 3, (struct sinks_options){0});
	int64_t began_ms = now_ms();
	for (uint64_t i = 1; i <= 20; i++)
		offer(sinks, i, SINK_TRIGGER, i);
	while (sinks_low(sinks, 2, 0) < 20 && now_ms() - began_ms < 5000)
		sinks_step(sinks, now_ms(), 100);
	assert_true(now_ms() - began_ms < 550);
	for (unsigned i = 0; i < heard.delivered; i++)
		assert_int_equal(heard.sink[i], 2);
	assert_int_equal(sinks_low(sinks, 0, 0), 0);
	sinks_destroy(sinks); /* with requests under way */
}

static void test_full_queue(void **state)
{
	struct sink_options options[] = {sink_at(SINK_WEBHOOK, "a", "/slow/50/hook"),
					 sink_at(SINK_WEBHOOK, "b", "/hook")};
	struct sinks *sinks = create(options, 2, (struct sinks_options){.queue_max = 3});
	for (uint64_t i = 1; i <= 3; i++)
		offer(sinks, i, SINK_TRIGGER, i);
	struct sink_message fourth = sample_message(4, SINK_TRIGGER, 4),
			    fifth = sample_message(5, SINK_TRIGGER, 5);
	assert_int_equal(sinks_offer(sinks, &fourth, SINKS_ALL), 3);
	run(sinks, 6);
	assert_int_equal(sinks_offer(sinks, &fifth, SINKS_ALL), 3); /* room, but the fourth comes first */
	assert_int_equal(sinks_offered(sinks, 0, 0), 3);
	assert_int_equal(sinks_offer(sinks, &fourth, SINKS_ALL), 0);
	assert_int_equal(sinks_offer(sinks, &fifth, SINKS_ALL), 0);
	assert_int_equal(sinks_offer(sinks, &fourth, SINKS_ALL), 0); /* known: ignored */
	run(sinks, 10);
	assert_int_equal(sinks_low(sinks, 0, 0), 5);
	assert_int_equal(sinks_stats(sinks, 0).refused, 1);
	sinks_destroy(sinks);
}

static void test_what_is_wanted(void **state)
{
	struct sink_options options[] = {sink_at(SINK_WEBHOOK, "pages", "/hook/w"),
					 sink_at(SINK_WEBHOOK, "all", "/hook/w")};
	options[0].severity = ALERT_PAGE;
	struct sinks *sinks = create(options, 2, (struct sinks_options){0});
	struct sink_message message = sample_message(1, SINK_TRIGGER, 1);
	assert_int_equal(sinks_want(sinks, &message), 2);
	assert_int_equal(sinks_offer(sinks, &message, SINKS_ALL), 0); /* a ticket: the second only */
	message.position = 2;
	message.event.kind = ALERT_PROMOTER_RISE;
	assert_int_equal(sinks_want(sinks, &message), 0);
	assert_int_equal(sinks_offer(sinks, &message, SINKS_ALL), 0); /* in nobody's list */
	message.position = 3;
	message.what = SINK_SKIP;
	message.event.severity = ALERT_PAGE;
	message.event.kind = ALERT_SILENCE;
	assert_int_equal(sinks_offer(sinks, &message, SINKS_ALL), 0); /* muted */
	assert_int_equal(sinks_low(sinks, 0, 0), 3);
	message = sample_message(2, SINK_TRIGGER, 0);
	message.event.test = true;
	assert_int_equal(sinks_offer(sinks, &message, SINKS_ALL), 0); /* a test: both */
	run(sinks, 3);
	assert_int_equal(sinks_low(sinks, 0, 0), 3);
	assert_int_equal(sinks_low(sinks, 1, 0), 3);
	sinks_destroy(sinks);
}

static void test_dropped_partition(void **state)
{
	struct sinks *sinks =
		create_one(SINK_WEBHOOK, "/slow/100/hook/p", (struct sinks_options){.in_flight_max = 1});
	for (uint64_t i = 1; i <= 4; i++) {
		struct sink_message message = sample_message(i, SINK_TRIGGER, i);
		message.event.partition = i % 2 ? 1 : 0;
		assert_int_equal(sinks_offer(sinks, &message, 1), 0);
	}
	sinks_step(sinks, now_ms(), 20); /* the first, of partition 1, is under way */
	sinks_drop_partition(sinks, 1);
	run(sinks, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(heard.order[i] & 1, 0);
	assert_int_equal(sinks_low(sinks, 0, 1), 0);
	assert_int_equal(sinks_low(sinks, 0, 0), 4);
	sinks_begin(sinks, 0, 1, 30);
	assert_int_equal(sinks_low(sinks, 0, 1), 30);
	sinks_destroy(sinks);
}

static void test_drop_in_a_callback(void **state)
{
	static const struct {
		enum sink_type type;
		const char *path;
	} rows[] = {
		{SINK_WEBHOOK, "/hook/x"},
		{SINK_WEBHOOK, "/fault/all/400/x"},
		{SINK_WEBHOOK, "/fault/all/410/x"},
		{SINK_SLACK, "/api"},
		{SINK_PAGERDUTY, "/v2/enqueue"},
		{SINK_ALERTMANAGER, "/am/drop"},
		{SINK_ALERTMANAGER, "/fault/all/400/x"},
		{SINK_ALERTMANAGER, "/fault/all/410/x"},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sinks *sinks = create_one(rows[i].type, rows[i].path, (struct sinks_options){0});
		drop_of = sinks;
		for (uint64_t n = 1; n <= 6; n++)
			offer(sinks, n % 3, n > 3 ? SINK_ACKNOWLEDGE : SINK_TRIGGER, n);
		for (int64_t end = now_ms() + 300; now_ms() < end;)
			sinks_step(sinks, now_ms(), 20);
		assert_int_equal(heard.delivered + heard.dead + heard.remembered, 1);
		assert_int_equal(sinks_stats(sinks, 0).queued, 0);
		assert_int_equal(sinks_low(sinks, 0, 0), 0);
		drop_of = NULL;
		sinks_destroy(sinks);
	}
}

/* A receiver that repeats what it was asked, as many frameworks do of a path that they do not know. */
static void test_secrets_are_masked(void **state)
{
	struct sinks *sinks = create_one(SINK_SLACK, "/echo/T0123/s3cret", (struct sinks_options){0});
	offer(sinks, 1, SINK_TRIGGER, 1);
	run(sinks, 1);
	assert_int_equal(heard.dead, 1);
	assert_non_null(strstr(heard.dead_reason, "Cannot POST /****"));
	assert_null(strstr(heard.dead_reason, "s3cret"));
	sinks_destroy(sinks);
}

/* ---- the receivers' languages ---- */

static void test_pagerduty(void **state)
{
	struct sinks *sinks = create_one(SINK_PAGERDUTY, "/v2/enqueue", (struct sinks_options){0});
	offer(sinks, 1, SINK_TRIGGER, 1);
	offer(sinks, 1, SINK_UPDATE, 2);
	offer(sinks, 1, SINK_ACKNOWLEDGE, 3);
	offer(sinks, 1, SINK_RESOLVE, 4);
	run(sinks, 4);
	assert_int_equal(heard.delivered, 4); /* the receiver checks them */
	sinks_destroy(sinks);
}

static unsigned parse_messages(struct json **json)
{
	struct err err = {0};
	char *text = receiver_get(receiver, "/messages");
	*json = json_parse(str_of(text), &err);
	free(text);
	assert_non_null(*json);
	return (unsigned)json_count(*json);
}

static const char *text_of(const struct json *messages, unsigned i, const char *name)
{
	struct str text = json_text(json_get(json_at(messages, i), name));
	return text.len ? text.at : "";
}

static void test_slack_thread(void **state)
{
	struct json *json;
	unsigned before = parse_messages(&json);
	json_destroy(json);
	struct sinks *sinks = create_one(SINK_SLACK, "/api", (struct sinks_options){0});
	offer(sinks, 1, SINK_TRIGGER, 1);
	offer(sinks, 1, SINK_UPDATE, 2);
	offer(sinks, 1, SINK_RESOLVE, 3);
	run(sinks, 3);
	assert_int_equal(heard.delivered, 3);
	assert_int_equal(heard.remembered, 1);
	assert_int_equal(parse_messages(&json), before + 3);
	assert_non_null(
		strstr(text_of(json, before, "text"), ":white_check_mark: *Over*")); /* it shows its state */
	assert_int_equal(json_whole(json_get(json_at(json, before), "edited")), 2);
	for (unsigned i = 1; i < 3; i++)
		assert_string_equal(text_of(json, before + i, "thread_ts"), text_of(json, before, "ts"));
	json_destroy(json);
	sinks_destroy(sinks);

	char memory[120];
	snprintf(memory, sizeof memory, "%s", heard.memory);
	sinks = create_one(SINK_SLACK, "/api",
			   (struct sinks_options){0}); /* after a restart: the same thread */
	struct sink_message open = sample_message(1, SINK_UPDATE, 2);
	sinks_open(sinks, 0, &open.event, str_of(memory));
	offer(sinks, 1, SINK_RESOLVE, 3);
	run(sinks, 1);
	assert_int_equal(parse_messages(&json), before + 4);
	assert_string_equal(text_of(json, before + 3, "thread_ts"), text_of(json, before, "ts"));
	json_destroy(json);
	sinks_destroy(sinks);
}

static void test_slack_first_message_is_gone(void **state)
{
	struct json *json;
	unsigned before = parse_messages(&json);
	json_destroy(json);
	struct sinks *sinks = create_one(SINK_SLACK, "/api", (struct sinks_options){0});
	struct sink_message open = sample_message(9, SINK_UPDATE, 2);
	sinks_open(sinks, 0, &open.event, STR("C012345 1.000009 ticket"));
	offer(sinks, 9, SINK_RESOLVE, 3);
	run(sinks, 1);
	assert_int_equal(heard.delivered, 1);
	assert_int_equal(parse_messages(&json), before + 1);
	assert_string_equal(text_of(json, before, "thread_ts"), "");
	json_destroy(json);
	sinks_destroy(sinks);
}

static void test_slack_refusals(void **state)
{
	struct sink_options options = sink_at(SINK_SLACK, "one", "/api");
	options.channel = "#nowhere";
	struct sinks *sinks = create(&options, 1, (struct sinks_options){0});
	offer(sinks, 1, SINK_TRIGGER, 1);
	run(sinks, 1);
	assert_int_equal(heard.dead, 1);
	assert_non_null(strstr(heard.dead_reason, "channel_not_found"));
	sinks_destroy(sinks);
	sinks = create_one(SINK_SLACK, "/services/T/B/x",
			   (struct sinks_options){0}); /* an incoming webhook */
	offer(sinks, 1, SINK_TRIGGER, 1);
	offer(sinks, 1, SINK_RESOLVE, 2);
	run(sinks, 2);
	assert_int_equal(heard.delivered, 2);
	assert_int_equal(heard.remembered, 0);
	sinks_destroy(sinks);
}

static unsigned times(const char *text, const char *what)
{
	unsigned count = 0;
	for (; (text = strstr(text, what)) != NULL; text++)
		count++;
	return count;
}

/* Refreshed while open, also after a restart; a page ends the ticket in one request; silence afterwards. */
static void test_alertmanager_state(void **state)
{
	struct sinks *sinks = create_one(SINK_ALERTMANAGER, "/am", (struct sinks_options){.refresh_ms = 200});
	struct sink_message open = sample_message(7, SINK_TRIGGER, 1);
	sinks_open(sinks, 0, &open.event, STR(""));
	for (int64_t end = now_ms() + 500; now_ms() < end;)
		sinks_step(sinks, now_ms(), 50);
	unsigned refreshed = receiver_count(receiver, "/am/api/v2/alerts");
	assert_in_range(refreshed, 2, 4);
	struct sink_message page = sample_message(7, SINK_UPDATE, 2);
	page.event.severity = ALERT_PAGE;
	assert_int_equal(sinks_offer(sinks, &page, 1), 0);
	run(sinks, 1);
	char *seen = receiver_get(receiver, "/seen");
	char *newest = strrchr(seen, '[');
	assert_int_equal(times(newest, "alertname"), 2);
	assert_int_equal(times(newest, "critical"), 1);
	assert_int_equal(times(newest, "warning"), 1);
	free(seen);
	struct sink_message over = sample_message(7, SINK_RESOLVE, 3);
	over.event.severity = ALERT_PAGE;
	offer(sinks, 7, SINK_ACKNOWLEDGE, 3);
	over.position = over.event.number = 4;
	assert_int_equal(sinks_offer(sinks, &over, 1), 0);
	run(sinks, 3);
	assert_int_equal(sinks_stats(sinks, 0).open, 0);
	unsigned requests = receiver_count(receiver, "/am/api/v2/alerts");
	for (int64_t end = now_ms() + 500; now_ms() < end;)
		sinks_step(sinks, now_ms(), 50);
	assert_int_equal(receiver_count(receiver, "/am/api/v2/alerts"), requests);
	sinks_destroy(sinks);
}

/* Fifty incidents are one request; one that is refused is found by sending them one by one. */
static void test_alertmanager_batches(void **state)
{
	struct sinks *sinks = create_one(SINK_ALERTMANAGER, "/fault/1/500/batch", (struct sinks_options){0});
	for (uint64_t i = 1; i <= 50; i++)
		offer(sinks, i, SINK_TRIGGER, i);
	run(sinks, 50);
	assert_int_equal(heard.delivered, 50);
	assert_int_equal(receiver_count(receiver, "/fault/1/500/batch/api/v2/alerts"), 2);
	sinks_destroy(sinks);
	sinks = create_one(SINK_ALERTMANAGER, "/fault/2/400/batch", (struct sinks_options){0});
	for (uint64_t i = 1; i <= 50; i++)
		offer(sinks, i, SINK_TRIGGER, i);
	run(sinks, 50);
	assert_int_equal(heard.delivered, 49);
	assert_int_equal(heard.dead, 1);
	assert_int_equal(sinks_stats(sinks, 0).open, 49);
	sinks_destroy(sinks);
}

/* ---- how fast ---- */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void test_delay(void **state)
{
	static int64_t took_us[300];
	unsigned count = sizeof took_us / sizeof *took_us;
	struct sinks *sinks = create_one(SINK_WEBHOOK, "/hook/delay", (struct sinks_options){0});
	for (uint64_t i = 0; i < count; i++) {
		int64_t began_ns = os_monotonic_ns();
		offer(sinks, i + 1, SINK_TRIGGER, i + 1);
		while (heard.delivered < i + 1 && os_monotonic_ns() - began_ns < 5000000000LL)
			sinks_step(sinks, now_ms(), 100);
		took_us[i] = (os_monotonic_ns() - began_ns) / 1000;
	}
	qsort(took_us, count, sizeof *took_us, compare);
	print_message("offer to answer: p50 %.2f ms, p99 %.2f ms, most %.2f ms\n",
		      (double)took_us[count / 2] / 1000, (double)took_us[count * 99 / 100] / 1000,
		      (double)took_us[count - 1] / 1000);
	assert_true(took_us[count * 99 / 100] < 250000);
	sinks_destroy(sinks);
}

static void *destroy_nothing(void)
{
	sinks_destroy(NULL);
	struct err err = {0};
	return sinks_create(&(struct sinks_options){0}, &err);
}

static void test_none(void **state)
{
	struct sinks *sinks = destroy_nothing();
	assert_non_null(sinks);
	offer(sinks, 1, SINK_TRIGGER, 1);
	sinks_step(sinks, now_ms(), 10);
	sinks_wake(sinks);
	sinks_destroy(sinks);
	struct err err = {0};
	struct sink_options twice[] = {sink_at(SINK_WEBHOOK, "same", "/a"),
				       sink_at(SINK_WEBHOOK, "same", "/b")};
	assert_null(sinks_create(&(struct sinks_options){.sinks = twice, .count = 2}, &err));
	assert_string_equal(err.text, "two sinks are named same");
}

static void write_file(char path[80], const char *name, const char *text)
{
	snprintf(path, 80, "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	must(file != NULL);
	fputs(text, file);
	fclose(file);
}

static int start(void **state)
{
	if (mkdtemp(folder) == NULL)
		return -1;
	write_file(hook_file, "hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
	write_file(key_file, "key", "0123456789abcdef0123456789abcdef\n");
	write_file(token_file, "token", "xoxb-test-token\n");
	receiver = receiver_start();
	return 0;
}

static int stop(void **state)
{
	receiver_stop(receiver);
	char command[80];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults_are_tried_again),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_final_answers),
		cmocka_unit_test(test_redirect_is_not_followed),
		cmocka_unit_test(test_gone_disables),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_gives_up_in_a_pause),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_slow_sink_delays_nobody),
		cmocka_unit_test(test_full_queue),
		cmocka_unit_test(test_what_is_wanted),
		cmocka_unit_test(test_dropped_partition),
		cmocka_unit_test(test_drop_in_a_callback),
		cmocka_unit_test(test_secrets_are_masked),
		cmocka_unit_test(test_pagerduty),
		cmocka_unit_test(test_slack_thread),
		cmocka_unit_test(test_slack_first_message_is_gone),
		cmocka_unit_test(test_slack_refusals),
		cmocka_unit_test(test_alertmanager_state),
		cmocka_unit_test(test_alertmanager_batches),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_none),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
