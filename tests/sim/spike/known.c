/*
 * The rate is known, only when it rises is not: mean delay over that of the CUSUM which knows the new rate,
 * both at one false alarm in 100,000 responses. Delays start from states along long paths in control.
 */
#include "spike/spike_priv.h"

#include "sim.h"

#define ARL 1e5

static struct spike_group group;

/* A day a response, a baseline without doubt: the sum alone, with the gate. */
static void known_init(struct spike *s, double p0)
{
	struct spike_terms terms = {.ticket_days = 1, .page_days = 1, .group = &group};
	struct spike_moment start = {0};
	spike_group_init(&group, p0, 0);
	spike_init(s, &terms, &start);
	s->misfit2 = 0;
	s->s = 1e30;
	s->e = 1e30 / p0;
	spike_baseline_refresh(s);
}

static bool known_step(struct spike *s, double threshold, bool x)
{
	struct spike_terms terms = {.ticket_days = threshold, .page_days = threshold, .group = &group};
	struct spike_moment moment = {.at_ms = s->last_ms + DAY_MS};
	struct spike_event event;
	return spike_step(s, &terms, &moment, (struct spike_batch){1, x}, &event);
}

/* sum R - responses is a martingale: the mean run is the mean sum at the alarm; few alarms tell it well. */
static double mean_run(struct dice *d, double p0, double threshold, unsigned alarms)
{
	double total = 0;
	for (unsigned i = 0; i < alarms; i++) {
		struct spike_terms terms = {
			.ticket_days = threshold, .page_days = threshold, .group = &group};
		struct spike_event event;
		struct spike s;
		known_init(&s, p0);
		for (;;) {
			struct spike_moment moment = {.at_ms = s.last_ms + DAY_MS};
			if (spike_step(&s, &terms, &moment, (struct spike_batch){1, dice_unit(d) < p0},
				       &event))
				break;
		}
		total += event.evidence_days;
	}
	return total / alarms;
}

struct cusum {
	double up, down; /* log ratios */
};

static double cusum_run(struct dice *d, const struct cusum *c, double p, double limit)
{
	double w = 0, n = 0;
	uint64_t below = (uint64_t)(p * 0x1p53);
	while (w < limit) {
		w += dice_bits(d) >> 11 < below ? c->up : c->down;
		w = w > 0 ? w : 0;
		n++;
	}
	return n;
}

static double cusum_limit(const struct cusum *c, double p0, unsigned runs)
{
	double low = 2, high = 12;
	for (int i = 0; i < 12; i++) {
		struct dice d = {1234567};
		double limit = (low + high) / 2, total = 0;
		for (unsigned r = 0; r < runs && total < 3 * ARL * runs; r++)
			total += cusum_run(&d, c, p0, limit);
		if (total / runs < ARL)
			low = limit;
		else
			high = limit;
	}
	return high;
}

/* Delay from a state in control: every 400 responses one. */
static double cusum_delay(const struct cusum *c, double p0, double p1, double limit, unsigned count)
{
	struct dice d = {660321};
	double w = 0, total = 0;
	for (unsigned i = 0; i < count; i++) {
		for (int n = 0; n < 400; n++) {
			w += dice_unit(&d) < p0 ? c->up : c->down;
			w = w > 0 && w < limit ? w : 0;
		}
		double v = w;
		do {
			v += dice_unit(&d) < p1 ? c->up : c->down;
			v = v > 0 ? v : 0;
			total++;
		} while (v < limit);
	}
	return total / count;
}

static double our_delay(double p0, double p1, double threshold, unsigned count)
{
	struct dice d = {660555};
	struct spike path;
	double total = 0;
	known_init(&path, p0);
	for (unsigned i = 0; i < count; i++) {
		for (int n = 0; n < 400; n++)
			if (known_step(&path, threshold, dice_unit(&d) < p0))
				known_init(&path, p0);
		struct spike s = path;
		do
			total++;
		while (!known_step(&s, threshold, dice_unit(&d) < p1));
	}
	return total / count;
}

void known_baseline(double scale)
{
	static const double rates[] = {0.05, 0.15, 0.3}, rises[] = {1.5, 2, 3};
	double worst = 0, sum = 0;
	unsigned alarms = (unsigned)(60 * sqrt(scale)), delays = (unsigned)(1500 * scale);
	for (unsigned r = 0; r < 3; r++) {
		struct dice d = {660017 + r};
		double threshold = 0.72 * ARL;
		for (int i = 0; i < 2; i++)
			threshold *= ARL / mean_run(&d, rates[r], threshold, alarms);
		for (unsigned m = 0; m < 3; m++) {
			double p0 = rates[r], p1 = p0 * rises[m];
			struct cusum c = {log(p1 / p0), log((1 - p1) / (1 - p0))};
			double limit = cusum_limit(&c, p0, (unsigned)(100 * sqrt(scale)));
			double oracle = cusum_delay(&c, p0, p1, limit, delays);
			double ours = our_delay(p0, p1, threshold, delays), ratio = ours / oracle;
			remark("known baseline %.2f, %.1fx: %.1f responses, oracle %.1f: %.3f (A / ARL %.2f)",
			       p0, rises[m], ours, oracle, ratio, threshold / ARL);
			worst = fmax(worst, ratio);
			sum += ratio;
		}
	}
	report(worst <= 1.25, "known baseline, delay over the oracle's: mean %.3f, worst of nine %.3f",
	       sum / 9, worst);
}
