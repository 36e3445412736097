#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "window/window.h"

#define NOON_S 1717243200 /* 2024-06-01T12:00:00Z */

static struct zone *zone_named(const char *name)
{
	struct err err = {0};
	struct zone *zone = zone_open(name, &err);
	if (zone == NULL)
		fail_msg("%s", err.text);
	return zone;
}

/* Windows named in `names` ("5m today"), one slot. */
static struct windows *opened(const char *names, enum ledger ledger, const struct zone *zone, int64_t now_ms)
{
	struct window_options options = {.slots_max = 1};
	while (*names) {
		size_t len = strcspn(names, " ");
		struct err err = {0};
		if (!window_spec_parse((struct str){names, len}, &options.specs[options.count++], &err))
			fail_msg("%s", err.text);
		names += len + (names[len] == ' ');
	}
	struct windows *w = windows_create(&options, now_ms);
	assert_int_equal(windows_open(w, ledger, zone), 0);
	return w;
}

static struct window_reading reading(struct windows *w, unsigned which)
{
	struct window_reading r;
	windows_read(w, 0, which, &r);
	return r;
}

static int64_t total(const struct window_reading *r)
{
	int64_t n = 0;
	for (unsigned i = 0; i < BINS; i++)
		n += r->bins[i];
	return n;
}

static void a_response_is_seen_at_once_and_leaves_after_the_length(void **state)
{
	struct windows *w = opened("5m", LEDGER_SURVEY, NULL, (int64_t)NOON_S * 1000);
	windows_add(w, 0, NOON_S, 9, 1); /* dated in the second that is running */
	struct window_reading r = reading(w, 0);
	assert_true(r.to_ms == (int64_t)(NOON_S + 1) * 1000);
	assert_true(r.from_ms == (int64_t)(NOON_S - 295) * 1000); /* the first 5 s edge in the last 300 s */
	assert_int_equal(r.bins[9], 1);
	assert_true(windows_next_ms(w, 0, 0) == (int64_t)(NOON_S + 301) * 1000);
	windows_advance(w, (int64_t)(NOON_S + 299) * 1000);
	r = reading(w, 0);
	assert_int_equal(r.bins[9], 1);
	assert_int_equal(nps_n(r.before), 0);
	windows_advance(w, (int64_t)(NOON_S + 300) * 1000);
	r = reading(w, 0);
	assert_int_equal(total(&r), 0);
	assert_int_equal(r.before.p, 1);
	windows_advance(w, (int64_t)(NOON_S + 599) * 1000);
	assert_int_equal(reading(w, 0).before.p, 1);
	assert_false(windows_empty(w, 0));
	windows_advance(w, (int64_t)(NOON_S + 600) * 1000);
	assert_int_equal(reading(w, 0).before.p, 0);
	assert_true(windows_empty(w, 0));
	assert_true(windows_next_ms(w, 0, 0) == INT64_MAX);
	windows_destroy(w);
}

static void an_edit_moves_a_response_exactly(void **state)
{
	struct windows *w = opened("5m 1h", LEDGER_SURVEY, NULL, (int64_t)NOON_S * 1000);
	windows_add(w, 0, NOON_S - 10, 3, 1);
	windows_add(w, 0, NOON_S - 10, 3, -1);
	windows_add(w, 0, NOON_S - 400, 10,
		    1); /* its time was corrected too: outside the 5 minutes, inside the hour */
	struct window_reading five = reading(w, 0), hour = reading(w, 1);
	assert_int_equal(total(&five), 0);
	assert_int_equal(five.before.p, 1);
	assert_int_equal(total(&hour), 1);
	assert_int_equal(hour.bins[10], 1);
	windows_destroy(w);
}

static void a_cell_of_the_future_waits(void **state)
{
	struct windows *w = opened("5m", LEDGER_SURVEY, NULL, (int64_t)NOON_S * 1000);
	windows_add(w, 0, NOON_S + 30, 10, 1);
	windows_add(w, 0, NOON_S + 30, 0, 1);
	windows_add(w, 0, NOON_S + 20, 10, 1);
	windows_add(w, 0, NOON_S + 20, 10, -1); /* corrected while it waits: as if it had never been */
	windows_add(w, 0, NOON_S + 30, 10, -1);
	struct window_reading r = reading(w, 0);
	assert_int_equal(total(&r), 0);
	assert_false(windows_empty(w, 0));
	assert_int_equal(windows_memory(w).waiting, 1);
	assert_true(windows_next_ms(w, 0, 0) == (int64_t)(NOON_S + 31) * 1000);
	windows_advance(w, (int64_t)(NOON_S + 29) * 1000 + 999);
	r = reading(w, 0);
	assert_int_equal(total(&r), 0);
	windows_advance(w, (int64_t)(NOON_S + 30) * 1000);
	r = reading(w, 0);
	assert_int_equal(total(&r), 1);
	assert_int_equal(r.bins[0], 1);
	assert_int_equal(windows_memory(w).waiting, 0);
	assert_int_equal(windows_memory(w).clamped, 0);
	windows_destroy(w);
}

static void the_clock_never_goes_back(void **state)
{
	struct windows *w = opened("5m", LEDGER_SURVEY, NULL, (int64_t)NOON_S * 1000);
	windows_advance(w, (int64_t)(NOON_S - 3600) * 1000);
	assert_true(windows_to_ms(w) == (int64_t)(NOON_S + 1) * 1000);
	windows_advance(w, INT64_MAX); /* a clock gone mad stops in 2106 */
	assert_true(windows_to_ms(w) < (int64_t)UINT32_MAX * 1000);
	windows_destroy(w);
}

/* Each count that needs a wider counter, and its neighbours, which must not notice. */
static void counters_widen_without_touching_their_neighbours(void **state)
{
	static const int64_t edges[] = {15, 255, 65535, UINT32_MAX};
	for (unsigned e = 0; e < 4; e++)
		for (unsigned bin = 0; bin < BINS; bin++) {
			struct windows *w = opened("1h", LEDGER_SURVEY, NULL, (int64_t)NOON_S * 1000);
			for (unsigned other = 0; other < BINS; other++)
				for (unsigned pane = 0; pane < 3; pane++)
					windows_add(w, 0, NOON_S - 60 * pane, (uint8_t)other, 3);
			for (int64_t left = edges[e] - 3; left;) {
				int32_t part = left < INT32_MAX ? (int32_t)left : INT32_MAX;
				windows_add(w, 0, NOON_S - 60, (uint8_t)bin, part);
				left -= part;
			}
			assert_true(reading(w, 0).bins[bin] == edges[e] + 6);
			windows_add(w, 0, NOON_S - 60, (uint8_t)bin, 1);
			struct window_reading r = reading(w, 0);
			for (unsigned other = 0; other < BINS; other++)
				assert_true(r.bins[other] == (other == bin ? edges[e] + 7 : 9));
			windows_advance(w, (int64_t)(NOON_S + 3600) * 1000); /* all into the window before */
			r = reading(w, 0);
			assert_int_equal(total(&r), 0);
			assert_true(nps_n(r.before) == edges[e] + 1 + 6 + 90);
			windows_destroy(w);
		}
}

/* A busy hour leaves wide counters behind; afterwards memory comes down to what a quiet touchpoint needs. */
static void a_burst_is_forgotten(void **state)
{
	struct windows *w = opened("1h", LEDGER_SURVEY, NULL, (int64_t)NOON_S * 1000);
	uint64_t peak = 0;
	for (int64_t at = NOON_S; at < NOON_S + 40000; at += 10) {
		windows_advance(w, at * 1000);
		windows_add(w, 0, (uint32_t)at, 9, at < NOON_S + 7200 ? 20000 : 1);
		if (windows_memory(w).block_bytes > peak)
			peak = windows_memory(w).block_bytes;
	}
	struct window_reading r = reading(w, 0);
	assert_int_equal(r.bins[9], 358); /* 3600 s less the part of a pane that has left */
	assert_int_equal(r.before.p, 360);
	assert_true(windows_memory(w).block_bytes * 3 < peak);
	windows_destroy(w);
}

static void a_steady_stream_takes_no_new_memory(void **state)
{
	struct zone *zone = zone_named("Europe/Berlin");
	struct windows *w = opened("1m 5m 1h today", LEDGER_SURVEY, zone, (int64_t)NOON_S * 1000);
	uint64_t warm = 0;
	for (int64_t at = NOON_S; at < NOON_S + 86400 * 3; at++) {
		windows_advance(w, at * 1000);
		for (unsigned i = 0; i < 3; i++)
			windows_add(w, 0, (uint32_t)(at - at * 7 % 5), (uint8_t)((at + i * 5) % 11), 1);
		if (at % 7 == 0)
			windows_add(w, 0, (uint32_t)at + 20, 10, 1);
		if (at == NOON_S + 86400 * 2 + 7200)
			warm = windows_memory(w).bytes;
	}
	assert_true(windows_memory(w).bytes == warm);
	windows_destroy(w);
	zone_close(zone);
}

static void what_was_never_put_in_is_not_taken_out(void **state)
{
	struct zone *zone = zone_named("UTC");
	struct windows *w = opened("5m 1h today", LEDGER_SURVEY, zone, (int64_t)NOON_S * 1000);
	windows_add(w, 0, NOON_S - 10, 9, 2);
	windows_add(w, 0, NOON_S - 10, 9, -3);
	windows_add(w, 0, NOON_S - 10, 4, -1);
	windows_add(w, 0, NOON_S - 400, 4, -1); /* the 5 minutes before */
	windows_add(w, 0, NOON_S - 86400, 4, -1); /* yesterday */
	windows_add(w, 0, NOON_S - 86400 * 9, 4, -1); /* no window's business */
	for (unsigned which = 0; which < 3; which++) {
		struct window_reading r = reading(w, which);
		assert_int_equal(total(&r), 0);
		assert_int_equal(nps_n(r.before), 0);
	}
	assert_int_equal(windows_memory(w).clamped, 4);
	windows_add(w, 0, NOON_S - 10, 9, 1);
	assert_int_equal(reading(w, 0).bins[9], 1);
	windows_destroy(w);
	zone_close(zone);
}

static void unread_posts_have_a_bin_but_no_class(void **state)
{
	struct zone *zone = zone_named("UTC");
	struct windows *w = opened("5m today", LEDGER_SOCIAL, zone, (int64_t)NOON_S * 1000);
	struct window_pane panes[WINDOW_PANES_MAX];
	windows_add(w, 0, NOON_S, BIN_UNREAD, 5);
	windows_add(w, 0, NOON_S - 20, BIN_NEGATIVE, 1);
	assert_int_equal(reading(w, 0).bins[BIN_UNREAD], 5);
	assert_int_equal(reading(w, 1).bins[BIN_UNREAD], 5);
	assert_int_equal(windows_series(w, 0, 0, panes), 1);
	assert_int_equal(panes[0].counts.d, 1);
	windows_advance(w, (int64_t)(NOON_S + 400) * 1000);
	assert_int_equal(nps_n(reading(w, 0).before), 1);
	windows_advance(w, (int64_t)(NOON_S + 86400) * 1000);
	assert_int_equal(nps_n(reading(w, 1).before), 1);
	windows_destroy(w);
	zone_close(zone);
}

static void the_series_holds_panes_with_feedback_oldest_first(void **state)
{
	struct windows *w = opened("1h", LEDGER_REVIEW, NULL, (int64_t)NOON_S * 1000);
	struct window_pane panes[WINDOW_PANES_MAX];
	windows_add(w, 0, NOON_S - 30, 5, 2);
	windows_add(w, 0, NOON_S - 4000, 1, 1);
	windows_add(w, 0, NOON_S - 90, 3, 1);
	windows_add(w, 0, NOON_S - 89, 2, 1);
	assert_int_equal(windows_series(w, 0, 0, panes), 3);
	assert_true(panes[0].start_ms == (int64_t)(NOON_S - 4020) * 1000);
	assert_int_equal(panes[0].counts.d, 1);
	assert_true(panes[1].start_ms == (int64_t)(NOON_S - 120) * 1000);
	assert_int_equal(panes[1].counts.q, 1);
	assert_int_equal(panes[1].counts.d, 1);
	assert_true(panes[2].start_ms == (int64_t)(NOON_S - 60) * 1000);
	assert_int_equal(panes[2].counts.p, 2);
	windows_destroy(w);
}

/* Days that are not 24 hours, and days after nothing happened: one response an hour, the count is the
 * hours so far. */
static void today_is_the_local_date(void **state)
{
	static const struct {
		const char *zone;
		int64_t start_s, now_s; /* counted from start_s, hourly, up to now_s */
		int today, before;
	} rows[] = {
		{"UTC", 1717113600, 1717243200, 13, 24}, /* 31 May 0:00 .. 1 June 12:00 */
		{"Europe/Berlin", 1711753200, 1711922399, 23,
		 24}, /* 30 March 0:00 .. 31 March 23:59:59, 23 hours */
		{"Europe/Berlin", 1711753200, 1711922400, 1, 23}, /* ... and the midnight after */
		{"Europe/Berlin", 1729893600, 1730069999, 25,
		 24}, /* 26 October 0:00 .. 27 October 23:59:59, 25 hours */
		{"Europe/Berlin", 1729893600, 1730070000, 1, 25},
		{"Asia/Kathmandu", 1717179300, 1717265700, 1, 24}, /* +05:45 */
		{"America/Havana", 1710046800, 1710219600, 2, 24}, /* 12 March 2024 1:00 -04:00 */
		{"Pacific/Apia", 1325152800, 1325242800, 2, 24}, /* 29 December 2011, then the 31st */
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct zone *zone = zone_named(rows[i].zone);
		struct windows *w = opened("today", LEDGER_SURVEY, zone, rows[i].start_s * 1000);
		for (int64_t at = rows[i].start_s; at <= rows[i].now_s; at += 3600) {
			windows_advance(w, at * 1000);
			windows_add(w, 0, (uint32_t)at, 10, 1);
		}
		windows_advance(w, rows[i].now_s * 1000);
		struct window_reading r = reading(w, 0);
		struct zone_day day = zone_day_of(zone, rows[i].now_s * 1000);
		assert_true(r.from_ms == day.start_ms);
		assert_true(windows_next_ms(w, 0, 0) == day.end_ms + 1000);
		if (r.bins[10] != rows[i].today || r.before.p != rows[i].before)
			fail_msg("row %u, %s: %d today and %d before, wanted %d and %d", i, rows[i].zone,
				 (int)r.bins[10], (int)r.before.p, rows[i].today, rows[i].before);
		struct window_pane panes[WINDOW_PANES_MAX];
		assert_int_equal(windows_series(w, 0, 0, panes), rows[i].today + rows[i].before);
		windows_destroy(w);
		zone_close(zone);
	}
}

static void no_more_slots_than_agreed(void **state)
{
	struct windows *w = opened("5m", LEDGER_SURVEY, NULL, 0);
	assert_true(windows_open(w, LEDGER_SURVEY, NULL) == WINDOW_FULL);
	assert_int_equal(windows_memory(w).slots, 1);
	windows_destroy(w);
	windows_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_response_is_seen_at_once_and_leaves_after_the_length),
		cmocka_unit_test(an_edit_moves_a_response_exactly),
		cmocka_unit_test(a_cell_of_the_future_waits),
		cmocka_unit_test(the_clock_never_goes_back),
		cmocka_unit_test(counters_widen_without_touching_their_neighbours),
		cmocka_unit_test(a_burst_is_forgotten),
		cmocka_unit_test(a_steady_stream_takes_no_new_memory),
		cmocka_unit_test(what_was_never_put_in_is_not_taken_out),
		cmocka_unit_test(unread_posts_have_a_bin_but_no_class),
		cmocka_unit_test(the_series_holds_panes_with_feedback_oldest_first),
		cmocka_unit_test(today_is_the_local_date),
		cmocka_unit_test(no_more_slots_than_agreed),
	};
	return cmocka_run_group_tests_name("window/window", tests, NULL, NULL);
}
