#include "alert_test.h"

static const struct alert_place place = {STR("checkout"), LEDGER_SURVEY, ALERT_DETRACTOR_SPIKE, 3,
					 AT_0214,	  1234};

static struct alert_figures responses(int64_t n)
{
	return (struct alert_figures){NO_RATES, n, n / 2, AT_0214 - HOUR_MS};
}

static void ids_differ_in_every_member(void **state)
{
	struct alert_place others[] = {place, place, place, place, place, place};
	others[0].touchpoint = STR("Checkout");
	others[1].ledger = LEDGER_REVIEW;
	others[2].kind = ALERT_SILENCE;
	others[3].partition = 4;
	others[4].log_ms++;
	others[5].offset++;
	assert_true(alert_id(&place) ==
		    alert_id(&(struct alert_place){STR("checkout"), LEDGER_SURVEY, ALERT_DETRACTOR_SPIKE, 3,
						   AT_0214, 1234}));
	for (unsigned i = 0; i < 6; i++)
		assert_true(alert_id(&others[i]) != alert_id(&place));
	/* of what is written in logs and at PagerDuty: the same in every release */
	assert_true(alert_id(&place) == UINT64_C(0x16CF8A81B025CD4A));
}

/* A life as a list of steps: what is done at which minute, and what is told of it. */
struct row {
	enum { RAISE, UPDATE, RESOLVE } what;
	int minute;
	enum alert_severity severity;
	int64_t responses;
	int told; /* enum alert_type; -1: nothing */
};

static void live(const struct row *rows, unsigned count, bool silent)
{
	struct alert_incident incident = {0};
	uint64_t id = 0;
	for (unsigned i = 0; i < count; i++) {
		struct alert_step step;
		struct alert_figures figures = responses(rows[i].responses);
		struct alert_place at = place;
		bool told = false;
		at.log_ms += rows[i].minute * MINUTE_MS;
		switch (rows[i].what) {
		case RAISE:
			told = alert_raise(&incident, &at, rows[i].severity, &figures, silent, &step);
			break;
		case UPDATE:
			told = alert_update(&incident, at.log_ms, rows[i].severity, &figures, &step);
			break;
		case RESOLVE: told = alert_resolve(&incident, at.log_ms, &step); break;
		}
		if (told != (rows[i].told >= 0) || (told && (int)step.type != rows[i].told))
			fail_msg("row %u: told %d", i, told ? (int)step.type : -1);
		if (told && step.type == ALERT_RAISED) {
			id = step.incident;
			assert_true(id == alert_id(&at));
			assert_int_equal(step.raised_ms, at.log_ms);
		}
		if (told) {
			assert_true(step.incident == id && id == incident.id);
			assert_int_equal(step.severity, incident.severity);
			assert_int_equal(incident.changed_ms, at.log_ms);
		}
		unsigned char bytes[ALERT_INCIDENT_BYTES], again[ALERT_INCIDENT_BYTES];
		struct alert_incident loaded;
		alert_incident_save(&incident, bytes);
		assert_true(alert_incident_load(&loaded, bytes, sizeof bytes));
		alert_incident_save(&loaded, again);
		assert_memory_equal(bytes, again, sizeof bytes);
		incident = loaded; /* a restart changes nothing */
	}
}
#define LIVE(rows, silent) live(rows, sizeof rows / sizeof *rows, silent)

static void a_life_is_told_in_steps(void **state)
{
	static const struct row whole[] = {
		{RESOLVE, 0, 0, 0, -1}, /* nothing is open */
		{UPDATE, 0, ALERT_PAGE, 99, -1},
		{RAISE, 0, ALERT_TICKET, 57, ALERT_RAISED},
		{UPDATE, 1, ALERT_TICKET, 113, -1},
		{UPDATE, 2, ALERT_TICKET, 114, ALERT_UPDATED}, /* doubled */
		{UPDATE, 3, ALERT_PAGE, 115, ALERT_UPDATED}, /* worse */
		{UPDATE, 4, ALERT_TICKET, 229, -1}, /* severity never falls */
		{UPDATE, 5, ALERT_PAGE, 230, ALERT_UPDATED},
		{RAISE, 6, ALERT_PAGE, 231, -1}, /* it is open: an update */
		{RESOLVE, 10, 0, 0, ALERT_RESOLVED},
		{UPDATE, 11, ALERT_PAGE, 9999, -1},
		{RESOLVE, 12, 0, 0, -1},
		{RAISE, 10 + 24 * 60, ALERT_TICKET, 10, ALERT_REOPENED}, /* 24 h after its end */
		{RESOLVE, 20 + 24 * 60, 0, 0, ALERT_RESOLVED},
		{RAISE, 21 + 48 * 60, ALERT_TICKET, 10, ALERT_RAISED}, /* a minute later: another one */
	};
	LIVE(whole, false);
}

static void nobody_is_told_of_a_silent_one(void **state)
{
	static const struct row silent[] = {
		{RAISE, 0, ALERT_TICKET, 57, -1},
		{UPDATE, 3, ALERT_PAGE, 1000, -1},
		{RESOLVE, 10, 0, 0, -1},
	};
	LIVE(silent, true);
	/* what fires again is news, though its id is that which others know */
	struct alert_incident incident = {0};
	struct alert_step step;
	struct alert_figures figures = responses(10);
	assert_false(alert_raise(&incident, &place, ALERT_PAGE, &figures, true, &step));
	assert_false(alert_resolve(&incident, AT_0214 + 1, &step));
	struct alert_place later = place;
	later.log_ms += HOUR_MS;
	assert_true(alert_raise(&incident, &later, ALERT_PAGE, &figures, false, &step));
	assert_int_equal(step.type, ALERT_RAISED);
	assert_true(step.incident == alert_id(&place));
	assert_int_equal(step.raised_ms, AT_0214);
	assert_true(alert_resolve(&incident, later.log_ms + 1, &step));
}

static void bytes_that_cannot_be_are_refused(void **state)
{
	struct alert_incident incident = {0}, untouched = {.id = 7};
	struct alert_step step;
	struct alert_figures figures = responses(10);
	assert_true(alert_raise(&incident, &place, ALERT_PAGE, &figures, false, &step));
	unsigned char bytes[ALERT_INCIDENT_BYTES + 1] = {0}, zeros[ALERT_INCIDENT_BYTES] = {0};
	alert_incident_save(&incident, bytes);
	assert_false(alert_incident_load(&untouched, bytes, ALERT_INCIDENT_BYTES - 1));
	assert_false(alert_incident_load(&untouched, bytes, ALERT_INCIDENT_BYTES + 1));
	assert_false(alert_incident_load(&untouched, bytes, 0));
	static const struct {
		unsigned at;
		unsigned char value;
	} wrong[] = {{40, 2},	 {41, 2},    {42, 2},	 {43, 1}, {55, 1}, {15, 0x80},
		     {23, 0x80}, {31, 0x80}, {39, 0x80}, {21, 0} /* changed before it was raised */};
	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		unsigned char was = bytes[wrong[i].at];
		bytes[wrong[i].at] = wrong[i].value;
		if (alert_incident_load(&untouched, bytes, ALERT_INCIDENT_BYTES))
			fail_msg("row %u was taken", i);
		bytes[wrong[i].at] = was;
	}
	assert_true(untouched.id == 7);
	assert_true(alert_incident_load(&untouched, zeros, sizeof zeros)); /* never any */
	zeros[40] = 1;
	assert_false(alert_incident_load(&untouched, zeros, sizeof zeros)); /* open, but which? */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_differ_in_every_member),
		cmocka_unit_test(a_life_is_told_in_steps),
		cmocka_unit_test(nobody_is_told_of_a_silent_one),
		cmocka_unit_test(bytes_that_cannot_be_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
