#include "spike/spike_priv.h"

const double spike_rho[SPIKE_ALTERNATIVES] = {1.4, 2.2, 4, 12};

const struct option_row spike_options[] = {
	{.key = "smallest_rise",
	 .type = OPTION_NUMBER,
	 .offset = offsetof(struct spike_options, smallest_rise),
	 .preset = "0",
	 .min = 0,
	 .max = 10,
	 .prose = "a rise of the detractor rate by less than this part of it raises nothing: 0.2 is 20 %",
	 .live = 1},
	{.key = NULL},
};

double spike_evidence_sum(const struct spike *s)
{
	double sum = 0;
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
		sum += s->r[j];
	return sum;
}

double spike_evidence_null(const struct spike *s)
{
	return smaller(s->q * (s->c + s->pending_s) / (s->c + s->pending_e), s->q_cap);
}

void spike_evidence_clear(struct spike *s)
{
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++) {
		s->r[j] = 0;
		s->w[j] = 1;
		s->n[j] = s->k[j] = 0;
	}
	s->pending_s = 0;
	s->pending_e = 0;
}

/* One over the null's probability of a response; one division, and no branch on what can't be foretold. */
static inline double inverse_of_one(const struct spike *s, double hit, double sign)
{
	double top = s->c + s->pending_e, bottom = s->q * (s->c + s->pending_s);
	bottom = smaller(bottom, s->q_cap * top);
	return top / ((1 - hit) * top + sign * bottom);
}

/* The same for n of which k are detractors, at most CHUNK. They are taken first: any order gives the same. */
static double inverse_of_many(const struct spike *s, unsigned n, unsigned k)
{
	double top = s->c + s->pending_e, bottom = s->q * (s->c + s->pending_s);
	if (bottom > s->q_cap * top)
		return 1 / (spike_power(s->q_cap, k) * spike_power(1 - s->q_cap, n - k));
	double above = 1, below = 1; /* of at most CHUNK factors up to 1e7: far from the ends of a double */
	for (unsigned i = 0; i < k; i++, top += s->q, bottom += s->q) {
		above *= top;
		below *= bottom;
	}
	for (unsigned i = k; i < n; i++, top += s->q) {
		above *= top;
		below *= top - bottom;
	}
	return above / below;
}

static inline void ratios(const struct spike *s, unsigned n, unsigned k, double f[SPIKE_ALTERNATIVES])
{
	if (n == 1) {
		double hit = k, sign = 2 * hit - 1; /* p or 1 - p: exactly (1 - hit) + sign * p */
		double inverse = inverse_of_one(s, hit, sign);
		for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
			f[j] = ((1 - hit) + sign * s->p[j]) * inverse;
		return;
	}
	double inverse = inverse_of_many(s, n, k);
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
		f[j] = spike_power(s->p[j], k) * spike_power(1 - s->p[j], n - k) * inverse;
}

static inline void add_evidence(struct spike *s, const double f[SPIKE_ALTERNATIVES], double days)
{
	double share = days / SPIKE_ALTERNATIVES;
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++)
		s->r[j] = smaller((s->r[j] + share) * f[j], EVIDENCE_MAX);
}

static inline void add_since(struct spike *s, const double f[SPIKE_ALTERNATIVES], unsigned n, unsigned k)
{
	uint32_t now_s = (uint32_t)(s->last_ms / 1000);
	for (unsigned j = 0; j < SPIKE_ALTERNATIVES; j++) {
		double w = smaller(s->w[j] * f[j], EVIDENCE_MAX);
		uint32_t keep = w > 1 ? UINT32_MAX : 0;
		s->w[j] = w > 1 ? w : 1;
		s->n[j] = (s->n[j] + n) & keep;
		s->k[j] = (s->k[j] + k) & keep;
		s->since_s[j] = (s->since_s[j] & keep) | (now_s & ~keep);
	}
}

/* The i-th part of `total` spread over `parts`. */
static unsigned part_of(int64_t total, int64_t parts, int64_t i)
{
	int64_t each = total / parts, rest = total % parts;
	return (unsigned)(each + (rest * (i + 1) / parts - rest * i / parts));
}

/* All of a batch as evidence, and pending from now on. */
static void evidence_add(struct spike *s, struct spike_batch batch, double days)
{
	int64_t parts = (batch.n + CHUNK - 1) / CHUNK;
	for (int64_t i = 0; i < parts; i++, days = 0) {
		unsigned n = parts == 1 ? (unsigned)batch.n : part_of(batch.n, parts, i);
		unsigned k = parts == 1 ? (unsigned)batch.k : part_of(batch.k, parts, i);
		double f[SPIKE_ALTERNATIVES];
		k = k < n ? k : n;
		ratios(s, n, k, f);
		add_evidence(s, f, days);
		if (!s->severity)
			add_since(s, f, n, k);
		s->pending_s += k;
		s->pending_e += n * s->q;
	}
}

/* What came since the last renewal holds no sign of a change, or is too much to be set aside. The baseline is
 * worked out anew at every 16th commit, which a cold start can bear if a commit is a response or two. */
static void commit(struct spike *s, int64_t batch_n)
{
	bool renewed = s->n[0] == 0;
	if (!renewed && !(s->pending_s > ABSORB * s->c + 1))
		return;
	spike_baseline_learn(s, s->pending_s, s->pending_e);
	s->pending_s = 0;
	s->pending_e = 0;
	if (++s->commits % 16 == 0 || !renewed || batch_n > 1)
		spike_baseline_refresh(s);
}

bool spike_gate_open(const struct spike *s, const struct spike_terms *terms, double n, double k)
{
	double rise = larger(terms->options.smallest_rise, GATE_Z * sqrt(s->misfit2));
	double q = rate_clip(s->q * (1 + rise));
	return k - n * q >= GATE_SE * sqrt(n * q * (1 - q));
}

/* The days that passed, as far as they count. */
static double pass(struct spike *s, const struct spike_moment *moment)
{
	if (moment->at_ms <= s->last_ms)
		return 0;
	double days = (double)(moment->at_ms - s->last_ms) * (1.0 / DAY_MS);
	s->last_ms = moment->at_ms;
	return days;
}

bool spike_step(struct spike *s, const struct spike_terms *terms, const struct spike_moment *moment,
		struct spike_batch batch, struct spike_event *out)
{
	must(batch.k >= 0 && batch.k <= batch.n && batch.n <= INT32_MAX);
	if (moment->hours > s->hours)
		spike_baseline_roll(s, terms, moment);
	if (batch.n == 0)
		return false;
	double days = pass(s, moment), credit = smaller(days, terms->ticket_days * (1 / CREDIT));
	s->hour_n += (uint32_t)batch.n;
	s->hour_k += (uint32_t)batch.k;
	s->hour_e += (double)batch.n * s->q;
	if (s->severity != SPIKE_PAGE)
		evidence_add(s, batch, credit);
	struct spike_passing step = {moment, batch, days};
	if (s->severity)
		return spike_incident_step(s, terms, &step, out);
	if (spike_evidence_sum(s) >= spike_baseline_threshold(s, terms) &&
	    spike_incident_begin(s, terms, moment, out))
		return true;
	commit(s, batch.n);
	return false;
}
