#include "window/window_priv.h"

static void sums_read(const struct windows *w, const struct slot *s, unsigned which,
		      struct window_reading *out)
{
	memset(out->bins, 0, sizeof out->bins);
	if (s->sums)
		for (unsigned bin = 0; bin < BINS; bin++)
			out->bins[bin] = block_get(w, s->sums, which * BINS + bin);
	out->before = (struct nps_counts){
		.p = block_get(w, s->befores, which * 3),
		.q = block_get(w, s->befores, which * 3 + 1),
		.d = block_get(w, s->befores, which * 3 + 2),
	};
}

void windows_read(struct windows *w, uint32_t slot, unsigned which, struct window_reading *out)
{
	must(which < w->count);
	struct slot *s = window_touch(w, slot);
	const struct frame *f = &w->frames[which];
	out->from_ms = (f->length_s ? f->from_s : w->days[s->zone].start_s) * 1000;
	out->to_ms = windows_to_ms(w);
	sums_read(w, s, which, out);
}

static unsigned series_add(struct window_pane *out, unsigned n, int64_t start_s, const int64_t counts[3])
{
	must(n < WINDOW_PANES_MAX);
	out[n] = (struct window_pane){start_s * 1000, {counts[0], counts[1], counts[2]}};
	return n + 1;
}

static unsigned series_of_days(const struct windows *w, const struct slot *s, unsigned which,
			       struct window_pane *out)
{
	const struct window_day *day = &w->days[s->zone];
	const struct ring *ring = &s->rings[which];
	unsigned n = 0;
	int64_t counts[3];
	/* 26 hours twice are 104 panes; only a day longer than any since 1970 would lose its last ones. */
	for (unsigned i = 0; i < RING_PANES && n < WINDOW_PANES_MAX - RING_PANES; i++)
		if (pane_counts(w, ring->before, i, counts))
			n = series_add(out, n, day->before_s + (int64_t)i * HALF_HOUR_S, counts);
	for (unsigned i = 0; i < RING_PANES; i++)
		if (pane_counts(w, ring->now, i, counts))
			n = series_add(out, n, day->start_s + (int64_t)i * HALF_HOUR_S, counts);
	return n;
}

unsigned windows_series(struct windows *w, uint32_t slot, unsigned which,
			struct window_pane out[WINDOW_PANES_MAX])
{
	must(which < w->count);
	struct slot *s = window_touch(w, slot);
	const struct frame *f = &w->frames[which];
	const struct ring *ring = &s->rings[which];
	unsigned n = 0;
	int64_t counts[3], bins[BINS];
	if (f->length_s == 0)
		return series_of_days(w, s, which, out);
	uint32_t from = f->from - PANES;
	for (unsigned i = 0; (i = pane_next(ring->before, from, i, PANES)) < PANES; i++)
		if (pane_counts(w, ring->before, (from + i) % RING_PANES, counts))
			n = series_add(out, n, window_pane_start_s(f, from + i), counts);
	from = f->from;
	for (unsigned i = 0; (i = pane_next(ring->now, from, i, PANES)) < PANES; i++) {
		if (!pane_bins(w, ring->now, (from + i) % RING_PANES, bins))
			continue;
		struct nps_counts c = nps_of_bins(s->ledger, bins);
		if (nps_n(c)) /* unread posts alone are no feedback that a series could show */
			n = series_add(out, n, window_pane_start_s(f, from + i), (int64_t[]){c.p, c.q, c.d});
	}
	return n;
}

static bool window_empty(const struct windows *w, const struct slot *s, unsigned which)
{
	struct window_reading r;
	int64_t any;
	sums_read(w, s, which, &r);
	any = r.before.p | r.before.q | r.before.d;
	for (unsigned bin = 0; bin < BINS; bin++)
		any |= r.bins[bin];
	return any == 0;
}

bool windows_empty(struct windows *w, uint32_t slot)
{
	struct slot *s = window_touch(w, slot);
	if (s->waiting_count)
		return false;
	for (unsigned i = 0; i < w->count; i++)
		if (!window_empty(w, s, i))
			return false;
	return true;
}

/* The first pane that leaves `now` or `before` decides; a pane P leaves `now` as soon as to - length >
 * its start. */
static int64_t next_leaving_s(const struct windows *w, const struct slot *s, unsigned which)
{
	const struct frame *f = &w->frames[which];
	const struct ring *ring = &s->rings[which];
	int64_t values[BINS], next = INT64_MAX;
	uint32_t from = f->from;
	for (unsigned i = 0; (i = pane_next(ring->now, from, i, PANES)) < PANES; i++)
		if (pane_bins(w, ring->now, (from + i) % RING_PANES, values)) {
			next = window_pane_start_s(f, from + i) + f->length_s + 1;
			break;
		}
	from -= PANES;
	for (unsigned i = 0; (i = pane_next(ring->before, from, i, PANES)) < PANES; i++)
		if (pane_counts(w, ring->before, (from + i) % RING_PANES, values)) {
			int64_t leaves = window_pane_start_s(f, from + i) + 2 * f->length_s + 1;
			return leaves < next ? leaves : next;
		}
	return next;
}

int64_t windows_next_ms(struct windows *w, uint32_t slot, unsigned which)
{
	must(which < w->count);
	struct slot *s = window_touch(w, slot);
	int64_t next = INT64_MAX;
	if (w->frames[which].length_s)
		next = next_leaving_s(w, s, which);
	else if (!window_empty(w, s, which))
		next = w->days[s->zone].end_s + 1;
	if (s->waiting_count && (int64_t)s->waiting_min_s + 1 < next)
		next = (int64_t)s->waiting_min_s + 1;
	return next == INT64_MAX ? next : next * 1000;
}

struct window_memory windows_memory(const struct windows *w)
{
	uint32_t chunks = (w->slots_count + SLOT_CHUNK - 1) / SLOT_CHUNK;
	struct window_memory m = {.slots = w->slots_count,
				  .waiting = w->waiting_count,
				  .clamped = w->clamped,
				  .missed = w->missed};
	m.bytes = sizeof *w + (w->slots_max / SLOT_CHUNK + 1) * sizeof *w->chunks +
		  (uint64_t)chunks * SLOT_CHUNK * w->slot_size + w->waiting_room * sizeof *w->waiting +
		  w->days_count * sizeof *w->days;
	m.bytes += w->slabs_room * sizeof *w->slabs + (uint64_t)w->slabs_count * SLAB_BYTES;
	for (unsigned shape = 0; shape < BLOCK_SHAPES; shape++)
		for (unsigned class = 0; class < BLOCK_CLASSES; class ++) {
			const struct block_pool *pool = &w->pools[shape][class];
			m.blocks += pool->used;
			m.block_bytes += (uint64_t)pool->used * pool->size;
		}
	return m;
}
