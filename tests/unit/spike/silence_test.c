/* Silence: found within the time that it must take, and not where arrivals are only uneven. */
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
	int64_t hours = at_ms / 3600000, day = hours / 24 % 7;
	return (struct spike_moment){.at_ms = at_ms,
				     .hours = (uint32_t)hours,
				     .hour = (uint8_t)(hours % 24),
				     .day = day == 5   ? SPIKE_SATURDAY
					    : day == 6 ? SPIKE_SUNDAY
						       : SPIKE_WORKING_DAY};
}

/* How arrivals come. */
struct arrivals {
	double per_day;
	double jitter; /* of an hour's rate, log-normal */
	unsigned clump; /* so many at a time */
	bool by_day; /* open 8 to 20 h, half on Saturdays, closed on Sundays */
	int64_t lump_ms; /* delivered at these intervals, 0: at once */
};

struct source {
	const struct arrivals *how;
	double hour_factor;
	int64_t hour, next_ms, waiting;
};

static double normal(void)
{
	return sqrt(-2 * log(drawn())) * cos(6.283185307179586 * drawn());
}

static double rate_at(struct source *s, int64_t at_ms)
{
	struct spike_moment m = at(at_ms);
	if (s->hour != m.hours) {
		s->hour = m.hours;
		s->hour_factor = exp(s->how->jitter * normal() - s->how->jitter * s->how->jitter / 2);
	}
	double rate = s->how->per_day / s->how->clump * s->hour_factor;
	if (s->how->by_day && (m.hour < 8 || m.hour >= 20 || m.day == SPIKE_SUNDAY))
		rate = 0;
	return s->how->by_day && m.day == SPIKE_SATURDAY ? rate / 2 : rate;
}

static int64_t poisson(double mean)
{
	if (mean > 50)
		return (int64_t)fmax(0, mean + sqrt(mean) * normal() + 0.5);
	int64_t n = 0;
	for (double p = drawn(), limit = exp(-mean); p > limit; p *= drawn())
		n++;
	return n;
}

/* What is delivered in the tick that ends at at_ms. */
static int64_t come(struct source *s, int64_t at_ms, int64_t tick_ms)
{
	s->waiting += poisson(rate_at(s, at_ms) * (double)tick_ms / DAY_MS) * s->how->clump;
	if (s->how->lump_ms && at_ms % s->how->lump_ms >= tick_ms)
		return 0;
	int64_t n = s->waiting;
	s->waiting = 0;
	return n;
}

#define TICK_MS 10000

static struct spike_terms terms = {.ticket_days = 10, .page_days = 10};

static const struct {
	const char *name;
	struct arrivals how;
	int64_t found_in_ms; /* a stop at noon, at most */
} worlds[] = {
	{"one a minute", {1440, 0, 1, false, 0}, 45 * 60000},
	{"one a second", {86400, 0, 1, false, 0}, 5 * 60000},
	{"four an hour", {96, 0, 1, false, 0}, 12 * 3600000},
	{"uneven hours", {1440, 0.5, 1, false, 0}, 4 * 3600000},
	{"in clumps of 5", {1440, 0.2, 5, false, 0}, 6 * 3600000},
	{"by day", {1440, 0.1, 1, true, 0}, 2 * 3600000},
	{"delivered every 15 minutes", {1440, 0.1, 1, false, 900000}, 8 * 3600000},
};
#define WORLDS (sizeof worlds / sizeof worlds[0])

static unsigned raised_in(struct spike_silence *s, struct source *source, int64_t *now, int64_t ms)
{
	struct spike_event event;
	unsigned raised = 0;
	for (int64_t end = *now + ms; *now < end;) {
		struct spike_moment moment = at(*now += TICK_MS);
		int64_t n = come(source, *now, TICK_MS);
		if (spike_silence_step(s, &terms, &moment, (struct spike_arrivals){n, false, false}, &event))
			raised += event.kind == SPIKE_RAISED;
	}
	return raised;
}

static void uneven_arrivals_are_no_silence(void **state)
{
	enum { TOUCHPOINTS = 8, DAYS = 50 };
	for (unsigned w = 0; w < WORLDS; w++) {
		unsigned raised = 0;
		z = 88172645463325252u + w;
		for (unsigned t = 0; t < TOUCHPOINTS; t++) {
			struct source source = {&worlds[w].how, 1, -1, 0, 0};
			struct spike_moment start = at(0);
			struct spike_silence s;
			int64_t now = 0;
			spike_silence_init(&s, &start);
			raised += raised_in(&s, &source, &now, DAYS * DAY_MS);
		}
		double allowed = TOUCHPOINTS * DAYS / terms.ticket_days;
		print_message("%s: %u false alerts of %.0f allowed\n", worlds[w].name, raised, allowed);
		assert_true(raised <= allowed);
	}
}

/* Stops at noon of the 15th day, a Monday, for a day and a half; comes again. */
static void a_stop_is_found_and_its_end(void **state)
{
	static const struct arrivals none = {0, 0, 1, false, 0};
	for (unsigned w = 0; w < WORLDS; w++) {
		unsigned raised = 0, resolved = 0, silent = 0;
		double delay = 0;
		z = 99 + w;
		for (unsigned t = 0; t < 10; t++) {
			struct source source = {&worlds[w].how, 1, -1, 0, 0};
			struct spike_moment moment = at(0);
			struct spike_silence s;
			struct spike_event event;
			int64_t now = 0, stop = 14 * DAY_MS + DAY_MS / 2;
			spike_silence_init(&s, &moment);
			raised_in(&s, &source, &now, stop);
			if (s.severity) /* a false one, allowed above */
				continue;
			silent++;
			for (source.how = &none; now < stop + DAY_MS * 3 / 2 && !s.severity;) {
				moment = at(now += TICK_MS);
				if (spike_silence_step(&s, &terms, &moment, (struct spike_arrivals){0},
						       &event)) {
					raised++;
					assert_int_equal(event.kind, SPIKE_RAISED);
					assert_true(event.onset_ms <= stop &&
						    event.onset_ms > stop - DAY_MS / 4);
					assert_true(now - stop <= worlds[w].found_in_ms);
					delay += (double)(now - stop) / 60000;
				}
			}
			raised_in(&s, &source, &now, 2 * DAY_MS - (now - stop));
			assert_true(s.severity != SPIKE_NONE);
			source.how = &worlds[w].how;
			raised_in(&s, &source, &now, DAY_MS * 3 / 4);
			resolved += s.severity == SPIKE_NONE;
		}
		print_message("%s: %u of %u found, after %.1f minutes; %u resolved\n", worlds[w].name, raised,
			      silent, delay / raised, resolved);
		assert_true(silent >= 8 && raised == silent && resolved == silent);
	}
}

static void time_while_an_intake_is_behind_is_no_silence(void **state)
{
	struct source source = {&worlds[0].how, 1, -1, 0, 0};
	struct spike_moment moment = at(0);
	struct spike_silence s;
	struct spike_event event;
	int64_t now = 0;
	z = 5;
	spike_silence_init(&s, &moment);
	raised_in(&s, &source, &now, 10 * DAY_MS);
	double evidence = s.r[0] + s.r[1] + s.r[2];
	for (int64_t end = now + DAY_MS; now < end;) {
		moment = at(now += TICK_MS);
		assert_false(spike_silence_step(&s, &terms, &moment, (struct spike_arrivals){0, true, false},
						&event));
		assert_true(s.r[0] + s.r[1] + s.r[2] <= evidence);
	}
	double before = s.s;
	assert_int_equal(raised_in(&s, &source, &now, DAY_MS), 0);
	assert_true(s.s > before * 0.8);
}

static void a_new_touchpoint_is_not_judged(void **state)
{
	struct source source = {&worlds[1].how, 1, -1, 0, 0};
	struct spike_moment moment = at(0);
	struct spike_silence s;
	struct spike_event event;
	int64_t now = 0;
	z = 6;
	spike_silence_init(&s, &moment);
	raised_in(&s, &source, &now, DAY_MS);
	while (now < 20 * DAY_MS) { /* one busy day, and never again */
		moment = at(now += TICK_MS);
		assert_false(spike_silence_step(&s, &terms, &moment, (struct spike_arrivals){0}, &event));
	}
}

/* No budget at all is no number to reckon with: the day that there is one again, nothing may have piled up. */
static void without_a_budget_nothing_piles_up(void **state)
{
	struct spike_moment moment = at(0);
	struct spike_terms never = {.ticket_days = INFINITY, .page_days = INFINITY};
	struct spike_silence s;
	struct spike_event event;
	spike_silence_init(&s, &moment);
	for (int64_t now = 60000; now < 20 * DAY_MS; now += 60000) {
		moment = at(now);
		struct spike_arrivals arrivals = {.n = moment.hour < 12, .behind = now % DAY_MS == 600000};
		assert_false(spike_silence_step(&s, &never, &moment, arrivals, &event));
		assert_true(s.r[0] + s.r[1] + s.r[2] < 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uneven_arrivals_are_no_silence),
		cmocka_unit_test(a_stop_is_found_and_its_end),
		cmocka_unit_test(time_while_an_intake_is_behind_is_no_silence),
		cmocka_unit_test(a_new_touchpoint_is_not_judged),
		cmocka_unit_test(without_a_budget_nothing_piles_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
