#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "feedback/feedback.h"

#define BAD INT64_MIN

/* On the heap, without a byte behind: ASan sees a read too far. */
static int64_t read_time(const char *text)
{
	size_t len = strlen(text);
	char *exact = malloc(len ? len : 1);
	int64_t ms;
	memcpy(exact, text, len);
	if (!feedback_time((struct str){exact, len}, &ms))
		ms = BAD;
	free(exact);
	return ms;
}

static void forms_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2026-03-01T09:30:15Z", 1772357415000},
		{"2026-03-01t09:30:15z", 1772357415000},
		{"2026-03-01 09:30:15Z", 1772357415000},
		{"2026-03-01T09:30:15.2Z", 1772357415200},
		{"2026-03-01T09:30:15.25Z", 1772357415250},
		{"2026-03-01T09:30:15.2509999Z", 1772357415250},
		{"2026-03-01T09:30:15."
		 "250999999999999999999999999999999999999999999999999999999999999999999999Z",
		 1772357415250},
		{"2026-03-01T10:30:15+01:00", 1772357415000},
		{"2026-03-01T10:30:15+0100", 1772357415000},
		{"2026-03-01T01:00:15.5-08:30", 1772357415500},
		{"2026-02-28T23:59:59-09:31", 1772357459000},
		{"2026-03-01T09:30:15-00:00", 1772357415000},
		{"2024-02-29T00:00:00Z", 1709164800000},
		{"2000-02-29T00:00:00Z", 951782400000},
		{"2016-12-31T23:59:60Z", 1483228800000},
		{"2017-01-01T01:59:60.5+02:00", 1483228800500},
		{"1969-12-31T23:00:00-01:00", 0},
		{"2262-12-31T23:59:59.999Z", 9246182399999},
		{"0", 0},
		{"1772357415", 1772357415000},
		{"1772357415.25", 1772357415250},
		{"1772357415.9999", 1772357415999},
		{"1772357415250", 1772357415250},
		{"1772357415250.7", 1772357415250},
		{"1772357415250999", 1772357415250},
		{"100000000000", 100000000000},
		{"9246182399", 9246182399000},
		{"9246182399999", 9246182399999},
		{"9246182399999999", 9246182399999},

		{"", BAD},
		{" ", BAD},
		{"now", BAD},
		{"-1", BAD},
		{"+1", BAD},
		{"1e9", BAD},
		{"1.", BAD},
		{".5", BAD},
		{"1.5.5", BAD},
		{"1772357415Z", BAD},
		{" 1772357415", BAD},
		{"1,5", BAD},
		{"99999999999999999999", BAD},
		{"9246182400", BAD},
		{"9246182400000", BAD},
		{"9246182400000000", BAD},
		{"99999999999", BAD},
		{"2026-03-01", BAD},
		{"2026-03-01T09:30:15", BAD},
		{"2026-03-01T09:30Z", BAD},
		{"2026-03-01T09:30:15.Z", BAD},
		{"2026-03-01T09:30:15.", BAD},
		{"2026-03-01T09:30:15+01", BAD},
		{"2026-03-01T09:30:15+1:00", BAD},
		{"2026-03-01T09:30:15+01:0", BAD},
		{"2026-03-01T09:30:15+24:00", BAD},
		{"2026-03-01T09:30:15+01:60", BAD},
		{"2026-03-01T09:30:15 Z", BAD},
		{"2026-03-01T09:30:15ZZ", BAD},
		{"2026-03-01T09:30:15+01:00Z", BAD},
		{"2026-03-01T09:30:15,5Z", BAD},
		{"2026-03-01_09:30:15Z", BAD},
		{"2026/03/01T09:30:15Z", BAD},
		{"26-03-01T09:30:15.000Z", BAD},
		{"2026-13-01T00:00:00Z", BAD},
		{"2026-00-01T00:00:00Z", BAD},
		{"2026-01-00T00:00:00Z", BAD},
		{"2026-01-32T00:00:00Z", BAD},
		{"2026-02-29T00:00:00Z", BAD},
		{"1900-02-29T00:00:00Z", BAD},
		{"2100-02-29T00:00:00Z", BAD},
		{"2026-04-31T00:00:00Z", BAD},
		{"2026-01-01T24:00:00Z", BAD},
		{"2026-01-01T00:60:00Z", BAD},
		{"2026-01-01T00:00:61Z", BAD},
		{"2026-01-01T00:00:60Z", BAD},
		{"1969-12-31T23:59:59Z", BAD},
		{"1970-01-01T00:00:00+00:01", BAD},
		{"2263-01-01T00:00:00Z", BAD},
		{"12026-01-01T00:00:00Z", BAD},
		{"2026-01-0aT00:00:00Z", BAD},
		{"2026-01-01T00:00:0:Z", BAD},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t got = read_time(rows[i].text);
		if (got != rows[i].ms)
			fail_msg("\"%s\": %lld instead of %lld", rows[i].text, (long long)got,
				 (long long)rows[i].ms);
	}
}

/* Every day that can be written, at an odd second, against the C library's calendar. */
static void every_day_is_right(void **state)
{
	(void)state;
	for (time_t at = 45296; at < 9246182400; at += 86400) {
		struct tm tm;
		char text[40];
		gmtime_r(&at, &tm);
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
		if (read_time(text) != at * 1000)
			fail_msg("%s", text);
	}
}

static void numbers_of_any_form_are_times(void **state)
{
	static const struct {
		const char *number;
		int64_t ms;
	} rows[] = {
		{"1.772357415e9", 1772357415000},
		{"1772357415.25", 1772357415250},
		{"1772357415250e-3", 1772357415250},
		{"17723574152509E-1", 1772357415250},
		{"0.1772357415250999E+16", 1772357415250},
		{"1e-3", 1},
		{"1e-4", 0},
		{"0.0001e3", 100},
		{"-0", 0},
		{"-0.0", 0},
		{"0e99", 0},
		{"5", 5000},
		{"1000000000000000000000000000000e-21", 1000000000000},
		{"0.00000000000000000000000000000017e40", 1700000000000},
		{"-1e-9", BAD},
		{"1e18", BAD},
		{"1e999999999999999999", BAD},
		{"9.2461824e9", BAD},
		{"123456789012345678901234567890", BAD},
	};
	(void)state;
	struct err err = {0};
	struct feedback_decoder *decoder = feedback_create(&(struct feedback_mapping){0}, &err);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[200];
		struct feedback got;
		int len = snprintf(text, sizeof text, "{\"id\":1,\"time\":%s}", rows[i].number);
		enum feedback_reason reason = feedback_decode(decoder, (struct str){text, (size_t)len}, &got);
		if (reason != (rows[i].ms == BAD ? FEEDBACK_BAD_TIME : FEEDBACK_OK) ||
		    (reason == FEEDBACK_OK && got.time_ms != rows[i].ms))
			fail_msg("%s: %s, %lld", text, feedback_reason_code(reason), (long long)got.time_ms);
	}
	feedback_destroy(decoder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_told_apart),
		cmocka_unit_test(every_day_is_right),
		cmocka_unit_test(numbers_of_any_form_are_times),
	};
	return cmocka_run_group_tests_name("feedback/time", tests, NULL, NULL);
}
