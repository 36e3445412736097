#include "spike/spike_priv.h"

#include <string.h>

#define ARMED_SEEN 2
#define ARMED_GAPS 20.0
#define CLUMP	   1.5 /* of a touchpoint whose gaps are not known yet, worth 20 arrivals of gaps */
#define GAPS_MOST  500.0 /* then older gaps count half */
#define GAP_MOST   30.0 /* clumps: a longer gap is no gap */

unsigned spike_silence_seen(const struct spike_silence *s)
{
	return s->seen[s->day] / 24;
}

double spike_silence_profile(const struct spike_silence *s)
{
	return 24 * spike_unpack(s->profile[s->day][s->hour]);
}

double spike_silence_level(const struct spike_silence *s)
{
	return (PRIOR + s->s) / (PRIOR + s->e);
}

double spike_silence_clump(const struct spike_silence *s)
{
	double square = (double)s->gap_square / 2 + CLUMP * ARMED_GAPS;
	return larger(square / ((double)s->gap_sum + ARMED_GAPS), 1);
}

bool spike_silence_armed(const struct spike_silence *s)
{
	return spike_silence_seen(s) >= ARMED_SEEN && (double)s->gap_sum >= ARMED_GAPS;
}

void spike_silence_refresh(struct spike_silence *s)
{
	double worth = (double)s->misfit_e2 + SILENCE_WORTH;
	double misfit2 = ((double)s->misfit_residual + SILENCE_WORTH * SILENCE_MISFIT2) / worth;
	s->rate = spike_silence_profile(s) * spike_silence_level(s);
	s->c = 1 / (1 / (PRIOR + s->s) + SILENCE_LEVEL2 * (1 + 1.0 / (spike_silence_seen(s) + 1)));
	s->hour_c = 1 / larger(misfit2, SILENCE_MISFIT2 / 16);
}

/* Arrivals within a step are taken as spread over it: a step is no clump. */
void spike_silence_gap(struct spike_silence *s, double expected, double arrivals)
{
	double each = expected / (arrivals + 1);
	if (arrivals == 0) {
		s->gap += expected;
		return;
	}
	double gap = smaller(s->gap + each, GAP_MOST * spike_silence_clump(s));
	s->gap = each;
	s->gap_sum += (float)(gap + (arrivals - 1) * each);
	s->gap_square += (float)(gap * gap + (arrivals - 1) * each * each);
	if ((double)s->gap_sum > GAPS_MOST) {
		s->gap_sum /= 2;
		s->gap_square /= 2;
	}
}

/* A mean over four weeks of this kind of day. */
static void learn_hour(struct spike_silence *s)
{
	const double two_months = 0.9993057966262922; /* exp(-1 / (60 * 24)) */
	unsigned most = s->day == SPIKE_WORKING_DAY ? 20 : 4, seen = spike_silence_seen(s);
	uint16_t *mean = &s->profile[s->day][s->hour];
	double was = spike_unpack(*mean);
	if (seen >= ARMED_SEEN) {
		double miss = (double)s->hour_n - s->hour_e, e2 = s->hour_e * s->hour_e;
		double residual = miss * miss - spike_silence_clump(s) * s->hour_e;
		s->misfit_residual = (float)((double)s->misfit_residual * two_months + residual);
		s->misfit_e2 = (float)((double)s->misfit_e2 * two_months + e2);
	}
	*mean = spike_pack(was + (s->hour_n - was) / ((seen < most ? seen : most - 1) + 1));
	if (s->seen[s->day] < 24 * 1000)
		s->seen[s->day]++;
}

void spike_silence_roll(struct spike_silence *s, const struct spike_terms *terms,
			const struct spike_moment *moment)
{
	uint32_t hours = moment->hours - s->hours;
	if (!s->tainted && !s->severity && hours == 1)
		learn_hour(s);
	spike_fade((struct spike_level){&s->s, &s->e, &s->boost}, s->severity, terms, hours);
	s->hours = moment->hours;
	s->hour = moment->hour;
	s->day = (uint8_t)moment->day;
	s->tainted = s->severity != SPIKE_NONE;
	s->hour_n = 0;
	s->hour_e = 0;
	spike_silence_refresh(s);
}

void spike_silence_forget(struct spike_silence *s)
{
	s->s = s->e = 0;
	s->gap = 0;
	s->gap_sum = s->gap_square = s->misfit_residual = s->misfit_e2 = 0;
	memset(s->profile, 0, sizeof s->profile);
	memset(s->seen, 0, sizeof s->seen);
	spike_silence_refresh(s);
}

void spike_silence_init(struct spike_silence *s, const struct spike_moment *moment)
{
	*s = (struct spike_silence){.last_ms = moment->at_ms,
				    .hours = moment->hours,
				    .hour = moment->hour,
				    .day = (uint8_t)moment->day,
				    .w = 1,
				    .boost = 1,
				    .tainted = 1};
	s->since_s = s->arrived_s = (uint32_t)(moment->at_ms / 1000);
	spike_silence_refresh(s);
}
