#include "desk/desk_priv.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/must.h"

uint64_t name_hash(struct str name)
{
	return name.len ? hash_bytes(name) | 1 : 0;
}

uint64_t place_key(struct str touchpoint, enum ledger ledger, enum alert_kind kind)
{
	/* The name's hash is the seed, not the small number: for short input xxh3 xors seed and bytes, and
	 * ("t00", 2) is ("t01", 1). */
	char numbers[2] = {(char)ledger, (char)kind};
	return hash_join(hash_bytes(touchpoint), (struct str){numbers, sizeof numbers});
}

struct line *line_of(const struct desk *d, uint64_t id)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->lines[i].id == id)
			return &d->lines[i];
	return NULL;
}

struct line *open_line(const struct desk *d, uint64_t key)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->lines[i].key == key && d->lines[i].entry->open)
			return &d->lines[i];
	return NULL;
}

struct line *line_add(struct desk *d, const struct alert_event *event, uint64_t key)
{
	if (d->count == d->room) {
		d->room = d->room ? d->room * 2 : 64;
		struct line *more = must_array(d->room, sizeof *more);
		if (d->count)
			memcpy(more, d->lines, d->count * sizeof *more);
		free(d->lines);
		d->lines = more;
	}
	struct entry *entry = must_alloc(sizeof *entry);
	for (unsigned i = 0; i < event->parents_count; i++)
		entry->parents[i] = place_key(event->parents[i], event->ledger, event->kind);
	entry->recount_ms = DESK_NEVER;
	struct line *line = &d->lines[d->count++];
	*line = (struct line){
		.id = event->incident,
		.key = key,
		.touchpoint = name_hash(event->touchpoint),
		.group = event->parents_count ? name_hash(event->parents[0]) : 0,
		.source = name_hash(event->source),
		.wake_ms = DESK_NEVER,
		.told_ms = INT64_MIN,
		.entry = entry,
	};
	return line;
}

void line_remove(struct desk *d, struct line *line)
{
	free(line->entry->text);
	free(line->entry);
	*line = d->lines[--d->count];
}

/* ---- an event's texts, in one piece of memory ---- */

static size_t texts_len(const struct alert_event *e)
{
	size_t len = e->touchpoint.len + e->label.len + e->team.len + e->journey.len + e->stage.len +
		     e->source.len + e->dashboard.len + e->runbook.len;
	for (unsigned i = 0; i < e->parents_count; i++)
		len += e->parents[i].len;
	for (unsigned i = 0; i < e->children_count; i++)
		len += e->children[i].len;
	return len;
}

static void move(struct str *text, char **to)
{
	if (text->len)
		memcpy(*to, text->at, text->len);
	text->at = *to;
	*to += text->len;
}

void entry_tell(struct entry *entry, const struct alert_event *event)
{
	char *text = must_alloc(texts_len(event) + 1), *at = text;
	struct alert_event e = *event;
	struct str *const single[] = {&e.touchpoint, &e.label,	   &e.team,    &e.journey, &e.stage,
				      &e.source,     &e.dashboard, &e.runbook, NULL};
	for (struct str *const *s = single; *s; s++)
		move(*s, &at);
	for (unsigned i = 0; i < e.parents_count; i++)
		move(&e.parents[i], &at);
	for (unsigned i = 0; i < e.children_count; i++)
		move(&e.children[i], &at);
	e.summary = (struct str){"", 0}; /* alert_json makes it anew */
	free(entry->text); /* after the copy: the event may be the entry's own, changed */
	entry->text = text;
	entry->event = e;
}

/* ---- waking ---- */

void wake(struct line *line, int64_t now_ms)
{
	if (now_ms < line->wake_ms)
		line->wake_ms = now_ms;
}

void wake_all(struct desk *d, int64_t now_ms)
{
	for (size_t i = 0; i < d->count; i++)
		wake(&d->lines[i], now_ms);
}

void wake_children(struct desk *d, uint64_t key, int64_t now_ms)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct entry *entry = d->lines[i].entry;
		for (unsigned p = 0; p < entry->event.parents_count; p++)
			if (entry->parents[p] == key)
				wake(&d->lines[i], now_ms);
	}
}

/* ---- counting ---- */

uint64_t count_distinct(struct desk *d, line_filter *filter, const void *context)
{
	size_t room = 64;
	while (room < d->count * 2)
		room *= 2;
	if (room > d->set_room) {
		free(d->set);
		d->set = must_array(room, sizeof *d->set);
		d->set_room = room;
	}
	memset(d->set, 0, d->set_room * sizeof *d->set);
	uint64_t count = 0;
	for (size_t i = 0; i < d->count; i++) {
		if (!filter(&d->lines[i], context))
			continue;
		size_t slot = (d->lines[i].touchpoint >> 1) & (d->set_room - 1);
		while (d->set[slot] && d->set[slot] != d->lines[i].touchpoint)
			slot = (slot + 1) & (d->set_room - 1);
		count += d->set[slot] == 0;
		d->set[slot] = d->lines[i].touchpoint;
	}
	return count;
}
