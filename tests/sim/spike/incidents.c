/* Spikes on a learned baseline, each from a state of its own: what is notified, how soon, and how true. */
#include <stdlib.h>

#include "sim.h"

#define A_DAYS 30
#define AFTER  3000 /* responses for which a spike goes on once it is found, but 10 days at most */

struct tally_of_incidents {
	unsigned spikes, found, raised, false_resolves, resolved, covered, covered_onset;
	double detect[20000], resolve[20000], onset[20000];
};
static struct tally_of_incidents t;

static struct spike_group group;
static const struct spike_terms terms = {.ticket_days = A_DAYS, .page_days = A_DAYS, .group = &group};

struct case_of {
	double gap_ms, rise;
	unsigned spikes, length; /* responses */
};

struct run {
	struct dice dice;
	int64_t now;
	const struct case_of *c;
};

static bool one(struct spike *s, struct run *r, double rate, struct spike_event *event)
{
	struct dice *d = &r->dice;
	r->now += (int64_t)dice_wait(d, r->c->gap_ms);
	struct spike_moment moment = moment_at(r->now);
	return spike_step(s, &terms, &moment, (struct spike_batch){1, dice_unit(d) < rate}, event);
}

/* The spike goes on for c->length responses, or until it is found and AFTER more; then all is well until that
 * is found. The touchpoint itself goes on as if nothing had been. */
static void spike_once(struct spike s, struct run *r)
{
	const struct case_of *c = r->c;
	int64_t resume = r->now;
	struct spike_event event;
	double p0 = 0.15, p1 = p0 * c->rise;
	int64_t began = r->now, ended;
	int64_t latest = INT64_MAX;
	bool found = false;
	for (unsigned n = 1, after = 0; n <= c->length && after < AFTER && r->now < latest;
	     n++, after += found) {
		if (!one(&s, r, p1, &event))
			continue;
		if (event.kind == SPIKE_RAISED) {
			t.raised++;
			if (!found) {
				t.detect[t.found] = (double)(r->now - began) / c->gap_ms;
				t.onset[t.found++] = fabs((double)(event.onset_ms - began)) / c->gap_ms;
				t.covered += event.interval.low <= p1 && p1 <= event.interval.high;
			}
			found = true;
			if (latest == INT64_MAX)
				latest = r->now + 10 * DAY_MS;
		} else {
			t.false_resolves++;
		}
	}
	t.spikes++;
	ended = r->now;
	for (unsigned n = 0; n < 20000 && s.severity; n++)
		if (one(&s, r, p0, &event))
			t.resolve[t.resolved++] = (double)(r->now - ended) / c->gap_ms;
	r->now = resume;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
	qsort(values, count, sizeof *values, by_value);
	return count ? values[count / 2] : NAN;
}

static double mean(const double *values, unsigned count)
{
	double sum = 0;
	for (unsigned i = 0; i < count; i++)
		sum += values[i];
	return sum / count;
}

static void run(const struct case_of *c, uint64_t seed)
{
	struct run r = {.dice = {seed}, .c = c};
	t = (struct tally_of_incidents){0};
	for (unsigned place = 0; t.spikes < c->spikes; place++) {
		struct spike_moment start = moment_at(0);
		struct spike_event event;
		struct spike s;
		r.now = 0;
		spike_group_init(&group, 0.15, 0);
		spike_init(&s, &terms, &start);
		for (int i = 0; i < 5000; i++)
			one(&s, &r, 0.15, &event);
		for (int i = 0; i < 25 && t.spikes < c->spikes; i++) {
			for (int n = 0; n < 100 || s.severity; n++)
				one(&s, &r, 0.15, &event);
			spike_once(s, &r);
		}
	}
}

void incidents(double scale)
{
	static const char *const volumes[] = {"1/h", "10/h", "1/min", "1/s"};
	static const double gaps[] = {3600000, 360000, 60000, 1000}, rises[] = {1.5, 2, 3};
	for (unsigned g = 0; g < 4; g++) {
		for (unsigned r = 0; r < 3; r++) {
			struct case_of c = {gaps[g], rises[r], (unsigned)fmin(20000, 1000 * scale), 20000};
			run(&c, 880011 + 10 * g + r);
			double per = (double)t.raised / t.found, detect = median(t.detect, t.found);
			double resolve = median(t.resolve, t.resolved);
			double covered = (double)t.covered / t.found, slack = 3 / sqrt(t.found);
			remark("%s, %.1fx: %u of %u found, after %.0f responses (mean %.0f), resolved after "
			       "%.0f: %.2f; "
			       "onset error %.0f",
			       volumes[g], rises[r], t.found, t.spikes, detect, mean(t.detect, t.found),
			       resolve, resolve / detect, median(t.onset, t.found));
			report(per <= (r ? 1.002 : 1.05) + slack / 3,
			       "%s, %.1fx: %.4f notifications per incident, %u false resolves", volumes[g],
			       rises[r], per, t.false_resolves);
			report(covered >= (g ? 0.88 : 0.84) - slack / 3,
			       "%s, %.1fx: interval at the alarm covers %.1f %%", volumes[g], rises[r],
			       100 * covered);
			if (r == 1 && g >= 2)
				report(resolve / detect <= 3,
				       "%s, %.1fx: time to resolve over time to detect %.2f", volumes[g],
				       rises[r], resolve / detect);
		}
	}
}
