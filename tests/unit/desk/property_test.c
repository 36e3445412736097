/* Random weeks against a slow, obvious oracle: at every message, was it due and allowed? After every step, is
 * anything due and allowed that did not go out? On a failure the seed is printed; SEED=n runs that one. */
#include "desk_test.h"

#define LEAVES 8
#define PLACES 11 /* t0..t7, p0, p1, all */
#define IDS    400
#define BUDGET 3

enum { RESTARTS = 1, SOURCES = 2 };

static const char *const names[PLACES] = {"t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "p0", "p1", "all"};

/* An incident: what is so, and what was told. */
struct truth {
	struct alert_event event;
	unsigned place;
	bool open, acked, collected;
	enum alert_severity acked_severity, told_severity;
	int64_t arrived_ms, over_ms, told_ms;
	unsigned triggers;
	bool told_open, told_ack;
	uint64_t told_number;
};

static struct world {
	struct desk *desk;
	struct desk_options options;
	int64_t now_ms;
	struct truth all[IDS];
	unsigned count;
	int current[PLACES]; /* its newest incident; -1 */
	int64_t muted_ms[PLACES]; /* until */
	struct truth made[IDS]; /* what the desk made */
	struct option_pool pool;
	unsigned made_count, messages;
	uint64_t seed, number;
} w;

static uint64_t state_of_random;

static uint64_t random_bits(void)
{
	uint64_t x = state_of_random += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

static unsigned below(unsigned n)
{
	return (unsigned)(random_bits() % n);
}

#define CHECK(condition, t)                                                                                  \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			fail_msg("SEED=%llu, %g h, incident %llx of %.*s: %s", (unsigned long long)w.seed,   \
				 (double)(w.now_ms - NOON) / HOUR_MS,                                        \
				 (unsigned long long)(t)->event.incident, (int)(t)->event.touchpoint.len,    \
				 (t)->event.touchpoint.at, #condition);                                      \
	} while (0)

/* ---- the oracle ---- */

static int parent_of(unsigned place)
{
	return place < LEAVES ? (int)(LEAVES + place / 4) : place < PLACES - 1 ? PLACES - 1 : -1;
}

static bool is_quiet(void)
{
	int64_t hour = w.now_ms / HOUR_MS % 24;
	return hour >= 22 || hour < 7;
}

static bool budget_spent(unsigned place)
{
	unsigned told = 0;
	for (unsigned i = 0; i < w.count; i++)
		told += parent_of(w.all[i].place) == parent_of(place) && w.all[i].triggers > 0 &&
			w.all[i].told_ms > w.now_ms - HOUR_MS;
	return parent_of(place) >= 0 && told >= BUDGET;
}

static bool grouped(const struct truth *t)
{
	for (int p = parent_of(t->place); p >= 0; p = parent_of((unsigned)p)) {
		const struct truth *parent = w.current[p] < 0 ? NULL : &w.all[w.current[p]];
		if (parent && parent->open && parent->event.severity >= t->event.severity &&
		    w.muted_ms[p] <= w.now_ms)
			return true;
	}
	return false;
}

static int owed(const struct truth *t)
{
	if (!t->open)
		return t->told_open ? DESK_RESOLVE : -1;
	if (!t->told_open) {
		bool seen_to = t->acked && t->event.severity <= t->acked_severity;
		return seen_to ? -1 : t->triggers ? DESK_UPDATE : DESK_TRIGGER;
	}
	if (t->acked && !t->told_ack)
		return DESK_ACKNOWLEDGE;
	bool news = t->event.number > t->told_number && (!t->acked || t->event.severity > t->told_severity);
	return news ? DESK_UPDATE : -1;
}

static bool allowed(const struct truth *t, int what)
{
	bool opening = t->open && !t->told_open, ticket = t->event.severity == ALERT_TICKET;
	if (w.muted_ms[t->place] > w.now_ms || (ticket && is_quiet() && what != DESK_ACKNOWLEDGE))
		return false;
	if (!opening)
		return true;
	if (grouped(t) || t->collected)
		return false;
	if (ticket && parent_of(t->place) >= 0 && w.now_ms < t->arrived_ms + w.options.group_wait_ms)
		return false;
	return !budget_spent(t->place);
}

/* ---- what comes out ---- */

static struct truth *made_of(const struct alert_event *event)
{
	for (unsigned i = 0; i < w.made_count; i++)
		if (w.made[i].event.incident == event->incident)
			return &w.made[i];
	w.made[w.made_count] = (struct truth){.place = PLACES};
	return &w.made[w.made_count++];
}

static struct truth *truth_of(const struct alert_event *event)
{
	for (unsigned i = 0; i < w.count; i++)
		if (w.all[i].event.incident == event->incident)
			return &w.all[i];
	char json[ALERT_JSON_MAX];
	struct truth *t = made_of(event);
	size_t len = alert_json(json, sizeof json, event, 0);
	assert_true(alert_read(&t->event, (struct str){json, len}, &w.pool));
	t->open = event->type != ALERT_RESOLVED;
	return t;
}

/* What holds whatever the settings are. */
static void take(const struct desk_message *m)
{
	struct truth *t = truth_of(&m->event);
	bool ticket = m->event.severity == ALERT_TICKET;
	w.messages++;
	CHECK(m->event.number == t->event.number, t);
	CHECK(!ticket || !is_quiet() || m->what == DESK_ACKNOWLEDGE, t);
	CHECK(t->place == PLACES || w.muted_ms[t->place] <= w.now_ms, t);
	CHECK(m->what != DESK_TRIGGER || t->triggers == 0, t);
	CHECK(m->what == DESK_TRIGGER || t->triggers == 1, t);
	CHECK((m->what == DESK_RESOLVE) == !t->open, t);
	CHECK((m->what != DESK_RESOLVE && m->what != DESK_ACKNOWLEDGE) || t->told_open, t);
	CHECK(m->what != DESK_ACKNOWLEDGE || (t->acked && !t->told_ack), t);
	if (m->what == DESK_ACKNOWLEDGE) {
		t->told_ack = true;
		return;
	}
	if (m->what != DESK_RESOLVE && !t->told_open) {
		t->told_ms = w.now_ms;
		t->acked = false;
	}
	t->triggers += m->what == DESK_TRIGGER;
	t->told_open = m->what != DESK_RESOLVE;
	t->told_number = m->event.number;
	if (m->event.severity > t->told_severity && t->told_open)
		t->told_severity = m->event.severity;
}

static void drain(unsigned how)
{
	struct desk_message m;
	while (desk_next(w.desk, w.now_ms, &m)) {
		struct truth *t = truth_of(&m.event);
		if (how == 0 && t->place < PLACES)
			CHECK((int)m.what == owed(t) && allowed(t, owed(t)), t);
		take(&m);
	}
	assert_true(desk_next_ms(w.desk) > w.now_ms);
	if (how != 0)
		return;
	for (unsigned i = 0; i < w.count; i++) {
		struct truth *t = &w.all[i];
		bool collected = t->open && desk_state(w.desk, t->event.incident) == DESK_COLLECTED;
		if (collected && !t->collected && !t->told_open) {
			CHECK(budget_spent(t->place) && !grouped(t), t);
			t->collected = true;
		}
		CHECK(owed(t) < 0 || !allowed(t, owed(t)), t);
	}
}

/* ---- what goes in ---- */

static void happen(struct truth *t, enum alert_type type, enum alert_severity severity)
{
	bool begins = type == ALERT_RAISED || type == ALERT_REOPENED;
	struct alert_event last = t->event;
	t->event.type = type;
	t->event.severity = severity;
	t->event.number = ++w.number;
	t->event.at_ms = w.now_ms;
	if (begins) {
		t->open = true;
		t->acked = t->told_ack = t->collected = false;
		t->arrived_ms = w.now_ms;
	}
	if (type == ALERT_RESOLVED) {
		t->open = false;
		t->over_ms = w.now_ms;
	}
	desk_event(w.desk, &t->event, w.now_ms);
	if (below(4) == 0)
		desk_event(w.desk, type == ALERT_RAISED ? &t->event : &last,
			   w.now_ms); /* the log is read again */
}

static void raise(unsigned place, unsigned how)
{
	struct truth *t = &w.all[w.count];
	*t = (struct truth){.place = place};
	t->event = event_of(0x1000 + w.count, ALERT_RAISED, names[place], w.now_ms);
	for (int p = parent_of(place); p >= 0; p = parent_of((unsigned)p))
		t->event = child_of(t->event, names[p]);
	if (how & SOURCES && place < LEAVES)
		t->event.source = STR("s");
	w.current[place] = (int)w.count++;
	happen(t, ALERT_RAISED, below(3) ? ALERT_TICKET : ALERT_PAGE);
}

static void step_of(unsigned place, unsigned how)
{
	struct truth *t = w.current[place] < 0 ? NULL : &w.all[w.current[place]];
	if (t == NULL || (!t->open && w.now_ms - t->over_ms > ALERT_REOPEN_MS)) {
		if (w.count < IDS)
			raise(place, how);
		return;
	}
	if (!t->open)
		happen(t, ALERT_REOPENED, below(3) ? ALERT_TICKET : ALERT_PAGE);
	else if (below(3) == 0)
		happen(t, ALERT_UPDATED, below(3) ? t->event.severity : ALERT_PAGE);
	else
		happen(t, ALERT_RESOLVED, t->event.severity);
}

static void acknowledge(unsigned place)
{
	struct truth *t = w.current[place] < 0 ? NULL : &w.all[w.current[place]];
	if (t == NULL)
		return;
	desk_ack(w.desk, t->event.incident, w.now_ms, w.now_ms);
	if (t->open && !t->acked) {
		t->acked = true;
		t->acked_severity = t->event.severity;
	}
}

static void mute(unsigned place, int64_t for_ms)
{
	w.muted_ms[place] = w.now_ms + for_ms;
	desk_mute(w.desk, str_of(names[place]), w.now_ms + for_ms, w.now_ms);
}

static void restart(void)
{
	struct desk_sent sent[2 * IDS];
	bool known[2 * IDS];
	struct truth *all[2 * IDS];
	unsigned n = 0;
	for (unsigned i = 0; i < w.count; i++)
		all[n++] = &w.all[i];
	for (unsigned i = 0; i < w.made_count; i++)
		all[n++] = &w.made[i];
	for (unsigned i = 0; i < n; i++)
		known[i] = desk_sent(w.desk, all[i]->event.incident, &sent[i]);
	desk_destroy(w.desk);
	w.desk = desk_create(&w.options, NULL);
	desk_source(w.desk, STR("s"), LEAVES);
	for (unsigned i = 0; i < n; i++)
		if (known[i])
			desk_restore(w.desk, &all[i]->event, &sent[i], w.now_ms);
	for (unsigned i = 0; i < PLACES; i++)
		if (w.muted_ms[i] > w.now_ms)
			desk_mute(w.desk, str_of(names[i]), w.muted_ms[i], w.now_ms);
}

static void one_step(unsigned how)
{
	static const int64_t pauses[] = {0,	  0,	      SECOND_MS, 20 * SECOND_MS, 5 * MINUTE_MS,
					 HOUR_MS, 7 * HOUR_MS};
	unsigned dice = below(100), place = below(PLACES);
	w.now_ms += pauses[below(7)] + below(50);
	/* now and then asked in between, as it wishes to be */
	drain(how);
	if (dice < 80)
		step_of(place, how);
	else if (dice < 88)
		acknowledge(place);
	else if (dice < 94)
		mute(place, below(3) ? (int64_t)below(10) * HOUR_MS / 2 : 0);
	else if (how & RESTARTS)
		restart();
	drain(how);
}

/* All is over, nobody is muted, nobody sleeps: whoever was told of a begin was told of the end. */
static void finish(unsigned how)
{
	for (unsigned i = 0; i < PLACES; i++) {
		mute(i, 0);
		if (w.current[i] >= 0 && w.all[w.current[i]].open)
			happen(&w.all[w.current[i]], ALERT_RESOLVED, w.all[w.current[i]].event.severity);
	}
	for (int hours = 0; hours < 24; hours++) {
		w.now_ms += HOUR_MS;
		drain(how);
	}
	for (unsigned i = 0; i < w.count; i++)
		CHECK(!w.all[i].told_open && w.all[i].triggers <= 1, &w.all[i]);
	for (unsigned i = 0; i < w.made_count; i++)
		CHECK(!w.made[i].told_open, &w.made[i]);
	w.now_ms += 2 * DAY_MS;
	drain(how);
	assert_true(desk_next_ms(w.desk) == INT64_MAX); /* and nothing is kept */
}

static unsigned run(uint64_t seed, unsigned how)
{
	state_of_random = seed;
	w = (struct world){.now_ms = NOON, .seed = seed};
	w.options = plain_options();
	w.options.group_budget = BUDGET;
	w.options.quiet_hours = "22:00-07:00";
	w.desk = desk_create(&w.options, NULL);
	desk_source(w.desk, STR("s"), LEAVES);
	for (unsigned i = 0; i < PLACES; i++)
		w.current[i] = -1;
	for (unsigned i = 0; i < 400; i++)
		one_step(how);
	finish(how);
	desk_destroy(w.desk);
	option_pool_release(&w.pool);
	return w.made_count;
}

static void runs(unsigned how, unsigned count, bool makes)
{
	const char *one = getenv("SEED");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1, last = one ? first : count;
	unsigned made = 0;
	for (uint64_t seed = first; seed <= last; seed++)
		made += run(seed, how);
	assert_true(one || !makes || made > count / 10); /* it is no test of what never happens */
}

static void messages_are_those_of_the_oracle(void **state)
{
	runs(0, 300, true);
}

static void promises_hold_over_restarts(void **state)
{
	runs(RESTARTS, 200, true);
}

static void promises_hold_while_sources_are_suspect(void **state)
{
	runs(SOURCES, 200, true);
	runs(SOURCES | RESTARTS, 200, true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_those_of_the_oracle),
		cmocka_unit_test(promises_hold_over_restarts),
		cmocka_unit_test(promises_hold_while_sources_are_suspect),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
