#include "window/window.h"

#include <stdlib.h>

#include "window/window_priv.h"

/* Seconds are 32 bits; the clock stops a little before they end (February 2106), so pane numbers can't
 * overflow. */
#define CLOCK_MAX_S (UINT32_MAX - 1000)

#define P 0
#define Q 1
#define D 2
#define N NO_COUNT
const uint8_t window_count_of_bin[LEDGERS][BINS] = {
	[LEDGER_SURVEY] = {D, D, D, D, D, D, D, Q, Q, P, P},
	[LEDGER_RELATIONSHIP] = {D, D, D, D, D, D, D, Q, Q, P, P},
	[LEDGER_SOCIAL] = {[BIN_NEGATIVE] = D, [BIN_NEUTRAL] = Q, [BIN_POSITIVE] = P, N, N, N, N, N, N, N, N},
	[LEDGER_REVIEW] = {N, D, D, Q, P, P, N, N, N, N, N},
};

uint32_t window_from(const struct frame *f, uint32_t to_s)
{
	/* ceil((to - length) / width) + 2 * PANES, without a number below zero on the way */
	return (uint32_t)((to_s + f->length_s + f->width_s - 1) / f->width_s);
}

struct window_day window_day_at(const struct zone *zone, uint32_t to_s)
{
	/* `to` is the first second that is not in: at midnight the day that has just ended is still today. */
	struct zone_day day = zone_day_of(zone, ((int64_t)to_s - 1) * 1000),
			before = zone_day_before(zone, day);
	return (struct window_day){zone, before.start_ms / 1000, day.start_ms / 1000, day.end_ms / 1000};
}

static void frames_set(struct windows *w)
{
	for (unsigned i = 0; i < w->count; i++) {
		struct frame *f = &w->frames[i];
		if (f->length_s == 0)
			continue;
		f->from = window_from(f, w->to_s);
		f->from_s = window_pane_start_s(f, f->from);
		f->before_s = f->from_s - f->length_s;
	}
}

struct windows *windows_create(const struct window_options *options, int64_t now_ms)
{
	must(options->count > 0 && options->count <= WINDOWS_MAX && options->slots_max < WINDOW_FULL);
	struct windows *w = must_alloc(sizeof *w);
	w->count = options->count;
	for (unsigned i = 0; i < w->count; i++) {
		struct frame *f = &w->frames[i];
		f->length_s = options->specs[i].length_s;
		must(f->length_s >= 0 && f->length_s % PANES == 0);
		w->has_today |= f->length_s == 0;
		f->width_s = (uint32_t)(f->length_s / PANES);
		if (f->width_s)
			f->inverse = UINT64_MAX / f->width_s;
	}
	w->slots_max = options->slots_max;
	w->slot_size = (sizeof(struct slot) + w->count * sizeof(struct ring) + 7) & ~(size_t)7;
	w->chunks = must_array(w->slots_max / SLOT_CHUNK + 1, sizeof *w->chunks);
	block_pools_init(w);
	w->to_s = 1;
	frames_set(w);
	windows_advance(w, now_ms);
	return w;
}

void windows_destroy(struct windows *w)
{
	if (w == NULL)
		return;
	for (uint32_t i = 0; i < w->slots_count; i += SLOT_CHUNK)
		free(w->chunks[i / SLOT_CHUNK]);
	free(w->chunks);
	free(w->days);
	free(w->waiting);
	block_pools_release(w);
	free(w);
}

static unsigned day_number(struct windows *w, const struct zone *zone)
{
	for (unsigned i = 0; i < w->days_count; i++)
		if (w->days[i].zone == zone)
			return i;
	struct window_day *days = must_array(w->days_count + 1, sizeof *days);
	if (w->days_count)
		memcpy(days, w->days, w->days_count * sizeof *days);
	free(w->days);
	w->days = days;
	must(w->days_count < UINT16_MAX);
	w->days[w->days_count] = window_day_at(zone, w->to_s);
	return w->days_count++;
}

uint32_t windows_open(struct windows *w, enum ledger ledger, const struct zone *zone)
{
	must(ledger < LEDGERS);
	if (w->slots_count == w->slots_max)
		return WINDOW_FULL;
	uint32_t number = w->slots_count++;
	if (number % SLOT_CHUNK == 0)
		w->chunks[number / SLOT_CHUNK] = must_array(SLOT_CHUNK, w->slot_size);
	struct slot *s = window_slot(w, number);
	s->ledger = (uint8_t)ledger;
	s->to_s = w->to_s;
	if (w->has_today) {
		must(zone);
		s->zone = (uint16_t)day_number(w, zone);
	}
	for (unsigned i = 0; i < w->count; i++)
		s->rings[i].from =
			w->frames[i].length_s ? w->frames[i].from : (uint32_t)w->days[s->zone].start_s;
	return number;
}

void windows_advance(struct windows *w, int64_t now_ms)
{
	int64_t to_s = now_ms < 0 ? 1 : now_ms / 1000 + 1;
	if (to_s > CLOCK_MAX_S)
		to_s = CLOCK_MAX_S;
	if (to_s <= w->to_s)
		return;
	w->to_s = (uint32_t)to_s;
	frames_set(w);
	for (unsigned i = 0; i < w->days_count; i++)
		if (to_s > w->days[i].end_s)
			w->days[i] = window_day_at(w->days[i].zone, w->to_s);
}

int64_t windows_to_ms(const struct windows *w)
{
	return (int64_t)w->to_s * 1000;
}

static void follow(struct windows *w, struct slot *s)
{
	for (unsigned i = 0; i < w->count; i++) {
		if (w->frames[i].length_s == 0)
			today_advance(w, s, i, &w->days[s->zone]);
		else if (s->rings[i].from != w->frames[i].from)
			ring_advance(w, s, i, w->frames[i].from);
	}
	s->to_s = w->to_s;
	wait_enter_due(w, s);
}

struct slot *window_touch(struct windows *w, uint32_t slot)
{
	struct slot *s = window_slot(w, slot);
	if (s->to_s != w->to_s)
		follow(w, s);
	return s;
}

void windows_add(struct windows *w, uint32_t slot, uint32_t second, uint8_t bin, int32_t delta)
{
	must(bin < BINS);
	struct slot *s = window_touch(w, slot);
	if (second < w->to_s)
		window_enter(w, s, second, bin, delta);
	else
		wait_add(w, s, second, bin, delta);
}
