#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "window/window.h"

#define NOON_S 1717243200 /* 2024-06-01T12:00:00Z */

static struct zone *berlin, *tokyo;

static int open_zones(void **state)
{
	struct err err = {0};
	berlin = zone_open("Europe/Berlin", &err);
	tokyo = zone_open("Asia/Tokyo", &err);
	return berlin == NULL || tokyo == NULL;
}

static int close_zones(void **state)
{
	zone_close(berlin);
	zone_close(tokyo);
	return 0;
}

static struct windows *opened(const char *const *names, const struct zone *zone, int64_t now_s)
{
	struct window_options options = {.slots_max = 2};
	for (; names[options.count]; options.count++) {
		struct err err = {0};
		assert_true(
			window_spec_parse(str_of(names[options.count]), &options.specs[options.count], &err));
	}
	struct windows *w = windows_create(&options, now_s * 1000);
	windows_open(w, LEDGER_SURVEY, zone);
	windows_open(w, LEDGER_SOCIAL, zone);
	return w;
}

static const char *const usual[] = {"5m", "1h", "24h", "7d", "today", NULL};

static size_t some_bytes(unsigned char *bytes, size_t max)
{
	struct windows *w = opened(usual, berlin, NOON_S);
	for (int i = 0; i < 500; i++)
		windows_add(w, 0, (uint32_t)(NOON_S - i * i), (uint8_t)(i % 11), 1 + i % 3 * 150);
	windows_add(w, 0, NOON_S + 40, 10, 1);
	size_t len = windows_save(w, 0, bytes, max);
	windows_destroy(w);
	return len;
}

static void same_reading(struct windows *a, unsigned which_a, struct windows *b, unsigned which_b)
{
	struct window_reading x, y;
	windows_read(a, 0, which_a, &x);
	windows_read(b, 0, which_b, &y);
	assert_memory_equal(&x, &y, sizeof x);
}

static void a_window_of_the_same_length_is_found_again(void **state)
{
	static const char *const changed[] = {"7d", "30m", "60m", "1h", "today", "5m", NULL};
	static unsigned char bytes[65536];
	struct windows *was = opened(usual, berlin, NOON_S), *now = opened(changed, berlin, NOON_S);
	size_t len = some_bytes(bytes, sizeof bytes);
	assert_true(windows_load(was, 0, bytes, len));
	assert_int_equal(windows_memory(was).missed, 0);
	assert_true(windows_load(now, 0, bytes, len));
	assert_int_equal(windows_memory(now).missed, 1); /* 30m is new */
	same_reading(was, 0, now, 5);
	same_reading(was, 1, now, 2);
	same_reading(was, 1, now, 3);
	same_reading(was, 3, now, 0);
	same_reading(was, 4, now, 4);
	struct window_reading empty;
	windows_read(now, 0, 1, &empty);
	assert_int_equal(nps_n(nps_of_bins(LEDGER_SURVEY, empty.bins)), 0);
	windows_destroy(was);
	windows_destroy(now);
}

static void another_zone_keeps_all_but_today(void **state)
{
	static unsigned char bytes[65536];
	struct windows *was = opened(usual, berlin, NOON_S), *now = opened(usual, tokyo, NOON_S);
	size_t len = some_bytes(bytes, sizeof bytes);
	assert_true(windows_load(was, 0, bytes, len));
	assert_true(windows_load(now, 0, bytes, len));
	assert_int_equal(windows_memory(now).missed, 1);
	for (unsigned which = 0; which < 4; which++)
		same_reading(was, which, now, which);
	struct window_reading today;
	windows_read(now, 0, 4, &today);
	assert_int_equal(nps_n(today.before) + nps_n(nps_of_bins(LEDGER_SURVEY, today.bins)), 0);
	windows_destroy(was);
	windows_destroy(now);
}

static void a_clock_a_little_ahead_is_followed_one_far_ahead_is_not(void **state)
{
	static unsigned char bytes[65536];
	size_t len = some_bytes(bytes, sizeof bytes);
	struct windows *w = opened(usual, berlin, NOON_S - WINDOW_AHEAD_MAX_S - 1);
	assert_false(windows_load(w, 0, bytes, len));
	assert_true(windows_to_ms(w) == (int64_t)(NOON_S - WINDOW_AHEAD_MAX_S) * 1000);
	assert_true(windows_empty(w, 0));
	windows_advance(w, (int64_t)(NOON_S - WINDOW_AHEAD_MAX_S) * 1000);
	assert_true(windows_load(w, 0, bytes, len));
	assert_true(windows_to_ms(w) == (int64_t)(NOON_S + 1) * 1000);
	windows_destroy(w);
}

static void a_year_later_nothing_is_left(void **state)
{
	static unsigned char bytes[65536];
	size_t len = some_bytes(bytes, sizeof bytes);
	struct windows *w = opened(usual, berlin, NOON_S + 86400 * 365);
	assert_true(windows_load(w, 0, bytes, len));
	assert_true(windows_empty(w, 0));
	windows_destroy(w);
}

static void too_little_room_is_said(void **state)
{
	static unsigned char bytes[65536];
	size_t len = some_bytes(bytes, sizeof bytes);
	assert_true(len > 100);
	assert_int_equal(some_bytes(bytes, len), len);
	assert_int_equal(some_bytes(bytes, len - 1), 0);
	assert_int_equal(some_bytes(bytes, 0), 0);
}

/* Cut, changed or foreign bytes: refused, or read as other numbers, but the slot is usable and nothing
 * crashes. */
static void broken_bytes_are_refused_and_leave_nothing(void **state)
{
	static unsigned char bytes[65536], broken[65536];
	size_t len = some_bytes(bytes, sizeof bytes);
	struct windows *w = opened(usual, berlin, NOON_S);
	assert_false(windows_load(w, 1, bytes, len)); /* another ledger's */
	for (size_t cut = 0; cut < len; cut++) {
		assert_false(windows_load(w, 0, bytes, cut));
		assert_true(windows_empty(w, 0));
	}
	bytes[len] = 0;
	assert_false(windows_load(w, 0, bytes, len + 1));
	assert_true(windows_empty(w, 0));
	for (size_t at = 0; at < len; at++) {
		memcpy(broken, bytes, len);
		broken[at] ^= (unsigned char)(1u << at % 8);
		struct windows *other = opened(usual, berlin, NOON_S);
		if (!windows_load(other, 0, broken, len))
			assert_true(windows_empty(other, 0));
		windows_add(other, 0, NOON_S, 10, 1);
		windows_advance(other, (int64_t)(NOON_S + 86400 * 200) * 1000);
		windows_destroy(other);
	}
	windows_add(w, 0, NOON_S, 10, 1);
	struct window_reading r;
	windows_read(w, 0, 4, &r);
	assert_int_equal(r.bins[10], 1);
	windows_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_of_the_same_length_is_found_again),
		cmocka_unit_test(another_zone_keeps_all_but_today),
		cmocka_unit_test(a_clock_a_little_ahead_is_followed_one_far_ahead_is_not),
		cmocka_unit_test(a_year_later_nothing_is_left),
		cmocka_unit_test(too_little_room_is_said),
		cmocka_unit_test(broken_bytes_are_refused_and_leave_nothing),
	};
	return cmocka_run_group_tests_name("window/save", tests, open_zones, close_zones);
}
