#include "nps/nps.h"

#include <math.h>

#include "base/must.h"

#define Z95 1.959963984540054

/* Which count a bin belongs to: 'p', 'q', 'd', or '.' for none. */
static const char *const class_of_bin[LEDGERS] = {
	[LEDGER_SURVEY] = "dddddddqqpp",
	[LEDGER_RELATIONSHIP] = "dddddddqqpp",
	[LEDGER_SOCIAL] = "dqp........",
	[LEDGER_REVIEW] = ".ddqpp.....",
};

struct nps_counts nps_of_bins(enum ledger ledger, const int64_t bins[BINS])
{
	must(ledger < LEDGERS);
	struct nps_counts c = {0};
	for (unsigned i = 0; i < BINS; i++) {
		switch (class_of_bin[ledger][i]) {
		case 'p': c.p += bins[i]; break;
		case 'q': c.q += bins[i]; break;
		case 'd': c.d += bins[i]; break;
		}
	}
	must(c.p >= 0 && c.q >= 0 && c.d >= 0);
	return c;
}

bool nps_score(struct nps_counts c, double *points)
{
	int64_t n = nps_n(c);
	if (n == 0)
		return false;
	*points = 100.0 * (double)(c.p - c.d) / (double)n;
	return true;
}

/* Rocks' adjustment: three more answers, 3/4 promoters, 3/4 detractors, the rest passives. Everything as
 * a share of n', -1..1. */
struct adjusted {
	double score, variance_of_mean;
};

static struct adjusted adjust(struct nps_counts c)
{
	double n = (double)nps_n(c) + 3, p = (double)c.p + 0.75, d = (double)c.d + 0.75;
	double score = (p - d) / n;
	return (struct adjusted){score, ((p + d) / n - score * score) / n};
}

bool nps_interval(struct nps_counts c, struct nps_interval *points)
{
	if (nps_n(c) == 0)
		return false;
	struct adjusted a = adjust(c);
	double half = Z95 * sqrt(a.variance_of_mean);
	points->low = 100 * fmax(-1, a.score - half);
	points->high = 100 * fmin(1, a.score + half);
	return true;
}

bool nps_change_p(struct nps_counts now, struct nps_counts before, double *p)
{
	if (nps_n(now) == 0 || nps_n(before) == 0)
		return false;
	struct adjusted a = adjust(now), b = adjust(before);
	double z = (a.score - b.score) / sqrt(a.variance_of_mean + b.variance_of_mean);
	*p = erfc(fabs(z) / M_SQRT2);
	return true;
}

bool nps_detractor_rate(struct nps_counts c, double *rate)
{
	int64_t n = nps_n(c);
	if (n == 0)
		return false;
	*rate = (double)c.d / (double)n;
	return true;
}

bool nps_rate_interval(int64_t k, int64_t n, double z, struct nps_interval *rate)
{
	must(k >= 0 && k <= n);
	if (n == 0)
		return false;
	double share = (double)k / (double)n, size = (double)n, zz = z * z;
	double centre = share + zz / (2 * size);
	double half = z * sqrt((share * (1 - share) + zz / (4 * size)) / size);
	/* At k = 0 and k = n one end is exactly 0 or 1, which rounding would miss by a hair. */
	rate->low = k == 0 ? 0 : fmax(0, (centre - half) / (1 + zz / size));
	rate->high = k == n ? 1 : fmin(1, (centre + half) / (1 + zz / size));
	return true;
}
