#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/nearest.h"

static void typing_mistakes_find_their_word(void **state)
{
	(void)state;
	static const char *const known[] = {"run",	    "replay",	       "generate", "check",
					    "dead-letters", "commit_interval", NULL};
	static const struct {
		const char *word, *meant;
	} rows[] = {
		{"rnu", "run"},
		{"reply", "replay"},
		{"Run", "run"},
		{"genrate", "generate"},
		{"chekc", "check"},
		{"deadletters", "dead-letters"},
		{"commit-interval", "commit_interval"},
		{"run", "run"},
		{"banana", NULL},
		{"", NULL},
		{"x", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *found = nearest_word(str_of(rows[i].word), known);
		if (rows[i].meant == NULL)
			assert_null(found);
		else
			assert_string_equal(found, rows[i].meant);
	}
}

static void the_distance_counts_single_mistakes(void **state)
{
	(void)state;
	assert_int_equal(nearest_distance(STR("broker"), STR("brokers")), 1);
	assert_int_equal(nearest_distance(STR("borkers"), STR("brokers")), 1);
	assert_int_equal(nearest_distance(STR("brokers"), STR("brokers")), 0);
	assert_int_equal(nearest_distance(STR("redis"), STR("kafka")), NEAREST_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typing_mistakes_find_their_word),
		cmocka_unit_test(the_distance_counts_single_mistakes),
	};
	return cmocka_run_group_tests_name("base/nearest", tests, NULL, NULL);
}
