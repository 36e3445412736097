#include "response/response_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

#define GROUPS_FIRST 1024 /* or up to twice that, 13 to 27 thousand entries: a small feed never grows */
#define SAMPLE	     256 /* groups: 3,000 entries tell the share of the dead to two percent */
#define TOUCHES                                                                                              \
	64 /* in which the next growth's memory is touched: 2 MB each on the way to 5 million entries */
#define AHEAD 4 /* groups, asked for before they are moved: a growth takes half as long */
#define MOVED 9 /* entries of a group that are worth asking for: few groups get more at once */

/* What had no place among the groups that were moved already: few, so it begins small. */
struct left_over {
	struct packed *entries;
	uint64_t count, size;
};

static void leave_over(struct left_over *left, const struct packed *entry)
{
	if (left->count == left->size) {
		uint64_t size = left->size ? 2 * left->size : 64;
		struct packed *entries = must_array(size, sizeof *entries);
		if (left->count)
			memcpy(entries, left->entries, left->count * sizeof *entries);
		free(left->entries);
		left->entries = entries;
		left->size = size;
	}
	left->entries[left->count++] = *entry;
}

/* Sizes are the largest one halved again and again: each growth is a doubling, but for the rounding. */
static uint64_t halved_down_to(uint64_t groups, uint64_t at_least)
{
	while ((groups + 1) / 2 >= at_least)
		groups = (groups + 1) / 2;
	return groups;
}

static uint64_t entries_bytes(uint64_t groups)
{
	return groups * GROUP_ENTRIES * sizeof(struct packed);
}

static uint64_t full(const struct response_table *table)
{
	return table->groups * GROUP_LOAD;
}

/* The next growth's memory is touched while the last eighth fills up. */
static uint64_t touch_from(const struct response_table *table)
{
	return full(table) - full(table) / 8;
}

static void plan(struct response_table *table)
{
	table->grow_at = table->groups == table->groups_max ? UINT64_MAX : touch_from(table);
}

static void extend(struct response_table *table, uint64_t groups)
{
	table->groups = groups;
	table->tags = memory_extend(&table->tags_memory, groups * GROUP_TAGS);
	table->entries = memory_extend(&table->entries_memory, entries_bytes(groups));
}

void table_allocate(struct response_table *table)
{
	memory_open(&table->tags_memory, table->groups_max * GROUP_TAGS);
	memory_open(&table->entries_memory, entries_bytes(table->groups_max));
	extend(table, halved_down_to(table->groups_max, GROUPS_FIRST));
	plan(table);
}

/* To its home or the next group with room, if those are beyond the group that is being emptied. */
static bool move_entry(struct response_table *table, const struct packed *entry, uint64_t emptied)
{
	uint64_t home = table_home(table, entry->key), group = home;
	if (home <= emptied)
		return false;
	while (table_room(table, group) == 0)
		if (++group == table->groups)
			return false;
	for (; home != group; home++)
		table_pass(table, home);
	table_put(table, group, entry);
	return true;
}

/* Always inline, for the reason that table_fetch_tags is. */
__attribute__((always_inline)) static inline void fetch_entries(const struct response_table *table,
								uint64_t group, unsigned count)
{
	const char *at = (const char *)&table->entries[group * GROUP_ENTRIES];
	for (unsigned i = 0; i < count * sizeof *table->entries; i += 64)
		__builtin_prefetch(at + i, 1);
}

static void move_group(struct response_table *table, uint64_t group, struct left_over *left)
{
	unsigned hits = table_taken(table, group);
	memset(table->tags + group * GROUP_TAGS, 0, GROUP_TAGS);
	for (; hits; hits &= hits - 1) {
		const struct packed *entry =
			&table->entries[group * GROUP_ENTRIES + (unsigned)__builtin_ctz(hits)];
		if (table_dead(table, entry))
			table_bury(table, entry);
		else if (!move_entry(table, entry, group))
			leave_over(left, entry);
	}
}

/*
 *   old   [0][1][2][3]               group g is emptied into 2g and 2g + 1, the last one first, so what is
 *   new   [0][1][2][3][4][5][6][7]   written is beyond g: new, or emptied before
 *
 * Left over, and put in at the end, is what has to go to g itself or below: all of group 0, entries that had
 * passed as many groups as lie before their home, and what passes the end of the table.
 */
static void grow(struct response_table *table)
{
	struct left_over left = {0};
	uint64_t old = table->groups;
	extend(table, halved_down_to(table->groups_max, old + 1));
	for (uint64_t g = old; g-- > 0;) {
		if (g >= AHEAD) {
			fetch_entries(table, g - AHEAD, GROUP_ENTRIES);
			fetch_entries(table, 2 * (g - AHEAD), MOVED);
			fetch_entries(table, 2 * (g - AHEAD) + 1, MOVED);
		}
		move_group(table, g, &left);
	}
	for (uint64_t i = 0; i < left.count; i++)
		table_place(table, &left.entries[i]);
	free(left.entries);
}

/* Room among the dead is worth more than memory, but sweeping for a few of them each time would never end. */
static bool worth_a_sweep(const struct response_table *table)
{
	uint64_t step = (table->groups + SAMPLE - 1) / SAMPLE, dead = 0, all = 0;
	for (uint64_t g = 0; g < table->groups; g += step)
		for (unsigned hits = table_taken(table, g); hits; hits &= hits - 1, all++)
			dead += table_dead(
				table, &table->entries[g * GROUP_ENTRIES + (unsigned)__builtin_ctz(hits)]);
	return 4 * dead >= all;
}

/* The kernel zeroes what is touched first. That takes half as long as the move, and ten times as long in
 * a virtual machine whose host has yet to find the memory: it is done bit by bit, not in a growth's pause. */
static void touch_ahead(struct response_table *table)
{
	uint64_t now = entries_bytes(table->groups), step = full(table) / 8 / TOUCHES + 1;
	uint64_t next = entries_bytes(halved_down_to(table->groups_max, table->groups + 1));
	uint64_t part = table->used + step - touch_from(table), parts = full(table) / 8;
	table->grow_at = part < parts ? table->used + step : full(table);
	memory_touch(&table->entries_memory, part < parts ? now + (next - now) / parts * part : next);
}

void table_make_larger(struct response_table *table)
{
	if (table->used < full(table)) {
		touch_ahead(table);
		return;
	}
	if (worth_a_sweep(table))
		table_sweep(table);
	if (table->used >= table->groups * (GROUP_LOAD - GROUP_LOAD / 4))
		grow(table);
	plan(table);
}
