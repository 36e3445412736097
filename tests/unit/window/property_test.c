/* Windows against a recount: every cell is kept in a plain list, and what a window must say is counted
 * anew from its definition. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "window/window.h"

#define SLOTS	  5
#define CELLS_MAX 4000
#define START_S	  1711700000 /* 29 March 2024: two days before Europe's clocks go forward */

struct cell {
	uint32_t second;
	uint8_t slot, bin;
	int32_t delta;
};

static struct cell cells[CELLS_MAX];
static unsigned cells_count;
static uint64_t seed, state_of_random;

static uint32_t any(uint32_t below) /* xorshift: the same run on every machine */
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (uint32_t)((state_of_random >> 32) % below);
}

static const enum ledger ledgers[SLOTS] = {LEDGER_SURVEY, LEDGER_SOCIAL, LEDGER_REVIEW, LEDGER_RELATIONSHIP,
					   LEDGER_SURVEY};
static struct zone *zones[SLOTS];
static struct window_options options;

static bool fail_here(const char *what, unsigned slot, unsigned which, int64_t to_s)
{
	fail_msg("seed %llu: %s, slot %u, window %s, to %lld", (unsigned long long)seed, what, slot,
		 options.specs[which].name, (long long)to_s);
	return false;
}

static struct nps_counts counts_of(enum ledger ledger, unsigned bin, int64_t n)
{
	int64_t bins[BINS] = {0};
	bins[bin] = llabs(n);
	struct nps_counts c = nps_of_bins(ledger, bins);
	return n < 0 ? (struct nps_counts){-c.p, -c.q, -c.d} : c;
}

static int64_t ceil_to(int64_t value, int64_t step)
{
	return (value + step - 1) / step * step;
}

/* The definition, word for word. */
static void recount(unsigned slot, unsigned which, int64_t to_s, struct window_reading *out)
{
	int64_t length_s = options.specs[which].length_s, from_s, before_s;
	memset(out, 0, sizeof *out);
	if (length_s) {
		from_s = ceil_to(to_s - length_s, length_s / 60);
		before_s = from_s - length_s;
	} else {
		struct zone_day day = zone_day_of(zones[slot], (to_s - 1) * 1000);
		from_s = day.start_ms / 1000;
		before_s = zone_day_before(zones[slot], day).start_ms / 1000;
	}
	out->from_ms = from_s * 1000;
	out->to_ms = to_s * 1000;
	for (unsigned i = 0; i < cells_count; i++) {
		const struct cell *c = &cells[i];
		if (c->slot != slot || c->second >= to_s || c->second < before_s)
			continue;
		if (c->second >= from_s) {
			out->bins[c->bin] += c->delta;
		} else {
			struct nps_counts n = counts_of(ledgers[slot], c->bin, c->delta);
			out->before = (struct nps_counts){out->before.p + n.p, out->before.q + n.q,
							  out->before.d + n.d};
		}
	}
}

static bool same_counts(const struct window_reading *a, const struct window_reading *b)
{
	return memcmp(a->bins, b->bins, sizeof a->bins) == 0 &&
	       memcmp(&a->before, &b->before, sizeof a->before) == 0;
}

/* What is dated at or after `to` and has not been taken back. */
static bool waits(unsigned slot, int64_t to_s)
{
	for (unsigned i = 0; i < cells_count; i++) {
		int64_t left = 0;
		if (cells[i].slot != slot || cells[i].second < to_s)
			continue;
		for (unsigned k = 0; k < cells_count; k++)
			if (cells[k].slot == slot && cells[k].second == cells[i].second &&
			    cells[k].bin == cells[i].bin)
				left += cells[k].delta;
		if (left)
			return true;
	}
	return false;
}

static void check_next(struct windows *w, unsigned slot, unsigned which, const struct window_reading *now)
{
	int64_t to_s = windows_to_ms(w) / 1000, next_ms = windows_next_ms(w, slot, which);
	struct window_reading then, none = {0};
	if (next_ms == INT64_MAX) {
		if (waits(slot, to_s) || !same_counts(now, &none))
			fail_here("a window that holds something never changes", slot, which, to_s);
		return;
	}
	if (next_ms <= to_s * 1000)
		fail_here("next change is not ahead", slot, which, to_s);
	recount(slot, which, next_ms / 1000 - 1, &then);
	if (!same_counts(now, &then))
		fail_here("a window changes earlier than said", slot, which, to_s);
	recount(slot, which, next_ms / 1000, &then);
	if (same_counts(now, &then) && !waits(slot, to_s))
		fail_here("a window does not change when said", slot, which, to_s);
}

/* Each pane of the series holds just its cells, and together they hold all. */
static void check_series(struct windows *w, unsigned slot, unsigned which, const struct window_reading *now)
{
	struct window_pane panes[WINDOW_PANES_MAX];
	int64_t to_s = windows_to_ms(w) / 1000, width_s = options.specs[which].length_s / 60;
	unsigned n = windows_series(w, slot, which, panes);
	struct nps_counts total = {0}, all = nps_of_bins(ledgers[slot], now->bins);
	for (unsigned i = 0; i < n; i++) {
		struct nps_counts sum = {0};
		int64_t start_s = panes[i].start_ms / 1000, end_s = start_s + (width_s ? width_s : 1800);
		if (i > 0 && panes[i].start_ms <= panes[i - 1].start_ms)
			fail_here("the series is out of order", slot, which, to_s);
		if (!width_s && start_s < now->from_ms / 1000 && end_s > now->from_ms / 1000)
			end_s = now->from_ms / 1000; /* a day that is no whole number of half hours */
		for (unsigned k = 0; k < cells_count; k++) {
			const struct cell *c = &cells[k];
			if (c->slot != slot || c->second >= to_s || c->second < start_s || c->second >= end_s)
				continue;
			struct nps_counts one = counts_of(ledgers[slot], c->bin, c->delta);
			sum = (struct nps_counts){sum.p + one.p, sum.q + one.q, sum.d + one.d};
		}
		if (memcmp(&sum, &panes[i].counts, sizeof sum) || nps_n(sum) == 0)
			fail_here("a pane of the series is wrong", slot, which, to_s);
		total = (struct nps_counts){total.p + sum.p, total.q + sum.q, total.d + sum.d};
	}
	if (total.p != all.p + now->before.p || total.q != all.q + now->before.q ||
	    total.d != all.d + now->before.d)
		fail_here("the series is not all", slot, which, to_s);
}

static void check(struct windows *w, unsigned slot)
{
	int64_t to_s = windows_to_ms(w) / 1000;
	bool empty = !waits(slot, to_s);
	for (unsigned which = 0; which < options.count; which++) {
		struct window_reading got, want, none = {0};
		windows_read(w, slot, which, &got);
		recount(slot, which, to_s, &want);
		if (got.from_ms != want.from_ms || got.to_ms != want.to_ms)
			fail_here("edges differ", slot, which, to_s);
		if (!same_counts(&got, &want))
			fail_here("counts differ from the recount", slot, which, to_s);
		empty &= same_counts(&want, &none);
		check_series(w, slot, which, &got);
		check_next(w, slot, which, &got);
	}
	if (windows_empty(w, slot) != empty)
		fail_here("empty or not", slot, 0, to_s);
}

static int64_t step_of_clock(void)
{
	switch (any(40)) {
	case 0: return any(600);
	case 1: return any(3600 * 3);
	case 2: return any(3) ? 1 : any(86400 * 2);
	case 3: return any(8) ? 0 : any(86400 * 20);
	default: return any(4);
	}
}

static uint32_t second_near(int64_t to_s)
{
	static const uint32_t back[] = {1, 10, 300, 700, 3600, 7300, 90000, 180000, 86400 * 8, 86400 * 15};
	if (any(10) == 0)
		return (uint32_t)(to_s + any(any(4) ? 90 : 8000));
	return (uint32_t)(to_s - 1 - any(back[any(sizeof back / sizeof back[0])]));
}

static void feed(struct windows *w, struct cell c)
{
	if (cells_count == CELLS_MAX)
		return;
	cells[cells_count++] = c;
	windows_add(w, c.slot, c.second, c.bin, c.delta);
}

static void one_cell(struct windows *w)
{
	static const uint8_t bins[LEDGERS] = {11, 11, 4, 6};
	static const int32_t sizes[] = {1, 1, 1, 1, 1, 1, 2, 15, 16, 255, 256, 65535, 65536, INT32_MAX};
	if (cells_count && any(5) == 0) { /* take a cell back that was put in, in part or whole */
		struct cell c = cells[any(cells_count)];
		int64_t there = 0;
		for (unsigned i = 0; i < cells_count; i++)
			if (cells[i].slot == c.slot && cells[i].second == c.second && cells[i].bin == c.bin)
				there += cells[i].delta;
		if (there > 0) {
			c.delta = -(int32_t)(there < INT32_MAX ? there : INT32_MAX);
			feed(w, c);
		}
		return;
	}
	struct cell c = {.slot = (uint8_t)any(SLOTS), .second = second_near(windows_to_ms(w) / 1000)};
	c.bin = (uint8_t)any(bins[ledgers[c.slot]]);
	if (ledgers[c.slot] == LEDGER_REVIEW && c.bin == 0)
		c.bin = 5;
	c.delta = any(3) ? 1 : sizes[any(sizeof sizes / sizeof sizes[0])];
	feed(w, c);
}

static struct windows *opened(int64_t now_ms)
{
	struct windows *w = windows_create(&options, now_ms);
	for (unsigned slot = 0; slot < SLOTS; slot++)
		assert_int_equal(windows_open(w, ledgers[slot], zones[slot]), slot);
	return w;
}

/* A new owner: other memory, a clock a little behind or ahead, the state from bytes. */
static struct windows *handed_over(struct windows *w)
{
	static unsigned char bytes[64 * 1024];
	struct windows *next =
		opened(windows_to_ms(w) - 1000 + (int64_t)(any(3) ? 0 : any(100) * 1000) - any(60) * 1000);
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		size_t len = windows_save(w, slot, bytes, sizeof bytes);
		if (len == 0 || !windows_load(next, slot, bytes, len))
			fail_here("saved bytes can't be loaded", slot, 0, windows_to_ms(w) / 1000);
	}
	assert_true(windows_to_ms(next) >= windows_to_ms(w));
	assert_int_equal(windows_memory(next).missed, 0);
	windows_destroy(w);
	return next;
}

static void choose_windows(void)
{
	static const char *const all[] = {"5m", "1h",  "24h", "7d",  "today", "1m",
					  "7m", "90m", "30d", "90d", "2h",    "60m"};
	options = (struct window_options){.count = 1 + any(WINDOWS_MAX), .slots_max = SLOTS};
	for (unsigned i = 0; i < options.count; i++) {
		struct err err = {0};
		assert_true(
			window_spec_parse(str_of(all[any(3) ? any(5) : any(12)]), &options.specs[i], &err));
	}
}

static void windows_are_what_a_recount_says(void **state)
{
	static const char *const names[SLOTS] = {"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Havana",
						 "Africa/Cairo"};
	seed = (uint64_t)time(NULL) ^ (uint64_t)clock() << 32;
	if (getenv("SEED"))
		seed = strtoull(getenv("SEED"), NULL, 10);
	printf("seed %llu\n", (unsigned long long)seed);
	state_of_random = seed * 2685821657736338717u + 1;
	for (unsigned i = 0; i < SLOTS; i++) {
		struct err err = {0};
		zones[i] = zone_open(names[i], &err);
		assert_non_null(zones[i]);
	}
	unsigned runs = getenv("RUNS") ? (unsigned)atoi(getenv("RUNS")) : 60;
	for (unsigned run = 0; run < runs; run++) {
		int64_t clock_s = START_S + any(86400 * 300);
		choose_windows();
		cells_count = 0;
		struct windows *w = opened(clock_s * 1000 + any(1000));
		for (unsigned i = 0; i < 1500; i++) {
			if (any(3) == 0)
				windows_advance(w, (clock_s += step_of_clock()) * 1000 + any(1000));
			if (any(300) == 0)
				windows_advance(w, (clock_s - any(100000)) *
							   1000); /* an older clock changes nothing */
			one_cell(w);
			if (any(25) == 0)
				check(w, any(SLOTS));
			if (any(200) == 0) {
				w = handed_over(w);
				clock_s = windows_to_ms(w) / 1000 - 1;
			}
		}
		for (unsigned slot = 0; slot < SLOTS; slot++)
			check(w, slot);
		assert_int_equal(windows_memory(w).clamped, 0);
		windows_advance(w, (clock_s + 86400 * 400) * 1000);
		for (unsigned slot = 0; slot < SLOTS; slot++)
			assert_true(windows_empty(w, slot));
		assert_true(windows_memory(w).blocks <=
			    SLOTS * 2); /* the sums' own; all panes are given back */
		windows_destroy(w);
	}
	for (unsigned i = 0; i < SLOTS; i++)
		zone_close(zones[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(windows_are_what_a_recount_says)};
	return cmocka_run_group_tests_name("window/property", tests, NULL, NULL);
}
