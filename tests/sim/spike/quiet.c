/* Nothing happens, so each alert is a false one: how many, over how many the budget allows. */
#include "sim.h"

struct volume {
	const char *name;
	double gap_ms; /* mean, between responses */
	int64_t tick_ms; /* > 0: what came in a tick is one batch */
};

#define PLACES 256

struct quiet {
	const struct world *world;
	const struct volume *volume;
	struct spike_group group;
	double budget_days;
	double days, responses;
	unsigned raised, reopened; /* reopened: those within a day of the end of the last one */
	double in_incident; /* days */
};

/* The touchpoints of a run. */
static struct spike spikes[PLACES];
static struct place places[PLACES];
static int64_t now_ms[PLACES], end_ms[PLACES], ended_ms[PLACES];

static void judge(struct quiet *q, unsigned i, int64_t n)
{
	int64_t now = now_ms[i];
	struct spike_terms terms = {
		.ticket_days = q->budget_days, .page_days = q->budget_days, .group = &q->group};
	struct spike_moment moment = moment_at(now);
	struct spike_event event;
	struct spike_batch batch = {n, dice_binomial(&places[i].dice, n, place_rate(&places[i], now))};
	q->responses += (double)n;
	if (!spike_step(&spikes[i], &terms, &moment, batch, &event))
		return;
	if (event.kind == SPIKE_RAISED) {
		q->raised++;
		q->reopened += ended_ms[i] && now - ended_ms[i] < DAY_MS;
	} else {
		ended_ms[i] = now;
		q->in_incident += (double)(now - event.raised_ms) / DAY_MS;
	}
}

static void go_on(struct quiet *q, unsigned i)
{
	struct dice *d = &places[i].dice;
	int64_t n = 1;
	if (q->volume->tick_ms) {
		now_ms[i] += q->volume->tick_ms;
		n = dice_poisson(d, (double)q->volume->tick_ms / q->volume->gap_ms);
	} else {
		now_ms[i] += (int64_t)dice_wait(d, q->volume->gap_ms);
	}
	judge(q, i, n);
}

static void open_places(struct quiet *q, unsigned count, uint64_t seed)
{
	struct spike_moment start = moment_at(0);
	struct spike_terms terms = {.ticket_days = 1e9, .page_days = 1e9, .group = &q->group};
	must(count <= PLACES);
	spike_group_init(&q->group, 0.15, 0);
	for (unsigned i = 0; i < count; i++) {
		place_open(&places[i], q->world, 0.15, seed + i);
		spike_init(&spikes[i], &terms, &start);
		now_ms[i] = ended_ms[i] = 0;
	}
}

/* `history` responses that raise nothing, then some days, an hour of each touchpoint in turn. */
static void run(struct quiet *q, unsigned count, unsigned history, double days, uint64_t seed)
{
	double budget = q->budget_days;
	int64_t latest = 0;
	open_places(q, count, seed);
	q->budget_days = 1e9;
	for (unsigned n = 0; n < history; n++)
		for (unsigned i = 0; i < count; i++)
			go_on(q, i);
	q->budget_days = budget;
	q->responses = 0;
	for (unsigned i = 0; i < count; i++) {
		end_ms[i] = now_ms[i] + (int64_t)(days * DAY_MS);
		latest = end_ms[i] > latest ? end_ms[i] : latest;
	}
	for (int64_t hour = 0; hour < latest; hour += 3600000)
		for (unsigned i = 0; i < count; i++)
			while (now_ms[i] < hour && now_ms[i] < end_ms[i])
				go_on(q, i);
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

/* The harsh world is measured, not asserted: a day that is 8 % off by chance is a change of the rate. */
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
			count = (unsigned)fmin(PLACES, count * scale);
			run(&q, count, 0, days, 910003 + 3001 * w + 500 * v);
			double allowed = q.days / q.budget_days;
			report(w == 2 || within(q.raised, allowed),
			       "%s world at %s: %u false alerts of %.0f, %.2f of the budget (%u reopened "
			       "within a day, %.0f %% of "
			       "time in incidents)",
			       worlds[w].name, volumes[v].name, q.raised, allowed, q.raised / allowed,
			       q.reopened, 100 * q.in_incident / q.days);
			all += q.raised;
			all_allowed += allowed;
			responses += q.responses;
		}
		remark("%s world: %.2f of the budget, %.2g responses", worlds[w].name, all / all_allowed,
		       responses);
	}
}
