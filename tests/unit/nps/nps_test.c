#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "nps/nps.h"

static void near(double got, double want, double within, const char *what, unsigned row)
{
	if (!(fabs(got - want) <= within))
		fail_msg("row %u: %s is %.6f, wanted %.6f", row, what, got, want);
}

static struct nps_counts of(int64_t p, int64_t d, int64_t n)
{
	return (struct nps_counts){.p = p, .q = n - p - d, .d = d};
}

static void published_vectors_of_score_and_interval(void **state)
{
	static const struct {
		int64_t p, d, n;
		double nps, low, high;
	} rows[] = {
		{5, 3, 10, 20, -30.326, 61.095},   {18, 2, 31, 51.613, 25.512, 68.605},
		{50, 20, 100, 30, 14.051, 44.201}, {400, 200, 1000, 20, 15.309, 24.571},
		{10, 0, 10, 100, 47.504, 100}, /* the plain Wald interval has no width here */
		{0, 0, 5, 0, -30.006, 30.006},	   {1, 0, 1, 100, -48.499, 98.499},
		{0, 10, 10, -100, -100, -47.504},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct nps_counts c = of(rows[i].p, rows[i].d, rows[i].n);
		struct nps_interval interval;
		double nps;
		assert_true(nps_score(c, &nps));
		assert_true(nps_interval(c, &interval));
		near(nps, rows[i].nps, 0.0005, "nps", i);
		near(interval.low, rows[i].low, 0.0005, "low", i);
		near(interval.high, rows[i].high, 0.0005, "high", i);
	}
}

static void thirty_down_to_eight_on_a_hundred_each_is_not_significant(void **state)
{
	double p;
	assert_true(nps_change_p(of(50, 20, 100), of(38, 30, 100), &p));
	near(p, 0.0552, 0.00005, "p", 0);
	assert_true(nps_change_p(of(38, 30, 100), of(50, 20, 100), &p));
	near(p, 0.0552, 0.00005, "p the other way round", 0);
	assert_true(nps_change_p(of(50, 20, 100), of(50, 20, 100), &p));
	near(p, 1, 0, "p of no difference", 0);
	assert_true(nps_change_p(of(500, 200, 1000), of(380, 300, 1000), &p));
	assert_true(p < 1e-6);
}

static void published_vectors_of_the_wilson_interval(void **state)
{
	static const struct {
		int64_t k, n;
		double low, high;
	} rows[] = {
		{4, 4, 0.5101, 1},	   {3, 10, 0.1078, 0.6032}, {10, 20, 0.2993, 0.7007},
		{30, 100, 0.2189, 0.3958}, {0, 4, 0, 0.4899},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct nps_interval rate;
		assert_true(nps_rate_interval(rows[i].k, rows[i].n, 1.959963984540054, &rate));
		near(rate.low, rows[i].low, 0.00005, "low", i);
		near(rate.high, rows[i].high, 0.00005, "high", i);
	}
}

static void no_responses_is_no_value(void **state)
{
	double value;
	struct nps_interval interval;
	struct nps_counts none = {0}, some = {.p = 1};
	assert_false(nps_score(none, &value));
	assert_false(nps_detractor_rate(none, &value));
	assert_false(nps_interval(none, &interval));
	assert_false(nps_change_p(none, some, &value));
	assert_false(nps_change_p(some, none, &value));
	assert_false(nps_rate_interval(0, 0, 1.96, &interval));
}

static void each_bin_counts_in_its_ledgers_class(void **state)
{
	static const struct {
		enum ledger ledger;
		const char *classes; /* of bins 0..10 */
	} rows[] = {
		{LEDGER_SURVEY, "dddddddqqpp"},
		{LEDGER_RELATIONSHIP, "dddddddqqpp"},
		{LEDGER_SOCIAL, "dqp-"}, /* an unread post is none of the three */
		{LEDGER_REVIEW, "-ddqpp"}, /* 1-2 stars, 3, 4-5 */
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (unsigned bin = 0; rows[i].classes[bin]; bin++) {
			int64_t bins[BINS] = {0};
			bins[bin] = 7;
			struct nps_counts c = nps_of_bins(rows[i].ledger, bins);
			char class = rows[i].classes[bin];
			assert_int_equal(c.p, class == 'p' ? 7 : 0);
			assert_int_equal(c.q, class == 'q' ? 7 : 0);
			assert_int_equal(c.d, class == 'd' ? 7 : 0);
		}
}

static void the_detractor_rate_is_a_share(void **state)
{
	double rate;
	assert_true(nps_detractor_rate(of(50, 20, 100), &rate));
	assert_true(rate == 0.2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_of_score_and_interval),
		cmocka_unit_test(thirty_down_to_eight_on_a_hundred_each_is_not_significant),
		cmocka_unit_test(published_vectors_of_the_wilson_interval),
		cmocka_unit_test(no_responses_is_no_value),
		cmocka_unit_test(each_bin_counts_in_its_ledgers_class),
		cmocka_unit_test(the_detractor_rate_is_a_share),
	};
	return cmocka_run_group_tests_name("nps/nps", tests, NULL, NULL);
}
