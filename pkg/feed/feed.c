#include "feed/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed/feed_priv.h"

const struct feed_options feed_defaults = {
	.seed = 1,
	.rate = 50,
	.start_ms = FEED_START_MS,
	.touchpoints = MOODS,
	.mix = {70, 8, 16, 6},
	.duplicates = 0.02,
	.edits = 0.03,
	.deletions = 0.005,
	.partial = 0.05,
	.late = 0.001,
	.malformed = 0.003,
	.unmapped = 0.002,
	.late_by_ms = INT64_C(7) * 86400 * 1000,
	.disorder_ms = 2000,
};

/* ---- create ---- */

static void name_touchpoints(struct feed *feed)
{
	feed->names = must_array((size_t)feed->options.touchpoints, sizeof *feed->names);
	for (int64_t i = 0; i < feed->options.touchpoints; i++) {
		if (i < MOODS)
			snprintf(feed->names[i], sizeof *feed->names, "%s", feed_moods[i].name);
		else
			snprintf(feed->names[i], sizeof *feed->names, "touchpoint-%05d", (int)i + 1);
	}
}

static bool place_incidents(struct feed *feed, struct err *err)
{
	for (unsigned i = 0; i < feed->options.incidents_count; i++) {
		const struct feed_incident *incident = &feed->options.incidents[i];
		unsigned t = 0;
		while (t < feed->options.touchpoints && strcmp(feed->names[t], incident->touchpoint) != 0)
			t++;
		if (t == feed->options.touchpoints) {
			err_set(err, "incident: there is no touchpoint '%s' in this feed; the first is '%s'",
				incident->touchpoint, feed->names[0]);
			return false;
		}
		feed->incidents[i].touchpoint = t;
		feed->incidents[i].from_ms = feed->options.start_ms + incident->start_ms;
		feed->incidents[i].to_ms = feed->incidents[i].from_ms + incident->length_ms;
		feed->incidents[i].detractors = incident->detractors;
	}
	return true;
}

static bool sensible(const struct feed_options *o, struct err *err)
{
	const double shares[] = {o->duplicates, o->edits,     o->deletions, o->partial,
				 o->late,	o->malformed, o->unmapped};
	for (unsigned i = 0; i < sizeof shares / sizeof *shares; i++)
		if (!(shares[i] >= 0 && shares[i] <= 1))
			err_set(err, "a share is from 0 to 1, not %g", shares[i]);
	if (o->malformed > 0.99)
		err_set(err, "malformed: at most 0.99, or nothing would be left to count");
	if (!(o->rate >= 1e-6 && o->rate <= 1e6))
		err_set(err, "rate: from 0.000001 to 1000000 responses per second, not %g", o->rate);
	if (o->touchpoints < 1 || o->touchpoints > 1000000)
		err_set(err, "touchpoints: from 1 to 1000000");
	if (o->start_ms < INT64_C(86400000) * 366 || o->start_ms > INT64_C(7258118400000))
		err_set(err, "start: between 1971 and 2200");
	if (o->disorder_ms < 0 || o->late_by_ms < 0)
		err_set(err, "disorder and lateness can't be negative");
	return !err->set;
}

struct feed *feed_create(const struct feed_options *options, struct err *err)
{
	double total = 0;
	for (int i = 0; i < LEDGERS; i++)
		total += options->mix[i] > 0 ? options->mix[i] : 0;
	if (!(total > 0))
		err_set(err, "mix: at least one kind needs a weight");
	if (!sensible(options, err) || err->set)
		return NULL;
	struct feed *feed = must_alloc(sizeof *feed);
	feed->options = *options;
	feed->mix_total = total;
	feed->gap_ms = 1000 / options->rate;
	feed->sent_ms = options->start_ms;
	feed->waiting = must_array(WAITING_MAX, sizeof *feed->waiting);
	dice_seed(&feed->dice, (uint64_t)options->seed);
	name_touchpoints(feed);
	if (!place_incidents(feed, err)) {
		feed_destroy(feed);
		return NULL;
	}
	return feed;
}

void feed_destroy(struct feed *feed)
{
	if (feed == NULL)
		return;
	free(feed->waiting);
	free(feed->names);
	free(feed);
}

struct str feed_touchpoint(const struct feed *feed, uint32_t i)
{
	return i == NO_TOUCHPOINT ? (struct str){0} : str_of(feed->names[i]);
}

/* ---- the heap ---- */

static bool before(const struct plan *a, const struct plan *b)
{
	return a->arrives_ms != b->arrives_ms ? a->arrives_ms < b->arrives_ms : a->order < b->order;
}

void feed_push(struct feed *feed, struct plan plan)
{
	plan.order = feed->order++;
	must(feed->waiting_count < WAITING_MAX); /* feed_next keeps room for all that one response can need */
	uint32_t at = feed->waiting_count++;
	for (; at > 0 && before(&plan, &feed->waiting[(at - 1) / 2]); at = (at - 1) / 2)
		feed->waiting[at] = feed->waiting[(at - 1) / 2];
	feed->waiting[at] = plan;
}

static struct plan pop(struct feed *feed)
{
	struct plan *heap = feed->waiting, top = heap[0], last = heap[--feed->waiting_count];
	uint32_t at = 0, n = feed->waiting_count;
	for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && before(&heap[child + 1], &heap[child]))
			child++;
		if (!before(&heap[child], &last))
			break;
		heap[at] = heap[child];
	}
	heap[at] = last;
	return top;
}

/* ---- next ---- */

static void deliver(struct feed *feed, const struct plan *plan, char out[FEED_MESSAGE_MAX],
		    struct feed_event *event)
{
	if (plan->arrives_ms > feed->sent_ms)
		feed->sent_ms = plan->arrives_ms;
	struct str touchpoint = feed_touchpoint(feed, plan->touchpoint);
	*event = (struct feed_event){
		.message = {out, feed_write(out, plan, touchpoint)},
		.key = {feed->id, feed_write_id(feed->id, plan->id)},
		.arrives_ms = feed->sent_ms,
		.dead = plan->fault ? feed_faults[plan->fault - 1].reason : FEEDBACK_OK,
		.id = plan->id,
		.time_ms = plan->time_ms,
		.updated_ms = plan->updated_ms,
		.touchpoint = touchpoint,
		.ledger = (enum ledger)plan->ledger,
		.bin = plan->flags & PLAN_DELETION ? BIN_NONE : plan->bin,
		.deletion = plan->flags & PLAN_DELETION,
	};
}

void feed_next(struct feed *feed, char out[FEED_MESSAGE_MAX], struct feed_event *event)
{
	/* New responses are planned until the earliest message that waits can't be overtaken any more (a deletion may, by 1 ms). */
	while (feed->waiting_count == 0 ||
	       (feed->waiting[0].arrives_ms >= feed->options.start_ms + (int64_t)feed->next_ms - 1 &&
		feed->waiting_count < WAITING_MAX - PER_RESPONSE_MAX)) {
		feed_plan(feed, feed->options.start_ms + (int64_t)feed->next_ms);
		feed->next_ms += dice_wait(&feed->dice, feed->gap_ms);
	}
	if (dice_chance(&feed->dice, feed->options.malformed)) {
		struct plan plan = feed_broken(feed, &feed->waiting[0]);
		deliver(feed, &plan, out, event);
		return;
	}
	struct plan plan = pop(feed);
	deliver(feed, &plan, out, event);
}
