#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/option.h"

struct all {
	bool on;
	int64_t count, bytes, wait_ms;
	double share;
	const char *text;
	int mood;
	struct option_list roles;
};

static const char *const moods[] = {"text", "json", NULL};
static const char *const roles[] = {"intake", "watch", NULL};
enum { ON, COUNT, BYTES, WAIT, SHARE, TEXT, MOOD, ROLES };
static const struct option_row rows[] = {
	{"on", OPTION_BOOL, offsetof(struct all, on), "true", 0, 0, NULL, "", 0},
	{"count", OPTION_INT, offsetof(struct all, count), "7", 1, 100, NULL, "", 0},
	{"bytes", OPTION_BYTES, offsetof(struct all, bytes), "1MiB", 1, 1 << 30, NULL, "", 0},
	{"wait", OPTION_DURATION, offsetof(struct all, wait_ms), "100ms", 1, 86400000, NULL, "", 0},
	{"share", OPTION_NUMBER, offsetof(struct all, share), "0.5", 0, 1, NULL, "", 0},
	{"text", OPTION_TEXT, offsetof(struct all, text), NULL, 0, 0, NULL, "", 0},
	{"mood", OPTION_CHOICE, offsetof(struct all, mood), "json", 0, 0, moods, "", 0},
	{"roles", OPTION_LIST, offsetof(struct all, roles), "[intake, watch]", 0, 0, roles, "", 0},
	{0},
};

static void defaults_are_what_a_user_would_have_written(void **state)
{
	(void)state;
	struct option_pool pool = {0};
	struct all all;
	option_defaults(rows, &all, &pool);
	assert_true(all.on);
	assert_int_equal(all.count, 7);
	assert_int_equal(all.bytes, 1 << 20);
	assert_int_equal(all.wait_ms, 100);
	assert_true(all.share == 0.5);
	assert_null(all.text);
	assert_int_equal(all.mood, 1);
	assert_int_equal(all.roles.count, 2);
	assert_string_equal(all.roles.at[1], "watch");
	option_pool_release(&pool);
}

static void values_are_read_and_written_back(void **state)
{
	(void)state;
	static const struct {
		int row;
		const char *text, *back;
	} good[] = {
		{ON, "false", "false"},
		{COUNT, "100", "100"},
		{COUNT, "1", "1"},
		{BYTES, "65537", "65537"},
		{BYTES, "64KiB", "64KiB"},
		{BYTES, "10MB", "10000000"},
		{BYTES, "1.5 KiB", "1536"},
		{BYTES, "5B", "5"},
		{WAIT, "90m", "90m"},
		{WAIT, "60m", "1h"},
		{WAIT, "1.5s", "1500ms"},
		{WAIT, "24h", "1d"},
		{SHARE, "0.25", "0.25"},
		{SHARE, "1e-3", "0.001"},
		{TEXT, "", ""},
		{TEXT, "a b", "a b"},
		{MOOD, "text", "text"},
		{ROLES, "watch", "[watch]"},
		{ROLES, "[ watch ]", "[watch]"},
		{ROLES, "watch,intake", "[watch, intake]"},
		{ROLES, "[]", "[]"},
	};
	struct option_pool pool = {0};
	struct all all;
	option_defaults(rows, &all, &pool);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct err err = {0};
		char back[100];
		if (!option_set(&rows[good[i].row], str_of(good[i].text), &all, &pool, &err))
			fail_msg("%s: %s", good[i].text, err.text);
		option_format(&rows[good[i].row], &all, back, sizeof back);
		assert_string_equal(back, good[i].back);
	}
	option_pool_release(&pool);
}

static void wrong_values_are_refused_in_words(void **state)
{
	(void)state;
	static const struct {
		int row;
		const char *text, *error;
	} bad[] = {
		{ON, "yes", "must be true or false, not 'yes'"},
		{COUNT, "0", "must be a whole number from 1 to 100, not '0'"},
		{COUNT, "1.5", "must be a whole number from 1 to 100, not '1.5'"},
		{COUNT, "", "must be a whole number from 1 to 100, not ''"},
		{COUNT, "-", "must be a whole number from 1 to 100, not '-'"},
		{COUNT, "99999999999999999999",
		 "must be a whole number from 1 to 100, not '99999999999999999999'"},
		{BYTES, "1MBit", "must be a size such as 65536, 512KiB or 1MiB from 1 to 1GiB, not '1MBit'"},
		{BYTES, "2GiB", "must be a size such as 65536, 512KiB or 1MiB from 1 to 1GiB, not '2GiB'"},
		{BYTES, "-1", "must be a size such as 65536, 512KiB or 1MiB from 1 to 1GiB, not '-1'"},
		{WAIT, "100",
		 "must be a duration such as 100ms, 10s, 5m, 24h or 7d from 1ms to 1d, not '100'"},
		{WAIT, "0", "must be a duration such as 100ms, 10s, 5m, 24h or 7d from 1ms to 1d, not '0'"},
		{WAIT, "1.0001ms",
		 "must be a duration such as 100ms, 10s, 5m, 24h or 7d from 1ms to 1d, not '1.0001ms'"},
		{WAIT, "1..5s",
		 "must be a duration such as 100ms, 10s, 5m, 24h or 7d from 1ms to 1d, not '1..5s'"},
		{WAIT, "999999999999999d",
		 "must be a duration such as 100ms, 10s, 5m, 24h or 7d from 1ms to 1d, not "
		 "'999999999999999d'"},
		{SHARE, "nan", "must be a number from 0 to 1, not 'nan'"},
		{SHARE, "0x1", "must be a number from 0 to 1, not '0x1'"},
		{SHARE, "1.01", "must be a number from 0 to 1, not '1.01'"},
		{MOOD, "jsno", "must be text or json, not 'jsno'; did you mean 'json'?"},
		{ROLES, "[intake, wach]", "must be intake or watch, not 'wach'; did you mean 'watch'?"},
		{ROLES, "intake,,watch", "must have no empty item"},
	};
	struct option_pool pool = {0};
	struct all all, before;
	option_defaults(rows, &all, &pool);
	before = all;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err = {0};
		assert_false(option_set(&rows[bad[i].row], str_of(bad[i].text), &all, &pool, &err));
		assert_string_equal(err.text, bad[i].error);
	}
	for (const struct option_row *row = rows; row->key != NULL; row++)
		assert_true(option_same(row, &all, &before));
	option_pool_release(&pool);
}

static void same_compares_values_and_not_addresses(void **state)
{
	(void)state;
	struct option_pool pool = {0};
	struct err err = {0};
	struct all a, b;
	option_defaults(rows, &a, &pool);
	option_defaults(rows, &b, &pool);
	assert_true(option_same(&rows[ROLES], &a, &b));
	assert_true(option_set(&rows[TEXT], STR("x"), &a, &pool, &err));
	assert_false(option_same(&rows[TEXT], &a, &b));
	assert_true(option_set(&rows[TEXT], STR("x"), &b, &pool, &err));
	assert_true(option_same(&rows[TEXT], &a, &b));
	assert_true(option_set(&rows[ROLES], STR("watch"), &b, &pool, &err));
	assert_false(option_same(&rows[ROLES], &a, &b));
	option_pool_release(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_what_a_user_would_have_written),
		cmocka_unit_test(values_are_read_and_written_back),
		cmocka_unit_test(wrong_values_are_refused_in_words),
		cmocka_unit_test(same_compares_values_and_not_addresses),
	};
	return cmocka_run_group_tests_name("base/option", tests, NULL, NULL);
}
