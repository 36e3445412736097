#include "desk_test.h"

/* ---- a life ---- */

static void a_life_goes_out_once(void **state)
{
	struct desk_options o = plain_options();
	struct desk *d = desk_create(&o, NULL);
	struct alert_event raised = event_of(1, ALERT_RAISED, "checkout", NOON);
	desk_event(d, &raised, NOON);
	assert_string_equal(sent(d, NOON),
			    "trigger checkout"); /* no parent, no source: nothing to wait for */
	desk_event(d, &raised, NOON); /* the log was read again */
	assert_string_equal(sent(d, NOON + 1), "");
	put(d, event_of(1, ALERT_UPDATED, "checkout", NOON + 2), NOON + 2);
	assert_string_equal(sent(d, NOON + 2), "update checkout");
	put(d, event_of(1, ALERT_RESOLVED, "checkout", NOON + 3), NOON + 3);
	assert_string_equal(sent(d, NOON + 3), "resolve checkout");
	assert_int_equal(desk_state(d, 1), DESK_OVER);
	put(d, event_of(1, ALERT_REOPENED, "checkout", NOON + HOUR_MS), NOON + HOUR_MS);
	assert_string_equal(sent(d, NOON + HOUR_MS), "update checkout"); /* no new trigger */
	put(d, event_of(1, ALERT_RESOLVED, "checkout", NOON + 2 * HOUR_MS), NOON + 2 * HOUR_MS);
	assert_string_equal(sent(d, NOON + 2 * HOUR_MS), "resolve checkout");
	assert_string_equal(sent(d, NOON + 28 * HOUR_MS), "");
	assert_int_equal(desk_state(d, 1), DESK_UNKNOWN); /* forgotten */
	assert_true(desk_next_ms(d) == INT64_MAX);
	desk_destroy(d);
}

static void a_successor_ends_the_one_before(void **state)
{
	struct desk_options o = plain_options();
	struct desk *d = desk_create(&o, NULL);
	put(d, event_of(1, ALERT_RAISED, "checkout", NOON), NOON);
	assert_string_equal(sent(d, NOON), "trigger checkout");
	struct alert_event other =
		event_of(7, ALERT_RAISED, "checkout", NOON + 1); /* another kind may stand beside it */
	other.kind = ALERT_SILENCE;
	desk_event(d, &other, NOON + 1);
	assert_string_equal(sent(d, NOON + 1), "trigger checkout");
	put(d, event_of(2, ALERT_RAISED, "checkout", NOON + 2), NOON + 2);
	assert_string_equal(sent(d, NOON + 2), "resolve checkout, trigger checkout");
	assert_int_equal(desk_state(d, 1), DESK_OVER);
	assert_int_equal(desk_state(d, 7), DESK_SENT);
	desk_destroy(d);
}

static void an_acknowledged_one_is_quiet_until_it_gets_worse(void **state)
{
	struct desk_options o = plain_options();
	struct desk *d = desk_create(&o, NULL);
	desk_ack(d, 1, NOON, NOON); /* unknown */
	put(d, event_of(1, ALERT_RAISED, "a", NOON), NOON);
	assert_string_equal(sent(d, NOON), "trigger a");
	desk_ack(d, 1, NOON, NOON);
	assert_string_equal(sent(d, NOON), "acknowledge a");
	desk_ack(d, 1, NOON, NOON);
	put(d, event_of(1, ALERT_UPDATED, "a", NOON + 1), NOON + 1);
	assert_string_equal(sent(d, NOON + 1), "");
	put(d, page_of(event_of(1, ALERT_UPDATED, "a", NOON + 2)), NOON + 2);
	assert_string_equal(sent(d, NOON + 2), "update a");
	put(d, page_of(event_of(1, ALERT_UPDATED, "a", NOON + 3)), NOON + 3);
	assert_string_equal(sent(d, NOON + 3), "");
	put(d, page_of(event_of(1, ALERT_RESOLVED, "a", NOON + 4)), NOON + 4);
	assert_string_equal(sent(d, NOON + 4), "resolve a");
	put(d, event_of(1, ALERT_REOPENED, "a", NOON + 5), NOON + 5); /* somebody thought that it was done */
	assert_string_equal(sent(d, NOON + 5), "update a");
	desk_ack(d, 1, NOON, NOON + 6); /* the store hands it in every other second: it was of what is over */
	put(d, event_of(1, ALERT_UPDATED, "a", NOON + 6), NOON + 6);
	assert_string_equal(sent(d, NOON + 6), "update a");
	desk_ack(d, 1, NOON + 7, NOON + 7);
	assert_string_equal(sent(d, NOON + 7), "acknowledge a");
	/* seen before it went out: nobody needs to be told, until it is worse than what they saw */
	put(d, child_of(event_of(2, ALERT_RAISED, "b", NOON), "x"), NOON);
	desk_ack(d, 2, NOON, NOON);
	assert_string_equal(sent(d, NOON + MINUTE_MS), "");
	put(d, page_of(event_of(2, ALERT_UPDATED, "b", NOON)), NOON + MINUTE_MS);
	desk_ack(d, 2, NOON, NOON + MINUTE_MS);
	assert_string_equal(sent(d, NOON + MINUTE_MS), "trigger b");
	desk_destroy(d);
}

/* ---- mutes and quiet hours ---- */

static void patterns_match_names(void **state)
{
	static const struct {
		const char *pattern;
		bool good;
		const char *name;
		bool muted;
	} rows[] = {
		{"checkout", true, "checkout", true},
		{"checkout", true, "checkout-2", false},
		{"check*", true, "checkout", true},
		{"checkout*", true, "checkout", true},
		{"check*", true, "chec", false},
		{"*", true, "anything", true},
		{"", false, "", false},
		{"*a", false, "a", false},
		{"a*b", false, "a*b", false},
		{"a**", false, "a", false},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		if (desk_check_mute(str_of(rows[i].pattern), &err) != rows[i].good || err.set == rows[i].good)
			fail_msg("row %u: %s", i, err.text);
		if (!rows[i].good)
			continue;
		struct desk_options o = plain_options();
		o.mute = (struct option_list){&rows[i].pattern, 1};
		struct desk *d = desk_create(&o, NULL);
		put(d, event_of(1, ALERT_RAISED, rows[i].name, NOON), NOON);
		bool out = *sent(d, NOON) != '\0';
		if (out == rows[i].muted)
			fail_msg("row %u: %s", i, rows[i].name);
		assert_int_equal(desk_state(d, 1), out ? DESK_SENT : DESK_MUTED);
		desk_destroy(d);
	}
}

static void what_is_open_at_a_mutes_end_is_told(void **state)
{
	struct desk_options o = plain_options();
	struct desk *d = desk_create(&o, NULL);
	put(d, event_of(3, ALERT_RAISED, "shop-told", NOON), NOON);
	assert_string_equal(sent(d, NOON), "trigger shop-told");
	desk_mute(d, STR("shop-*"), NOON + HOUR_MS, NOON);
	put(d, event_of(1, ALERT_RAISED, "shop-open", NOON), NOON);
	put(d, event_of(2, ALERT_RAISED, "shop-over", NOON), NOON);
	put(d, event_of(2, ALERT_RESOLVED, "shop-over", NOON + 1), NOON + 1);
	put(d, event_of(3, ALERT_RESOLVED, "shop-told", NOON + 1), NOON + 1);
	assert_string_equal(sent(d, NOON + HOUR_MS - 1), "");
	assert_true(desk_next_ms(d) == NOON + HOUR_MS);
	assert_string_equal(sent(d, NOON + HOUR_MS), "trigger shop-open, resolve shop-told");
	/* ended before its time, and by the settings */
	desk_mute(d, STR("b"), NOON + 9 * HOUR_MS, NOON + HOUR_MS);
	put(d, event_of(4, ALERT_RAISED, "b", NOON + HOUR_MS), NOON + HOUR_MS);
	assert_string_equal(sent(d, NOON + HOUR_MS), "");
	desk_mute(d, STR("b"), 0, NOON + 2 * HOUR_MS);
	assert_string_equal(sent(d, NOON + 2 * HOUR_MS), "trigger b");
	/* taken back: it is not among all that there are any more; a known one makes no work */
	desk_mute(d, STR("x"), NOON + 9 * HOUR_MS, NOON + 2 * HOUR_MS);
	desk_mute(d, STR("d"), NOON + 9 * HOUR_MS, NOON + 2 * HOUR_MS);
	put(d, event_of(15, ALERT_RAISED, "x", NOON + 2 * HOUR_MS), NOON + 2 * HOUR_MS);
	put(d, event_of(16, ALERT_RAISED, "d", NOON + 2 * HOUR_MS), NOON + 2 * HOUR_MS);
	assert_string_equal(sent(d, NOON + 2 * HOUR_MS), "");
	desk_mutes_begin(d);
	desk_mute(d, STR("d"), NOON + 9 * HOUR_MS, NOON + 2 * HOUR_MS);
	assert_true(desk_next_ms(d) > NOON + 2 * HOUR_MS);
	desk_mutes_end(d, NOON + 2 * HOUR_MS);
	assert_string_equal(sent(d, NOON + 2 * HOUR_MS), "trigger x");
	put(d, event_of(16, ALERT_RESOLVED, "d", NOON + 2 * HOUR_MS), NOON + 2 * HOUR_MS);
	desk_mutes_begin(d);
	desk_mutes_end(d, NOON + 2 * HOUR_MS);
	assert_string_equal(sent(d, NOON + 2 * HOUR_MS), "");
	const char *all = "*";
	o.mute = (struct option_list){&all, 1};
	desk_set_options(d, &o, NOON + 3 * HOUR_MS);
	put(d, event_of(5, ALERT_RAISED, "c", NOON + 3 * HOUR_MS), NOON + 3 * HOUR_MS);
	assert_string_equal(sent(d, NOON + 3 * HOUR_MS), "");
	assert_true(desk_next_ms(d) > NOON + DAY_MS);
	o.mute.count = 0;
	desk_set_options(d, &o, NOON + 4 * HOUR_MS);
	assert_string_equal(sent(d, NOON + 4 * HOUR_MS), "trigger c");
	desk_destroy(d);
}

static void quiet_hours_are_read(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"22:00-07:00", true},
		{"0:00-24:00", false},
		{"7:30-9:05", true},
		{"00:00-06:00", true},
		{"18:00-24:00", true},
		{"22:00-22:00", false},
		{"22-07", false},
		{"22:00", false},
		{"22:00-7:0", false},
		{"24:01-07:00", false},
		{"22:60-07:00", false},
		{"", false},
		{"-", false},
		{"a:00-07:00", false},
		{"22:00-07:00 ", false},
		{"122:00-07:00", false},
		{"22:00-07:000", false},
		{":00-07:00", false},
		{"22:00:00-07:00", false},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		if (desk_check_quiet_hours(str_of(rows[i].text), &err) != rows[i].good ||
		    err.set == rows[i].good)
			fail_msg("%s: %s", rows[i].text, err.text);
	}
}

/* When a ticket that is raised at a time goes out, by the clock in Berlin. 2024-03-31 has no 2:00-3:00,
 * 2024-10-27 has it twice. */
static void tickets_wait_for_the_end_of_quiet_hours(void **state)
{
	static const int64_t march = 1711756800000LL /* 2024-03-30 00:00 UTC */,
			     october = 1729900800000LL; /* 2024-10-26 */
	const struct {
		const char *hours;
		int64_t raised_ms, out_ms;
	} rows[] = {
		{"22:00-07:00", NOON, NOON},
		{"22:00-07:00", NOON + 8 * HOUR_MS - 1, NOON + 8 * HOUR_MS - 1}, /* 21:59:59.999 */
		{"22:00-07:00", NOON + 8 * HOUR_MS, NOON + 17 * HOUR_MS}, /* 22:00 to 7:00 */
		{"22:00-07:00", NOON + 17 * HOUR_MS - 1, NOON + 17 * HOUR_MS},
		{"22:00-07:00", NOON + 17 * HOUR_MS, NOON + 17 * HOUR_MS},
		{"09:00-17:30", NOON, NOON + 3 * HOUR_MS + 30 * MINUTE_MS},
		{"22:00-07:00", march + 22 * HOUR_MS, march + 29 * HOUR_MS}, /* 23:00 to 7:00, 7 hours */
		{"22:00-07:00", october + 22 * HOUR_MS, october + 30 * HOUR_MS}, /* 24:00 to 7:00, 8 hours */
		{NULL, NOON + 12 * HOUR_MS, NOON + 12 * HOUR_MS},
	};
	struct err err = {0};
	struct zone *berlin = zone_open("Europe/Berlin", &err);
	assert_non_null(berlin);
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct desk_options o = plain_options();
		o.quiet_hours = rows[i].hours;
		struct desk *d = desk_create(&o, berlin);
		struct desk_message m;
		int64_t now_ms = rows[i].raised_ms;
		put(d, event_of(1, ALERT_RAISED, "a", now_ms), now_ms);
		while (!desk_next(d, now_ms, &m)) {
			assert_int_equal(desk_state(d, 1), DESK_HELD);
			now_ms = desk_next_ms(d);
		}
		if (now_ms != rows[i].out_ms)
			fail_msg("row %u: %g h late", i, (double)(now_ms - rows[i].out_ms) / HOUR_MS);
		desk_destroy(d);
	}
	zone_close(berlin);
}

static void held_ones_are_judged_again(void **state)
{
	struct desk_options o = plain_options();
	o.quiet_hours = "22:00-07:00";
	struct desk *d = desk_create(&o, NULL);
	int64_t night = NOON + 10 * HOUR_MS, morning = NOON + 19 * HOUR_MS;
	put(d, event_of(9, ALERT_RAISED, "told", NOON), NOON);
	assert_string_equal(sent(d, NOON), "trigger told");
	put(d, event_of(1, ALERT_RAISED, "over", night), night);
	put(d, event_of(2, ALERT_RAISED, "open", night), night);
	put(d, page_of(event_of(3, ALERT_RAISED, "page", night)), night);
	put(d, event_of(4, ALERT_RAISED, "worse", night), night);
	put(d, event_of(9, ALERT_UPDATED, "told", night), night);
	assert_string_equal(sent(d, night), "trigger page");
	put(d, page_of(event_of(4, ALERT_UPDATED, "worse", night)), night + 1);
	assert_string_equal(sent(d, night + 1), "trigger worse");
	put(d, event_of(1, ALERT_RESOLVED, "over", night + 2), night + 2);
	struct alert_event newest = event_of(2, ALERT_UPDATED, "open", night + 2);
	newest.figures.responses = 999;
	desk_event(d, &newest, night + 2);
	assert_string_equal(sent(d, morning - 1), "");
	struct desk_message m;
	assert_true(desk_next(d, morning, &m));
	assert_true(str_is(m.event.touchpoint, "told") && m.what == DESK_UPDATE);
	assert_true(desk_next(d, morning, &m));
	assert_true(str_is(m.event.touchpoint, "open") && m.what == DESK_TRIGGER);
	assert_int_equal(m.event.figures.responses, 999);
	assert_string_equal(sent(d, morning), "");
	/* pages too, when the settings say so; an acknowledgement is somebody who is awake */
	o.quiet_severity = ALERT_PAGE;
	desk_set_options(d, &o, night + DAY_MS);
	put(d, page_of(event_of(5, ALERT_RAISED, "late", night + DAY_MS)), night + DAY_MS);
	desk_ack(d, 2, night + DAY_MS, night + DAY_MS);
	assert_string_equal(sent(d, night + DAY_MS), "acknowledge open");
	assert_string_equal(sent(d, morning + DAY_MS), "trigger late");
	desk_destroy(d);
}

static void a_test_goes_out_at_once(void **state)
{
	const char *all = "*";
	struct desk_options o = plain_options();
	o.quiet_hours = "00:00-23:59";
	o.mute = (struct option_list){&all, 1};
	struct desk *d = desk_create(&o, NULL);
	struct alert_event e = child_of(event_of(1, ALERT_RAISED, "checkout", NOON), "shop");
	e.test = true;
	desk_event(d, &e, NOON);
	assert_string_equal(sent(d, NOON), "trigger checkout");
	desk_destroy(d);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_life_goes_out_once),
		cmocka_unit_test(a_successor_ends_the_one_before),
		cmocka_unit_test(an_acknowledged_one_is_quiet_until_it_gets_worse),
		cmocka_unit_test(patterns_match_names),
		cmocka_unit_test(what_is_open_at_a_mutes_end_is_told),
		cmocka_unit_test(quiet_hours_are_read),
		cmocka_unit_test(tickets_wait_for_the_end_of_quiet_hours),
		cmocka_unit_test(held_ones_are_judged_again),
		cmocka_unit_test(a_test_goes_out_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
