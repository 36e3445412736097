#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "pipeline/pipeline_priv.h"

static void marks_come_back_as_they_were(void **state)
{
	static const struct commit_mark marks[] = {
		{-1, -1, -1},
		{0, 0, 1},
		{12, 1700000000000, 3},
		{-1, 0, 16},
		{INT64_MAX / 11, INT64_MAX / 11, INT32_MAX},
		{5, -1, -1},
	};
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		char text[MARK_BYTES];
		size_t len = commit_mark_write(text, sizeof text, &marks[i]);
		struct commit_mark back = commit_mark_read((struct str){text, len});
		assert_int_equal(back.journal, marks[i].journal);
		assert_int_equal(back.from_ms, marks[i].from_ms);
		assert_int_equal(back.partitions, marks[i].partitions);
	}
}

/* Anybody may set offsets by hand, with or without metadata. */
static void what_is_no_mark_says_nothing(void **state)
{
	static const struct {
		const char *text;
		int64_t journal, from_ms;
	} rows[] = {
		{"corridor/1 journal=7", 7, -1},
		{"corridor/1 journal=7 from=8 partitions=9 newer=yes", 7, 8},
		{"corridor/1", -1, -1},
		{"", -1, -1},
		{"corridor/2 journal=7", -1, -1},
		{"corridor/1x journal=7", -1, -1},
		{"corridor/1 journal=", -1, -1},
		{"corridor/1 journal=-7", -1, -1},
		{"corridor/1 journal=7x", -1, -1},
		{"corridor/1 journal=99999999999999999999", -1, -1},
		{"corridor/1 journal=7 from=", -1, -1},
		{"set by hand", -1, -1},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct commit_mark mark = commit_mark_read(str_of(rows[i].text));
		if (mark.journal != rows[i].journal || mark.from_ms != rows[i].from_ms)
			fail_msg("%s", rows[i].text);
	}
	assert_int_equal(commit_mark_read((struct str){NULL, 0}).journal, -1);
}

enum { NOW = 1000000, REACH = 400000 };

static void a_partition_begins_where_its_topic_says(void **state)
{
	static const struct commit_mark three = {77, 500000, 3}, sooner = {78, 450000, 4}, all = {1, 0, 3},
					by_hand = {-1, -1, -1};
	const struct {
		const char *what;
		enum config_start start;
		int32_t partition;
		struct commit_mark known[2];
		size_t known_count;
		enum first_how how;
		int64_t at_ms, from_ms;
		int32_t partitions;
	} rows[] = {
		{"a first start", CONFIG_START_EARLIEST, 0, {{0}}, 0, FIRST_EARLIEST, 0, 0, 5},
		{"a first start at the end", CONFIG_START_LATEST, 0, {{0}}, 0, FIRST_LATEST, NOW, NOW, 5},
		{"a first start with a window",
		 CONFIG_START_WINDOW,
		 4,
		 {{0}},
		 0,
		 FIRST_AT_TIME,
		 NOW - REACH,
		 NOW - REACH,
		 5},
		{"added later", CONFIG_START_LATEST, 3, {three}, 1, FIRST_EARLIEST, 500000, 500000, 3},
		{"added later, window",
		 CONFIG_START_WINDOW,
		 4,
		 {three},
		 1,
		 FIRST_EARLIEST,
		 NOW - REACH,
		 500000,
		 3},
		{"there from the first",
		 CONFIG_START_LATEST,
		 2,
		 {three},
		 1,
		 FIRST_AT_TIME,
		 500000,
		 500000,
		 3},
		{"two began at once",
		 CONFIG_START_LATEST,
		 2,
		 {three, sooner},
		 2,
		 FIRST_AT_TIME,
		 450000,
		 450000,
		 3},
		{"older than the window",
		 CONFIG_START_WINDOW,
		 2,
		 {three},
		 1,
		 FIRST_AT_TIME,
		 NOW - REACH,
		 500000,
		 3},
		{"the group reads all of it", CONFIG_START_LATEST, 2, {all}, 1, FIRST_EARLIEST, 0, 0, 3},
		{"offsets were set by hand",
		 CONFIG_START_LATEST,
		 2,
		 {by_hand},
		 1,
		 FIRST_EARLIEST,
		 -1,
		 -1,
		 -1},
		{"some were set by hand",
		 CONFIG_START_LATEST,
		 1,
		 {by_hand, three},
		 2,
		 FIRST_AT_TIME,
		 500000,
		 500000,
		 3},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct first_rule rule = first_rule(rows[i].start, NOW, REACH, rows[i].partition, 5,
						    rows[i].known, rows[i].known_count);
		if (rule.how != rows[i].how || (rule.how == FIRST_AT_TIME && rule.at_ms != rows[i].at_ms) ||
		    rule.mark.from_ms != rows[i].from_ms || rule.mark.partitions != rows[i].partitions ||
		    rule.mark.journal != -1)
			fail_msg("%s", rows[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_come_back_as_they_were),
		cmocka_unit_test(what_is_no_mark_says_nothing),
		cmocka_unit_test(a_partition_begins_where_its_topic_says),
	};
	return cmocka_run_group_tests_name("pipeline/first", tests, NULL, NULL);
}
