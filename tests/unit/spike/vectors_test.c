/* The study's test vectors, and the detector against a port of its own (tests/support/spike_reference.py). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "spike/spike.h"
#include "spike/spike_priv.h"

#define MINUTE_MS 60000
#define DIGITS	  5e-12 /* the vectors have 12 */

static struct spike_group group;
static struct spike_terms terms;

static void begin(struct spike *s, double days)
{
	struct spike_moment start = {0};
	spike_group_init(&group, 0.15, 0);
	terms = (struct spike_terms){.ticket_days = days, .page_days = days, .group = &group};
	spike_init(s, &terms, &start);
}

static void near(double value, double expected, double relative)
{
	if (!(fabs(value - expected) <= relative * fabs(expected)))
		fail_msg("%.15g is not %.15g", value, expected);
}

/* The vectors are of the detector without season and with a fixed misfit: it must not learn from hours. */
static bool step(struct spike *s, int64_t at_ms, int64_t hours, bool x, struct spike_event *event)
{
	struct spike_moment moment = {.at_ms = at_ms, .hours = (uint32_t)hours};
	s->tainted = 1;
	return spike_step(s, &terms, &moment, (struct spike_batch){1, x}, event);
}

static const bool twelve[12] = {1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 1};

/* A rate that is known (C without bound) and a day between responses. */
static void the_sums_alone(void **state)
{
	static const double r[6][4] = {
		{0.330188679245, 0.466101694915, 0.689655172414, 1.1320754717},
		{0.766286934852, 1.33510485493, 2.59215219976, 6.25845496618},
		{0.958761259295, 1.34330919909, 1.96010496535, 2.45602074195},
		{1.59647713492, 2.97057647288, 6.09684128373, 12.2536788315},
		{1.74195956124, 2.72930209566, 4.37713191982, 4.71836937037},
		{1.87920713325, 2.52483228446, 3.19112546194, 1.87485636618},
	};
	static const double later[6] = {27.1003274754, 85.7357514451, 303.384072961,
					150.860601205, 532.030400888, 2049.47624151};
	struct spike s;
	struct spike_event event;
	begin(&s, 1e9);
	s.c = 1e30;
	for (int i = 0; i < 12; i++) {
		assert_false(step(&s, (i + 1) * (int64_t)DAY_MS, 0, twelve[i], &event));
		for (unsigned j = 0; j < 4 && i < 6; j++)
			near(s.r[j], r[i][j], DIGITS);
		if (i >= 6)
			near(spike_evidence_sum(&s), later[i - 6], DIGITS);
	}
}

static void the_whole_step(void **state)
{
	static const double sum[12] = {.00181807015158, .00738191602984, .00459165370797, .0148680750333,
				       .00897354935802, .00638407027857, .0170434991309,  .049021567701,
				       .153544641518,	.0787931385591,	 .240887378766,	  .785159609517};
	static const double companion[12] = {1.32075471698, 1.693099728,   1.61443448121, 2.02176190508,
					     1.93608708321, 1.85215998557, 2.28003663116, 2.73294918299,
					     3.19273476659, 3.09893155023, 3.54973116661, 3.96977056597};
	struct spike s;
	struct spike_event event;
	begin(&s, 30);
	s.s = 26;
	s.e = 26 / 0.15;
	spike_baseline_refresh(&s);
	near(s.q, 0.15, 1e-12);
	near(s.c, 27.9069767442, DIGITS);
	near(s.q_cap / s.q, 1.60519037323, DIGITS);
	for (int i = 0; i < 12; i++) {
		assert_false(step(&s, (i + 1) * MINUTE_MS, 0, twelve[i], &event));
		near(spike_evidence_sum(&s), sum[i], DIGITS);
		near(s.w[0], companion[i], DIGITS);
	}
	assert_int_equal(s.pending_s, 8);
	near(s.pending_e, 1.8, 1e-12);
	near(s.s, 26, 1e-15);
}

static bool drawn(uint64_t *z, double p)
{
	*z = *z * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (double)(*z >> 11) * 0x1p-53 < p;
}

static void check_at(const struct spike *s, int n)
{
	static const double rows[3][5] = {
		{0.0543529222899, 126.310758827, 130.583781376, 0.145237513943, 98.2901113418},
		{0.0276379878393, 298.005010693, 297.731116504, 0.149937615213, 170.775284491},
		{0.283157700304, 392.394948646, 403.756704126, 0.145820391658, 199.094657403},
	};
	if (n % 1000 || n > 3000)
		return;
	const double *row = rows[n / 1000 - 1];
	near(spike_evidence_sum(s), row[0], DIGITS);
	near(s->s, row[1], DIGITS);
	near(s->e * s->base, row[2], DIGITS);
	near(s->q, row[3], DIGITS);
	near(s->c, row[4], DIGITS);
}

static void a_stream_from_a_cold_start_to_its_resolve(void **state)
{
	struct spike s;
	struct spike_event event;
	uint64_t z = 42;
	int raised = 0, resolved = 0;
	begin(&s, 30);
	for (int n = 1; n <= 20000 && !resolved; n++) {
		double p = n <= 3000 ? 0.15 : raised == 0 || n <= raised + 400 ? 0.30 : 0.15;
		bool x = drawn(&z, p);
		int64_t hours = (int64_t)floor(n / 1440.0 * 24);
		if (step(&s, n * (int64_t)MINUTE_MS, hours, x, &event)) {
			if (event.kind == SPIKE_RAISED) {
				raised = n;
				near(event.evidence_days, 42.8737571126, DIGITS);
				near(event.rho, 4, 0);
				assert_int_equal(event.since_onset.n, 57);
				assert_int_equal(event.since_onset.k, 22);
				assert_int_equal(event.onset_ms, 2967 * MINUTE_MS);
				assert_int_equal(event.severity, SPIKE_PAGE);
				near(s.rho, 1.46613743282, DIGITS);
				near(s.p_spike, 0.200185647199, DIGITS);
			} else {
				assert_int_equal(event.kind, SPIKE_RESOLVED);
				near(event.evidence_days, 1.04003667692, DIGITS);
				resolved = n;
			}
		}
		check_at(&s, n);
	}
	assert_int_equal(raised, 3024);
	assert_int_equal(resolved, 3679);
}

static void against_the_port(const char *arguments, int *raised)
{
	char command[200];
	snprintf(command, sizeof command, "python3 tests/support/spike_reference.py %s", arguments);
	FILE *port = popen(command, "r");
	assert_non_null(port);
	struct spike s;
	struct spike_event event;
	long long at_ms;
	int x, what, steps = 0;
	double sum, s_learned, e_learned, q;
	begin(&s, 30);
	while (fscanf(port, "%lld %d %lf %lf %lf %lf %d", &at_ms, &x, &sum, &s_learned, &e_learned, &q,
		      &what) == 7) {
		bool incident = s.severity != SPIKE_NONE;
		bool happened = step(&s, at_ms, at_ms / 3600000, x, &event);
		assert_int_equal(what, !happened ? 0 : event.kind == SPIKE_RAISED ? 1 : 2);
		double mine = happened ? event.evidence_days : incident ? s.v : spike_evidence_sum(&s);
		near(mine, sum, 1e-9);
		near(s.s, s_learned, 1e-9);
		near(s.e * s.base, e_learned, 1e-9);
		near(s.q, q, 1e-9);
		*raised += what == 1;
		steps++;
	}
	assert_int_equal(pclose(port), 0);
	assert_true(steps >= 20000);
}

static void as_the_port_computes_it(void **state)
{
	int raised = 0;
	against_the_port("7 20000 .15 .30 4000", &raised);
	against_the_port("11 20000 .05 .12 6000", &raised);
	against_the_port("13 20000 .40 .40 6000", &raised);
	against_the_port("17 20000 .30 .60 2000", &raised);
	against_the_port("19 20000 .02 .02 6000", &raised);
	assert_true(raised > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sums_alone),
		cmocka_unit_test(the_whole_step),
		cmocka_unit_test(a_stream_from_a_cold_start_to_its_resolve),
		cmocka_unit_test(as_the_port_computes_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
