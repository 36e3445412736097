/* What a lane decides by itself, without Kafka: its struct is filled by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "pipeline/pipeline_priv.h"

#define MS INT64_C(1000000)

static void a_delivery_finds_its_part_or_nobody(void **state)
{
	struct part a = {.number = 1, .journal_offset = -1}, b = {.number = 3, .journal_offset = -1};
	struct part *parts[] = {&a, &b};
	struct lane lane = {.parts = parts, .parts_count = 2};
	lane_delivered(&lane, &(struct kafka_delivery){.tag = 2, .ok = true, .offset = 7}); /* was revoked */
	lane_delivered(&lane, &(struct kafka_delivery){.tag = 3, .ok = false, .offset = -1});
	assert_int_equal(a.journal_offset, -1);
	assert_int_equal(b.journal_offset, -1);
	lane_delivered(&lane, &(struct kafka_delivery){.tag = 3, .ok = true, .offset = 8});
	lane_delivered(&lane, &(struct kafka_delivery){.tag = 3, .ok = true, .offset = 9});
	assert_int_equal(a.journal_offset, -1);
	assert_int_equal(b.journal_offset, 8); /* the first of the commit: a refill begins there */
	lane.parts_count = 0;
	lane_delivered(&lane, &(struct kafka_delivery){.tag = 1, .ok = true, .offset = 10});
	assert_int_equal(a.journal_offset, -1);
}

/* An intake with one message open. */
static struct intake *busy_intake(void)
{
	static const struct intake_source source = {.name = "s"};
	struct intake_setup setup = {
		.options = {.lanes = 1, .touchpoints_max = 5},
		.responses = {.max = 100, .horizon_ms = 1000},
		.sources = &source,
		.sources_count = 1,
	};
	struct err err = {0};
	struct intake *in = intake_create(&setup, &err);
	assert_non_null(in);
	struct intake_record record = {STR("no feedback"), 0, intake_partition_open(in), 0};
	intake_take(in, &record, 1, &(struct intake_clock){.leave_out_after_ms = INT64_MAX});
	return in;
}

static void a_commit_is_due_once_an_interval(void **state)
{
	static const struct {
		const char *what;
		unsigned number;
		int64_t interval_ms, tick_ms, commit_ms; /* ago */
		bool due;
	} rows[] = {
		{"just committed", 1, 100, 0, 50, false},
		{"an interval ago", 1, 100, 0, 100, true},
		{"an interval ago, and ticks", 0, 100, 500, 100, true},
		{"a tick is due", 0, 100, 1000, 100, true},
		{"a tick is due, but a commit was tried just now", 0, 100, 1000, 1, false},
		{"a tick is due, but a commit was tried just now, long ago a tick", 0, 100, 60000, 99, false},
		{"a long interval does not hold the tick back", 0, 10000, 1000, 1000, true},
		{"a long interval", 0, 10000, 900, 900, false},
	};
	struct intake *in = busy_intake();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const int64_t now_ns = 3600000 * MS;
		struct pipeline p = {.setup.intake.options.commit_interval_ms = rows[i].interval_ms};
		struct lane lane = {.pipeline = &p, .number = rows[i].number, .intake = in};
		lane.last_tick_ns = now_ns - rows[i].tick_ms * MS;
		lane.last_commit_ns = now_ns - rows[i].commit_ms * MS;
		if (lane_commit_due(&lane, now_ns) != rows[i].due)
			fail_msg("%s", rows[i].what);
	}
	intake_destroy(in);
}

static void where_a_part_began_is_committed_though_nothing_was_read(void **state)
{
	struct intake_setup setup = {.options = {.lanes = 1, .touchpoints_max = 5},
				     .responses = {.max = 100, .horizon_ms = 1000}};
	struct err err = {0};
	struct pipeline p = {.setup.intake.options.commit_interval_ms = 100};
	struct part part = {.committed = 5, .next = 5, .uncommitted = true}, *parts[] = {&part};
	struct lane lane = {.pipeline = &p,
			    .number = 1,
			    .parts = parts,
			    .parts_count = 1,
			    .intake = intake_create(&setup, &err)};
	assert_non_null(lane.intake);
	assert_true(intake_idle(lane.intake));
	assert_true(lane_commit_due(&lane, 3600000 * MS));
	part.uncommitted = false;
	assert_false(lane_commit_due(&lane, 3600000 * MS));
	intake_destroy(lane.intake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delivery_finds_its_part_or_nobody),
		cmocka_unit_test(a_commit_is_due_once_an_interval),
		cmocka_unit_test(where_a_part_began_is_committed_though_nothing_was_read),
	};
	return cmocka_run_group_tests_name("pipeline/lane", tests, NULL, NULL);
}
