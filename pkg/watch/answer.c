/*
 * What becomes of a detector's answer: an event, if people were told something else so far; what readers see of it; and how both are brought
 * together again when the log is read anew.
 */
#include "watch/watch_priv.h"

/* ---- answers ---- */

/* The last hour and the one before, or the shortest longer window there is. */
void judge_nps(struct watch *w, uint32_t i, enum ledger ledger, struct alert_figures *f)
{
	const struct window_options *o = &w->setup.windows;
	unsigned best = 0;
	struct window_reading reading;
	f->nps_before = f->nps_now = __builtin_nan("");
	if (ledger != LEDGER_SURVEY && ledger != LEDGER_RELATIONSHIP)
		return;
	for (unsigned k = 1; k < o->count; k++) {
		bool long_enough = o->specs[k].length_s >= 3600, best_is = o->specs[best].length_s >= 3600;
		if (o->specs[k].length_s &&
		    (long_enough == best_is ? (o->specs[k].length_s < o->specs[best].length_s) == best_is
					    : long_enough))
			best = k;
	}
	watch_read(w, i, ledger, best, &reading);
	(void)nps_score(nps_of_bins(ledger, reading.bins), &f->nps_now);
	(void)nps_score(reading.before, &f->nps_before);
}

struct alert_figures judge_figures(struct watch *w, uint32_t i, enum ledger ledger, const struct spike *s,
				   const struct spike_event *event)
{
	struct spike_reading r;
	struct alert_figures f;
	spike_read(s, &r);
	f = (struct alert_figures){.baseline_rate = r.baseline_rate,
				   .rate = r.rate_since_onset,
				   .rate_low = r.onset_interval.low,
				   .rate_high = r.onset_interval.high,
				   .evidence_days =
					   __builtin_nan(""), /* it is told when it is enough, at a raise */
				   .responses = r.since_onset.n,
				   .detractors = r.since_onset.k,
				   .onset_ms = r.onset_ms};
	if (event) {
		f.baseline_rate = event->baseline;
		f.rate = event->rate;
		f.rate_low = event->interval.low;
		f.rate_high = event->interval.high;
		if (event->kind == SPIKE_RAISED || event->kind == SPIKE_ESCALATED)
			f.evidence_days = event->evidence_days;
		f.responses = event->since_onset.n;
		f.detractors = event->since_onset.k;
		f.onset_ms = event->onset_ms;
	}
	judge_nps(w, i, ledger, &f);
	return f;
}

static enum alert_severity severity_of(enum spike_severity s)
{
	return s == SPIKE_PAGE ? ALERT_PAGE : ALERT_TICKET;
}

/* What a detector says and what people were told are brought together. Something that began while nobody was to be told is told when
 * it is news and not over. */
void judge_answer(struct watch *w, struct judged *j, const struct judge_answer *a,
		  const struct alert_figures *f)
{
	struct alert_incident *incident = &j->incidents[a->kind];
	struct alert_place place = {names_get(w->names, a->touchpoint),
				    a->ledger,
				    a->kind,
				    w->setup.partition,
				    a->at_ms,
				    a->offset};
	struct alert_step step;
	bool told = false;
	if (w->rebuilding)
		return;
	if (a->severity != SPIKE_NONE && !incident->open)
		told = a->news && alert_raise(incident, &place, severity_of(a->severity), f, false, &step);
	else if (a->severity != SPIKE_NONE)
		told = alert_update(incident, a->at_ms, severity_of(a->severity), f, &step);
	else if (incident->open)
		told = alert_resolve(incident, a->at_ms, &step);
	if (told)
		told_event(w, a->touchpoint, a->ledger, a->kind, &step, f, a->at_ms);
}

/* ---- what readers see ---- */

/* The incident that is open, else the newest: of all kinds and ledgers. Without any the ledger whose detector has learned most. */
static bool more_telling(const struct alert_incident *a, const struct alert_incident *b)
{
	if (a->open != b->open)
		return a->open;
	return a->changed_ms > b->changed_ms;
}

static void view_ledger(struct judged *j, enum ledger ledger, struct view_alert *out,
			const struct alert_incident **best)
{
	struct spike_reading r;
	spike_read(&j->spike, &r);
	for (unsigned k = 0; k < JUDGED_KINDS; k++) {
		const struct alert_incident *incident = &j->incidents[k];
		if (incident->id == 0 || (*best && !more_telling(incident, *best)))
			continue;
		*best = incident;
		out->ledger = ledger;
		out->kind = (enum alert_kind)k;
	}
	if (*best == NULL && (out->learned_responses < r.learned_responses || out->baseline_rate == 0))
		out->ledger = ledger;
	if (out->ledger != ledger)
		return;
	out->ready = r.ready;
	out->baseline_rate = r.baseline_rate;
	out->learned_responses = r.learned_responses;
}

bool judge_view(struct watch *w, uint32_t i, struct view_alert *out)
{
	const struct alert_incident *best = NULL;
	struct judged *judged[LEDGERS] = {NULL};
	bool any = false;
	*out = (struct view_alert){.ledger = LEDGERS};
	for (unsigned l = 0; l < LEDGERS; l++) {
		uint32_t slot = w->touches[i].slot[l];
		judged[l] = slot == NOBODY ? NULL : w->slots[slot].judged;
		if (judged[l] == NULL)
			continue;
		any = true;
		view_ledger(judged[l], (enum ledger)l, out, &best);
	}
	if (best == NULL)
		return any;
	out->incident = best->id;
	out->open = best->open;
	out->severity = (enum alert_severity)best->severity;
	out->raised_ms = best->raised_ms;
	out->changed_ms = best->changed_ms;
	out->onset_ms = best->onset_ms;
	if (!best->open || out->kind == ALERT_SILENCE)
		return true;
	struct spike_reading r;
	const struct judged *j = judged[out->ledger];
	spike_read(out->kind == ALERT_PROMOTER_RISE && j->rise ? j->rise : &j->spike, &r);
	out->responses = r.since_onset.n;
	out->counted = r.since_onset.k;
	out->rate = r.rate_since_onset;
	out->rate_low = r.onset_interval.low;
	out->rate_high = r.onset_interval.high;
	return true;
}

/* ---- settings, and a log that is read again ---- */

void watch_alerts_set(struct watch *w, const struct alert_options *options)
{
	bool enabled = w->setup.alerts.enabled, rise = w->setup.alerts.promoter_rise;
	w->setup.alerts = *options;
	w->setup.alerts.enabled = enabled; /* these two need a restart: there is state behind them */
	w->setup.alerts.promoter_rise = rise;
}

void watch_rebuild_begin(struct watch *w)
{
	w->rebuilding = true;
}

void watch_rebuild_known(struct watch *w, const struct alert_event *e)
{
	if (!w->setup.alerts.enabled || e->kind >= JUDGED_KINDS || e->partition != w->setup.partition)
		return;
	uint32_t i = watch_open_touchpoint(w, e->touchpoint);
	struct judged *j = judge_open(w, i, e->ledger);
	struct alert_incident *incident = &j->incidents[e->kind];
	if (e->number <= j->number)
		return;
	j->number = e->number;
	w->incidents -= incident->open;
	*incident = (struct alert_incident){.id = e->incident,
					    .raised_ms = e->raised_ms,
					    .changed_ms = e->at_ms,
					    .onset_ms = e->figures.onset_ms,
					    .next_update =
						    e->figures.responses < 1 ? 2 : 2 * e->figures.responses,
					    .open = e->type != ALERT_RESOLVED,
					    .severity = (uint8_t)e->severity};
	w->incidents += incident->open;
}

void watch_rebuild_end(struct watch *w)
{
	if (!w->rebuilding)
		return;
	w->rebuilding = false;
	for (uint32_t i = 0; i < names_count(w->names); i++)
		for (unsigned l = 0; l < LEDGERS; l++) {
			uint32_t slot = w->touches[i].slot[l];
			if (slot == NOBODY || w->slots[slot].judged == NULL)
				continue;
			struct judged *j = judge_open(w, i, (enum ledger)l);
			judge_look(w, i, (enum ledger)l, j, w->position.log_ms / 1000);
			const struct spike *of[JUDGED_KINDS] = {
				[ALERT_DETRACTOR_SPIKE] = &j->spike, [ALERT_PROMOTER_RISE] = j->rise};
			for (unsigned k = 0; k < JUDGED_KINDS; k++) {
				struct judge_answer a = {.touchpoint = i,
							 .ledger = (enum ledger)l,
							 .kind = (enum alert_kind)k,
							 .at_ms = w->position.log_ms,
							 .offset = w->position.offset};
				a.severity = k == ALERT_SILENCE ? j->silence.severity
					     : of[k]		? of[k]->severity
								: SPIKE_NONE;
				struct alert_figures f = {.onset_ms = j->incidents[k].onset_ms};
				if (of[k])
					f = judge_figures(w, i, a.ledger, of[k], NULL);
				if (j->incidents[k].open && a.severity == SPIKE_NONE)
					judge_answer(w, j, &a, &f);
			}
		}
}
