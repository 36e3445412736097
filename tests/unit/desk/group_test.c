#include "desk_test.h"

#define WAIT (30 * SECOND_MS)

/* ---- parents ---- */

static void a_parent_that_fires_takes_its_children(void **state)
{
	struct desk_options o = plain_options();
	struct desk *d = desk_create(&o, NULL);
	struct desk_message m;
	put(d, child_of(child_of(event_of(1, ALERT_RAISED, "a", NOON), "shop"), "all"), NOON);
	put(d, child_of(event_of(2, ALERT_RAISED, "b", NOON), "shop"), NOON);
	assert_string_equal(sent(d, NOON + WAIT - 1), "");
	assert_int_equal(desk_state(d, 1), DESK_WAITING);
	put(d, event_of(3, ALERT_RAISED, "shop", NOON), NOON + WAIT - 1);
	assert_true(desk_next(d, NOON + WAIT - 1, &m));
	assert_int_equal(m.what, DESK_TRIGGER);
	assert_int_equal(m.event.children_count, 2);
	assert_true(str_is(m.event.children[0], "a") && str_is(m.event.children[1], "b"));
	assert_int_equal(m.event.firing, 0);
	assert_string_equal(sent(d, NOON + HOUR_MS), "");
	assert_int_equal(desk_state(d, 1), DESK_GROUPED);
	/* over before its parent: nobody had heard of it */
	put(d, child_of(event_of(2, ALERT_RESOLVED, "b", NOON + HOUR_MS), "shop"), NOON + HOUR_MS);
	assert_string_equal(sent(d, NOON + HOUR_MS), "");
	put(d, event_of(3, ALERT_RESOLVED, "shop", NOON + 2 * HOUR_MS), NOON + 2 * HOUR_MS);
	assert_true(desk_next(d, NOON + 2 * HOUR_MS, &m)); /* still open, and nobody speaks for it any more */
	assert_true(m.what == DESK_TRIGGER && str_is(m.event.touchpoint, "a") && str_is(m.group, "shop"));
	assert_string_equal(sent(d, NOON + 2 * HOUR_MS), "resolve shop+1");
	desk_destroy(d);
}

static void who_may_speak_for_a_child(void **state)
{
	static const struct {
		enum alert_severity child, parent;
		enum alert_kind kind;
		enum ledger ledger;
		bool muted;
		const char *out; /* of the child, besides what the parent says */
	} rows[] = {
		{ALERT_TICKET, ALERT_TICKET, 0, 0, false, ""},
		{ALERT_TICKET, ALERT_PAGE, 0, 0, false, ""},
		{ALERT_PAGE, ALERT_PAGE, 0, 0, false, ""},
		{ALERT_PAGE, ALERT_TICKET, 0, 0, false, "trigger a"}, /* the parent says less */
		{ALERT_TICKET, ALERT_PAGE, ALERT_SILENCE, 0, false, "trigger a"},
		{ALERT_TICKET, ALERT_PAGE, 0, LEDGER_REVIEW, false, "trigger a"},
		{ALERT_TICKET, ALERT_PAGE, 0, 0, true, "trigger a"}, /* nobody hears it */
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct desk_options o = plain_options();
		const char *shop = "shop";
		if (rows[i].muted)
			o.mute = (struct option_list){&shop, 1};
		struct desk *d = desk_create(&o, NULL);
		struct alert_event parent = event_of(1, ALERT_RAISED, "shop", NOON);
		struct alert_event child = child_of(event_of(2, ALERT_RAISED, "a", NOON), "shop");
		parent.severity = rows[i].parent;
		parent.kind = rows[i].kind;
		parent.ledger = rows[i].ledger;
		child.severity = rows[i].child;
		desk_event(d, &parent, NOON);
		sent(d, NOON);
		desk_event(d, &child, NOON);
		if (strcmp(sent(d, NOON + WAIT), rows[i].out) != 0)
			fail_msg("row %u", i);
		desk_destroy(d);
	}
}

static void pages_go_at_once_and_so_do_orphans(void **state)
{
	struct desk_options o = plain_options();
	struct desk *d = desk_create(&o, NULL);
	put(d, page_of(child_of(event_of(1, ALERT_RAISED, "a", NOON), "shop")), NOON);
	put(d, child_of(event_of(2, ALERT_RAISED, "b", NOON), "shop"), NOON);
	assert_string_equal(sent(d, NOON), "trigger a");
	/* what was told goes on being told, whoever fires; what gets worse than its parent speaks up */
	put(d, event_of(3, ALERT_RAISED, "shop", NOON), NOON);
	assert_string_equal(sent(d, NOON), "trigger shop+2");
	put(d, page_of(child_of(event_of(1, ALERT_UPDATED, "a", NOON), "shop")), NOON);
	assert_string_equal(sent(d, NOON + WAIT), "update a");
	put(d, page_of(child_of(event_of(2, ALERT_UPDATED, "b", NOON), "shop")), NOON + WAIT);
	assert_string_equal(sent(d, NOON + WAIT), "trigger b");
	put(d, page_of(child_of(event_of(1, ALERT_RESOLVED, "a", NOON), "shop")), NOON + WAIT);
	assert_string_equal(sent(d, NOON + WAIT), "resolve a");
	desk_destroy(d);
}

static void lists_hold_the_worst_and_count_the_rest(void **state)
{
	struct desk_options o = plain_options();
	struct desk *d = desk_create(&o, NULL);
	struct desk_message m;
	char names[50][8];
	for (unsigned i = 0; i < 50; i++) {
		snprintf(names[i], sizeof names[i], "t%02u", (i * 7) % 50);
		struct alert_event e =
			child_of(event_of(100 + i, ALERT_RAISED, names[i], NOON + (i * 7) % 50), "shop");
		e.severity = (i * 7) % 50 == 33 ? ALERT_PAGE : ALERT_TICKET;
		desk_event(d, &e, NOON + 50);
	}
	put(d, page_of(event_of(1, ALERT_RAISED, "shop", NOON + 50)), NOON + 50);
	assert_true(desk_next(d, NOON + 50, &m) && desk_next(d, NOON + 50, &m) == false);
	assert_int_equal(m.event.children_count, ALERT_CHILDREN_MAX);
	assert_int_equal(m.event.firing, 50);
	assert_true(str_is(m.event.children[0], "t33"));
	for (unsigned i = 1; i < ALERT_CHILDREN_MAX; i++) {
		char expected[8];
		snprintf(expected, sizeof expected, "t%02u", i - 1);
		assert_true(str_is(m.event.children[i], expected));
	}
	desk_destroy(d);
}

/* ---- the budget of a parent ---- */

static void beyond_the_budget_one_message_tells_how_many(void **state)
{
	struct desk_options o = plain_options();
	o.group_budget = 3;
	struct desk *d = desk_create(&o, NULL);
	char names[20][8];
	for (unsigned i = 0; i < 20; i++) {
		snprintf(names[i], sizeof names[i], "t%u", i);
		put(d,
		    page_of(child_of(event_of(100 + i, ALERT_RAISED, names[i], NOON + i),
				     i < 19 ? "shop" : "depot")),
		    NOON + i);
	}
	assert_string_equal(sent(d, NOON + 20), "trigger t0, trigger t1, trigger t2, trigger t19");
	assert_int_equal(desk_state(d, 104), DESK_COLLECTED);
	assert_string_equal(sent(d, NOON + 20 + WAIT), "trigger more of shop+16");
	uint64_t counts[DESK_STATES];
	desk_count(d, counts);
	assert_int_equal(counts[DESK_COLLECTED], 16);
	assert_int_equal(counts[DESK_SENT], 5);
	/* all but one of them are over: not a word; then it is */
	for (unsigned i = 3; i < 18; i++)
		put(d, page_of(child_of(event_of(100 + i, ALERT_RESOLVED, names[i], NOON + i), "shop")),
		    NOON + HOUR_MS);
	assert_string_equal(sent(d, NOON + HOUR_MS), "");
	put(d, child_of(event_of(118, ALERT_RESOLVED, names[18], NOON), "shop"), NOON + HOUR_MS);
	assert_string_equal(sent(d, NOON + HOUR_MS), "resolve more of shop");
	/* an hour later there is room again */
	put(d, child_of(event_of(200, ALERT_RAISED, "new", NOON + 2 * HOUR_MS), "shop"), NOON + 2 * HOUR_MS);
	assert_string_equal(sent(d, NOON + 2 * HOUR_MS + WAIT), "trigger new");
	desk_destroy(d);
}

static void what_is_collected_is_told_again_when_doubled_or_worse(void **state)
{
	struct desk_options o = plain_options();
	o.group_budget = 1;
	struct desk *d = desk_create(&o, NULL);
	static const char *const expected[] = {
		"", "", "update more of shop+2", "", "update more of shop+4", "",
		"", "", "update more of shop+8"};
	char name[8];
	put(d, child_of(event_of(100, ALERT_RAISED, "first", NOON), "shop"), NOON);
	put(d, child_of(event_of(101, ALERT_RAISED, "t1", NOON), "shop"), NOON + 1);
	assert_string_equal(sent(d, NOON + MINUTE_MS), "trigger first");
	assert_string_equal(sent(d, NOON + 2 * MINUTE_MS), "trigger more of shop+1");
	for (unsigned i = 2; i <= 8; i++) {
		int64_t at = NOON + (i + 1) * MINUTE_MS;
		snprintf(name, sizeof name, "t%u", i);
		put(d, child_of(event_of(100 + i, ALERT_RAISED, name, at), "shop"), at);
		assert_string_equal(sent(d, at + WAIT), expected[i]);
	}
	put(d, page_of(child_of(event_of(105, ALERT_UPDATED, "t5", NOON), "shop")), NOON + 20 * MINUTE_MS);
	struct desk_message m;
	assert_true(desk_next(d, NOON + 20 * MINUTE_MS, &m));
	assert_true(m.event.collected && m.event.severity == ALERT_PAGE && m.what == DESK_UPDATE);
	assert_true(str_is(m.event.children[0], "t5"));
	assert_string_equal(sent(d, NOON + 20 * MINUTE_MS), "");
	desk_destroy(d);
}

/* ---- a source is suspect ---- */

static struct alert_event of_source(uint64_t id, enum alert_type type, unsigned touchpoint, int64_t at_ms)
{
	static char names[64][8];
	snprintf(names[touchpoint % 64], sizeof *names, "t%02u", touchpoint % 64);
	struct alert_event e = event_of(id, type, names[touchpoint % 64], at_ms);
	e.source = STR("zendesk");
	return e;
}

static void half_of_a_source_within_ten_minutes_is_the_source(void **state)
{
	static const struct {
		unsigned active, firing;
		int64_t apart_ms;
		bool suspect;
	} rows[] = {
		{10, 6, SECOND_MS, true},	{10, 5, SECOND_MS, false},
		{9, 5, SECOND_MS, true},	{4, 4, SECOND_MS, false}, /* fewer than five */
		{0, 20, SECOND_MS, false}, /* nobody said how many are active */
		{10, 6, 119 * SECOND_MS, true}, {10, 6, 2 * MINUTE_MS, false}, /* ten minutes are [0, 10) */
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct desk_options o = plain_options();
		o.group_wait_ms = HOUR_MS;
		struct desk *d = desk_create(&o, NULL);
		desk_source(d, STR("zendesk"), 7);
		desk_source(d, STR("zendesk"), rows[i].active);
		int64_t now = NOON;
		for (unsigned t = 0; t < rows[i].firing; t++, now += rows[i].apart_ms)
			put(d, of_source(100 + t, ALERT_RAISED, t, now), now);
		char expected[60] = "";
		if (rows[i].suspect)
			snprintf(expected, sizeof expected, "trigger zendesk+%u", rows[i].firing);
		if (strcmp(sent(d, now), expected) != 0)
			fail_msg("row %u", i);
		desk_destroy(d);
	}
}

static void a_suspect_takes_them_all_until_a_quarter_is_left(void **state)
{
	struct desk_options o = plain_options();
	struct desk *d = desk_create(&o, NULL);
	struct desk_message m;
	desk_source(d, STR("zendesk"), 15);
	for (unsigned t = 0; t < 8; t++)
		put(d, of_source(100 + t, ALERT_RAISED, t, NOON + t), NOON + t);
	struct alert_event second = of_source(150, ALERT_RAISED, 0, NOON + 8); /* counts once */
	second.kind = ALERT_SILENCE;
	desk_event(d, &second, NOON + 8);
	assert_true(desk_next(d, NOON + 8, &m));
	assert_true(m.what == DESK_TRIGGER && m.event.kind == ALERT_SOURCE_SUSPECT &&
		    m.event.severity == ALERT_PAGE);
	assert_true(m.event.figures.responses == 15 && m.event.figures.detractors == 8);
	assert_true(m.event.figures.onset_ms == NOON && str_is(m.group, "zendesk") &&
		    m.event.touchpoint.len == 0);
	assert_int_equal(m.event.children_count, 8);
	uint64_t id = m.event.incident;
	/* more of it are taken, pages too, and told when they have doubled */
	for (unsigned t = 8; t < 15; t++)
		put(d, page_of(of_source(100 + t, ALERT_RAISED, t, NOON + HOUR_MS)), NOON + HOUR_MS);
	assert_string_equal(sent(d, NOON + HOUR_MS), "");
	put(d, page_of(of_source(115, ALERT_RAISED, 15, NOON + HOUR_MS)), NOON + HOUR_MS);
	assert_string_equal(sent(d, NOON + HOUR_MS), "update zendesk+16");
	/* over when fewer than a quarter of 16 are left: those are told now */
	for (unsigned t = 0; t < 12; t++)
		put(d, of_source(100 + t, ALERT_RESOLVED, t, NOON + 2 * HOUR_MS), NOON + 2 * HOUR_MS);
	put(d, of_source(150, ALERT_RESOLVED, 0, NOON + 2 * HOUR_MS), NOON + 2 * HOUR_MS);
	assert_string_equal(sent(d, NOON + 2 * HOUR_MS), "");
	put(d, page_of(of_source(112, ALERT_RESOLVED, 12, NOON + 3 * HOUR_MS)), NOON + 3 * HOUR_MS);
	assert_string_equal(sent(d, NOON + 3 * HOUR_MS),
			    "resolve zendesk+3, trigger t13, trigger t14, trigger t15");
	assert_int_equal(desk_state(d, id), DESK_OVER);
	desk_destroy(d);
	/* whoever sees the same finds the same id */
	d = desk_create(&o, NULL);
	desk_source(d, STR("zendesk"), 9);
	for (unsigned t = 0; t < 5; t++)
		put(d, of_source(100 + t, ALERT_RAISED, t, NOON + 7), NOON + HOUR_MS);
	assert_true(desk_next(d, NOON + HOUR_MS, &m) && m.event.incident == id);
	desk_destroy(d);
}

/* ---- after a restart ---- */

struct stored {
	struct alert_event event;
	struct desk_sent sent;
};

static void restore(struct desk *d, const struct stored *all, unsigned count, int64_t now_ms)
{
	for (unsigned i = 0; i < count; i++)
		desk_restore(d, &all[i].event, &all[i].sent, now_ms);
}

static void what_was_told_is_not_told_again(void **state)
{
	struct desk_options o = plain_options();
	const struct stored all[] = {
		{event_of(1, ALERT_RAISED, "told", NOON),
		 {.triggered = true, .number = UINT64_MAX, .at_ms = NOON}},
		{event_of(2, ALERT_RAISED, "untold", NOON), {.triggered = false}},
		{event_of(3, ALERT_RESOLVED, "resolve-missed", NOON), {.triggered = true, .at_ms = NOON}},
		{event_of(4, ALERT_RESOLVED, "over", NOON),
		 {.triggered = true, .resolved = true, .at_ms = NOON}},
		{event_of(5, ALERT_UPDATED, "update-missed", NOON),
		 {.triggered = true, .number = 1, .at_ms = NOON}},
		{event_of(6, ALERT_UPDATED, "acked", NOON),
		 {.triggered = true, .acked = true, .number = 1, .at_ms = NOON}},
	};
	struct desk *d = desk_create(&o, NULL);
	restore(d, all, 6, NOON + MINUTE_MS);
	assert_string_equal(sent(d, NOON + MINUTE_MS),
			    "trigger untold, resolve resolve-missed, update update-missed");
	put(d, event_of(4, ALERT_REOPENED, "over", NOON + 2 * MINUTE_MS), NOON + 2 * MINUTE_MS);
	assert_string_equal(sent(d, NOON + 2 * MINUTE_MS), "update over");
	struct desk_sent now;
	assert_true(desk_sent(d, 4, &now));
	assert_true(now.triggered && !now.resolved && now.at_ms == NOON + 2 * MINUTE_MS);
	assert_false(desk_sent(d, 99, &now));
	desk_destroy(d);
}

static const char *const shops[] = {"a", "b", "c", "d"};

/* A desk that tells a suspect, more of a parent's, and a parent; what is kept of it. */
static unsigned keep_a_desk(const struct desk_options *o, struct stored all[64], struct option_pool *pool)
{
	struct desk *d = desk_create(o, NULL);
	struct desk_message m;
	unsigned n = 0, told = 0;
	desk_source(d, STR("zendesk"), 9);
	for (unsigned t = 0; t < 5; t++)
		all[n++].event = of_source(100 + t, ALERT_RAISED, t, NOON);
	for (unsigned t = 0; t < 4; t++)
		all[n++].event = child_of(event_of(200 + t, ALERT_RAISED, shops[t], NOON), "shop");
	all[n++].event = event_of(300, ALERT_RAISED, "site", NOON);
	all[n++].event = child_of(event_of(301, ALERT_RAISED, "site-1", NOON), "site");
	for (unsigned i = 0; i < n; i++)
		desk_event(d, &all[i].event, NOON);
	for (int64_t now = NOON; now <= NOON + 2 * MINUTE_MS; now += SECOND_MS)
		while (desk_next(d, now, &m)) {
			told++;
			if (!m.event.collected && m.event.kind != ALERT_SOURCE_SUSPECT)
				continue;
			char json[ALERT_JSON_MAX];
			size_t len = alert_json(json, sizeof json, &m.event, 0);
			assert_true(alert_read(&all[n++].event, (struct str){json, len}, pool));
		}
	assert_int_equal(told, 4); /* zendesk, one of shop, three more of shop, site */
	for (unsigned i = 0; i < n; i++)
		assert_true(desk_sent(d, all[i].event.incident, &all[i].sent));
	desk_destroy(d);
	return n;
}

static void groups_hold_over_a_restart(void **state)
{
	struct desk_options o = plain_options();
	o.group_budget = 1;
	struct stored all[64];
	struct option_pool pool = {0};
	unsigned n = keep_a_desk(&o, all, &pool), collected = 0;
	int64_t later = NOON + 2 * HOUR_MS; /* the budget's hour is over */
	struct desk *d = desk_create(&o, NULL);
	restore(d, all, n, later);
	assert_string_equal(sent(d, later + 10 * MINUTE_MS), "");
	assert_int_equal(desk_state(d, 104), DESK_GROUPED);
	assert_int_equal(desk_state(d, 301), DESK_GROUPED);
	for (unsigned t = 0; t < 4; t++)
		collected += desk_state(d, 200 + t) == DESK_COLLECTED;
	assert_int_equal(collected, 3);
	later += 20 * MINUTE_MS;
	for (unsigned t = 0; t < 4; t++)
		put(d, child_of(event_of(200 + t, ALERT_RESOLVED, shops[t], later), "shop"), later);
	for (unsigned t = 0; t < 5; t++)
		put(d, of_source(100 + t, ALERT_RESOLVED, t, later), later);
	const char *out = sent(d, later);
	assert_non_null(strstr(out, "resolve zendesk"));
	assert_non_null(strstr(out, "resolve more of shop"));
	desk_destroy(d);
	option_pool_release(&pool);
}

static void what_ended_unseen_is_resolved(void **state)
{
	struct desk_options o = plain_options();
	o.group_budget = 1;
	struct stored all[64];
	struct option_pool pool = {0};
	unsigned n = keep_a_desk(&o, all, &pool);
	struct desk *d = desk_create(&o, NULL);
	restore(d, all + 11, n - 11, NOON + HOUR_MS); /* none of their members is open any more */
	assert_string_equal(sent(d, NOON + HOUR_MS), "");
	const char *out = sent(d, NOON + HOUR_MS + MINUTE_MS);
	assert_non_null(strstr(out, "resolve zendesk"));
	assert_non_null(strstr(out, "resolve more of shop"));
	desk_destroy(d);
	option_pool_release(&pool);
}

/* Whom a suspect speaks for comes back with the stream, one by one, and some had come and gone. */
static void a_suspect_waits_for_its_members(void **state)
{
	struct desk_options o = plain_options();
	o.group_budget = 1;
	struct stored all[64];
	struct option_pool pool = {0};
	unsigned n = keep_a_desk(&o, all, &pool);
	int64_t later = NOON + HOUR_MS;
	struct desk *d = desk_create(&o, NULL);
	restore(d, all + 11, n - 11, later);
	put(d, all[0].event, later);
	put(d, of_source(100, ALERT_RESOLVED, 0, NOON + 1), later);
	put(d, of_source(100, ALERT_REOPENED, 0, NOON + 2), later);
	for (unsigned t = 1; t < 5; t++)
		put(d, all[t].event, later);
	assert_string_equal(sent(d, later), "");
	assert_null(strstr(sent(d, later + MINUTE_MS), "zendesk"));
	for (unsigned t = 0; t < 5; t++)
		assert_int_equal(desk_state(d, 100 + t), DESK_GROUPED);
	desk_destroy(d);
	option_pool_release(&pool);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parent_that_fires_takes_its_children),
		cmocka_unit_test(who_may_speak_for_a_child),
		cmocka_unit_test(pages_go_at_once_and_so_do_orphans),
		cmocka_unit_test(lists_hold_the_worst_and_count_the_rest),
		cmocka_unit_test(beyond_the_budget_one_message_tells_how_many),
		cmocka_unit_test(what_is_collected_is_told_again_when_doubled_or_worse),
		cmocka_unit_test(half_of_a_source_within_ten_minutes_is_the_source),
		cmocka_unit_test(a_suspect_takes_them_all_until_a_quarter_is_left),
		cmocka_unit_test(what_was_told_is_not_told_again),
		cmocka_unit_test(groups_hold_over_a_restart),
		cmocka_unit_test(what_ended_unseen_is_resolved),
		cmocka_unit_test(a_suspect_waits_for_its_members),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
