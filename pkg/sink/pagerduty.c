#include "sink/sink_priv.h"

/*
 * PagerDuty Events API v2. The incident's id is the dedup_key: repeated triggers join the open alert,
 * acknowledge and resolve find it. An update is a trigger again, as the API has no other way to tell
 * more: it notifies nobody while the alert is open there, unless its severity rises, which raises the
 * urgency of an incident that takes it from there ("dynamic notifications").
 */
#define SUMMARY_MAX 1024

static void put_link(struct json *links, struct str href, const char *text)
{
	if (href.len == 0)
		return;
	struct json *link = json_new_object();
	put_text(link, "href", href);
	put_text(link, "text", str_of(text));
	json_push(links, link);
}

static struct json *details_of(const struct alert_event *event)
{
	const struct alert_figures *figures = &event->figures;
	struct json *details = json_new_object();
	char text[DESCRIPTION_BYTES], also[ALSO_BYTES];
	put_text(details, "description", describe(event, text));
	put_text(details, "ledger", str_of(ledger_name(event->ledger)));
	put_text(details, "corridor_severity", str_of(alert_severity_name(event->severity)));
	put_text(details, "team", event->team);
	put_text(details, "journey", event->journey);
	put_text(details, "stage", event->stage);
	put_text(details, "source", event->source);
	if (event->moment_of_truth)
		json_put(details, "moment_of_truth", json_new_bool(true));
	put_number(details, "rate", figures->rate);
	put_number(details, "baseline_rate", figures->baseline_rate);
	put_number(details, "nps_before", figures->nps_before);
	put_number(details, "nps_now", figures->nps_now);
	put_number(details, "evidence_days", figures->evidence_days);
	if (event->kind != ALERT_SOURCE_SUSPECT) /* of which it counts touchpoints */
		json_put(details, "responses", json_new_whole(figures->responses));
	put_text(details, "firing_as_well", also_firing(event, also));
	if (event->test)
		json_put(details, "test", json_new_bool(true));
	return details;
}

static struct json *payload_of(const struct sink_message *message)
{
	const struct alert_event *event = &message->event;
	struct json *payload = json_new_object();
	char summary[HEADLINE_BYTES], time[TIME_BYTES];
	_Static_assert(HEADLINE_BYTES <= SUMMARY_MAX, "PagerDuty refuses a longer summary");
	put_text(payload, "summary", headline(message, summary));
	put_text(payload, "source", place_of(event));
	put_text(payload, "severity",
		 str_of(event->test || event->kind == ALERT_PROMOTER_RISE ? "info"
			: event->severity == ALERT_PAGE			  ? "critical"
									  : "warning"));
	time_text(event->at_ms, time);
	put_text(payload, "timestamp", str_of(time));
	put_text(payload, "component", event->touchpoint);
	put_text(payload, "group", message->group.len ? message->group : event->team);
	put_text(payload, "class", str_of(alert_kind_name(event->kind)));
	json_put(payload, "custom_details", details_of(event));
	return payload;
}

char *pagerduty_body(const struct sink_message *message, const char *routing_key, size_t *len)
{
	static const char *const actions[] = {
		[SINK_TRIGGER] = "trigger",
		[SINK_UPDATE] = "trigger",
		[SINK_ACKNOWLEDGE] = "acknowledge",
		[SINK_RESOLVE] = "resolve",
	};
	struct json *body = json_new_object();
	char incident[INCIDENT_BYTES];
	incident_text(message->event.incident, incident);
	put_text(body, "routing_key", str_of(routing_key));
	put_text(body, "event_action", str_of(actions[message->what]));
	put_text(body, "dedup_key", str_of(incident));
	json_put(body, "payload", payload_of(message));
	if (message->what == SINK_TRIGGER || message->what == SINK_UPDATE) {
		struct json *links = json_new_array();
		put_link(links, message->event.dashboard, "Dashboard");
		put_link(links, message->event.runbook, "Runbook");
		put_link(links, message->event.ack, "Acknowledge");
		json_put(body, "links", links);
		put_text(body, "client", STR("Corridor"));
		put_text(body, "client_url", message->event.dashboard);
	}
	char *text = json_dump(body, len);
	json_destroy(body);
	return text;
}
