#include "sink/sink_priv.h"

#include <stdlib.h>

/* ---- copies of messages ---- */

static void keep(struct option_pool *pool, struct str *text)
{
	text->at = text->len ? option_keep(pool, *text) : "";
}

struct copy *copy_of(const struct sink_message *message)
{
	struct copy *copy = must_alloc(sizeof *copy);
	copy->refs = 1;
	copy->message = *message;
	struct alert_event *event = &copy->message.event;
	struct str *const texts[] = {
		&event->touchpoint,   &event->label,  &event->team,	   &event->journey,
		&event->stage,	      &event->source, &event->runbook,	   &event->summary,
		&event->dashboard,    &event->ack,    &copy->message.json, &copy->message.group,
		&copy->message.actor, NULL,
	};
	for (struct str *const *text = texts; *text; text++)
		keep(&copy->pool, *text);
	for (unsigned i = 0; i < event->parents_count; i++)
		keep(&copy->pool, &event->parents[i]);
	for (unsigned i = 0; i < event->children_count; i++)
		keep(&copy->pool, &event->children[i]);
	return copy;
}

struct copy *copy_ref(struct copy *copy)
{
	copy->refs++;
	return copy;
}

void copy_drop(struct copy *copy)
{
	if (copy == NULL || --copy->refs > 0)
		return;
	option_pool_release(&copy->pool);
	free(copy);
}

/* ---- the queue of a sink, in the order of the offers; only the head of an incident is sent ---- */

static uint64_t incident_of(const struct pending *pending)
{
	return pending->copy->message.event.incident;
}

void pending_add(struct sink *sink, struct copy *copy)
{
	struct pending *pending = must_alloc(sizeof *pending);
	pending->copy = copy_ref(copy);
	pending->head = true;
	for (struct pending *at = sink->first; at; at = at->next)
		pending->head &= incident_of(at) != incident_of(pending);
	pending->previous = sink->last;
	if (sink->last)
		sink->last->next = pending;
	else
		sink->first = pending;
	sink->last = pending;
	sink->queued++;
}

static void pending_free(struct pending *pending)
{
	copy_drop(pending->copy);
	free(pending);
}

static void unlink_pending(struct sink *sink, struct pending *pending)
{
	if (pending->previous)
		pending->previous->next = pending->next;
	else
		sink->first = pending->next;
	if (pending->next)
		pending->next->previous = pending->previous;
	else
		sink->last = pending->previous;
	sink->queued--;
}

void pending_remove(struct sink *sink, struct pending *pending)
{
	if (!pending->dropped) {
		struct pending *next = pending->next;
		while (next && incident_of(next) != incident_of(pending))
			next = next->next;
		if (next && pending->head)
			next->head = true;
		unlink_pending(sink, pending);
	}
	pending_free(pending);
}

/* A step of the clock must not make a message wait for longer than any pause is. */
#define WAIT_MAX_MS (25 * 3600 * 1000LL)

bool pending_due(const struct sink *sink, const struct pending *pending)
{
	int64_t now_ms = sink->set->now_ms;
	return pending->head && !pending->in_flight &&
	       (pending->due_ms <= now_ms || pending->due_ms > now_ms + WAIT_MAX_MS);
}

static void forget(struct sink *sink, struct pending *pending)
{
	unlink_pending(sink, pending);
	if (pending->in_flight)
		pending->dropped = true;
	else
		pending_free(pending);
}

void queue_drop_partition(struct sink *sink, int32_t partition)
{
	/* All of an incident have its partition, so no other one becomes head. */
	for (struct pending *at = sink->first, *next; at; at = next) {
		next = at->next;
		if (at->copy->message.event.partition == partition)
			forget(sink, at);
	}
}

void queue_clear(struct sink *sink)
{
	for (struct pending *at = sink->first, *next; at; at = next) {
		next = at->next;
		forget(sink, at);
	}
}

/* ---- how far a partition is done ---- */

struct progress *progress_of(struct sink *sink, int32_t partition)
{
	for (unsigned i = 0; i < sink->progress_count; i++) {
		if (sink->progress[i].partition == partition)
			return &sink->progress[i];
	}
	sink->progress = realloc(sink->progress, (sink->progress_count + 1) * sizeof *sink->progress);
	must(sink->progress != NULL);
	struct progress *progress = &sink->progress[sink->progress_count++];
	*progress = (struct progress){.partition = partition};
	return progress;
}
