/*
 * Growth from the smallest table to the largest against a slow, obvious oracle: a list of what each id was
 * last told. On a failure the row and the seed are printed; SEED=n runs that one alone.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/must.h"
#include "feedback/feedback.h"
#include "response/response.h"

enum { SLOTS = 3, SEGMENT = 5000, HORIZON = 1000, CLOCK = 100000 };

struct row {
	const char *name;
	int64_t max; /* of no round number of groups */
	unsigned ids; /* of each slot */
	unsigned first,
		last; /* of a hundred keys: how many have the first group as their home, how many the last */
	unsigned drop, roll_back; /* one of so many segments ends with it; 0: none */
	unsigned segment_s; /* how far the clock goes on in a segment */
	unsigned growths; /* at least */
};

/* One percent is hundreds of entries with one home, so its count of those that passed sticks at 255. */
static const struct row rows[] = {
	{"five doublings", 600011, 120000, 0, 0, 0, 0, 0, 5},
	{"past the end of the table", 100003, 30000, 0, 1, 0, 0, 0, 2},
	{"past the beginning", 100003, 30000, 1, 0, 0, 0, 0, 2},
	{"both, with rollbacks", 100003, 30000, 1, 1, 0, 3, 0, 2},
	{"all with two homes", 26610, 8500, 50, 50, 0, 4, 0, 1},
	{"rollbacks across growths", 200003, 66000, 0, 0, 0, 2, 0, 2},
	{"drops", 200003, 60000, 0, 0, 5, 0, 0, 2},
	{"expiry", 200003, 60000, 0, 0, 0, 0, 100, 2},
	{"all of it", 200003, 60000, 1, 1, 7, 4, 60, 2},
};

static uint64_t state_of_random;

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

static unsigned below(unsigned n)
{
	return (unsigned)(mix(state_of_random += UINT64_C(0x9E3779B97F4A7C15)) % n);
}

static struct hash128 key_of(const struct row *row, unsigned id)
{
	uint64_t x = mix((id + 1) * UINT64_C(0x9E3779B97F4A7C15));
	unsigned percent = id % 100;
	uint64_t home = percent < row->first		   ? x >> 40
			: percent < row->first + row->last ? ~(x >> 40)
							   : mix(x);
	return (struct hash128){home, x};
}

/* ---- the oracle ---- */

struct known {
	uint32_t seen; /* 0: not known */
	uint32_t content;
};

struct stage {
	const struct row *row;
	uint64_t seed;
	struct response_table *table;
	unsigned slots[SLOTS];
	struct known *now[SLOTS], *committed[SLOTS]; /* by id */
	unsigned reached; /* ids below have been told */
	uint32_t clock;
	uint64_t capacity;
	unsigned growths, undone; /* undone: growths in segments that were rolled back */
};

static bool is_known(const struct stage *s, const struct known *k)
{
	return k->seen != 0 && s->clock - k->seen <= HORIZON;
}

static void judge(struct stage *s, unsigned slot, unsigned id, uint32_t content)
{
	struct known *k = &s->now[slot][id];
	struct response_verdict v;
	struct response_event e = {.key = key_of(s->row, id),
				   .updated_ms = RESPONSE_NO_VERSION,
				   .content = content,
				   .fact = {id, 7, LEDGER_SURVEY, (int8_t)(content % 11)}};
	enum response_outcome outcome = !is_known(s, k)		? RESPONSE_NEW
					: k->content == content ? RESPONSE_DUPLICATE
								: RESPONSE_EDITED;
	if (below(2))
		response_prefetch(s->table, e.key);
	response_judge(s->table, s->slots[slot], s->clock, &e, &v);
	if (v.outcome != outcome ||
	    (outcome != RESPONSE_NEW && (v.was.bin != (int8_t)(k->content % 11) || v.was.touchpoint != id)))
		fail_msg("%s, seed %llu: id %u of slot %u: outcome %d instead of %d", s->row->name,
			 (unsigned long long)s->seed, id, slot, v.outcome, outcome);
	if (outcome != RESPONSE_DUPLICATE)
		*k = (struct known){s->clock, content};
}

/* A repeat of what is known changes nothing, so all can be asked at any time. `swept`: no dead are left. */
static void check_all(struct stage *s, bool swept)
{
	uint64_t count = 0;
	for (unsigned slot = 0; slot < SLOTS; slot++)
		for (unsigned id = 0; id < s->row->ids; id++)
			if (is_known(s, &s->now[slot][id])) {
				judge(s, slot, id, s->now[slot][id].content);
				count++;
			}
	assert_int_equal(response_stats(s->table).evictions, 0);
	if (swept || s->row->segment_s == 0)
		assert_int_equal(response_stats(s->table).entries, count);
}

static void drop(struct stage *s, unsigned slot)
{
	response_drop(s->table, s->slots[slot]);
	s->slots[slot] = response_open(s->table);
	memset(s->now[slot], 0, s->row->ids * sizeof(struct known));
	memset(s->committed[slot], 0, s->row->ids * sizeof(struct known));
}

static void copy(struct stage *s, struct known **to, struct known **from)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		memcpy(to[slot], from[slot], s->row->ids * sizeof(struct known));
}

static bool one_of(unsigned n)
{
	return n != 0 && below(n) == 0;
}

static void end_segment(struct stage *s, unsigned growths)
{
	if (one_of(s->row->drop))
		drop(s, below(SLOTS));
	bool first_growth = s->row->roll_back && growths && !s->undone; /* must not be left to chance */
	if (first_growth || one_of(s->row->roll_back)) {
		response_rollback(s->table);
		copy(s, s->now, s->committed);
		s->undone += growths;
		check_all(s, false);
	} else {
		response_mark(s->table);
		response_commit(s->table);
		copy(s, s->committed, s->now);
	}
	s->clock += s->row->segment_s;
}

/* Two new ones, then one of those that have been told: the same, other, or new again. */
static void segment(struct stage *s)
{
	unsigned growths = s->growths;
	for (unsigned i = 0; i < SEGMENT && s->reached < SLOTS * s->row->ids; i++) {
		unsigned at = i % 3 < 2 ? s->reached++ : below(s->reached);
		judge(s, at % SLOTS, at / SLOTS, below(4));
		uint64_t capacity = response_stats(s->table).capacity;
		if (capacity != s->capacity) {
			s->capacity = capacity;
			s->growths++;
			check_all(s, true);
		}
	}
	end_segment(s, s->growths - growths);
}

static void run(const struct row *row, uint64_t seed)
{
	struct response_options options = {.max = row->max, .horizon_ms = HORIZON * 1000};
	struct stage s = {
		.row = row, .seed = seed, .table = response_create(&options, SEGMENT), .clock = CLOCK};
	state_of_random = seed;
	s.capacity = response_stats(s.table).capacity;
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		s.slots[slot] = response_open(s.table);
		s.now[slot] = must_array(row->ids, sizeof(struct known));
		s.committed[slot] = must_array(row->ids, sizeof(struct known));
	}
	while (s.reached < SLOTS * row->ids)
		segment(&s);
	check_all(&s, false);
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		free(s.now[slot]);
		free(s.committed[slot]);
	}
	response_destroy(s.table);
	if (s.growths < row->growths)
		fail_msg("%s, seed %llu: no more than %u growths", row->name, (unsigned long long)seed,
			 s.growths);
}

static void seeds(const struct row *row)
{
	const char *one = getenv("SEED");
	uint64_t from = one ? strtoull(one, NULL, 10) : 1, to = one ? from : 3;
	for (uint64_t seed = from; seed <= to; seed++)
		run(row, seed);
}

static void growth_keeps_what_a_list_keeps(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		seeds(&rows[i]);
}

/* Where the addresses for `max` are not to be had, only those are asked for that are needed. */
static void it_grows_under_a_limit_of_addresses(void **state)
{
	static const struct row row = {"limited", 2000000000, 60000, 1, 1, 0, 2, 0, 2};
	struct rlimit before, limited;
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	must(file && fscanf(file, "%lu", &pages) == 1);
	fclose(file);
	must(getrlimit(RLIMIT_AS, &before) == 0);
	limited = before;
	limited.rlim_cur = pages * (unsigned long)sysconf(_SC_PAGESIZE) + (1UL << 30);
	must(setrlimit(RLIMIT_AS, &limited) == 0);
	seeds(&row);
	must(setrlimit(RLIMIT_AS, &before) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(growth_keeps_what_a_list_keeps),
		cmocka_unit_test(it_grows_under_a_limit_of_addresses),
	};
	return cmocka_run_group_tests_name("response/growth", tests, NULL, NULL);
}
