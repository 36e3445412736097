#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "feed/feed.h"

/* Tiny streams, counted by hand. T is a whole hour. */
#define T    INT64_C(1767603600000)
#define NONE FEEDBACK_NO_VERSION
#define MIN  60000

struct row {
	uint64_t id;
	int64_t time_ms, updated_ms;
	const char *touchpoint;
	enum ledger ledger;
	int8_t bin;
	bool deletion, dead;
};

struct want {
	const char *touchpoint;
	enum ledger ledger;
	int window, p, q, d, before;
};

#define S LEDGER_SURVEY
#define SENT(id, time, updated, touchpoint, ledger, bin)                                                     \
	{                                                                                                    \
		id, time, updated, touchpoint, ledger, bin, false, false                                     \
	}
#define DEAD(id, time, updated, touchpoint, ledger, bin)                                                     \
	{                                                                                                    \
		id, time, updated, touchpoint, ledger, bin, false, true                                      \
	}
#define GONE(id, updated)                                                                                    \
	{                                                                                                    \
		id, 0, updated, "", S, 0, true, false                                                        \
	}
#define NOTHING                                                                                              \
	{                                                                                                    \
		NULL, S, 0, 0, 0, 0, 0                                                                       \
	}
static const struct {
	const char *about;
	int64_t at_ms;
	struct row rows[8];
	struct want want[8];
} cases[] = {
	{"nothing at all", INT64_MIN, {SENT(0, 0, 0, "", S, 0)}, {NOTHING}},
	{"three scores",
	 INT64_MIN,
	 {SENT(1, T, NONE, "a", S, 10), SENT(2, T + 1, NONE, "a", S, 7), SENT(3, T + 2, NONE, "a", S, 6)},
	 {{"a", S, 0, 1, 1, 1, 0}, {"a", S, 1, 1, 1, 1, 0}}},
	{"no touchpoint; ledgers apart; order by bytes",
	 INT64_MIN,
	 {SENT(1, T, NONE, "b", S, 9), SENT(2, T, NONE, "", S, 9), SENT(3, T, NONE, "b", LEDGER_REVIEW, 2)},
	 {{"_unmapped", S, 0, 1, 0, 0, 0},
	  {"_unmapped", S, 1, 1, 0, 0, 0},
	  {"b", S, 0, 1, 0, 0, 0},
	  {"b", S, 1, 1, 0, 0, 0},
	  {"b", LEDGER_REVIEW, 0, 0, 0, 1, 0},
	  {"b", LEDGER_REVIEW, 1, 0, 0, 1, 0}}},
	{"an edit moves it; an older one comes too late",
	 INT64_MIN,
	 {SENT(1, T, NONE, "a", S, 9), SENT(1, T, T + 5, "b", S, 3), SENT(1, T, T + 4, "c", S, 10)},
	 {{"b", S, 0, 0, 0, 1, 0}, {"b", S, 1, 0, 0, 1, 0}}},
	{"without updated it takes the highest version known",
	 INT64_MIN,
	 {SENT(1, T, T + 5, "a", S, 9), SENT(1, T, NONE, "a", S, 3)},
	 {{"a", S, 0, 0, 0, 1, 0}, {"a", S, 1, 0, 0, 1, 0}}},
	{"a repeat raises the version",
	 INT64_MIN,
	 {SENT(1, T, T + 5, "a", S, 9), SENT(1, T, T + 9, "a", S, 9), SENT(1, T, T + 7, "a", S, 0)},
	 {{"a", S, 0, 1, 0, 0, 0}, {"a", S, 1, 1, 0, 0, 0}}},
	{"the comment later keeps the score",
	 INT64_MIN,
	 {SENT(1, T, NONE, "a", S, 8), SENT(1, T, T + 5, "a", S, BIN_NONE),
	  SENT(2, T, NONE, "a", S, BIN_NONE)},
	 {{"a", S, 0, 0, 1, 0, 0}, {"a", S, 1, 0, 1, 0, 0}}},
	{"stars are no score out of ten",
	 INT64_MIN,
	 {SENT(1, T, NONE, "a", LEDGER_REVIEW, 5), SENT(1, T, T + 5, "a", S, BIN_NONE),
	  SENT(2, T, NONE, "b", S, 9), SENT(2, T, NONE, "b", LEDGER_RELATIONSHIP, BIN_NONE)},
	 {{"b", LEDGER_RELATIONSHIP, 0, 1, 0, 0, 0}, {"b", LEDGER_RELATIONSHIP, 1, 1, 0, 0, 0}}},
	{"deleted: before and after, with and without a version",
	 INT64_MIN,
	 {GONE(1, NONE), SENT(1, T, T + 9, "a", S, 9), SENT(2, T, NONE, "a", S, 9), GONE(2, T + 3),
	  SENT(2, T, T + 3, "a", S, 9), GONE(3, T + 3), SENT(3, T, T + 4, "c", S, 9)},
	 {{"c", S, 0, 1, 0, 0, 0}, {"c", S, 1, 1, 0, 0, 0}}},
	{"revived without a score: the old one is gone",
	 INT64_MIN,
	 {SENT(1, T, T + 1, "a", S, 9), GONE(1, T + 2), SENT(1, T, T + 3, "a", S, BIN_NONE)},
	 {NOTHING}},
	{"an older deletion does nothing",
	 INT64_MIN,
	 {SENT(1, T, T + 5, "a", S, 9), GONE(1, T + 4)},
	 {{"a", S, 0, 1, 0, 0, 0}, {"a", S, 1, 1, 0, 0, 0}}},
	/* 5 m windows have panes of 5 s: to = T+301, from = T+1 rounded up to T+5. */
	{"edges and the window before",
	 INT64_MIN,
	 {SENT(1, T + 4999, NONE, "a", S, 9), SENT(2, T + 5000, NONE, "a", S, 0),
	  SENT(3, T + 300999, NONE, "a", S, 7)},
	 {{"a", S, 0, 0, 1, 1, 1}, {"a", S, 1, 1, 1, 1, 0}}},
	{"late is older than the longest window, by the newest time so far",
	 INT64_MIN,
	 {SENT(1, T, NONE, "a", S, 9), SENT(2, T - 60 * MIN, NONE, "a", S, 0),
	  SENT(3, T - 60 * MIN - 1, NONE, "a", S, 0), DEAD(4, T + 400 * MIN, NONE, "b", S, 9)},
	 /* the hour from T+1s back begins at a pane edge of 60 s: T - 59 min */
	 {{"a", S, 0, 1, 0, 0, 0}, {"a", S, 1, 1, 0, 0, 1}}},
	{"at: what is dated later was never there",
	 T + 10000,
	 {SENT(1, T + 9999, NONE, "a", S, 9), SENT(2, T + 10001, NONE, "a", S, 0),
	  SENT(1, T, T + 10001, "a", S, 0), SENT(3, T + 10000, NONE, "a", S, 0)},
	 {{"a", S, 0, 1, 0, 0, 0}, {"a", S, 1, 1, 0, 0, 0}}},
};

struct got {
	unsigned count;
	struct feed_expect_row at[64];
};

static bool keep(void *context, const struct feed_expect_row *row)
{
	struct got *got = context;
	got->at[got->count++] = *row;
	return true;
}

static void tiny_streams(void **state)
{
	static const char *const windows[] = {"5m", "1h"};
	struct err err = {0};
	for (unsigned c = 0; c < sizeof cases / sizeof *cases; c++) {
		struct feed_expect *x = feed_expect_create(
			&(struct feed_expect_options){windows, 2, NULL, cases[c].at_ms}, &err);
		for (const struct row *r = cases[c].rows; r < cases[c].rows + 8 && r->id; r++)
			feed_expect_add(
				x, &(struct feed_event){.id = r->id,
							.time_ms = r->time_ms,
							.updated_ms = r->updated_ms,
							.touchpoint = str_of(r->touchpoint),
							.ledger = r->ledger,
							.bin = r->bin,
							.deletion = r->deletion,
							.dead = r->dead ? FEEDBACK_NOT_JSON : FEEDBACK_OK});
		struct got got = {0};
		assert_true(feed_expect_report(x, keep, &got));
		unsigned n = 0;
		for (const struct want *w = cases[c].want; w < cases[c].want + 8 && w->touchpoint; w++, n++) {
			const struct feed_expect_row *g = &got.at[n];
			struct nps_counts counts = nps_of_bins(g->ledger, g->bins);
			if (n >= got.count || !str_is(g->touchpoint, w->touchpoint) ||
			    g->ledger != w->ledger || g->window != (unsigned)w->window || counts.p != w->p ||
			    counts.q != w->q || counts.d != w->d || nps_n(g->before) != w->before)
				fail_msg("%s: row %u is %.*s %d %u: %d/%d/%d before %d", cases[c].about, n,
					 (int)g->touchpoint.len, g->touchpoint.at, g->ledger, g->window,
					 (int)counts.p, (int)counts.q, (int)counts.d, (int)nps_n(g->before));
		}
		if (got.count != n)
			fail_msg("%s: %u rows, not %u", cases[c].about, got.count, n);
		feed_expect_destroy(x);
	}
}

static void today_is_the_local_date(void **state)
{
	static const char *const windows[] = {"today"};
	struct err err = {0};
	struct zone *berlin = zone_open("Europe/Berlin", &err);
	assert_non_null(berlin);
	/* T is 2026-01-05 09:00 UTC; Berlin's day began at 2026-01-04 23:00 UTC. */
	int64_t midnight = T - 10 * 60 * MIN;
	struct feed_expect *x =
		feed_expect_create(&(struct feed_expect_options){windows, 1, berlin, INT64_MIN}, &err);
	const int64_t times[] = {midnight - 1, midnight, T};
	for (int i = 0; i < 3; i++)
		feed_expect_add(x, &(struct feed_event){.id = 1 + (uint64_t)i,
							.time_ms = times[i],
							.updated_ms = NONE,
							.touchpoint = STR("a"),
							.bin = 9});
	struct got got = {0};
	assert_true(feed_expect_report(x, keep, &got));
	assert_int_equal(got.count, 1);
	assert_int_equal(got.at[0].bins[9], 2);
	assert_int_equal(got.at[0].before.p, 1);
	assert_true(got.at[0].from_ms == midnight && got.at[0].to_ms == T + 1000);
	feed_expect_destroy(x);
	zone_close(berlin);
}

static void no_window_is_an_error(void **state)
{
	static const char *const windows[] = {"5 minutes"};
	struct err err = {0};
	assert_null(feed_expect_create(&(struct feed_expect_options){windows, 1, NULL, INT64_MIN}, &err));
	assert_non_null(strstr(err.text, "5 minutes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiny_streams),
		cmocka_unit_test(today_is_the_local_date),
		cmocka_unit_test(no_window_is_an_error),
	};
	return cmocka_run_group_tests_name("feed/expect", tests, NULL, NULL);
}
