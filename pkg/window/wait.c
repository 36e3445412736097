#include <stdlib.h>

#include "window/window_priv.h"

/*
 * Cells dated at or after the clock: those of sources whose clocks run ahead. At most one per second and
 * bin, so a list per slot will do; it is looked through for each cell that joins it, and for those that are
 * due only when the earliest one is.
 */

static uint32_t take(struct windows *w)
{
	if (w->waiting_free) {
		uint32_t at = w->waiting_free - 1;
		w->waiting_free = w->waiting[at].next;
		return at;
	}
	if (w->waiting_fresh == w->waiting_room) {
		w->waiting_room = w->waiting_room ? w->waiting_room * 2 : 1024;
		struct waiting *more = must_array(w->waiting_room, sizeof *more);
		if (w->waiting_fresh)
			memcpy(more, w->waiting, w->waiting_fresh * sizeof *more);
		free(w->waiting);
		w->waiting = more;
	}
	return w->waiting_fresh++;
}

static void give(struct windows *w, uint32_t at)
{
	w->waiting[at].next = w->waiting_free;
	w->waiting_free = at + 1;
	w->waiting_count--;
}

/* Back to the list's one invariant after a cell has gone. */
static void find_first(struct windows *w, struct slot *s)
{
	s->waiting_min_s = UINT32_MAX;
	for (uint32_t at = s->waiting_first; at; at = w->waiting[at - 1].next)
		if (w->waiting[at - 1].second < s->waiting_min_s)
			s->waiting_min_s = w->waiting[at - 1].second;
}

/* Into the cell of the same second and bin. False: there is none. *last: the list's last cell (index + 1). */
static bool join(struct windows *w, struct slot *s, const struct waiting *new, uint32_t *last)
{
	*last = 0;
	for (uint32_t *link = &s->waiting_first; *link; link = &w->waiting[*link - 1].next) {
		uint32_t at = *link - 1;
		struct waiting *cell = &w->waiting[at];
		*last = *link;
		if (cell->second != new->second || cell->bin != new->bin)
			continue;
		cell->delta += new->delta;
		if (cell->delta == 0) { /* taken back before it was due */
			*link = cell->next;
			give(w, at);
			s->waiting_count--;
			find_first(w, s);
		}
		return true;
	}
	return false;
}

void wait_add(struct windows *w, struct slot *s, uint32_t second, unsigned bin, int64_t delta)
{
	struct waiting new = {.second = second, .delta = delta, .bin = (uint8_t)bin};
	uint32_t last;
	if (delta == 0 || join(w, s, &new, &last))
		return;
	uint32_t at = take(w);
	w->waiting[at] = new;
	*(last ? &w->waiting[last - 1].next : &s->waiting_first) = at + 1;
	if (s->waiting_count++ == 0 || second < s->waiting_min_s)
		s->waiting_min_s = second;
	w->waiting_count++;
}

void wait_enter_due(struct windows *w, struct slot *s)
{
	if (s->waiting_count == 0 || s->waiting_min_s >= s->to_s)
		return;
	for (uint32_t *link = &s->waiting_first; *link;) {
		uint32_t at = *link - 1;
		struct waiting cell = w->waiting[at];
		if (cell.second >= s->to_s) {
			link = &w->waiting[at].next;
			continue;
		}
		*link = cell.next;
		give(w, at);
		s->waiting_count--;
		window_enter(w, s, cell.second, cell.bin, cell.delta);
	}
	find_first(w, s);
}

void wait_clear(struct windows *w, struct slot *s)
{
	for (uint32_t at = s->waiting_first; at;) {
		uint32_t next = w->waiting[at - 1].next;
		give(w, at - 1);
		at = next;
	}
	s->waiting_first = s->waiting_count = 0;
}
