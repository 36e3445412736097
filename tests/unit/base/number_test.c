#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

static void known_values(void **state)
{
	(void)state;
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{0, "0"},
		{-0.0, "0"},
		{1, "1"},
		{-100, "-100"},
		{0.1, "0.1"},
		{0.5, "0.5"},
		{-0.25, "-0.25"},
		{1.0 / 3, "0.3333333333333333"},
		{200.0 / 3, "66.66666666666667"},
		{-100.0 / 7, "-14.285714285714286"},
		{0.1 + 0.2, "0.30000000000000004"},
		{1e-4, "0.0001"},
		{123456.789, "123456.789"},
		{9999999.5, "9999999.5"},
		{1e-7, "1e-07"},
		{1e300, "1e+300"},
		{2251799813685248.5, "2251799813685248.5"},
		{0.001, "0.001"},
		{0.0099, "0.0099"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[NUMBER_BYTES];
		assert_int_equal(number_decimal(text, rows[i].value), strlen(rows[i].text));
		assert_string_equal(text, rows[i].text);
	}
}

static void whole_numbers(void **state)
{
	(void)state;
	char text[NUMBER_BYTES];
	number_whole(text, INT64_MIN);
	assert_string_equal(text, "-9223372036854775808");
	number_whole(text, INT64_MAX);
	assert_string_equal(text, "9223372036854775807");
}

/* The slow and obvious way. */
static void by_trying(char *out, double value)
{
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(out, NUMBER_BYTES, "%.*g", digits, value);
		if (strtod(out, NULL) == value)
			break;
	}
}

static void check(double value)
{
	char text[NUMBER_BYTES], slow[NUMBER_BYTES];
	number_decimal(text, value);
	by_trying(slow, value);
	if (strtod(text, NULL) != value || strlen(text) > strlen(slow) + 1)
		fail_msg("%a: '%s', the shortest is '%s'", value, text, slow);
}

static void the_shortest_that_reads_back_equal(void **state)
{
	(void)state;
	uint64_t dice = 42;
	for (int i = 0; i < 300000; i++) {
		dice = dice * 6364136223846793005u + 1442695040888963407u;
		int n = 1 + (int)(dice >> 33) % 5000, k = (int)(dice >> 13) % (n + 1);
		check(100.0 * k / n);
		check(-(double)k / n);
		check(ldexp((double)(dice >> 11), -53 + (int)(dice % 40) - 16));
	}
	for (int e = -14; e < 25; e++) /* powers of two: the step below is half as wide */
		for (int d = -2; d <= 2; d++)
			check(ldexp(1, e) + d * ldexp(1, e - 53));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(the_shortest_that_reads_back_equal),
	};
	return cmocka_run_group_tests_name("base/number", tests, NULL, NULL);
}
