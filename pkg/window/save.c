#include "window/window_priv.h"

/*
 * version ledger to_s windows_count waiting_count
 *   window:   length_s, then
 *     rolling:  { gap mask count... } 0   { gap p q d } 0                                  now, before
 *     today:    start_s before_s   mask count...   { gap p q d } 0   { gap p q d } 0       sum, now, before
 *   waiting:  second - to_s, bin, delta
 *
 * All numbers are varints (7 bits a byte, low first), signed ones folded (0 -1 1 -2 ...). `gap` is how
 * many panes a pane is behind the last one, the first behind the ring's start less one. `mask` has a bit per
 * bin, a count follows for each.
 */
#define SAVE_VERSION 1

/* More than any pane ever holds; sums of all panes and bins stay within 63 bits, whatever the bytes say. */
#define COUNT_MAX ((uint64_t)1 << 48)

struct out {
	unsigned char *at, *end;
	bool full;
};

static void put(struct out *o, uint64_t value)
{
	do {
		if (o->at == o->end) {
			o->full = true;
			return;
		}
		*o->at++ = (unsigned char)(value > 127 ? value | 128 : value);
		value >>= 7;
	} while (value);
}

static void put_signed(struct out *o, int64_t value)
{
	put(o, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static void put_bins(struct out *o, const int64_t bins[BINS])
{
	uint64_t mask = 0;
	for (unsigned i = 0; i < BINS; i++)
		mask |= (uint64_t)(bins[i] != 0) << i;
	put(o, mask);
	for (unsigned i = 0; i < BINS; i++)
		if (bins[i])
			put(o, (uint64_t)bins[i]);
}

static void put_counts(struct out *o, const int64_t counts[3])
{
	for (unsigned i = 0; i < 3; i++)
		put(o, (uint64_t)counts[i]);
}

/* Panes first .. first + count - 1 of a ring. */
struct span {
	enum block_shape shape;
	uint32_t *blocks;
	uint32_t first;
	unsigned count;
};

static bool span_get(const struct windows *w, const struct span *p, unsigned i, int64_t values[BINS])
{
	unsigned place = (p->first + i) % RING_PANES;
	return p->shape == BLOCK_BINS ? pane_bins(w, p->blocks, place, values)
				      : pane_counts(w, p->blocks, place, values);
}

/* Those that hold something. */
static void put_panes(struct out *o, const struct windows *w, struct span span)
{
	int64_t values[BINS];
	unsigned next = 0;
	for (unsigned i = 0; (i = pane_next(span.blocks, span.first, i, span.count)) < span.count; i++) {
		if (!span_get(w, &span, i, values))
			continue;
		put(o, i - next + 1);
		next = i + 1;
		if (span.shape == BLOCK_BINS)
			put_bins(o, values);
		else
			put_counts(o, values);
	}
	put(o, 0);
}

static void put_window(struct out *o, const struct windows *w, struct slot *s, unsigned which)
{
	const struct frame *f = &w->frames[which];
	struct ring *ring = &s->rings[which];
	put(o, (uint64_t)f->length_s);
	if (f->length_s) {
		put_panes(o, w, (struct span){BLOCK_BINS, ring->now, f->from, PANES});
		put_panes(o, w, (struct span){BLOCK_COUNTS, ring->before, f->from - PANES, PANES});
		return;
	}
	int64_t sums[BINS];
	for (unsigned bin = 0; bin < BINS; bin++)
		sums[bin] = block_get(w, s->sums, which * BINS + bin);
	put_signed(o, w->days[s->zone].start_s);
	put_signed(o, w->days[s->zone].before_s);
	put_bins(o, sums);
	put_panes(o, w, (struct span){BLOCK_COUNTS, ring->now, 0, RING_PANES});
	put_panes(o, w, (struct span){BLOCK_COUNTS, ring->before, 0, RING_PANES});
}

size_t windows_save(struct windows *w, uint32_t slot, unsigned char *bytes, size_t max)
{
	struct slot *s = window_touch(w, slot);
	struct out o = {.at = bytes, .end = bytes + max};
	put(&o, SAVE_VERSION);
	put(&o, s->ledger);
	put(&o, s->to_s);
	put(&o, w->count);
	put(&o, s->waiting_count);
	for (unsigned i = 0; i < w->count; i++)
		put_window(&o, w, s, i);
	for (uint32_t at = s->waiting_first; at; at = w->waiting[at - 1].next) {
		const struct waiting *cell = &w->waiting[at - 1];
		put(&o, cell->second - s->to_s);
		put(&o, cell->bin);
		put_signed(&o, cell->delta);
	}
	return o.full ? 0 : (size_t)(o.at - bytes);
}

struct in {
	const unsigned char *at, *end;
	bool bad;
	struct windows *w;
	struct slot *s;
	uint32_t to_s; /* the clock of the one who saved */
	int which; /* the window to fill; < 0: one to read over */
};

static uint64_t get(struct in *in, uint64_t max)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (in->at == in->end)
			break;
		unsigned char byte = *in->at++;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128) {
			in->bad |= value > max;
			return in->bad ? 0 : value;
		}
	}
	in->bad = true;
	return 0;
}

static int64_t get_signed(struct in *in, int64_t magnitude_max)
{
	uint64_t folded = get(in, (uint64_t)magnitude_max * 2 + 1);
	return (int64_t)(folded >> 1) ^ -(int64_t)(folded & 1);
}

static void get_bins(struct in *in, int64_t bins[BINS])
{
	uint64_t mask = get(in, (1u << BINS) - 1);
	for (unsigned i = 0; i < BINS; i++)
		bins[i] = mask >> i & 1 ? (int64_t)get(in, COUNT_MAX) : 0;
}

/* Panes into a ring. `total` gets the sum of each counter. */
static void get_panes(struct in *in, struct span span, int64_t total[BINS])
{
	uint64_t gap, next = 0;
	unsigned row = block_row[span.shape];
	int64_t values[BINS];
	memset(total, 0, BINS * sizeof *total);
	while ((gap = get(in, span.count - next)) > 0) {
		next += gap;
		if (span.shape == BLOCK_BINS)
			get_bins(in, values);
		else
			for (unsigned k = 0; k < 3; k++)
				values[k] = (int64_t)get(in, COUNT_MAX);
		if (in->bad)
			return;
		unsigned place = (span.first + (uint32_t)next - 1) % RING_PANES,
			 first = place % BLOCK_ROWS * row;
		for (unsigned k = 0; k < row; k++) {
			total[k] += values[k];
			if (in->which >= 0 && values[k])
				block_add(in->w, span.shape, &span.blocks[place / BLOCK_ROWS], first + k,
					  values[k]);
		}
	}
}

static void load_sums(const struct in *in, const int64_t sums[BINS], const int64_t before[3])
{
	if (in->bad || in->which < 0)
		return;
	for (unsigned i = 0; i < BINS; i++)
		window_sum_add(in->w, in->s, (unsigned)in->which, i, sums[i]);
	for (unsigned i = 0; i < 3; i++)
		window_before_add(in->w, in->s, (unsigned)in->which, i, before[i]);
}

static void get_today(struct in *in, struct ring *ring)
{
	int64_t sums[BINS], total[BINS], before[BINS];
	int64_t start_s = get_signed(in, UINT32_MAX), before_s = get_signed(in, UINT32_MAX);
	get_bins(in, sums);
	if (in->which >= 0 && !in->bad) {
		struct window_day day = window_day_at(in->w->days[in->s->zone].zone, in->to_s);
		ring->from = (uint32_t)day.start_s;
		if (start_s != day.start_s || before_s != day.before_s) {
			in->which = -1; /* another zone's day: of no use here */
			in->w->missed++;
		}
	}
	get_panes(in, (struct span){BLOCK_COUNTS, ring->now, 0, RING_PANES}, total);
	get_panes(in, (struct span){BLOCK_COUNTS, ring->before, 0, RING_PANES}, before);
	load_sums(in, sums, before);
	for (unsigned bin = 0; bin < BINS; bin++)
		if (window_count_of_bin[in->s->ledger][bin] != NO_COUNT)
			total[window_count_of_bin[in->s->ledger][bin]] -= sums[bin];
	in->bad |=
		total[0] != 0 || total[1] != 0 || total[2] != 0; /* the half hours and the sum must agree */
}

static void get_window(struct in *in, int which, int64_t length_s)
{
	int64_t total[BINS], before[BINS];
	struct ring *ring = &in->s->rings[which < 0 ? 0 : which]; /* nothing is written to it if < 0 */
	in->which = which;
	if (length_s == 0) {
		get_today(in, ring);
		return;
	}
	if (which >= 0)
		ring->from = window_from(&in->w->frames[which], in->to_s);
	get_panes(in, (struct span){BLOCK_BINS, ring->now, ring->from, PANES}, total);
	get_panes(in, (struct span){BLOCK_COUNTS, ring->before, ring->from - PANES, PANES}, before);
	load_sums(in, total, before);
}

/* One saved window goes to every configured one of its length ("60m" beside "1h"). */
static unsigned load_window(struct in *in, unsigned loaded)
{
	int64_t length_s = (int64_t)get(in, UINT32_MAX);
	const unsigned char *start = in->at;
	bool used = false;
	for (unsigned i = 0; i < in->w->count && !in->bad; i++) {
		if (in->w->frames[i].length_s != length_s || loaded >> i & 1)
			continue;
		in->at = start;
		get_window(in, (int)i, length_s);
		loaded |= 1u << i;
		used = true;
	}
	if (!used && !in->bad)
		get_window(in, -1, length_s);
	return loaded;
}

static void load_waiting(struct in *in, uint64_t count)
{
	for (uint64_t i = 0; i < count && !in->bad; i++) {
		uint64_t second = in->to_s + get(in, UINT32_MAX - in->to_s), bin = get(in, BINS - 1);
		int64_t delta = get_signed(in, COUNT_MAX);
		if (!in->bad)
			wait_add(in->w, in->s, (uint32_t)second, (unsigned)bin, delta);
	}
}

/* Back to what windows_open made of it. */
static void forget(struct windows *w, struct slot *s)
{
	for (unsigned i = 0; i < w->count; i++) {
		ring_clear(w, s, i);
		s->rings[i].from =
			w->frames[i].length_s ? w->frames[i].from : (uint32_t)w->days[s->zone].start_s;
	}
	wait_clear(w, s);
	s->to_s = w->to_s;
}

bool windows_load(struct windows *w, uint32_t slot, const unsigned char *bytes, size_t len)
{
	must(windows_empty(w, slot));
	struct slot *s = window_slot(w, slot);
	struct in in = {.at = bytes, .end = bytes + len, .w = w, .s = s};
	uint64_t missed = w->missed;
	unsigned loaded = 0;
	uint64_t version = get(&in, UINT64_MAX), ledger = get(&in, LEDGERS - 1);
	uint32_t to_s = (uint32_t)get(&in, UINT32_MAX);
	in.to_s = to_s;
	uint64_t count = get(&in, WINDOWS_MAX), waiting_count = get(&in, len);
	if (in.bad || version != SAVE_VERSION || ledger != s->ledger || to_s == 0 ||
	    to_s > (uint64_t)w->to_s + WINDOW_AHEAD_MAX_S)
		return false;
	for (uint64_t i = 0; i < count && !in.bad; i++)
		loaded = load_window(&in, loaded);
	load_waiting(&in, waiting_count);
	if (in.bad || in.at != in.end) {
		forget(w, s);
		w->missed = missed;
		return false;
	}
	for (unsigned i = 0; i < w->count; i++)
		if (!(loaded >> i & 1)) {
			w->missed++;
			s->rings[i].from =
				w->frames[i].length_s
					? window_from(&w->frames[i], to_s)
					: (uint32_t)window_day_at(w->days[s->zone].zone, to_s).start_s;
		}
	windows_advance(w, ((int64_t)to_s - 1) * 1000);
	s->to_s = 0; /* follow at the next touch, whatever the clock */
	window_touch(w, slot);
	return true;
}
