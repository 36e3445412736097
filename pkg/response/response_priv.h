/*
 * What the files of `response` share: the packed entry, the table that holds it, the log that takes changes back.
 *
 *   tags     group g:  [t0 t1 ... t14 | n]   t: 0 = free, else 8 bits of the key's hash;  n: entries at home here that live further on
 *   entries  group g:  [e0 e1 ... e14]
 *
 * A key's home is the group that its hash scales to (no power of two needed; doubling keeps the order, so growth reads and writes in
 * sequence). It lies in the first group from there on that had room; every group it passed counts it in n. So a lookup ends at the first
 * group with n = 0, and an entry can be taken out without leaving a trace: churn never wears the table down. n sticks at 255.
 */
#ifndef RESPONSE_PRIV_H
#define RESPONSE_PRIV_H

#include "response/response.h"

#define GROUP_TAGS    16
#define GROUP_ENTRIES 15
#define GROUP_LOAD    13   /* entries per group on average at most: fewer is faster (12: -1 ns), costs 4 bytes each */
#define NOWHERE       UINT64_MAX

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

static inline struct packed pack(unsigned slot, const struct response_entry *e)
{
	uint64_t version = e->updated_ms == RESPONSE_NO_VERSION ? 0 : (uint64_t)e->updated_ms + 1;
	return (struct packed){
		.key = e->key,
		.version = version | (uint64_t)slot << 44 | (uint64_t)(unsigned)(e->fact.bin + 1) << 60,
		.where = e->fact.touchpoint | (uint32_t)e->fact.ledger << 26 | (uint32_t)e->flags << 28,
		.second = e->fact.second,
		.content = e->content,
		.seen = e->seen,
	};
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

enum undo { UNDO_CHANGE, UNDO_INSERT, UNDO_EVICTION };

enum slot_state { SLOT_FREE, SLOT_OPEN, SLOT_DROPPED };

struct slot {
	uint32_t count;   /* entries in the table */
	uint32_t state;
};

struct response_table {
	uint8_t *tags;
	struct packed *entries;
	uint64_t groups, groups_max;
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

	struct hash128 pending[RESPONSE_PREFETCH_MAX];   /* tags asked for, entries not yet */
	unsigned pending_count;
};

/* table. Places are group * GROUP_ENTRIES + position. */
void table_allocate(struct response_table *, uint64_t groups);
uint64_t table_find(const struct response_table *, struct hash128 key, unsigned slot);   /* NOWHERE */
void table_insert(struct response_table *, const struct packed *);     /* a key that is not in it; grows if need be */
void table_remove(struct response_table *, uint64_t place);
static inline bool table_expired(const struct response_table *table, const struct packed *entry)
{
	/* Seen at 0: judged before there was any clock, as deletions are that a replay begins with. Their age is not known: they stay. */
	return entry->seen != 0 && (int64_t)table->now_s - (int64_t)entry->seen > table->horizon_s;
}
/* Frees at least one place: what is expired or dropped in the first group from here on that has any entry, else in the next groups of a
 * hand that goes round; else the oldest of that first group, which is copied to *evicted: true. */
bool table_make_room(struct response_table *, uint64_t group, struct packed *evicted);
void table_sweep(struct response_table *);                             /* takes out all that is expired or dropped */
uint64_t table_home(const struct response_table *, struct hash128 key);
void table_fetch_tags(const struct response_table *, struct hash128 key);
void table_fetch_entry(const struct response_table *, struct hash128 key);

/* undo */
void undo_push(struct response_table *, enum undo, const struct packed *);

#endif
