/*
 * What the files of `response` share: the packed entry, the table that holds it, the log that takes changes back.
 *
 *   tags     group g:  [t0 t1 ... t14 | n]   t: 0 = free, else 8 bits of the key;  n: entries that had to go past this group
 *   entries  group g:  [e0 e1 ... e14]
 *
 * A key's home is the group that its hash scales to (no power of two needed; doubling keeps the order, so growth moves the
 * groups within the same memory, from the last one on). It lies in the first group from there on that had room; every
 * group it passed counts it in n. So a lookup ends at the first group with n = 0, and an entry can be taken out without
 * leaving a trace: churn never wears the table down. n sticks at 255, until growth counts anew.
 */
#ifndef RESPONSE_PRIV_H
#define RESPONSE_PRIV_H

#include <simde/x86/sse2.h>

#include "response/response.h"

#define GROUP_TAGS    16
#define GROUP_ENTRIES 15
#define GROUP_LOAD    13   /* entries per group on average at most: fewer is faster (12: -1 ns), costs 4 bytes each */
#define GROUP_ALL     ((1u << GROUP_ENTRIES) - 1)
#define NOWHERE       UINT64_MAX
#define PENDING       32   /* half of a batch: its lines are on their way while the other half is decoded */

/* Shifts instead of bit fields: compilers put those together in memory, which stalls (half of an upsert's time). */
struct packed {
	struct hash128 key;
	uint64_t version;   /* updated + 1 (0: none), 44 bits; slot, 16 bits; bin + 1, 4 bits */
	uint32_t where;     /* touchpoint, 26 bits; ledger, 2 bits; flags, 2 bits; what an undo record brings back, 2 bits */
	uint32_t second, content, seen;
};
_Static_assert(sizeof(struct packed) == 40, "an entry is 40 bytes");

static inline unsigned packed_slot(const struct packed *p)
{
	return p->version >> 44 & 0xFFFF;
}

/* Field by field to where it belongs: a struct put together on the stack and then copied stalls as well. */
static inline void pack(struct packed *to, unsigned slot, const struct response_entry *e)
{
	uint64_t version = e->updated_ms == RESPONSE_NO_VERSION ? 0 : (uint64_t)e->updated_ms + 1;
	to->key = e->key;
	to->version = version | (uint64_t)slot << 44 | (uint64_t)(unsigned)(e->fact.bin + 1) << 60;
	to->where = e->fact.touchpoint | (uint32_t)e->fact.ledger << 26 | (uint32_t)e->flags << 28;
	to->second = e->fact.second;
	to->content = e->content;
	to->seen = e->seen;
}

static inline struct response_entry unpack(const struct packed *p)
{
	uint64_t version = p->version & (UINT64_C(0xFFFFFFFFFFFFFFFF) >> 20);
	return (struct response_entry){
		.key = p->key,
		.updated_ms = version ? (int64_t)version - 1 : RESPONSE_NO_VERSION,
		.fact = {p->where & (RESPONSE_TOUCHPOINTS_MAX - 1), p->second, p->where >> 26 & 3, (int8_t)((int)(p->version >> 60) - 1)},
		.content = p->content,
		.seen = p->seen,
		.flags = p->where >> 28 & 3,
	};
}

/* A range of addresses whose beginning is memory: an array grows in it where it stands. */
struct memory {
	char *at;
	uint64_t bytes, page;   /* bytes: whole pages, huge ones unless it will always be small */
	void *reserved;   /* NULL: the array is on the heap */
	uint64_t reserved_bytes;
};

enum undo { UNDO_CHANGE, UNDO_INSERT, UNDO_EVICTION };

enum slot_state { SLOT_FREE, SLOT_OPEN, SLOT_DROPPED };

struct slot {
	uint32_t count;   /* entries in the table */
	uint32_t state;
};

struct response_table {
	uint8_t *tags;
	struct packed *entries;
	struct memory tags_memory, entries_memory;
	uint64_t groups, groups_max;
	uint64_t grow_at;        /* used: when growth has something to do; never: UINT64_MAX */
	uint64_t used, max;      /* places taken, those of dropped slots included */
	uint64_t dropped;        /* places taken by entries of dropped slots */
	uint32_t now_s;          /* latest clock seen */
	int64_t horizon_s;
	uint64_t evictions, expired;
	unsigned slot_next;      /* where the search for a free slot begins */
	struct slot *slots;
	uint64_t hand;           /* group where the dead were last looked for */

	/* A ring: records tail..closed belong to the committing segment, closed..head to the open one. */
	struct packed *undo;
	uint64_t undo_size, tail, closed, head;   /* size: a power of two */
	bool committing;

	struct hash128 pending[PENDING];   /* keys whose tags were asked for, their entries not yet */
	unsigned pending_count;
};

/* ---- table: what is looked up on the hot path, inline. Places are group * GROUP_ENTRIES + position. ---- */

static inline uint8_t tag_of(struct hash128 key)
{
	uint8_t tag = (uint8_t)key.hi;
	return tag ? tag : 1;
}

/* A bit per entry of the group whose tag is this one. */
static inline unsigned group_match(const uint8_t *tags, uint8_t tag)
{
	simde__m128i all = simde_mm_loadu_si128((const simde__m128i *)tags);
	return (unsigned)simde_mm_movemask_epi8(simde_mm_cmpeq_epi8(all, simde_mm_set1_epi8((char)tag))) & GROUP_ALL;
}

/* Bits of the places that are free, and of those that are not. */
static inline unsigned table_room(const struct response_table *table, uint64_t group)
{
	return group_match(table->tags + group * GROUP_TAGS, 0);
}

static inline unsigned table_taken(const struct response_table *table, uint64_t group)
{
	return ~table_room(table, group) & GROUP_ALL;
}

static inline uint64_t table_home(const struct response_table *table, struct hash128 key)
{
	return (uint64_t)((unsigned __int128)key.lo * table->groups >> 64);
}

static inline uint64_t table_following(const struct response_table *table, uint64_t group)
{
	return group + 1 == table->groups ? 0 : group + 1;
}

static inline bool table_expired(const struct response_table *table, const struct packed *entry)
{
	/* Seen at 0: judged before there was any clock, as deletions are that a replay begins with. Of no known age, they stay. */
	return entry->seen != 0 && (int64_t)table->now_s - (int64_t)entry->seen > table->horizon_s;
}

static inline bool table_dead(const struct response_table *table, const struct packed *entry)
{
	return table->slots[packed_slot(entry)].state != SLOT_OPEN || table_expired(table, entry);
}

/* Into a group that has room. */
static inline void table_put(struct response_table *table, uint64_t group, const struct packed *entry)
{
	unsigned at = (unsigned)__builtin_ctz(table_room(table, group));
	table->tags[group * GROUP_TAGS + at] = tag_of(entry->key);
	table->entries[group * GROUP_ENTRIES + at] = *entry;
}

static inline void table_pass(struct response_table *table, uint64_t group)
{
	uint8_t *passed = table->tags + group * GROUP_TAGS + GROUP_ENTRIES;
	if (*passed != 255)
		++*passed;
}

/* NOWHERE: not in it. It may be expired. */
static inline uint64_t table_find(const struct response_table *table, struct hash128 key, unsigned slot)
{
	uint8_t tag = tag_of(key);
	uint64_t group = table_home(table, key);
	for (uint64_t n = 0; n < table->groups; n++, group = table_following(table, group)) {
		const uint8_t *tags = table->tags + group * GROUP_TAGS;
		for (unsigned hits = group_match(tags, tag); hits; hits &= hits - 1) {
			uint64_t place = group * GROUP_ENTRIES + (unsigned)__builtin_ctz(hits);
			const struct packed *e = &table->entries[place];
			if (e->key.lo == key.lo && e->key.hi == key.hi && packed_slot(e) == slot)
				return place;
		}
		if (tags[GROUP_ENTRIES] == 0)
			break;
	}
	return NOWHERE;
}

/* Always inline: gcc takes a function of nothing but prefetches for one without effect and leaves the call out. */
__attribute__((always_inline)) static inline void table_fetch_tags(const struct response_table *table, struct hash128 key)
{
	__builtin_prefetch(table->tags + table_home(table, key) * GROUP_TAGS);
}

/* The entry with the right tag, or the place that an insert would take; both lines that its 40 bytes may touch. */
__attribute__((always_inline)) static inline void table_fetch_entry(const struct response_table *table, struct hash128 key)
{
	uint64_t group = table_home(table, key);
	const uint8_t *tags = table->tags + group * GROUP_TAGS;
	unsigned hits = group_match(tags, tag_of(key));
	if (hits == 0)
		hits = group_match(tags, 0);
	if (hits == 0)
		return;
	const struct packed *e = &table->entries[group * GROUP_ENTRIES + (unsigned)__builtin_ctz(hits)];
	__builtin_prefetch(e, 1);
	__builtin_prefetch((const char *)(e + 1) - 1, 1);
}

void table_insert(struct response_table *, const struct packed *);     /* a key that is not in it; grows if need be */
void table_place(struct response_table *, const struct packed *);      /* the same, of one that is counted already */
void table_remove(struct response_table *, uint64_t place);
void table_bury(struct response_table *, const struct packed *);       /* counts one that is dead as gone */
/* Frees at least one place: what is expired or dropped in the first group from here on that has any entry, else in the next
 * groups of a hand that goes round; else the oldest of that first group, which is copied to *evicted: true. */
bool table_make_room(struct response_table *, uint64_t group, struct packed *evicted);
void table_sweep(struct response_table *);                             /* takes out all that is expired or dropped */

/* growth */
void table_allocate(struct response_table *);                          /* for groups_max, as small as it begins */
void table_make_larger(struct response_table *);                       /* what there is to do at grow_at */

/* memory */
void memory_open(struct memory *, uint64_t bytes_max);
void memory_close(struct memory *);
void *memory_extend(struct memory *, uint64_t bytes);                  /* zeros beyond what it had; where it is now */

void memory_touch(struct memory *, uint64_t bytes);                    /* extends it, if it stays where it is */

/* undo */
void undo_push(struct response_table *, enum undo, const struct packed *);

#endif
