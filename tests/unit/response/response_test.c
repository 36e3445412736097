#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "feedback/feedback.h"
#include "response/response.h"

#define NONE	RESPONSE_NO_VERSION
#define HORIZON 1000 /* s */

static struct response_table *table_of(int64_t max)
{
	struct response_options options = {.max = max, .horizon_ms = HORIZON * 1000};
	return response_create(&options, 1000);
}

static struct hash128 key_of(uint64_t i)
{
	return (struct hash128){(i + 1) * UINT64_C(0x9E3779B97F4A7C15),
				(i + 1) * UINT64_C(0xD1B54A32D192ED03) >> 7};
}

/* ---- the rules: each case is a story of one response, a row per event ---- */

enum { S = LEDGER_SURVEY, R = LEDGER_RELATIONSHIP, P = LEDGER_SOCIAL, V = LEDGER_REVIEW };

struct row {
	const char *story; /* a new one where it is set */
	int64_t updated;
	int kind; /* ledger, or DELETE */
	int bin, touchpoint, second, content;
	enum response_outcome outcome;
	int was, now; /* bins if it moved; STILL: it must not */
	bool journal, unscored;
};
enum { DELETE = 9, STILL = -2, NIL = BIN_NONE };
#define NEW RESPONSE_NEW
#define EDI RESPONSE_EDITED
#define DUP RESPONSE_DUPLICATE
#define SUP RESPONSE_SUPERSEDED
#define DEL RESPONSE_DELETED

static const struct row rows[] = {
	{"a newer version takes the old one back", 10, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 20, S, 3, 1, 50, 2, EDI, 9, 3, true, false},
	{"an older version changes nothing", 20, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 19, S, 3, 1, 50, 2, SUP, STILL, 0, false, false},
	{"of two with one `updated` the later arrival wins", 10, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 10, S, 3, 1, 50, 2, EDI, 9, 3, true, false},
	{"the same again is a duplicate", 10, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 10, S, 9, 1, 50, 1, DUP, STILL, 0, false, false},
	{"without versions too", NONE, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, NONE, S, 9, 1, 50, 1, DUP, STILL, 0, false, false},
	{NULL, NONE, S, 8, 1, 50, 2, EDI, 9, 8, true, false},
	{"a newer duplicate raises the version: what lies between is old", 10, S, 9, 1, 50, 1, NEW, NIL, 9,
	 true, false},
	{NULL, 30, S, 9, 1, 50, 1, DUP, STILL, 0, true, false},
	{NULL, 20, S, 3, 1, 50, 2, SUP, STILL, 0, false, false},
	{NULL, 30, S, 3, 1, 50, 2, EDI, 9, 3, true, false},
	{"without `updated` it takes the highest known, and wins", 10, S, 9, 1, 50, 1, NEW, NIL, 9, true,
	 false},
	{NULL, NONE, S, 3, 1, 50, 2, EDI, 9, 3, true, false},
	{NULL, 9, S, 4, 1, 50, 3, SUP, STILL, 0, false, false},
	{NULL, 10, S, 5, 1, 50, 4, EDI, 3, 5, true, false},
	{"versionless is the lowest", NONE, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 0, S, 3, 1, 50, 2, EDI, 9, 3, true, false},
	{NULL, -5, S, 4, 1, 50, 4, EDI, 3, 4, true, false}, /* before 1970 counts as 1970 */
	{"other content with the same fact is an edit without a move", 10, S, 9, 1, 50, 1, NEW, NIL, 9, true,
	 false},
	{NULL, 11, S, 9, 1, 50, 2, EDI, STILL, 0, true, false},
	{"the same content with another fact is an edit", 10, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 11, S, 9, 2, 50, 1, EDI, 9, 9, true, false},

	{"no score keeps the known one", 10, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 20, S, NIL, 1, 50, 2, EDI, STILL, 0, true, false},
	{NULL, 20, S, NIL, 1, 50, 2, DUP, STILL, 0, false, false},
	{NULL, 30, S, NIL, 2, 60, 3, EDI, 9, 9, true, false},
	{"no score, nothing known: remembered", 10, S, NIL, 1, 50, 1, NEW, STILL, 0, true, true},
	{NULL, 10, S, NIL, 1, 50, 1, DUP, STILL, 0, false, false},
	{NULL, 20, S, NIL, 1, 50, 2, EDI, STILL, 0, true, true},
	{NULL, 30, S, 7, 1, 50, 3, EDI, NIL, 7, true, false},
	{NULL, 40, S, NIL, 1, 50, 2, EDI, STILL, 0, true, false},
	{"an older full one does not fill a newer partial one", 20, S, NIL, 1, 50, 1, NEW, STILL, 0, true,
	 true},
	{NULL, 10, S, 9, 1, 50, 2, SUP, STILL, 0, false, false},
	{"survey and relationship share a scale", 10, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 20, R, NIL, 1, 50, 2, EDI, 9, 9, true, false},
	{NULL, 30, S, NIL, 1, 50, 3, EDI, 9, 9, true, false},
	{"a review keeps its stars", 10, V, 5, 1, 50, 1, NEW, NIL, 5, true, false},
	{NULL, 20, V, NIL, 1, 50, 2, EDI, STILL, 0, true, false},
	{"another scale without a score takes the old fact back", 10, S, 5, 1, 50, 1, NEW, NIL, 5, true,
	 false},
	{NULL, 20, V, NIL, 1, 50, 2, EDI, 5, NIL, true, true},
	{NULL, 30, S, NIL, 1, 50, 3, EDI, STILL, 0, true, true},
	{"a post's class may change", NONE, P, BIN_UNREAD, 1, 50, 1, NEW, NIL, BIN_UNREAD, true, false},
	{NULL, NONE, P, BIN_POSITIVE, 1, 50, 2, EDI, BIN_UNREAD, BIN_POSITIVE, true, false},
	{"touchpoint, time and ledger move it", NONE, S, 5, 1, 50, 1, NEW, NIL, 5, true, false},
	{NULL, NONE, S, 5, 2, 50, 2, EDI, 5, 5, true, false},
	{NULL, NONE, S, 5, 2, 51, 3, EDI, 5, 5, true, false},
	{NULL, NONE, V, 5, 2, 51, 4, EDI, 5, 5, true, false},

	{"a deletion takes back, a newer version revives", 10, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 20, DELETE, 0, 0, 0, 0, DEL, 9, NIL, true, false},
	{NULL, 20, S, 8, 1, 50, 2, SUP, STILL, 0, false, false},
	{NULL, 15, S, 8, 1, 50, 2, SUP, STILL, 0, false, false},
	{NULL, NONE, S, 8, 1, 50, 2, SUP, STILL, 0, false, false},
	{NULL, 21, S, 8, 1, 50, 2, EDI, NIL, 8, true, false},
	{"a revived response has no old score to keep", 10, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 20, DELETE, 0, 0, 0, 0, DEL, 9, NIL, true, false},
	{NULL, 30, S, NIL, 1, 50, 2, EDI, STILL, 0, true, true},
	{"a deletion holds though it arrives first", 20, DELETE, 0, 0, 0, 0, DEL, STILL, 0, true, false},
	{NULL, 10, S, 9, 1, 50, 1, SUP, STILL, 0, false, false},
	{NULL, 30, S, 9, 1, 50, 1, EDI, NIL, 9, true, false},
	{"without `updated` nothing revives", 10, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, NONE, DELETE, 0, 0, 0, 0, DEL, 9, NIL, true, false},
	{NULL, 99, S, 9, 1, 50, 1, SUP, STILL, 0, false, false},
	{NULL, NONE, S, 9, 1, 50, 1, SUP, STILL, 0, false, false},
	{"nor when it arrives first", NONE, DELETE, 0, 0, 0, 0, DEL, STILL, 0, true, false},
	{NULL, 99, S, 9, 1, 50, 1, SUP, STILL, 0, false, false},
	{NULL, NONE, DELETE, 0, 0, 0, 0, DUP, STILL, 0, false, false},
	{"an older deletion is superseded", 20, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 19, DELETE, 0, 0, 0, 0, SUP, STILL, 0, false, false},
	{"one as old wins as the later arrival", 20, S, 9, 1, 50, 1, NEW, NIL, 9, true, false},
	{NULL, 20, DELETE, 0, 0, 0, 0, DEL, 9, NIL, true, false},
	{"a second deletion raises the version", 20, DELETE, 0, 0, 0, 0, DEL, STILL, 0, true, false},
	{NULL, 20, DELETE, 0, 0, 0, 0, DUP, STILL, 0, false, false},
	{NULL, 40, DELETE, 0, 0, 0, 0, DUP, STILL, 0, true, false},
	{NULL, 30, DELETE, 0, 0, 0, 0, SUP, STILL, 0, false, false},
	{NULL, 30, S, 9, 1, 50, 1, SUP, STILL, 0, false, false},
	{NULL, 41, S, 9, 1, 50, 1, EDI, NIL, 9, true, false},
	{"or makes it one for good", 20, DELETE, 0, 0, 0, 0, DEL, STILL, 0, true, false},
	{NULL, NONE, DELETE, 0, 0, 0, 0, DUP, STILL, 0, true, false},
	{NULL, NONE, DELETE, 0, 0, 0, 0, DUP, STILL, 0, false, false},
	{NULL, 30, S, 9, 1, 50, 1, SUP, STILL, 0, false, false},
	{"which a later versioned deletion does not weaken", NONE, DELETE, 0, 0, 0, 0, DEL, STILL, 0, true,
	 false},
	{NULL, 30, DELETE, 0, 0, 0, 0, DUP, STILL, 0, true, false},
	{NULL, 40, S, 9, 1, 50, 1, SUP, STILL, 0, false, false},
};

static void the_rules_row_by_row(void **state)
{
	struct response_table *table = table_of(1000);
	unsigned slot = response_open(table);
	const char *story = "";
	uint64_t response = 0;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *r = &rows[i];
		struct response_verdict v;
		if (r->story) {
			story = r->story;
			response++;
		}
		struct response_event event = {
			.key = key_of(response),
			.updated_ms = r->updated,
			.deletion = r->kind == DELETE,
			.content = (uint32_t)r->content,
			.fact = {(uint32_t)r->touchpoint, (uint32_t)r->second, (uint8_t)r->kind,
				 (int8_t)r->bin},
		};
		response_judge(table, slot, 100, &event, &v);
		bool moved = r->was != STILL;
		if (v.outcome != r->outcome || v.moved != moved || v.journal != r->journal ||
		    v.unscored != r->unscored || (moved && (v.was.bin != r->was || v.now.bin != r->now)))
			fail_msg(
				"row %zu of \"%s\": outcome %d, moved %d (%d -> %d), journal %d, unscored %d",
				i, story, v.outcome, v.moved, v.was.bin, v.now.bin, v.journal, v.unscored);
		if (moved && v.now.bin >= 0) {
			assert_int_equal(v.now.touchpoint, event.fact.touchpoint);
			assert_int_equal(v.now.second, event.fact.second);
			assert_int_equal(v.now.ledger, event.fact.ledger);
		}
	}
	assert_int_equal(response_stats(table).entries, response);
	response_destroy(table);
}

/* ---- life in the table ---- */

static struct response_verdict judge(struct response_table *table, unsigned slot, uint32_t now_s, uint64_t id,
				     int bin)
{
	struct response_verdict v;
	struct response_event event = {.key = key_of(id),
				       .updated_ms = NONE,
				       .content = (uint32_t)bin,
				       .fact = {.touchpoint = 5, .second = 7, .bin = (int8_t)bin}};
	response_judge(table, slot, now_s, &event, &v);
	return v;
}

static void an_entry_is_forgotten_when_not_seen_for_the_horizon(void **state)
{
	struct response_table *table = table_of(1000);
	unsigned slot = response_open(table);
	assert_int_equal(judge(table, slot, 100, 1, 9).outcome, RESPONSE_NEW);
	assert_int_equal(judge(table, slot, 100 + HORIZON, 1, 9).outcome, RESPONSE_DUPLICATE);
	assert_int_equal(judge(table, slot, 101 + HORIZON, 1, 9).outcome, RESPONSE_NEW);
	/* a change prolongs */
	assert_int_equal(judge(table, slot, 101 + 2 * HORIZON, 1, 8).outcome, RESPONSE_EDITED);
	assert_int_equal(judge(table, slot, 101 + 3 * HORIZON, 1, 8).outcome, RESPONSE_DUPLICATE);
	assert_int_equal(response_stats(table).expired, 1);
	assert_int_equal(response_stats(table).entries, 1);
	response_destroy(table);
}

static void a_key_in_another_partition_is_another_response(void **state)
{
	struct response_table *table = table_of(1000);
	unsigned a = response_open(table), b = response_open(table);
	assert_int_not_equal(a, b);
	judge(table, a, 100, 1, 9);
	assert_int_equal(judge(table, b, 100, 1, 9).outcome, RESPONSE_NEW);
	assert_int_equal(judge(table, a, 100, 1, 3).was.bin, 9);
	response_drop(table, a);
	assert_int_equal(response_stats(table).entries, 1);
	assert_int_equal(judge(table, b, 100, 1, 9).outcome, RESPONSE_DUPLICATE);
	unsigned c = response_open(table);
	assert_int_equal(judge(table, c, 100, 1, 9).outcome, RESPONSE_NEW);
	response_destroy(table);
}

static void full_evicts_the_oldest_and_counts_it(void **state)
{
	struct response_table *table = table_of(1000);
	unsigned slot = response_open(table);
	for (uint64_t i = 0; i < 3000; i++) {
		judge(table, slot, 100 + (uint32_t)(i / 10), i, 9);
		assert_true(response_stats(table).entries <= 1000);
		if (response_undo_full(table, 1)) {
			response_mark(table);
			response_commit(table);
		}
	}
	assert_int_equal(response_stats(table).evictions, 2000);
	response_mark(table), response_commit(table);
	unsigned young = 0;
	for (uint64_t i = 2500; i < 3000; i++) {
		young += judge(table, slot, 400, i, 9).outcome == RESPONSE_DUPLICATE;
		response_rollback(table);
	}
	/* Oldest within a group of 15, not of all: most of the younger half must still be there. */
	assert_true(young > 450);
	response_destroy(table);
}

static void full_takes_expired_and_dropped_ones_first(void **state)
{
	struct response_table *table = table_of(1000);
	unsigned old = response_open(table), slot = response_open(table);
	for (uint64_t i = 0; i < 500; i++)
		judge(table, old, 100, i, 9);
	response_mark(table), response_commit(table);
	for (uint64_t i = 0; i < 500; i++)
		judge(table, slot, 100, i, 9);
	response_mark(table), response_commit(table);
	response_drop(table, old);
	assert_int_equal(response_stats(table).entries, 500);
	for (uint64_t i = 500; i < 850; i++)
		judge(table, slot, 200, i, 9);
	response_mark(table), response_commit(table);
	assert_int_equal(response_stats(table).evictions, 0);
	for (uint64_t i = 850; i < 1300; i++)
		judge(table, slot, 101 + HORIZON, i, 9);
	assert_int_equal(response_stats(table).evictions, 0);
	assert_true(response_stats(table).expired > 100);
	response_destroy(table);
}

static void slots_come_again_after_all_were_used(void **state)
{
	struct response_table *table = table_of(1000);
	unsigned kept = response_open(table);
	judge(table, kept, 100, 1, 9);
	for (unsigned i = 0; i < 3 * RESPONSE_SLOTS; i++) {
		unsigned slot = response_open(table);
		assert_int_not_equal(slot, kept);
		if (i % 1000 == 0) {
			assert_int_equal(judge(table, slot, 100, 1, 3).outcome, RESPONSE_NEW);
			response_mark(table), response_commit(table);
		}
		response_drop(table, slot);
	}
	assert_int_equal(judge(table, kept, 100, 1, 9).outcome, RESPONSE_DUPLICATE);
	assert_int_equal(response_stats(table).entries, 1);
	response_destroy(table);
}

/* The sweep of slot numbers must not let a rollback write into a slot's second life. */
static void rollback_spares_a_slot_that_came_again(void **state)
{
	struct response_table *table = table_of(1000);
	unsigned first = response_open(table), other = response_open(table);
	judge(table, other, 100, 2, 9);
	response_mark(table), response_commit(table);
	judge(table, first, 100, 1, 9);
	judge(table, other, 100, 2, 5);
	response_mark(table);
	judge(table, first, 100, 1, 8);
	judge(table, other, 100, 2, 6);
	response_drop(table, first);
	unsigned slot;
	while ((slot = response_open(table)) != first)
		response_drop(table, slot);
	struct response_entry entry = {
		.key = key_of(1), .updated_ms = NONE, .content = 4, .seen = 100, .fact = {5, 7, 0, 4}};
	response_refill(table, slot, 100, &entry);
	response_rollback(table);
	assert_int_equal(judge(table, slot, 100, 1, 4).outcome, RESPONSE_DUPLICATE);
	assert_int_equal(judge(table, other, 100, 2, 9).outcome, RESPONSE_DUPLICATE);
	response_destroy(table);
}

static void rollback_takes_both_segments_back_and_commit_keeps_the_older(void **state)
{
	struct response_table *table = table_of(1000);
	unsigned slot = response_open(table);
	judge(table, slot, 100, 1, 1);
	response_mark(table);
	judge(table, slot, 100, 1, 2);
	judge(table, slot, 100, 2, 2);
	response_commit(table); /* bin 1 is through */
	response_rollback(table);
	assert_int_equal(judge(table, slot, 100, 1, 3).was.bin, 1);
	assert_int_equal(judge(table, slot, 100, 2, 3).outcome, RESPONSE_NEW);
	response_mark(table);
	judge(table, slot, 100, 1, 4);
	response_rollback(table);
	assert_int_equal(judge(table, slot, 100, 1, 5).was.bin, 1);
	response_mark(table); /* one empty open segment remained */
	response_commit(table);
	assert_int_equal(judge(table, slot, 100, 1, 6).was.bin, 5);
	response_destroy(table);
}

static void refill_brings_entries_back_and_later_ones_win(void **state)
{
	struct response_table *table = table_of(1000);
	unsigned slot = response_open(table);
	struct response_entry e = {
		.key = key_of(1), .updated_ms = 10, .content = 3, .seen = 100, .fact = {5, 7, 0, 3}};
	response_refill(table, slot, 150, &e);
	e.updated_ms = 20;
	e.fact.bin = 8;
	response_refill(table, slot, 150, &e);
	e.key = key_of(2);
	e.seen = 100;
	response_refill(table, slot, 101 + HORIZON, &e); /* beyond the horizon */
	e.key = key_of(3);
	e.seen = 200;
	e.fact = (struct response_fact){.bin = BIN_NONE};
	e.flags = RESPONSE_TOMB | RESPONSE_TOMB_FOR_GOOD;
	response_refill(table, slot, 101, &e);
	response_rollback(table);
	assert_int_equal(response_stats(table).entries, 2);
	assert_int_equal(judge(table, slot, 150, 2, 1).outcome, RESPONSE_NEW);
	assert_int_equal(judge(table, slot, 150, 3, 1).outcome, RESPONSE_SUPERSEDED);
	response_destroy(table);
}

/* A full table evicts for a judge what a refill brings back, newer, before the abort: the journal's word stands. */
static void rollback_leaves_what_a_refill_brought_since(void **state)
{
	struct response_table *table = table_of(10);
	unsigned a = response_open(table), b = response_open(table);
	for (uint64_t i = 0; i < 10; i++)
		judge(table, a, 100 + (uint32_t)i, i, 9);
	response_mark(table), response_commit(table);
	judge(table, b, 200, 100, 9); /* there is one group only: response 0 goes */
	assert_int_equal(response_stats(table).evictions, 1);
	struct response_entry newer = {
		.key = key_of(0), .updated_ms = NONE, .content = 2, .seen = 150, .fact = {5, 7, 0, 2}};
	response_refill(table, a, 200, &newer);
	response_rollback(table);
	assert_int_equal(judge(table, a, 200, 0, 2).outcome, RESPONSE_DUPLICATE);
	assert_int_equal(judge(table, b, 200, 100, 9).outcome, RESPONSE_NEW);
	assert_true(response_stats(table).entries <= 10);
	response_destroy(table);
}

static void rollback_after_a_drop_brings_nothing_of_it_back(void **state)
{
	struct response_table *table = table_of(10);
	unsigned a = response_open(table), b = response_open(table);
	for (uint64_t i = 0; i < 10; i++)
		judge(table, i ? b : a, 100 + (uint32_t)i, i, 9);
	response_mark(table), response_commit(table);
	judge(table, b, 200, 100, 9); /* evicts a's */
	response_drop(table, a);
	response_rollback(table);
	assert_int_equal(response_stats(table).entries, 9);
	response_drop(table, b);
	assert_int_equal(response_stats(table).entries, 0);
	response_destroy(table);
}

static void undo_room_is_told_before_it_is_needed(void **state)
{
	struct response_options options = {.max = 10, .horizon_ms = 1000};
	struct response_table *table = response_create(&options, 100);
	unsigned slot = response_open(table);
	unsigned judged = 0;
	for (; !response_undo_full(table, 1); judged++)
		judge(table, slot, 100, judged, 9);
	assert_true(judged >= 100);
	assert_true(response_stats(table).evictions > 0);
	response_rollback(table);
	assert_false(response_undo_full(table, 100));
	assert_int_equal(response_stats(table).entries, 0);
	assert_int_equal(response_stats(table).evictions, 0);
	response_destroy(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rules_row_by_row),
		cmocka_unit_test(an_entry_is_forgotten_when_not_seen_for_the_horizon),
		cmocka_unit_test(a_key_in_another_partition_is_another_response),
		cmocka_unit_test(full_evicts_the_oldest_and_counts_it),
		cmocka_unit_test(full_takes_expired_and_dropped_ones_first),
		cmocka_unit_test(slots_come_again_after_all_were_used),
		cmocka_unit_test(rollback_spares_a_slot_that_came_again),
		cmocka_unit_test(rollback_takes_both_segments_back_and_commit_keeps_the_older),
		cmocka_unit_test(refill_brings_entries_back_and_later_ones_win),
		cmocka_unit_test(rollback_leaves_what_a_refill_brought_since),
		cmocka_unit_test(rollback_after_a_drop_brings_nothing_of_it_back),
		cmocka_unit_test(undo_room_is_told_before_it_is_needed),
	};
	return cmocka_run_group_tests_name("response/response", tests, NULL, NULL);
}
