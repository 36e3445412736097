/*
 * incident - what goes in: events as they happen, acknowledgements, and what is given back after a restart.
 */
#include "desk/desk_priv.h"

#include "base/must.h"

static bool is_open(const struct alert_event *event)
{
	return event->type != ALERT_RESOLVED;
}

static bool is_made(const struct alert_event *event)
{
	return event->collected || event->kind == ALERT_SOURCE_SUSPECT;
}

/* It begins, or begins again: all reasons to wait are judged from here on. */
static void begin(struct line *line, const struct alert_event *event, int64_t now_ms)
{
	struct entry *e = line->entry;
	bool now = event->type == ALERT_RAISED || event->type == ALERT_REOPENED;
	e->open = true;
	e->fired_ms = now ? event->at_ms : event->raised_ms;
	e->arrived_ms = now_ms;
	e->collected_by = 0;
	e->acked = false;
	e->sent.acked = false;
}

/* Who is no longer open speaks for nobody. */
static void end(struct desk *d, struct line *line, int64_t now_ms)
{
	struct entry *e = line->entry;
	uint64_t id = line->id, key = line->key, by = e->collected_by;
	e->open = false;
	e->over_ms = now_ms;
	wake_children(d, key, now_ms);
	if (by)
		collected_look(d, by, now_ms);
	suspect_look(d, line_of(d, id), now_ms);
}

/* A touchpoint has one incident of a kind at a time: another's begin says that the last one ended, should
 * that have been missed. */
static void end_predecessor(struct desk *d, const struct alert_event *event, uint64_t key, int64_t now_ms)
{
	struct line *old = open_line(d, key);
	if (old == NULL || old->id == event->incident || old->entry->event.number > event->number)
		return;
	struct alert_event last = old->entry->event;
	last.type = ALERT_RESOLVED;
	last.at_ms = event->raised_ms;
	entry_tell(old->entry, &last);
	wake(old, now_ms);
	end(d, old, now_ms);
}

void desk_event(struct desk *d, const struct alert_event *event, int64_t now_ms)
{
	must(event->incident != 0 && event->parents_count <= ALERT_PARENTS_MAX);
	if (is_made(event))
		return; /* its own, come back by way of the log */
	struct line *line = line_of(d, event->incident);
	if (line && event->number <= line->entry->event.number)
		return;
	uint64_t key = place_key(event->touchpoint, event->ledger, event->kind);
	if (is_open(event))
		end_predecessor(d, event, key, now_ms);
	bool was_open = line && line->entry->open;
	enum alert_severity was = line ? line->entry->event.severity : event->severity;
	line = line ? line_of(d, event->incident) : line_add(d, event, key);
	struct entry *e = line->entry;
	entry_tell(e, event);
	wake(line, now_ms);
	if (!is_open(event)) {
		if (was_open)
			end(d, line, now_ms);
		else if (e->over_ms == 0)
			e->over_ms = now_ms;
		return;
	}
	if (!was_open || event->type == ALERT_REOPENED)
		begin(line, event, now_ms);
	if (!was_open || event->severity != was) {
		wake_children(d, key, now_ms);
		if (e->collected_by)
			collected_look(d, e->collected_by, now_ms);
	}
	if (!was_open)
		suspect_look(d, line_of(d, event->incident), now_ms);
}

void desk_ack(struct desk *d, uint64_t incident, int64_t at_ms, int64_t now_ms)
{
	struct line *line = line_of(d, incident);
	if (line == NULL || !line->entry->open || line->entry->acked || line->entry->ack_ms == at_ms)
		return;
	line->entry->ack_ms = at_ms;
	line->entry->acked = true;
	line->entry->acked_severity = line->entry->event.severity;
	wake(line, now_ms);
}

/* What the desk made itself knows its members by what they are, except who is collected: see gate() in
 * next.c. The count is taken when all others have been given back. */
static void restore_made(struct desk *d, struct line *line, int64_t now_ms)
{
	struct entry *e = line->entry;
	int64_t wait_ms = d->options.group_wait_ms > 1000 ? d->options.group_wait_ms : 1000;
	e->made = true;
	e->recount_ms = now_ms + wait_ms;
	e->members_told = e->event.collected ? e->event.firing : (uint64_t)e->event.figures.detractors;
	e->members_most = e->members_told;
	e->fired_ms = e->event.collected ? e->fired_ms : e->event.figures.onset_ms;
	wake(line, e->recount_ms);
}

void desk_restore(struct desk *d, const struct alert_event *event, const struct desk_sent *sent,
		  int64_t now_ms)
{
	must(event->incident != 0 && event->parents_count <= ALERT_PARENTS_MAX);
	struct line *line = line_of(d, event->incident);
	if (line == NULL)
		line = line_add(d, event,
				is_made(event) ? made_key(event)
					       : place_key(event->touchpoint, event->ledger, event->kind));
	else if (event->number < line->entry->event.number)
		return;
	struct entry *e = line->entry;
	entry_tell(e, event);
	begin(line, event, now_ms);
	e->open = is_open(event);
	e->over_ms = e->open ? 0 : now_ms;
	e->restored = true;
	if (sent) {
		e->sent = *sent;
		if (event->type == ALERT_REOPENED && event->number > sent->number)
			e->sent.acked = false; /* nobody was told that yet */
		e->acked = e->sent.acked && e->open;
		e->acked_severity = sent->severity;
		line->told_ms = sent->triggered ? sent->at_ms : INT64_MIN;
	}
	wake(line, now_ms);
	if (is_made(event))
		restore_made(d, line, now_ms);
	wake_children(d, line->key, now_ms);
}
