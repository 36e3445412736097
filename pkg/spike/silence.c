#include "spike/spike_priv.h"

#define STEP_MOST (60.0 / 86400) /* days */
#define PAST_MOST (15 * STEP_MOST)
#define SHARE	  0.4 /* of what was expected: more than that is no silence */

static const double left[SPIKE_SILENCE_ALTERNATIVES] = {0, 0.1, 0.3};
static const double log_left[SPIKE_SILENCE_ALTERNATIVES] = {0, -2.302585092994046, -1.2039728043259361};
/* Recovery: what goes on if it is none, between the alternative and the whole rate. */
static const double still[SPIKE_SILENCE_ALTERNATIVES] = {0.1, 0.2, 0.45};
static const double log_still[SPIKE_SILENCE_ALTERNATIVES] = {-2.302585092994046, -1.6094379124341003,
							     -0.7985076962177716};

struct interval {
	double days; /* that count */
	double expected; /* by the rate */
	double left; /* as the hour turned out so far */
	double x; /* by the predictive rate, erring on the low side */
	double clump;
	double n;
};

static struct interval pass(struct spike_silence *s, const struct spike_moment *moment,
			    struct spike_arrivals came)
{
	struct interval i = {.clump = spike_silence_clump(s), .n = (double)came.n};
	if (moment->at_ms > s->last_ms) {
		i.days = smaller((double)(moment->at_ms - s->last_ms) / DAY_MS,
				 came.past ? PAST_MOST : STEP_MOST);
		s->last_ms = moment->at_ms;
	}
	if (came.behind) {
		i.days = 0;
		s->tainted = 1;
	}
	double seen = spike_silence_seen(s);
	i.expected = s->rate * i.days;
	i.left = i.expected * (s->hour_c + s->hour_n) / (s->hour_c + s->hour_e + i.expected);
	i.x = i.left * (s->c + s->pending_n) / (s->c + s->pending_x + i.left) * seen / (seen + 1);
	return i;
}

static double sum_of(const struct spike_silence *s)
{
	return s->r[0] + s->r[1] + s->r[2];
}

static void add_evidence(struct spike_silence *s, const struct interval *i, double days_most)
{
	/* Where nothing was expected no time counts, though the budget be infinite: 0 x INFINITY is no number. */
	double most = i->x > 0 ? i->x * days_most / CREDIT : 0;
	double days = smaller(i->days, most) / SPIKE_SILENCE_ALTERNATIVES;
	for (unsigned j = 0; j < SPIKE_SILENCE_ALTERNATIVES; j++) {
		double f = spike_exp(((1 - left[j]) * i->x + log_left[j] * i->n) / i->clump);
		if (left[j] == 0 && i->n > 0)
			f = 0;
		s->r[j] = smaller((s->r[j] + days) * f, EVIDENCE_MAX);
		if (j == SPIKE_SILENCE_ALTERNATIVES - 1 && !s->severity)
			s->w = smaller(s->w * f, EVIDENCE_MAX);
	}
	s->pending_e += i->expected;
	s->pending_x += i->left;
	s->pending_n += (uint32_t)i->n;
}

static void renew(struct spike_silence *s)
{
	s->w = 1;
	s->pending_n = 0;
	s->pending_e = s->pending_x = 0;
	s->since_s = (uint32_t)(s->last_ms / 1000);
}

/* Enough has come: it is learned. */
static void commit(struct spike_silence *s)
{
	if (s->w > 1)
		return;
	s->s += s->pending_n;
	s->e += s->pending_e / spike_silence_level(s);
	renew(s);
	spike_silence_refresh(s);
}

static void clear(struct spike_silence *s)
{
	for (unsigned j = 0; j < SPIKE_SILENCE_ALTERNATIVES; j++)
		s->r[j] = 0;
	renew(s);
}

static void fill(const struct spike_silence *s, enum spike_event_kind kind, struct spike_event *out)
{
	unsigned j = s->raised_as;
	*out = (struct spike_event){.kind = kind,
				    .severity = s->severity,
				    .at_ms = s->last_ms,
				    .onset_ms = (int64_t)s->since_s * 1000,
				    .raised_ms = (int64_t)s->raised_s * 1000,
				    .since_onset = {(int64_t)(s->pending_e + 0.5), s->pending_n},
				    .rho = left[j],
				    .baseline = s->rate,
				    .level = spike_silence_level(s),
				    .season = spike_silence_profile(s),
				    .misfit = spike_silence_clump(s)};
	if (s->pending_e > 0)
		out->rate = s->pending_n / s->pending_e;
}

static void become_page(struct spike_silence *s)
{
	s->severity = SPIKE_PAGE;
	for (unsigned j = 0; j < SPIKE_SILENCE_ALTERNATIVES; j++)
		s->r[j] = 0;
}

static bool raise_if_due(struct spike_silence *s, const struct spike_terms *terms, struct spike_event *out)
{
	double sum = sum_of(s);
	if (sum < terms->ticket_days * s->boost || s->pending_n > SHARE * s->pending_e)
		return false;
	bool page = sum >= terms->page_days * s->boost;
	unsigned best = 0;
	for (unsigned j = 1; j < SPIKE_SILENCE_ALTERNATIVES; j++)
		if (s->r[j] > s->r[best])
			best = j;
	s->raised_as = (uint8_t)best;
	s->severity = SPIKE_TICKET;
	s->boost *= BACK_OFF;
	s->tainted = 1;
	s->raised_s = (uint32_t)(s->last_ms / 1000);
	if (left[best] == 0) /* nothing since the last arrival */
		s->since_s = s->arrived_s;
	s->w = 0;
	s->gap = 0;
	if (page)
		become_page(s);
	fill(s, SPIKE_RAISED, out);
	out->evidence_days = sum;
	out->budget_days = page ? terms->page_days : terms->ticket_days;
	return true;
}

static void add_recovery(struct spike_silence *s, const struct interval *i)
{
	unsigned j = s->raised_as;
	double x = i->expected; /* the whole rate */
	double f = spike_exp((-log_still[j] * i->n - (1 - still[j]) * x) / i->clump);
	s->w = smaller((s->w + smaller(i->days / RECOVERY_DAYS, 1 / RECOVERY_N)) * f, EVIDENCE_MAX);
}

static bool end(struct spike_silence *s, enum spike_event_kind kind, struct spike_event *out)
{
	fill(s, kind, out);
	out->evidence_days = s->w;
	s->severity = SPIKE_NONE;
	clear(s);
	return true;
}

static bool incident_step(struct spike_silence *s, const struct spike_terms *terms, const struct interval *i,
			  struct spike_event *out)
{
	add_recovery(s, i);
	if (s->w >= 1)
		return end(s, SPIKE_RESOLVED, out);
	if (s->last_ms - (int64_t)s->raised_s * 1000 > REBASE_MS) {
		spike_silence_forget(s);
		return end(s, SPIKE_NEW_NORMAL, out);
	}
	double sum = sum_of(s), before = larger(1, s->boost / BACK_OFF);
	if (s->severity != SPIKE_TICKET || sum < terms->page_days * before ||
	    s->pending_n > SHARE * s->pending_e)
		return false;
	become_page(s);
	fill(s, SPIKE_ESCALATED, out);
	out->evidence_days = sum;
	out->budget_days = terms->page_days;
	return true;
}

bool spike_silence_step(struct spike_silence *s, const struct spike_terms *terms,
			const struct spike_moment *moment, struct spike_arrivals came,
			struct spike_event *out)
{
	must(came.n >= 0 && came.n <= INT32_MAX);
	if (moment->hours > s->hours)
		spike_silence_roll(s, terms, moment);
	struct interval i = pass(s, moment, came);
	s->hour_n += (uint32_t)came.n;
	s->hour_e += i.expected;
	bool armed = spike_silence_armed(s), happened = false;
	if (armed || s->severity)
		add_evidence(s, &i, terms->ticket_days);
	if (s->severity)
		happened = incident_step(s, terms, &i, out);
	else {
		spike_silence_gap(s, i.expected, i.n);
		if (armed && !(happened = raise_if_due(s, terms, out)))
			commit(s);
	}
	if (came.n)
		s->arrived_s = (uint32_t)(s->last_ms / 1000);
	return happened;
}
