#include "response/response_priv.h"

#include "base/must.h"

#define HAND_GROUPS 4

/* There is always a free place: the groups are for GROUP_LOAD of GROUP_ENTRIES each. */
void table_place(struct response_table *table, const struct packed *entry)
{
	uint64_t group = table_home(table, entry->key);
	for (; table_room(table, group) == 0; group = table_following(table, group))
		table_pass(table, group);
	table_put(table, group, entry);
}

void table_insert(struct response_table *table, const struct packed *entry)
{
	if (table->used >= table->grow_at)
		table_make_larger(table);
	must(table->used < table->groups * GROUP_ENTRIES);
	table_place(table, entry);
	table->used++;
	table->slots[packed_slot(entry)].count++;
}

static void uncount(struct response_table *table, const struct packed *entry)
{
	struct slot *slot = &table->slots[packed_slot(entry)];
	table->used--;
	slot->count--;
	if (slot->state != SLOT_OPEN)
		table->dropped--;
}

static void unlink_entry(struct response_table *table, uint64_t place)
{
	uint64_t last = place / GROUP_ENTRIES;
	for (uint64_t g = table_home(table, table->entries[place].key); g != last;
	     g = table_following(table, g)) {
		uint8_t *passed = table->tags + g * GROUP_TAGS + GROUP_ENTRIES;
		if (*passed != 255)
			--*passed;
	}
	table->tags[last * GROUP_TAGS + place % GROUP_ENTRIES] = 0;
}

void table_remove(struct response_table *table, uint64_t place)
{
	unlink_entry(table, place);
	uncount(table, &table->entries[place]);
}

void table_bury(struct response_table *table, const struct packed *entry)
{
	if (table->slots[packed_slot(entry)].state == SLOT_OPEN)
		table->expired++;
	uncount(table, entry);
}

/* True if a place became free. */
static bool bury_group(struct response_table *table, uint64_t group)
{
	bool freed = false;
	for (unsigned hits = table_taken(table, group); hits; hits &= hits - 1) {
		uint64_t place = group * GROUP_ENTRIES + (unsigned)__builtin_ctz(hits);
		if (!table_dead(table, &table->entries[place]))
			continue;
		unlink_entry(table, place);
		table_bury(table, &table->entries[place]);
		freed = true;
	}
	return freed;
}

static void remove_oldest(struct response_table *table, uint64_t group, struct packed *evicted)
{
	uint64_t oldest = NOWHERE;
	for (unsigned hits = table_taken(table, group); hits; hits &= hits - 1) {
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
	while (table_taken(table, group) == 0)
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
