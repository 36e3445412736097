/* False alerts stay within the budget, whatever was learned before; tickets and pages each within theirs;
 * what is looked for is found. Short simulations with fixed seeds: bounds hold with the slack of a Poisson
 * count. The long ones are in tests/sim. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "spike/spike.h"

#define DAY_MS INT64_C(86400000)

static uint64_t z;

static double drawn(void)
{
	z ^= z << 13;
	z ^= z >> 7;
	z ^= z << 17;
	return (double)(z >> 11) * 0x1p-53;
}

static struct spike_moment at(int64_t at_ms)
{
	int64_t hours = at_ms / 3600000;
	return (struct spike_moment){.at_ms = at_ms, .hours = (uint32_t)hours, .hour = (uint8_t)(hours % 24)};
}

/* Rates of a fleet: Gamma of shape 4 (so CV 1/2) about 0.15, as the detector supposes. */
static double any_rate(void)
{
	double product = drawn() * drawn() * drawn() * drawn();
	double rate = -log(product) / 4 * 0.15;
	return rate > 0.8 ? 0.8 : rate;
}

struct outcome {
	double days;
	unsigned tickets, pages, resolved;
};

/* A touchpoint at a constant rate, one response every gap_ms on average; `history` before time counts. */
static void watch_quiet(struct outcome *o, struct spike_group *group, int64_t gap_ms, unsigned history,
			double days)
{
	struct spike_terms terms = {.ticket_days = 1, .page_days = 10, .group = group};
	struct spike_moment moment = at(0);
	struct spike_event event;
	struct spike s;
	double rate = any_rate();
	int64_t now = 0, started = 0, end;
	spike_init(&s, &terms, &moment);
	terms.ticket_days = terms.page_days = 1e9;
	for (unsigned i = 0; i < history; i++) {
		moment = at(now += (int64_t)(-log(drawn()) * (double)gap_ms));
		spike_step(&s, &terms, &moment, (struct spike_batch){1, drawn() < rate}, &event);
	}
	terms.ticket_days = 1;
	terms.page_days = 10;
	started = now;
	end = now + (int64_t)(days * DAY_MS);
	while (now < end) {
		moment = at(now += (int64_t)(-log(drawn()) * (double)gap_ms));
		if (!spike_step(&s, &terms, &moment, (struct spike_batch){1, drawn() < rate}, &event))
			continue;
		o->tickets += event.kind == SPIKE_RAISED;
		o->pages += event.kind != SPIKE_RESOLVED && event.severity == SPIKE_PAGE;
	}
	o->days += (double)(now - started) / DAY_MS;
}

static void false_alerts_stay_within_the_budget(void **state)
{
	static const struct {
		int64_t gap_ms;
		unsigned history, touchpoints;
		double days;
	} rows[] = {
		{60000, 0, 60, 10},    {60000, 200, 60, 10}, {60000, 1000, 60, 10},
		{1200000, 0, 60, 200}, {5000, 1000, 20, 3},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct outcome o = {0};
		struct spike_group group;
		z = 88172645463325252u + i;
		spike_group_init(&group, 0.15, 0);
		for (unsigned t = 0; t < rows[i].touchpoints; t++)
			watch_quiet(&o, &group, rows[i].gap_ms, rows[i].history, rows[i].days);
		double tickets = o.days, pages = o.days / 10;
		print_message("gap %lld s, history %u: %u tickets of %.0f allowed, %u pages of %.0f\n",
			      (long long)rows[i].gap_ms / 1000, rows[i].history, o.tickets, tickets, o.pages,
			      pages);
		assert_true(o.tickets <= tickets + 3 * sqrt(tickets));
		assert_true(o.pages <= pages + 3 * sqrt(pages) + 1);
	}
}

/* A spike of 2.5 times the rate: a ticket, then a page, one of each; then it ends, and that is seen. */
static void a_spike_is_one_ticket_one_page_one_resolve(void **state)
{
	struct outcome o = {0};
	struct spike_group group;
	z = 42;
	for (unsigned t = 0; t < 100; t++) {
		struct spike_moment moment = at(0);
		struct spike_terms terms = {.ticket_days = 1000, .page_days = 10000, .group = &group};
		struct spike_event event;
		struct spike_reading reading;
		struct spike s;
		int64_t now = 0;
		bool over = false;
		spike_group_init(&group, 0.15, 0);
		spike_init(&s, &terms, &moment);
		for (int i = 0; i < 14000; i++) {
			moment = at(now += (int64_t)(-log(drawn()) * 60000));
			double rate = i > 10000 && i < 10600 ? 0.375 : 0.15;
			if (!spike_step(&s, &terms, &moment, (struct spike_batch){1, drawn() < rate}, &event))
				continue;
			if (event.kind == SPIKE_RAISED) {
				assert_true(event.rate > event.baseline && event.interval.low < event.rate);
				assert_true(event.evidence_days >= event.budget_days);
				assert_true(event.onset_ms <= event.at_ms && event.raised_ms <= event.at_ms);
			}
			spike_read(&s, &reading);
			assert_true(reading.ready);
			o.tickets += event.kind == SPIKE_RAISED && event.severity == SPIKE_TICKET;
			o.pages += event.kind != SPIKE_RESOLVED && event.severity == SPIKE_PAGE;
			o.resolved += event.kind == SPIKE_RESOLVED;
			over = event.kind == SPIKE_RESOLVED;
		}
		assert_true(over);
	}
	print_message("100 spikes: %u tickets, %u pages, %u resolves\n", o.tickets, o.pages, o.resolved);
	assert_true(o.tickets >= 95 && o.pages >= 98 && o.pages <= 101 && o.resolved >= 100 &&
		    o.resolved <= 102);
}

static void it_says_that_it_learns(void **state)
{
	struct spike_group group;
	struct spike_terms terms = {.ticket_days = 30, .page_days = 30, .group = &group};
	struct spike_moment moment = at(0);
	struct spike_event event;
	struct spike_reading reading;
	struct spike s;
	z = 3;
	spike_group_init(&group, 0.15, 0);
	spike_init(&s, &terms, &moment);
	spike_read(&s, &reading);
	assert_false(reading.ready);
	assert_true(reading.learned_responses == 0 && fabs(reading.baseline_rate - 0.15) < 1e-12);
	for (int i = 0; i < 2000; i++) {
		moment = at(i * INT64_C(60000));
		spike_step(&s, &terms, &moment, (struct spike_batch){1, drawn() < 0.3}, &event);
	}
	spike_read(&s, &reading);
	assert_true(reading.ready);
	assert_true(reading.learned_responses > 1500 && reading.learned_responses <= 2000);
	assert_true(fabs(reading.baseline_rate - 0.3) < 0.05);
}

/* After two weeks and 1000 responses the rate since is the baseline. */
static void what_lasts_becomes_normal(void **state)
{
	struct spike_group group;
	struct spike_terms terms = {.ticket_days = 30, .page_days = 30, .group = &group};
	struct spike_moment moment = at(0);
	struct spike_event event;
	struct spike_reading reading;
	struct spike s;
	int64_t raised = 0, normal = 0;
	z = 8;
	spike_group_init(&group, 0.15, 0);
	spike_init(&s, &terms, &moment);
	for (int i = 0; i < 60000; i++) {
		moment = at(i * INT64_C(60000));
		if (!spike_step(&s, &terms, &moment,
				(struct spike_batch){1, drawn() < (i < 10000 ? 0.15 : 0.4)}, &event))
			continue;
		if (event.kind == SPIKE_RAISED)
			raised = event.at_ms;
		else if (event.kind == SPIKE_NEW_NORMAL)
			normal = event.at_ms;
		else
			fail();
	}
	assert_true(raised > 0 && normal > raised + 14 * DAY_MS && normal < raised + 15 * DAY_MS);
	spike_read(&s, &reading);
	assert_true(reading.severity == SPIKE_NONE && fabs(reading.baseline_rate - 0.4) < 0.05);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(false_alerts_stay_within_the_budget),
		cmocka_unit_test(a_spike_is_one_ticket_one_page_one_resolve),
		cmocka_unit_test(it_says_that_it_learns),
		cmocka_unit_test(what_lasts_becomes_normal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
