#ifndef SPIKE_PRIV_H
#define SPIKE_PRIV_H

#include "spike/spike.h"

#include <math.h>

#define DAY_MS 86400000

/* The detector's constants: found by simulation, each with what it trades. */
#define PRIOR         4.0      /* detractors that the group's rate is worth: 1/CV^2 of the rates within a fleet */
#define CREDIT        500.0    /* a gap counts as A/500 days at most: one false alert in 500 responses, however rare they are */
#define MEMORY_FULL   300.0    /* from so many detractors on the level forgets in ... */
#define MEMORY_DAYS   7.0      /* ... a week, before that in two months: few data are not thrown away */
#define MEMORY_SLOW   60.0
#define CAP_Z         2.5      /* the predictive rate rises by 2.5 standard deviations of the level at most */
#define ABSORB        3.0      /* pending that outweighs what is known 3 times is learned: else a cold start never ends */
#define GATE_Z        3.0      /* rises below 3 misfits are the baseline's own */
#define GATE_SE       2.0
#define BACK_OFF      4.0
#define RECOVERY_DAYS 14.0     /* one false resolve in 14 days of spike ... */
#define RECOVERY_N    500.0    /* ... or 500 responses of it, as with alerts: else rare responses never end an incident */
#define RHO_LEAST     1.4
#define LEVEL_Z       2.0      /* the spike's rate is taken 2 standard deviations low */
#define REBASE_MS     (14 * (int64_t)DAY_MS)
#define REBASE_N      1000
#define REBASE_WEIGHT 100.0    /* detractors that the new normal is worth at most */
#define SHRINK        60.0     /* detractors that the group's profile is worth, per hour of the day */
#define MISFIT2       0.0025
#define MISFIT2_MAX   0.09
#define MISFIT_WORTH  5e5      /* squared expected detractors that the group's misfit is worth */
#define QUIET         0.1      /* learn the profile only from hours at whose end the evidence is below A/10 ... */
#define READY         30.0     /* ... once the level is worth 30 detractors */
#define RATE_LOW      1e-4
#define RATE_HIGH     0.95
#define TILT_HIGH     0.98
#define CHUNK         32       /* responses of a batch at a time: no product leaves the range of doubles */
#define EVIDENCE_MAX  1e30     /* a sum that the gate holds back goes no higher: taking out is always allowed */
#define INTERVAL_Z    1.6448536269514722
#define STRETCH       2.2      /* of the lower arm at an alarm, which chooses high rates: then 90 % holds down to rises of 1.5 */

extern const double spike_rho[SPIKE_ALTERNATIVES];

static inline double rate_clip(double q)
{
	return q < RATE_LOW ? RATE_LOW : q > RATE_HIGH ? RATE_HIGH : q;
}

/* The rate whose odds are rho times those of q. */
static inline double rate_tilt(double q, double rho)
{
	double p = rho * q / (1 + q * (rho - 1));
	return p < TILT_HIGH ? p : TILT_HIGH;
}

static inline double rate_odds_ratio(double p, double q)
{
	return p * (1 - q) / (q * (1 - p));
}

static inline double smaller(double a, double b)
{
	return a < b ? a : b;
}

static inline double larger(double a, double b)
{
	return a > b ? a : b;
}

/* number.c: the same bits on every machine */
double spike_exp(double);                         /* to 1e-15; libm's differs between processors */
double spike_power(double base, unsigned n);      /* by squaring */
uint16_t spike_pack(double);                     /* 11 bits of mantissa, 2^-8 .. 2^24 */
double spike_unpack(uint16_t);
#define FACTOR_UNIT 8192.0

/* A factor of the season goes no further than a checkpoint holds: an hour without any detractors among a million responses. */
static inline double factor_clip(double factor)
{
	return smaller(larger(factor, 1e-3), 1e3);
}

/* group.c */
struct hour_summary {            /* a member's hour from which it learned */
	double n, k, e;
	double without_hour, without_week;   /* e without the hour's factor, without the weekend's */
	double residual, expected2;          /* of this hour and of those held back before it */
	uint8_t hour, weekend;
};
const struct spike_group_day *spike_group_on(struct spike_group *, int64_t at_ms);
void spike_group_feed(struct spike_group *, const struct hour_summary *);
double spike_season_smooth(const double *k, const double *e, unsigned hour, double towards);

/* baseline.c */
double spike_baseline_level(const struct spike *);
void spike_baseline_refresh(struct spike *);
void spike_baseline_derive(struct spike *);                      /* what follows from q, c and rho */
/* Responses of which e detractors were expected brought k. What is expected is clipped from below; where detractors are rarer than
 * that it stands for as many responses as there were, and no more, or e would grow with itself. */
static inline void spike_baseline_learn(struct spike *s, double k, double e)
{
	double expected_each = (PRIOR + s->s) * s->base;   /* but for the level's divisor */
	s->e += smaller(e * (PRIOR + s->e * s->base) / expected_each, e * s->season / RATE_LOW);
	s->s += k;
}
struct spike_level {
	double *s, *e, *boost;
};
/* What so many hours forget of a level (nothing during an incident) and of the boost. */
void spike_fade(struct spike_level, bool incident, const struct spike_terms *, uint32_t hours);
void spike_baseline_roll(struct spike *, const struct spike_terms *, const struct spike_moment *);
double spike_baseline_threshold(const struct spike *, const struct spike_terms *);   /* of the next raise */

/* spike.c */
double spike_evidence_sum(const struct spike *);
double spike_evidence_null(const struct spike *);               /* the predictive rate of the next response */
void spike_evidence_clear(struct spike *);
bool spike_gate_open(const struct spike *, const struct spike_terms *, double n, double k);

/* incident.c */
bool spike_incident_begin(struct spike *, const struct spike_terms *, const struct spike_moment *, struct spike_event *);
struct spike_passing {
	const struct spike_moment *moment;
	struct spike_batch batch;
	double days;             /* since the last response, all of them */
};
bool spike_incident_step(struct spike *, const struct spike_terms *, const struct spike_passing *, struct spike_event *);
struct nps_interval spike_incident_interval(struct spike_batch, double stretch);

/* silence_rate.c */
#define SILENCE_LEVEL2  0.02   /* of the level, from day to day: 14 % */
#define SILENCE_MISFIT2 0.04   /* of hours: 20 %, until it is learned ... */
#define SILENCE_WORTH   1000.0 /* ... from hours worth so many squared arrivals */
unsigned spike_silence_seen(const struct spike_silence *);          /* how often it saw this hour of this kind of day */
double spike_silence_profile(const struct spike_silence *);     /* arrivals per day at this hour, level 1 */
double spike_silence_level(const struct spike_silence *);
double spike_silence_clump(const struct spike_silence *);
bool spike_silence_armed(const struct spike_silence *);
void spike_silence_refresh(struct spike_silence *);
void spike_silence_roll(struct spike_silence *, const struct spike_terms *, const struct spike_moment *);
void spike_silence_gap(struct spike_silence *, double expected, double arrivals);
void spike_silence_forget(struct spike_silence *);              /* all that was learned */

/* bytes.c: little-endian; reading never runs over the end, and says so by `broken` */
struct saved_out {
	unsigned char *at;
};
struct saved_in {
	const unsigned char *at, *end;
	bool broken;
};
void spike_out_byte(struct saved_out *, uint8_t);
void spike_out_number(struct saved_out *, uint64_t);
void spike_out_double(struct saved_out *, double);
void spike_out_float(struct saved_out *, float);
uint8_t spike_in_byte(struct saved_in *, uint8_t max);
uint64_t spike_in_number(struct saved_in *, uint64_t max);
int64_t spike_in_time(struct saved_in *);
double spike_in_double(struct saved_in *, double min, double max);
float spike_in_float(struct saved_in *, float min, float max);

#endif
