#include "sink/sink_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "os/os.h"

#define PAUSE_MAX_MS (3600 * 1000LL) /* Retry-After is believed up to here */

/* ---- a request under way ---- */

struct flight *flight_send(struct sink *sink, const char *path, const char *const *headers, char *take_body,
			   size_t len)
{
	struct sinks *set = sink->set;
	char url[sizeof sink->credentials.url];
	snprintf(url, sizeof url, "%s%s", sink->credentials.url, path);
	struct webclient_request request = {
		.method = "POST",
		.url = url,
		.headers = headers,
		.body = {take_body, len},
		.timeout_ms = sink->timeout_ms,
		.allow_private = sink->private_addresses,
		.tag = ++set->next_tag,
	};
	struct err err = {0};
	bool sent = webclient_send(set->client, &request, &err);
	free(take_body);
	if (!sent) {
		sink_note(sink, err.text);
		sink->paused_ms = set->now_ms + set->retry_min_ms;
		return NULL;
	}
	struct flight *flight = must_alloc(sizeof *flight);
	flight->tag = request.tag;
	flight->sink = sink;
	flight->sent_ms = set->now_ms;
	flight->next = set->flights;
	set->flights = flight;
	sink->in_flight++;
	sink->stats.requests++;
	return flight;
}

void flight_hold(struct flight *flight, struct pending *pending)
{
	size_t count = flight->members_count + 1;
	flight->members = realloc(flight->members, count * sizeof(struct pending *));
	must(flight->members != NULL);
	flight->members[flight->members_count++] = pending;
	pending->in_flight = true;
}

void flight_free(struct flight *flight)
{
	free(flight->members);
	free(flight->incidents);
	free(flight);
}

/* Receivers repeat what they were asked. No secret gets out that way, and a path may be one. */
static void mask(const struct sink *sink, char *reason)
{
	const char *host = strstr(sink->credentials.url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;
	const char *const secrets[] = {sink->credentials.text, path ? path + 1 : ""};
	for (unsigned i = 0; i < 2; i++) {
		size_t len = strlen(secrets[i]);
		for (char *at = reason; len >= 8 && (at = strstr(at, secrets[i])) != NULL; at += len)
			memset(at, '*', len);
	}
}

static void answered(void *context, const struct webclient_answer *answer)
{
	struct sinks *set = context;
	set->now_ms = set->step_ms + (os_monotonic_ns() - set->step_began_ns) / 1000000;
	struct flight **link = &set->flights;
	while (*link && (*link)->tag != answer->tag)
		link = &(*link)->next;
	struct flight *flight = *link;
	must(flight != NULL);
	*link = flight->next;
	struct sink *sink = flight->sink;
	sink->in_flight--;
	sink->stats.took_us += (uint64_t)answer->took_us;
	char reason[REASON_BYTES];
	enum verdict verdict = judge(sink->type, sink->credentials.text[0] != '\0', answer, reason);
	mask(sink, reason);
	sink_note(sink, verdict == VERDICT_DONE || verdict == VERDICT_LOST ? NULL : reason);
	if (verdict == VERDICT_AGAIN && answer->retry_after_ms > 0)
		sink->paused_ms =
			set->now_ms +
			(answer->retry_after_ms < PAUSE_MAX_MS ? answer->retry_after_ms : PAUSE_MAX_MS);
	if (sink->type == SINK_ALERTMANAGER)
		batch_answer(flight, verdict, reason);
	else
		single_answer(flight, verdict, answer, reason);
	if (verdict == VERDICT_GONE && !sink->disabled)
		sink_disable(sink, reason);
	flight_free(flight);
}

/* ---- the step ---- */

static bool paused(const struct sink *sink)
{
	int64_t left_ms = sink->paused_ms - sink->set->now_ms;
	return left_ms > 0 && left_ms <= PAUSE_MAX_MS;
}

/* A message that was tried and whose time is over, while its sink is paused. */
static void expire(struct sink *sink)
{
	struct sinks *set = sink->set;
	struct pending *at = sink->first;
	while (at) {
		if (at->offered_ms == 0)
			at->offered_ms = set->now_ms;
		bool over =
			at->attempts > 0 && !at->in_flight && set->now_ms - at->offered_ms >= set->give_up_ms;
		if (over) {
			char reason[REASON_BYTES + 60];
			snprintf(reason, sizeof reason, "given up after %u attempts in %lld s: %s",
				 at->attempts, (long long)((set->now_ms - at->offered_ms) / 1000),
				 sink->error);
			deliver_dead(sink, at, reason);
		}
		at = over ? sink->first : at->next;
	}
}

static void send_due(struct sink *sink)
{
	expire(sink);
	if (sink->disabled)
		sink_bury(sink);
	else if (paused(sink))
		return;
	else if (sink->type == SINK_ALERTMANAGER)
		batch_send(sink);
	else
		single_send(sink);
}

/* When something has to be sent that is not waiting for an answer. */
static int64_t next_ms(const struct sink *sink)
{
	unsigned at_once = sink->type == SINK_ALERTMANAGER ? 1 : sink->set->in_flight_max;
	if (sink->disabled || sink->in_flight >= at_once)
		return INT64_MAX;
	int64_t next = sink->type == SINK_ALERTMANAGER ? batch_next_ms(sink) : INT64_MAX;
	for (const struct pending *at = sink->first; at; at = at->next) {
		if (at->head && !at->in_flight && at->due_ms < next)
			next = at->due_ms;
	}
	return next != INT64_MAX && paused(sink) && next < sink->paused_ms ? sink->paused_ms : next;
}

void sinks_step(struct sinks *set, int64_t now_ms, int64_t timeout_ms)
{
	set->now_ms = set->step_ms = now_ms;
	set->step_began_ns = os_monotonic_ns();
	for (unsigned i = 0; i < set->count; i++)
		send_due(&set->sinks[i]);
	for (unsigned i = 0; i < set->count; i++) {
		int64_t left_ms = next_ms(&set->sinks[i]);
		if (left_ms != INT64_MAX && left_ms - now_ms < timeout_ms)
			timeout_ms = left_ms > now_ms ? left_ms - now_ms : 0;
	}
	webclient_step(set->client, timeout_ms, answered, set);
}

void sinks_wake(struct sinks *set)
{
	webclient_wake(set->client);
}
