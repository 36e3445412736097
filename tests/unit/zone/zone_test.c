#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zone/zone.h"

static int64_t utc_ms(const char *text)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (end == NULL || *end)
		fail_msg("bad time in a test's row: %s", text);
	return (int64_t)timegm(&tm) * 1000;
}

static const char *shown(int64_t ms)
{
	static char text[4][32];
	static unsigned turn;
	char *out = text[turn++ & 3];
	time_t second = (time_t)(ms / 1000);
	struct tm tm;
	strftime(out, sizeof text[0], "%Y-%m-%dT%H:%M:%S", gmtime_r(&second, &tm));
	return out;
}

/* Real days, taken from the IANA database with zdump. All instants are UTC. */
static const struct {
	const char *zone, *at, *start, *end;
} days[] = {
	{"UTC", "2024-02-29T12:00:00", "2024-02-29T00:00:00", "2024-03-01T00:00:00"},
	{"UTC", "2024-02-29T00:00:00", "2024-02-29T00:00:00", "2024-03-01T00:00:00"},
	{"UTC", "2024-02-28T23:59:59", "2024-02-28T00:00:00", "2024-02-29T00:00:00"},
	{"Europe/Berlin", "2024-03-31T12:00:00", "2024-03-30T23:00:00", "2024-03-31T22:00:00"}, /* 23 hours */
	{"Europe/Berlin", "2024-10-27T12:00:00", "2024-10-26T22:00:00", "2024-10-27T23:00:00"}, /* 25 hours */
	{"Asia/Kathmandu", "2024-06-01T18:14:59", "2024-05-31T18:15:00", "2024-06-01T18:15:00"}, /* +05:45 */
	{"Asia/Kathmandu", "2024-06-01T18:15:00", "2024-06-01T18:15:00", "2024-06-02T18:15:00"},
	{"Australia/Lord_Howe", "2024-04-07T00:00:00", "2024-04-06T13:00:00",
	 "2024-04-07T13:30:00"}, /* 24.5 hours */
	{"Antarctica/Troll", "2023-10-29T12:00:00", "2023-10-28T22:00:00",
	 "2023-10-30T00:00:00"}, /* 26 hours */
	{"America/Havana", "2023-03-12T12:00:00", "2023-03-12T05:00:00",
	 "2023-03-13T04:00:00"}, /* 0:00 is skipped */
	{"America/Havana", "2023-11-05T04:30:00", "2023-11-05T04:00:00",
	 "2023-11-06T05:00:00"}, /* 0:00 comes twice */
	{"America/Havana", "2023-11-05T05:30:00", "2023-11-05T04:00:00", "2023-11-06T05:00:00"},
	{"America/Asuncion", "2023-10-01T12:00:00", "2023-10-01T04:00:00",
	 "2023-10-02T03:00:00"}, /* begins at 1:00 */
	{"America/Asuncion", "2023-03-26T03:30:00", "2023-03-25T03:00:00",
	 "2023-03-26T04:00:00"}, /* 23:00 comes twice */
	{"Africa/Cairo", "2023-04-27T21:59:59", "2023-04-26T22:00:00", "2023-04-27T22:00:00"},
	{"Africa/Cairo", "2023-04-27T22:00:00", "2023-04-27T22:00:00",
	 "2023-04-28T21:00:00"}, /* begins at 1:00 */
	{"Africa/Cairo", "2023-10-26T21:30:00", "2023-10-25T21:00:00", "2023-10-26T22:00:00"}, /* 25 hours */
	{"Pacific/Apia", "2011-12-30T09:59:59", "2011-12-29T10:00:00",
	 "2011-12-30T10:00:00"}, /* the 29th, then ... */
	{"Pacific/Apia", "2011-12-30T10:00:00", "2011-12-30T10:00:00",
	 "2011-12-31T10:00:00"}, /* ... the 31st */
	{"Pacific/Kwajalein", "1993-08-21T12:00:00", "1993-08-21T12:00:00",
	 "1993-08-22T12:00:00"}, /* 20 August, then the 22nd */
	/* Back from 0:01 to 23:01: the 7th begins at its first 0:00 and the second 23:01 to 24:00 of the
	 * 6th belongs to it. */
	{"America/St_Johns", "2010-11-07T02:29:59", "2010-11-06T02:30:00", "2010-11-07T02:30:00"},
	{"America/St_Johns", "2010-11-07T02:30:00", "2010-11-07T02:30:00", "2010-11-08T03:30:00"},
	{"America/St_Johns", "2010-11-07T03:00:00", "2010-11-07T02:30:00", "2010-11-08T03:30:00"},
	{"America/St_Johns", "2010-11-07T12:00:00", "2010-11-07T02:30:00", "2010-11-08T03:30:00"},
	{"Europe/Berlin", "2060-07-01T12:00:00", "2060-06-30T22:00:00",
	 "2060-07-01T22:00:00"}, /* behind the database's last row */
};

static void real_days_begin_and_end_where_the_clocks_say(void **state)
{
	for (unsigned i = 0; i < sizeof days / sizeof days[0]; i++) {
		struct err err = {0};
		struct zone *zone = zone_open(days[i].zone, &err);
		if (zone == NULL)
			fail_msg("%s", err.text);
		struct zone_day day = zone_day_of(zone, utc_ms(days[i].at));
		if (day.start_ms != utc_ms(days[i].start) || day.end_ms != utc_ms(days[i].end))
			fail_msg("%s at %s: %s .. %s, wanted %s .. %s", days[i].zone, days[i].at,
				 shown(day.start_ms), shown(day.end_ms), days[i].start, days[i].end);
		zone_close(zone);
	}
}

static void local_time_is_utc_and_an_offset(void **state)
{
	static const struct {
		const char *zone, *at;
		int64_t offset_s;
	} rows[] = {
		{"UTC", "2024-07-01T12:00:00", 0},
		{"Europe/Berlin", "2024-03-31T00:59:59", 3600},
		{"Europe/Berlin", "2024-03-31T01:00:00", 7200},
		{"America/St_Johns", "2024-01-01T00:00:00", -12600},
		{"Asia/Kathmandu", "2024-01-01T00:00:00", 20700},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err err = {0};
		struct zone *zone = zone_open(rows[i].zone, &err);
		assert_non_null(zone);
		assert_true(zone_offset_s(zone, utc_ms(rows[i].at)) == rows[i].offset_s);
		zone_close(zone);
	}
}

static void the_day_before_ends_where_this_one_begins(void **state)
{
	static const struct {
		const char *zone, *at;
		int hours;
	} rows[] = {
		{"UTC", "2024-03-01T05:00:00", 24},	      {"Europe/Berlin", "2024-04-01T12:00:00", 23},
		{"Europe/Berlin", "2024-10-28T12:00:00", 25}, {"Pacific/Apia", "2011-12-30T12:00:00", 24},
		{"Africa/Cairo", "2023-04-29T12:00:00", 23},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err err = {0};
		struct zone *zone = zone_open(rows[i].zone, &err);
		assert_non_null(zone);
		struct zone_day day = zone_day_of(zone, utc_ms(rows[i].at)),
				before = zone_day_before(zone, day);
		assert_true(before.end_ms == day.start_ms);
		assert_int_equal((before.end_ms - before.start_ms) / 3600000, rows[i].hours);
		zone_close(zone);
	}
}

/* The same from libc's own clock: walk in half minutes and note each instant at which a later date than
 * ever before shows. */
static struct zone_day walked(int64_t at_ms)
{
	struct zone_day day = {INT64_MIN, INT64_MIN};
	int64_t newest = 0;
	for (int64_t second = at_ms / 1000 - 60 * 3600; second <= at_ms / 1000 + 60 * 3600; second += 30) {
		time_t t = (time_t)second;
		struct tm tm;
		localtime_r(&t, &tm);
		int64_t date = ((int64_t)tm.tm_year * 100 + tm.tm_mon) * 100 + tm.tm_mday;
		if (date <= newest)
			continue;
		newest = date;
		if (second * 1000 <= at_ms)
			day.start_ms = second * 1000;
		else if (day.end_ms == INT64_MIN)
			day.end_ms = second * 1000;
	}
	return day;
}

static void any_day_of_any_zone_agrees_with_libc(void **state)
{
	static const char *const names[] = {
		"Europe/London",      "America/New_York", "America/Sao_Paulo",	 "America/Havana",
		"America/Asuncion",   "Africa/Cairo",	  "Asia/Kathmandu",	 "Asia/Gaza",
		"Asia/Tehran",	      "Asia/Beirut",	  "Australia/Lord_Howe", "Pacific/Apia",
		"Pacific/Kiritimati", "Pacific/Chatham",  "America/St_Johns",	 "America/Nuuk",
		"Antarctica/Troll",   "Atlantic/Azores",  "Africa/Casablanca",
	};
	unsigned seed = (unsigned)time(NULL);
	printf("seed %u\n", seed);
	srandom(seed);
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct err err = {0};
		struct zone *zone = zone_open(names[i], &err);
		assert_non_null(zone);
		setenv("TZ", names[i], 1);
		tzset();
		for (int k = 0; k < 8; k++) {
			int64_t at_ms =
				((int64_t)30 * random() % 2082758400) / 30 * 30 * 1000; /* 1970 .. 2035 */
			if (at_ms < (int64_t)86400000 * 1100)
				continue; /* some zones moved by odd seconds until 1972: the walk's steps would miss it */
			struct zone_day got = zone_day_of(zone, at_ms), want = walked(at_ms);
			if (got.start_ms != want.start_ms || got.end_ms != want.end_ms)
				fail_msg("seed %u: %s at %s: %s .. %s, wanted %s .. %s", seed, names[i],
					 shown(at_ms), shown(got.start_ms), shown(got.end_ms),
					 shown(want.start_ms), shown(want.end_ms));
		}
		zone_close(zone);
	}
	unsetenv("TZ");
	tzset();
}

static void an_unknown_name_is_an_error_that_names_it(void **state)
{
	static const char *const names[] = {"",
					    "Europe/Nowhere",
					    "Berlin",
					    "+02:00",
					    "/etc/localtime",
					    "../zoneinfo/UTC",
					    "Europe/Berlin ",
					    "EST5EDT,M3.2.0"};
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct err err = {0};
		struct zone *zone = zone_open(names[i], &err);
		if (zone)
			fail_msg("'%s' was accepted", names[i]);
		assert_true(err.set);
		assert_non_null(strstr(err.text, names[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_days_begin_and_end_where_the_clocks_say),
		cmocka_unit_test(local_time_is_utc_and_an_offset),
		cmocka_unit_test(the_day_before_ends_where_this_one_begins),
		cmocka_unit_test(any_day_of_any_zone_agrees_with_libc),
		cmocka_unit_test(an_unknown_name_is_an_error_that_names_it),
	};
	return cmocka_run_group_tests_name("zone/zone", tests, NULL, NULL);
}
