/*
 * sim - what the spike detector promises, measured on worlds that are known because we made them.
 *
 * A world says how a touchpoint's detractor rate moves: with the hour, the weekend, from day to day, and away for good. Nothing
 * in it is a spike, so each alert is a false one, and the budget allows days / A of them. Spikes are put on top.
 * Seeds are fixed: a run is repeatable, and none of them was used to choose a constant of the detector.
 */
#ifndef SIM_H
#define SIM_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "spike/spike.h"

#ifndef DAY_MS
#define DAY_MS INT64_C(86400000)
#endif

/* xorshift64*: one state per experiment */
struct dice {
	uint64_t state;
};
static inline uint64_t dice_bits(struct dice *d)
{
	d->state ^= d->state >> 12;
	d->state ^= d->state << 25;
	d->state ^= d->state >> 27;
	return d->state * UINT64_C(2685821657736338717);
}
static inline double dice_unit(struct dice *d) { return ((double)(dice_bits(d) >> 11) + 0.5) * 0x1p-53; }
static inline double dice_wait(struct dice *d, double mean) { return -log(dice_unit(d)) * mean; }
double dice_normal(struct dice *);
int64_t dice_poisson(struct dice *, double mean);
int64_t dice_binomial(struct dice *, int64_t n, double p);

struct world {
	const char *name;
	double daily, weekend;   /* swing by the hour; Saturdays and Sundays over other days */
	double drift;            /* standard deviation of the rate's random walk, relative, per day */
	double jitter;           /* of each day */
	double fleet;            /* standard deviation of the touchpoints' rates (log) */
};

struct place {                   /* a touchpoint in a world */
	const struct world *world;
	double rate, phase;
	double today, walked;
	int64_t day;
	struct dice dice;
};
void place_open(struct place *, const struct world *, double rate, uint64_t seed);
double place_rate(struct place *, int64_t at_ms);
struct spike_moment moment_at(int64_t at_ms);

/* One row of the report and its verdict, in TAP. least > 0: the figure may not be under it either. */
void report(bool ok, const char *format, ...) PRINTF(2, 3);
void remark(const char *format, ...) PRINTF(1, 2);
unsigned report_failed(void);

/* The experiments; scale 1 is for CI (a minute in all), more takes so much longer. */
void known_baseline(double scale);
void learned_baseline(double scale);
void quiet_worlds(double scale);
void incidents(double scale);

#endif
