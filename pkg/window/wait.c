#include <stdlib.h>

#include "window/window_priv.h"

/* Cells dated at or after the clock. They are few (clocks of sources that run ahead), so a list per slot will do; it is looked through only
 * when the earliest of them is due. */

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

void wait_add(struct windows *w, struct slot *s, uint32_t second, unsigned bin, int32_t delta)
{
	uint32_t at = take(w);
	w->waiting[at] = (struct waiting){.second = second, .delta = delta, .bin = (uint8_t)bin};
	if (s->waiting_count == 0) {
		s->waiting_first = at + 1;
		s->waiting_min_s = second;
	} else {
		w->waiting[s->waiting_last - 1].next = at + 1;
		if (second < s->waiting_min_s)
			s->waiting_min_s = second;
	}
	s->waiting_last = at + 1;
	s->waiting_count++;
	w->waiting_count++;
}

void wait_enter_due(struct windows *w, struct slot *s)
{
	if (s->waiting_count == 0 || s->waiting_min_s >= s->to_s)
		return;
	uint32_t at = s->waiting_first;
	s->waiting_first = s->waiting_last = s->waiting_count = 0;
	s->waiting_min_s = UINT32_MAX;
	while (at) {
		struct waiting *cell = &w->waiting[at - 1];
		uint32_t next = cell->next;
		if (cell->second < s->to_s) {
			window_enter(w, s, cell->second, cell->bin, cell->delta);
			give(w, at - 1);
		} else {   /* stays, in order */
			cell->next = 0;
			if (s->waiting_last)
				w->waiting[s->waiting_last - 1].next = at;
			else
				s->waiting_first = at;
			s->waiting_last = at;
			s->waiting_count++;
			if (cell->second < s->waiting_min_s)
				s->waiting_min_s = cell->second;
		}
		at = next;
	}
}

void wait_clear(struct windows *w, struct slot *s)
{
	for (uint32_t at = s->waiting_first; at;) {
		uint32_t next = w->waiting[at - 1].next;
		give(w, at - 1);
		at = next;
	}
	s->waiting_first = s->waiting_last = s->waiting_count = 0;
}
