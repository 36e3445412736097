#include "window/window_priv.h"

/* 11 counters of half a byte are in one word, wherever they begin: 4 + 44 bits. */
static uint64_t row_of_halves(struct block b, unsigned first, unsigned row, int64_t *out)
{
	uint64_t bytes;
	memcpy(&bytes, b.at + first / 2, sizeof bytes);
	bytes = (le64toh(bytes) >> first % 2 * 4) & ((UINT64_C(1) << 4 * row) - 1);
	for (unsigned i = 0; i < row; i++)
		out[i] = (int64_t)(bytes >> 4 * i & 15);
	return bytes;
}

static uint64_t row_of_bytes(struct block b, unsigned first, unsigned row, int64_t *out)
{
	uint64_t any = 0;
	for (unsigned i = 0; i < row; i++)
		any |= (uint64_t)(out[i] = b.at[first + i]);
	return any;
}

static bool pane_get(const struct windows *w, enum block_shape shape, const uint32_t blocks[RING_BLOCKS],
		     unsigned place, int64_t *out)
{
	unsigned row = block_row[shape];
	uint32_t handle = blocks[place / BLOCK_ROWS];
	uint64_t any = 0;
	if (handle == 0) {
		memset(out, 0, row * sizeof *out);
		return false;
	}
	struct block b = block_at(w, handle);
	unsigned first = place % BLOCK_ROWS * row;
	switch (b.class) { /* a loop for each width: a checkpoint and a series read thousands of rows */
	case 0: any = row_of_halves(b, first, row, out); break;
	case 1: any = row_of_bytes(b, first, row, out); break;
	default:
		for (unsigned i = 0; i < row; i++)
			any |= (uint64_t)(out[i] = (int64_t)counter_get(b, first + i));
	}
	return any != 0;
}

bool pane_bins(const struct windows *w, const uint32_t blocks[RING_BLOCKS], unsigned place,
	       int64_t bins[BINS])
{
	return pane_get(w, BLOCK_BINS, blocks, place, bins);
}

bool pane_counts(const struct windows *w, const uint32_t blocks[RING_BLOCKS], unsigned place,
		 int64_t counts[3])
{
	return pane_get(w, BLOCK_COUNTS, blocks, place, counts);
}

/* Sets a pane's counters to zero; its block goes back with the last of them. */
static void pane_empty(struct windows *w, enum block_shape shape, uint32_t *handle, unsigned place,
		       const int64_t *values)
{
	struct block b = block_at(w, *handle);
	unsigned row = block_row[shape];
	for (unsigned i = 0; i < row; i++)
		must(counter_add(b, place % BLOCK_ROWS * row + i, -values[i]));
	/* A block of a busy ring is never empty, for new panes come in at its start before the last ones
	 * leave; so once a round it is looked at whether a burst has left it wider than it needs to be. */
	if (place % BLOCK_ROWS == BLOCK_ROWS - 1)
		block_shrink(w, shape, handle);
	else
		block_give_empty(w, shape, handle);
}

/* The pane goes from `now` to `before`. */
static void pane_ages(struct windows *w, struct slot *s, unsigned which, unsigned place)
{
	struct ring *ring = &s->rings[which];
	uint32_t *handle = &ring->now[place / BLOCK_ROWS];
	int64_t bins[BINS];
	if (*handle == 0)
		return;
	if (!pane_bins(w, ring->now, place, bins)) {
		block_give_empty(w, BLOCK_BINS, handle); /* all that was in it may have been taken back */
		return;
	}
	for (unsigned bin = 0; bin < BINS; bin++) {
		if (bins[bin] == 0)
			continue;
		unsigned count = window_count_of_bin[s->ledger][bin];
		window_sum_add(w, s, which, bin, -bins[bin]);
		if (count == NO_COUNT)
			continue;
		block_add(w, BLOCK_COUNTS, &ring->before[place / BLOCK_ROWS], place % BLOCK_ROWS * 3 + count,
			  bins[bin]);
		window_before_add(w, s, which, count, bins[bin]);
	}
	pane_empty(w, BLOCK_BINS, handle, place, bins);
}

static void pane_leaves_before(struct windows *w, struct slot *s, unsigned which, unsigned place)
{
	uint32_t *handle = &s->rings[which].before[place / BLOCK_ROWS];
	int64_t counts[3];
	if (*handle == 0)
		return;
	if (!pane_counts(w, s->rings[which].before, place, counts)) {
		block_give_empty(w, BLOCK_COUNTS, handle);
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		window_before_add(w, s, which, i, -counts[i]);
	pane_empty(w, BLOCK_COUNTS, handle, place, counts);
}

static void sums_clear(struct windows *w, struct slot *s, unsigned which)
{
	for (unsigned bin = 0; bin < BINS; bin++)
		window_sum_add(w, s, which, bin, -block_get(w, s->sums, which * BINS + bin));
}

static void befores_clear(struct windows *w, struct slot *s, unsigned which)
{
	for (unsigned i = 0; i < 3; i++)
		window_before_add(w, s, which, i, -block_get(w, s->befores, which * 3 + i));
}

void ring_clear(struct windows *w, struct slot *s, unsigned which)
{
	struct ring *ring = &s->rings[which];
	enum block_shape shape = w->frames[which].length_s ? BLOCK_BINS : BLOCK_COUNTS;
	for (unsigned i = 0; i < RING_BLOCKS; i++) {
		block_give(w, shape, &ring->now[i]);
		block_give(w, BLOCK_COUNTS, &ring->before[i]);
	}
	sums_clear(w, s, which);
	befores_clear(w, s, which);
}

void ring_advance(struct windows *w, struct slot *s, unsigned which, uint32_t from)
{
	struct ring *ring = &s->rings[which];
	if (from - ring->from >= 2 * PANES) /* a silence longer than both windows */
		ring_clear(w, s, which);
	else
		for (uint32_t pane = ring->from; pane != from; pane++) {
			pane_leaves_before(w, s, which, (pane - PANES) % RING_PANES);
			pane_ages(w, s, which, pane % RING_PANES);
		}
	ring->from = from;
}

void today_advance(struct windows *w, struct slot *s, unsigned which, const struct window_day *day)
{
	struct ring *ring = &s->rings[which];
	if (ring->from == (uint32_t)day->start_s)
		return;
	if (ring->from != (uint32_t)day->before_s) {
		ring_clear(w, s, which);
		ring->from = (uint32_t)day->start_s;
		return;
	}
	befores_clear(w, s, which);
	for (unsigned bin = 0; bin < BINS; bin++) {
		unsigned count = window_count_of_bin[s->ledger][bin];
		int64_t n = block_get(w, s->sums, which * BINS + bin);
		window_sum_add(w, s, which, bin, -n);
		if (count != NO_COUNT)
			window_before_add(w, s, which, count, n);
	}
	for (unsigned i = 0; i < RING_BLOCKS; i++) {
		block_give(w, BLOCK_COUNTS, &ring->before[i]);
		ring->before[i] = ring->now[i];
		ring->now[i] = 0;
	}
	ring->from = (uint32_t)day->start_s;
}
