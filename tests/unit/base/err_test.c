#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/err.h"

static void the_first_wins_and_gets_context(void **state)
{
	struct err err = {0};
	err_prefix(&err, "nothing yet");
	assert_false(err.set);
	err_set(&err, "no such file: %s", "a");
	err_set(&err, "something else");
	err_prefix(&err, "line %d", 3);
	assert_string_equal(err.text, "line 3: no such file: a");
	err_clear(&err);
	assert_false(err.set);
}

static void mistakes_are_listed_and_cut(void **state)
{
	struct err err = {0};
	err_add(&err, "%s", "one");
	assert_string_equal(err.text, "one");
	err_add(&err, "%s", "two");
	assert_string_equal(err.text, "one; two");
	for (int i = 0; i < 1000; i++)
		err_add(&err, "%.*s", i % 7 + 1, "another");
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_wins_and_gets_context),
		cmocka_unit_test(mistakes_are_listed_and_cut),
	};
	return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
