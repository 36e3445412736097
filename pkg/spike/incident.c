#include "spike/spike_priv.h"

struct nps_interval spike_incident_interval(struct spike_batch since, double stretch)
{
	struct nps_interval i = {0, 1};
	double rate = since.n ? (double)since.k / (double)since.n : 0;
	if (nps_rate_interval(since.k, since.n, INTERVAL_Z, &i))
		i.low = larger(rate - stretch * (rate - i.low), 0);
	return i;
}

static struct spike_batch since_onset(const struct spike *s)
{
	return (struct spike_batch){(int64_t)s->settled_n + s->trial_n, (int64_t)s->settled_k + s->trial_k};
}

static void fill(const struct spike *s, const struct spike_moment *moment, enum spike_event_kind kind,
		 struct spike_event *out)
{
	*out = (struct spike_event){.kind = kind,
				    .severity = s->severity,
				    .at_ms = moment->at_ms,
				    .onset_ms = (int64_t)s->onset_s * 1000,
				    .raised_ms = (int64_t)s->raised_s * 1000,
				    .since_onset = since_onset(s),
				    .rho = s->rho,
				    .baseline = s->q,
				    .level = spike_baseline_level(s),
				    .season = s->season,
				    .misfit = sqrt(s->misfit2)};
	if (out->since_onset.n)
		out->rate = (double)out->since_onset.k / (double)out->since_onset.n;
	out->interval = spike_incident_interval(out->since_onset, kind == SPIKE_RAISED ? STRETCH : 1);
}

static unsigned best_alternative(const struct spike *s)
{
	unsigned best = 0;
	for (unsigned j = 1; j < SPIKE_ALTERNATIVES; j++)
		if (s->r[j] > s->r[best])
			best = j;
	return best;
}

/* How high the spike is, taken low, since a recovery is judged by it. x^0.75 is exact enough as two roots. */
static void estimate(struct spike *s)
{
	double k = s->settled_k, rise = 1;
	if (s->settled_e > 0)
		rise = larger(1, (k - LEVEL_Z * sqrt(k)) / s->settled_e);
	double ratio = rate_odds_ratio(rate_clip(s->q * rise), s->q), root = sqrt(ratio);
	s->rho = larger(RHO_LEAST, root * sqrt(root));
	s->p_spike = rate_tilt(s->q, s->rho);
}

/* A page ends the sum: it takes all of it out. */
static void become_page(struct spike *s)
{
	s->severity = SPIKE_PAGE;
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
		s->r[j] = 0;
	s->pending_s = 0;
	s->pending_e = 0;
}

/* The baseline is worked out anew every few commits, which is seldom while much is learned: nobody is woken for a rate that by now is
 * known to be usual. */
static bool holds_against_all_learned(struct spike *s, const struct spike_terms *terms, uint32_t n,
				      uint32_t k)
{
	struct spike fresh = *s;
	spike_baseline_refresh(&fresh);
	if (spike_gate_open(&fresh, terms, n, k))
		return true;
	*s = fresh;
	return false;
}

bool spike_incident_begin(struct spike *s, const struct spike_terms *terms, const struct spike_moment *moment,
			  struct spike_event *out)
{
	unsigned best = best_alternative(s);
	uint32_t n = s->n[best], k = s->k[best], onset_s = s->since_s[best];
	if (!spike_gate_open(s, terms, n, k) || !holds_against_all_learned(s, terms, n, k))
		return false;
	double sum = spike_evidence_sum(s);
	bool page = sum >= terms->page_days * s->boost;
	double budget = page ? terms->page_days : terms->ticket_days;
	s->boost *= BACK_OFF;
	s->severity = SPIKE_TICKET;
	s->tainted = 1;
	s->held_residual = s->held_e2 = 0;
	s->v = 0;
	s->v_companion = 1;
	s->settled_n = s->raised_n = n;
	s->settled_k = s->raised_k = k;
	s->settled_e = s->q * n;
	s->trial_n = s->trial_k = 0;
	s->trial_e = 0;
	s->onset_s = onset_s;
	s->raised_s = (uint32_t)(moment->at_ms / 1000);
	estimate(s);
	spike_baseline_refresh(s);
	if (page)
		become_page(s);
	fill(s, moment, SPIKE_RAISED, out);
	out->rho = spike_rho[best];
	out->evidence_days = sum;
	out->budget_days = budget;
	return true;
}

static void add_recovery(struct spike *s, struct spike_batch batch, double days)
{
	double credit = smaller(days / RECOVERY_DAYS, 1 / RECOVERY_N);
	double hit = s->q / s->p_spike, miss = (1 - s->q) / (1 - s->p_spike);
	for (int64_t n = batch.n, k = batch.k; n > 0; credit = 0) {
		unsigned part = n < CHUNK ? (unsigned)n : CHUNK;
		unsigned part_k = n < CHUNK ? (unsigned)k : (unsigned)(k * CHUNK / n);
		double f = part == 1 ? (part_k ? hit : miss)
				     : spike_power(hit, part_k) * spike_power(miss, part - part_k);
		s->v = smaller((s->v + credit) * f, EVIDENCE_MAX);
		s->v_companion = smaller(s->v_companion * f, EVIDENCE_MAX);
		n -= part;
		k -= part_k;
	}
	s->trial_k += (uint32_t)batch.k;
	s->trial_e += (double)batch.n * s->q;
	s->trial_n += (uint32_t)batch.n;
}

/* No sign of recovery in what came: it is more of the spike. */
static void settle(struct spike *s)
{
	if (s->v_companion > 1)
		return;
	s->v_companion = 1;
	s->settled_n += s->trial_n;
	s->settled_k += s->trial_k;
	s->settled_e += s->trial_e;
	s->trial_n = s->trial_k = 0;
	s->trial_e = 0;
	if (s->settled_n % 16 == 0)
		estimate(s);
}

static void end(struct spike *s)
{
	s->severity = SPIKE_NONE;
	spike_evidence_clear(s);
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
		s->since_s[j] = (uint32_t)(s->last_ms / 1000);
	spike_baseline_refresh(s);
}

static bool is_new_normal(const struct spike *s, const struct spike_moment *moment)
{
	return moment->at_ms - (int64_t)s->raised_s * 1000 > REBASE_MS &&
	       since_onset(s).n - s->raised_n > REBASE_N;
}

/* The level's memory is replaced by the incident's, which is worth 100 detractors at most. */
static void rebase(struct spike *s)
{
	double k = (double)since_onset(s).k, e = s->settled_e + s->trial_e;
	double expected_each = larger(spike_baseline_level(s) * s->base, RATE_LOW / s->season);
	double share = k > REBASE_WEIGHT ? REBASE_WEIGHT / k : 1;
	s->s = k * share;
	s->e = e / expected_each * share;
}

static bool escalates(const struct spike *s, const struct spike_terms *terms)
{
	if (s->severity != SPIKE_TICKET)
		return false;
	struct spike_batch since = since_onset(s);
	double before = larger(1, s->boost / BACK_OFF); /* as this incident's ticket was judged */
	return spike_evidence_sum(s) >= terms->page_days * before &&
	       spike_gate_open(s, terms, (double)since.n, (double)since.k);
}

bool spike_incident_step(struct spike *s, const struct spike_terms *terms, const struct spike_passing *step,
			 struct spike_event *out)
{
	add_recovery(s, step->batch, step->days);
	settle(s);
	if (s->v >= 1) {
		fill(s, step->moment, SPIKE_RESOLVED, out);
		out->evidence_days = s->v;
		spike_baseline_learn(s, s->trial_k, s->trial_e); /* recovery is good baseline */
		end(s);
		return true;
	}
	if (is_new_normal(s, step->moment)) {
		fill(s, step->moment, SPIKE_NEW_NORMAL, out);
		rebase(s);
		end(s);
		return true;
	}
	if (!escalates(s, terms))
		return false;
	double sum = spike_evidence_sum(s);
	unsigned best = best_alternative(s);
	become_page(s);
	fill(s, step->moment, SPIKE_ESCALATED, out);
	out->rho = spike_rho[best];
	out->evidence_days = sum;
	out->budget_days = terms->page_days;
	return true;
}
