/*
 * Events on their way out: made here, kept until Kafka has them and Redis has them with a checkpoint. In order, none twice: an event that is
 * derived again after a restart has the number that it had, and the store adds no number twice.
 */
#include "watch/watch_priv.h"

#include <stdlib.h>

static void release(struct told *told, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		free(told[i].json);
	free(told);
}

void told_release(struct watch *w)
{
	release(w->told, w->told_count);
	release(w->again, w->again_count);
}

/* ---- an event ---- */

static struct str link_of(char *out, size_t max, const char *pattern, const struct alert_event *e)
{
	return (struct str){out,
			    pattern ? alert_link(out, max, str_of(pattern), e->touchpoint, e->ledger) : 0};
}

void watch_describe(const struct registry *registry, const struct alert_options *o, struct alert_event *e,
		    struct watch_links *links)
{
	const struct registry_touchpoint *known = registry_find(registry, e->touchpoint);
	e->parents_count = registry_ancestors(registry, e->touchpoint, e->parents);
	e->dashboard = link_of(links->dashboard, sizeof links->dashboard, o->dashboard, e);
	e->runbook = link_of(links->runbook, sizeof links->runbook,
			     known && known->runbook ? known->runbook : o->runbook, e);
	if (known == NULL)
		return;
	e->label = str_of(known->label);
	e->team = str_of(known->team);
	e->journey = str_of(known->journey);
	e->stage = str_of(known->stage);
	e->moment_of_truth = known->moment_of_truth;
}

/* By the log's time, so that a touchpoint whose state was lost or left does not begin below what Redis holds. */
static uint64_t number_after(uint64_t number, int64_t at_ms)
{
	return number >= (uint64_t)at_ms ? number + 1 : (uint64_t)at_ms;
}

static struct told *room_for(struct told *told, unsigned count, unsigned *room)
{
	if (count <= *room)
		return told;
	*room = count < 16 ? 16 : 2 * count;
	told = realloc(told, *room * sizeof *told);
	must(told != NULL);
	return told;
}

static char *json_copy(struct str json)
{
	char *copy = must_alloc(json.len + 1);
	memcpy(copy, json.at, json.len);
	return copy;
}

void told_event(struct watch *w, uint32_t i, enum ledger ledger, enum alert_kind kind,
		const struct alert_step *step, const struct alert_figures *figures, int64_t at_ms)
{
	char json[ALERT_JSON_MAX];
	struct watch_links links;
	struct touch *t = &w->touches[i];
	struct judged *j = w->slots[t->slot[ledger]].judged;
	j->number = number_after(j->number, at_ms);
	struct alert_event e = {.incident = step->incident,
				.type = step->type,
				.kind = kind,
				.severity = step->severity,
				.touchpoint = names_get(w->names, i),
				.ledger = ledger,
				.source = watch_source(w, i),
				.at_ms = at_ms,
				.raised_ms = step->raised_ms,
				.partition = w->setup.partition,
				.number = j->number,
				.figures = *figures};
	watch_describe(w->setup.registry, &w->setup.alerts, &e, &links);
	int64_t offset_s = t->zone ? zone_offset_s(t->zone, at_ms) : 0;
	size_t len = alert_json(json, sizeof json, &e, offset_s);
	if (len == 0) { /* somebody's labels or links are kilobytes long: then they are left out */
		e.label = e.team = e.journey = e.stage = e.dashboard = e.runbook = STR("");
		len = alert_json(json, sizeof json, &e, offset_s);
	}
	must(len > 0);
	w->told = room_for(w->told, w->told_count + 1, &w->told_room);
	struct told *told = &w->told[w->told_count++];
	*told = (struct told){.touchpoint = i, .json = json_copy((struct str){json, len})};
	told->alert = (struct watch_alert){.tag = ++w->told_tags,
					   .touchpoint = e.touchpoint,
					   .ledger = ledger,
					   .kind = kind,
					   .type = step->type,
					   .severity = step->severity,
					   .number = e.number,
					   .incident = step->incident,
					   .open = step->type != ALERT_RESOLVED,
					   .at_ms = at_ms,
					   .json = {told->json, len}};
	w->incidents += step->type == ALERT_RAISED || step->type == ALERT_REOPENED;
	w->incidents -= step->type == ALERT_RESOLVED;
	if (!t->unsaved) /* the state behind it goes with it, see watch_fill_checkpoint */
		watch_save_last(w, i, w->before);
	t->alert_due = true;
	watch_wheel_put(w, i, w->cursor);
}

/* ---- events of before, once more ---- */

void watch_again(struct watch *w, const struct alert_event *e, struct str json)
{
	uint32_t i = names_find(w->names, e->touchpoint);
	if (!w->setup.alerts.enabled || e->partition != w->setup.partition || e->kind >= JUDGED_KINDS ||
	    i == NAMES_FULL)
		return;
	w->again = room_for(w->again, w->again_count + 1, &w->again_room);
	struct told *told = &w->again[w->again_count++];
	*told = (struct told){.touchpoint = i, .json = json_copy(json), .state = TOLD_WRITTEN};
	told->alert = (struct watch_alert){.tag = ++w->told_tags,
					   .touchpoint = names_get(w->names, i),
					   .ledger = e->ledger,
					   .kind = e->kind,
					   .type = e->type,
					   .severity = e->severity,
					   .number = e->number,
					   .incident = e->incident,
					   .open = e->type != ALERT_RESOLVED,
					   .at_ms = e->at_ms,
					   .json = {told->json, json.len}};
}

static bool is_open_still(const struct watch *w, const struct watch_alert *a)
{
	uint32_t slot = w->touches[names_find(w->names, a->touchpoint)].slot[a->ledger];
	const struct judged *j = slot == NOBODY ? NULL : w->slots[slot].judged;
	return j && j->incidents[a->kind].open && j->incidents[a->kind].id == a->incident;
}

/* In front of what waits: the numbers of a touchpoint have to rise, or the store takes one for known. */
void watch_again_end(struct watch *w, int64_t since_ms)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < w->again_count; i++) {
		struct told *told = &w->again[i];
		if (told->alert.at_ms > since_ms || is_open_still(w, &told->alert))
			w->again[kept++] = *told;
		else
			free(told->json);
	}
	w->again = room_for(w->again, kept + w->told_count, &w->again_room);
	if (w->told_count)
		memcpy(w->again + kept, w->told, w->told_count * sizeof *w->told);
	free(w->told);
	w->told = w->again;
	w->told_count += kept;
	w->told_room = w->again_room;
	w->again = NULL;
	w->again_count = w->again_room = 0;
}

/* ---- on the way ---- */

const struct watch_alert *watch_alert_next(struct watch *w)
{
	for (unsigned i = 0; i < w->told_count; i++)
		if (w->told[i].state == TOLD_NEW) {
			w->told[i].state = TOLD_OUT;
			return &w->told[i].alert;
		}
	return NULL;
}

/* In the topic, too, one event of an incident follows the other: what comes behind one that failed is written again. */
void watch_alert_written(struct watch *w, uint64_t tag, bool ok)
{
	for (unsigned i = 0; i < w->told_count; i++) {
		struct told *told = &w->told[i];
		if (told->alert.tag == tag && told->state == TOLD_OUT)
			told->state = ok ? TOLD_WRITTEN : TOLD_NEW;
		else if (told->alert.tag > tag && !ok && told->state == TOLD_OUT)
			told->state = TOLD_NEW;
	}
}

unsigned watch_alerts_waiting(const struct watch *w)
{
	return w->told_count;
}

unsigned watch_incidents(const struct watch *w)
{
	return w->incidents;
}

bool told_fill(struct watch *w, struct watch_batch *b)
{
	b->alerts_count = 0;
	while (b->alerts_count < w->told_count && b->alerts_count < WATCH_ALERTS &&
	       w->told[b->alerts_count].state == TOLD_WRITTEN) {
		b->alerts[b->alerts_count] = w->told[b->alerts_count].alert;
		b->alerts_count++;
	}
	return b->alerts_count == w->told_count;
}

static void settle(struct watch *w, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		free(w->told[i].json);
	w->told_count -= count;
	if (count)
		memmove(w->told, w->told + count, w->told_count * sizeof *w->told);
}

static bool is_in(const struct watch_batch *b, const struct told *told)
{
	for (unsigned i = 0; i < b->alerts_count; i++)
		if (b->alerts[i].tag == told->alert.tag)
			return true;
	return false;
}

/* By tag: others may have been put in front while it was under way. */
void watch_checkpoint_written(struct watch *w, const struct watch_batch *b)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < w->told_count; i++) {
		if (is_in(b, &w->told[i]))
			free(w->told[i].json);
		else
			w->told[kept++] = w->told[i];
	}
	w->told_count = kept;
}

void watch_alerts_settle(struct watch *w)
{
	unsigned count = 0;
	while (count < w->told_count && w->told[count].state != TOLD_NEW)
		count++;
	settle(w, count);
}
