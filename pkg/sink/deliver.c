#include "sink/sink_priv.h"

#include <stdio.h>

#include "log/log.h"

/* ---- how a message ends ---- */

static void end(struct sink *sink, struct pending *pending, bool told)
{
	struct copy *copy = copy_ref(pending->copy);
	bool dropped = pending->dropped;
	pending_remove(sink, pending); /* first, so that sinks_low has moved when the caller asks */
	if (!dropped && told && sink->set->callbacks.delivered)
		sink->set->callbacks.delivered(sink->set->callbacks.context, sink->index, &copy->message);
	copy_drop(copy);
}

void deliver_done(struct sink *sink, struct pending *pending)
{
	sink->stats.delivered += !pending->dropped;
	end(sink, pending, true);
}

void deliver_dead(struct sink *sink, struct pending *pending, const char *reason)
{
	struct sinks *set = sink->set;
	struct copy *copy = copy_ref(pending->copy);
	bool dropped = pending->dropped;
	struct firing *firing = firing_find(sink, copy->message.event.incident);
	end(sink, pending, false);
	if (!dropped) {
		sink->stats.dead++;
		log_error("%s: incident %016llx at %.*s was not delivered: %s", sink->name,
			  (unsigned long long)copy->message.event.incident,
			  (int)place_of(&copy->message.event).len, place_of(&copy->message.event).at, reason);
		if (firing && copy->message.what == SINK_RESOLVE)
			firing_drop(sink, firing); /* or it would be refreshed for ever */
		if (set->callbacks.dead_letter)
			set->callbacks.dead_letter(set->callbacks.context, sink->index, &copy->message,
						   reason);
	}
	copy_drop(copy);
}

/* ---- or goes on ---- */

/* Doubled from the first to the longest; half of it is by chance, so that receivers are not asked in step. */
int64_t retry_pause(struct sinks *set, unsigned attempts)
{
	int64_t pause_ms = set->retry_min_ms;
	for (unsigned i = 1; i < attempts && pause_ms < set->retry_max_ms; i++)
		pause_ms *= 2;
	if (pause_ms > set->retry_max_ms)
		pause_ms = set->retry_max_ms;
	set->random ^= set->random << 13;
	set->random ^= set->random >> 7;
	set->random ^= set->random << 17;
	return pause_ms - (int64_t)(set->random % (uint64_t)(pause_ms / 2 + 1));
}

void deliver_again(struct sink *sink, struct pending *pending, int64_t due_ms, const char *reason)
{
	struct sinks *set = sink->set;
	pending->in_flight = false;
	pending->attempts++;
	pending->due_ms = due_ms;
	if (set->now_ms - pending->offered_ms < set->give_up_ms && !pending->dropped)
		return;
	char text[REASON_BYTES + 60];
	snprintf(text, sizeof text, "given up after %u attempts in %lld s: %s", pending->attempts,
		 (long long)((set->now_ms - pending->offered_ms) / 1000), reason);
	deliver_dead(sink, pending, text);
}

/* ---- the state of a sink ---- */

void sink_note(struct sink *sink, const char *reason)
{
	if (reason == NULL) {
		if (sink->error[0])
			log_info("%s: works again", sink->name);
		sink->error[0] = '\0';
		return;
	}
	sink->stats.failures++;
	if (strcmp(sink->error, reason) != 0)
		log_warn("%s: %s", sink->name, reason);
	snprintf(sink->error, sizeof sink->error, "%s", reason);
}

void sink_disable(struct sink *sink, const char *reason)
{
	log_error("%s: DISABLED until the program is started again, since its receiver wants no more: %s. "
		  "Take it out of the "
		  "configuration or give it a new url",
		  sink->name, reason);
	sink->disabled = true;
	while (sink->firing_count)
		firing_drop(sink, sink->firing);
	sink_bury(sink);
}

void sink_bury(struct sink *sink)
{
	struct pending *at = sink->first;
	while (at) {
		bool dead = !at->in_flight;
		if (dead)
			deliver_dead(sink, at, "its receiver answered 410 Gone: the sink is disabled");
		at = dead ? sink->first : at->next; /* the callback may have changed the queue */
	}
}
