#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "pipeline/pipeline_priv.h"

static void what_fits_is_whole_and_the_rest_is_cut(void **state)
{
	static const struct {
		int64_t bytes_max;
		size_t headers, key, value, want_key, want_value;
	} rows[] = {
		{1000, 100, 0, 900, 0, 900},
		{1000, 100, 0, 901, 0, 900},
		{1000, 100, 36, 864, 36, 864},
		{1000, 100, 36, 5000000, 36, 864},
		{1000, 100, 5000000, 10, 450, 10}, /* a key that is too large itself */
		{1000, 100, 5000000, 5000000, 450, 450},
		{1000, 100, 0, 0, 0, 0},
		{1000, 1000, 7, 7, 0, 0}, /* room for headers only */
		{1000, 2000, 7, 7, 0, 0},
		{-5, 10, 7, 7, 0, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t key = rows[i].key, value = rows[i].value;
		letter_fit(rows[i].bytes_max, rows[i].headers, &key, &value);
		assert_int_equal(key, rows[i].want_key);
		assert_int_equal(value, rows[i].want_value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_is_whole_and_the_rest_is_cut),
	};
	return cmocka_run_group_tests_name("pipeline/letters", tests, NULL, NULL);
}
