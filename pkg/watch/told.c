/*
 * Events on their way out: made here, kept until Kafka has them and Redis has them with a checkpoint. In order, none twice: an event that is
 * derived again after a restart has the number that it had, and the store adds no number twice.
 */
#include "watch/watch_priv.h"

#include <stdlib.h>

void told_release(struct watch *w)
{
	for (unsigned i = 0; i < w->told_count; i++)
		free(w->told[i].json);
	for (unsigned i = 0; i < w->kept_count; i++)
		free(w->kept[i].json);
	free(w->told);
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

static struct told *append(struct watch *w, uint32_t i)
{
	if (w->told_count == w->told_room) {
		w->told_room = w->told_room ? 2 * w->told_room : 16;
		w->told = realloc(w->told, w->told_room * sizeof *w->told);
		must(w->told != NULL);
	}
	struct told *told = &w->told[w->told_count++];
	*told = (struct told){.touchpoint = i, .alert.tag = ++w->told_tags};
	return told;
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
	struct told *told = append(w, i);
	told->json = must_alloc(len + 1);
	memcpy(told->json, json, len);
	told->alert = (struct watch_alert){.tag = told->alert.tag,
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

/* Redis has it. It is kept a while: a Redis that fails over or starts again may lose what it had said to have. */
static void keep(struct watch *w, const struct told *told)
{
	if (w->kept_count == TOLD_KEPT_MAX) {
		free(w->kept[0].json);
		memmove(w->kept, w->kept + 1, --w->kept_count * sizeof *w->kept);
	}
	w->kept[w->kept_count++] = *told;
}

void watch_checkpoint_written(struct watch *w, const struct watch_batch *b)
{
	uint64_t first = b->alerts_count ? b->alerts[0].tag : 1,
		 last = b->alerts_count ? b->alerts[b->alerts_count - 1].tag : 0;
	unsigned left = 0;
	for (unsigned i = 0; i < w->told_count; i++) {
		if (w->told[i].alert.tag >= first && w->told[i].alert.tag <= last)
			keep(w, &w->told[i]);
		else
			w->told[left++] = w->told[i];
	}
	w->told_count = left;
}

static int by_tag(const void *a, const void *b)
{
	const struct told *x = a, *y = b;
	return (x->alert.tag > y->alert.tag) - (x->alert.tag < y->alert.tag);
}

/* The store adds no number twice, so of these it takes what it lacks. */
void told_again(struct watch *w)
{
	for (unsigned i = 0; i < w->kept_count; i++)
		*append(w, w->kept[i].touchpoint) = w->kept[i];
	if (w->kept_count)
		qsort(w->told, w->told_count, sizeof *w->told, by_tag);
	w->kept_count = 0;
}

void watch_alerts_settle(struct watch *w)
{
	unsigned count = 0;
	while (count < w->told_count && w->told[count].state != TOLD_NEW)
		free(w->told[count++].json);
	w->told_count -= count;
	if (count)
		memmove(w->told, w->told + count, w->told_count * sizeof *w->told);
}
