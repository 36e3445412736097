#include "alert_test.h"

/* Simulated with pkg/spike, misfit held at 5 %: medians of 500 rises (180 at one a second), 20 baselines
 * learned for 12 to 180 days, random (Poisson) arrivals. INFINITY: most were never told; where about half
 * were is left out. */
static const struct {
	struct alert_rise rise;
	double budget_days, responses;
} simulated[] = {
	{{0.05, 1.5, 24, 0}, 30, 274},
	{{0.05, 1.5, 24, 0}, 40000, INFINITY},
	{{0.05, 1.5, 86400, 0}, 30, 1942},
	{{0.05, 1.5, 86400, 0}, 40000, 3842},
	{{0.05, 2, 24, 0}, 30, 86},
	{{0.05, 2, 24, 0}, 40000, INFINITY},
	{{0.05, 2, 86400, 0}, 30, 518},
	{{0.05, 2, 86400, 0}, 40000, 968},
	{{0.05, 3, 24, 0}, 30, 44},
	{{0.05, 3, 24, 0}, 40000, 204},
	{{0.05, 3, 86400, 0}, 30, 156},
	{{0.05, 3, 86400, 0}, 40000, 271},
	{{0.15, 1.5, 24, 0}, 30, 126},
	{{0.15, 1.5, 24, 0}, 40000, INFINITY},
	{{0.15, 1.5, 24, 0}, 280000, INFINITY},
	{{0.15, 1.5, 240, 0}, 30, 297},
	{{0.15, 1.5, 240, 0}, 40000, INFINITY},
	{{0.15, 1.5, 240, 0}, 280000, INFINITY},
	{{0.15, 1.5, 1440, 0}, 30, 416},
	{{0.15, 1.5, 1440, 0}, 1000, 846},
	{{0.15, 1.5, 1440, 0}, 40000, 1895},
	{{0.15, 1.5, 1440, 0}, 280000, 2387},
	{{0.15, 1.5, 86400, 0}, 30, 750},
	{{0.15, 1.5, 86400, 0}, 1000, 1104},
	{{0.15, 1.5, 86400, 0}, 40000, 1434},
	{{0.15, 1.5, 86400, 0}, 280000, 1548},
	{{0.15, 2, 24, 0}, 30, 47},
	{{0.15, 2, 24, 0}, 1000, 105},
	{{0.15, 2, 24, 0}, 40000, 192},
	{{0.15, 2, 240, 0}, 30, 84},
	{{0.15, 2, 240, 0}, 40000, 236},
	{{0.15, 2, 240, 0}, 280000, 284},
	{{0.15, 2, 1440, 0}, 30, 104},
	{{0.15, 2, 1440, 0}, 1000, 168},
	{{0.15, 2, 1440, 0}, 40000, 247},
	{{0.15, 2, 1440, 0}, 280000, 286},
	{{0.15, 2, 86400, 0}, 30, 185},
	{{0.15, 2, 86400, 0}, 1000, 231},
	{{0.15, 2, 86400, 0}, 40000, 306},
	{{0.15, 2, 86400, 0}, 280000, 339},
	{{0.15, 3, 24, 0}, 30, 17},
	{{0.15, 3, 24, 0}, 1000, 32},
	{{0.15, 3, 24, 0}, 40000, 49},
	{{0.15, 3, 24, 0}, 280000, 61},
	{{0.15, 3, 240, 0}, 30, 29},
	{{0.15, 3, 240, 0}, 40000, 60},
	{{0.15, 3, 240, 0}, 280000, 68},
	{{0.15, 3, 1440, 0}, 30, 35},
	{{0.15, 3, 1440, 0}, 1000, 50},
	{{0.15, 3, 1440, 0}, 40000, 64},
	{{0.15, 3, 1440, 0}, 280000, 77},
	{{0.15, 3, 86400, 0}, 30, 55},
	{{0.15, 3, 86400, 0}, 1000, 68},
	{{0.15, 3, 86400, 0}, 40000, 83},
	{{0.15, 3, 86400, 0}, 280000, 92},
	{{0.3, 1.5, 24, 0}, 30, 60},
	{{0.3, 1.5, 86400, 0}, 30, 297},
	{{0.3, 1.5, 86400, 0}, 40000, 570},
	{{0.3, 2, 24, 0}, 30, 24},
	{{0.3, 2, 24, 0}, 40000, 67},
	{{0.3, 2, 86400, 0}, 30, 76},
	{{0.3, 2, 86400, 0}, 40000, 115},
	{{0.3, 3, 24, 0}, 30, 9},
	{{0.3, 3, 24, 0}, 40000, 18},
	{{0.3, 3, 86400, 0}, 30, 20},
	{{0.3, 3, 86400, 0}, 40000, 29},
};

static void estimates_are_near_what_was_simulated(void **state)
{
	(void)state;
	unsigned failed = 0;
	for (size_t i = 0; i < sizeof simulated / sizeof *simulated; i++) {
		const struct alert_rise *rise = &simulated[i].rise;
		double got = alert_expected_responses(rise, simulated[i].budget_days);
		double factor = rise->times < 2 ? 2 : 1.3, off = got / simulated[i].responses;
		bool near = isinf(simulated[i].responses) ? isinf(got) : off <= factor && off >= 1 / factor;
		if (!near)
			print_error("%g to %g times at %g a day, once in %g days: %g, simulated %g\n",
				    rise->baseline_rate, rise->times, rise->responses_per_day,
				    simulated[i].budget_days, got, simulated[i].responses);
		failed += !near;
	}
	assert_int_equal(failed, 0);
}

static void stricter_is_slower_and_larger_is_faster(void **state)
{
	(void)state;
	double before = 0;
	for (double days = 1; days < 1e6; days *= 10) {
		double got = alert_expected_responses(&(struct alert_rise){0.15, 2, 1440, 0}, days);
		assert_true(got > before);
		before = got;
	}
	for (double times = 2; times < 12; times += 0.5) {
		double got = alert_expected_responses(&(struct alert_rise){0.15, times, 1440, 0}, 1e5);
		assert_true(got <= before);
		before = got;
	}
	assert_true(alert_expected_responses(&(struct alert_rise){0.15, 2, 1440, 0.9}, 30) >
		    2 * alert_expected_responses(&(struct alert_rise){0.15, 2, 1440, 0}, 30));
	assert_true(isinf(alert_expected_responses(&(struct alert_rise){0.15, 2, 1440, 1}, 30)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(estimates_are_near_what_was_simulated),
		cmocka_unit_test(stricter_is_slower_and_larger_is_faster),
	};
	return cmocka_run_group_tests_name("alert/expect", tests, NULL, NULL);
}
