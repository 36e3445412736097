#include "spike/spike_priv.h"

double spike_baseline_level(const struct spike *s)
{
	return (PRIOR + s->s) / (PRIOR + s->e * s->base);
}

double spike_baseline_threshold(const struct spike *s, const struct spike_terms *terms)
{
	return terms->ticket_days * s->boost;
}

void spike_baseline_derive(struct spike *s)
{
	s->q_cap = smaller(s->q * spike_exp(CAP_Z / sqrt(s->c)), RATE_HIGH);
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
		s->p[j] = rate_tilt(s->q, spike_rho[j]);
	if (s->severity)
		s->p_spike = rate_tilt(s->q, s->rho);
}

void spike_baseline_refresh(struct spike *s)
{
	s->q = rate_clip(s->base * s->season * spike_baseline_level(s));
	s->c = 1 / (1 / (PRIOR + s->s) + s->misfit2);
	spike_baseline_derive(s);
}

/* This hour's factors: the touchpoint's own profile, shrunk to the group's. */
static double hour_factor(const struct spike *s, const struct spike_group_day *group)
{
	double k[24] = {0}, e[24] = {0};
	for (unsigned i = 0; i < 5; i++) {
		unsigned at = (s->hour + 22u + i) % 24;
		e[at] = spike_unpack(s->weight[at]);
		k[at] = e[at] * (s->factor[at] / FACTOR_UNIT);
	}
	return spike_season_smooth(k, e, s->hour, (double)group->season[s->hour]);
}

static double week_factor(const struct spike *s, const struct spike_group_day *group)
{
	if (!s->weekend)
		return 1;
	return ((double)s->week_k + SHRINK * (double)group->weekend) / ((double)s->week_e + SHRINK);
}

/* The hour's detractors over what was expected without its factor, for 28 days: a mean and its weight. */
static void learn_profile(struct spike *s, const struct hour_summary *hour)
{
	const double month_of_days = 0.96491594437237, month_of_hours = 0.9985130114266146;
	double weight = spike_unpack(s->weight[hour->hour]) * month_of_days + hour->without_hour;
	double factor = s->factor[hour->hour] / FACTOR_UNIT;
	factor += (hour->k - factor * hour->without_hour) / weight;
	s->weight[hour->hour] = spike_pack(weight);
	s->factor[hour->hour] = (uint16_t)smaller(larger(factor, 0) * FACTOR_UNIT + 0.5, UINT16_MAX);
	if (hour->weekend) {
		s->week_k = (float)((double)s->week_k * month_of_hours + hour->k);
		s->week_e = (float)((double)s->week_e * month_of_hours + hour->without_week);
	}
}

/* How far the hour fell from what was expected, squared, beyond what chance does. */
static double residual(const struct spike *s, const struct hour_summary *hour)
{
	double e = hour->e, miss = hour->k - e, most = 16 * (e + s->misfit2 * e * e);
	return smaller(miss * miss, most) - e * (1 - e / hour->n);
}

/* Hours that end with evidence of a rise are held back: they are a misfit once it has gone away by itself,
 * and none if it was a spike. False: held back. */
static bool learn_misfit(struct spike *s, const struct spike_terms *terms, struct hour_summary *hour)
{
	const double two_months = 0.9993057966262922; /* exp(-1 / (60 * 24)) */
	s->held_residual += (float)residual(s, hour);
	s->held_e2 += (float)(hour->e * hour->e);
	if (spike_evidence_sum(s) >= QUIET * spike_baseline_threshold(s, terms))
		return false;
	hour->residual = (double)s->held_residual;
	hour->expected2 = (double)s->held_e2;
	s->residual = (float)((double)s->residual * two_months + hour->residual);
	s->expected2 = (float)((double)s->expected2 * two_months + hour->expected2);
	s->held_residual = s->held_e2 = 0;
	return true;
}

/* Under the factors that the hour had. */
static void learn_hour(struct spike *s, const struct spike_terms *terms)
{
	if (s->tainted || s->severity || s->hour_n == 0)
		return;
	struct hour_summary hour = {.n = s->hour_n, .k = s->hour_k, .hour = s->hour, .weekend = s->weekend};
	if (PRIOR + s->s >= READY) {
		double e = s->hour_e;
		hour.e = e;
		hour.without_hour = e * (double)s->week / s->season;
		hour.without_week = e / (double)s->week;
		if (!learn_misfit(s, terms, &hour))
			return;
		learn_profile(s, &hour);
	}
	if (!terms->group_fed)
		spike_group_feed(terms->group, &hour);
}

/* Hour by hour, so that one stride and many are the same. */
void spike_fade(struct spike_level level, bool incident, const struct spike_terms *terms, uint32_t hours)
{
	double full = spike_exp(-1 / (24 * MEMORY_DAYS)), slow = spike_exp(-1 / (24 * MEMORY_SLOW));
	double calm = spike_exp(-1 / (24 * terms->ticket_days));
	for (uint32_t i = 0; i < hours && i < 100000; i++) {
		*level.boost = 1 + (*level.boost - 1) * calm;
		if (incident)
			continue;
		double memory = *level.s > MEMORY_FULL ? full : slow;
		*level.s *= memory;
		*level.e *= memory;
	}
}

static void take_group(struct spike *s, const struct spike_group_day *group)
{
	double misfit2 =
		((double)s->residual + MISFIT_WORTH * group->misfit2) / ((double)s->expected2 + MISFIT_WORTH);
	s->misfit2 = smaller(larger(misfit2, group->misfit2 / 4), MISFIT2_MAX);
	s->base = group->base;
}

/* The season is the hour's, so it goes on through an incident; the base rate and the level stand still. */
static void begin_hour(struct spike *s, const struct spike_group_day *group,
		       const struct spike_moment *moment)
{
	s->hours = moment->hours;
	s->hour = moment->hour;
	s->weekend = moment->day != SPIKE_WORKING_DAY;
	s->tainted = s->severity != SPIKE_NONE;
	s->hour_n = s->hour_k = 0;
	s->hour_e = 0;
	if (!s->severity)
		take_group(s, group);
	s->week = (float)factor_clip(week_factor(s, group));
	s->season = factor_clip(hour_factor(s, group)) * (double)s->week;
	spike_baseline_refresh(s);
}

void spike_baseline_roll(struct spike *s, const struct spike_terms *terms, const struct spike_moment *moment)
{
	const struct spike_group_day *group = spike_group_on(terms->group, moment->at_ms);
	learn_hour(s, terms);
	spike_fade((struct spike_level){&s->s, &s->e, &s->boost}, s->severity, terms,
		   moment->hours - s->hours);
	begin_hour(s, group, moment);
}

void spike_init(struct spike *s, const struct spike_terms *terms, const struct spike_moment *moment)
{
	const struct spike_group_day *group = spike_group_on(terms->group, moment->at_ms);
	*s = (struct spike){.last_ms = moment->at_ms, .boost = 1};
	for (unsigned hour = 0; hour < 24; hour++)
		s->factor[hour] = (uint16_t)FACTOR_UNIT;
	spike_evidence_clear(s);
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
		s->since_s[j] = (uint32_t)(moment->at_ms / 1000);
	begin_hour(s, group, moment);
}

void spike_advance(struct spike *s, const struct spike_terms *terms, const struct spike_moment *moment)
{
	if (moment->hours > s->hours)
		spike_baseline_roll(s, terms, moment);
}
