#include "response/response_priv.h"

#include "base/must.h"

/* Each event changes or inserts one entry and evicts one at most. */
#define RECORDS_PER_EVENT 2

void undo_push(struct response_table *table, enum undo what, const struct packed *old)
{
	must(table->head - table->tail < table->undo_size);
	/* The ring is larger than the cache and is gone through for ever: each record's line would be waited for. */
	__builtin_prefetch(&table->undo[(table->head + 24) & (table->undo_size - 1)], 1);
	struct packed *record = &table->undo[table->head++ & (table->undo_size - 1)];
	*record = *old;
	record->where |= (uint32_t)what << 30;
}

bool response_undo_full(const struct response_table *table, unsigned events)
{
	return table->undo_size - (table->head - table->tail) < RECORDS_PER_EVENT * (uint64_t)events;
}

void response_mark(struct response_table *table)
{
	must(!table->committing);
	table->closed = table->head;
	table->committing = true;
}

void response_commit(struct response_table *table)
{
	must(table->committing);
	table->tail = table->closed;
	table->committing = false;
}

/* More than `max` may come back for a moment, if refills have taken the room since: at most what the groups hold. */
static void bring_back(struct response_table *table, const struct packed *record)
{
	struct packed evicted;
	if (table->groups == table->groups_max && table->used >= table->groups * (GROUP_ENTRIES - 1))
		table_make_room(table, table_home(table, record->key), &evicted);
	table_insert(table, record);
}

/* By key, not by place: the table may have grown, and refills may have moved in, since. */
static void take_back(struct response_table *table, struct packed *record)
{
	enum undo what = record->where >> 30;
	unsigned slot = packed_slot(record);
	record->where &= UINT32_MAX >> 2;
	if (what == UNDO_EVICTION && table->evictions)
		table->evictions--;
	if (table->slots[slot].state != SLOT_OPEN)
		return;
	uint64_t place = table_find(table, record->key, slot);
	if (what == UNDO_INSERT) {
		if (place != NOWHERE)
			table_remove(table, place);
	} else if (place == NOWHERE) {
		bring_back(table, record);
	} else if (what == UNDO_CHANGE) {
		table->entries[place] = *record;
	}
	/* else: what was evicted has come back by a refill, which knows better */
}

void response_rollback(struct response_table *table)
{
	struct packed evicted;
	while (table->head != table->tail)
		take_back(table, &table->undo[--table->head & (table->undo_size - 1)]);
	table->closed = table->head;
	table->committing = false;
	while (table->used > table->max)
		table_make_room(table, table->hand % table->groups, &evicted);
}
