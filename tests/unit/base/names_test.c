#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/names.h"

static void numbers_count_up_and_stay(void **state)
{
	(void)state;
	struct names *names = names_create(3, 20);
	assert_int_equal(names_intern(names, STR("a")), 0);
	assert_int_equal(names_intern(names, STR("b")), 1);
	assert_int_equal(names_intern(names, STR("a")), 0);
	assert_int_equal(names_intern(names, STR("")), 2);
	assert_int_equal(names_intern(names, STR("c")), NAMES_FULL);
	assert_int_equal(names_intern(names, STR("b")), 1);
	assert_int_equal(names_find(names, STR("nobody")), NAMES_FULL);
	assert_int_equal(names_count(names), 3);
	assert_true(str_is(names_get(names, 1), "b"));
	assert_true(names_hash(names, 1) == hash_bytes(STR("b")));
	names_destroy(names);
}

static void long_names_are_cut_between_code_points(void **state)
{
	(void)state;
	struct names *names = names_create(4, 20);
	struct str whole = STR(
		"12\xC3\xA9 and much more of it"); /* three bytes stay; the third would split the e acute */
	uint32_t n = names_intern(names, whole);
	char expected[32];
	snprintf(expected, sizeof expected, "12~%016llX", (unsigned long long)hash_bytes(whole));
	assert_true(str_is(names_get(names, n), expected));
	assert_true(names_hash(names, n) == hash_bytes(str_of(expected)));
	assert_int_equal(names_find(names, whole), n);
	assert_int_equal(names_find(names, str_of(expected)),
			 n); /* what was cut passes the next stage as it is */
	names_destroy(names);
}

static void long_names_that_begin_alike_stay_two(void **state)
{
	(void)state;
	char a[301], b[301];
	struct names *names = names_create(4, 200);
	memset(a, 'x', sizeof a);
	memset(b, 'x', sizeof b);
	b[300] = 'y';
	assert_int_equal(names_intern(names, (struct str){a, 200}), 0);
	assert_true(str_equal(names_get(names, 0), (struct str){a, 200})); /* just fits */
	assert_int_equal(names_intern(names, (struct str){a, 301}), 1);
	assert_int_equal(names_find(names, (struct str){b, 301}), NAMES_FULL);
	assert_int_equal(names_intern(names, (struct str){b, 301}), 2);
	assert_int_equal(names_intern(names, (struct str){a, 301}), 1);
	assert_int_equal(names_get(names, 1).len, 200);
	assert_int_equal(names_get(names, 2).len, 200);
	names_destroy(names);
}

static void many_names_are_all_found(void **state)
{
	(void)state;
	enum { N = 50000 };
	struct names *names = names_create(N, 40);
	char text[40];
	for (int i = 0; i < N; i++) {
		int len = snprintf(text, sizeof text, "touchpoint-%d", i);
		assert_int_equal(names_intern(names, (struct str){text, (size_t)len}), i);
	}
	for (int i = 0; i < N; i++) {
		int len = snprintf(text, sizeof text, "touchpoint-%d", i);
		assert_int_equal(names_find(names, (struct str){text, (size_t)len}), i);
		assert_true(str_equal(names_get(names, (uint32_t)i), (struct str){text, (size_t)len}));
	}
	names_destroy(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_count_up_and_stay),
		cmocka_unit_test(long_names_are_cut_between_code_points),
		cmocka_unit_test(long_names_that_begin_alike_stay_two),
		cmocka_unit_test(many_names_are_all_found),
	};
	return cmocka_run_group_tests_name("base/names", tests, NULL, NULL);
}
