/*
 * window_priv - what the files of `window` share: blocks of counters, slots, frames.
 *
 * A block is 8 rows of counters, all as wide as the widest needs: 4, 8, 16, 32 or 64 bits. A quiet touchpoint's panes hold a few
 * responses each, so half-byte counters halve its memory; a parent that gets a million responses a second needs the wide ones.
 * Blocks of a size come from slabs of that size and go back to its list. A block in the list is all zero but for its link.
 *
 *   handle = slab << 15 | place in the slab, in units of 4 bytes        0: no block, all zero
 *
 * The width lies in the low bits of the slab's address, so that one load gives both.
 */
#ifndef WINDOW_PRIV_H
#define WINDOW_PRIV_H

#include <endian.h>

#include "base/must.h"
#include "window/window.h"

#define BLOCK_ROWS    8
#define BLOCK_CLASSES 5   /* counters of 4 << class bits */
#define RING_BLOCKS   8
#define RING_PANES    (RING_BLOCKS * BLOCK_ROWS)   /* 64 places for the at most 60 panes of a window (today: 52) */
#define PANES         60                           /* a window's length in panes */
#define HALF_HOUR_S   1800

enum block_shape {
	BLOCK_BINS,      /* a row is 11 bins */
	BLOCK_COUNTS,    /* a row is p, q, d */
	BLOCK_SHAPES
};
static const uint8_t block_row[BLOCK_SHAPES] = {BINS, 3};   /* counters of a row */

#define SLAB_BYTES (128 * 1024)   /* 2^15 units */
#define SLAB_TAIL  8              /* bytes behind the last block that counter_get may touch */

struct block_pool {
	uint32_t size;         /* bytes of a block, a multiple of 4 */
	uint32_t free;         /* handle of the first free one */
	uint32_t fresh;        /* handle of the first never used */
	uint32_t fresh_count;  /* blocks never used in the newest slab */
	uint32_t used;
};

/* A cell whose time has not come. */
struct waiting {
	int64_t delta;
	uint32_t second;
	uint32_t next;    /* index + 1 */
	uint8_t bin;
};

/* One window of a slot. Pane number P (seconds / width + 2 * PANES, so never below zero) is at place P & 63: the panes of one
 * window never share a place. today: P is the half hour of the day and `now` holds counts only, its bins are in the sum. */
struct ring {
	uint32_t now[RING_BLOCKS];      /* BLOCK_BINS */
	uint32_t before[RING_BLOCKS];   /* BLOCK_COUNTS */
	uint32_t from;                  /* pane number of the window's first; today: the day's first second */
};

struct slot {
	uint32_t to_s;                  /* the clock that this slot has followed to */
	uint32_t sums, befores;         /* BLOCK_BINS, BLOCK_COUNTS: row = window */
	uint32_t waiting_first, waiting_count, waiting_min_s;
	uint16_t zone;
	uint8_t ledger;
	struct ring rings[];
};

/* Where a window stands at the clock; the same for all slots (but for today, see window_day). */
struct frame {
	uint64_t inverse;          /* (2^64 - 1) / width: a division by multiplying, exact for 32-bit seconds */
	int64_t length_s;          /* 0: today */
	int64_t from_s, before_s;
	uint32_t width_s, from;
};

struct window_day {
	const struct zone *zone;
	int64_t before_s, start_s, end_s;
};

struct windows {
	unsigned count;
	bool has_today;
	uint32_t to_s;
	struct frame frames[WINDOWS_MAX];

	unsigned char **chunks;    /* SLOT_CHUNK slots each */
	size_t slot_size;
	uint32_t slots_count, slots_max;

	struct window_day *days;   /* one per zone in use */
	unsigned days_count;

	struct waiting *waiting;
	uint32_t waiting_room, waiting_fresh, waiting_free, waiting_count;

	uintptr_t *slabs;          /* address | class */
	uint32_t slabs_count, slabs_room;
	struct block_pool pools[BLOCK_SHAPES][BLOCK_CLASSES];
	uint64_t clamped, missed;
};

#define SLOT_CHUNK 256

static inline struct slot *window_slot(const struct windows *w, uint32_t slot)
{
	must(slot < w->slots_count);
	return (struct slot *)(w->chunks[slot / SLOT_CHUNK] + slot % SLOT_CHUNK * w->slot_size);
}

static inline uint32_t window_pane(const struct frame *f, uint32_t second)
{
	return (uint32_t)((unsigned __int128)((uint64_t)second + 1) * f->inverse >> 64) + 2 * PANES;
}

static inline int64_t window_pane_start_s(const struct frame *f, uint32_t pane)
{
	return ((int64_t)pane - 2 * PANES) * f->width_s;
}

/* ---- block.c ---- */

void block_pools_init(struct windows *);
void block_pools_release(struct windows *);
void block_give(struct windows *, enum block_shape, uint32_t *handle);        /* whatever is in it; *handle becomes 0 */
void block_give_empty(struct windows *, enum block_shape, uint32_t *handle);  /* only if all its counters are zero */
void block_shrink(struct windows *, enum block_shape, uint32_t *handle);      /* to the narrowest counters that hold its values */

struct block {
	unsigned char *at;
	unsigned class;
};

static inline struct block block_at(const struct windows *w, uint32_t handle)
{
	uintptr_t slab = w->slabs[handle >> 15];
	return (struct block){(unsigned char *)(slab & ~(uintptr_t)7) + (size_t)(handle & 0x7fff) * 4, slab & 7};
}

/* Counter i of a block begins at bit i * (4 << class). Eight bytes from there always hold it whole, so one way of reading
 * and adding serves all widths without a branch that the processor would guess wrong. A sum that stays within the counter
 * changes no other bit of the eight bytes. The widest never uses its top bit. */
static const uint64_t counter_max[BLOCK_CLASSES] = {15, UINT8_MAX, UINT16_MAX, UINT32_MAX, INT64_MAX};

static inline uint64_t counter_get(struct block b, unsigned i)
{
	unsigned bit = i << (b.class + 2);
	uint64_t bytes;
	memcpy(&bytes, b.at + bit / 8, sizeof bytes);
	return le64toh(bytes) >> bit % 8 & counter_max[b.class];
}

/* False, and nothing done, if the counter would fall below zero or needs to be wider. */
static inline bool counter_add(struct block b, unsigned i, int64_t delta)
{
	unsigned bit = i << (b.class + 2);
	uint64_t bytes, max = counter_max[b.class];
	memcpy(&bytes, b.at + bit / 8, sizeof bytes);
	bytes = le64toh(bytes);
	if (__builtin_expect((bytes >> bit % 8 & max) + (uint64_t)delta > max, 0))   /* below zero is very large */
		return false;
	bytes = htole64(bytes + ((uint64_t)delta << bit % 8));
	memcpy(b.at + bit / 8, &bytes, sizeof bytes);
	return true;
}

static inline int64_t block_get(const struct windows *w, uint32_t handle, unsigned i)
{
	return handle ? (int64_t)counter_get(block_at(w, handle), i) : 0;
}

int64_t block_add_slowly(struct windows *, enum block_shape, uint32_t *handle, unsigned i, int64_t delta);

/* Adds to one counter, making or widening the block as needed. A counter stops at zero. Returns what was really added. */
static inline int64_t block_add(struct windows *w, enum block_shape shape, uint32_t *handle, unsigned i, int64_t delta)
{
	if (__builtin_expect(*handle != 0 && counter_add(block_at(w, *handle), i, delta), 1))
		return delta;
	return block_add_slowly(w, shape, handle, i, delta);
}

/* ---- window.c ---- */

#define NO_COUNT 3
extern const uint8_t window_count_of_bin[LEDGERS][BINS];   /* 0 p, 1 q, 2 d, NO_COUNT */

struct slot *window_touch(struct windows *, uint32_t slot);   /* brought up to the clock */
struct window_day window_day_at(const struct zone *, uint32_t to_s);
uint32_t window_from(const struct frame *, uint32_t to_s);     /* pane number of the first pane at this clock */

/* Sums follow what was really added to panes, so they never meet zero from above. */
static inline void window_sum_add(struct windows *w, struct slot *s, unsigned which, unsigned bin, int64_t delta)
{
	int64_t added = block_add(w, BLOCK_BINS, &s->sums, which * BINS + bin, delta);
	must(added == delta);
}

static inline void window_before_add(struct windows *w, struct slot *s, unsigned which, unsigned count, int64_t delta)
{
	int64_t added = block_add(w, BLOCK_COUNTS, &s->befores, which * 3 + count, delta);
	must(added == delta);
}

/* ---- enter.c ---- */

void window_enter(struct windows *, struct slot *, uint32_t second, unsigned bin, int64_t delta);   /* dated before the clock */

/* ---- ring.c: rolling windows and today's half hours follow the clock ---- */

void ring_advance(struct windows *, struct slot *, unsigned which, uint32_t from);
void today_advance(struct windows *, struct slot *, unsigned which, const struct window_day *);
void ring_clear(struct windows *, struct slot *, unsigned which);   /* panes and sums */

/* The first pane at or behind from + i that has a block, as its i; `count` if none has. Most of a long window's panes have
 * none in the days after a start, and of a quiet touchpoint's always: they are passed over eight at a time. */
static inline unsigned pane_next(const uint32_t blocks[RING_BLOCKS], uint32_t from, unsigned i, unsigned count)
{
	while (i < count && blocks[(from + i) % RING_PANES / BLOCK_ROWS] == 0)
		i += BLOCK_ROWS - (from + i) % BLOCK_ROWS;
	return i < count ? i : count;
}

/* A pane's counters, by its place in the ring. Return false if all are zero. */
bool pane_bins(const struct windows *, const uint32_t blocks[RING_BLOCKS], unsigned place, int64_t bins[BINS]);
bool pane_counts(const struct windows *, const uint32_t blocks[RING_BLOCKS], unsigned place, int64_t counts[3]);

/* ---- wait.c ---- */

void wait_add(struct windows *, struct slot *, uint32_t second, unsigned bin, int64_t delta);
void wait_enter_due(struct windows *, struct slot *);
void wait_clear(struct windows *, struct slot *);

#endif
