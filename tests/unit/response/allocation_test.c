/* After warm-up a commit's work (judge, tally, write, read, refill) asks for no memory. Not under a sanitizer: malloc is theirs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "bundle/bundle.h"
#include "feedback/feedback.h"
#include "response/response.h"
#include "tally/tally.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

static uint64_t allocations;

#ifndef SANITIZED
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t bytes)
{
	allocations++;
	return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
	allocations++;
	return __libc_calloc(n, bytes);
}

void *realloc(void *at, size_t bytes)
{
	allocations++;
	return __libc_realloc(at, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	allocations++;
	return __libc_memalign(alignment, bytes);
}
#endif

enum { TOUCHPOINTS = 500, EVENTS = 20000, CLOCK = 1700000000 };

struct stage {
	struct names *names;
	struct response_table *table, *copy;
	unsigned slot, copy_slot;
	struct tally *tally;
	struct bundle_writer *writer;
	struct bundle_reader *reader;
	uint64_t cells, entries;
};

static struct response_verdict
	verdicts[EVENTS]; /* of a commit: the journal borrows their entries until it is finished */

static bool read_bundle(void *context, uint32_t shard, struct str bytes)
{
	struct stage *s = context;
	struct bundle b;
	if (!bundle_read(s->reader, bytes, &b))
		return false;
	for (uint32_t g = 0; g < b.groups_count; g++)
		s->cells += b.groups[g].count;
	return true;
}

static bool read_journal(void *context, uint32_t shard, struct str bytes)
{
	struct stage *s = context;
	struct bundle_journal j;
	if (!bundle_read_journal(s->reader, bytes, &j))
		return false;
	for (uint32_t i = 0; i < j.entries_count; i++)
		response_refill(s->copy, s->copy_slot, CLOCK, &j.entries[i]);
	s->entries += j.entries_count;
	return true;
}

static void judge_one(struct stage *s, struct response_verdict *v, uint64_t id, int bin)
{
	struct response_event e = {
		.key = {id * UINT64_C(0x9E3779B97F4A7C15), id * UINT64_C(0xBF58476D1CE4E5B9)},
		.updated_ms = RESPONSE_NO_VERSION,
		.content = (uint32_t)bin,
		.fact = {(uint32_t)(id % TOUCHPOINTS), CLOCK, 0, (int8_t)bin}};
	response_prefetch(s->table, e.key);
	response_judge(s->table, s->slot, CLOCK, &e, v);
	if (v->journal)
		bundle_journal_add(s->writer, &v->entry);
	if (v->moved && v->was.bin >= 0)
		tally_add(s->tally, v->was.touchpoint, 0, v->was.second, (uint8_t)v->was.bin, -1);
	if (v->moved && v->now.bin >= 0)
		tally_add(s->tally, v->now.touchpoint, 0, v->now.second, (uint8_t)v->now.bin, 1);
}

static void one_commit(struct stage *s, unsigned round)
{
	struct bundle_head head = {.shards = 8, .clock_ms = CLOCK * INT64_C(1000), .instance = STR("i")};
	bundle_journal_begin(s->writer, head.clock_ms, 1);
	for (unsigned i = 0; i < EVENTS; i++)
		judge_one(s, &verdicts[i], i % 4 ? round * EVENTS + i : i, (int)((i + round) % 11));
	assert_true(bundle_write(s->writer, &head, s->names, s->tally, true, read_bundle, s));
	assert_true(bundle_journal_finish(s->writer, s->names, 0, read_journal, s));
	response_mark(s->table);
	response_commit(s->table);
	tally_clear(s->tally);
}

static void none_after_warm_up(void **state)
{
	struct response_options options = {.max = 50000, .horizon_ms = 1000000};
	struct stage s = {.names = names_create(TOUCHPOINTS, 40),
			  .table = response_create(&options, 2 * EVENTS),
			  .copy = response_create(&options, 10),
			  .tally = tally_create(2 * EVENTS, TOUCHPOINTS),
			  .writer = bundle_writer_create(TOUCHPOINTS),
			  .reader = bundle_reader_create()};
	s.slot = response_open(s.table);
	s.copy_slot = response_open(s.copy);
	for (unsigned i = 0; i < TOUCHPOINTS; i++) {
		char name[40];
		names_intern(s.names,
			     (struct str){name, (size_t)snprintf(name, sizeof name, "touchpoint %u", i)});
	}
	for (unsigned round = 0; round < 6; round++)
		one_commit(&s, round);
	uint64_t before = allocations, cells = s.cells, entries = s.entries;
#ifndef SANITIZED
	assert_true(before > 0); /* the counter counts */
#endif
	for (unsigned round = 6; round < 26; round++)
		one_commit(&s, round);
	assert_int_equal(allocations - before, 0);
	assert_true(s.cells - cells > 20 * TOUCHPOINTS);
	assert_true(s.entries - entries > 20 * EVENTS / 2);
	assert_true(response_stats(s.table).evictions > 0); /* full, too */
	names_destroy(s.names);
	response_destroy(s.table);
	response_destroy(s.copy);
	tally_destroy(s.tally);
	bundle_writer_destroy(s.writer);
	bundle_reader_destroy(s.reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_after_warm_up),
	};
	return cmocka_run_group_tests_name("response/allocation", tests, NULL, NULL);
}
