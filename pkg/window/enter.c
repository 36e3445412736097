#include "window/window_priv.h"

/* The hot path: one cell into every window that it concerns. The block of the sums is looked up once for
 * all of them. */
struct entry {
	struct windows *w;
	struct slot *s;
	struct block sums;
	int64_t delta;
	uint32_t second;
	unsigned bin;
};

static inline void sum_add(struct entry *e, unsigned which, int64_t added)
{
	if (__builtin_expect(e->sums.at != NULL && counter_add(e->sums, which * BINS + e->bin, added), 1))
		return;
	window_sum_add(e->w, e->s, which, e->bin, added);
	if (e->s->sums)
		e->sums = block_at(e->w, e->s->sums);
}

/* False: the cell would have taken a count below zero. */
static inline bool ring_add(struct entry *e, unsigned which)
{
	const struct frame *f = &e->w->frames[which];
	struct ring *ring = &e->s->rings[which];
	if (e->second < f->before_s)
		return true;
	unsigned place = window_pane(f, e->second) % RING_PANES, row = place % BLOCK_ROWS;
	if (__builtin_expect(e->second >= f->from_s, 1)) {
		int64_t added = block_add(e->w, BLOCK_BINS, &ring->now[place / BLOCK_ROWS],
					  row * BINS + e->bin, e->delta);
		sum_add(e, which, added);
		return added == e->delta;
	}
	unsigned count = window_count_of_bin[e->s->ledger][e->bin];
	if (count == NO_COUNT)
		return true;
	int64_t added =
		block_add(e->w, BLOCK_COUNTS, &ring->before[place / BLOCK_ROWS], row * 3 + count, e->delta);
	window_before_add(e->w, e->s, which, count, added);
	return added == e->delta;
}

/* Half hours of a local day; no country has had a day of more than 26 hours since 1970, a longer one
 * would end in a long last pane. */
static unsigned half_hour(uint32_t seconds)
{
	return seconds < RING_PANES * HALF_HOUR_S ? seconds / HALF_HOUR_S : RING_PANES - 1;
}

static inline bool today_add(struct entry *e, unsigned which)
{
	const struct window_day *day = &e->w->days[e->s->zone];
	struct ring *ring = &e->s->rings[which];
	unsigned count = window_count_of_bin[e->s->ledger][e->bin];
	bool now = e->second >= day->start_s;
	if (e->second < day->before_s || (count == NO_COUNT && !now))
		return true;
	int64_t added = e->delta;
	if (now && added < 0) { /* the sum knows bins, the pane only counts: neither may go below zero */
		int64_t there = block_get(e->w, e->s->sums, which * BINS + e->bin);
		if (there + added < 0)
			added = -there;
	}
	if (count != NO_COUNT) {
		unsigned place = half_hour((uint32_t)(e->second - (now ? day->start_s : day->before_s)));
		uint32_t *blocks = now ? ring->now : ring->before;
		added = block_add(e->w, BLOCK_COUNTS, &blocks[place / BLOCK_ROWS],
				  place % BLOCK_ROWS * 3 + count, added);
	}
	if (now)
		sum_add(e, which, added);
	else
		window_before_add(e->w, e->s, which, count, added);
	return added == e->delta;
}

void window_enter(struct windows *w, struct slot *s, uint32_t second, unsigned bin, int64_t delta)
{
	struct entry e = {.w = w, .s = s, .delta = delta, .second = second, .bin = bin};
	bool whole = true;
	if (s->sums)
		e.sums = block_at(w, s->sums);
	for (unsigned i = 0; i < w->count; i++)
		whole &= w->frames[i].length_s ? ring_add(&e, i) : today_add(&e, i);
	if (__builtin_expect(!whole, 0))
		w->clamped++;
}
