/*
 * made - the incidents of the desk's own making: a source that is suspect, and those of a parent that exceed
 * its budget. They are entries like any other; what is particular is whom they stand for.
 */
#include "desk/desk_priv.h"

#include <math.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/must.h"

#define SUSPECT_WITHIN_MS (10 * 60 * 1000LL)
#define SUSPECT_LEAST	  5
#define SUSPECT_OF	  2 /* raised when more than one of so many of its active touchpoints fire */
#define SUSPECT_OVER_OF	  4 /* over when fewer than one of so many of them do still */

static uint64_t suspect_key(struct str source)
{
	return hash_join(hash_bytes(STR("source_suspect")), source);
}

static uint64_t collected_key(struct str parent)
{
	return hash_join(hash_bytes(STR("collected")), parent);
}

uint64_t made_key(const struct alert_event *event)
{
	return event->collected ? collected_key(event->touchpoint) : suspect_key(event->source);
}

/* The same for whoever sees the same within the same stretch of time. */
static uint64_t made_id(uint64_t key, int64_t at_ms, int64_t stretch_ms)
{
	char number[32];
	int len = snprintf(number, sizeof number, "%lld", (long long)(at_ms / stretch_ms));
	uint64_t id = hash_join(key, (struct str){number, (size_t)len});
	return id ? id : 1;
}

/* An incident that begins, or begins again. */
static struct line *made_begin(struct desk *d, struct alert_event *event, int64_t fired_ms, int64_t now_ms)
{
	struct line *line = line_of(d, event->incident);
	event->type = line ? ALERT_REOPENED : ALERT_RAISED;
	event->raised_ms = line ? line->entry->event.raised_ms : event->at_ms;
	event->number = line ? line->entry->event.number + 1 : 1;
	if (line == NULL)
		line = line_add(d, event, made_key(event));
	struct entry *e = line->entry;
	entry_tell(e, event);
	e->open = e->made = true;
	e->acked = e->sent.acked = false;
	e->fired_ms = fired_ms;
	e->arrived_ms = now_ms;
	wake(line, now_ms);
	return line;
}

/* The next event of an open one. */
static void made_tell(struct line *line, const struct alert_event *next, enum alert_type type, int64_t now_ms)
{
	struct alert_event event = *next;
	event.type = type;
	event.number++;
	entry_tell(line->entry, &event);
	if (type == ALERT_RESOLVED) {
		line->entry->open = false;
		line->entry->over_ms = now_ms;
	}
	wake(line, now_ms);
}

/* ---- a source is suspect ---- */

struct since {
	uint64_t source;
	int64_t after_ms;
};

static bool fired_since(const struct line *line, const void *context)
{
	const struct since *since = context;
	const struct entry *e = line->entry;
	return line->source == since->source && e->open && !e->made && !e->event.test &&
	       e->fired_ms > since->after_ms;
}

struct line *suspect_of(const struct desk *d, const struct line *line)
{
	if (line->source == 0 || line->entry->made)
		return NULL;
	struct line *suspect = open_line(d, suspect_key(line->entry->event.source));
	return suspect && line->entry->fired_ms >= suspect->entry->fired_ms ? suspect : NULL;
}

static void wake_source(struct desk *d, uint64_t source, int64_t now_ms)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->lines[i].source == source && d->lines[i].entry->open)
			wake(&d->lines[i], now_ms);
}

static void suspect_recount(struct desk *d, struct line *line, int64_t at_ms, int64_t now_ms)
{
	struct entry *e = line->entry;
	struct alert_event event = e->event;
	uint64_t open = count_distinct(d, is_member, line), source = line->source;
	event.at_ms = at_ms > event.at_ms ? at_ms : event.at_ms;
	if (open > e->members_most)
		e->members_most = open;
	bool over = open * SUSPECT_OVER_OF < e->members_most;
	event.figures.detractors = (int64_t)(over ? open : e->members_most);
	if (event.figures.responses < (int64_t)e->members_most)
		event.figures.responses = (int64_t)e->members_most;
	event.figures.rate = (double)event.figures.detractors / (double)event.figures.responses;
	if (over) {
		made_tell(line, &event, ALERT_RESOLVED, now_ms);
		wake_source(d, source, now_ms);
	} else if (e->members_most >= e->members_told * 2) {
		e->members_told = e->members_most;
		made_tell(line, &event, ALERT_UPDATED, now_ms);
	}
}

static void suspect_begin(struct desk *d, const struct line *of, struct since since, uint64_t active,
			  int64_t now_ms)
{
	struct str source = of->entry->event.source;
	int64_t first_ms = of->entry->fired_ms;
	for (size_t i = 0; i < d->count; i++)
		if (fired_since(&d->lines[i], &since) && d->lines[i].entry->fired_ms < first_ms)
			first_ms = d->lines[i].entry->fired_ms;
	uint64_t firing = count_distinct(d, fired_since, &since);
	struct alert_event event = {
		.incident = made_id(suspect_key(source), first_ms, SUSPECT_WITHIN_MS),
		.kind = ALERT_SOURCE_SUSPECT,
		.severity = ALERT_PAGE,
		.label = source,
		.source = source,
		.ledger = of->entry->event.ledger,
		.partition = -1,
		.at_ms = of->entry->event.at_ms,
		.figures = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, (int64_t)active, (int64_t)firing, first_ms},
	};
	if (active < firing)
		event.figures.responses = (int64_t)firing;
	event.figures.rate = (double)firing / (double)event.figures.responses;
	uint64_t name = of->source;
	struct line *line = made_begin(d, &event, first_ms, now_ms);
	line->entry->members_told = line->entry->members_most = firing;
	wake_source(d, name, now_ms);
}

void suspect_look(struct desk *d, const struct line *of, int64_t now_ms)
{
	const struct entry *e = of->entry;
	if (of->source == 0 || e->event.test)
		return;
	struct line *suspect = open_line(d, suspect_key(e->event.source));
	if (suspect && suspect->entry->recount_ms != DESK_NEVER)
		return; /* given back, as its members are still */
	if (suspect) {
		suspect_recount(d, suspect, e->event.at_ms, now_ms);
		return;
	}
	uint64_t active = 0;
	for (size_t i = 0; i < d->sources_count; i++)
		if (d->sources[i].name == of->source)
			active = d->sources[i].active;
	if (active == 0 || !e->open)
		return;
	struct since since = {of->source, INT64_MIN};
	int64_t newest_ms = e->fired_ms;
	for (size_t i = 0; i < d->count; i++)
		if (fired_since(&d->lines[i], &since) && d->lines[i].entry->fired_ms > newest_ms)
			newest_ms = d->lines[i].entry->fired_ms;
	since.after_ms = newest_ms - SUSPECT_WITHIN_MS;
	uint64_t firing = count_distinct(d, fired_since, &since);
	if (firing >= SUSPECT_LEAST && firing * SUSPECT_OF > active)
		suspect_begin(d, of, since, active, now_ms);
}

/* ---- more than a parent's budget ---- */

bool is_member(const struct line *line, const void *context)
{
	const struct line *made = context;
	const struct entry *e = line->entry;
	if (!e->open || e->made)
		return false;
	if (made->entry->event.collected)
		return e->collected_by == made->id;
	return line->source == made->source && !e->event.test && e->fired_ms >= made->entry->fired_ms;
}

static enum alert_severity worst_of(const struct desk *d, const struct line *made)
{
	for (size_t i = 0; i < d->count; i++)
		if (is_member(&d->lines[i], made) && d->lines[i].entry->event.severity == ALERT_PAGE)
			return ALERT_PAGE;
	return ALERT_TICKET;
}

void collected_look(struct desk *d, uint64_t id, int64_t now_ms)
{
	struct line *line = line_of(d, id);
	if (line == NULL || !line->entry->open)
		return;
	struct entry *e = line->entry;
	struct alert_event event = e->event;
	uint64_t firing = count_distinct(d, is_member, line);
	bool worse = event.severity == ALERT_TICKET && worst_of(d, line) == ALERT_PAGE;
	event.at_ms = now_ms;
	event.firing = (unsigned)firing;
	event.severity = worse ? ALERT_PAGE : event.severity;
	if (firing == 0)
		made_tell(line, &event, ALERT_RESOLVED, now_ms);
	else if (!e->sent.triggered || e->sent.resolved) { /* nothing is told yet: no news either */
		entry_tell(e, &event);
		e->members_told = firing;
		wake(line, now_ms);
	} else if (worse || firing >= e->members_told * 2) {
		e->members_told = firing;
		made_tell(line, &event, ALERT_UPDATED, now_ms);
	}
}

void collect(struct desk *d, uint64_t id, int64_t now_ms)
{
	struct entry *member = line_of(d, id)->entry;
	struct str parent = member->event.parents[0];
	struct line *line = open_line(d, collected_key(parent));
	if (line == NULL) {
		struct alert_event event = {
			.incident = made_id(collected_key(parent), now_ms, DESK_HOUR_MS),
			.kind = member->event.kind,
			.severity = member->event.severity,
			.touchpoint = parent,
			.ledger = member->event.ledger,
			.partition = -1,
			.at_ms = now_ms,
			.figures = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0, 0, 0},
			.firing = 1,
			.collected = true,
		};
		line = made_begin(d, &event, now_ms, now_ms);
	}
	member->collected_by = line->id;
	collected_look(d, line->id, now_ms);
}

void made_recount(struct desk *d, uint64_t id, int64_t now_ms)
{
	struct line *line = line_of(d, id);
	line->entry->recount_ms = DESK_NEVER;
	if (!line->entry->open)
		return;
	if (line->entry->event.collected)
		collected_look(d, id, now_ms);
	else
		suspect_recount(d, line, line->entry->event.at_ms, now_ms);
}
