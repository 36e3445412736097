#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "watch/watch.h"

#define NOW_MS INT64_C(1767603600000) /* 2026-01-05T09:00:00Z */
#define NOW_S  1767603600u

struct fixture {
	struct watch *watch;
	struct watch_batch *batch;
	struct zone *zone;
	struct names *names;
	struct tally *tally;
	struct bundle_writer *writer;
	int64_t offset;
	int64_t record_ms;
};

static void new_watch(struct fixture *f, int64_t now_ms)
{
	struct err err = {0};
	struct watch_setup setup = {
		.options = {.refresh_ms = 10000, .checkpoint_ms = 10000, .cpu_max = 1},
		.windows = {.count = 2},
		.touchpoints_max = 10,
		.zone = f->zone,
	};
	assert_true(window_spec_parse(STR("5m"), &setup.windows.specs[0], &err));
	assert_true(window_spec_parse(STR("1h"), &setup.windows.specs[1], &err));
	f->watch = watch_create(&setup, now_ms);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err err = {0};
	f->zone = zone_open("UTC", &err);
	f->batch = watch_batch_create();
	f->names = names_create(100, 200);
	f->tally = tally_create(1000, 100);
	f->writer = bundle_writer_create(100);
	f->record_ms = NOW_MS;
	new_watch(f, NOW_MS);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	watch_destroy(f->watch);
	watch_batch_destroy(f->batch);
	names_destroy(f->names);
	tally_destroy(f->tally);
	bundle_writer_destroy(f->writer);
	zone_close(f->zone);
	free(f);
	return 0;
}

static bool apply(void *context, uint32_t shard, struct str bytes)
{
	struct fixture *f = context;
	(void)shard;
	assert_true(watch_apply(f->watch, bytes, f->record_ms, f->offset++));
	return true;
}

static void send(struct fixture *f, const char *touchpoint, uint32_t second, unsigned score, int delta)
{
	struct bundle_head head = {.shards = 1, .clock_ms = NOW_MS + 3600000, .instance = STR("i")};
	tally_add(f->tally, names_intern(f->names, str_of(touchpoint)), LEDGER_SURVEY, second, (uint8_t)score,
		  delta);
	assert_true(bundle_write(f->writer, &head, f->names, f->tally, false, apply, f));
	tally_clear(f->tally);
}

static void log_time_is_the_running_maximum_of_the_smaller_clock(void **state)
{
	struct fixture *f = *state;
	send(f, "till", NOW_S - 10, 9, 1);
	assert_int_equal(watch_position(f->watch).log_ms, NOW_MS);
	f->record_ms = NOW_MS - 5000;
	send(f, "till", NOW_S - 10, 9, 1);
	assert_int_equal(watch_position(f->watch).log_ms, NOW_MS);
	f->record_ms = NOW_MS + 7200000; /* the intake's clock is behind the broker's */
	send(f, "till", NOW_S - 10, 9, 1);
	assert_int_equal(watch_position(f->watch).log_ms, NOW_MS + 3600000);
	assert_int_equal(watch_position(f->watch).offset, 2);
	assert_false(watch_apply(f->watch, STR("\x08"), NOW_MS, 3));
	assert_int_equal(watch_position(f->watch).offset, 3);
}

static void a_change_after_quiet_is_due_at_once_then_paced(void **state)
{
	struct fixture *f = *state;
	send(f, "till", NOW_S - 10, 9, 1);
	watch_fill(f->watch, NOW_MS, f->batch);
	assert_int_equal(f->batch->count, 1);
	assert_int_equal(f->batch->at[0].windows_count, 2);
	assert_int_equal(f->batch->at[0].windows[0].reading.bins[9], 1);
	assert_int_equal(f->batch->at[0].last_ms, NOW_MS - 10000);
	watch_fill(f->watch, NOW_MS, f->batch);
	assert_int_equal(f->batch->count, 0);

	send(f, "till", NOW_S - 10, 3, 1);
	watch_fill(f->watch, NOW_MS + 50, f->batch);
	assert_int_equal(f->batch->count, 0); /* 5m: at most every 100 ms */
	watch_fill(f->watch, NOW_MS + 100, f->batch);
	assert_int_equal(f->batch->count, 1);
	assert_int_equal(f->batch->at[0].windows_count, 1);
	assert_int_equal(f->batch->at[0].windows[0].which, 0);
	watch_advance(f->watch, NOW_MS + 1000);
	watch_fill(f->watch, NOW_MS + 1000, f->batch); /* 1h: every second */
	assert_int_equal(f->batch->count, 1);
	assert_int_equal(f->batch->at[0].windows[0].which, 1);
	assert_int_equal(f->batch->at[0].windows[0].reading.bins[3], 1);
}

static void a_window_that_empties_by_itself_is_published(void **state)
{
	struct fixture *f = *state;
	send(f, "till", NOW_S - 10, 9, 1);
	int64_t gone_ms = 0, empty_ms = 0;
	for (int64_t t = NOW_MS; t < NOW_MS + 3 * 3600000 && empty_ms == 0; t += 500) {
		watch_advance(f->watch, t);
		watch_fill(f->watch, t, f->batch);
		for (unsigned i = 0; i < f->batch->count; i++)
			for (unsigned k = 0; k < f->batch->at[i].windows_count; k++) {
				const struct publication_window *w = &f->batch->at[i].windows[k];
				if (w->which == 0 && w->reading.bins[9] == 0 && gone_ms == 0)
					gone_ms = t;
				if (f->batch->at[i].empty)
					empty_ms = t;
			}
	}
	/* The pane of 5 s that holds it begins at -10 s: it leaves when `to` reaches +290 s, seen within half a second and a tick. */
	assert_in_range(gone_ms, NOW_MS + 289000, NOW_MS + 291000);
	/* Both windows and the windows before them: its minute's pane is out of the hour before two hours later. */
	assert_in_range(empty_ms, NOW_MS + 7130000, NOW_MS + 7210000);
	for (int64_t t = empty_ms + 500; t < empty_ms + 60000; t += 500) {
		watch_advance(f->watch, t);
		watch_fill(f->watch, t, f->batch);
		assert_int_equal(f->batch->count, 0);
	}
}

static void what_failed_and_what_redis_forgot_is_due_again(void **state)
{
	struct fixture *f = *state;
	send(f, "till", NOW_S - 10, 9, 1);
	watch_fill(f->watch, NOW_MS, f->batch);
	watch_failed(f->watch, f->batch->touchpoints[0]);
	watch_fill(f->watch, NOW_MS + 200, f->batch);
	assert_int_equal(f->batch->at[0].windows_count, 2);
	watch_published(f->watch, f->batch->touchpoints[0],
			true); /* the first time: that it is fresh says nothing */
	watch_fill(f->watch, NOW_MS + 400, f->batch);
	assert_int_equal(f->batch->count, 0);
	watch_published(f->watch, 0, true);
	watch_fill(f->watch, NOW_MS + 600, f->batch);
	assert_int_equal(f->batch->at[0].windows_count, 2);
}

static void everything_is_published_once_a_refresh(void **state)
{
	struct fixture *f = *state;
	unsigned seen = 0;
	send(f, "till", NOW_S - 10, 9, 1);
	watch_fill(f->watch, NOW_MS, f->batch);
	for (int64_t t = NOW_MS + 100; t <= NOW_MS + 60000; t += 100) {
		watch_fill(f->watch, t,
			   f->batch); /* the clock of the windows stands: nothing changes by itself */
		seen += f->batch->count;
	}
	assert_in_range(seen, 5, 7);
}

static void touchpoints_beyond_the_limit_share_a_name_of_the_partition(void **state)
{
	struct fixture *f = *state;
	char name[] = "t00";
	for (int i = 0; i < 40; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		send(f, name, NOW_S - 10, 9, 1);
	}
	struct window_reading r;
	uint32_t last = watch_touchpoints(f->watch) - 1;
	assert_true(str_is(watch_touchpoint(f->watch, last), "_overflow.0"));
	watch_read(f->watch, last, LEDGER_SURVEY, 0, &r);
	assert_int_equal((unsigned)r.bins[9] + last, 40); /* nothing dropped */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(log_time_is_the_running_maximum_of_the_smaller_clock, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_change_after_quiet_is_due_at_once_then_paced, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_window_that_empties_by_itself_is_published, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_failed_and_what_redis_forgot_is_due_again, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(everything_is_published_once_a_refresh, set_up, tear_down),
		cmocka_unit_test_setup_teardown(touchpoints_beyond_the_limit_share_a_name_of_the_partition,
						set_up, tear_down),
	};
	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
