#include "alert_test.h"

static const char *written(const struct alert_event *event)
{
	static char out[ALERT_JSON_MAX];
	size_t len = alert_json(out, sizeof out, event, 0);
	assert_true(len > 0 && len == strlen(out) && strchr(out, '\n') == NULL);
	return out;
}

static void members_stand_in_their_order(void **state)
{
	struct alert_event e = checkout();
	assert_string_equal(
		written(&e),
		"{\"version\":1,\"incident\":\"0123456789abcdef\",\"event\":\"raised\",\"number\":17,"
		"\"kind\":\"detractor_spike\",\"severity\":\"page\",\"touchpoint\":\"checkout\",\"label\":"
		"\"Checkout\","
		"\"ledger\":\"survey\",\"moment_of_truth\":false,\"partition\":3,\"at_ms\":1717297020000,"
		"\"raised_ms\":1717297020000,\"onset_ms\":1717294440000,\"baseline_rate\":0.16,\"rate\":0.41,"
		"\"rate_low\":0.28,\"rate_high\":0.53,\"responses\":57,\"detractors\":23,\"evidence_days\":"
		"43.2,"
		"\"nps_before\":42.5,\"nps_now\":-3,\"parents\":[],\"children\":[],\"dims\":[],\"themes\":[],"
		"\"verbatims\":[],\"links\":{},\"summary\":\"Checkout: 41 % detractors (normal 16 %), 57 "
		"answers since "
		"02:14; by chance once in 43 days\",\"test\":false}");
}

static void same(double a, double b)
{
	assert_true((isnan(a) && isnan(b)) || a == b);
}

#define SAME_TEXT(member) assert_true(str_equal(a->member, b->member))

static void assert_same(const struct alert_event *a, const struct alert_event *b)
{
	assert_true(a->incident == b->incident && a->number == b->number && a->at_ms == b->at_ms);
	assert_true(a->type == b->type && a->kind == b->kind && a->severity == b->severity);
	assert_true(a->ledger == b->ledger && a->raised_ms == b->raised_ms && a->partition == b->partition);
	assert_true(a->moment_of_truth == b->moment_of_truth && a->test == b->test);
	assert_true(a->collected == b->collected && a->firing == b->firing);
	SAME_TEXT(touchpoint);
	SAME_TEXT(label);
	SAME_TEXT(team);
	SAME_TEXT(journey);
	SAME_TEXT(stage);
	SAME_TEXT(source);
	SAME_TEXT(dashboard);
	SAME_TEXT(runbook);
	assert_int_equal(a->parents_count, b->parents_count);
	assert_int_equal(a->children_count, b->children_count);
	for (unsigned i = 0; i < a->parents_count; i++)
		SAME_TEXT(parents[i]);
	for (unsigned i = 0; i < a->children_count; i++)
		SAME_TEXT(children[i]);
	const struct alert_figures *f = &a->figures, *g = &b->figures;
	same(f->baseline_rate, g->baseline_rate);
	same(f->rate, g->rate);
	same(f->rate_low, g->rate_low);
	same(f->rate_high, g->rate_high);
	same(f->evidence_days, g->evidence_days);
	same(f->nps_before, g->nps_before);
	same(f->nps_now, g->nps_now);
	assert_true(f->responses == g->responses && f->detractors == g->detractors &&
		    f->onset_ms == g->onset_ms);
}

/* Each kind, type and ledger, full and bare; of what the desk makes too. */
static unsigned samples(struct alert_event out[64])
{
	unsigned n = 0;
	for (int kind = 0; kind < ALERT_SOURCE_SUSPECT; kind++)
		for (int ledger = 0; ledger < LEDGERS; ledger++) {
			struct alert_event e = checkout();
			e.kind = (enum alert_kind)kind;
			e.ledger = (enum ledger)ledger;
			e.type = (enum alert_type)ledger;
			out[n++] = e;
		}
	struct alert_event full = checkout();
	full.touchpoint = STR("Stra\xc3\x9f"
			      "e \"1\"\\\n\x7f\x01");
	full.team = STR("web"), full.journey = STR("buy"), full.stage = STR("pay"),
	full.source = STR("zendesk");
	full.moment_of_truth = full.test = true;
	full.dashboard = STR("https://d/x"), full.runbook = STR("https://r/x");
	full.parents[0] = STR("shop"), full.parents[1] = STR("all"), full.parents_count = 2;
	for (unsigned i = 0; i < ALERT_CHILDREN_MAX; i++)
		full.children[i] = STR("child");
	full.children_count = ALERT_CHILDREN_MAX;
	full.firing = 100;
	full.figures.rate = 1.0 / 3, full.figures.nps_now = -1e-7, full.figures.evidence_days = 1e21;
	full.number = INT64_MAX;
	out[n++] = full;
	struct alert_event bare = {.incident = 1, .touchpoint = STR("x"), .figures = {NO_RATES, 0, 0, 0}};
	out[n++] = bare;
	struct alert_event suspect = bare;
	suspect.kind = ALERT_SOURCE_SUSPECT;
	suspect.touchpoint = STR("");
	suspect.source = suspect.label = STR("zendesk");
	suspect.partition = -1;
	out[n++] = suspect;
	struct alert_event more = bare;
	more.collected = true;
	more.firing = 12;
	more.partition = -1;
	out[n++] = more;
	return n;
}

static void what_is_written_reads_back(void **state)
{
	struct alert_event all[64];
	unsigned count = samples(all);
	for (unsigned i = 0; i < count; i++) {
		struct option_pool pool = {0};
		struct alert_event read = {0};
		char again[ALERT_JSON_MAX];
		const char *json = written(&all[i]);
		assert_true(alert_read(&read, str_of(json), &pool));
		assert_same(&all[i], &read);
		assert_non_null(strstr(json, read.summary.at));
		assert_true(alert_json(again, sizeof again, &read, 0) == strlen(json));
		assert_string_equal(again, json);
		option_pool_release(&pool);
	}
}

static void short_of_space_children_go_first(void **state)
{
	struct alert_event all[64];
	unsigned count = samples(all);
	const struct alert_event *full = &all[12];
	size_t whole = strlen(written(full)), least = 0;
	assert_true(count > 12);
	for (size_t max = 0; max <= whole + 1; max++) {
		char *out =
			malloc(max ? max : 1); /* of this size, so that a sanitizer sees a byte too many */
		size_t len = alert_json(out, max, full, 0);
		struct option_pool pool = {0};
		struct alert_event read = {0};
		if (len > 0) {
			least = least ? least : max;
			assert_true(len < max && alert_read(&read, (struct str){out, len}, &pool));
			assert_true(read.children_count == 0 || read.parents_count == 2);
			assert_true(read.children_count == ALERT_CHILDREN_MAX || max <= whole);
			assert_int_equal(read.firing, 100);
		} else
			assert_int_equal(least, 0);
		option_pool_release(&pool);
		free(out);
	}
	assert_true(least > 500 && least < whole - 150);
}

static void names_that_are_no_utf8_are_mended(void **state)
{
	struct alert_event e = checkout(), read = {0};
	struct option_pool pool = {0};
	e.touchpoint = STR("a\xff\xc3");
	assert_true(alert_read(&read, str_of(written(&e)), &pool));
	assert_true(str_is(read.touchpoint, "a\ufffd\ufffd"));
	option_pool_release(&pool);
}

static void what_is_no_event_is_refused(void **state)
{
	static const struct {
		const char *from, *to; /* changed in a good one */
		bool good;
	} rows[] = {
		{"\"version\":1", "\"version\":2,\"new\":{\"a\":[1]}", true},
		{"\"version\":1", "\"version\":0", false},
		{"\"version\":1,", "", false},
		{"{\"version\"", "[{\"version\"", false},
		{"0123456789abcdef", "0123456789ABCDEF", false},
		{"0123456789abcdef", "0123456789abcde", false},
		{"0123456789abcdef", "0000000000000000", false},
		{"\"raised\"", "\"begun\"", false},
		{"\"detractor_spike\"", "\"boredom\"", false},
		{"\"page\"", "null", false},
		{"\"survey\"", "\"surveys\"", false},
		{"\"touchpoint\":\"checkout\",", "", false},
		{"\"number\":17", "\"number\":-1", false},
		{"\"number\":17", "\"number\":1.5", false},
		{"\"number\":17", "\"number\":\"17\"", false},
		{"\"at_ms\":1717297020000", "\"at_ms\":9e18", false},
		{"\"at_ms\":1717297020000", "\"at_ms\":9000000000000000000", false},
		{"\"partition\":3", "\"partition\":2147483648", false},
		{"\"responses\":57", "\"responses\":-57", false},
		{"\"rate\":0.41", "\"rate\":\"high\"", true}, /* as if it were absent */
		{"\"parents\":[]", "\"parents\":{}", true},
		{"\"parents\":[]", "\"parents\":[1,\"a\",null]", true},
		{"\"links\":{}", "\"links\":7", true},
		{"\"label\":\"Checkout\",", "", true},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct alert_event e = checkout(), read = {.incident = 99};
		struct option_pool pool = {0};
		const char *good = written(&e), *at = strstr(good, rows[i].from);
		char bad[ALERT_JSON_MAX];
		assert_non_null(at);
		snprintf(bad, sizeof bad, "%.*s%s%s", (int)(at - good), good, rows[i].to,
			 at + strlen(rows[i].from));
		if (alert_read(&read, str_of(bad), &pool) != rows[i].good)
			fail_msg("row %u: %s", i, bad);
		assert_true(read.incident == (rows[i].good ? e.incident : 99));
		option_pool_release(&pool);
	}
}

/* jsonschema holds them against what is published. Run from the repository's root. */
static void events_keep_the_schema(void **state)
{
	struct alert_event all[64];
	unsigned count = samples(all);
	FILE *check = popen("python3 tests/unit/alert/_schema_check.py >&2", "w");
	assert_non_null(check);
	for (unsigned i = 0; i < count; i++)
		fprintf(check, "%s\n", written(&all[i]));
	int status = pclose(check);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_stand_in_their_order),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(short_of_space_children_go_first),
		cmocka_unit_test(names_that_are_no_utf8_are_mended),
		cmocka_unit_test(what_is_no_event_is_refused),
		cmocka_unit_test(events_keep_the_schema),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
