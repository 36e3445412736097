/* What detectors are told: nothing that was not so. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "watch/watch.h"
#include "zone/zone.h"

#define START_MS     INT64_C(1767571200000) /* a Monday, 0:00 UTC */
#define STEP_S	     30
#define STEPS_OF_DAY (24 * 3600 / STEP_S)

static struct names *names;
static struct tally *tally;
static struct bundle_writer *writer;
static struct watch_batch *batch;
static struct zone *west;
static uint64_t dice;
static struct watch *watch;
static unsigned at; /* records applied */

static unsigned roll(unsigned sides)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((dice >> 33) % sides);
}

static int begin(void **state)
{
	struct err err = {0};
	tally = tally_create(10000, 100);
	writer = bundle_writer_create(100);
	batch = watch_batch_create();
	names = names_create(100, 100);
	names_intern(names, STR("t0"));
	west = zone_open("America/Los_Angeles", &err);
	return west ? 0 : -1;
}

static int end(void **state)
{
	tally_destroy(tally);
	bundle_writer_destroy(writer);
	watch_batch_destroy(batch);
	names_destroy(names);
	zone_close(west);
	return 0;
}

static bool without_silence;

static struct watch *new_watch(int64_t now_ms)
{
	struct err err = {0};
	struct watch_setup setup = {
		.options = {.refresh_ms = 10000, .checkpoint_ms = 60000, .cpu_max = 1},
		.windows = {.count = 2},
		.touchpoints_max = 500,
		.zone = west,
		.alerts = {.enabled = true,
			   .silence = !without_silence,
			   .promoter_rise = true,
			   .ticket_every_ms = 30LL * 86400000,
			   .page_every_ms = 300LL * 86400000},
	};
	assert_true(window_spec_parse(STR("5m"), &setup.windows.specs[0], &err));
	assert_true(window_spec_parse(STR("1h"), &setup.windows.specs[1], &err));
	return watch_create(&setup, now_ms);
}

static void start(void)
{
	dice = 11;
	at = 0;
	watch = new_watch(START_MS);
}

static int64_t now_ms(void)
{
	return START_MS + (int64_t)at * STEP_S * 1000;
}

static uint32_t now_s(void)
{
	return (uint32_t)(now_ms() / 1000);
}

static bool to_watch(void *context, uint32_t shard, struct str bytes)
{
	watch_advance(watch, now_ms());
	return watch_apply(watch, bytes, now_ms(), at);
}

/* What the tally holds is a record. */
static void apply(void)
{
	struct bundle_head head = {.shards = 1, .clock_ms = now_ms(), .instance = STR("i")};
	assert_true(bundle_write(writer, &head, names, tally, true, to_watch, NULL));
	tally_clear(tally);
	at++;
}

static void answers(enum ledger ledger, unsigned n, unsigned percent, uint8_t good, uint8_t bad)
{
	while (n-- > 0)
		tally_add(tally, 0, ledger, now_s() - roll(STEP_S), roll(100) < percent ? bad : good, 1);
}

/* What was told since; of the last one more. */
static unsigned told(enum alert_type type, enum alert_kind kind, uint64_t *incident)
{
	unsigned n = 0;
	const struct watch_alert *a;
	while ((a = watch_alert_next(watch)) != NULL) {
		bool is = a->type == type && a->kind == kind;
		n += is;
		if (is && incident)
			*incident = a->incident;
	}
	return n;
}

static void two_days(void)
{
	for (unsigned i = 0; i < 2 * STEPS_OF_DAY; i++) {
		answers(LEDGER_SURVEY, 4, 15, 9, 3);
		apply();
	}
	assert_null(watch_alert_next(watch));
}

/* A tool that dates its answers anew whenever they are touched. */
static void an_answer_that_moves_is_no_evidence(void **state)
{
	start();
	two_days();
	for (unsigned i = 0; i < 60; i++) {
		answers(LEDGER_SURVEY, 4, 15, 9, 3);
		for (unsigned moved = 0; moved < 6; moved++) {
			tally_add(tally, 0, LEDGER_SURVEY, now_s() - 20000 - roll(9000), 3, -1);
			tally_add(tally, 0, LEDGER_SURVEY, now_s() - roll(STEP_S), 3, 1);
		}
		apply();
	}
	assert_null(watch_alert_next(watch));
	/* and those that are new are, though others move */
	for (unsigned i = 0; i < 60; i++) {
		answers(LEDGER_SURVEY, 6, 70, 9, 3);
		tally_add(tally, 0, LEDGER_SURVEY, now_s() - 20000 - roll(9000), 9, -1);
		tally_add(tally, 0, LEDGER_SURVEY, now_s() - roll(STEP_S), 9, 1);
		apply();
	}
	assert_true(told(ALERT_RAISED, ALERT_DETRACTOR_SPIKE, NULL) == 1);
	watch_destroy(watch);
}

/* Nor one that becomes a detractor on the way. */
static void an_answer_that_moves_and_turns_is_no_evidence(void **state)
{
	start();
	two_days();
	for (unsigned i = 0; i < 60; i++) {
		for (unsigned moved = 0; moved < 6; moved++) {
			tally_add(tally, 0, LEDGER_SURVEY, now_s() - 20000 - roll(9000), 9, -1);
			tally_add(tally, 0, LEDGER_SURVEY, now_s() - roll(STEP_S), 3, 1);
		}
		apply();
	}
	assert_int_equal(told(ALERT_RAISED, ALERT_DETRACTOR_SPIKE, NULL), 0);
	watch_destroy(watch);
}

/* An import: more seconds than are told apart. What is usual in one ledger is not what is usual in the other. */
static void import_of(enum ledger calm, enum ledger bad)
{
	static const uint8_t good[LEDGERS] = {[LEDGER_SURVEY] = 9, [LEDGER_REVIEW] = 5},
			     poor[LEDGERS] = {[LEDGER_SURVEY] = 3, [LEDGER_REVIEW] = 1};
	start();
	for (unsigned i = 0; i < 3 * STEPS_OF_DAY; i++) {
		answers(calm, 4, 10, good[calm], poor[calm]);
		answers(bad, 4, 70, good[bad], poor[bad]);
		apply();
	}
	while (watch_alert_next(watch)) /* it was bad from the first day on */
		continue;
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned s = 0; s < 80; s++) {
			tally_add(tally, 0, calm, now_s() - s, roll(100) < 10 ? poor[calm] : good[calm], 1);
			tally_add(tally, 0, bad, now_s() - s, roll(100) < 70 ? poor[bad] : good[bad], 1);
		}
		apply();
	}
	assert_null(watch_alert_next(watch));
	watch_destroy(watch);
}

static void ledgers_do_not_mix_in_an_import(void **state)
{
	import_of(LEDGER_SURVEY, LEDGER_REVIEW);
	import_of(LEDGER_REVIEW, LEDGER_SURVEY);
}

/* Without a checkpoint: what Kafka's topic tells comes before the log does, which begins today and not in 1970. */
static void what_is_known_before_the_log_is_cheap(void **state)
{
	start();
	watch_rebuild_begin(watch);
	clock_t began = clock();
	for (unsigned i = 0; i < 200; i++) {
		char name[16];
		snprintf(name, sizeof name, i ? "gone%u" : "t0", i);
		struct alert_event e = {.incident = i + 1,
					.type = ALERT_RAISED,
					.kind = ALERT_DETRACTOR_SPIKE,
					.severity = ALERT_PAGE,
					.touchpoint = str_of(name),
					.at_ms = START_MS - 86400000,
					.raised_ms = START_MS - 86400000,
					.number = START_MS - 86400000};
		watch_rebuild_known(watch, &e);
	}
	assert_int_equal(watch_incidents(watch), 200);
	answers(LEDGER_SURVEY, 4, 10, 9, 3);
	apply();
	watch_rebuild_end(watch);
	assert_int_equal(told(ALERT_RESOLVED, ALERT_DETRACTOR_SPIKE, NULL), 200);
	assert_true((clock() - began) / CLOCKS_PER_SEC < 20);
	watch_alerts_settle(watch);
	watch_fill_checkpoint(watch, now_ms(), true, batch); /* and can be saved */
	struct watch *next = new_watch(now_ms());
	for (unsigned f = 0; f < batch->fields_count; f++)
		assert_true(watch_restore(next, batch->fields[f].touchpoint,
					  (struct str){(const char *)batch->bytes + batch->fields[f].at,
						       batch->fields[f].len}));
	watch_restored(next, batch->low);
	watch_destroy(watch);
	watch = next;
	two_days();
	answers(LEDGER_SURVEY, 40, 100, 9, 3);
	for (unsigned i = 0; i < 20; i++)
		apply();
	assert_int_equal(told(ALERT_RAISED, ALERT_DETRACTOR_SPIKE, NULL), 1);
	watch_destroy(watch);
}

/* The budget of a touchpoint is that of all its detectors together: of spikes, of silence, of promoters. */
static void kinds_share_the_budget(void **state)
{
	const struct watch_alert *a = NULL;
	start();
	two_days();
	for (unsigned i = 0; i < 300 && a == NULL; i++) {
		answers(LEDGER_SURVEY, 1, 60, 9, 3);
		apply();
		a = watch_alert_next(watch);
	}
	assert_non_null(a);
	assert_int_equal(a->severity, ALERT_TICKET);
	const char *evidence = strstr(a->json.at, "\"evidence_days\":");
	assert_non_null(evidence);
	assert_true(strtod(strchr(evidence, ':') + 1, NULL) >= 3 * 30);
	watch_destroy(watch);
}

/* A silence of hours; then a restart, and responses come again. True: it is told that it is over, within so many records. */
static bool silence_over_a_restart(bool asked_for_no_more, unsigned records)
{
	struct kept {
		unsigned char bytes[40000];
		size_t len;
	} *kept = must_array(2, sizeof *kept);
	struct watch_position low = {0};
	uint64_t raised = 0, resolved = 1;
	start();
	for (unsigned i = 0; i < 3 * STEPS_OF_DAY + STEPS_OF_DAY / 4; i++) {
		answers(LEDGER_SURVEY, i < 3 * STEPS_OF_DAY ? 4 : 0, 15, 9, 3);
		apply();
		(void)told(ALERT_RAISED, ALERT_SILENCE, &raised);
		watch_alerts_settle(watch);
		watch_fill(watch, now_ms(), batch);
		watch_fill_checkpoint(watch, now_ms(), false, batch);
		for (unsigned f = 0; f < batch->fields_count; f++) {
			struct kept *to = &kept[batch->fields[f].touchpoint.len == 0];
			to->len = batch->fields[f].len;
			memcpy(to->bytes, batch->bytes + batch->fields[f].at, to->len);
		}
		if (batch->low_known)
			low = batch->low;
	}
	assert_true(raised != 0);
	assert_true(kept[0].len > 0);
	watch_destroy(watch);
	without_silence = asked_for_no_more;
	watch = new_watch(now_ms());
	without_silence = false;
	assert_true(watch_restore(watch, STR("t0"), (struct str){(char *)kept[0].bytes, kept[0].len}));
	assert_true(watch_restore(watch, STR(""), (struct str){(char *)kept[1].bytes, kept[1].len}));
	watch_restored(watch, low);
	assert_int_equal(watch_incidents(watch), 1);
	for (unsigned i = 0; i < records; i++) {
		answers(LEDGER_SURVEY, asked_for_no_more ? 0 : 4, 15, 9, 3);
		apply();
	}
	(void)told(ALERT_RESOLVED, ALERT_SILENCE, &resolved);
	watch_destroy(watch);
	free(kept);
	return resolved == raised;
}

/* Windows of an hour are empty long before a silence ends: what is open stays known. */
static void an_open_incident_outlives_its_windows(void **state)
{
	assert_true(silence_over_a_restart(false, 100));
}

static void what_is_asked_for_no_more_is_over(void **state)
{
	assert_true(silence_over_a_restart(true, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_that_moves_is_no_evidence),
		cmocka_unit_test(an_answer_that_moves_and_turns_is_no_evidence),
		cmocka_unit_test(ledgers_do_not_mix_in_an_import),
		cmocka_unit_test(what_is_known_before_the_log_is_cheap),
		cmocka_unit_test(kinds_share_the_budget),
		cmocka_unit_test(an_open_incident_outlives_its_windows),
		cmocka_unit_test(what_is_asked_for_no_more_is_over),
	};
	return cmocka_run_group_tests_name("watch/judge", tests, begin, end);
}
