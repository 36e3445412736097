/* Nothing happens, so each alert is a false one: how many, over how many the budget allows. */
#include "sim.h"

struct volume {
	const char *name;
	double gap_ms; /* mean, between responses */
	int64_t tick_ms; /* > 0: what came in a tick is one batch */
};

/* Counts the raises of touchpoints 0 .. count-1 over `days`, after `history` responses that raise nothing. */
struct quiet {
	const struct world *world;
	const struct volume *volume;
	struct spike_group group;
	double budget_days;
	double days, responses;
	unsigned raised, worst;
	double in_incident; /* days */
};

static void judge(struct quiet *q, struct spike *s, struct place *p, int64_t now, int64_t n)
{
	struct spike_terms terms = {
		.ticket_days = q->budget_days, .page_days = q->budget_days, .group = &q->group};
	struct spike_moment moment = moment_at(now);
	struct spike_event event;
	struct spike_batch batch = {n, dice_binomial(&p->dice, n, place_rate(p, now))};
	if (spike_step(s, &terms, &moment, batch, &event)) {
		q->raised += event.kind == SPIKE_RAISED;
		if (event.kind != SPIKE_RAISED)
			q->in_incident += (double)(event.at_ms - event.raised_ms) / DAY_MS;
	}
	q->responses += (double)n;
}

static int64_t next(struct quiet *q, struct place *p, int64_t *now)
{
	if (!q->volume->tick_ms) {
		*now += (int64_t)dice_wait(&p->dice, q->volume->gap_ms);
		return 1;
	}
	*now += q->volume->tick_ms;
	return dice_poisson(&p->dice, (double)q->volume->tick_ms / q->volume->gap_ms);
}

/* All touchpoints of a group, an hour each in turn. */
static void run(struct quiet *q, unsigned count, unsigned history, double days, uint64_t seed)
{
	static struct spike spikes[256];
	static struct place places[256];
	static int64_t now[256], end[256];
	struct spike_moment start = moment_at(0);
	struct spike_terms terms = {.ticket_days = 1e9, .page_days = 1e9, .group = &q->group};
	double budget = q->budget_days;
	must(count <= 256);
	spike_group_init(&q->group, 0.15, 0);
	for (unsigned i = 0; i < count; i++) {
		place_open(&places[i], q->world, 0.15, seed + i);
		spike_init(&spikes[i], &terms, &start);
		now[i] = 0;
	}
	q->budget_days = 1e9;
	for (unsigned n = 0; n < history; n++)
		for (unsigned i = 0; i < count; i++)
			judge(q, &spikes[i], &places[i], now[i], next(q, &places[i], &now[i]));
	q->budget_days = budget;
	q->responses = 0;
	int64_t latest = 0;
	for (unsigned i = 0; i < count; i++) {
		end[i] = now[i] + (int64_t)(days * DAY_MS);
		latest = end[i] > latest ? end[i] : latest;
	}
	for (int64_t hour = 0; hour < latest; hour += 3600000)
		for (unsigned i = 0; i < count; i++)
			while (now[i] < hour && now[i] < end[i])
				judge(q, &spikes[i], &places[i], now[i], next(q, &places[i], &now[i]));
	q->days = days * count;
}

static bool within(double raised, double allowed)
{
	return raised <= allowed + 2.5 * sqrt(allowed);
}

void learned_baseline(double scale)
{
	static const struct world steady = {.name = "steady", .fleet = 0.5};
	static const struct volume minute = {"1/min", 60000, 0};
	static const unsigned histories[] = {0, 200, 1000, 10000};
	for (unsigned i = 0; i < 4; i++) {
		struct quiet q = {.world = &steady, .volume = &minute, .budget_days = 10};
		double raised = 0, allowed = 0, responses = 0;
		for (unsigned round = 0; round < (unsigned)(2 * scale + 0.5); round++) {
			run(&q, 100, histories[i], 20, 770001 + 1000 * i + 9700 * round);
			responses += q.responses;
		}
		raised = q.raised;
		allowed = (unsigned)(2 * scale + 0.5) * q.days / q.budget_days;
		report(within(raised, allowed),
		       "baseline from %u responses: %.0f false alerts of %.0f, %.2f of the budget",
		       histories[i], raised, allowed, raised / allowed);
	}
}

void quiet_worlds(double scale)
{
	static const struct world worlds[] = {
		{.name = "seasonal", .daily = 0.3, .weekend = 0.15, .fleet = 0.5},
		{.name = "drifting", .daily = 0.3, .weekend = 0.15, .drift = 0.02, .fleet = 0.5},
		{.name = "harsh", .daily = 0.4, .weekend = 0.25, .drift = 0.03, .jitter = 0.08, .fleet = 0.5},
	};
	static const struct volume volumes[] = {
		{"1/h", 3600000, 0},	 {"10/h", 360000, 0},  {"1/min", 60000, 0},
		{"10/min", 6000, 30000}, {"1/s", 1000, 30000}, {"10/s", 100, 60000},
	};
	for (unsigned w = 0; w < 3; w++) {
		double all = 0, all_allowed = 0, responses = 0;
		for (unsigned v = 0; v < 6; v++) {
			struct quiet q = {.world = &worlds[w], .volume = &volumes[v], .budget_days = 30};
			unsigned count = v < 2 ? 200 : v < 3 ? 60 : v < 5 ? 24 : 6;
			double days = v < 2 ? 150 : 90;
			count = (unsigned)fmin(256, count * scale);
			run(&q, count, 0, days, 910003 + 3001 * w + 500 * v);
			double allowed = q.days / q.budget_days;
			report(w == 2 || within(q.raised, allowed),
			       "%s world at %s: %u false alerts of %.0f, %.2f of the budget (%.0f %% of time "
			       "in incidents)",
			       worlds[w].name, volumes[v].name, q.raised, allowed, q.raised / allowed,
			       100 * q.in_incident / q.days);
			all += q.raised;
			all_allowed += allowed;
			responses += q.responses;
		}
		remark("%s world: %.2f of the budget, %.2g responses", worlds[w].name, all / all_allowed,
		       responses);
	}
}
