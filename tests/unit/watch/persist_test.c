/* What a new owner gets back: a watch that is killed at any moment and restored from the fields that were written until then, reading
 * again from `low`, must show what one that was never stopped shows. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/watch.h"

#define NOW_MS INT64_C(1767603600000)

enum { TOUCHPOINTS = 12, RECORDS = 400, RECORD_BYTES = 4096, FIELD_BYTES = 40000 };

struct record {
	size_t len;
	char bytes[RECORD_BYTES];
};

struct field {
	size_t len; /* 0: absent */
	unsigned char bytes[FIELD_BYTES];
};

/* The Redis of this test: a field per touchpoint and `low`. */
struct store {
	struct field fields[TOUCHPOINTS];
	bool has_low;
	struct watch_position low;
};

struct world {
	uint64_t dice;
	struct zone *zone;
	struct names *names;
	struct tally *tally;
	struct bundle_writer *writer;
	struct record *log;
	unsigned log_count;
	struct watch_batch *batch;
	struct store store;
	uint32_t touchpoints_max;
};

static unsigned roll(struct world *w, unsigned sides)
{
	w->dice = w->dice * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((w->dice >> 33) % sides);
}

static struct watch *new_watch(const struct world *w, int64_t now_ms)
{
	struct err err = {0};
	struct watch_setup setup = {
		.options = {.refresh_ms = 10000, .checkpoint_ms = 3000, .cpu_max = 1},
		.windows = {.count = 3},
		.touchpoints_max = w->touchpoints_max ? w->touchpoints_max : 50,
		.zone = w->zone,
	};
	assert_true(window_spec_parse(STR("5m"), &setup.windows.specs[0], &err));
	assert_true(window_spec_parse(STR("1h"), &setup.windows.specs[1], &err));
	assert_true(window_spec_parse(STR("today"), &setup.windows.specs[2], &err));
	return watch_create(&setup, now_ms);
}

static const char *name_of(unsigned i)
{
	static char name[16];
	snprintf(name, sizeof name, "t%02u", i);
	return name;
}

static bool keep(void *context, uint32_t shard, struct str bytes)
{
	struct world *w = context;
	(void)shard;
	assert_true(bytes.len <= RECORD_BYTES && w->log_count < RECORDS);
	w->log[w->log_count].len = bytes.len;
	memcpy(w->log[w->log_count++].bytes, bytes.at, bytes.len);
	return true;
}

/* Record i of the log: a few cells of a few touchpoints; take-backs only of what was put in before. */
static void write_log(struct world *w)
{
	for (unsigned i = 0; i < RECORDS; i++) {
		struct bundle_head head = {.shards = 1, .clock_ms = NOW_MS + i * 1000, .instance = STR("i")};
		for (unsigned cells = roll(w, 5); cells > 0; cells--) {
			uint32_t name = names_intern(w->names, str_of(name_of(roll(w, TOUCHPOINTS))));
			uint32_t second = (uint32_t)(NOW_MS / 1000 + i - roll(w, 600));
			tally_add(w->tally, name, (uint8_t)roll(w, 2), second, (uint8_t)roll(w, 11), 1);
		}
		assert_true(bundle_write(w->writer, &head, w->names, w->tally, true, keep, w));
		tally_clear(w->tally);
	}
}

static void apply(struct world *w, struct watch *watch, unsigned i)
{
	watch_advance(watch, NOW_MS + i * 1000);
	assert_true(watch_apply(watch, (struct str){w->log[i].bytes, w->log[i].len}, NOW_MS + i * 1000, i));
}

static void drop_all(struct store *store)
{
	memset(store, 0, sizeof *store);
}

/* What store_checkpoint does with a batch. */
static void write_batch(struct world *w)
{
	struct watch_batch *b = w->batch;
	if (b->fields_count == 0)
		return;
	if (b->replace)
		drop_all(&w->store);
	for (unsigned i = 0; i < b->fields_count; i++) {
		unsigned number = (unsigned)strtoul(b->fields[i].touchpoint.at + 1, NULL, 10);
		struct field *f = &w->store.fields[number];
		assert_true(b->fields[i].len <= FIELD_BYTES);
		f->len = b->fields[i].len; /* 0: the field goes away */
		memcpy(f->bytes, b->bytes + b->fields[i].at, f->len);
	}
	if (b->low_known) {
		w->store.low = b->low;
		w->store.has_low = true;
	}
}

static struct watch *restore(struct world *w, int64_t now_ms, unsigned *next)
{
	struct watch *watch = new_watch(w, now_ms);
	*next = 0;
	if (!w->store.has_low)
		return watch;
	for (unsigned i = 0; i < TOUCHPOINTS; i++) {
		struct field *f = &w->store.fields[i];
		if (f->len)
			assert_true(watch_restore(watch, str_of(name_of(i)),
						  (struct str){(const char *)f->bytes, f->len}));
	}
	watch_restored(watch, w->store.low);
	*next = (unsigned)(w->store.low.offset + 1);
	return watch;
}

static uint32_t number_of(const struct watch *watch, struct str name)
{
	for (uint32_t i = 0; i < watch_touchpoints(watch); i++)
		if (str_equal(watch_touchpoint(watch, i), name))
			return i;
	fail_msg("touchpoint %.*s is missing", (int)name.len, name.at);
	return 0;
}

static void assert_same(struct watch *a, struct watch *b)
{
	assert_int_equal(watch_touchpoints(a), watch_touchpoints(b));
	for (uint32_t i = 0; i < watch_touchpoints(a); i++) {
		uint32_t k = number_of(b, watch_touchpoint(a, i));
		for (unsigned l = 0; l < LEDGERS; l++) {
			assert_int_equal(watch_has(a, i, l), watch_has(b, k, l));
			for (unsigned which = 0; watch_has(a, i, l) && which < 3; which++) {
				struct window_reading x, y;
				watch_read(a, i, l, which, &x);
				watch_read(b, k, l, which, &y);
				assert_memory_equal(&x, &y, sizeof x);
			}
		}
	}
}

static struct world *new_world(uint64_t dice)
{
	struct err err = {0};
	struct world *w = calloc(1, sizeof *w);
	w->dice = dice;
	w->zone = zone_open("Europe/Berlin", &err);
	w->names = names_create(100, 200);
	w->tally = tally_create(1000, 100);
	w->writer = bundle_writer_create(100);
	w->log = calloc(RECORDS, sizeof *w->log);
	w->batch = watch_batch_create();
	return w;
}

static void end_world(struct world *w)
{
	watch_batch_destroy(w->batch);
	zone_close(w->zone);
	names_destroy(w->names);
	tally_destroy(w->tally);
	bundle_writer_destroy(w->writer);
	free(w->log);
	free(w);
}

static void a_killed_watch_comes_back_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct world *w = new_world(seed * 77);
		write_log(w);
		struct watch *never = new_watch(w, NOW_MS), *often = new_watch(w, NOW_MS);
		unsigned next = 0;
		for (unsigned i = 0; i < RECORDS; i++) {
			apply(w, never, i);
			for (; next <= i; next++)
				apply(w, often, next);
			int64_t now_ms = NOW_MS + i * 1000;
			watch_fill_checkpoint(often, now_ms, roll(w, 40) == 0, w->batch);
			switch (roll(w, 12)) {
			case 0: watch_checkpoint_failed(often, w->batch); break; /* nothing was written */
			case 1:
				write_batch(w);
				watch_checkpoint_failed(often, w->batch);
				break; /* it was, but we never heard */
			case 2: /* Redis forgot all of it */
				drop_all(&w->store);
				watch_checkpoint_rewrite(often);
				break;
			default: write_batch(w);
			}
			if (roll(w, 12) == 0) { /* killed */
				watch_destroy(often);
				often = restore(w, now_ms, &next);
			}
		}
		for (; next < RECORDS; next++)
			apply(w, often, next);
		print_message("seed %llu\n", (unsigned long long)seed);
		watch_advance(often, NOW_MS + (RECORDS - 1) * 1000);
		assert_same(never, often);
		watch_destroy(never);
		watch_destroy(often);
		end_world(w);
	}
}

static void a_quiet_watch_carries_its_position_on(void **state)
{
	(void)state;
	struct world *w = new_world(5);
	struct watch *watch = new_watch(w, NOW_MS);
	tally_add(w->tally, names_intern(w->names, STR("t00")), 0, (uint32_t)(NOW_MS / 1000 - 10), 9, 1);
	for (unsigned i = 0; i < RECORDS; i++) { /* one answer, then ticks */
		struct bundle_head head = {.shards = 1, .clock_ms = NOW_MS + i * 1000, .instance = STR("i")};
		assert_true(bundle_write(w->writer, &head, w->names, w->tally, true, keep, w));
		tally_clear(w->tally);
		apply(w, watch, i);
		watch_fill_checkpoint(watch, NOW_MS + i * 1000, false, w->batch);
		write_batch(w);
	}
	assert_in_range(w->store.low.offset, RECORDS - 65, RECORDS);
	assert_int_equal(watch_unsaved(watch), 0);
	watch_destroy(watch);
	end_world(w);
}

static unsigned stored(const struct world *w)
{
	unsigned n = 0;
	for (unsigned i = 0; i < TOUCHPOINTS; i++)
		n += w->store.fields[i].len > 0;
	return n;
}

/* Redis forgot all; of the rewrite the last part fails, and what follows is smaller. `low` must not come before the last field. */
static void a_rewrite_is_whole_before_it_counts(void **state)
{
	(void)state;
	struct world *w = new_world(9);
	struct watch *watch = new_watch(w, NOW_MS);
	write_log(w);
	for (unsigned i = 0; i < RECORDS; i++)
		apply(w, watch, i);
	watch_checkpoint_rewrite(watch);
	int64_t now_ms = NOW_MS + RECORDS * 1000;
	for (bool failed = false; watch_unsaved(watch) > 0; now_ms += failed ? 10 : 6000) {
		watch_fill_checkpoint(watch, now_ms, false, w->batch);
		if (w->batch->low_known && !failed) {
			assert_true(w->batch->fields_count > 1);
			watch_checkpoint_failed(watch, w->batch);
			failed = true;
		} else {
			write_batch(w);
		}
		assert_true(!w->store.has_low || stored(w) == TOUCHPOINTS);
	}
	assert_true(w->store.has_low);
	assert_int_equal(stored(w), TOUCHPOINTS);
	watch_destroy(watch);
	end_world(w);
}

static void an_empty_touchpoint_leaves(void **state)
{
	(void)state;
	struct world *w = new_world(3);
	struct watch *watch = new_watch(w, NOW_MS);
	for (int delta = 1; delta >= -1; delta -= 2) {
		struct bundle_head head = {.shards = 1, .clock_ms = NOW_MS, .instance = STR("i")};
		tally_add(w->tally, names_intern(w->names, STR("t00")), 0, (uint32_t)(NOW_MS / 1000 - 10), 9,
			  delta);
		assert_true(bundle_write(w->writer, &head, w->names, w->tally, true, keep, w));
		tally_clear(w->tally);
		apply(w, watch, w->log_count - 1);
		watch_fill(watch, NOW_MS + 300 - 100 * delta, w->batch);
		assert_int_equal(w->batch->count, 1);
		assert_int_equal(w->batch->at[0].empty, delta < 0);
		assert_int_equal(w->batch->at[0].windows_count,
				 3); /* all of them, though only 5m is due by its pace */
		watch_fill_checkpoint(watch, NOW_MS + 300, true, w->batch);
		write_batch(w);
		assert_int_equal(stored(w), delta > 0);
	}
	watch_destroy(watch);
	end_world(w);
}

static void the_same_offset_counts_once(void **state)
{
	(void)state;
	struct world *w = new_world(3);
	struct watch *watch = new_watch(w, NOW_MS);
	struct window_reading reading;
	struct bundle_head head = {.shards = 1, .clock_ms = NOW_MS, .instance = STR("i")};
	tally_add(w->tally, names_intern(w->names, STR("t00")), 0, (uint32_t)(NOW_MS / 1000 - 10), 9, 1);
	assert_true(bundle_write(w->writer, &head, w->names, w->tally, true, keep, w));
	apply(w, watch, 0);
	apply(w, watch, 0);
	watch_read(watch, 0, LEDGER_SURVEY, 0, &reading);
	assert_int_equal(reading.bins[9], 1);
	watch_destroy(watch);
	end_world(w);
}

static void more_touchpoints_than_may_be_known_are_not_restored(void **state)
{
	(void)state;
	struct world *w = new_world(3);
	struct watch *many = new_watch(w, NOW_MS), *few;
	write_log(w);
	for (unsigned i = 0; i < RECORDS; i++)
		apply(w, many, i);
	watch_fill_checkpoint(many, NOW_MS, true, w->batch);
	write_batch(w);
	w->touchpoints_max = 5; /* + 2 of the intakes */
	few = new_watch(w, NOW_MS + RECORDS * 1000);
	unsigned restored = 0;
	for (unsigned i = 0; i < TOUCHPOINTS; i++) {
		struct field *f = &w->store.fields[i];
		restored +=
			watch_restore(few, str_of(name_of(i)), (struct str){(const char *)f->bytes, f->len});
	}
	assert_int_equal(restored, 7);
	watch_destroy(many);
	watch_destroy(few);
	end_world(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_watch_comes_back_the_same),
		cmocka_unit_test(a_quiet_watch_carries_its_position_on),
		cmocka_unit_test(a_rewrite_is_whole_before_it_counts),
		cmocka_unit_test(an_empty_touchpoint_leaves),
		cmocka_unit_test(the_same_offset_counts_once),
		cmocka_unit_test(more_touchpoints_than_may_be_known_are_not_restored),
	};
	return cmocka_run_group_tests_name("watch/persist", tests, NULL, NULL);
}
