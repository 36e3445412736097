/*
 * expect - how many responses it takes until a rise is told: the detector's own recursion (spike.h) along
 * the mean path.
 *
 * After n responses of a rise from q to p, n p detractors were seen and n q expected. With these in place of
 * chance, each alternative "odds times {1.4, 2.2, 4, 12}" gains per response
 *
 *   p log(P_j / q0) + (1 - p) log((1 - P_j) / (1 - q0)),   q0 = min(q (C + n p) / (C + n q), q exp(2.5 / sqrt C))
 *
 * where q0 creeps up as the detector wonders whether the baseline is what it had learned, the more so the
 * less that is (C detractors' worth; its memory fades while the rise lasts). To first order that is log(A x
 * responses a day) / KL(p, q), the delay of a Shiryaev-Roberts test (Pollak & Tartakovsky, arXiv 0710.5935);
 * a closed form misses the mixture, q0 and the fading, which are a third of the whole at one response an
 * hour.
 *
 * Chance helps: the sum begins anew at every response, and the luckiest start counts. HEAD_START is what
 * that is worth, fitted to simulations of the real detector (tests/unit/alert/expect_test.c: medians; rates
 * .05 .15 .3, times 1.5 2 3, one an hour to one a second, budgets of 30 to 280,000 days). Against those,
 * twice and three times are within 30 %, most within 6 %; 1.5 times mostly within 20 %, at worst half or
 * double. Where 40 to 60 % of the simulated rises were never told, it may say a number or never.
 */
#include "alert/alert.h"

#include <math.h>

#define ALTERNATIVES  4
#define HEAD_START    1.5
#define RESPONSES_MAX 20000 /* what takes longer is not told: the baseline's memory is shorter */

/* As spike.h has them. */
#define MISFIT	       0.05 /* of the baseline, relative: what a detector begins with */
#define MEMORY	       7.0 /* days, once LONG_UNTIL detractors are known */
#define MEMORY_LONG    60.0
#define LONG_UNTIL     300.0
#define PRIOR	       4.0
#define QUIET_SHARE    500 /* of the budget: what one response adds in evidence at most */
#define ABSORBED_AFTER 3 /* times C detractors pending */

struct path {
	double q, p, per_day;
	double rates[ALTERNATIVES]; /* P_j */
	double known; /* detractors in the baseline's memory */
	double evidence[ALTERNATIVES]; /* R_j */
	double worth; /* C */
};

static void begin(struct path *path, const struct alert_rise *rise)
{
	static const double odds[ALTERNATIVES] = {1.4, 2.2, 4, 12};
	double q = rise->baseline_rate;
	*path = (struct path){.q = q, .p = fmin(q * rise->times, 0.98), .per_day = rise->responses_per_day};
	for (int j = 0; j < ALTERNATIVES; j++)
		path->rates[j] = fmin(odds[j] * q / (1 + q * (odds[j] - 1)), 0.98);
	path->known = q * path->per_day * MEMORY_LONG;
	if (path->known > LONG_UNTIL)
		path->known = fmax(LONG_UNTIL, q * path->per_day * MEMORY);
}

/* The sum of evidence behind the n-th response. */
static double go_on(struct path *path, double n, double budget_days)
{
	double days = 1 / path->per_day, sum = 0;
	path->known *= exp(-days / (path->known > LONG_UNTIL ? MEMORY : MEMORY_LONG));
	path->worth = 1 / (1 / (PRIOR + path->known) + MISFIT * MISFIT);
	double seen = (path->worth + (n - 1) * path->p) / (path->worth + (n - 1) * path->q);
	double q0 = fmin(path->q * fmin(seen, exp(2.5 / sqrt(path->worth))), 0.95);
	for (int j = 0; j < ALTERNATIVES; j++) {
		double gain = path->p * log(path->rates[j] / q0) +
			      (1 - path->p) * log((1 - path->rates[j]) / (1 - q0));
		double added = fmin(days, budget_days / QUIET_SHARE) / ALTERNATIVES;
		path->evidence[j] = (path->evidence[j] + added) * exp(gain);
		sum += path->evidence[j];
	}
	return sum;
}

/* Is the rise large enough to matter? The detector wants two standard errors; at one, half of the rises have that. */
static bool matters(const struct path *path, double n, double rise_min)
{
	double least = path->q * (1 + fmax(rise_min, 3 * MISFIT));
	return n * (path->p - least) >= sqrt(n * least * fmax(1 - least, 0));
}

double alert_expected_responses(const struct alert_rise *rise, double budget_days)
{
	struct path path;
	begin(&path, rise);
	for (int n = 1; n <= RESPONSES_MAX; n++) {
		double sum = go_on(&path, n, budget_days);
		if (sum >= budget_days * exp(-HEAD_START) && matters(&path, n, rise->rise_min))
			return n;
		if (n * path.p > ABSORBED_AFTER * path.worth + 1)
			break;
	}
	return INFINITY;
}
