#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "window/window.h"

static void lengths_are_whole_minutes_up_to_90_days(void **state)
{
	static const struct {
		const char *text;
		int64_t length_s, reach_s;
	} rows[] = {
		{"5m", 300, 300},	   {"1m", 60, 60},
		{"90m", 5400, 5400},	   {"1h", 3600, 3600},
		{"24h", 86400, 86400},	   {"7d", 604800, 604800},
		{"90d", 7776000, 7776000}, {"2160h", 7776000, 7776000},
		{"today", 0, 90000},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct window_spec spec;
		struct err err = {0};
		if (!window_spec_parse(str_of(rows[i].text), &spec, &err))
			fail_msg("%s", err.text);
		assert_string_equal(spec.name, rows[i].text);
		assert_true(spec.length_s == rows[i].length_s);
		assert_true(window_spec_reach_s(&spec) == rows[i].reach_s);
	}
}

static void a_mistake_is_answered_with_what_is_allowed(void **state)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{"", "5m, 24h or 7d"},	     {"5", "5m, 24h or 7d"},
		{"m", "5m, 24h or 7d"},	     {"30s", "5m, 24h or 7d"},
		{"5 m", "5m, 24h or 7d"},    {"1w", "'1w' is no window"},
		{"Today", "'today'"},	     {"1.5h", "whole number"},
		{"-5m", "no window"},	     {"0m", "1m to 90d"},
		{"91d", "1m to 90d"},	     {"2161h", "'2161h'"},
		{"999999999d", "1m to 90d"}, {"99999999999999999999m", "no window"},
		{"5mm", "no window"},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct window_spec spec;
		struct err err = {0};
		if (window_spec_parse(str_of(rows[i].text), &spec, &err))
			fail_msg("'%s' was accepted", rows[i].text);
		assert_true(err.set);
		if (strstr(err.text, rows[i].said) == NULL)
			fail_msg("'%s' is answered with: %s", rows[i].text, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_are_whole_minutes_up_to_90_days),
		cmocka_unit_test(a_mistake_is_answered_with_what_is_allowed),
	};
	return cmocka_run_group_tests_name("window/spec", tests, NULL, NULL);
}
