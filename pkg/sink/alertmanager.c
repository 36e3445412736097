#include "sink/sink_priv.h"

/*
 * Alertmanager v2, POST /api/v2/alerts: a list of alerts, each known by its labels.
 *
 * Severity is a label, since routes and inhibition are written with it; so a ticket that becomes a page
 * is another alert, and whoever sends ends the first and fires the second in one request. All other
 * labels stay as they were when the incident was first sent, though the registry may change meanwhile.
 * Annotations are always the newest.
 */
static const char *const names[ALERT_KINDS] = {
	[ALERT_DETRACTOR_SPIKE] = "CorridorDetractorSpike",
	[ALERT_SILENCE] = "CorridorSilence",
	[ALERT_PROMOTER_RISE] = "CorridorPromoterRise",
	[ALERT_SOURCE_SUSPECT] = "CorridorSourceSuspect",
};

static struct json *labels_of(const struct alert_event *event, enum alert_severity severity)
{
	struct json *labels = json_new_object();
	put_text(labels, "alertname", str_of(names[event->kind]));
	put_text(labels, "severity",
		 str_of(event->kind == ALERT_PROMOTER_RISE ? "info"
			: severity == ALERT_PAGE	   ? "critical"
							   : "warning"));
	put_text(labels, "corridor_severity", str_of(alert_severity_name(severity)));
	put_text(labels, "touchpoint", event->touchpoint);
	put_text(labels, "ledger", str_of(ledger_name(event->ledger)));
	put_text(labels, "team", event->team);
	put_text(labels, "journey", event->journey);
	put_text(labels, "stage", event->stage);
	put_text(labels, "source", event->source);
	if (event->moment_of_truth)
		put_text(labels, "moment_of_truth", STR("true"));
	if (event->collected) /* beside the parent's own alert, which has its name */
		put_text(labels, "collected", STR("true"));
	if (event->test)
		put_text(labels, "test", STR("true"));
	return labels;
}

static struct json *annotations_of(const struct sink_message *message)
{
	const struct alert_event *event = &message->event;
	struct json *annotations = json_new_object();
	char summary[HEADLINE_BYTES], incident[INCIDENT_BYTES], description[DESCRIPTION_BYTES];
	put_text(annotations, "summary", headline(message, summary));
	put_text(annotations, "description", describe(event, description));
	put_text(annotations, "runbook_url", event->runbook);
	put_text(annotations, "dashboard_url", event->dashboard);
	put_text(annotations, "ack_url", event->ack);
	incident_text(event->incident, incident);
	put_text(annotations, "incident", str_of(incident));
	return annotations;
}

char *alertmanager_body(const struct alertmanager_alert *alerts, size_t count, size_t *len)
{
	struct json *list = json_new_array();
	for (size_t i = 0; i < count; i++) {
		const struct alert_event *event = &alerts[i].newest->event;
		char starts[TIME_BYTES], ends[TIME_BYTES];
		time_text(event->raised_ms, starts);
		/* The log's clock may be a little ahead of ours; an end before the start is refused. */
		time_text(alerts[i].ends_ms > event->raised_ms ? alerts[i].ends_ms : event->raised_ms, ends);
		struct json *alert = json_new_object();
		json_put(alert, "labels", labels_of(&alerts[i].labels->event, alerts[i].severity));
		json_put(alert, "annotations", annotations_of(alerts[i].newest));
		put_text(alert, "startsAt", str_of(starts));
		put_text(alert, "endsAt", str_of(ends));
		put_text(alert, "generatorURL", event->dashboard);
		json_push(list, alert);
	}
	char *body = json_dump(list, len);
	json_destroy(list);
	return body;
}
