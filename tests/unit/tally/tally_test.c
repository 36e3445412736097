#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tally/tally.h"

static void equal_cells_add_up_and_come_in_order(void **state)
{
	struct tally *tally = tally_create(10, 5);
	tally_add(tally, 3, 0, 100, 9, 1);
	tally_add(tally, 1, 0, 100, 9, 1);
	tally_add(tally, 3, 0, 101, 9, 1);
	tally_add(tally, 3, 0, 100, 9, 4);
	tally_add(tally, 3, 1, 100, 9, -1);
	tally_add(tally, 3, 0, 100, 8, 1);
	assert_int_equal(tally_count(tally), 6);
	assert_int_equal(tally_touchpoints(tally), 2);
	assert_int_equal(tally_touchpoint(tally, 0), 3);
	assert_int_equal(tally_touchpoint(tally, 1), 1);
	const struct tally_cell want[] = {
		{3, 100, 5, 0, 9}, {3, 101, 1, 0, 9}, {3, 100, -1, 1, 9}, {3, 100, 1, 0, 8}};
	uint32_t count;
	const struct tally_cell *cells = tally_cells(tally, 0, &count);
	assert_int_equal(count, 4);
	for (unsigned n = 0; n < 4; n++) {
		assert_int_equal(cells[n].touchpoint, want[n].touchpoint);
		assert_int_equal(cells[n].second, want[n].second);
		assert_int_equal(cells[n].delta, want[n].delta);
		assert_int_equal(cells[n].ledger, want[n].ledger);
		assert_int_equal(cells[n].bin, want[n].bin);
	}
	(void)tally_cells(tally, 1, &count);
	assert_int_equal(count, 1);
	tally_destroy(tally);
}

static void what_cancels_out_is_skipped(void **state)
{
	struct tally *tally = tally_create(20, 5);
	for (uint8_t bin = 0; bin < 4; bin++)
		tally_add(tally, 2, 0, 100, bin, 1);
	tally_add(tally, 2, 0, 100, 0, -1);
	tally_add(tally, 2, 0, 100, 2, -1);
	uint32_t count;
	assert_int_equal(tally_touchpoints(tally), 1);
	const struct tally_cell *cells = tally_cells(tally, 0, &count);
	assert_int_equal(count, 2);
	assert_int_equal(cells[0].bin, 1);
	assert_int_equal(cells[1].bin, 3);
	tally_add(tally, 2, 0, 100, 1, -1);
	tally_add(tally, 2, 0, 100, 3, -1);
	assert_int_equal(tally_touchpoints(tally), 1);
	(void)tally_cells(tally, 0, &count);
	assert_int_equal(count, 0);
	tally_add(tally, 2, 0, 100, 0, -7);
	assert_int_equal(tally_touchpoints(tally), 1);
	cells = tally_cells(tally, 0, &count);
	assert_int_equal(count, 1);
	assert_int_equal(cells->delta, -7);
	tally_destroy(tally);
}

static void full_is_told_before_it_is_needed(void **state)
{
	struct tally *tally = tally_create(3, 5);
	assert_false(tally_full(tally, 3));
	assert_true(tally_full(tally, 4));
	tally_add(tally, 0, 0, 1, 1, 1);
	tally_add(tally, 0, 0, 2, 1, 1);
	assert_true(tally_full(tally, 2));
	tally_add(tally, 0, 0, 3, 1, 1);
	assert_true(tally_full(tally, 1));
	tally_clear(tally);
	assert_false(tally_full(tally, 3));
	assert_int_equal(tally_touchpoints(tally), 0);
	tally_destroy(tally);
}

/* Against an array with a counter for each possible cell, over many fills and clears. */
static void sums_equal_a_plain_array(void **state)
{
	enum { T = 7, S = 40, B = 11, ROUNDS = 50 };
	static int plain[T][4][S][B];
	struct tally *tally = tally_create(8000, T);
	srand(7);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned expected = 0, seen = 0;
		memset(plain, 0, sizeof plain);
		for (int n = rand() % 8000; n; n--) {
			unsigned t = (unsigned)rand() % T, l = (unsigned)rand() % 4, s = (unsigned)rand() % S,
				 b = (unsigned)rand() % B;
			int delta = rand() % 3 - 1;
			plain[t][l][s][b] += delta;
			tally_add(tally, t, (uint8_t)l, 1700000000 + s, (uint8_t)b, delta);
		}
		for (unsigned i = 0; i < sizeof plain / sizeof(int); i++)
			expected += ((int *)plain)[i] != 0;
		for (uint32_t i = 0; i < tally_touchpoints(tally); i++) {
			uint32_t t = tally_touchpoint(tally, i);
			uint32_t count;
			const struct tally_cell *c = tally_cells(tally, i, &count);
			for (const struct tally_cell *end = c + count; c < end; c++, seen++) {
				assert_int_equal(c->touchpoint, t);
				assert_int_equal(c->delta,
						 plain[t][c->ledger][c->second - 1700000000][c->bin]);
				assert_int_not_equal(c->delta, 0);
			}
		}
		assert_int_equal(seen, expected);
		tally_clear(tally);
	}
	tally_destroy(tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_cells_add_up_and_come_in_order),
		cmocka_unit_test(what_cancels_out_is_skipped),
		cmocka_unit_test(full_is_told_before_it_is_needed),
		cmocka_unit_test(sums_equal_a_plain_array),
	};
	return cmocka_run_group_tests_name("tally/tally", tests, NULL, NULL);
}
