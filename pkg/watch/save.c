/*
 * Which touchpoints changed since their last checkpoint, in the order in which they first did, each with the position before that.
 */
#include "watch/watch_priv.h"

void watch_save_remove(struct watch *w, uint32_t i)
{
	struct touch *t = &w->touches[i];
	if (!t->unsaved)
		return;
	if (t->save_prev == NOBODY)
		w->save_first = t->save_next;
	else
		w->touches[t->save_prev].save_next = t->save_next;
	if (t->save_next == NOBODY)
		w->save_last = t->save_prev;
	else
		w->touches[t->save_next].save_prev = t->save_prev;
	w->rewrite_left -= t->of_rewrite;
	t->unsaved = t->of_rewrite = false;
	w->save_count--;
}

void watch_save_last(struct watch *w, uint32_t i, struct watch_position before)
{
	struct touch *t = &w->touches[i];
	must(!t->unsaved);
	t->unsaved = true;
	t->before = before;
	t->unsaved_since_ms = w->now_ms;
	t->save_prev = w->save_last;
	t->save_next = NOBODY;
	if (w->save_last == NOBODY)
		w->save_first = i;
	else
		w->touches[w->save_last].save_next = i;
	w->save_last = i;
	w->save_count++;
}

void watch_save_first(struct watch *w, uint32_t i, struct watch_position before)
{
	struct touch *t = &w->touches[i];
	watch_save_remove(
		w, i); /* it changed again meanwhile: the older position holds, and its place is in front */
	t->unsaved = true;
	t->before = before;
	t->unsaved_since_ms = w->now_ms;
	t->save_prev = NOBODY;
	t->save_next = w->save_first;
	if (w->save_first == NOBODY)
		w->save_last = i;
	else
		w->touches[w->save_first].save_prev = i;
	w->save_first = i;
	w->save_count++;
}

void watch_checkpoint_failed(struct watch *w, const struct watch_batch *b)
{
	for (unsigned f = b->fields_count; f-- > 0;) {
		if (b->field_touchpoints[f] == NOBODY)
			continue;
		watch_save_first(w, b->field_touchpoints[f], b->before[f]);
		w->touches[b->field_touchpoints[f]].of_rewrite = b->fields[f].of_rewrite;
		w->rewrite_left += b->fields[f].of_rewrite;
	}
	w->replace_next = w->replace_next || b->replace;
}

/* The order of what waits stays; what does not wait follows behind it. All of it has to be there before a `low` is. */
void watch_checkpoint_rewrite(struct watch *w)
{
	for (uint32_t i = 0; i < names_count(w->names); i++) {
		struct touch *t = &w->touches[i];
		if (!t->unsaved)
			watch_save_last(w, i, w->position);
		w->rewrite_left += !t->of_rewrite;
		t->of_rewrite = true;
		t->unsaved_since_ms = 0;
	}
	w->replace_next = names_count(w->names) > 0;
}

unsigned watch_unsaved(const struct watch *w)
{
	return w->save_count;
}
