#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "feed/feed.h"

static struct feed *open_feed(const struct feed_options *options)
{
	struct err err = {0};
	struct feed *feed = feed_create(options, &err);
	if (feed == NULL)
		fail_msg("%s", err.text);
	return feed;
}

static void same_seed_gives_the_same_bytes(void **state)
{
	struct feed_options other = feed_defaults;
	other.seed = 2;
	struct feed *a = open_feed(&feed_defaults), *b = open_feed(&feed_defaults), *c = open_feed(&other);
	char text[3][FEED_MESSAGE_MAX];
	struct feed_event e[3];
	unsigned differ = 0;
	for (int i = 0; i < 20000; i++) {
		feed_next(a, text[0], &e[0]);
		feed_next(b, text[1], &e[1]);
		feed_next(c, text[2], &e[2]);
		assert_true(str_equal(e[0].message, e[1].message));
		assert_true(str_equal(e[0].key, e[1].key));
		assert_true(e[0].arrives_ms == e[1].arrives_ms);
		differ += !str_equal(e[0].message, e[2].message);
	}
	assert_true(differ > 19000);
	feed_destroy(a);
	feed_destroy(b);
	feed_destroy(c);
}

/* The first bytes of seed 1, for good: whoever keeps a seed in a bug report must get the same feed next year. */
static void the_first_message_of_seed_1_stays(void **state)
{
	struct feed *feed = open_feed(&feed_defaults);
	char text[FEED_MESSAGE_MAX];
	struct feed_event e;
	feed_next(feed, text, &e);
	const char *want =
		"{\"id\":\"resp-000000000008\",\"time\":\"2026-01-05T09:00:00.234Z\",\"kind\":\"survey\","
		"\"touchpoint\":\"delivery\",\"score\":9,\"comment\":\"Arrived a day early and well packed "
		"\xF0\x9F\x91\x8D\","
		"\"customer\":\"c-0357622\",\"dims\":{\"store\":\"store-054\",\"team\":\"team-05\","
		"\"channel\":\"store\","
		"\"product\":\"mobile-xl\",\"segment\":\"home\"}}";
	assert_int_equal(e.message.len, strlen(want));
	assert_memory_equal(e.message.at, want, e.message.len);
	feed_destroy(feed);
}

static void a_plain_survey_has_our_shape_and_size(void **state)
{
	struct feed_options plain = {
		.seed = 7, .rate = 100, .start_ms = FEED_START_MS, .touchpoints = 8, .mix = {1}};
	struct feed *feed = open_feed(&plain);
	char text[FEED_MESSAGE_MAX];
	struct feed_event e;
	size_t bytes = 0;
	for (int i = 0; i < 10000; i++) {
		feed_next(feed, text, &e);
		static const char *const order[] = {"{\"id\":\"resp-",
						    "\",\"time\":\"2026-01-05T09:0",
						    "Z\",\"kind\":\"survey\",\"touchpoint\":\"",
						    "\",\"score\":",
						    ",\"customer\":\"c-",
						    ",\"dims\":{\"store\":\"",
						    "\"}}"};
		text[e.message.len] = '\0';
		const char *at = text;
		for (unsigned k = 0; k < sizeof order / sizeof *order; k++) {
			at = strstr(at, order[k]);
			if (at == NULL)
				fail_msg("no %s at its place in %s", order[k], text);
		}
		assert_null(memchr(text, '\n', e.message.len));
		bytes += e.message.len;
	}
	printf("%.1f bytes a survey\n", (double)bytes / 10000);
	assert_in_range(bytes / 10000, 267, 287);
	feed_destroy(feed);
}

/* Three standard deviations of a share counted over many. */
static void about(const char *what, double got, double asked, double of)
{
	double slack = 3 * __builtin_sqrt(asked * (1 - asked) / of) + 1e-9;
	if (got < asked - slack || got > asked + slack)
		fail_msg("%s: asked for %.4f, got %.4f of %.0f", what, asked, got, of);
}

static void shares_are_what_was_asked_for(void **state)
{
	enum { N = 200000 };
	struct feed_options o = feed_defaults;
	o.malformed = 0.05;
	o.unmapped = 0.03;
	o.late = 0.02;
	o.mix[LEDGER_SURVEY] = o.mix[LEDGER_SOCIAL] = 40;
	o.mix[LEDGER_RELATIONSHIP] = o.mix[LEDGER_REVIEW] = 10;
	o.edits = o.duplicates = o.deletions = o.partial = 0;
	struct feed *feed = open_feed(&o);
	char text[FEED_MESSAGE_MAX];
	struct feed_event e;
	double dead = 0, unmapped = 0, late = 0, ledger[LEDGERS] = {0};
	int64_t newest = 0;
	for (int i = 0; i < N; i++) {
		feed_next(feed, text, &e);
		if (e.dead != FEEDBACK_OK) {
			dead++;
			continue;
		}
		unmapped += e.touchpoint.len == 0;
		ledger[e.ledger]++;
		late += e.time_ms < o.start_ms;
		newest = e.time_ms > newest ? e.time_ms : newest;
		assert_true(e.time_ms > newest - o.disorder_ms || e.time_ms < o.start_ms);
	}
	about("malformed", dead / N, 0.05, N);
	about("unmapped", unmapped / (N - dead), 0.03, N - dead);
	about("late", late / (N - dead), 0.02, N - dead);
	about("surveys", ledger[LEDGER_SURVEY] / (N - dead), 0.4, N - dead);
	about("relationship", ledger[LEDGER_RELATIONSHIP] / (N - dead), 0.1, N - dead);
	about("rate", (double)N / ((double)(newest - o.start_ms) / 1000 * o.rate) / 2, 0.5 / 0.95, N);
	feed_destroy(feed);
}

static void an_incident_is_where_and_when_it_was_asked_for(void **state)
{
	struct err err = {0};
	struct feed_options o = feed_defaults;
	o.edits = o.partial = o.malformed = o.duplicates = o.late = 0;
	assert_true(feed_parse_incident("delivery:10m:5m:0.8", &o.incidents[0], &err));
	o.incidents_count = 1;
	struct feed *feed = open_feed(&o);
	char text[FEED_MESSAGE_MAX];
	struct feed_event e = {0};
	double n[2] = {0}, detractors[2] = {0};
	while (e.arrives_ms < o.start_ms + 30 * 60000) {
		feed_next(feed, text, &e);
		if (e.deletion || e.ledger != LEDGER_SURVEY || !str_is(e.touchpoint, "delivery"))
			continue;
		bool during = e.time_ms >= o.start_ms + 600000 && e.time_ms < o.start_ms + 900000;
		n[during]++;
		detractors[during] += e.bin <= 6;
	}
	assert_true(detractors[0] / n[0] < 0.35);
	assert_true(detractors[1] / n[1] > 0.74);
	feed_destroy(feed);
}

static void wrong_options_are_named(void **state)
{
	struct err err = {0};
	struct feed_options o = feed_defaults;
	o.edits = 1.5;
	assert_null(feed_create(&o, &err));
	assert_non_null(strstr(err.text, "1.5"));
	err_clear(&err);
	o = feed_defaults;
	assert_true(feed_parse_incident("nowhere:0s:5m:1", &o.incidents[0], &err));
	o.incidents_count = 1;
	assert_null(feed_create(&o, &err));
	assert_non_null(strstr(err.text, "nowhere"));
	err_clear(&err);
	static const char *const bad[] = {"",	      "x",	  "x:1m",	  "x:1m:2m",   "x:1m:2m:1.1",
					  "x:1:2m:1", ":1m:2m:1", "x:1m:2m:0.5z", "x:-1m:2m:1"};
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(feed_parse_incident(bad[i], &o.incidents[0], &err));
		err_clear(&err);
	}
	double mix[LEDGERS];
	assert_true(feed_parse_mix("survey=3,review=1", mix, &err));
	assert_true(mix[LEDGER_SURVEY] == 3 && mix[LEDGER_SOCIAL] == 0 && mix[LEDGER_REVIEW] == 1);
	assert_false(feed_parse_mix("surveys=3", mix, &err));
	err_clear(&err);
	assert_false(feed_parse_mix("survey=x", mix, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_gives_the_same_bytes),
		cmocka_unit_test(the_first_message_of_seed_1_stays),
		cmocka_unit_test(a_plain_survey_has_our_shape_and_size),
		cmocka_unit_test(shares_are_what_was_asked_for),
		cmocka_unit_test(an_incident_is_where_and_when_it_was_asked_for),
		cmocka_unit_test(wrong_options_are_named),
	};
	return cmocka_run_group_tests_name("feed/feed", tests, NULL, NULL);
}
