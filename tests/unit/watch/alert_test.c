/* What detectors find is told once, whenever the watch is killed: its events, by number, are those of one that was never stopped. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "watch/watch.h"

#define START_MS INT64_C(1767571200000) /* a Monday, 0:00 UTC */
#define STEP_S	 30

enum { TOUCHPOINTS = 6, DAY = 24 * 3600 / STEP_S, RECORDS = 4 * DAY, EVENTS_MAX = 200, FIELD_BYTES = 40000 };
enum { SPIKE_FROM = 2 * DAY + DAY / 2, SPIKE_TO = SPIKE_FROM + 3600 / STEP_S * 3 }; /* of t0 */
enum { SILENT_FROM = 3 * DAY + DAY / 4, SILENT_TO = SILENT_FROM + 3600 / STEP_S * 5 }; /* of t1 */

struct record {
	char *bytes;
	size_t len;
};

struct event {
	char touchpoint[16];
	uint64_t number, incident;
	enum alert_type type;
	enum alert_kind kind;
	int64_t at_ms;
};

/* What Redis and Kafka hold in this test. */
struct kept {
	size_t field_len[TOUCHPOINTS + 1];
	unsigned char *fields[TOUCHPOINTS + 1]; /* the last one is that without a name */
	bool has_low;
	struct watch_position low;
	struct event stream[EVENTS_MAX];
	unsigned count;
};

static struct record log_of[RECORDS];
static struct names *names;
static struct watch_batch *batch;
static uint64_t dice;
static unsigned newest; /* record: the machine's clock does not go back with a restart */

static unsigned roll(unsigned sides)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((dice >> 33) % sides);
}

static bool keep(void *context, uint32_t shard, struct str bytes)
{
	struct record *r = context;
	r->bytes = must_alloc(bytes.len);
	r->len = bytes.len;
	memcpy(r->bytes, bytes.at, bytes.len);
	return true;
}

/* Some ten answers a step at each touchpoint, one in seven a detractor; edits now and then. */
static void write_step(struct tally *tally, unsigned i)
{
	for (uint32_t t = 0; t < TOUCHPOINTS; t++) {
		bool silent = t == 1 && i >= SILENT_FROM && i < SILENT_TO,
		     spike = t == 0 && i >= SPIKE_FROM && i < SPIKE_TO;
		for (unsigned n = silent ? 0 : 5 + roll(10); n > 0; n--) {
			uint32_t second = (uint32_t)(START_MS / 1000 + i * STEP_S - roll(STEP_S));
			bool detractor = roll(100) < (spike ? 40 : 15);
			tally_add(tally, t, LEDGER_SURVEY, second,
				  detractor ? (uint8_t)roll(7) : (uint8_t)(7 + roll(4)), 1);
		}
		if (!silent && roll(20) == 0) { /* an edit of an answer just given: 10 becomes 9 */
			uint32_t second = (uint32_t)(START_MS / 1000 + i * STEP_S);
			tally_add(tally, t, LEDGER_SURVEY, second, 10, -1);
			tally_add(tally, t, LEDGER_SURVEY, second, 9, 1);
		}
	}
}

static int write_log(void **state)
{
	struct tally *tally = tally_create(10000, 100);
	struct bundle_writer *writer = bundle_writer_create(100);
	dice = 7;
	batch = watch_batch_create();
	names = names_create(100, 100);
	for (unsigned t = 0; t < TOUCHPOINTS; t++)
		names_intern(names, str_of((const char *[]){"t0", "t1", "t2", "t3", "t4", "t5"}[t]));
	for (unsigned i = 0; i < RECORDS; i++) {
		struct bundle_head head = {
			.shards = 1, .clock_ms = START_MS + (int64_t)i * STEP_S * 1000, .instance = STR("i")};
		write_step(tally, i);
		assert_true(bundle_write(writer, &head, names, tally, true, keep, &log_of[i]));
		tally_clear(tally);
	}
	tally_destroy(tally);
	bundle_writer_destroy(writer);
	return 0;
}

static int free_log(void **state)
{
	for (unsigned i = 0; i < RECORDS; i++)
		free(log_of[i].bytes);
	names_destroy(names);
	watch_batch_destroy(batch);
	return 0;
}

static int64_t time_of(unsigned i)
{
	return START_MS + (int64_t)i * STEP_S * 1000;
}

static struct watch *new_watch(int64_t now_ms)
{
	struct err err = {0};
	struct watch_setup setup = {
		.options = {.refresh_ms = 10000, .checkpoint_ms = 120000, .cpu_max = 1},
		.windows = {.count = 2},
		.touchpoints_max = 50,
		.partition = 3,
		.alerts = {.enabled = true,
			   .silence = true,
			   .ticket_every_ms = 60LL * 86400000,
			   .page_every_ms = 600LL * 86400000},
	};
	assert_true(window_spec_parse(STR("5m"), &setup.windows.specs[0], &err));
	assert_true(window_spec_parse(STR("1h"), &setup.windows.specs[1], &err));
	return watch_create(&setup, now_ms);
}

static void apply(struct watch *w, unsigned i)
{
	newest = i > newest ? i : newest;
	watch_advance(w, time_of(newest));
	assert_true(watch_apply(w, (struct str){log_of[i].bytes, log_of[i].len}, time_of(i), i));
}

/* What store_checkpoint does: an event whose number is not above the newest one of its touchpoint is there already. */
static void add_to_stream(struct kept *k, const struct watch_alert *a)
{
	for (unsigned i = 0; i < k->count; i++)
		if (str_is(a->touchpoint, k->stream[i].touchpoint) && k->stream[i].number >= a->number)
			return;
	assert_true(k->count < EVENTS_MAX);
	struct event *e = &k->stream[k->count++];
	*e = (struct event){.number = a->number,
			    .incident = a->incident,
			    .type = a->type,
			    .kind = a->kind,
			    .at_ms = a->at_ms};
	snprintf(e->touchpoint, sizeof e->touchpoint, "%.*s", (int)a->touchpoint.len, a->touchpoint.at);
}

static void write_batch(struct watch *w, struct kept *k)
{
	for (unsigned i = 0; i < batch->alerts_count; i++) {
		unsigned f = 0; /* the state behind an event is written with it */
		while (f < batch->fields_count &&
		       !str_equal(batch->fields[f].touchpoint, batch->alerts[i].touchpoint))
			f++;
		assert_true(f < batch->fields_count || watch_alerts_waiting(w) > batch->alerts_count);
		add_to_stream(k, &batch->alerts[i]);
	}
	for (unsigned i = 0; i < batch->fields_count; i++) {
		const struct watch_field *f = &batch->fields[i];
		uint32_t at = f->touchpoint.len ? names_find(names, f->touchpoint) : TOUCHPOINTS;
		assert_true(at <= TOUCHPOINTS && f->len <= FIELD_BYTES);
		k->fields[at] = k->fields[at] ? k->fields[at] : must_alloc(FIELD_BYTES);
		memcpy(k->fields[at], batch->bytes + f->at, f->len);
		k->field_len[at] = f->len;
	}
	if (batch->low_known) {
		k->has_low = true;
		k->low = batch->low;
	}
}

static void to_kafka(struct watch *w)
{
	const struct watch_alert *a;
	while ((a = watch_alert_next(w)) != NULL)
		watch_alert_written(w, a->tag, true);
}

static void checkpoint(struct watch *w, struct kept *k, unsigned i, bool lost)
{
	watch_fill_checkpoint(w, time_of(newest), false, batch);
	if (batch->fields_count == 0 && batch->alerts_count == 0)
		return;
	if (lost) {
		watch_checkpoint_failed(w, batch);
		return;
	}
	write_batch(w, k);
	watch_checkpoint_written(w, batch);
}

static void release(struct kept *k)
{
	for (unsigned i = 0; i <= TOUCHPOINTS; i++)
		free(k->fields[i]);
}

static void never_stopped(struct kept *k)
{
	struct watch *w = new_watch(START_MS);
	for (unsigned i = 0; i < RECORDS; i++) {
		apply(w, i);
		to_kafka(w);
		checkpoint(w, k, i, false);
	}
	watch_destroy(w);
}

static unsigned count_of(const struct kept *k, const char *touchpoint, enum alert_kind kind,
			 enum alert_type type)
{
	unsigned n = 0;
	for (unsigned i = 0; i < k->count; i++)
		n += strcmp(k->stream[i].touchpoint, touchpoint) == 0 && k->stream[i].kind == kind &&
		     k->stream[i].type == type;
	return n;
}

static const struct event *first_of(const struct kept *k, enum alert_kind kind, enum alert_type type)
{
	for (unsigned i = 0; i < k->count; i++)
		if (k->stream[i].kind == kind && k->stream[i].type == type)
			return &k->stream[i];
	return NULL;
}

static void a_spike_and_a_silence_are_told_and_resolved(void **state)
{
	struct kept k = {0};
	never_stopped(&k);
	assert_int_equal(count_of(&k, "t0", ALERT_DETRACTOR_SPIKE, ALERT_RAISED), 1);
	assert_int_equal(count_of(&k, "t0", ALERT_DETRACTOR_SPIKE, ALERT_RESOLVED), 1);
	assert_int_equal(count_of(&k, "t1", ALERT_SILENCE, ALERT_RAISED), 1);
	assert_int_equal(count_of(&k, "t1", ALERT_SILENCE, ALERT_RESOLVED), 1);
	const struct event *raised = first_of(&k, ALERT_DETRACTOR_SPIKE, ALERT_RAISED);
	const struct event *resolved = first_of(&k, ALERT_DETRACTOR_SPIKE, ALERT_RESOLVED);
	assert_true(raised->at_ms >= time_of(SPIKE_FROM) && raised->at_ms < time_of(SPIKE_FROM) + 15 * 60000);
	assert_true(resolved->at_ms >= time_of(SPIKE_TO) && resolved->at_ms < time_of(SPIKE_TO) + 45 * 60000);
	assert_true(raised->incident == resolved->incident);
	raised = first_of(&k, ALERT_SILENCE, ALERT_RAISED);
	resolved = first_of(&k, ALERT_SILENCE, ALERT_RESOLVED);
	assert_true(raised->at_ms >= time_of(SILENT_FROM) &&
		    raised->at_ms < time_of(SILENT_FROM) + 2 * 3600000);
	assert_true(resolved->at_ms >= time_of(SILENT_TO) &&
		    resolved->at_ms < time_of(SILENT_TO) + 30 * 60000);
	for (unsigned i = 0; i < k.count; i++)
		assert_true(strcmp(k.stream[i].touchpoint, "t0") == 0 ||
			    strcmp(k.stream[i].touchpoint, "t1") == 0);
	release(&k);
}

/* A new owner: fields, then the log from `low` on. */
static struct watch *restart(const struct kept *k, unsigned *next)
{
	struct watch *w = new_watch(time_of(newest));
	*next = 0;
	if (!k->has_low)
		return w;
	for (unsigned t = 0; t <= TOUCHPOINTS; t++)
		if (k->field_len[t])
			assert_true(watch_restore(w, t < TOUCHPOINTS ? names_get(names, t) : STR(""),
						  (struct str){(const char *)k->fields[t], k->field_len[t]}));
	watch_restored(w, k->low);
	*next = (unsigned)(k->low.offset + 1);
	return w;
}

static void assert_same_stream(const struct kept *got, const struct kept *want, uint64_t seed)
{
	if (got->count != want->count)
		fail_msg("seed %llu: %u events, wanted %u", (unsigned long long)seed, got->count,
			 want->count);
	for (unsigned i = 0; i < want->count; i++)
		if (memcmp(&got->stream[i], &want->stream[i], sizeof want->stream[i]) != 0)
			fail_msg("seed %llu: event %u of %s: number %d of incident %llx, wanted number %d of "
				 "%llx",
				 (unsigned long long)seed, i, got->stream[i].touchpoint,
				 (int)got->stream[i].number, (unsigned long long)got->stream[i].incident,
				 (int)want->stream[i].number, (unsigned long long)want->stream[i].incident);
}

static void a_watch_that_is_killed_tells_the_same(void **state)
{
	struct kept want = {0};
	never_stopped(&want);
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct kept k = {0};
		unsigned i = 0, often = seed % 2 ? 20 : 400;
		dice = seed;
		newest = 0;
		struct watch *w = new_watch(START_MS);
		while (i < RECORDS) {
			apply(w, i);
			if (roll(3))
				to_kafka(w);
			checkpoint(w, &k, i, roll(4) == 0);
			i++;
			/* often around what happens, now and then elsewhere */
			bool near = (i > SPIKE_FROM && i < SPIKE_TO + 200) ||
				    (i > SILENT_FROM && i < SILENT_TO + 200);
			if (roll(near ? often : 2000) == 0) {
				watch_destroy(w);
				w = restart(&k, &i);
			}
		}
		to_kafka(w);
		checkpoint(w, &k, i, false);
		watch_destroy(w);
		assert_same_stream(&k, &want, seed);
		release(&k);
	}
	release(&want);
}

static void nothing_is_saved_before_kafka_has_the_event(void **state)
{
	struct watch *w = new_watch(START_MS);
	struct kept k = {0};
	unsigned i = 0;
	while (watch_alerts_waiting(w) == 0) {
		apply(w, i);
		checkpoint(w, &k, i++, false);
		assert_true(i < RECORDS);
	}
	const struct watch_alert *a = watch_alert_next(w);
	assert_non_null(a);
	assert_null(watch_alert_next(w));
	for (unsigned more = 0; more < 100; more++) {
		apply(w, i);
		watch_fill_checkpoint(w, time_of(i++), true, batch);
		assert_int_equal(batch->fields_count, 0);
		assert_int_equal(batch->alerts_count, 0);
	}
	watch_alert_written(w, a->tag, false); /* it did not arrive: it is handed out again */
	a = watch_alert_next(w);
	assert_non_null(a);
	while (a) {
		watch_alert_written(w, a->tag, true);
		a = watch_alert_next(w);
	}
	watch_fill_checkpoint(w, time_of(i), true, batch);
	assert_true(batch->alerts_count >= 1 && batch->fields_count > TOUCHPOINTS - 1);
	watch_destroy(w);
	release(&k);
}

static struct alert_event event_of(const struct event *e)
{
	return (struct alert_event){.incident = e->incident,
				    .type = e->type,
				    .kind = e->kind,
				    .severity = ALERT_PAGE,
				    .touchpoint = str_of(e->touchpoint),
				    .ledger = LEDGER_SURVEY,
				    .at_ms = e->at_ms,
				    .raised_ms = e->at_ms,
				    .partition = 3,
				    .number = e->number};
}

/* Without a checkpoint, stopped in the middle of the spike: what was told is taken from Kafka, and only what is new is told. */
static void a_log_that_is_read_anew_tells_nothing_of_the_past(void **state)
{
	struct kept want = {0}, k = {0};
	unsigned middle = SPIKE_TO - 20;
	never_stopped(&want);
	struct watch *w = new_watch(START_MS);
	watch_rebuild_begin(w);
	uint64_t number = 0;
	for (unsigned i = 0; i < want.count && want.stream[i].at_ms <= time_of(middle); i++) {
		struct alert_event e = event_of(&want.stream[i]);
		watch_rebuild_known(w, &e);
		number = e.number;
	}
	assert_true(number > 0);
	assert_int_equal(watch_incidents(w), 1);
	for (unsigned i = 0; i <= middle; i++)
		apply(w, i);
	assert_int_equal(watch_alerts_waiting(w), 0);
	watch_rebuild_end(w);
	assert_int_equal(watch_alerts_waiting(w), 0);
	for (unsigned i = middle + 1; i < RECORDS; i++) {
		apply(w, i);
		to_kafka(w);
		checkpoint(w, &k, i, false);
	}
	assert_int_equal(count_of(&k, "t0", ALERT_DETRACTOR_SPIKE, ALERT_RAISED), 0);
	assert_int_equal(count_of(&k, "t0", ALERT_DETRACTOR_SPIKE, ALERT_RESOLVED), 1);
	const struct event *resolved = first_of(&k, ALERT_DETRACTOR_SPIKE, ALERT_RESOLVED);
	assert_true(resolved->incident == first_of(&want, ALERT_DETRACTOR_SPIKE, ALERT_RAISED)->incident);
	assert_true(resolved->number > number);
	assert_int_equal(count_of(&k, "t1", ALERT_SILENCE, ALERT_RAISED), 1);
	watch_destroy(w);

	/* And once more, read anew when all is over: what is open in Kafka's topic is told to be over. */
	w = new_watch(START_MS);
	watch_rebuild_begin(w);
	struct alert_event open = event_of(first_of(&want, ALERT_DETRACTOR_SPIKE, ALERT_RAISED));
	watch_rebuild_known(w, &open);
	for (unsigned i = 0; i < SILENT_FROM; i++)
		apply(w, i);
	watch_rebuild_end(w);
	const struct watch_alert *a = watch_alert_next(w);
	assert_non_null(a);
	assert_int_equal(a->type, ALERT_RESOLVED);
	assert_true(a->incident == open.incident && a->number > open.number);
	assert_null(watch_alert_next(w));
	watch_destroy(w);
	release(&k);
	release(&want);
}

/* Steps from..to without asking for silences; what is told of t1 in all. */
static void without_silence(struct kept *k, unsigned from, unsigned to)
{
	struct watch *w = new_watch(START_MS);
	struct alert_options options = {
		.enabled = true, .ticket_every_ms = 60LL * 86400000, .page_every_ms = 600LL * 86400000};
	newest = 0;
	for (unsigned i = 0; i < RECORDS; i++) {
		options.silence = i < from || i >= to;
		watch_alerts_set(w, &options);
		apply(w, i);
		to_kafka(w);
		checkpoint(w, k, i, false);
	}
	watch_destroy(w);
}

static void silences_may_be_asked_for_anew(void **state)
{
	struct kept before = {0}, during = {0}, begun = {0}, never = {0};
	/* What came while nobody asked did come: asked for again, that time is no silence. */
	without_silence(&before, SILENT_FROM - DAY / 2, SILENT_FROM - DAY / 8);
	assert_int_equal(count_of(&before, "t1", ALERT_SILENCE, ALERT_RAISED), 1);
	assert_int_equal(count_of(&before, "t2", ALERT_SILENCE, ALERT_RAISED), 0);
	assert_true(first_of(&before, ALERT_SILENCE, ALERT_RAISED)->at_ms >= time_of(SILENT_FROM));
	/* Nobody asks while it is silent. */
	without_silence(&during, SILENT_FROM, SILENT_TO);
	assert_null(first_of(&during, ALERT_SILENCE, ALERT_RAISED));
	/* Who was told that it began is told that it is over. */
	never_stopped(&never);
	int64_t raised_ms = first_of(&never, ALERT_SILENCE, ALERT_RAISED)->at_ms;
	without_silence(&begun, (unsigned)((raised_ms - START_MS) / (STEP_S * 1000)) + 2, RECORDS);
	assert_int_equal(count_of(&begun, "t1", ALERT_SILENCE, ALERT_RAISED), 1);
	assert_int_equal(count_of(&begun, "t1", ALERT_SILENCE, ALERT_RESOLVED), 1);
	release(&before);
	release(&during);
	release(&begun);
	release(&never);
}

/* Redis lost the stream: what is open, and what was told of late, goes in front of what is new. Of the rest nobody wants to hear. */
static void what_redis_lost_goes_into_the_stream_again(void **state)
{
	struct kept k = {0};
	unsigned middle = SPIKE_TO - 20;
	struct watch *w = new_watch(START_MS);
	for (unsigned i = 0; i < middle; i++) {
		apply(w, i);
		to_kafka(w);
		checkpoint(w, &k, i, false);
	}
	const struct event *raised = first_of(&k, ALERT_DETRACTOR_SPIKE, ALERT_RAISED);
	struct event before = *raised, other = *raised;
	before.incident++; /* another, that ended long ago */
	before.at_ms -= 2 * 24 * 3600 * 1000LL;
	before.number -= 100;
	snprintf(other.touchpoint, sizeof other.touchpoint, "t9"); /* not known here */
	struct alert_event handed[] = {event_of(&before), event_of(&other), event_of(raised)};
	handed[0].type = ALERT_RESOLVED;
	for (unsigned i = 0; i < 3; i++)
		watch_again(w, &handed[i], STR("{}"));
	watch_again_end(w, raised->at_ms + 1); /* all are older: it is open still */
	assert_int_equal(watch_alerts_waiting(w), 1);
	assert_null(watch_alert_next(w)); /* Kafka has it */
	watch_again(w, &handed[2], STR("{}"));
	watch_again_end(w, raised->at_ms - 1);
	watch_fill_checkpoint(w, time_of(middle), true, batch);
	assert_int_equal(batch->alerts_count, 2);
	assert_true(batch->alerts[0].incident == raised->incident && batch->alerts[0].open);
	assert_true(batch->alerts[0].number == raised->number);
	watch_checkpoint_written(w, batch);
	assert_int_equal(watch_alerts_waiting(w), 0);
	watch_destroy(w);
	release(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spike_and_a_silence_are_told_and_resolved),
		cmocka_unit_test(a_watch_that_is_killed_tells_the_same),
		cmocka_unit_test(nothing_is_saved_before_kafka_has_the_event),
		cmocka_unit_test(a_log_that_is_read_anew_tells_nothing_of_the_past),
		cmocka_unit_test(silences_may_be_asked_for_anew),
		cmocka_unit_test(what_redis_lost_goes_into_the_stream_again),
	};
	return cmocka_run_group_tests_name("watch/alert", tests, write_log, free_log);
}
