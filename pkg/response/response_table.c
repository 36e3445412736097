#include "response/response_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/must.h"

#define HUGE_PAGE   (UINT64_C(2) << 20)
#define HAND_GROUPS 4

/* Random access over hundreds of MB misses the page tables as often as the cache: large pages save a third of a lookup. */
static void *big_array(uint64_t bytes)
{
	if (bytes < HUGE_PAGE)
		return must_alloc(bytes);
	bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	void *at = aligned_alloc(HUGE_PAGE, bytes);
	if (at == NULL)
		return must_alloc(bytes); /* says that memory is out */
	madvise(at, bytes, MADV_HUGEPAGE); /* advice: a system without them runs the same, slower */
	return at;
}

static unsigned taken(const uint8_t *group)
{
	return ~group_match(group, 0) & GROUP_ALL;
}

void table_allocate(struct response_table *table, uint64_t groups)
{
	table->groups = groups;
	table->tags = big_array(groups * GROUP_TAGS);
	table->entries = big_array(groups * GROUP_ENTRIES * sizeof *table->entries);
	memset(table->tags, 0, groups * GROUP_TAGS);
}

/* There is always a free place: the groups are for GROUP_LOAD of GROUP_ENTRIES each. */
static void place_entry(struct response_table *table, const struct packed *entry)
{
	uint64_t group = table_home(table, entry->key);
	for (;; group = table_following(table, group)) {
		uint8_t *tags = table->tags + group * GROUP_TAGS;
		unsigned room = group_match(tags, 0);
		if (room) {
			unsigned at = (unsigned)__builtin_ctz(room);
			tags[at] = tag_of(entry->key);
			table->entries[group * GROUP_ENTRIES + at] = *entry;
			return;
		}
		if (tags[GROUP_ENTRIES] != 255)
			tags[GROUP_ENTRIES]++;
	}
}

static bool dead(const struct response_table *table, const struct packed *entry)
{
	return table->slots[packed_slot(entry)].state != SLOT_OPEN || table_expired(table, entry);
}

static void grow(struct response_table *table)
{
	uint8_t *tags = table->tags;
	struct packed *entries = table->entries;
	uint64_t groups = table->groups;
	table_allocate(table, 2 * groups < table->groups_max ? 2 * groups : table->groups_max);
	for (uint64_t g = 0; g < groups; g++)
		for (unsigned hits = taken(tags + g * GROUP_TAGS); hits; hits &= hits - 1)
			place_entry(table, &entries[g * GROUP_ENTRIES + (unsigned)__builtin_ctz(hits)]);
	free(tags);
	free(entries);
}

void table_insert(struct response_table *table, const struct packed *entry)
{
	if (table->groups < table->groups_max && table->used >= table->groups * GROUP_LOAD) {
		/* Room among the dead is worth more than memory, but sweeping for a few of them each time would never end. */
		table_sweep(table);
		if (table->used >= table->groups * (GROUP_LOAD - GROUP_LOAD / 4))
			grow(table);
	}
	must(table->used < table->groups * GROUP_ENTRIES);
	place_entry(table, entry);
	table->used++;
	table->slots[packed_slot(entry)].count++;
}

void table_remove(struct response_table *table, uint64_t place)
{
	const struct packed *entry = &table->entries[place];
	struct slot *slot = &table->slots[packed_slot(entry)];
	uint64_t last = place / GROUP_ENTRIES;
	for (uint64_t g = table_home(table, entry->key); g != last; g = table_following(table, g)) {
		uint8_t *passed = table->tags + g * GROUP_TAGS + GROUP_ENTRIES;
		if (*passed != 255)
			--*passed;
	}
	table->tags[last * GROUP_TAGS + place % GROUP_ENTRIES] = 0;
	table->used--;
	slot->count--;
	if (slot->state != SLOT_OPEN)
		table->dropped--;
}

/* True if a place became free. */
static bool bury_group(struct response_table *table, uint64_t group)
{
	bool freed = false;
	for (unsigned hits = taken(table->tags + group * GROUP_TAGS); hits; hits &= hits - 1) {
		uint64_t place = group * GROUP_ENTRIES + (unsigned)__builtin_ctz(hits);
		if (!dead(table, &table->entries[place]))
			continue;
		if (table->slots[packed_slot(&table->entries[place])].state == SLOT_OPEN)
			table->expired++;
		table_remove(table, place);
		freed = true;
	}
	return freed;
}

static void remove_oldest(struct response_table *table, uint64_t group, struct packed *evicted)
{
	uint64_t oldest = NOWHERE;
	for (unsigned hits = taken(table->tags + group * GROUP_TAGS); hits; hits &= hits - 1) {
		uint64_t place = group * GROUP_ENTRIES + (unsigned)__builtin_ctz(hits);
		if (oldest == NOWHERE || table->entries[place].seen < table->entries[oldest].seen)
			oldest = place;
	}
	*evicted = table->entries[oldest];
	table_remove(table, oldest);
	table->evictions++;
}

bool table_make_room(struct response_table *table, uint64_t group, struct packed *evicted)
{
	must(table->used > 0);
	while (taken(table->tags + group * GROUP_TAGS) == 0)
		group = table_following(table, group);
	if (bury_group(table, group))
		return false;
	/* The dead of other groups come first: a hand goes round, a few groups each time, so that a table with a few percent to spare
	 * loses nothing that it should know. */
	for (unsigned i = 0; i < HAND_GROUPS; i++) {
		table->hand = table_following(table, table->hand < table->groups ? table->hand : 0);
		if (bury_group(table, table->hand))
			return false;
	}
	remove_oldest(table, group, evicted);
	return true;
}

void table_sweep(struct response_table *table)
{
	for (uint64_t g = 0; g < table->groups; g++)
		bury_group(table, g);
}
