#include "spike/spike_priv.h"

#include <string.h>

#define GROUP_WORTH 100.0 /* responses that the rate so far is worth */
#define HOUR_MOST                                                                                            \
	60.0 /* responses: a member's hour weighs no more in the rate, so that no one member is the group */
#define GROUP_LEAST 1e-4 /* misfit 1 % */

void spike_group_init(struct spike_group *g, double base, int64_t at_ms)
{
	struct spike_group_day first = {.base = rate_clip(base), .misfit2 = MISFIT2, .weekend = 1};
	*g = (struct spike_group){.day = at_ms / DAY_MS};
	for (unsigned hour = 0; hour < 24; hour++)
		first.season[hour] = 1;
	for (unsigned i = 0; i < SPIKE_GROUP_DAYS; i++)
		g->days[i] = first;
}

/* An hour and its neighbours 1-2-3-2-1, shrunk. */
double spike_season_smooth(const double *k, const double *e, unsigned hour, double towards)
{
	static const double kernel[] = {1.0 / 9, 2.0 / 9, 3.0 / 9, 2.0 / 9, 1.0 / 9};
	double sum_k = SHRINK * towards, sum_e = SHRINK;
	for (unsigned i = 0; i < 5; i++) {
		unsigned at = (hour + 22 + i) % 24;
		sum_k += kernel[i] * k[at];
		sum_e += kernel[i] * e[at];
	}
	return sum_k / sum_e;
}

static void fade(struct spike_group *g)
{
	const double month = 0.96491594437237, two_months = 0.9834714538216175; /* exp(-1/28), exp(-1/60) */
	g->n *= month;
	g->k *= month;
	for (unsigned hour = 0; hour < 24; hour++) {
		g->hour_k[hour] *= month;
		g->hour_e[hour] *= month;
	}
	g->week_k *= month;
	g->week_e *= month;
	g->residual *= two_months;
	g->expected2 *= two_months;
}

static void freeze(struct spike_group *g)
{
	const struct spike_group_day *was = &g->days[g->day % SPIKE_GROUP_DAYS];
	struct spike_group_day now = {0};
	now.base = rate_clip((g->k + GROUP_WORTH * was->base) / (g->n + GROUP_WORTH));
	now.misfit2 = (g->residual + MISFIT_WORTH * MISFIT2) / (g->expected2 + MISFIT_WORTH);
	now.misfit2 = smaller(larger(now.misfit2, GROUP_LEAST), MISFIT2_MAX);
	for (unsigned hour = 0; hour < 24; hour++)
		now.season[hour] = (float)factor_clip(spike_season_smooth(g->hour_k, g->hour_e, hour, 1));
	now.weekend = (float)factor_clip((g->week_k + SHRINK) / (g->week_e + SHRINK));
	g->day++;
	g->days[g->day % SPIKE_GROUP_DAYS] = now;
	fade(g);
}

const struct spike_group_day *spike_group_on(struct spike_group *g, int64_t at_ms)
{
	int64_t day = at_ms / DAY_MS;
	if (day - g->day > 400) /* all is forgotten by then */
		g->day = day - 400;
	while (g->day < day)
		freeze(g);
	if (day <= g->day - SPIKE_GROUP_DAYS)
		day = g->day - SPIKE_GROUP_DAYS + 1;
	return &g->days[day % SPIKE_GROUP_DAYS];
}

void spike_group_feed(struct spike_group *g, const struct hour_summary *hour)
{
	double share = hour->n > HOUR_MOST ? HOUR_MOST / hour->n : 1;
	g->n += share * hour->n;
	g->k += share * hour->k;
	if (!(hour->e > 0)) /* the member does not know itself yet */
		return;
	g->hour_k[hour->hour] += hour->k;
	g->hour_e[hour->hour] += hour->without_hour;
	if (hour->weekend) {
		g->week_k += hour->k;
		g->week_e += hour->without_week;
	}
	g->residual += hour->residual;
	g->expected2 += hour->expected2;
}
