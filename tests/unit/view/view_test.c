#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "view/view.h"

static const char *value_of(const struct view_fields *fields, const char *name)
{
	for (unsigned i = 0; i < fields->count; i++)
		if (str_is(str_of(fields->at[i].name), name))
			return fields->at[i].value;
	return NULL;
}

/* All fields as "name=value name=value ...". */
static const char *as_text(const struct view_fields *fields)
{
	static char text[2048];
	size_t len = 0;
	for (unsigned i = 0; i < fields->count; i++) {
		assert_int_equal(strlen(fields->at[i].value), fields->at[i].len);
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s=%s", i ? " " : "",
					fields->at[i].name, fields->at[i].value);
	}
	return text;
}

static void a_survey_window_has_the_contracts_fields_in_order(void **state)
{
	struct window_reading reading = {.from_ms = 1700000000000,
					 .to_ms = 1700000300000,
					 .bins = {0, 0, 1, 0, 0, 0, 1, 2, 0, 3, 1},
					 .before = {.p = 4, .q = 4, .d = 2}};
	struct view_fields fields;
	view_fields(&fields, LEDGER_SURVEY, &reading);
	const char *text = as_text(&fields);
	char want[2048];
	snprintf(want, sizeof want,
		 "nps=25 nps_low=%s nps_high=%s responses=8 promoters=4 passives=2 detractors=2 "
		 "detractor_rate=0.25"
		 " histogram=0,0,1,0,0,0,1,2,0,3,1 previous_nps=20 previous_responses=10 change=5 change_p=%s"
		 " from_ms=1700000000000 to_ms=1700000300000",
		 value_of(&fields, "nps_low"), value_of(&fields, "nps_high"), value_of(&fields, "change_p"));
	assert_string_equal(text, want);
	view_fields(&fields, LEDGER_RELATIONSHIP, &reading);
	assert_string_equal(as_text(&fields), want);
}

static void stars_have_a_net_value_and_five_bins(void **state)
{
	struct window_reading reading = {.to_ms = 1000, .bins = {0, 1, 0, 1, 2, 6}, .before = {.d = 1}};
	struct view_fields fields;
	view_fields(&fields, LEDGER_REVIEW, &reading);
	assert_string_equal(value_of(&fields, "net"), "70");
	assert_string_equal(value_of(&fields, "positive"), "8");
	assert_string_equal(value_of(&fields, "neutral"), "1");
	assert_string_equal(value_of(&fields, "negative"), "1");
	assert_string_equal(value_of(&fields, "negative_rate"), "0.1");
	assert_string_equal(value_of(&fields, "histogram"), "1,0,1,2,6");
	assert_string_equal(value_of(&fields, "previous_net"), "-100");
	assert_string_equal(value_of(&fields, "change"), "170");
	assert_null(value_of(&fields, "nps"));
	assert_null(value_of(&fields, "promoters"));
	assert_null(value_of(&fields, "unread"));
}

static void unread_posts_are_beside_the_net_value_not_in_it(void **state)
{
	struct window_reading reading = {
		.bins = {[BIN_NEGATIVE] = 1, [BIN_NEUTRAL] = 2, [BIN_POSITIVE] = 3, [BIN_UNREAD] = 9}};
	struct view_fields fields;
	view_fields(&fields, LEDGER_SOCIAL, &reading);
	assert_string_equal(value_of(&fields, "responses"), "6");
	assert_string_equal(value_of(&fields, "histogram"), "1,2,3");
	assert_string_equal(value_of(&fields, "unread"), "9");
	assert_string_equal(value_of(&fields, "net"),
			    "33.333333333333336"); /* 100 * 2 / 6, shortest that reads back */
}

static void without_responses_there_is_no_value(void **state)
{
	struct window_reading reading = {.from_ms = 1000, .to_ms = 301000, .before = {.p = 1}};
	struct view_fields fields;
	view_fields(&fields, LEDGER_SURVEY, &reading);
	assert_string_equal(as_text(&fields),
			    "responses=0 promoters=0 passives=0 detractors=0 histogram=0,0,0,0,0,0,0,0,0,0,0"
			    " previous_nps=100 previous_responses=1 from_ms=1000 to_ms=301000");
	reading.before = (struct nps_counts){0};
	view_fields(&fields, LEDGER_REVIEW, &reading);
	assert_string_equal(as_text(&fields),
			    "responses=0 positive=0 neutral=0 negative=0 histogram=0,0,0,0,0"
			    " previous_responses=0 from_ms=1000 to_ms=301000");
}

static void every_value_reads_back_equal(void **state)
{
	struct window_reading reading = {.bins = {1, 0, 0, 0, 0, 0, 2, 7, 0, 11, 2},
					 .before = {.p = 3, .q = 1, .d = 3}};
	struct view_fields fields;
	struct nps_counts now = nps_of_bins(LEDGER_SURVEY, reading.bins);
	struct nps_interval interval;
	double nps = 0, p = 0;
	view_fields(&fields, LEDGER_SURVEY, &reading);
	assert_true(nps_score(now, &nps) && nps_interval(now, &interval) &&
		    nps_change_p(now, reading.before, &p));
	assert_true(strtod(value_of(&fields, "nps"), NULL) == nps);
	assert_true(strtod(value_of(&fields, "nps_low"), NULL) == interval.low);
	assert_true(strtod(value_of(&fields, "nps_high"), NULL) == interval.high);
	assert_true(strtod(value_of(&fields, "change_p"), NULL) == p);
	assert_true(strtod(value_of(&fields, "change"), NULL) == nps);
}

static void the_largest_counts_fit(void **state)
{
	struct window_reading reading = {
		.from_ms = 4102444800000, .to_ms = 4102444800000, .before = {1000000000000000, 1, 1}};
	for (unsigned i = 0; i < BINS; i++)
		reading.bins[i] = 100000000000000000 + i;
	for (unsigned ledger = 0; ledger < LEDGERS; ledger++) {
		struct view_fields fields;
		view_fields(&fields, ledger, &reading);
		assert_true(strlen(as_text(&fields)) > 100);
	}
}

/* With responses now and before, a hash has all the names the contract lists, in that order. */
static void the_list_of_names_is_what_is_given(void **state)
{
	struct window_reading reading = {.bins = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, .before = {1, 1, 1}};
	for (unsigned ledger = 0; ledger < LEDGERS; ledger++) {
		struct view_fields fields;
		const char *const *names = view_field_names(ledger);
		view_fields(&fields, ledger, &reading);
		for (unsigned i = 0; i < fields.count; i++) {
			assert_non_null(names[i]);
			assert_string_equal(fields.at[i].name, names[i]);
		}
		assert_null(names[fields.count]);
	}
}

static void an_alert_hash_says_what_there_is(void **state)
{
	static const struct {
		struct view_alert alert;
		const char *text;
	} rows[] = {
		{{.ledger = LEDGER_REVIEW, .baseline_rate = 0.2},
		 "ledger=review detector=learning baseline_rate=0.2 learned_responses=0"},
		/* without an incident the rest says nothing, whatever it holds */
		{{.ready = true,
		  .baseline_rate = 0.125,
		  .learned_responses = 420,
		  .open = true,
		  .responses = 9},
		 "ledger=survey detector=ready baseline_rate=0.125 learned_responses=420"},
		{{.ready = true,
		  .baseline_rate = 0.25,
		  .learned_responses = 1000,
		  .incident = 0xa1,
		  .open = true,
		  .kind = ALERT_DETRACTOR_SPIKE,
		  .severity = ALERT_PAGE,
		  .raised_ms = 1700000060000,
		  .changed_ms = 1700000120000,
		  .onset_ms = 1700000000000,
		  .responses = 40,
		  .counted = 20,
		  .rate = 0.5,
		  .rate_low = 0.375,
		  .rate_high = 0.625},
		 "ledger=survey detector=ready baseline_rate=0.25 learned_responses=1000 "
		 "incident=00000000000000a1 state=open kind=detractor_spike severity=page "
		 "raised_ms=1700000060000 changed_ms=1700000120000 onset_ms=1700000000000 "
		 "responses=40 detractors=20 rate=0.5 rate_low=0.375 rate_high=0.625"},
		/* what was counted is called as it is called in this ledger */
		{{.ledger = LEDGER_REVIEW,
		  .incident = 1,
		  .open = true,
		  .responses = 4,
		  .counted = 3,
		  .rate = 0.75,
		  .rate_low = 0.25,
		  .rate_high = 1},
		 "ledger=review detector=learning baseline_rate=0 learned_responses=0 "
		 "incident=0000000000000001 state=open kind=detractor_spike severity=ticket "
		 "raised_ms=0 changed_ms=0 onset_ms=0 responses=4 negative=3 rate=0.75 rate_low=0.25 "
		 "rate_high=1"},
		/* what is over has no figures any more */
		{{.ledger = LEDGER_SOCIAL,
		  .baseline_rate = 0.5,
		  .incident = UINT64_MAX,
		  .kind = ALERT_PROMOTER_RISE,
		  .raised_ms = 1,
		  .changed_ms = 2,
		  .onset_ms = 0,
		  .responses = 40,
		  .rate = 0.5},
		 "ledger=social detector=learning baseline_rate=0.5 learned_responses=0 "
		 "incident=ffffffffffffffff state=resolved kind=promoter_rise severity=ticket "
		 "raised_ms=1 changed_ms=2 onset_ms=0"},
		/* a silence has none at all */
		{{.ledger = LEDGER_RELATIONSHIP,
		  .incident = 0x9f3c27d1b04e6a58,
		  .open = true,
		  .kind = ALERT_SILENCE,
		  .raised_ms = 3,
		  .changed_ms = 3,
		  .onset_ms = 1,
		  .responses = 40},
		 "ledger=relationship detector=learning baseline_rate=0 learned_responses=0 "
		 "incident=9f3c27d1b04e6a58 state=open kind=silence severity=ticket "
		 "raised_ms=3 changed_ms=3 onset_ms=1"},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct view_fields fields;
		view_alert_fields(&fields, &rows[i].alert);
		assert_string_equal(as_text(&fields), rows[i].text);
	}
}

static void names_are_safe_in_a_key(void **state)
{
	static const struct {
		struct str name;
		const char *key;
	} rows[] = {
		{{"checkout", 8}, "checkout"},
		{{"a b/c:d", 7}, "a b/c:d"},
		{{"Caf\xC3\xA9", 5}, "Caf\xC3\xA9"},
		{{"{x}", 3}, "%7Bx%7D"},
		{{"100%", 4}, "100%25"},
		{{"a\0b\n\x7f", 5}, "a%00b%0A%7F"},
		{{"", 0}, ""},
	};
	char key[VIEW_NAME_MAX + 1];
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(view_key_name(key, rows[i].name), strlen(rows[i].key));
		assert_string_equal(key, rows[i].key);
	}
}

static void long_names_stay_different_and_whole(void **state)
{
	char name[500], one[VIEW_NAME_MAX + 1], other[VIEW_NAME_MAX + 1];
	memset(name, 'x', sizeof name);
	assert_int_equal(view_key_name(one, (struct str){name, 200}), 200);
	assert_int_equal(strspn(one, "x"), 200);
	assert_int_equal(view_key_name(one, (struct str){name, 201}), 200);
	assert_int_equal(strspn(one, "x"), 183);
	assert_int_equal(one[183], '~');
	assert_int_equal(view_key_name(other, (struct str){name, 202}), 200);
	assert_string_not_equal(one, other);
	for (size_t i = 1; i + 1 < sizeof name; i += 2)
		memcpy(name + i, "\xC3\xA9", 2); /* x, then é é é: 183 is the middle of one */
	assert_int_equal(view_key_name(one, (struct str){name, 499}), 200);
	assert_int_equal((unsigned char)one[182], 0xA9);
	assert_int_equal(one[183], '~');
	size_t len = view_key_name(one, (struct str){name + 1, 498}); /* only é: 183 would cut one in two */
	assert_int_equal(len, 199);
	assert_int_equal(one[len - 17], '~');
	assert_int_equal((unsigned char)one[len - 18], 0xA9);
	memset(name, '%', sizeof name);
	len = view_key_name(one, (struct str){name, 499});
	assert_true(len <= 200 && (len - 17) % 3 == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_survey_window_has_the_contracts_fields_in_order),
		cmocka_unit_test(stars_have_a_net_value_and_five_bins),
		cmocka_unit_test(unread_posts_are_beside_the_net_value_not_in_it),
		cmocka_unit_test(without_responses_there_is_no_value),
		cmocka_unit_test(every_value_reads_back_equal),
		cmocka_unit_test(the_largest_counts_fit),
		cmocka_unit_test(the_list_of_names_is_what_is_given),
		cmocka_unit_test(an_alert_hash_says_what_there_is),
		cmocka_unit_test(names_are_safe_in_a_key),
		cmocka_unit_test(long_names_stay_different_and_whole),
	};
	return cmocka_run_group_tests_name("view/view", tests, NULL, NULL);
}
