/*
 * What is due, and when. A wheel of ticks holds each touchpoint once, at the earliest time at which one of its hashes is due;
 * the cursor follows the clock, and what lies behind it waits in the order in which it became due.
 */
#include "watch/watch_priv.h"

#include <stdlib.h>

void watch_wheel_remove(struct watch *w, uint32_t i)
{
	struct touch *t = &w->touches[i];
	if (t->due == UINT32_MAX)
		return;
	if (t->due_prev == NOBODY)
		w->wheel[t->due % WHEEL_SLOTS] = t->due_next;
	else
		w->touches[t->due_prev].due_next = t->due_next;
	if (t->due_next != NOBODY)
		w->touches[t->due_next].due_prev = t->due_prev;
	t->due = UINT32_MAX;
	w->queued--;
}

void watch_wheel_put(struct watch *w, uint32_t i, uint32_t due)
{
	struct touch *t = &w->touches[i];
	if (due < w->cursor)
		due = w->cursor;
	if (due >= w->cursor + WHEEL_SLOTS)
		due = w->cursor + WHEEL_SLOTS - 1;
	if (t->due == due)
		return;
	watch_wheel_remove(w, i);
	uint32_t *head = &w->wheel[due % WHEEL_SLOTS];
	t->due = due;
	t->due_prev = NOBODY;
	t->due_next = *head;
	if (*head != NOBODY)
		w->touches[*head].due_prev = i;
	*head = i;
	w->queued++;
}

static uint32_t window_due(const struct watch *w, const struct slot_state *s, unsigned which)
{
	if (s->published[which] == 0)
		return 0;
	uint32_t due = s->changes[which];
	if (s->dirty & 1u << which) {
		uint32_t paced = s->published[which] - 1 + w->pace[which];
		due = paced < due ? paced : due;
	}
	return due;
}

static uint32_t touchpoint_due(const struct watch *w, const struct touch *t)
{
	uint32_t due = UINT32_MAX;
	for (unsigned l = 0; l < LEDGERS; l++) {
		if (t->slot[l] == NOBODY)
			continue;
		for (unsigned which = 0; which < w->setup.windows.count; which++) {
			uint32_t d = window_due(w, &w->slots[t->slot[l]], which);
			due = d < due ? d : due;
		}
	}
	return due;
}

void watch_changed(struct watch *w, uint32_t i, uint32_t slot)
{
	struct slot_state *s = &w->slots[slot];
	struct touch *t = &w->touches[i];
	uint8_t all = (uint8_t)((1u << w->setup.windows.count) - 1);
	if (s->dirty == all)
		return;
	s->dirty = all;
	if (t->changed_ms == 0)
		t->changed_ms = w->now_ms;
	uint32_t due = touchpoint_due(w, t);
	if (due < t->due)
		watch_wheel_put(w, i, due);
}

/* Everything once per refresh, which grows with the number of touchpoints so that the sweep costs the same. */
static uint32_t refresh_ticks(const struct watch *w)
{
	int64_t per = w->setup.options.refresh_ms;
	int64_t all = per * names_count(w->names) / 10000;
	return (uint32_t)((all > per ? all : per) / TICK_MS);
}

struct filler {
	struct watch *w;
	struct watch_batch *batch;
	uint32_t tick, refresh;
	uint32_t spread; /* of series: from one to the next of a hash */
};

/* 122 fields cost Redis some 400 us. So there are 250 of them a second and not more, at a start too; the next publish of who got none
 * tries again. */
enum { SERIES_PER_SECOND = 250, SOURCES_MS = 15000, DAY_MS = 86400000 };

static void earn_series(struct watch *w, int64_t now_ms)
{
	double earned =
		w->series_ms ? (double)(now_ms - w->series_ms) * SERIES_PER_SECOND / 1000 : SERIES_PER_SECOND;
	w->series_ms = now_ms;
	w->series_credit += earned > 0 ? earned : 0;
	if (w->series_credit > SERIES_PER_SECOND)
		w->series_credit = SERIES_PER_SECOND;
}

static bool take_series(struct watch *w)
{
	if (w->series_credit < 1)
		return false;
	w->series_credit -= 1;
	return true;
}

static void fill_window(struct filler *f, uint32_t slot, enum ledger ledger, unsigned which)
{
	struct watch *w = f->w;
	struct slot_state *s = &w->slots[slot];
	struct watch_batch *b = f->batch;
	struct publication_window *out = &b->windows[b->windows_count++];
	*out = (struct publication_window){.ledger = ledger, .which = which};
	windows_read(w->windows, slot, which, &out->reading);
	int64_t n = nps_n(out->reading.before);
	for (unsigned i = 0; i < BINS; i++)
		n += out->reading.bins[i];
	out->empty = n == 0;
	uint32_t pace = w->series_pace[which] > f->spread ? w->series_pace[which] : f->spread;
	if ((s->series[which] == 0 || s->series[which] - 1 + pace <= f->tick) &&
	    (out->empty || take_series(w))) {
		out->panes = b->panes + b->panes_count;
		out->panes_count = windows_series(w->windows, slot, which, b->panes + b->panes_count);
		b->panes_count += out->panes_count;
		s->series[which] = f->tick + 1;
	}
	s->published[which] = f->tick + 1;
	s->dirty &= (uint8_t) ~(1u << which);
	int64_t next_ms = windows_next_ms(w->windows, slot, which);
	uint32_t changes = next_ms == INT64_MAX ? UINT32_MAX : watch_tick(w, next_ms) + 1;
	uint32_t paced = f->tick + w->pace[which];
	changes = changes < paced ? paced : changes;
	s->changes[which] = changes < f->tick + f->refresh ? changes : f->tick + f->refresh;
}

bool watch_touchpoint_empty(struct watch *w, const struct touch *t)
{
	for (unsigned l = 0; l < LEDGERS; l++)
		if (t->slot[l] != NOBODY && !windows_empty(w->windows, t->slot[l]))
			return false;
	return true;
}

static bool alert_is_due(const struct filler *f, const struct touch *t)
{
	return f->w->setup.alerts.enabled &&
	       (t->alert_due || t->alert_told == 0 || t->alert_told - 1 + f->refresh <= f->tick);
}

static const struct publication_alert *fill_alert(struct filler *f, uint32_t i, bool empty)
{
	struct watch_batch *b = f->batch;
	struct touch *t = &f->w->touches[i];
	struct view_alert view;
	struct view_fields *fields = &b->alert_fields[b->count];
	struct publication_alert *part = &b->alert_parts[b->count];
	t->alert_due = false;
	t->alert_told = f->tick + 1;
	*part = (struct publication_alert){fields->at, 0};
	if (!empty && judge_view(f->w, i, &view)) {
		view_alert_fields(fields, &view);
		part->count = fields->count;
	}
	return part;
}

static void fill_touchpoint(struct filler *f, uint32_t i)
{
	struct watch *w = f->w;
	struct touch *t = &w->touches[i];
	struct watch_batch *b = f->batch;
	unsigned first = b->windows_count;
	bool empty = watch_touchpoint_empty(w, t);
	for (unsigned l = 0; l < LEDGERS; l++) {
		uint32_t slot = t->slot[l];
		if (slot == NOBODY)
			continue;
		for (unsigned which = 0; which < w->setup.windows.count; which++)
			if (empty ||
			    window_due(w, &w->slots[slot], which) <= f->tick) /* what leaves leaves whole */
				fill_window(f, slot, (enum ledger)l, which);
	}
	bool alert = alert_is_due(f, t);
	if (b->windows_count > first || alert) {
		const struct publication_alert *part = alert ? fill_alert(f, i, empty) : NULL;
		b->touchpoints[b->count] = i;
		b->changed_ms[b->count] = t->changed_ms;
		b->at[b->count++] = (struct publication){
			.touchpoint = names_get(w->names, i),
			.log_ms = w->position.log_ms,
			.offset = w->position.offset,
			.last_ms = t->last_ms,
			.empty = empty,
			.windows_count = b->windows_count - first,
			.windows = b->windows + first,
			.alert = part,
		};
	}
	t->changed_ms = 0;
	uint32_t due = touchpoint_due(w, t);
	if (due != UINT32_MAX && !empty) /* what left is not refreshed */
		watch_wheel_put(w, i, due <= f->tick ? f->tick + 1 : due);
	if (empty && !t->unsaved && w->position.offset >= 0) /* and leaves the checkpoint */
		watch_save_last(w, i, w->position);
}

enum {
	WINDOWS_OF_ONE = LEDGERS * WINDOWS_MAX,
	POOL_WINDOWS = WATCH_BATCH * 6 + WINDOWS_OF_ONE,
	POOL_PANES = 40000
};

struct watch_batch *watch_batch_create(void)
{
	struct watch_batch *b = must_alloc(sizeof *b);
	b->windows = must_array(POOL_WINDOWS, sizeof *b->windows);
	b->panes = must_array(POOL_PANES, sizeof *b->panes);
	b->alert_fields = must_array(WATCH_BATCH, sizeof *b->alert_fields);
	b->bytes = must_alloc(WATCH_FIELDS_BYTES);
	return b;
}

void watch_batch_destroy(struct watch_batch *b)
{
	if (b == NULL)
		return;
	free(b->windows);
	free(b->panes);
	free(b->alert_fields);
	free(b->bytes);
	free(b);
}

static bool batch_full(const struct watch_batch *b)
{
	return b->count == WATCH_BATCH || b->windows_count + WINDOWS_OF_ONE > POOL_WINDOWS ||
	       b->panes_count + WINDOWS_OF_ONE * WINDOW_PANES_MAX > POOL_PANES;
}

static void fill_sources(struct watch *w, int64_t now_ms, struct watch_batch *b)
{
	b->sources_count = 0;
	if (names_count(w->sources) == 0 || now_ms - w->sources_ms < SOURCES_MS)
		return;
	w->sources_ms = now_ms;
	b->sources_count = names_count(w->sources);
	for (unsigned s = 0; s < b->sources_count; s++)
		b->sources[s] = (struct watch_source){names_get(w->sources, s), 0};
	for (uint32_t i = 0; i < names_count(w->names); i++)
		if (w->touches[i].source && w->touches[i].last_ms >= now_ms - DAY_MS)
			b->sources[w->touches[i].source - 1].touchpoints++;
}

void watch_fill(struct watch *w, int64_t now_ms, struct watch_batch *b)
{
	struct filler f = {.w = w,
			   .batch = b,
			   .tick = watch_tick(w, now_ms),
			   .refresh = refresh_ticks(w),
			   .spread = names_count(w->names) * (1000 / TICK_MS) / SERIES_PER_SECOND};
	b->count = b->windows_count = b->panes_count = 0;
	b->position = w->position;
	fill_sources(w, now_ms, b);
	earn_series(w, now_ms);
	if (w->queued == 0 && f.tick > w->cursor)
		w->cursor = f.tick;
	while (w->cursor <= f.tick) {
		while (w->wheel[w->cursor % WHEEL_SLOTS] != NOBODY) {
			if (batch_full(b))
				return;
			uint32_t i = w->wheel[w->cursor % WHEEL_SLOTS];
			watch_wheel_remove(w, i);
			fill_touchpoint(&f, i);
		}
		if (w->cursor == f.tick) /* this tick goes on: what becomes due in it goes out at once */
			return;
		w->cursor++;
	}
}

void watch_failed(struct watch *w, uint32_t i)
{
	struct touch *t = &w->touches[i];
	for (unsigned l = 0; l < LEDGERS; l++) {
		if (t->slot[l] == NOBODY)
			continue;
		struct slot_state *s = &w->slots[t->slot[l]];
		for (unsigned which = 0; which < WINDOWS_MAX; which++)
			s->published[which] = s->series[which] = 0;
	}
	t->alert_due = true;
	watch_wheel_put(w, i, watch_tick(w, w->now_ms) + 1);
}

void watch_published(struct watch *w, uint32_t i, bool fresh)
{
	struct touch *t = &w->touches[i];
	if (fresh && t->shown) /* what was written of it before this publication is gone */
		watch_failed(w, i);
	t->shown = true;
}

void watch_hurry(struct watch *w)
{
	for (uint32_t i = 0; i < names_count(w->names); i++) {
		struct touch *t = &w->touches[i];
		bool dirty = false;
		for (unsigned l = 0; l < LEDGERS; l++) {
			struct slot_state *s = t->slot[l] == NOBODY ? NULL : &w->slots[t->slot[l]];
			for (unsigned which = 0; s && which < w->setup.windows.count; which++) {
				if (!(s->dirty & 1u << which))
					continue;
				s->published[which] = 0;
				dirty = true;
			}
		}
		if (dirty)
			watch_wheel_put(w, i, w->cursor);
	}
}

void watch_publish_all(struct watch *w)
{
	for (uint32_t i = 0; i < names_count(w->names); i++)
		watch_failed(w, i);
}

unsigned watch_due(const struct watch *w, int64_t now_ms)
{
	unsigned n = 0;
	uint32_t last = watch_tick(w, now_ms);
	for (uint32_t tick = w->cursor; tick < last && tick < w->cursor + WHEEL_SLOTS; tick++)
		for (uint32_t i = w->wheel[tick % WHEEL_SLOTS]; i != NOBODY; i = w->touches[i].due_next)
			n++;
	return n;
}
