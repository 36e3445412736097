#include "sink/sink_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* PagerDuty, Slack and webhooks: a request for each message, several at once, never two of one incident. */

#define HEADERS_MAX  6
#define HEADER_BYTES (SECRET_MAX + 64)

static struct flight *send_pagerduty(struct sink *sink, const struct sink_message *message)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	size_t len;
	char *body = pagerduty_body(message, sink->credentials.text, &len);
	return flight_send(sink, "", headers, body, len);
}

static struct flight *send_webhook(struct sink *sink, const struct sink_message *message)
{
	char id[WEBHOOK_ID_BYTES], id_line[WEBHOOK_ID_BYTES + 20], time_line[60], signature[SIGNATURE_BYTES],
		signature_line[SIGNATURE_BYTES + 30];
	size_t len;
	char *body = webhook_body(message, sink->set->now_ms, &len);
	int64_t seconds = sink->set->now_ms / 1000;
	webhook_id(message, sink->name, id);
	struct str key = {(const char *)sink->credentials.key, sink->credentials.key_len};
	webhook_sign(key, id, seconds, (struct str){body, len}, signature);
	snprintf(id_line, sizeof id_line, "webhook-id: %s", id);
	snprintf(time_line, sizeof time_line, "webhook-timestamp: %lld", (long long)seconds);
	snprintf(signature_line, sizeof signature_line, "webhook-signature: %s", signature);
	const char *const headers[] = {"Content-Type: application/json", id_line, time_line, signature_line,
				       NULL};
	return flight_send(sink, "", headers, body, len);
}

static struct flight *send_slack(struct sink *sink, const struct pending *pending)
{
	const struct sink_message *message = &pending->copy->message;
	const struct memory *memory = memory_find(sink, message->event.incident);
	bool token = sink->credentials.text[0] != '\0';
	enum slack_call call = !token		     ? SLACK_HOOK
			       : memory == NULL	     ? SLACK_FIRST
			       : pending->stage == 0 ? SLACK_REPLY
						     : SLACK_STATE;
	struct slack_place place = {.channel = str_of(token ? sink->channel : "")};
	if (memory)
		place = (struct slack_place){str_of(memory->channel), str_of(memory->ts),
					     message->event.severity > memory->severity};
	char bearer[HEADER_BYTES];
	snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", sink->credentials.text);
	const char *const headers[] = {"Content-Type: application/json; charset=utf-8", token ? bearer : NULL,
				       NULL};
	size_t len;
	char *body = slack_body(message, call, &place, &len);
	const char *path = !token ? "" : call == SLACK_STATE ? "/chat.update" : "/chat.postMessage";
	struct flight *flight = flight_send(sink, path, headers, body, len);
	explicit_bzero(bearer, sizeof bearer);
	if (flight)
		flight->call = call;
	return flight;
}

static struct flight *send_one(struct sink *sink, const struct pending *pending)
{
	switch (sink->type) {
	case SINK_PAGERDUTY: return send_pagerduty(sink, &pending->copy->message);
	case SINK_SLACK: return send_slack(sink, pending);
	case SINK_WEBHOOK:
	case SINK_ALERTMANAGER: break;
	}
	return send_webhook(sink, &pending->copy->message);
}

void single_send(struct sink *sink)
{
	for (struct pending *at = sink->first; at && sink->in_flight < sink->set->in_flight_max;
	     at = at->next) {
		if (!pending_due(sink, at))
			continue;
		struct flight *flight = send_one(sink, at);
		if (flight == NULL)
			return;
		flight_hold(flight, at);
	}
}

/* ---- Slack's conversation ---- */

static void remember_first(struct sink *sink, const struct pending *pending, struct str body)
{
	struct err err = {0};
	struct json *json = json_parse(body, &err);
	struct str channel = json_text(json_get(json, "channel")), ts = json_text(json_get(json, "ts"));
	if (channel.len && ts.len)
		memory_set(sink, &pending->copy->message.event, channel, ts);
	json_destroy(json);
}

/* True: the message has more to be sent. */
static bool slack_goes_on(struct flight *flight, struct pending *pending,
			  const struct webclient_answer *answer)
{
	struct sink *sink = flight->sink;
	const struct alert_event *event = &pending->copy->message.event;
	if (flight->call == SLACK_FIRST)
		remember_first(sink, pending, answer->body);
	if (flight->call != SLACK_REPLY)
		return false;
	const struct memory *memory = memory_find(sink, event->incident);
	if (memory && event->severity > memory->severity)
		memory_set(sink, event, str_of(memory->channel), str_of(memory->ts));
	pending->stage = 1;
	return memory != NULL;
}

/* Somebody deleted the first message: it is written anew. A state that can't be shown any more is let be. */
static void slack_lost(struct flight *flight, struct pending *pending, const char *reason)
{
	struct sink *sink = flight->sink;
	struct memory *memory = memory_find(sink, pending->copy->message.event.incident);
	if (flight->call != SLACK_REPLY || memory == NULL) {
		if (flight->call == SLACK_STATE)
			deliver_done(sink, pending);
		else
			deliver_dead(sink, pending, reason);
		return;
	}
	*memory = sink->memory[--sink->memory_count];
	pending->in_flight = false;
}

void single_answer(struct flight *flight, enum verdict verdict, const struct webclient_answer *answer,
		   const char *reason)
{
	struct sink *sink = flight->sink;
	struct pending *pending = flight->members[0];
	if (pending->dropped) {
		pending_remove(sink, pending);
		return;
	}
	switch (verdict) {
	case VERDICT_DONE:
		/* Under way until then: what is remembered goes to a callback, which may drop the message. */
		if (sink->type == SINK_SLACK && slack_goes_on(flight, pending, answer) && !pending->dropped)
			pending->in_flight = false;
		else
			deliver_done(sink, pending);
		break;
	case VERDICT_AGAIN:
		deliver_again(sink, pending,
			      sink->set->now_ms + retry_pause(sink->set, pending->attempts + 1), reason);
		break;
	case VERDICT_LOST: slack_lost(flight, pending, reason); break;
	case VERDICT_GONE: pending->in_flight = false; break; /* it goes with the others */
	case VERDICT_FINAL: deliver_dead(sink, pending, reason); break;
	}
}
