/* Batches against single steps, advances in any stride, and corrections. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "spike/spike.h"
#include "spike/spike_priv.h"

static struct spike_group group;
static struct spike_terms terms;
static uint64_t z;

static double drawn(void)
{
	z = z * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (double)(z >> 11) * 0x1p-53;
}

static struct spike_moment at(int64_t at_ms)
{
	int64_t hours = at_ms / 3600000, day = at_ms / DAY_MS % 7;
	return (struct spike_moment){.at_ms = at_ms,
				     .hours = (uint32_t)hours,
				     .hour = (uint8_t)(hours % 24),
				     .day = day == 5   ? SPIKE_SATURDAY
					    : day == 6 ? SPIKE_SUNDAY
						       : SPIKE_WORKING_DAY};
}

static void begin(struct spike *s, uint64_t seed)
{
	struct spike_moment start = at(0);
	z = seed;
	spike_group_init(&group, 0.15, 0);
	terms = (struct spike_terms){.ticket_days = 30, .page_days = 300, .group = &group};
	spike_init(s, &terms, &start);
}

static bool step(struct spike *s, int64_t at_ms, int64_t n, int64_t k, struct spike_event *event)
{
	struct spike_moment moment = at(at_ms);
	return spike_step(s, &terms, &moment, (struct spike_batch){n, k}, event);
}

/* One response after the other, for some days. */
static int64_t live(struct spike *s, int steps, double rate)
{
	struct spike_event event;
	int64_t now = s->last_ms;
	for (int i = 0; i < steps; i++)
		step(s, now += (int64_t)(drawn() * 120000), 1, drawn() < rate, &event);
	return now;
}

static void near(double value, double expected, double relative)
{
	if (!(fabs(value - expected) <= relative * fabs(expected)))
		fail_msg("%.17g is not %.17g", value, expected);
}

/* Until the page, evidence is not renewed or learned from in between, so nothing but rounding may differ. */
static void a_batch_is_its_responses_in_any_order(void **state)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct spike s, single;
		struct spike_event event;
		begin(&s, seed);
		int64_t now = live(&s, 600, 0.15);
		s.severity = SPIKE_TICKET;
		s.rho = 2;
		s.v = 0;
		s.v_companion = 1;
		s.settled_n = s.settled_k = s.trial_n = s.trial_k = 0;
		s.settled_e = s.trial_e = 0;
		spike_baseline_refresh(&s);
		single = s;
		int64_t n = 1 + (int64_t)(drawn() * 100), k = (int64_t)((double)n * 0.3 * drawn());
		terms.page_days = 1e29;
		step(&s, now + 1000, n, k, &event);
		for (int64_t left = n, hits = k; left > 0; left--) {
			bool hit = drawn() * (double)left < (double)hits;
			hits -= hit;
			single.rho = s.rho;
			single.v = 0;
			single.p_spike = s.p_spike;
			step(&single, now + 1000, 1, hit, &event);
		}
		for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
			near(s.r[j], single.r[j], 1e-11);
		assert_int_equal(s.pending_s, single.pending_s);
		near(s.pending_e, single.pending_e, 1e-12);
		assert_int_equal(s.hour_n, single.hour_n);
	}
}

/* The ratio's mean, over the Beta-binomial of the predictive null, is 1. */
static void the_ratio_of_a_batch_has_mean_1(void **state)
{
	for (unsigned n = 1; n <= 32; n++) {
		struct spike before, s;
		struct spike_event event;
		double mean[SPIKE_ALTERNATIVES] = {0};
		begin(&before, n);
		live(&before, 500 + 40 * (int)n, 0.12);
		before.r[0] = before.r[1] = before.r[2] = before.r[3] = 1e-60; /* far from an alert */
		double a = before.c + before.pending_s;
		double b = (before.c + before.pending_e) / before.q - a;
		for (unsigned k = 0; k <= n; k++) {
			s = before;
			step(&s, s.last_ms, n, k, &event);
			double p = exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) +
				       lgamma(a + k) + lgamma(b + n - k) - lgamma(a + b + n) - lgamma(a) -
				       lgamma(b) + lgamma(a + b));
			for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
				mean[j] += p * s.r[j] / 1e-60;
		}
		for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
			near(mean[j], 1, 1e-9);
	}
}

static void a_batch_of_millions_is_judged(void **state)
{
	static const struct {
		double rate;
		bool raises;
	} rows[] = {{0.0, false}, {0.1, false}, {0.15, false}, {0.3, true}, {1.0, true}};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct spike s;
		struct spike_event event;
		begin(&s, 5);
		int64_t now = live(&s, 4000, 0.15), n = 3000000;
		assert_int_equal(s.severity, SPIKE_NONE);
		bool raised = step(&s, now + 1000, n, (int64_t)((double)n * rows[i].rate), &event);
		assert_int_equal(raised, rows[i].raises);
		for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
			assert_true(isfinite(s.r[j]) && s.r[j] >= 0);
		if (raised) {
			assert_int_equal(event.severity, SPIKE_PAGE);
			near(event.rate, rows[i].rate, 0.01);
			for (int m = 0; m < 3000 && s.severity; m++)
				step(&s, now += 60000, 1000, 150, &event);
			assert_int_equal(s.severity, SPIKE_NONE);
		}
		assert_true(isfinite(s.s) && isfinite(s.e) && isfinite(s.q));
	}
}

static void strides_change_nothing(void **state)
{
	struct spike often, seldom;
	struct spike_event a, b;
	begin(&often, 3);
	terms.group_fed = true;
	seldom = often;
	int64_t now = 0, events = 0;
	for (int i = 0; i < 40000; i++) {
		int64_t next = now + (int64_t)(drawn() * (drawn() < 0.01 ? 4e7 : 300000));
		for (; drawn() < 0.3; now += (int64_t)((double)(next - now) * drawn())) {
			struct spike_moment moment = at(now);
			spike_advance(&often, &terms, &moment);
		}
		now = next;
		int64_t n = 1 + (int64_t)(drawn() * 3), k = 0;
		for (int64_t m = 0; m < n; m++)
			k += drawn() < (i % 10000 > 8000 ? 0.4 : 0.15);
		bool happened = step(&often, now, n, k, &a);
		assert_int_equal(step(&seldom, now, n, k, &b), happened);
		if (happened)
			assert_memory_equal(&a, &b, sizeof a);
		events += happened;
		assert_memory_equal(&often, &seldom, sizeof often);
	}
	assert_true(events > 4);
}

static void a_sum_is_parted_into_new_ones_and_corrections(void **state)
{
	static const struct {
		struct spike_batch sum, fresh, correction;
	} rows[] = {
		{{3, 1}, {3, 1}, {0, 0}},   {{0, 1}, {0, 0}, {0, 1}},	{{0, -1}, {0, 0}, {0, -1}},
		{{-1, 0}, {0, 0}, {-1, 0}}, {{-1, 1}, {0, 0}, {-1, 1}}, {{1, 2}, {1, 1}, {0, 1}},
		{{2, -1}, {2, 0}, {0, -1}}, {{0, 0}, {0, 0}, {0, 0}},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct spike_batch fresh, correction;
		spike_part(rows[i].sum, &fresh, &correction);
		assert_memory_equal(&fresh, &rows[i].fresh, sizeof fresh);
		assert_memory_equal(&correction, &rows[i].correction, sizeof correction);
	}
}

static void check_counts(const struct spike *s)
{
	assert_true(s->pending_e >= 0 && s->hour_e >= 0);
	if (s->severity) {
		assert_true(s->settled_k <= s->settled_n && s->trial_k <= s->trial_n);
		assert_true(s->raised_k <= s->raised_n && s->raised_n <= s->settled_n + s->trial_n);
		return;
	}
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
		assert_true(s->k[j] <= s->n[j] && s->w[j] >= 1);
}

static void no_correction_ever_raises_evidence(void **state)
{
	unsigned incidents = 0, lowered = 0;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct spike s, before;
		struct spike_event event;
		begin(&s, seed * 77);
		int64_t now = live(&s, 1500, 0.15);
		for (int i = 0; i < 4000; i++) {
			incidents +=
				step(&s, now += 30000, 1, drawn() < (i % 2000 > 1000 ? 0.35 : 0.15), &event);
			if (drawn() < 0.5)
				continue;
			before = s;
			struct spike_batch change = {-(int64_t)(drawn() * 3), (int64_t)(drawn() * 7) - 3};
			spike_correct(&s, now - (int64_t)(drawn() * drawn() * 4e7), change);
			for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++) {
				assert_true(s.r[j] <= before.r[j]);
				assert_true(s.severity || s.w[j] <= before.w[j]);
				lowered += s.r[j] < before.r[j];
			}
			assert_int_equal(s.severity, before.severity);
			assert_true(s.s == before.s && s.e == before.e);
			if (s.severity)
				assert_true(s.v == before.v);
			check_counts(&s);
		}
	}
	assert_true(incidents > 40 && lowered > 1000);
}

static void an_edit_takes_its_evidence_back(void **state)
{
	struct spike s;
	struct spike_event event;
	begin(&s, 9);
	int64_t now = live(&s, 3000, 0.15);
	while (s.n[0]) /* nothing is pending */
		now = live(&s, 1, 0);
	struct spike with = s, without = s;
	for (int i = 0; i < 6; i++) {
		step(&with, now + 60000 + i, 1, 1, &event);
		step(&without, now + 60000 + i, 1, 0, &event);
	}
	for (int i = 0; i < 6; i++)
		spike_correct(&with, now + 60000 + i, (struct spike_batch){0, -1});
	assert_int_equal(with.pending_s, 0);
	assert_true(spike_evidence_sum(&with) <= spike_evidence_sum(&without) * 1.5);
	spike_correct(&with, now - 86400000, (struct spike_batch){-1, -1}); /* long learned */
	assert_int_equal(with.pending_s, 0);
}

static void during_an_incident_the_counts_since_onset_are_mended(void **state)
{
	struct spike s;
	struct spike_event event;
	struct spike_reading was, now_reads;
	begin(&s, 21);
	int64_t now = live(&s, 3000, 0.15);
	for (int i = 0; i < 300 && !s.severity; i++)
		step(&s, now += 60000, 1, i % 2, &event);
	assert_int_equal(s.severity, SPIKE_TICKET);
	step(&s, now += 60000, 1, 1, &event);
	step(&s, now += 60000, 1, 1, &event);
	spike_read(&s, &was);
	assert_int_equal(was.since_raised.n, 2);
	spike_correct(&s, now, (struct spike_batch){0, -1});
	spike_correct(&s, was.onset_ms + 1000, (struct spike_batch){-1, -1});
	spike_read(&s, &now_reads);
	assert_int_equal(now_reads.since_onset.n, was.since_onset.n - 1);
	assert_int_equal(now_reads.since_onset.k, was.since_onset.k - 2);
	assert_int_equal(now_reads.since_raised.n, 2);
	assert_int_equal(now_reads.since_raised.k, 1);
	spike_correct(&s, was.onset_ms - 1000, (struct spike_batch){-1, -1}); /* of before */
	spike_read(&s, &was);
	assert_memory_equal(&was.since_onset, &now_reads.since_onset, sizeof was.since_onset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_its_responses_in_any_order),
		cmocka_unit_test(the_ratio_of_a_batch_has_mean_1),
		cmocka_unit_test(a_batch_of_millions_is_judged),
		cmocka_unit_test(strides_change_nothing),
		cmocka_unit_test(a_sum_is_parted_into_new_ones_and_corrections),
		cmocka_unit_test(no_correction_ever_raises_evidence),
		cmocka_unit_test(an_edit_takes_its_evidence_back),
		cmocka_unit_test(during_an_incident_the_counts_since_onset_are_mended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
