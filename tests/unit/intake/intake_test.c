#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "intake/intake.h"

#define NOW_MS	1767603600000 /* 2026-01-05T09:00:00Z */
#define HOUR_MS 3600000

struct fixture {
	struct intake *intake;
	struct intake_counts total;
	unsigned slot;
};

static struct intake *new_intake_with(int64_t touchpoints, const struct registry *registry)
{
	static const struct intake_source source = {.name = "surveys", .mapping = {.bytes_max = 1 << 20}};
	struct intake_setup setup = {
		.options = {.lanes = 1, .max_future_skew_ms = 60000, .touchpoints_max = touchpoints},
		.responses = {.max = 100000, .horizon_ms = 8 * 24 * HOUR_MS},
		.sources = &source,
		.sources_count = 1,
		.reach_ms = HOUR_MS,
		.registry = registry,
	};
	struct err err = {0};
	struct intake *in = intake_create(&setup, &err);
	assert_non_null(in);
	return in;
}

static struct intake *new_intake(int64_t touchpoints)
{
	return new_intake_with(touchpoints, NULL);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	f->intake = new_intake(3);
	f->slot = intake_partition_open(f->intake);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	intake_destroy(f->intake);
	free(f);
	return 0;
}

static void take_bytes(struct fixture *f, struct str message)
{
	struct intake_record record = {message, 0, f->slot, 7};
	struct intake_clock clock = {
		.now_ms = NOW_MS, .future_after_ms = NOW_MS + 60000, .leave_out_after_ms = INT64_MAX};
	intake_take(f->intake, &record, 1, &clock);
}

static void take(struct fixture *f, const char *message)
{
	take_bytes(f, str_of(message));
}

/* The open tally as text: "name ledger bin delta" per cell that is not 0. */
static const char *tally_text(struct fixture *f)
{
	static char text[1000];
	struct tally *tally = intake_tally(f->intake);
	size_t used = 0;
	text[0] = '\0';
	for (uint32_t i = 0; i < tally_touchpoints(tally); i++) {
		uint32_t count;
		const struct tally_cell *cells = tally_cells(tally, i, &count);
		struct str name = names_get(intake_names(f->intake), tally_touchpoint(tally, i));
		for (const struct tally_cell *cell = cells; cell < cells + count; cell++)
			used += (size_t)snprintf(text + used, sizeof text - used, "%.*s %s %d %+d;",
						 (int)name.len, name.at, ledger_name(cell->ledger), cell->bin,
						 cell->delta);
	}
	return text;
}

static void events_become_differences(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *message, *tally;
	} rows[] = {
		{"{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":9}",
		 "till survey 9 +1;"},
		{"{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":9}", ""},
		{"{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":3}",
		 "till survey 9 -1;till survey 3 +1;"},
		{"{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"door\",\"score\":3}",
		 "till survey 3 -1;door survey 3 +1;"},
		{"{\"id\":\"a\",\"op\":\"delete\"}", "door survey 3 -1;"},
		{"{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":9}", ""},
		{"{\"id\":\"b\",\"time\":1767603590,\"score\":0}", "_unmapped survey 0 +1;"},
		{"{\"id\":\"c\",\"time\":1767603590,\"touchpoint\":\"lift\",\"kind\":\"social\"}",
		 "lift social 3 +1;"},
		{"{\"id\":\"d\",\"time\":1767603590,\"touchpoint\":\"fourth\",\"score\":1}",
		 "_overflow survey 1 +1;"},
		{"{\"id\":\"e\",\"time\":1767603590,\"touchpoint\":\"till\"}", ""},
		{"{\"id\":\"e\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":5}",
		 "till survey 5 +1;"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		take(f, rows[i].message);
		assert_string_equal(tally_text(f), rows[i].tally);
		intake_close(f->intake);
		intake_commit(f->intake, &f->total);
	}
	assert_int_equal(f->total.consumed, 11);
	assert_int_equal(f->total.duplicates, 1);
	assert_int_equal(f->total.superseded, 1);
	assert_int_equal(f->total.deletions, 1);
	assert_int_equal(f->total.edits, 3);
	assert_int_equal(f->total.unscored, 1);
	assert_int_equal(f->total.unread, 1);
	assert_int_equal(f->total.unmapped, 1);
	assert_int_equal(f->total.overflowed, 1);
}

static void rejects_keep_their_bytes_and_move_no_clock(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *message;
		enum feedback_reason reason;
	} rows[] = {
		{"{\"id\":\"a\"", FEEDBACK_NOT_JSON},
		{"{\"id\":\"a\",\"time\":1767599999,\"score\":9}",
		 FEEDBACK_LATE}, /* one second before the hour */
		{"{\"id\":\"a\",\"time\":1767603661,\"score\":9}",
		 FEEDBACK_FUTURE}, /* one second beyond the skew */
		{"{\"id\":\"a\",\"time\":1767603590,\"updated\":1767603661,\"score\":9}", FEEDBACK_FUTURE},
		{"{\"id\":\"a\",\"op\":\"delete\",\"updated\":1767603661}", FEEDBACK_FUTURE},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		take(f, rows[i].message);
		assert_int_equal(intake_letters(f->intake), i + 1);
		struct intake_letter letter = intake_letter(f->intake, i);
		assert_int_equal(letter.reason, rows[i].reason);
		assert_int_equal(letter.tag, 7);
		assert_true(str_is(letter.bytes, rows[i].message));
	}
	assert_string_equal(tally_text(f), "");
	take(f,
	     "{\"id\":\"a\",\"time\":1767600000,\"score\":9}"); /* just not late; the rejects never happened */
	assert_string_equal(tally_text(f), "_unmapped survey 9 +1;");
}

static void a_reject_without_bytes_is_not_one_of_no_bytes(void **state)
{
	struct fixture *f = *state;
	take_bytes(f, STR("")); /* the first of all: nothing was kept before */
	take_bytes(f, (struct str){NULL, 0});
	assert_int_equal(intake_letters(f->intake), 2);
	assert_non_null(intake_letter(f->intake, 0).bytes.at);
	assert_null(intake_letter(f->intake, 1).bytes.at);
}

static void a_rollback_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	take(f, "{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":9}");
	intake_close(f->intake);
	intake_commit(f->intake, &f->total);
	take(f, "{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":2}");
	take(f, "{\"id\":\"b\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":7}");
	intake_close(f->intake); /* under way ... */
	take(f, "{\"id\":\"b\",\"op\":\"delete\"}"); /* ... while this fills */
	take(f, "not json");
	intake_rollback(f->intake);
	assert_true(intake_idle(f->intake));
	assert_int_equal(intake_letters(f->intake), 0);
	take(f, "{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":2}");
	take(f, "{\"id\":\"b\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":7}");
	assert_string_equal(tally_text(f), "till survey 9 -1;till survey 2 +1;till survey 7 +1;");
	assert_int_equal(intake_journal(f->intake), 2);
	intake_close(f->intake);
	intake_commit(f->intake, &f->total);
	assert_int_equal(f->total.consumed, 3);
	assert_int_equal(f->total.rejected[FEEDBACK_NOT_JSON], 0);
}

static void marks_keep_the_hour_that_holds_the_horizon(void **state)
{
	(void)state;
	struct intake_marks *marks = calloc(1, sizeof *marks);
	assert_int_equal(intake_low_water(marks, NOW_MS, HOUR_MS), -1);
	for (int h = 0; h < 3000; h++) {
		intake_mark(marks, NOW_MS + (int64_t)h * HOUR_MS, 100 * h);
		intake_mark(marks, NOW_MS + (int64_t)h * HOUR_MS + 1000,
			    100 * h + 1); /* the first of the hour counts */
	}
	assert_int_equal(intake_low_water(marks, NOW_MS + 2999LL * HOUR_MS, 2999LL * HOUR_MS),
			 0); /* merged, never skipped */
	assert_int_equal(intake_low_water(marks, NOW_MS + 2999LL * HOUR_MS, 10LL * HOUR_MS), 298900);
	assert_int_equal(intake_low_water(marks, NOW_MS + 9000LL * HOUR_MS, 10LL * HOUR_MS), 299900);
	free(marks);
}

/* A lane takes a partition over from one that had room for other touchpoints. */
static void a_response_from_the_journal_is_taken_back_where_it_was_counted(void **state)
{
	struct fixture *f = *state;
	struct fixture other = {.intake = new_intake(3)};
	other.slot = intake_partition_open(other.intake);
	static const char *const full[] = {"till", "door", "lift"};
	char message[200];
	for (size_t i = 0; i < 3; i++) {
		snprintf(message, sizeof message,
			 "{\"id\":\"%zu\",\"time\":1767603590,\"touchpoint\":\"%s\",\"score\":9}", i,
			 full[i]);
		take(f, message);
	}
	intake_close(f->intake);
	intake_commit(f->intake, &f->total);
	take(&other, "{\"id\":\"x\",\"time\":1767603590,\"touchpoint\":\"ramp\",\"score\":9}");
	unsigned slot;
	struct response_entry entry = *intake_journal_entry(other.intake, 0, &slot);
	struct str name = names_get(intake_names(other.intake), entry.fact.touchpoint);
	entry.fact.touchpoint = 0;
	struct bundle_journal journal = {
		.clock_ms = NOW_MS, .names_count = 1, .names = &name, .entries_count = 1, .entries = &entry};
	intake_refill(f->intake, f->slot, NOW_MS, &journal);
	take(f, "{\"id\":\"x\",\"time\":1767603590,\"touchpoint\":\"ramp\",\"score\":2}");
	assert_string_equal(tally_text(f), "ramp survey 9 -1;ramp survey 2 +1;");
	assert_int_equal(f->total.overflowed, 0);
	take(f,
	     "{\"id\":\"y\",\"time\":1767603590,\"touchpoint\":\"roof\",\"score\":1}"); /* the limit stands for what is new */
	assert_string_equal(tally_text(f), "ramp survey 9 -1;ramp survey 2 +1;_overflow survey 1 +1;");
	assert_true(names_count(intake_names(f->intake)) <=
		    intake_names_max(&(struct intake_options){.touchpoints_max = 3}));
	intake_destroy(other.intake);
}

/* ---- parents ---- */

/* till and door of a shop, a web shop; all of them. */
static struct registry *new_registry(void)
{
	static const struct registry_touchpoint declared[] = {{.name = "till", .parent = "shop"},
							      {.name = "door", .parent = "shop"},
							      {.name = "shop", .parent = "all"},
							      {.name = "web", .parent = "all"},
							      {.name = "_unmapped", .parent = "all"}};
	struct err err = {0};
	unsigned line;
	struct registry *registry =
		registry_create(declared, sizeof declared / sizeof *declared, &line, &err);
	assert_non_null(registry);
	return registry;
}

static void a_response_counts_at_each_ancestor(void **state)
{
	(void)state;
	struct registry *registry = new_registry();
	struct fixture f = {.intake = new_intake_with(8, registry)};
	f.slot = intake_partition_open(f.intake);
	static const struct {
		const char *message, *tally;
	} rows[] = {
		{"{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":9}",
		 "till survey 9 +1;shop survey 9 +1;all survey 9 +1;"},
		{"{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"till\",\"score\":9}", ""},
		/* to another child of the same parent, of another; a parent itself may be asked about */
		{"{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"door\",\"score\":9}",
		 "till survey 9 -1;door survey 9 +1;"},
		{"{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"web\",\"score\":9}",
		 "door survey 9 -1;shop survey 9 -1;web survey 9 +1;"},
		{"{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"shop\",\"score\":3}",
		 "web survey 9 -1;all survey 9 -1;all survey 3 +1;shop survey 3 +1;"},
		{"{\"id\":\"a\",\"op\":\"delete\"}", "shop survey 3 -1;all survey 3 -1;"},
		/* nobody's child; no touchpoint; beyond the limit, which the declared ones had their places below */
		{"{\"id\":\"b\",\"time\":1767603590,\"touchpoint\":\"lift\",\"score\":1}",
		 "lift survey 1 +1;"},
		{"{\"id\":\"c\",\"time\":1767603590,\"score\":2}", "_unmapped survey 2 +1;all survey 2 +1;"},
		{"{\"id\":\"d\",\"time\":1767603590,\"touchpoint\":\"second\",\"score\":1}",
		 "second survey 1 +1;"},
		{"{\"id\":\"e\",\"time\":1767603590,\"touchpoint\":\"third\",\"score\":1}",
		 "third survey 1 +1;"},
		{"{\"id\":\"f\",\"time\":1767603590,\"touchpoint\":\"fourth\",\"score\":1}",
		 "_overflow survey 1 +1;"},
		{"{\"id\":\"g\",\"time\":1767603590,\"touchpoint\":\"door\",\"score\":1}",
		 "door survey 1 +1;shop survey 1 +1;all survey 1 +1;"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		take(&f, rows[i].message);
		assert_string_equal(tally_text(&f), rows[i].tally);
		intake_close(f.intake);
		intake_commit(f.intake, &f.total);
	}
	assert_int_equal(f.total.tallied[LEDGER_SURVEY], 10);
	intake_destroy(f.intake);
	registry_destroy(registry);
}

static void a_touchpoint_from_the_journal_has_its_parents(void **state)
{
	(void)state;
	struct registry *registry = new_registry();
	struct fixture f = {.intake = new_intake_with(100, registry)};
	f.slot = intake_partition_open(f.intake);
	struct fixture other = {.intake = new_intake_with(100, registry)};
	other.slot = intake_partition_open(other.intake);
	take(&other, "{\"id\":\"x\",\"time\":1767603590,\"touchpoint\":\"door\",\"score\":9}");
	unsigned slot;
	struct response_entry entry = *intake_journal_entry(other.intake, 0, &slot);
	entry.fact.touchpoint = 0;
	struct str name = STR("door");
	struct bundle_journal journal = {
		.clock_ms = NOW_MS, .names_count = 1, .names = &name, .entries_count = 1, .entries = &entry};
	intake_refill(f.intake, f.slot, NOW_MS, &journal);
	take(&f, "{\"id\":\"x\",\"op\":\"delete\"}");
	assert_string_equal(tally_text(&f), "door survey 9 -1;shop survey 9 -1;all survey 9 -1;");
	intake_destroy(f.intake);
	intake_destroy(other.intake);
	registry_destroy(registry);
}

static void what_is_declared_must_fit(void **state)
{
	(void)state;
	struct registry *registry = new_registry();
	struct intake_setup setup = {.options.touchpoints_max = 5, .registry = registry};
	struct err err = {0};
	assert_null(intake_create(&setup, &err));
	assert_string_equal(
		err.text,
		"touchpoints.max must be at least 6: so many are declared, or are parents of those");
	registry_destroy(registry);
}

/* As many as fit, all of them edits: what intake_room promised is there. */
static void there_is_room_for_the_deepest(void **state)
{
	(void)state;
	enum { DEEP = REGISTRY_DEPTH_MAX };
	static const char names[DEEP + 1][2] = {"0", "1", "2", "3", "4", "5", "6", "7", "8"};
	struct registry_touchpoint declared[DEEP];
	for (int i = 0; i < DEEP; i++)
		declared[i] = (struct registry_touchpoint){.name = names[i], .parent = names[i + 1]};
	struct err err = {0};
	unsigned line;
	struct registry *registry = registry_create(declared, DEEP, &line, &err);
	struct fixture f = {.intake = new_intake_with(100, registry)};
	f.slot = intake_partition_open(f.intake);
	unsigned taken = 0;
	for (; intake_room(f.intake, 1); taken++) {
		char message[100];
		snprintf(message, sizeof message,
			 "{\"id\":\"a\",\"time\":1767603590,\"touchpoint\":\"0\",\"score\":%u}", taken % 2);
		take(&f, message);
	}
	assert_int_equal(tally_count(intake_tally(f.intake)), (2 * taken - 1) * (DEEP + 1));
	assert_true(taken >= 1 << 17);
	intake_destroy(f.intake);
	registry_destroy(registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(events_become_differences, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_response_from_the_journal_is_taken_back_where_it_was_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rejects_keep_their_bytes_and_move_no_clock, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_reject_without_bytes_is_not_one_of_no_bytes, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_rollback_leaves_no_trace, set_up, tear_down),
		cmocka_unit_test(marks_keep_the_hour_that_holds_the_horizon),
		cmocka_unit_test(a_response_counts_at_each_ancestor),
		cmocka_unit_test(a_touchpoint_from_the_journal_has_its_parents),
		cmocka_unit_test(what_is_declared_must_fit),
		cmocka_unit_test(there_is_room_for_the_deepest),
	};
	return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
