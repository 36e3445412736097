#include "spike/spike_priv.h"

void spike_part(struct spike_batch sum, struct spike_batch *fresh, struct spike_batch *correction)
{
	*fresh = (struct spike_batch){sum.n > 0 ? sum.n : 0, sum.k > 0 ? sum.k : 0};
	if (fresh->k > fresh->n)
		fresh->k = fresh->n;
	*correction = (struct spike_batch){sum.n - fresh->n, sum.k - fresh->k};
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* count + change, within 0 .. most; what was left over stays in `change`. */
static uint32_t mend(uint32_t count, int64_t *change, int64_t most)
{
	int64_t now = clamp(count + *change, 0, most);
	*change -= now - count;
	return (uint32_t)now;
}

/* What a detractor that never was gave to a sum is taken out of all of it, though the part of the sum that
 * began later never had it: too much rather than too little. `gone` are deleted, the others no detractors. */
static double taken_back(const struct spike *s, unsigned j, int64_t gone, int64_t others)
{
	double q = spike_evidence_null(s), deleted = smaller(1, q / s->p[j]);
	double edited = smaller(1, q * (1 - s->p[j]) / (s->p[j] * (1 - q)));
	return spike_power(deleted, (unsigned)gone) * spike_power(edited, (unsigned)others);
}

/* What is pending, and the evidence that it gave. */
static void correct_pending(struct spike *s, int64_t of_s, struct spike_batch change)
{
	int64_t fewer = change.k < 0 ? clamp(-change.k, 0, s->pending_s) : 0;
	int64_t gone = clamp(-change.n, 0, fewer);
	double f[SPIKE_ALTERNATIVES];
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
		f[j] = taken_back(s, j, gone, fewer - gone);
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++) {
		s->r[j] *= f[j];
		if (s->severity || of_s < s->since_s[j])
			continue;
		int64_t dn = change.n, dk = change.k;
		s->n[j] = mend(s->n[j], &dn, UINT32_MAX);
		s->k[j] = mend(s->k[j], &dk, s->n[j]);
		s->w[j] = larger(s->w[j] * f[j], 1);
		if (s->w[j] <= 1)
			s->n[j] = s->k[j] = 0;
	}
	double most = s->pending_e / s->q; /* how many responses are pending */
	s->pending_e = larger(s->pending_e + (double)change.n * s->q, 0);
	int64_t rise = change.k > 0 ? clamp(change.k, 0, (int64_t)larger(most - s->pending_s, 0)) : 0;
	s->pending_s += (uint32_t)rise;
	s->pending_s -= (uint32_t)fewer;
}

static void correct_incident(struct spike *s, int64_t of_s, struct spike_batch change)
{
	int64_t dn = change.n, dk = change.k;
	if (of_s >= s->raised_s) {
		s->trial_n = mend(s->trial_n, &dn, UINT32_MAX);
		s->trial_k = mend(s->trial_k, &dk, s->trial_n);
	}
	uint32_t n = s->settled_n, k = s->settled_k;
	s->settled_n = mend(s->settled_n, &dn, UINT32_MAX);
	s->settled_k = mend(s->settled_k, &dk, s->settled_n);
	s->settled_e = n ? s->settled_e * s->settled_n / n : 0;
	if (of_s < s->raised_s) {
		int64_t before_n = (int64_t)s->settled_n - n, before_k = (int64_t)s->settled_k - k;
		s->raised_n = mend(s->raised_n, &before_n, UINT32_MAX);
		s->raised_k = mend(s->raised_k, &before_k, UINT32_MAX);
	}
	/* What was there at the alarm is a part of what settled. */
	s->raised_n = s->raised_n < s->settled_n ? s->raised_n : s->settled_n;
	s->raised_k = s->raised_k < s->settled_k ? s->raised_k : s->settled_k;
	s->raised_k = s->raised_k < s->raised_n ? s->raised_k : s->raised_n;
}

void spike_correct(struct spike *s, int64_t of_ms, struct spike_batch change)
{
	must(change.n <= 0);
	int64_t of_s = of_ms / 1000;
	if (s->severity && of_s >= s->onset_s)
		correct_incident(s, of_s, change);
	int64_t pending_from = s->severity ? s->onset_s : s->since_s[0];
	if (s->severity != SPIKE_PAGE && of_s >= pending_from)
		correct_pending(s, of_s, change);
}
