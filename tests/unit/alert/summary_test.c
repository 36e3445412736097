#include "alert_test.h"

static const char *said(const struct alert_event *event, int64_t utc_offset_s)
{
	static char out[ALERT_SUMMARY_MAX + 1];
	size_t len = alert_summary(out, event, utc_offset_s);
	assert_int_equal(len, strlen(out));
	return out;
}

static void each_kind_and_type_has_its_sentence(void **state)
{
	static const struct {
		enum alert_kind kind;
		enum alert_type type;
		enum ledger ledger;
		double baseline, rate;
		int64_t responses, detractors;
		const char *sentence;
	} rows[] = {
		{0, ALERT_RAISED, LEDGER_SURVEY, .16, .41, 57, 23,
		 "Checkout: 41 % detractors (normal 16 %), 57 answers since 02:14; by chance once in 43 "
		 "days"},
		{0, ALERT_REOPENED, LEDGER_RELATIONSHIP, .16, .41, 1, 1,
		 "Checkout: again 41 % detractors (normal 16 %), 1 relationship answer since 02:14; by "
		 "chance once in 43 "
		 "days"},
		{0, ALERT_UPDATED, LEDGER_SOCIAL, .16, .41, 57, 23,
		 "Checkout: 41 % negative posts (normal 16 %), 57 posts since 02:14; by chance once in 43 "
		 "days"},
		{0, ALERT_UPDATED, LEDGER_REVIEW, .155, .165, 57, 23,
		 "Checkout: 16.5 % 1-2 star reviews (normal 15.5 %), 57 reviews since 02:14; by chance once "
		 "in 43 days"},
		{0, ALERT_UPDATED, LEDGER_SURVEY, NAN, .004, 57, 23,
		 "Checkout: 0.4 % detractors, 57 answers since 02:14; by chance once in 43 days"},
		{0, ALERT_RESOLVED, LEDGER_SURVEY, .16, .17, 212, 36,
		 "Checkout: over after 43 min: 17 % detractors, 212 answers"},
		{ALERT_PROMOTER_RISE, ALERT_RAISED, LEDGER_SURVEY, .45, .61, 57, 35,
		 "Checkout: 61 % promoters (normal 45 %), 57 answers since 02:14; by chance once in 43 days"},
		{ALERT_PROMOTER_RISE, ALERT_RESOLVED, LEDGER_REVIEW, .45, .46, 57, 35,
		 "Checkout: over after 43 min: 46 % 4-5 star reviews, 57 reviews"},
		{ALERT_SILENCE, ALERT_RAISED, LEDGER_SURVEY, 34 * 24, 0, 24, 24,
		 "Checkout: no answers since 02:14, normally 34 an hour; by chance once in 43 days"},
		{ALERT_SILENCE, ALERT_UPDATED, LEDGER_SOCIAL, 12, 2, 24, 21,
		 "Checkout: only 3 posts since 02:14, normally 12 a day; by chance once in 43 days"},
		{ALERT_SILENCE, ALERT_RAISED, LEDGER_SURVEY, 24 * 60 * 50, 0, 24, 24,
		 "Checkout: no answers since 02:14, normally 50 a minute; by chance once in 43 days"},
		{ALERT_SILENCE, ALERT_RESOLVED, LEDGER_SURVEY, 1, 1, 24, 21,
		 "Checkout: answers again after 43 min, normally 7 a week"},
		{ALERT_SOURCE_SUSPECT, ALERT_RAISED, LEDGER_SURVEY, NAN, .6, 20, 12,
		 "Source zendesk: 12 of 20 touchpoints fire at once since 02:14; is its scale reversed or "
		 "its mapping broken?"},
		{ALERT_SOURCE_SUSPECT, ALERT_RESOLVED, LEDGER_SURVEY, NAN, .1, 20, 2,
		 "Source zendesk: over, after 43 min 2 of 20 touchpoints still fire"},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct alert_event e = checkout();
		e.kind = rows[i].kind;
		e.type = rows[i].type;
		e.ledger = rows[i].ledger;
		e.source = STR("zendesk");
		e.figures.baseline_rate = rows[i].baseline;
		e.figures.rate = rows[i].rate;
		e.figures.responses = rows[i].responses;
		e.figures.detractors = rows[i].detractors;
		assert_string_equal(said(&e, 0), rows[i].sentence);
	}
}

static void times_and_chances_are_as_people_count(void **state)
{
	static const struct {
		int64_t after_ms, offset_s;
		double days;
		const char *end;
	} rows[] = {
		{43 * MINUTE_MS, 7200, 43.2, " since 04:14; by chance once in 43 days"},
		{43 * MINUTE_MS, -3 * 3600, 43.2, " since 23:14; by chance once in 43 days"},
		{30 * HOUR_MS, 0, .9, " since 2 Jun 02:14; by chance once in 22 h"},
		{30 * HOUR_MS, -3 * 3600, 3650, " since 1 Jun 23:14; by chance once in 10 years"},
		{0, 0, 1e9, " since 02:14; by chance once in over 1000 years"},
		{0, 0, INFINITY, " since 02:14; by chance once in over 1000 years"},
		{0, 0, NAN, " since 02:14"},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct alert_event e = checkout();
		e.at_ms = e.figures.onset_ms + rows[i].after_ms;
		e.figures.evidence_days = rows[i].days;
		const char *sentence = said(&e, rows[i].offset_s);
		assert_string_equal(strstr(sentence, " since"), rows[i].end);
	}
	static const struct {
		int64_t after_ms;
		const char *said;
	} lengths[] = {
		{0, "1 min"}, {119 * MINUTE_MS, "119 min"}, {7 * HOUR_MS, "7 h"}, {72 * HOUR_MS, "3 days"}};
	for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct alert_event e = checkout();
		e.type = ALERT_RESOLVED;
		e.at_ms = e.figures.onset_ms + lengths[i].after_ms;
		assert_non_null(strstr(said(&e, 0), lengths[i].said));
	}
}

static void what_the_desk_makes_has_its_sentence(void **state)
{
	struct alert_event e = checkout();
	e.collected = true;
	e.children[0] = e.children[1] = e.children[2] = STR("a");
	e.children_count = 1;
	assert_string_equal(said(&e, 0), "Checkout: 1 more of its touchpoints fires");
	e.children_count = 3;
	e.firing = 2; /* it can't be fewer than are listed */
	assert_string_equal(said(&e, 0), "Checkout: 3 more of its touchpoints fire");
	e.firing = 12;
	assert_string_equal(said(&e, 0), "Checkout: 12 more of its touchpoints fire");
	e.type = ALERT_RESOLVED;
	assert_string_equal(said(&e, 0), "Checkout: none of its other touchpoints fires any more");
}

static void labels_are_cut_and_cleaned(void **state)
{
	static const char tail[] =
		": 41 % detractors (normal 16 %), 57 answers since 02:14; by chance once in 43 days";
	char label[1000];
	struct alert_event e = checkout();
	e.label = STR("");
	assert_memory_equal(said(&e, 0), "checkout: 41", 12);
	e.label = STR("a\nb\x7f\x01\xc2\x85 \xff\xc3\xa9\xed\xa0\x80");
	assert_memory_equal(said(&e, 0), "a b    ?\xc3\xa9???:", 14);
	e.test = true;
	assert_memory_equal(said(&e, 0), "TEST: a b", 9);
	e.test = false;
	static const char *const characters[] = {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	for (unsigned c = 0; c < 4; c++) {
		size_t bytes = strlen(characters[c]);
		for (size_t n = 1; n * bytes < sizeof label && n < 240; n++) {
			for (size_t i = 0; i < n; i++)
				memcpy(label + i * bytes, characters[c], bytes);
			e.label = (struct str){label, n * bytes};
			const char *sentence = said(&e, 0);
			size_t len = strlen(sentence), room = ALERT_SUMMARY_MAX - (sizeof tail - 1);
			assert_string_equal(sentence + len - (sizeof tail - 1), tail);
			size_t kept = len - (sizeof tail - 1);
			assert_true(len <= ALERT_SUMMARY_MAX);
			if (n * bytes <= room) {
				assert_int_equal(kept, n * bytes);
				continue;
			}
			assert_memory_equal(sentence + kept - 3, "\u2026", 3);
			assert_int_equal((kept - 3) % bytes, 0);
			assert_true(kept + bytes > room);
		}
	}
}

static void numbers_of_any_size_fit(void **state)
{
	struct alert_event e = checkout();
	e.figures = (struct alert_figures){1e300, 1e300, 0, 0, 1e300, 0, 0, INT64_MAX, 0, AT_0214};
	for (int kind = 0; kind < ALERT_KINDS; kind++)
		for (int type = 0; type < 4; type++) {
			e.kind = (enum alert_kind)kind;
			e.type = (enum alert_type)type;
			assert_true(strlen(said(&e, 0)) <= ALERT_SUMMARY_MAX);
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_and_type_has_its_sentence),
		cmocka_unit_test(times_and_chances_are_as_people_count),
		cmocka_unit_test(what_the_desk_makes_has_its_sentence),
		cmocka_unit_test(labels_are_cut_and_cleaned),
		cmocka_unit_test(numbers_of_any_size_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
