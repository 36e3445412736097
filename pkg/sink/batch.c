#include "sink/sink_priv.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Alertmanager: one request at a time with all that is due. Messages only change what we know of an
 * incident; what is sent is always how it stands, so sending it again, or after a restart, comes to the
 * same.
 */
#define BATCH_MAX  64 /* messages */
#define ALERTS_MAX 200 /* alerts of a request; some 1.5 KB each */
#define LIFE	   4 /* an alert ends by itself after so many refreshes that did not come */

/* ---- what is known to be open ---- */

struct firing *firing_find(struct sink *sink, uint64_t incident)
{
	for (unsigned i = 0; i < sink->firing_count; i++) {
		if (sink->firing[i].incident == incident)
			return &sink->firing[i];
	}
	return NULL;
}

void firing_drop(struct sink *sink, struct firing *firing)
{
	copy_drop(firing->labels);
	copy_drop(firing->newest);
	*firing = sink->firing[--sink->firing_count];
}

static struct firing *firing_add(struct sink *sink, struct copy *copy)
{
	if (sink->firing_count ==
	    OPEN_MAX) /* that one ends by itself; never one that was added by the batch being made */
		firing_drop(sink, &sink->firing[++sink->set->uses % (OPEN_MAX - BATCH_MAX)]);
	if ((sink->firing_count & (sink->firing_count - 1)) == 0) {
		size_t count = sink->firing_count ? 2 * (size_t)sink->firing_count : 1;
		sink->firing = realloc(sink->firing, count * sizeof *sink->firing);
		must(sink->firing != NULL);
	}
	struct firing *firing = &sink->firing[sink->firing_count++];
	*firing = (struct firing){.incident = copy->message.event.incident,
				  .labels = copy_ref(copy),
				  .newest = copy_ref(copy),
				  .told = -1,
				  .sending = -1};
	return firing;
}

/* What the newest message says of it; an older one than we know (after a restart) changes nothing. */
static struct firing *firing_apply(struct sink *sink, struct copy *copy)
{
	struct firing *firing = firing_find(sink, copy->message.event.incident);
	if (firing == NULL)
		firing = firing_add(sink, copy);
	if (copy->message.event.number >= firing->newest->message.event.number) {
		copy_drop(firing->newest);
		firing->newest = copy_ref(copy);
		firing->over = copy->message.what == SINK_RESOLVE;
	}
	return firing;
}

void firing_open(struct sink *sink, struct copy *copy)
{
	if (copy->message.event.type != ALERT_RESOLVED && !copy->message.event.test)
		firing_apply(sink, copy);
}

/* ---- a request ---- */

struct batch {
	struct alertmanager_alert alerts[ALERTS_MAX];
	uint64_t incidents[ALERTS_MAX];
	unsigned alerts_count, incidents_count;
	struct pending *members[BATCH_MAX];
	unsigned members_count;
};

static void batch_put(struct batch *batch, const struct sink *sink, struct firing *firing)
{
	const struct sinks *set = sink->set;
	enum alert_severity severity = firing->newest->message.event.severity;
	struct alertmanager_alert alert = {&firing->labels->message, &firing->newest->message, severity,
					   set->now_ms};
	if (firing->told >= 0 && firing->told != (int)severity) {
		alert.severity = (enum alert_severity)firing->told;
		batch->alerts[batch->alerts_count++] = alert;
		alert.severity = severity;
	}
	firing->sending = (int)severity;
	if (!firing->over)
		alert.ends_ms += LIFE * set->refresh_ms;
	batch->alerts[batch->alerts_count++] = alert;
	batch->incidents[batch->incidents_count++] = firing->incident;
}

static void add_messages(struct batch *batch, struct sink *sink)
{
	unsigned max = sink->alone ? 1 : BATCH_MAX;
	for (struct pending *at = sink->first; at && batch->members_count < max; at = at->next) {
		if (pending_due(sink, at))
			batch->members[batch->members_count++] = at;
	}
	/* Apply first: a new incident may move the others to another place. */
	for (unsigned i = 0; i < batch->members_count; i++)
		firing_apply(sink, batch->members[i]->copy);
	for (unsigned i = 0; i < batch->members_count; i++)
		batch_put(batch, sink, firing_find(sink, batch->members[i]->copy->message.event.incident));
}

static bool refresh_due(const struct sink *sink, const struct firing *firing)
{
	int64_t age_ms = sink->set->now_ms - firing->sent_ms;
	return !firing->over && !firing->newest->message.event.test &&
	       (age_ms >= sink->set->refresh_ms || age_ms < 0);
}

static void add_refreshes(struct batch *batch, struct sink *sink)
{
	if (sink->set->now_ms < sink->refresh_after_ms)
		return;
	unsigned max = sink->alone ? 1 : ALERTS_MAX / 2;
	for (unsigned i = 0; i < sink->firing_count && batch->incidents_count < max; i++) {
		if (refresh_due(sink, &sink->firing[i]))
			batch_put(batch, sink, &sink->firing[i]);
	}
}

/* Silences are made in the Alertmanager itself: it knows no acknowledgement. */
static void pass_acknowledgements(struct sink *sink)
{
	struct pending *at = sink->first;
	while (at) {
		bool passed = pending_due(sink, at) && at->copy->message.what == SINK_ACKNOWLEDGE;
		if (passed)
			deliver_done(sink, at);
		at = passed ? sink->first : at->next; /* the callback may have changed the queue */
	}
}

static struct flight *post(struct sink *sink, const struct batch *batch)
{
	char bearer[SECRET_MAX + 64];
	bool token = sink->credentials.text[0] != '\0';
	snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", sink->credentials.text);
	const char *const headers[] = {"Content-Type: application/json", token ? bearer : NULL, NULL};
	size_t len;
	char *body = alertmanager_body(batch->alerts, batch->alerts_count, &len);
	struct flight *flight = flight_send(sink, "/api/v2/alerts", headers, body, len);
	explicit_bzero(bearer, sizeof bearer);
	return flight;
}

void batch_send(struct sink *sink)
{
	if (sink->in_flight)
		return;
	pass_acknowledgements(sink);
	struct batch batch;
	batch.alerts_count = batch.incidents_count = batch.members_count = 0;
	add_messages(&batch, sink);
	if (batch.members_count == 0)
		add_refreshes(&batch, sink);
	if (batch.alerts_count == 0)
		return;
	struct flight *flight = post(sink, &batch);
	if (flight == NULL)
		return;
	for (unsigned i = 0; i < batch.members_count; i++)
		flight_hold(flight, batch.members[i]);
	flight->incidents = must_array(batch.incidents_count, sizeof *flight->incidents);
	memcpy(flight->incidents, batch.incidents, batch.incidents_count * sizeof *batch.incidents);
	flight->incidents_count = batch.incidents_count;
	sink->alone -= sink->alone > 0;
}

int64_t batch_next_ms(const struct sink *sink)
{
	int64_t next_ms = INT64_MAX;
	for (unsigned i = 0; i < sink->firing_count && !sink->in_flight; i++) {
		const struct firing *firing = &sink->firing[i];
		int64_t due_ms = firing->sent_ms + sink->set->refresh_ms;
		if (!firing->over && !firing->newest->message.event.test && due_ms < next_ms)
			next_ms = due_ms;
	}
	return next_ms < sink->refresh_after_ms ? sink->refresh_after_ms : next_ms;
}

/* ---- its answer ---- */

static void told(struct flight *flight)
{
	struct sink *sink = flight->sink;
	for (unsigned i = 0; i < flight->incidents_count; i++) {
		struct firing *firing = firing_find(sink, flight->incidents[i]);
		if (firing == NULL || firing->sending < 0) /* dropped meanwhile, and perhaps opened again */
			continue;
		firing->told = firing->sending;
		firing->sent_ms = flight->sent_ms;
		if (firing->over || firing->newest->message.event.test)
			firing_drop(sink, firing);
	}
}

void batch_answer(struct flight *flight, enum verdict verdict, const char *reason)
{
	struct sink *sink = flight->sink;
	sink->refresh_attempts = verdict == VERDICT_AGAIN ? sink->refresh_attempts + 1 : 0;
	sink->refresh_after_ms = verdict == VERDICT_AGAIN
					 ? sink->set->now_ms + retry_pause(sink->set, sink->refresh_attempts)
					 : 0;
	if (verdict == VERDICT_DONE)
		told(flight);
	if (verdict == VERDICT_FINAL && flight->incidents_count > 1) {
		sink->alone =
			flight->incidents_count; /* the bad one is refused alone, the others go through */
		verdict = VERDICT_GONE;
	} else if (verdict == VERDICT_FINAL) {
		struct firing *firing = firing_find(sink, flight->incidents[0]);
		if (firing)
			firing_drop(sink, firing);
	}
	for (unsigned i = 0; i < flight->members_count; i++) {
		struct pending *pending = flight->members[i];
		pending->in_flight = false;
		if (pending->dropped)
			pending_remove(sink, pending);
		else if (verdict == VERDICT_DONE)
			deliver_done(sink, pending);
		else if (verdict == VERDICT_AGAIN)
			deliver_again(sink, pending, sink->refresh_after_ms, reason); /* all together again */
		else if (verdict == VERDICT_FINAL || verdict == VERDICT_LOST)
			deliver_dead(sink, pending, reason);
	}
}
