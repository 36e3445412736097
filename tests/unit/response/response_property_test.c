/* Random streams against slow, obvious oracles. On a failure the seed is printed; SEED=n runs that one alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feedback/feedback.h"
#include "response/response.h"

#define NONE RESPONSE_NO_VERSION

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

static struct hash128 key_of(uint64_t id)
{
	uint64_t x = (id + 1) * UINT64_C(0x9E3779B97F4A7C15);
	return (struct hash128){x ^ x >> 29, x * UINT64_C(0xBF58476D1CE4E5B9) >> 11};
}

static void for_seeds(unsigned count, void run(uint64_t seed))
{
	const char *one = getenv("SEED");
	for (uint64_t seed = one ? strtoull(one, NULL, 10) : 1;
	     seed <= (one ? strtoull(one, NULL, 10) : count); seed++) {
		state_of_random = seed;
		run(seed);
	}
}

/* A few ids, versions and contents, so that everything meets everything. */
static struct response_event random_event(unsigned ids, uint64_t *id)
{
	*id = below(ids);
	struct response_event e = {.key = key_of(*id), .updated_ms = below(3) ? (int64_t)below(8) : NONE};
	if (below(8) == 0) {
		e.deletion = true;
		if (below(3))
			e.updated_ms = (int64_t)below(8);
		return e;
	}
	e.fact.ledger = (uint8_t)(below(3) ? 0 : below(LEDGERS));
	e.fact.touchpoint = below(3);
	e.fact.second = 1000 + below(3);
	e.fact.bin = (int8_t)(e.fact.ledger == LEDGER_SOCIAL   ? below(4)
			      : e.fact.ledger == LEDGER_REVIEW ? 1 + below(5)
							       : below(11));
	if (e.fact.ledger != LEDGER_SOCIAL && below(4) == 0)
		e.fact.bin = BIN_NONE;
	uint32_t f = e.fact.touchpoint * 1000 + e.fact.second * 10 + e.fact.ledger;
	e.content = f * 100 + (uint32_t)(e.fact.bin + 1) * 2 + below(2);
	return e;
}

/* ---- the oracle: every event of an id that was let in, with the version that it took ---- */

enum { LIST = 400, TOUCHPOINTS = 3, SECONDS = 3 };

struct let_in {
	int64_t version;
	struct response_event event; /* with the score that it took over */
};

struct history {
	unsigned count;
	bool for_good;
	struct let_in list[LIST];
};

static int winner(const struct history *h)
{
	int best = -1;
	for (unsigned i = 0; i < h->count; i++)
		if (best < 0 || h->list[i].version >= h->list[best].version)
			best = (int)i;
	return best;
}

static bool one_scale(unsigned a, unsigned b)
{
	return a == b || (a <= LEDGER_RELATIONSHIP && b <= LEDGER_RELATIONSHIP);
}

/* What counts for an id: "the newest version of each id". */
static struct response_fact counted(const struct history *h)
{
	int w = winner(h);
	if (w < 0 || h->list[w].event.deletion)
		return (struct response_fact){.bin = BIN_NONE};
	return h->list[w].event.fact;
}

/* True if the event became the newest version. */
static bool oracle_judge(struct history *h, struct response_event e)
{
	int w = winner(h);
	int64_t version = e.updated_ms != NONE ? e.updated_ms : w >= 0 ? h->list[w].version : NONE;
	if (!e.deletion && h->for_good)
		return false;
	if (!e.deletion && w >= 0 && h->list[w].event.deletion &&
	    (e.updated_ms == NONE || e.updated_ms <= h->list[w].version))
		return false;
	if (!e.deletion && e.fact.bin < 0 && w >= 0 && one_scale(counted(h).ledger, e.fact.ledger) &&
	    !h->list[w].event.deletion)
		e.fact.bin = counted(h).bin;
	h->for_good |= e.deletion && e.updated_ms == NONE;
	assert_true(h->count < LIST);
	h->list[h->count++] = (struct let_in){version, e};
	return winner(h) == (int)h->count - 1;
}

static bool same_fact(struct response_fact a, struct response_fact b)
{
	return (a.bin < 0 && b.bin < 0) || (a.bin == b.bin && a.ledger == b.ledger && a.second == b.second &&
					    a.touchpoint == b.touchpoint);
}

typedef int cells[TOUCHPOINTS][SECONDS][LEDGERS][BINS];

static void count(cells c, struct response_fact f, int delta)
{
	if (f.bin >= 0)
		c[f.touchpoint][f.second - 1000][f.ledger][f.bin] += delta;
}

static void one_stream_against_the_recount(uint64_t seed)
{
	enum { IDS = 40, EVENTS = 3000 };
	struct response_options options = {.max = 1000, .horizon_ms = 1000000};
	struct response_table *table = response_create(&options, EVENTS);
	unsigned slot = response_open(table);
	struct history *histories = calloc(IDS, sizeof *histories);
	cells running = {0}, recount = {0};
	for (unsigned i = 0; i < EVENTS; i++) {
		uint64_t id;
		struct response_verdict v;
		struct response_event e = random_event(IDS, &id);
		struct response_fact was = counted(&histories[id]);
		bool newest = oracle_judge(&histories[id], e);
		struct response_fact now = counted(&histories[id]);
		response_judge(table, slot, 100, &e, &v);
		if (!same_fact(v.was, was) || !same_fact(v.now, now) || v.moved == same_fact(was, now) ||
		    (v.outcome == RESPONSE_SUPERSEDED) == newest)
			fail_msg("seed %llu, event %u: outcome %d, %d -> %d, expected %d -> %d",
				 (unsigned long long)seed, i, v.outcome, v.was.bin, v.now.bin, was.bin,
				 now.bin);
		if (v.moved) {
			count(running, v.was, -1);
			count(running, v.now, 1);
		}
	}
	for (unsigned id = 0; id < IDS; id++)
		count(recount, counted(&histories[id]), 1);
	assert_memory_equal(running, recount, sizeof running);
	free(histories);
	response_destroy(table);
}

static void numbers_equal_a_recount(void **state)
{
	for_seeds(60, one_stream_against_the_recount);
}

/* ---- aborts ---- */

/* Field by field: padding is nobody's business. */
static void same_verdict(const struct response_verdict *a, const struct response_verdict *b, uint64_t seed,
			 unsigned at)
{
	const struct response_entry *x = &a->entry, *y = &b->entry;
	bool same = a->outcome == b->outcome && a->unscored == b->unscored && a->moved == b->moved &&
		    a->journal == b->journal && memcmp(&a->was, &b->was, 10) == 0 &&
		    memcmp(&a->now, &b->now, 10) == 0;
	if (same && a->journal)
		same = x->key.lo == y->key.lo && x->key.hi == y->key.hi && x->updated_ms == y->updated_ms &&
		       x->content == y->content && x->seen == y->seen && x->flags == y->flags &&
		       memcmp(&x->fact, &y->fact, 10) == 0;
	if (!same)
		fail_msg("seed %llu, event %u: outcome %d instead of %d", (unsigned long long)seed, at,
			 b->outcome, a->outcome);
}

struct stream {
	struct response_event events[6000];
	uint32_t now[6000];
	uint8_t slot[6000];
	struct response_verdict verdicts[6000];
	unsigned count;
};

static struct stream stream;

/* The clock stands within a stretch, so that an event delivered again is judged at the time of its first delivery. */
static void make_stream(unsigned ids, unsigned stretch)
{
	uint32_t now = 1000;
	stream.count = 6000;
	for (unsigned i = 0; i < stream.count; i++) {
		uint64_t id;
		if (i % stretch == 0)
			now += below(40);
		stream.events[i] = random_event(ids, &id);
		stream.slot[i] = (uint8_t)(id % 3);
		stream.now[i] = now;
	}
}

static void open_three(struct response_table *table, unsigned slots[3])
{
	for (unsigned i = 0; i < 3; i++)
		slots[i] = response_open(table);
}

static void judge(struct response_table *table, const unsigned slots[3], unsigned i,
		  struct response_verdict *v)
{
	if (below(2))
		response_prefetch(table, stream.events[i].key);
	response_judge(table, slots[stream.slot[i]], stream.now[i], &stream.events[i], v);
}

static void never_aborted(const struct response_options *options)
{
	unsigned slots[3];
	struct response_table *table = response_create(options, 6000);
	open_three(table, slots);
	for (unsigned i = 0; i < stream.count; i++)
		judge(table, slots, i, &stream.verdicts[i]);
	assert_int_equal(response_stats(table).evictions, 0);
	response_destroy(table);
}

/* What another partition of the lane does meanwhile: refills that make the table grow, and goes again. */
static void disturb(struct response_table *table, unsigned *other, uint32_t now)
{
	if (*other == UINT32_MAX) {
		*other = response_open(table);
		return;
	}
	for (unsigned n = below(3) * 400; n; n--) {
		struct response_entry e = {.key = key_of(below(100000)),
					   .updated_ms = NONE,
					   .seen = now - below(100),
					   .fact.bin = 3};
		response_refill(table, *other, now, &e);
	}
	if (below(3) == 0) {
		response_drop(table, *other);
		*other = UINT32_MAX;
	}
}

static void one_stream_with_aborts(uint64_t seed)
{
	enum { STRETCH = 500 };
	struct response_options options = {.max = 200000, .horizon_ms = 150000};
	unsigned slots[3], other = UINT32_MAX;
	struct response_table *table = response_create(&options, 2 * STRETCH);
	make_stream(30 + 2000 * (seed % 3), STRETCH);
	never_aborted(&options);
	open_three(table, slots);
	unsigned committed = 0, closed = 0,
		 at = 0; /* committed <= closed <= at: segments [committed, closed) and [closed, at) */
	bool committing = false;
	while (committed < stream.count) {
		unsigned end = committed / STRETCH * STRETCH + STRETCH;
		for (unsigned n = below(120); n && at < end; n--, at++) {
			struct response_verdict v;
			judge(table, slots, at, &v);
			same_verdict(&stream.verdicts[at], &v, seed, at);
		}
		if (below(3) == 0)
			disturb(table, &other, stream.now[committed]);
		switch (below(4)) {
		case 0:
			response_rollback(table);
			at = closed = committed;
			committing = false;
			break;
		case 1:
			if (committing) {
				response_commit(table);
				committed = closed;
				committing = false;
			}
			break;
		default:
			if (!committing) {
				response_mark(table);
				closed = at;
				committing = true;
			}
		}
	}
	response_destroy(table);
}

static void an_abort_leaves_no_trace(void **state)
{
	for_seeds(60, one_stream_with_aborts);
}

/* ---- aborts of a full table ---- */

/* What the table knows of every id, asked by deletions that are rolled back at once. */
static void snapshot(struct response_table *table, unsigned slot, unsigned ids, struct response_verdict *out)
{
	for (unsigned id = 0; id < ids; id++) {
		struct response_event e = {.key = key_of(id), .updated_ms = NONE, .deletion = true};
		response_judge(table, slot, 0, &e, &out[id]);
		response_rollback(table);
	}
}

static void one_full_table(uint64_t seed)
{
	enum { IDS = 900 };
	static struct response_verdict before[IDS], after[IDS];
	struct response_options options = {.max = 20 + below(200), .horizon_ms = 10000000};
	struct response_table *table = response_create(&options, 1000);
	unsigned slot = response_open(table);
	for (unsigned round = 0; round < 30; round++) {
		snapshot(table, slot, IDS, before);
		struct response_stats stats = response_stats(table);
		bool committing = false;
		for (unsigned n = below(600), now = 1000 + 10 * round; n; n--) {
			uint64_t id;
			struct response_verdict v;
			struct response_event e = random_event(IDS, &id);
			response_judge(table, slot, now + n % 10, &e, &v);
			assert_true(response_stats(table).entries <= (uint64_t)options.max);
			if (n == 300) {
				response_mark(table);
				committing = true;
			}
		}
		if (below(2)) {
			response_rollback(table);
			snapshot(table, slot, IDS, after);
			for (unsigned id = 0; id < IDS; id++) {
				after[id].entry.seen = before[id].entry.seen; /* the clock went on */
				same_verdict(&before[id], &after[id], seed, id);
			}
			assert_int_equal(response_stats(table).evictions, stats.evictions);
			assert_int_equal(response_stats(table).entries, stats.entries);
		} else {
			if (committing)
				response_commit(table);
			response_mark(table), response_commit(table);
		}
	}
	response_destroy(table);
}

static void an_abort_brings_back_what_was_evicted(void **state)
{
	for_seeds(25, one_full_table);
}

/* ---- refill ---- */

static void one_restart(uint64_t seed)
{
	struct response_options options = {.max = 200000, .horizon_ms = 150000};
	unsigned slots[3], stop = below(5000);
	make_stream(30 + 1500 * (seed % 3), 50);
	never_aborted(&options);
	struct response_table *table = response_create(&options, 6000);
	open_three(table, slots);
	for (unsigned i = 0; i < stop; i++)
		if (stream.verdicts[i].journal)
			response_refill(table, slots[stream.slot[i]], stream.now[stop],
					&stream.verdicts[i].entry);
	for (unsigned i = stop; i < stream.count; i++) {
		struct response_verdict v;
		judge(table, slots, i, &v);
		same_verdict(&stream.verdicts[i], &v, seed, i);
	}
	response_destroy(table);
}

static void a_refilled_table_judges_like_one_that_never_stopped(void **state)
{
	for_seeds(60, one_restart);
}

/* ---- growth ---- */

static void a_million_entries_are_all_found(void **state)
{
	enum { N = 1000000 };
	struct response_options options = {.max = N, .horizon_ms = 1000000};
	struct response_table *table = response_create(&options, 1000);
	unsigned slot = response_open(table), dead = response_open(table);
	for (unsigned i = 0; i < N; i++) {
		struct response_entry e = {.key = key_of(i),
					   .updated_ms = NONE,
					   .content = i,
					   .seen = 100,
					   .fact = {i % 7, i, 0, 9}};
		response_refill(table, i % 5 ? slot : dead, 100, &e);
	}
	response_drop(table, dead);
	for (unsigned i = 0; i < N; i++) {
		struct response_verdict v;
		struct response_event e = {
			.key = key_of(i), .updated_ms = NONE, .content = i, .fact = {i % 7, i, 0, 9}};
		if (i % 5 == 0)
			continue;
		response_judge(table, slot, 100, &e, &v);
		assert_int_equal(v.outcome, RESPONSE_DUPLICATE);
	}
	assert_int_equal(response_stats(table).entries, N / 5 * 4);
	assert_int_equal(response_stats(table).evictions, 0);
	assert_true(response_stats(table).bytes < 60 * (uint64_t)N);
	response_destroy(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_equal_a_recount),
		cmocka_unit_test(an_abort_leaves_no_trace),
		cmocka_unit_test(an_abort_brings_back_what_was_evicted),
		cmocka_unit_test(a_refilled_table_judges_like_one_that_never_stopped),
		cmocka_unit_test(a_million_entries_are_all_found),
	};
	return cmocka_run_group_tests_name("response/property", tests, NULL, NULL);
}
