#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "sample.h"
#include "sink/sink_priv.h"

/*
 * Each row is compared with tests/unit/sink/golden/NAME.json; CORRIDOR_GOLDEN=write makes the files, to be
 * read before they are committed.
 */
static struct sink_message full(enum sink_what what)
{
	struct sink_message message = sample_message(0x1f2e3d4c5b6a7988, what, 7);
	struct alert_event *event = &message.event;
	event->team = STR("payments");
	event->journey = STR("buy");
	event->stage = STR("pay");
	event->source = STR("surveys");
	event->moment_of_truth = true;
	event->dashboard = STR("https://grafana.example.com/d/x?var-touchpoint=checkout");
	event->runbook = STR("https://wiki.example.com/runbooks/checkout");
	event->children[0] = STR("checkout/card");
	event->children[1] = STR("checkout/invoice");
	event->children_count = 2;
	event->firing = 6;
	message.group = STR("shop");
	return message;
}

static struct sink_message nasty(void)
{
	struct sink_message message = sample_message(1, SINK_TRIGGER, 1);
	message.event.touchpoint = STR("<!channel> & \"co\"");
	message.event.summary = STR("<!channel> & co: half a character \xc3");
	message.event.dashboard = STR("https://x.example/?a=b&c=<d>|e");
	message.event.severity = ALERT_PAGE;
	return message;
}

static struct sink_message test_of_delivery(void)
{
	struct sink_message message = full(SINK_TRIGGER);
	message.event.test = true;
	return message;
}

static struct sink_message suspect(void)
{
	struct sink_message message = sample_message(2, SINK_TRIGGER, 1);
	message.event.kind = ALERT_SOURCE_SUSPECT;
	message.event.severity = ALERT_PAGE;
	message.event.touchpoint = STR("");
	message.event.label = message.event.source = STR("surveys");
	message.event.summary = STR("surveys: 31 of 40 touchpoints fire at once; is the scale reversed?");
	message.event.figures = (struct alert_figures){NAN, NAN, NAN, NAN, NAN, NAN, NAN, 40, 31, SAMPLE_MS};
	return message;
}

static struct sink_message acknowledged(void)
{
	struct sink_message message = full(SINK_ACKNOWLEDGE);
	message.actor = STR("ann <x>");
	return message;
}

static char *alertmanager(const struct sink_message *message, size_t *len)
{
	struct alertmanager_alert alert = {message, message, message->event.severity, SAMPLE_MS + 240000};
	return alertmanager_body(&alert, 1, len);
}

/* A ticket that became a page, told in one request; the team changed meanwhile, the label did not. */
static char *alertmanager_raised(const struct sink_message *message, size_t *len)
{
	struct sink_message newest = *message;
	newest.event.severity = ALERT_PAGE;
	newest.event.team = STR("another");
	struct alertmanager_alert alerts[] = {{message, &newest, ALERT_TICKET, SAMPLE_MS + 60000},
					      {message, &newest, ALERT_PAGE, SAMPLE_MS + 300000}};
	return alertmanager_body(alerts, 2, len);
}

static char *pagerduty(const struct sink_message *message, size_t *len)
{
	return pagerduty_body(message, "0123456789abcdef0123456789abcdef", len);
}

static char *slack_first(const struct sink_message *message, size_t *len)
{
	return slack_body(message, SLACK_FIRST, &(struct slack_place){.channel = STR("#alerts")}, len);
}

static char *slack_reply(const struct sink_message *message, size_t *len)
{
	return slack_body(
		message, SLACK_REPLY,
		&(struct slack_place){.channel = STR("C012345"), .ts = STR("1700.01"), .loud = true}, len);
}

static char *slack_state(const struct sink_message *message, size_t *len)
{
	return slack_body(message, SLACK_STATE,
			  &(struct slack_place){.channel = STR("C012345"), .ts = STR("1700.01")}, len);
}

static char *slack_hook(const struct sink_message *message, size_t *len)
{
	return slack_body(message, SLACK_HOOK, &(struct slack_place){.channel = STR("")}, len);
}

static char *webhook(const struct sink_message *message, size_t *len)
{
	struct sink_message with = *message;
	with.json = STR("{\"version\":1}");
	return webhook_body(&with, SAMPLE_MS, len);
}

static void compare(const char *name, const char *body, size_t len)
{
	char path[200], expected[16384];
	snprintf(path, sizeof path, "tests/unit/sink/golden/%s.json", name);
	const char *mode = getenv("CORRIDOR_GOLDEN");
	if (mode && strcmp(mode, "write") == 0) {
		FILE *out = fopen(path, "w");
		assert_non_null(out);
		fprintf(out, "%.*s\n", (int)len, body);
		fclose(out);
	}
	FILE *file = fopen(path, "r");
	if (file == NULL)
		fail_msg("%s is missing", path);
	size_t read = fread(expected, 1, sizeof expected, file);
	fclose(file);
	if (read != len + 1 || memcmp(expected, body, len) != 0)
		fail_msg("%s\nis:     %.*s\nshould: %.*s", path, (int)len, body, (int)read, expected);
}

static void test_formats(void **state)
{
	const struct {
		const char *name;
		char *(*format)(const struct sink_message *, size_t *len);
		struct sink_message message;
	} rows[] = {
		{"alertmanager_full", alertmanager, full(SINK_TRIGGER)},
		{"alertmanager_raised", alertmanager_raised, full(SINK_UPDATE)},
		{"alertmanager_bare", alertmanager, sample_message(3, SINK_TRIGGER, 1)},
		{"alertmanager_suspect", alertmanager, suspect()},
		{"alertmanager_nasty", alertmanager, nasty()},
		{"alertmanager_test", alertmanager, test_of_delivery()},
		{"pagerduty_trigger", pagerduty, full(SINK_TRIGGER)},
		{"pagerduty_update", pagerduty, full(SINK_UPDATE)},
		{"pagerduty_acknowledge", pagerduty, acknowledged()},
		{"pagerduty_resolve", pagerduty, full(SINK_RESOLVE)},
		{"pagerduty_suspect", pagerduty, suspect()},
		{"pagerduty_test", pagerduty, test_of_delivery()},
		{"slack_first", slack_first, full(SINK_TRIGGER)},
		{"slack_reply", slack_reply, full(SINK_UPDATE)},
		{"slack_acknowledged", slack_reply, acknowledged()},
		{"slack_over", slack_state, full(SINK_RESOLVE)},
		{"slack_hook", slack_hook, sample_message(3, SINK_TRIGGER, 1)},
		{"slack_nasty", slack_first, nasty()},
		{"slack_test", slack_first, test_of_delivery()},
		{"webhook_raised", webhook, full(SINK_TRIGGER)},
		{"webhook_updated", webhook, full(SINK_UPDATE)},
		{"webhook_acknowledged", webhook, acknowledged()},
		{"webhook_resolved", webhook, full(SINK_RESOLVE)},
		{"webhook_test", webhook, test_of_delivery()},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t len;
		char *body = rows[i].format(&rows[i].message, &len);
		struct err err = {0};
		struct json *json = json_parse((struct str){body, len}, &err);
		if (json == NULL)
			fail_msg("%s: %s", rows[i].name, err.text);
		json_destroy(json);
		compare(rows[i].name, body, len);
		free(body);
	}
}

/* Without the bytes of the stream a webhook gets what alert_json writes. */
static void test_webhook_writes_the_event(void **state)
{
	struct sink_message message = full(SINK_TRIGGER);
	size_t len;
	char *body = webhook_body(&message, SAMPLE_MS, &len);
	struct err err = {0};
	struct json *json = json_parse((struct str){body, len}, &err);
	assert_non_null(json);
	assert_string_equal(json_text(json_get(json, "type")).at, "corridor.alert.raised");
	assert_int_equal(json_kind(json_get(json, "data")), JSON_KIND_OBJECT);
	assert_string_equal(json_text(json_get(json_get(json, "data"), "touchpoint")).at, "checkout");
	json_destroy(json);
	free(body);
}

static void test_webhook_of_long_links(void **state)
{
	static char link[100000];
	memset(link, 'x', sizeof link);
	struct sink_message message = full(SINK_TRIGGER);
	message.event.dashboard = (struct str){link, sizeof link};
	size_t len;
	char *body = webhook_body(&message, SAMPLE_MS, &len);
	assert_true(len > sizeof link);
	free(body);
}

/* Long texts of many characters neither overflow nor end in half a character. */
static void test_long_texts(void **state)
{
	char name[6000];
	for (size_t i = 0; i < sizeof name; i += 3)
		memcpy(name + i, "\xe2\x82\xac", 3);
	struct sink_message message = full(SINK_TRIGGER);
	struct str text = {name, sizeof name};
	message.event.touchpoint = message.event.summary = message.event.team = message.event.label = text;
	for (unsigned i = 0; i < ALERT_CHILDREN_MAX; i++)
		message.event.children[i] = (struct str){name, 300};
	message.event.children_count = ALERT_CHILDREN_MAX;
	char *(*const formats[])(const struct sink_message *,
				 size_t *) = {alertmanager, pagerduty, slack_first, slack_reply, slack_hook};
	for (unsigned i = 0; i < sizeof formats / sizeof *formats; i++) {
		size_t len;
		char *body = formats[i](&message, &len);
		struct err err = {0};
		struct json *json = json_parse((struct str){body, len}, &err);
		assert_non_null(json);
		json_destroy(json);
		free(body);
	}
}

static void test_signature(void **state)
{
	/* First that of the Standard Webhooks specification (whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw); others
	 * were made with Python's hmac. */
	static const unsigned char key[] = {0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a,
					    0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f, 0x08, 0x2c,
					    0xf6, 0x48, 0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0};
	static const struct {
		struct str key;
		const char *id;
		int64_t seconds;
		struct str body;
		const char *signature;
	} rows[] = {
		{{(const char *)key, sizeof key},
		 "msg_p5jXN8AQM9LWM0D4loKWxJek",
		 1614265330,
		 STR("{\"test\": 2432232314}"),
		 "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		{STR("a plain text secret"), "alert_1_2_raised_ops", 1777888800, STR("{}"),
		 "v1,3jPpVxRhOCY1LY6cYL9rqtfmVtwyfrZlsX7Kd5mkR7k="},
		{STR("0123456789012345678901234567890123456789012345678901234567890123456789"), "x", 0,
		 STR(""), "v1,Hh0ETlu/Gl2LjUn2N9g9oRAJMxKmQ3Hp3M1IMCtdDtE="},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		char signature[SIGNATURE_BYTES];
		webhook_sign(rows[i].key, rows[i].id, rows[i].seconds, rows[i].body, signature);
		assert_string_equal(signature, rows[i].signature);
	}
}

static void test_webhook_id(void **state)
{
	struct sink_message message = full(SINK_TRIGGER), again = message, resolved = full(SINK_RESOLVE);
	char id[WEBHOOK_ID_BYTES], other[WEBHOOK_ID_BYTES];
	webhook_id(&message, "ops", id);
	assert_string_equal(id, "alert_1f2e3d4c5b6a7988_7_raised_ops");
	webhook_id(&again, "ops", other);
	assert_string_equal(id, other);
	webhook_id(&message, "other", other);
	assert_string_not_equal(id, other);
	webhook_id(&resolved, "ops", other);
	assert_string_not_equal(id, other);
}

static void test_verdicts(void **state)
{
	static const struct {
		enum sink_type type;
		unsigned status;
		const char *body;
		enum verdict verdict;
		const char *reason;
	} rows[] = {
		{SINK_WEBHOOK, 200, "", VERDICT_DONE, ""},
		{SINK_WEBHOOK, 204, "", VERDICT_DONE, ""},
		{SINK_PAGERDUTY, 202, "{}", VERDICT_DONE, ""},
		{SINK_WEBHOOK, 0, "", VERDICT_AGAIN, "unreachable"},
		{SINK_WEBHOOK, 307, "", VERDICT_FINAL,
		 "it answers 307: redirects are not followed, give the url that it leads to"},
		{SINK_WEBHOOK, 400, "what?\n", VERDICT_FINAL, "it answers 400 (what?)"},
		{SINK_WEBHOOK, 401, "", VERDICT_FINAL,
		 "it answers 401: it refuses us; does it know the secret?"},
		{SINK_PAGERDUTY, 403, "", VERDICT_FINAL,
		 "it answers 403: it refuses us; is the secret right?"},
		{SINK_ALERTMANAGER, 404, "\x1b[31mno\xff", VERDICT_FINAL,
		 "it answers 404: is the url right? ([31mno)"},
		{SINK_WEBHOOK, 408, "", VERDICT_AGAIN, "it answers 408"},
		{SINK_WEBHOOK, 410, "", VERDICT_GONE, "it answers 410"},
		{SINK_SLACK, 429, "", VERDICT_AGAIN, "it answers 429"},
		{SINK_WEBHOOK, 500, "", VERDICT_AGAIN, "it answers 500"},
		{SINK_WEBHOOK, 503, "", VERDICT_AGAIN, "it answers 503"},
		{SINK_SLACK, 200, "{\"ok\":true}", VERDICT_DONE, ""},
		{SINK_SLACK, 200, "{\"ok\":false,\"error\":\"ratelimited\"}", VERDICT_AGAIN,
		 "it says ratelimited"},
		{SINK_SLACK, 200, "{\"ok\":false,\"error\":\"internal_error\"}", VERDICT_AGAIN,
		 "it says internal_error"},
		{SINK_SLACK, 200, "{\"ok\":false,\"error\":\"invalid_auth\"}", VERDICT_FINAL,
		 "it says invalid_auth: token_file holds no valid token"},
		{SINK_SLACK, 200, "{\"ok\":false,\"error\":\"channel_not_found\"}", VERDICT_FINAL,
		 "it says channel_not_found: no such channel, or the bot may not see it"},
		{SINK_SLACK, 200, "{\"ok\":false,\"error\":\"thread_not_found\"}", VERDICT_LOST,
		 "it says thread_not_found"},
		{SINK_SLACK, 200, "{\"ok\":false,\"error\":\"something_new\"}", VERDICT_FINAL,
		 "it says something_new"},
		{SINK_SLACK, 200, "<html>", VERDICT_AGAIN, "its answer is no JSON object"},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct webclient_answer answer = {.status = rows[i].status,
						  .retry_after_ms = -1,
						  .body = str_of(rows[i].body),
						  .error = rows[i].status ? "" : "unreachable"};
		char reason[REASON_BYTES];
		assert_int_equal(judge(rows[i].type, true, &answer, reason), rows[i].verdict);
		assert_string_equal(reason, rows[i].reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_webhook_writes_the_event),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_signature),
		cmocka_unit_test(test_webhook_id),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_webhook_of_long_links),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
