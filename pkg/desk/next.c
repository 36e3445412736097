/*
 * next - what comes out: the difference between what is so and what was told, where nothing stands in its
 * way.
 */
#include "desk/desk_priv.h"

#include "base/must.h"

enum owed { OWED_NOTHING, OWED_TRIGGER, OWED_REOPEN, OWED_UPDATE, OWED_ACKNOWLEDGE, OWED_RESOLVE };

static enum owed owed_of(const struct entry *e)
{
	const struct desk_sent *sent = &e->sent;
	bool told = sent->triggered && !sent->resolved;
	bool worse = e->event.severity > e->acked_severity;
	if (!e->open)
		return told ? OWED_RESOLVE : OWED_NOTHING;
	if (!told && e->acked && !worse) /* somebody sees to it already */
		return OWED_NOTHING;
	if (!told)
		return sent->triggered ? OWED_REOPEN : OWED_TRIGGER;
	if (e->acked && !sent->acked)
		return OWED_ACKNOWLEDGE;
	if (e->event.number <= sent->number || (e->acked && e->event.severity <= sent->severity))
		return OWED_NOTHING;
	return OWED_UPDATE;
}

/* ---- what stands in the way ---- */

struct gate {
	int64_t until_ms; /* 0: open */
	enum desk_state why;
};

/* A parent speaks for a child if it says at least as much, and is heard at all. */
static bool spoken_for(const struct desk *d, const struct line *line, int64_t now_ms)
{
	const struct entry *e = line->entry;
	if (suspect_of(d, line))
		return true;
	for (unsigned i = 0; i < e->event.parents_count; i++) {
		const struct line *parent = open_line(d, e->parents[i]);
		if (parent && parent != line && parent->entry->event.severity >= e->event.severity &&
		    muted_until(d, parent->entry->event.touchpoint, now_ms) == 0)
			return true;
	}
	return false;
}

static bool budget_spent(const struct desk *d, const struct line *line, int64_t now_ms)
{
	int64_t told = 0;
	if (d->options.group_budget == 0 || line->group == 0)
		return false;
	for (size_t i = 0; i < d->count; i++)
		told += d->lines[i].group == line->group && d->lines[i].told_ms > now_ms - DESK_HOUR_MS;
	return told >= d->options.group_budget;
}

/* One that was given back, was not told, and fired when its parent's collected message was about: that spoke
 * for it. */
static bool was_collected(const struct desk *d, const struct line *line)
{
	const struct entry *e = line->entry;
	if (!e->restored || e->event.parents_count == 0)
		return false;
	struct alert_event as = {.collected = true, .touchpoint = e->event.parents[0]};
	const struct line *made = open_line(d, made_key(&as));
	return made && made->entry->restored && e->fired_ms <= made->entry->event.at_ms;
}

/* Its opening, beyond what holds for any message. Lines may move. */
static struct gate opening_gate(struct desk *d, struct line *line, int64_t now_ms)
{
	struct entry *e = line->entry;
	bool page = e->event.severity == ALERT_PAGE, may_be_grouped = line->source || line->group;
	int64_t wait_ms = e->arrived_ms + d->options.group_wait_ms;
	if (e->made) /* those beyond a budget come in a crowd, so even a page waits for all of them */
		return e->event.collected && now_ms < wait_ms ? (struct gate){wait_ms, DESK_WAITING}
							      : (struct gate){0, DESK_SENT};
	if (spoken_for(d, line, now_ms))
		return (struct gate){DESK_NEVER, DESK_GROUPED};
	const struct line *by = e->collected_by ? line_of(d, e->collected_by) : NULL;
	if (by && by->entry->open)
		return (struct gate){DESK_NEVER, DESK_COLLECTED};
	if (!page && may_be_grouped && now_ms < wait_ms)
		return (struct gate){wait_ms, DESK_WAITING};
	if (budget_spent(d, line, now_ms) || was_collected(d, line)) {
		collect(d, line->id, now_ms);
		return (struct gate){DESK_NEVER, DESK_COLLECTED};
	}
	return (struct gate){0, DESK_SENT};
}

static struct gate gate(struct desk *d, struct line *line, enum owed owed, int64_t now_ms)
{
	const struct entry *e = line->entry;
	if (e->event.test) /* to see whether it arrives: now */
		return (struct gate){0, DESK_SENT};
	int64_t until_ms = e->made ? 0 : muted_until(d, e->event.touchpoint, now_ms);
	if (until_ms)
		return (struct gate){until_ms, DESK_MUTED};
	if ((int)e->event.severity <= d->options.quiet_severity && owed != OWED_ACKNOWLEDGE)
		until_ms = quiet_until(d, now_ms);
	if (until_ms)
		return (struct gate){until_ms, DESK_HELD};
	return owed == OWED_TRIGGER || owed == OWED_REOPEN ? opening_gate(d, line, now_ms)
							   : (struct gate){0, DESK_SENT};
}

/* ---- the message ---- */

static bool is_child(const struct line *line, const void *context)
{
	const struct line *parent = context;
	const struct entry *e = line->entry;
	if (parent->entry->made)
		return is_member(line, parent);
	for (unsigned i = 0; i < e->event.parents_count && e->open && !e->made && line != parent; i++)
		if (e->parents[i] == parent->key)
			return true;
	return false;
}

static bool before(const struct entry *a, const struct entry *b)
{
	if (a->event.severity != b->event.severity)
		return a->event.severity > b->event.severity;
	if (a->fired_ms != b->fired_ms)
		return a->fired_ms < b->fired_ms;
	return a->event.incident < b->event.incident;
}

/* The worst, then the oldest of its children, each touchpoint once. What the watch knew is replaced if
 * anything is known here. */
static void list_children(struct desk *d, const struct line *line, struct alert_event *event)
{
	const struct entry *first[ALERT_CHILDREN_MAX];
	unsigned n = 0;
	for (size_t i = 0; i < d->count; i++) {
		const struct entry *e = d->lines[i].entry;
		unsigned at = 0, k = 0;
		if (!is_child(&d->lines[i], line))
			continue;
		while (at < n && !str_equal(first[at]->event.touchpoint, e->event.touchpoint))
			at++;
		if (at < n && !before(e, first[at]))
			continue;
		if (at == n && n == ALERT_CHILDREN_MAX && !before(e, first[--at]))
			continue;
		n += at == n;
		while (k < at &&
		       before(first[k], e)) /* it goes before k, those from k to at move up by one */
			k++;
		for (; at > k; at--)
			first[at] = first[at - 1];
		first[k] = e;
	}
	if (n == 0)
		return;
	uint64_t firing = count_distinct(d, is_child, line);
	for (unsigned i = 0; i < n; i++)
		event->children[i] = first[i]->event.touchpoint;
	event->children_count = n;
	event->firing = firing > n || event->collected ? (unsigned)firing : 0;
}

static void write_message(struct desk *d, const struct line *line, enum owed owed, struct desk_message *out)
{
	static const enum desk_what whats[] = {
		[OWED_TRIGGER] = DESK_TRIGGER, [OWED_REOPEN] = DESK_UPDATE,
		[OWED_UPDATE] = DESK_UPDATE,   [OWED_ACKNOWLEDGE] = DESK_ACKNOWLEDGE,
		[OWED_RESOLVE] = DESK_RESOLVE,
	};
	*out = (struct desk_message){.what = whats[owed], .event = line->entry->event};
	list_children(d, line, &out->event);
	const struct alert_event *e = &line->entry->event;
	out->group = e->parents_count ? e->parents[0] : e->touchpoint.len ? e->touchpoint : e->source;
}

static void note_told(struct line *line, enum owed owed, int64_t now_ms)
{
	struct entry *e = line->entry;
	if (owed == OWED_ACKNOWLEDGE) {
		e->sent.acked = true;
		return;
	}
	e->sent.number = e->event.number;
	e->sent.resolved = owed == OWED_RESOLVE;
	if (owed == OWED_RESOLVE)
		return;
	if (e->event.severity > e->sent.severity)
		e->sent.severity = e->event.severity;
	if (owed == OWED_TRIGGER || owed == OWED_REOPEN) {
		e->sent.triggered = true;
		e->sent.at_ms = line->told_ms = now_ms;
		e->acked = false; /* it got worse since: whoever said so did not see this */
	}
}

/* ---- whose turn it is ---- */

static bool earlier(const struct line *a, const struct line *b)
{
	if (a->wake_ms != b->wake_ms)
		return a->wake_ms < b->wake_ms;
	if (a->entry->fired_ms != b->entry->fired_ms)
		return a->entry->fired_ms < b->entry->fired_ms;
	return a->id < b->id;
}

static struct line *earliest(const struct desk *d)
{
	struct line *first = NULL;
	for (size_t i = 0; i < d->count; i++)
		if (first == NULL || earlier(&d->lines[i], first))
			first = &d->lines[i];
	return first;
}

static void rest(struct desk *d, struct line *line, int64_t now_ms)
{
	struct entry *e = line->entry;
	bool told = e->sent.triggered && !e->sent.resolved;
	e->state = !e->open ? DESK_OVER : told ? DESK_SENT : e->state;
	line->wake_ms = e->open ? DESK_NEVER : e->over_ms + DESK_KEEP_MS;
	if (line->wake_ms <= now_ms)
		line_remove(d, line);
	else
		wake(line, e->recount_ms);
}

/* Judges one incident; true: it is to be told. Afterwards it is asked about later, or gone. */
static bool judge(struct desk *d, struct line *line, int64_t now_ms, struct desk_message *out)
{
	uint64_t id = line->id;
	if (line->entry->recount_ms <= now_ms) {
		made_recount(d, id, now_ms);
		line = line_of(d, id);
	}
	enum owed owed = owed_of(line->entry);
	if (owed == OWED_NOTHING) {
		rest(d, line, now_ms);
		return false;
	}
	struct gate g = gate(d, line, owed, now_ms);
	line = line_of(d, id);
	struct entry *e = line->entry;
	e->state = e->sent.triggered && !e->sent.resolved ? DESK_SENT : g.why;
	e->restored = e->restored && (g.why == DESK_MUTED || g.why == DESK_HELD || e->made);
	line->wake_ms = g.until_ms ? g.until_ms : now_ms;
	wake(line, e->recount_ms);
	if (g.until_ms)
		return false;
	write_message(d, line, owed, out);
	note_told(line, owed, now_ms);
	e->state = e->sent.resolved ? DESK_OVER : DESK_SENT;
	return true;
}

bool desk_next(struct desk *d, int64_t now_ms, struct desk_message *out)
{
	struct line *line;
	while ((line = earliest(d)) != NULL && line->wake_ms <= now_ms)
		if (judge(d, line, now_ms, out))
			return true;
	return false;
}

int64_t desk_next_ms(const struct desk *d)
{
	const struct line *first = earliest(d);
	return first ? first->wake_ms : DESK_NEVER;
}
