/*
 * nps - from counts to a score, its interval, and whether a difference means anything.
 *
 * Pure arithmetic on whole counts; every value is derived when it is read, so adding, expiring and taking back stay exact.
 * Scores and intervals in points (-100..100), rates 0..1, full precision: rounding is the display's business.
 * Promoter 9-10, passive 7-8, detractor 0-6. No responses means no value, never 0.
 */
#ifndef NPS_H
#define NPS_H

#include <stdbool.h>
#include <stdint.h>

#include "feedback/feedback.h"

/* p, q, d: promoters, passives, detractors (social, review: positive, neutral, negative). A count below zero is a bug. */
struct nps_counts {
	int64_t p, q, d;
};

struct nps_interval {
	double low, high;
};

struct nps_counts nps_of_bins(enum ledger, const int64_t bins[BINS]);   /* unread posts are in none of the three */
static inline int64_t nps_n(struct nps_counts c) { return c.p + c.q + c.d; }

bool nps_score(struct nps_counts, double *points);                     /* 100 (p - d) / n; false: n = 0 */
/* 95 % adjusted Wald: n+3, p+3/4, d+3/4, clipped to -100..100 (Rocks 2016); false: n = 0 */
bool nps_interval(struct nps_counts, struct nps_interval *points);
/* Two-sided p of the adjusted difference; false: one is empty. */
bool nps_change_p(struct nps_counts now, struct nps_counts before, double *p);
bool nps_detractor_rate(struct nps_counts, double *rate);              /* d / n */
bool nps_rate_interval(int64_t k, int64_t n, double z, struct nps_interval *rate);   /* Wilson score */

#endif
