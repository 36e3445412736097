/* Saved state: what is loaded goes on exactly as what was saved; damaged bytes are refused, or harmless. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "spike/spike.h"

static uint64_t z;

static double drawn(void)
{
	z = z * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (double)(z >> 11) * 0x1p-53;
}

static struct spike_moment at(int64_t at_ms)
{
	int64_t hours = at_ms / 3600000;
	return (struct spike_moment){.at_ms = at_ms,
				     .hours = (uint32_t)hours,
				     .hour = (uint8_t)(hours % 24),
				     .day = hours / 24 % 7 == 6 ? SPIKE_SUNDAY : SPIKE_WORKING_DAY};
}

/* A touchpoint with all that is kept of it, and one beside it in the same group. */
struct world {
	struct spike_group group;
	struct spike spike;
	struct spike_silence silence;
	int64_t now;
};

static struct spike_terms terms_of(struct world *w)
{
	return (struct spike_terms){.ticket_days = 3, .page_days = 30, .group = &w->group};
}

static void begin(struct world *w)
{
	*w = (struct world){.now = 1717200000000};
	spike_group_init(&w->group, 0.15, w->now);
	struct spike_terms terms = terms_of(w);
	struct spike_moment moment = at(w->now);
	spike_init(&w->spike, &terms, &moment);
	spike_silence_init(&w->silence, &moment);
}

struct happening {
	int64_t ms, n, k, correction;
	bool behind;
};

static struct happening any(int i)
{
	struct happening h = {.ms = (int64_t)(drawn() * 60000), .n = (int64_t)(drawn() * 2.2)};
	if (i % 7000 > 6500) /* silence */
		h.n = 0;
	for (int64_t m = 0; m < h.n; m++)
		h.k += drawn() < (i % 5000 > 4400 ? 0.45 : 0.15);
	h.correction = drawn() < 0.02 ? (int64_t)(drawn() * 3) - 2 : 0;
	h.behind = drawn() < 0.01;
	return h;
}

static unsigned live(struct world *w, const struct happening *h, struct spike_event events[2])
{
	struct spike_terms terms = terms_of(w);
	struct spike_moment moment = at(w->now += h->ms);
	memset(events, 0, 2 * sizeof events[0]);
	unsigned happened =
		spike_step(&w->spike, &terms, &moment, (struct spike_batch){h->n, h->k}, &events[0]);
	spike_correct(&w->spike, w->now - 5000, (struct spike_batch){0, h->correction});
	return happened + spike_silence_step(&w->silence, &terms, &moment,
					     (struct spike_arrivals){h->n, h->behind, false}, &events[1]);
}

static void restart(struct world *w)
{
	unsigned char bytes[SPIKE_GROUP_SAVED_MAX];
	struct world fresh = {.now = w->now};
	assert_true(spike_load(&fresh.spike, bytes, spike_save(&w->spike, bytes)));
	assert_true(spike_silence_load(&fresh.silence, bytes, spike_silence_save(&w->silence, bytes)));
	assert_true(spike_group_load(&fresh.group, bytes, spike_group_save(&w->group, bytes)));
	*w = fresh;
}

static void same(const struct world *a, const struct world *b)
{
	unsigned char x[SPIKE_GROUP_SAVED_MAX], y[SPIKE_GROUP_SAVED_MAX];
	size_t len = spike_save(&a->spike, x);
	assert_int_equal(len, spike_save(&b->spike, y));
	assert_memory_equal(x, y, len);
	len = spike_silence_save(&a->silence, x);
	assert_int_equal(len, spike_silence_save(&b->silence, y));
	assert_memory_equal(x, y, len);
	len = spike_group_save(&a->group, x);
	assert_int_equal(len, spike_group_save(&b->group, y));
	assert_memory_equal(x, y, len);
}

static void a_restart_at_any_point_changes_nothing(void **state)
{
	static struct world straight, restarted;
	struct spike_event a[2], b[2];
	unsigned events = 0;
	z = 4711;
	begin(&straight);
	restarted = straight;
	for (int i = 0; i < 60000; i++) {
		if (drawn() < 0.05)
			restart(&restarted);
		struct happening h = any(i);
		unsigned happened = live(&straight, &h, a);
		assert_int_equal(live(&restarted, &h, b), happened);
		assert_memory_equal(a, b, sizeof a);
		events += happened;
		if (i % 50 == 0)
			same(&straight, &restarted);
	}
	assert_true(events > 10);
}

/* A member restored from an older position than its group finds what it found then, and feeds it no more. */
static void a_member_behind_its_group_repeats_itself(void **state)
{
	static struct world w, old, again;
	static struct happening log[30000];
	struct spike_event event;
	z = 99;
	begin(&w);
	for (int i = 0; i < 30000; i++) {
		log[i] = any(i);
		struct spike_event events[2];
		if (i == 24000)
			old = w;
		live(&w, &log[i], events);
	}
	again = old;
	again.group = w.group;
	struct spike_terms terms = terms_of(&again);
	terms.group_fed = true;
	for (int i = 24000; i < 30000; i++) {
		struct spike_moment moment = at(again.now += log[i].ms);
		spike_step(&again.spike, &terms, &moment, (struct spike_batch){log[i].n, log[i].k}, &event);
		spike_correct(&again.spike, again.now - 5000, (struct spike_batch){0, log[i].correction});
	}
	again.silence = w.silence;
	same(&again, &w);
}

/* Saved states of all kinds: learning, ready, in an incident. */
static unsigned states(struct world *out, unsigned max)
{
	static struct world w;
	struct spike_event events[2];
	unsigned count = 0;
	begin(&w);
	for (int i = 0; i < 30000 && count < max; i++) {
		struct happening h = any(i);
		if (live(&w, &h, events) || i % 1500 == 3)
			out[count++] = w;
	}
	return count;
}

static void go_on(struct world *w)
{
	struct spike_event events[2];
	struct spike_reading reading;
	for (int i = 0; i < 20; i++) {
		struct happening h = {.ms = 3000 * i * i, .n = i, .k = i / 2, .correction = i % 3 - 1};
		live(w, &h, events);
		spike_read(&w->spike, &reading);
	}
}

static void damaged_bytes_are_refused_or_harmless(void **state)
{
	static struct world worlds[40];
	unsigned char bytes[SPIKE_GROUP_SAVED_MAX], again[SPIKE_GROUP_SAVED_MAX];
	z = 5;
	unsigned count = states(worlds, 40), refused = 0, taken = 0;
	assert_true(count > 15);
	for (unsigned i = 0; i < count; i++) {
		size_t len = spike_save(&worlds[i].spike, bytes);
		assert_true(len <= SPIKE_SAVED_MAX);
		for (size_t cut = 0; cut < len; cut++)
			assert_false(spike_load(&worlds[i].spike, bytes, cut));
		bytes[len] = 0;
		assert_false(spike_load(&worlds[i].spike, bytes, len + 1));
		for (unsigned flips = 0; flips < 400; flips++) {
			struct world w = worlds[i];
			spike_save(&w.spike, bytes);
			bytes[(size_t)(drawn() * (double)len)] ^= (unsigned char)(1 << (int)(drawn() * 8));
			if (!spike_load(&w.spike, bytes, len)) {
				refused++;
				continue;
			}
			taken++;
			assert_int_equal(spike_save(&w.spike, again), len);
			assert_memory_equal(bytes, again, len);
			go_on(&w);
		}
	}
	assert_true(refused > 1000 && taken > 1000);
}

static void damaged_silence_is_refused_or_harmless(void **state)
{
	static struct world worlds[40];
	unsigned char bytes[SPIKE_GROUP_SAVED_MAX], again[SPIKE_GROUP_SAVED_MAX];
	z = 6;
	unsigned count = states(worlds, 40), taken = 0;
	for (unsigned i = 0; i < count; i++) {
		size_t len = spike_silence_save(&worlds[i].silence, bytes);
		assert_true(len <= SPIKE_SAVED_MAX);
		for (size_t cut = 0; cut < len; cut++)
			assert_false(spike_silence_load(&worlds[i].silence, bytes, cut));
		for (unsigned flips = 0; flips < 400; flips++) {
			struct world w = worlds[i];
			spike_silence_save(&w.silence, bytes);
			bytes[(size_t)(drawn() * (double)len)] ^= (unsigned char)(1 << (int)(drawn() * 8));
			if (!spike_silence_load(&w.silence, bytes, len))
				continue;
			taken++;
			assert_int_equal(spike_silence_save(&w.silence, again), len);
			assert_memory_equal(bytes, again, len);
			go_on(&w);
		}
	}
	assert_true(taken > 1000);
}

/* Nobody ever complains: what is learned stays a number of responses, and the first complaints are noticed. */
static void a_rate_of_nothing_can_be_learned(void **state)
{
	unsigned char bytes[SPIKE_SAVED_MAX];
	struct spike_moment moment = at(0);
	struct spike_group group;
	struct spike_event event;
	struct spike s, again;
	spike_group_init(&group, 0.15, 0);
	struct spike_terms terms = {.ticket_days = 30, .page_days = 30, .group = &group};
	spike_init(&s, &terms, &moment);
	for (int64_t now = 0; now < 30 * INT64_C(86400000); now += 60000) {
		moment = at(now);
		assert_false(spike_step(&s, &terms, &moment, (struct spike_batch){10, 0}, &event));
	}
	assert_true(s.e < 30 * 1440 * 10);
	assert_true(spike_load(&again, bytes, spike_save(&s, bytes)));
}

/* Nights without a single detractor among a hundred thousand an hour. */
static void an_odd_season_can_be_loaded(void **state)
{
	unsigned char bytes[SPIKE_GROUP_SAVED_MAX];
	struct spike_moment moment = at(0);
	struct spike_group group, group_again;
	struct spike_event event;
	struct spike s, again;
	spike_group_init(&group, 0.15, 0);
	struct spike_terms terms = {.ticket_days = 1e6, .page_days = 1e6, .group = &group};
	spike_init(&s, &terms, &moment);
	for (int64_t now = 0; now < 70 * INT64_C(86400000); now += 600000) {
		moment = at(now);
		spike_step(&s, &terms, &moment, (struct spike_batch){20000, moment.hour < 7 ? 0 : 3000},
			   &event);
	}
	assert_true(spike_load(&again, bytes, spike_save(&s, bytes)));
	assert_true(spike_group_load(&group_again, bytes, spike_group_save(&group, bytes)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_at_any_point_changes_nothing),
		cmocka_unit_test(a_member_behind_its_group_repeats_itself),
		cmocka_unit_test(damaged_bytes_are_refused_or_harmless),
		cmocka_unit_test(damaged_silence_is_refused_or_harmless),
		cmocka_unit_test(a_rate_of_nothing_can_be_learned),
		cmocka_unit_test(an_odd_season_can_be_loaded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
