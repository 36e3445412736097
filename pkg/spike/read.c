#include "spike/spike_priv.h"

static double rate_of(struct spike_batch b)
{
	return b.n ? (double)b.k / (double)b.n : 0;
}

static void read_incident(const struct spike *s, struct spike_reading *r)
{
	struct spike_batch onset = {(int64_t)s->settled_n + s->trial_n, (int64_t)s->settled_k + s->trial_k};
	r->since_onset = onset;
	r->since_raised = (struct spike_batch){onset.n - s->raised_n, onset.k - s->raised_k};
	if (r->since_raised.k < 0)
		r->since_raised.k = 0;
	if (r->since_raised.k > r->since_raised.n)
		r->since_raised.k = r->since_raised.n;
	r->recovery = s->v;
	r->onset_ms = (int64_t)s->onset_s * 1000;
	r->raised_ms = (int64_t)s->raised_s * 1000;
	r->rate_since_onset = rate_of(r->since_onset);
	r->rate_since_raised = rate_of(r->since_raised);
	r->onset_interval = spike_incident_interval(r->since_onset, r->since_raised.n ? 1 : STRETCH);
	r->raised_interval = spike_incident_interval(r->since_raised, 1);
}

void spike_read(const struct spike *s, struct spike_reading *r)
{
	*r = (struct spike_reading){.ready = s->s >= READY || s->e * s->base >= READY,
				    .baseline_rate = s->q,
				    .learned_responses = (int64_t)(s->e + 0.5),
				    .severity = s->severity,
				    .evidence_days = spike_evidence_sum(s)};
	if (s->severity)
		read_incident(s, r);
}
