#include "response/response_priv.h"
#include "response/response_rules.h"

#include <stdlib.h>

#include "base/must.h"

const struct option_row response_options[] = {
	{.key = "max",
	 .type = OPTION_INT,
	 .offset = offsetof(struct response_options, max),
	 .preset = "10000000",
	 .min = 1000,
	 .max = 2e9,
	 .prose = "how many responses this process remembers, all lanes together; 47 bytes each"},
	{.key = "horizon",
	 .type = OPTION_DURATION,
	 .offset = offsetof(struct response_options, horizon_ms),
	 .preset = "8d",
	 .min = 60e3,
	 .max = 400 * 86400e3,
	 .prose = "how long each is remembered; at least the longest window and intake.max_future_skew "
		  "together"},
	{.key = NULL},
};

static uint64_t groups_for(uint64_t entries)
{
	return entries / GROUP_LOAD + 1;
}

struct response_table *response_create(const struct response_options *options, int64_t undo_max)
{
	must(options->max > 0 && undo_max > 0);
	struct response_table *table = must_alloc(sizeof *table);
	table->max = (uint64_t)options->max;
	table->horizon_s = (options->horizon_ms + 999) / 1000;
	table->undo_size = 2;
	while (table->undo_size < 2 * (uint64_t)undo_max)
		table->undo_size *= 2;
	table->groups_max = groups_for(table->max);
	table->undo = must_array(table->undo_size, sizeof *table->undo);
	table->slots = must_array(RESPONSE_SLOTS, sizeof *table->slots);
	table_allocate(table);
	return table;
}

void response_destroy(struct response_table *table)
{
	if (table == NULL)
		return;
	memory_close(&table->tags_memory);
	memory_close(&table->entries_memory);
	free(table->undo);
	free(table->slots);
	free(table);
}

static bool find_slot(struct response_table *table)
{
	for (; table->slot_next < RESPONSE_SLOTS; table->slot_next++)
		if (table->slots[table->slot_next].state == SLOT_FREE)
			return true;
	return false;
}

/* All numbers have been used: take the entries of dropped slots out, in the log too, and begin again. */
static void free_slots(struct response_table *table)
{
	table_sweep(table);
	uint64_t kept = table->tail, closed = table->tail;
	for (uint64_t i = table->tail; i != table->head; i++) {
		const struct packed *record = &table->undo[i & (table->undo_size - 1)];
		if (i == table->closed)
			closed = kept;
		if (table->slots[packed_slot(record)].state == SLOT_OPEN)
			table->undo[kept++ & (table->undo_size - 1)] = *record;
	}
	table->closed = table->closed == table->head ? kept : closed;
	table->head = kept;
	for (unsigned i = 0; i < RESPONSE_SLOTS; i++)
		if (table->slots[i].state == SLOT_DROPPED)
			table->slots[i].state = SLOT_FREE;
	table->slot_next = 0;
}

unsigned response_open(struct response_table *table)
{
	if (!find_slot(table)) {
		free_slots(table);
		must(find_slot(table));
	}
	table->slots[table->slot_next].state = SLOT_OPEN;
	return table->slot_next++;
}

void response_drop(struct response_table *table, unsigned slot)
{
	must(slot < RESPONSE_SLOTS && table->slots[slot].state == SLOT_OPEN);
	table->slots[slot].state = SLOT_DROPPED;
	table->dropped += table->slots[slot].count;
}

/* Together, not one a call: an address that is in no TLB holds up what comes behind its prefetch, in a
 * virtual machine for 60 ns, but several in a row are looked up at once. It was a fifth of intake's time. */
static inline void fetch_pending(struct response_table *table)
{
	for (unsigned i = 0; i < table->pending_count; i++)
		table_fetch_entry(table, table->pending[i]);
	table->pending_count = 0;
}

void response_prefetch(struct response_table *table, struct hash128 key)
{
	table_fetch_tags(table, key);
	if (table->pending_count == PENDING)
		fetch_pending(table);
	table->pending[table->pending_count++] = key;
}

static inline void advance(struct response_table *table, unsigned slot, uint32_t now_s)
{
	must(slot < RESPONSE_SLOTS && table->slots[slot].state == SLOT_OPEN);
	if (now_s > table->now_s)
		table->now_s = now_s;
	fetch_pending(table);
}

static void insert_new(struct response_table *table, const struct packed *entry, bool log)
{
	struct packed evicted;
	if (table->used >= table->max && table_make_room(table, table_home(table, entry->key), &evicted) &&
	    log)
		undo_push(table, UNDO_EVICTION, &evicted);
	table_insert(table, entry);
}

/* What the table and the wire can hold; the entry's packing relies on it. */
static void must_fit(const struct response_fact *fact)
{
	must(fact->touchpoint < RESPONSE_TOUCHPOINTS_MAX && fact->ledger < LEDGERS && fact->bin >= BIN_NONE &&
	     fact->bin < 15);
}

/* Field by field: it is in registers, and a copy of the struct would go through memory. */
static inline void put_fact(struct response_fact *to, const struct response_fact *fact)
{
	to->touchpoint = fact->touchpoint;
	to->second = fact->second;
	to->ledger = fact->ledger;
	to->bin = fact->bin;
}

static void store(struct response_table *table, unsigned slot, uint64_t place, bool known,
		  const struct response_entry *next)
{
	struct packed packed;
	if (known)
		undo_push(table, UNDO_CHANGE, &table->entries[place]);
	if (place != NOWHERE)
		pack(&table->entries[place], slot, next);
	if (known)
		return;
	pack(&packed, slot, next);
	if (place != NOWHERE)
		table->expired++;
	else
		insert_new(table, &packed, true);
	undo_push(table, UNDO_INSERT, &packed);
}

void response_judge(struct response_table *table, unsigned slot, uint32_t now_s,
		    const struct response_event *event, struct response_verdict *out)
{
	struct response_entry old = {.updated_ms = RESPONSE_NO_VERSION, .fact.bin = BIN_NONE}, next;
	advance(table, slot, now_s);
	if (!event->deletion)
		must_fit(&event->fact);
	uint64_t place = table_find(table, event->key, slot);
	bool known = place != NOWHERE && !table_expired(table, &table->entries[place]);
	if (known)
		old = unpack(&table->entries[place]);
	enum response_outcome outcome = rules_decide(&old, known, table->now_s, event, &next);
	out->outcome = outcome;
	put_fact(&out->was, &old.fact);
	put_fact(&out->now, &old.fact);
	out->unscored = out->moved = false;
	out->journal = outcome != RESPONSE_SUPERSEDED &&
		       (outcome != RESPONSE_DUPLICATE || next.updated_ms > old.updated_ms ||
			next.flags != old.flags);
	if (!out->journal)
		return;
	put_fact(&out->now, &next.fact);
	out->moved = !rules_same_fact(&old.fact, &next.fact) && (old.fact.bin >= 0 || next.fact.bin >= 0);
	out->unscored = next.fact.bin < 0 && (outcome == RESPONSE_NEW || outcome == RESPONSE_EDITED);
	out->entry = next;
	store(table, slot, place, known, &next);
}

void response_refill(struct response_table *table, unsigned slot, uint32_t now_s,
		     const struct response_entry *entry)
{
	advance(table, slot, now_s);
	must_fit(&entry->fact);
	must(entry->updated_ms == RESPONSE_NO_VERSION ||
	     (entry->updated_ms >= 0 && entry->updated_ms <= RESPONSE_VERSION_MAX));
	struct packed packed;
	pack(&packed, slot, entry);
	if (table_expired(table, &packed))
		return;
	uint64_t place = table_find(table, entry->key, slot);
	if (place != NOWHERE)
		table->entries[place] = packed;
	else
		insert_new(table, &packed, false);
}

struct response_stats response_stats(const struct response_table *table)
{
	uint64_t room = table->groups * GROUP_LOAD;
	return (struct response_stats){
		.entries = table->used - table->dropped,
		.capacity = room < table->max ? room : table->max,
		.bytes = sizeof *table + table->tags_memory.bytes + table->entries_memory.bytes +
			 table->undo_size * sizeof *table->undo + RESPONSE_SLOTS * sizeof *table->slots,
		.evictions = table->evictions,
		.expired = table->expired,
	};
}
