/*
 * What arrives is judged at its log time: is it a spike, has it ended, have responses stopped? The detectors are spike's; here is
 * when they are asked, what they are told, and what becomes of their answers.
 *
 * Silence is looked for at seconds that follow from a detector's state (look_s): a minute after it was asked last. A sweep goes round
 * once a minute of log time and makes up for what is due, and so does whatever comes first at a touchpoint: early or late, a look is
 * at its own second, so the state is the same.
 */
#include "watch/watch_priv.h"

#include <stdlib.h>

enum {
	GAP_MS = 5000, /* without a tick: nobody was there to see responses */
	OLD_MS = 3600 *
		 1000, /* feedback from before that is no news: it is learned from, and raises nothing */
	LOOK_S = 60, /* what a step of silence counts at most */
	PAST_LOOK_S =
		900, /* and in a log that is read anew: two weeks of ten thousand touchpoints in seconds */
	UNHEARD_MS = 2 * LOOK_S * 1000, /* since the last look: `silence` was not asked for meanwhile */
	GAP_MOST_S = 30 * 86400,
};
#define REMEMBER_MS (28 * 86400000LL) /* as long as a season is learned from */

/* Until a ledger has shown what is usual in it. */
static const double usual_rate[LEDGERS] = {
	[LEDGER_SURVEY] = 0.15, [LEDGER_RELATIONSHIP] = 0.15, [LEDGER_SOCIAL] = 0.3, [LEDGER_REVIEW] = 0.2};
#define USUAL_PROMOTERS 0.5

void judge_init(struct watch *w)
{
	for (unsigned i = 0; i < 60; i++)
		w->look_first[i] = NOBODY;
	w->groups_offset = -1;
	w->shards = 1;
	judge_classes_init(w->classes);
}

void judge_release(struct watch *w)
{
	for (uint32_t i = 0; i < w->slots_max; i++) {
		if (w->slots[i].judged)
			free(w->slots[i].judged->rise);
		free(w->slots[i].judged);
	}
	free(w->clocks);
}

/* ---- local time ---- */

static struct judge_clock *clock_of(struct watch *w, const struct zone *zone)
{
	for (unsigned i = 0; i < w->clocks_count; i++)
		if (w->clocks[i].zone == zone)
			return &w->clocks[i];
	w->clocks = realloc(w->clocks, (w->clocks_count + 1) * sizeof *w->clocks);
	must(w->clocks != NULL);
	w->clocks[w->clocks_count] = (struct judge_clock){.zone = zone};
	return &w->clocks[w->clocks_count++];
}

/* 1970 began on a Thursday. */
static enum spike_day day_kind(int64_t days)
{
	int64_t weekday = (days + 4) % 7;
	return weekday == 0 ? SPIKE_SUNDAY : weekday == 6 ? SPIKE_SATURDAY : SPIKE_WORKING_DAY;
}

/* Offsets change on quarters of an hour. */
static struct spike_moment moment_of(struct watch *w, const struct zone *zone, int64_t at_ms)
{
	const int64_t quarter_ms = 900 * 1000;
	struct judge_clock *c = clock_of(w, zone);
	if (at_ms < c->from_ms || at_ms >= c->until_ms) {
		c->from_ms = at_ms / quarter_ms * quarter_ms;
		c->until_ms = c->from_ms + quarter_ms;
		c->offset_s = zone ? zone_offset_s(zone, at_ms) : 0;
	}
	int64_t local_s = at_ms / 1000 + c->offset_s;
	local_s = local_s < 0 ? 0 : local_s; /* 1970, west of Greenwich: hours are counted from 0 */
	return (struct spike_moment){.at_ms = at_ms,
				     .hours = (uint32_t)(local_s / 3600),
				     .hour = (uint8_t)(local_s / 3600 % 24),
				     .day = day_kind(local_s / 86400)};
}

/* ---- terms ---- */

/* So that the budget does not move with every touchpoint that is new. */
static double rounded_up(double count)
{
	double power = 1;
	while (power < count)
		power *= 2;
	return power;
}

static void set_terms(struct watch *w)
{
	const struct alert_options *o = &w->setup.alerts;
	double known = rounded_up((double)(w->judged_count - w->parents_count) * w->shards),
	       parents = w->parents_count ? rounded_up((double)w->parents_count * w->shards) : 0;
	for (int parent = 0; parent < 2; parent++) {
		struct alert_budget budget = alert_budget(o, known, parents, parent);
		w->terms[parent] = (struct spike_terms){.options = {.smallest_rise = o->rise_min},
							.ticket_days = budget.ticket_days,
							.page_days = budget.page_days};
	}
}

static struct spike_terms terms_of(const struct watch *w, const struct touch *t, struct spike_group *group,
				   bool fed)
{
	struct spike_terms terms = w->terms[t->parent];
	terms.group = group;
	terms.group_fed = fed;
	return terms;
}

/* ---- who is judged ---- */

void judge_touchpoint(struct watch *w, uint32_t i)
{
	struct touch *t = &w->touches[i];
	unsigned second = (unsigned)(names_hash(w->names, i) % 60);
	t->parent = registry_is_parent(w->setup.registry, names_get(w->names, i));
	t->look_next = w->look_first[second];
	w->look_first[second] = i;
}

static void begin_groups(struct watch *w)
{
	for (unsigned l = 0; l < LEDGERS; l++) {
		spike_group_init(&w->groups[l].spike, usual_rate[l], w->position.log_ms);
		spike_group_init(&w->groups[l].rise, USUAL_PROMOTERS, w->position.log_ms);
	}
	w->groups_begun = true;
}

static bool begun(const struct spike *s)
{
	return s->boost > 0;
}

static void begin(struct watch *w, const struct touch *t, enum ledger ledger, struct judged *j)
{
	if (begun(&j->spike) && (j->rise == NULL || begun(j->rise)))
		return;
	if (!w->groups_begun)
		begin_groups(w);
	struct spike_moment now = moment_of(w, t->zone, w->position.log_ms);
	struct spike_terms terms = terms_of(w, t, &w->groups[ledger].spike, true);
	if (!begun(&j->spike)) {
		spike_init(&j->spike, &terms, &now);
		spike_silence_init(&j->silence, &now);
		j->look_s = w->position.log_ms / 1000 + LOOK_S;
	}
	terms.group = &w->groups[ledger].rise;
	if (j->rise && !begun(j->rise))
		spike_init(j->rise, &terms, &now);
}

/* What a checkpoint or Kafka's topic tell is known before the log is: the detectors begin with it, not in 1970. */
struct judged *judge_open(struct watch *w, uint32_t i, enum ledger ledger)
{
	struct touch *t = &w->touches[i];
	struct slot_state *s = &w->slots[watch_open_slot(w, i, ledger)];
	if (!w->setup.alerts.enabled)
		return s->judged;
	if (s->judged == NULL) {
		s->judged = must_alloc(sizeof *s->judged);
		if (w->setup.alerts.promoter_rise)
			s->judged->rise = must_alloc(sizeof *s->judged->rise);
		w->judged_count++;
		w->parents_count += t->parent;
	}
	if (w->position.offset >= 0)
		begin(w, t, ledger, s->judged);
	return s->judged;
}

/* Somebody waits for its end; it may be reopened; or what is usual there is worth knowing still. */
bool judge_remembers(const struct watch *w, const struct touch *t)
{
	for (unsigned l = 0; l < LEDGERS; l++) {
		const struct judged *j = t->slot[l] == NOBODY ? NULL : w->slots[t->slot[l]].judged;
		if (j == NULL)
			continue;
		if (w->position.log_ms - j->spike.last_ms < REMEMBER_MS)
			return true;
		for (unsigned k = 0; k < JUDGED_KINDS; k++)
			if (j->incidents[k].open ||
			    (j->incidents[k].id &&
			     w->position.log_ms - j->incidents[k].changed_ms <= ALERT_REOPEN_MS))
				return true;
	}
	return false;
}

/* ---- detectors ---- */

static void judge_spike(struct watch *w, struct judged *j, struct judge_answer *a, struct spike *s,
			const struct spike_terms *terms, const struct spike_moment *now,
			struct spike_batch batch)
{
	struct spike_event event;
	bool happened = spike_step(s, terms, now, batch, &event);
	a->event = happened ? &event : NULL;
	a->severity = (enum spike_severity)s->severity;
	if (!happened && a->severity == SPIKE_NONE && !j->incidents[a->kind].open)
		return; /* nearly always */
	struct alert_figures f = judge_figures(w, a->touchpoint, a->ledger, s, a->event);
	judge_answer(w, j, a, &f);
}

static void judge_silence(struct watch *w, struct judged *j, struct judge_answer *a, int64_t n)
{
	struct touch *t = &w->touches[a->touchpoint];
	struct spike_moment now = moment_of(w, t->zone, a->at_ms);
	struct spike_terms terms = terms_of(w, t, &w->groups[a->ledger].spike, true);
	bool unheard = !w->rebuilding && a->at_ms - j->silence.last_ms > UNHEARD_MS;
	struct spike_arrivals arrivals = {
		.n = n, .behind = unheard || w->behind_s * 1000 >= j->silence.last_ms, .past = w->rebuilding};
	struct spike_event event;
	bool happened = spike_silence_step(&j->silence, &terms, &now, arrivals, &event);
	j->look_s = a->at_ms / 1000 + (w->rebuilding ? PAST_LOOK_S : LOOK_S);
	a->kind = ALERT_SILENCE;
	a->severity = (enum spike_severity)j->silence.severity;
	if (!happened)
		return; /* an estimate that gets better tells nobody anything: there is nothing to be seen */
	struct alert_figures f = {.baseline_rate = event.baseline,
				  .rate = event.rate * event.baseline,
				  .rate_low = event.interval.low * event.baseline,
				  .rate_high = event.interval.high * event.baseline,
				  .evidence_days = event.evidence_days,
				  .responses = event.since_onset.n,
				  .detractors = event.since_onset.n - event.since_onset.k,
				  .onset_ms = event.onset_ms};
	judge_nps(w, a->touchpoint, a->ledger, &f);
	judge_answer(w, j, a, &f);
}

/* Of a kind that the settings ask for no more nobody judges when it is over: it is, now. */
static void end_unasked(struct watch *w, uint32_t i, enum ledger ledger, struct judged *j)
{
	const bool asked[JUDGED_KINDS] = {[ALERT_DETRACTOR_SPIKE] = true,
					  [ALERT_SILENCE] = w->setup.alerts.silence,
					  [ALERT_PROMOTER_RISE] = j->rise != NULL};
	for (unsigned k = 0; k < JUDGED_KINDS; k++) {
		struct judge_answer a = {.touchpoint = i,
					 .ledger = ledger,
					 .kind = (enum alert_kind)k,
					 .at_ms = w->position.log_ms,
					 .offset = w->position.offset};
		struct alert_figures f = {.onset_ms = j->incidents[k].onset_ms};
		if (asked[k] || !j->incidents[k].open)
			continue;
		judge_nps(w, i, ledger, &f);
		judge_answer(w, j, &a, &f);
	}
}

void judge_look(struct watch *w, uint32_t i, enum ledger ledger, struct judged *j, int64_t log_s)
{
	if (!w->setup.alerts.silence || j->rise == NULL)
		end_unasked(w, i, ledger, j);
	if (!begun(&j->spike))
		return;
	if (j->look_s < log_s - GAP_MOST_S) /* in a replay: nothing that old can be told any more */
		j->look_s = log_s - GAP_MOST_S;
	while (w->setup.alerts.silence && j->look_s < log_s) {
		struct judge_answer a = {.touchpoint = i,
					 .ledger = ledger,
					 .at_ms = j->look_s * 1000,
					 .offset = -1,
					 .news = true};
		judge_silence(w, j, &a, 0);
	}
	if (j->look_s < log_s) /* not asked for: what arrived until somebody does is not known to it */
		j->look_s = log_s;
}

static void sweep(struct watch *w, int64_t log_s)
{
	int64_t from_s = w->looked_s && log_s - w->looked_s < 60 ? w->looked_s + 1 : log_s - 59;
	w->looked_s = log_s;
	if (w->rebuilding)
		return; /* what arrives makes up for it, and the end */
	for (int64_t s = from_s; s <= log_s; s++)
		for (uint32_t i = w->look_first[s % 60]; i != NOBODY; i = w->touches[i].look_next)
			for (unsigned l = 0; l < LEDGERS; l++) {
				uint32_t slot = w->touches[i].slot[l];
				if (slot != NOBODY && w->slots[slot].judged)
					judge_look(w, i, (enum ledger)l, w->slots[slot].judged, log_s);
			}
}

void judge_record(struct watch *w, bool behind, uint32_t shards)
{
	int64_t log_s = w->position.log_ms / 1000;
	w->shards = shards;
	if (behind || (w->setup.ticks && w->position.log_ms - w->before.log_ms > GAP_MS))
		w->behind_s = log_s;
	if (!w->setup.alerts.enabled)
		return;
	set_terms(w);
	if (log_s != w->looked_s)
		sweep(w, log_s);
}

/* ---- a bundle's cells ---- */

static void judge_ledger(struct watch *w, uint32_t i, enum ledger ledger, const struct judge_parts *parts,
			 bool fed)
{
	struct touch *t = &w->touches[i];
	struct judged *j = judge_open(w, i, ledger);
	judge_look(w, i, ledger, j, w->position.log_ms / 1000);
	struct judge_arrived sum = judge_parts_take(parts, ledger, j);
	if (sum.detractors.n == 0)
		return;
	struct spike_moment now = moment_of(w, t->zone, w->position.log_ms);
	struct spike_terms terms = terms_of(w, t, &w->groups[ledger].spike, fed);
	struct judge_answer a = {.touchpoint = i,
				 .ledger = ledger,
				 .kind = ALERT_DETRACTOR_SPIKE,
				 .at_ms = w->position.log_ms,
				 .offset = w->position.offset,
				 .news = (int64_t)sum.newest_s * 1000 >= w->position.log_ms - OLD_MS};
	judge_spike(w, j, &a, &j->spike, &terms, &now, sum.detractors);
	if (j->rise) {
		terms.group = &w->groups[ledger].rise;
		a.kind = ALERT_PROMOTER_RISE;
		judge_spike(w, j, &a, j->rise, &terms, &now, sum.promoters);
	}
	if (w->setup.alerts.silence)
		judge_silence(w, j, &a, sum.detractors.n);
}

/* With thousands of touchpoints judging is waiting for memory, which the windows' work can hide. */
void judge_prefetch(const struct watch *w, const struct touch *t, enum ledger ledger)
{
	const struct judged *j = t->slot[ledger] == NOBODY ? NULL : w->slots[t->slot[ledger]].judged;
	for (size_t at = 0; j && at < offsetof(struct judged, incidents); at += 64)
		__builtin_prefetch((const char *)j + at, 1);
}

void judge_group(struct watch *w, uint32_t i, const struct bundle_group *group, bool groups_fed)
{
	struct judge_parts parts;
	if (!w->setup.alerts.enabled)
		return;
	for (unsigned ledgers = judge_parts_of(&parts, group, w->classes); ledgers; ledgers &= ledgers - 1)
		judge_ledger(w, i, (enum ledger)__builtin_ctz(ledgers), &parts, groups_fed);
}
