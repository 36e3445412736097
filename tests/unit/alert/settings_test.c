#include "alert_test.h"

static void defaults_are_a_page_a_week_and_a_ticket_a_day(void **state)
{
	struct alert_options o;
	struct option_pool pool = {0};
	option_defaults(alert_options, &o, &pool);
	assert_true(o.enabled && o.silence && !o.promoter_rise);
	assert_true(o.pages_per_week == 1 && o.tickets_per_week == 7 && o.rise_min == 0);
	assert_true(o.page_every_ms == 0 && o.ticket_every_ms == 0);
	assert_null(o.dashboard);
	assert_null(o.runbook);
	option_pool_release(&pool);
}

static void budgets_are_shared(void **state)
{
	static const struct {
		struct alert_options options;
		double known, parents;
		bool parent;
		double ticket_days, page_days;
	} rows[] = {
		{{.pages_per_week = 1, .tickets_per_week = 7}, 1, 0, false, 1, 7},
		{{.pages_per_week = 1, .tickets_per_week = 7},
		 0,
		 0,
		 false,
		 1,
		 7}, /* the first one is on its way */
		{{.pages_per_week = 1, .tickets_per_week = 7}, 10000, 0, false, 10000, 70000},
		{{.pages_per_week = 1, .tickets_per_week = 7}, 800, 10, false, 1000, 7000},
		{{.pages_per_week = 1, .tickets_per_week = 7}, 800, 10, true, 50, 350},
		{{.pages_per_week = 1, .tickets_per_week = 7, .page_every_ms = 365LL * 24 * HOUR_MS},
		 50,
		 1,
		 false,
		 62.5,
		 365},
		{{.ticket_every_ms = 36 * HOUR_MS}, 50, 1, true, 1.5, INFINITY},
		{{.pages_per_week = 0, .tickets_per_week = 7}, 1, 0, false, 1, INFINITY},
		{{.pages_per_week = 1, .tickets_per_week = 0}, 1, 0, false, 7, 7}, /* all are pages */
		{{.pages_per_week = 14, .tickets_per_week = 7}, 1, 0, false, 0.5, 0.5},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct alert_budget b =
			alert_budget(&rows[i].options, rows[i].known, rows[i].parents, rows[i].parent);
		double off = fabs(b.ticket_days / rows[i].ticket_days - 1);
		bool page =
			b.page_days == rows[i].page_days || fabs(b.page_days / rows[i].page_days - 1) < 1e-12;
		if (off > 1e-12 || !page)
			fail_msg("row %u: %g %g", i, b.ticket_days, b.page_days);
	}
	/* all of them together stay within the week's */
	struct alert_options o = {.pages_per_week = 1, .tickets_per_week = 7};
	double a_week = 800 * 7 / alert_budget(&o, 800, 10, false).page_days +
			10 * 7 / alert_budget(&o, 800, 10, true).page_days;
	assert_true(fabs(a_week - 1) < 1e-12);
}

static void links_are_checked_and_filled_in(void **state)
{
	static const struct {
		const char *link, *made; /* NULL: refused */
	} rows[] = {
		{"https://x/d", "https://x/d"},
		{"http://x/?t={touchpoint}&l={ledger}", "http://x/?t=a%2Fb%20%C3%A9~&l=review"},
		{"https://x/{touchpoint}/{touchpoint}", "https://x/a%2Fb%20%C3%A9~/a%2Fb%20%C3%A9~"},
		{"https://x/{name}", NULL},
		{"https://x/}", NULL},
		{"https://x/a b", NULL},
		{"javascript:alert(1)", NULL},
		{"https://", NULL},
		{"", NULL},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		char out[100];
		bool fine = alert_check_link(str_of(rows[i].link), &err);
		if (fine != (rows[i].made != NULL) || fine == err.set)
			fail_msg("row %u: %s", i, err.text);
		if (!fine)
			continue;
		size_t len = alert_link(out, sizeof out, str_of(rows[i].link), STR("a/b \xc3\xa9~"),
					LEDGER_REVIEW);
		assert_string_equal(out, rows[i].made);
		assert_int_equal(len, strlen(out));
		for (size_t max = 0; max <= len; max++) { /* never beyond the end */
			char *tight = malloc(max ? max : 1);
			assert_int_equal(alert_link(tight, max, str_of(rows[i].link), STR("a/b \xc3\xa9~"),
						    LEDGER_REVIEW),
					 0);
			free(tight);
		}
	}
}

static void names_read_back(void **state)
{
	for (int i = 0; i < ALERT_KINDS; i++) {
		enum alert_kind kind;
		assert_true(alert_kind_from(str_of(alert_kind_name((enum alert_kind)i)), &kind) &&
			    (int)kind == i);
	}
	enum alert_type type;
	enum alert_severity severity;
	assert_true(alert_type_from(STR("reopened"), &type) && type == ALERT_REOPENED);
	assert_true(alert_severity_from(STR("page"), &severity) && severity == ALERT_PAGE);
	assert_false(alert_severity_from(STR("Page"), &severity) || alert_type_from(STR(""), &type));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_a_page_a_week_and_a_ticket_a_day),
		cmocka_unit_test(budgets_are_shared),
		cmocka_unit_test(links_are_checked_and_filled_in),
		cmocka_unit_test(names_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
