#include "alerts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"
#include "os/os.h"

#define FOLLOW_MS   500
#define FOLLOW_READ 200

static struct str name_of(const struct alert_event *event)
{
	return event->touchpoint.len ? event->touchpoint : event->source;
}

/* ---- list ---- */

/* "open", "acked", "over", "false" ...: the newest that somebody or the log said. */
static const char *state_of(const struct alerts_incident *incident)
{
	if (incident->closed)
		return store_verdict_name(incident->as);
	if (!incident->open)
		return "over";
	return incident->acked ? "acked" : "open";
}

static void print_row(const struct alerts_incident *incident)
{
	const struct alert_event *event = &incident->event;
	char time[ALERTS_TIME_BYTES];
	printf("%s  %016" PRIx64 "  %-7s %-6s ", alerts_time(event->raised_ms, time), event->incident,
	       alert_severity_name(event->severity), state_of(incident));
	alerts_put(name_of(event), 20);
	fputs("  ", stdout);
	alerts_put(event->summary, 0);
	putchar('\n');
}

static void print_json(const struct alerts_incident *incident)
{
	char id[ALERT_ID_BYTES + 1];
	struct err err = {0};
	struct json *line = json_new_object(), *event = json_parse(str_of(incident->json), &err);
	snprintf(id, sizeof id, "%016" PRIx64, incident->event.incident);
	json_put(line, "incident", json_new_text(str_of(id)));
	json_put(line, "open", json_new_bool(incident->open));
	if (incident->acked) {
		json_put(line, "acknowledged_ms", json_new_whole(incident->acked_ms));
		json_put(line, "acknowledged_by", json_new_text(str_of(incident->acked_by)));
	}
	if (incident->closed)
		json_put(line, "verdict", json_new_text(str_of(store_verdict_name(incident->as))));
	json_put(line, "alert", event);
	char *text = json_dump(line, NULL);
	puts(text);
	free(text);
	json_destroy(line);
}

static void say_mute(void *context, const struct store_mute *mute)
{
	const struct alerts_job *job = context;
	char time[ALERTS_TIME_BYTES];
	if (mute->until_ms <= job->now_ms || job->json)
		return;
	fputs("muted until ", stdout);
	printf("%s: ", alerts_time(mute->until_ms, time));
	alerts_put(mute->touchpoint, 0);
	if (mute->by.len) {
		fputs(", by ", stdout);
		alerts_put(mute->by, 0);
	}
	putchar('\n');
}

int alerts_list(struct alerts_job *job, struct err *err)
{
	struct alerts_incidents all;
	unsigned shown = 0, open = 0, left = 0;
	bool fine = alerts_load(job, &all, err);
	if (fine && all.count && !job->json)
		printf("%-18s %-17s %-7s %-6s %-20s  %s\n", "raised", "incident", "", "state", "touchpoint",
		       "what");
	for (unsigned i = 0; fine && i < all.count; i++) {
		open += all.at[i].open;
		if (job->open_only && !all.at[i].open)
			continue;
		if (shown == job->limit) {
			left++;
			continue;
		}
		shown++;
		(job->json ? print_json : print_row)(&all.at[i]);
	}
	fine = fine && (store_mutes(job->store, say_mute, job) || alerts_failed(job, err) == EXIT_FINE);
	if (fine) {
		fflush(stdout);
		fprintf(stderr, "%u incidents, %u of them open", all.count, open);
		fprintf(stderr, left ? "; %u more: --limit\n" : "\n", left);
	}
	alerts_release(&all);
	return fine ? EXIT_FINE : EXIT_WORLD;
}

/* ---- follow ---- */

struct follow {
	const struct alerts_job *job;
	char after[STORE_STREAM_ID_BYTES];
	unsigned count;
};

static bool print_event(void *context, const struct store_event *stored)
{
	struct follow *follow = context;
	struct option_pool pool = {0};
	struct alert_event event;
	char time[ALERTS_TIME_BYTES];
	snprintf(follow->after, sizeof follow->after, "%.*s", (int)stored->id.len, stored->id.at);
	follow->count++;
	if (follow->job->json) {
		printf("%.*s\n", (int)stored->json.len, stored->json.at);
	} else if (alert_read(&event, stored->json, &pool)) {
		printf("%s  %016" PRIx64 "  %-7s %-8s ", alerts_time(event.at_ms, time), stored->incident,
		       alert_severity_name(event.severity), alert_type_name(event.type));
		alerts_put(name_of(&event), 20);
		fputs("  ", stdout);
		alerts_put(event.summary, 0);
		putchar('\n');
	}
	option_pool_release(&pool);
	return true;
}

/* What is there already is `list`'s. Redis may go away and come back meanwhile. */
int alerts_follow(struct alerts_job *job, struct err *err)
{
	struct follow follow = {.job = job};
	bool away = false;
	struct os_signals *signals = os_signals_open(err);
	if (signals == NULL)
		return EXIT_WORLD;
	if (!store_alerts_newest(job->store, follow.after)) {
		os_signals_close(signals);
		return alerts_failed(job, err);
	}
	fputs("following; Ctrl-C ends it\n", stderr);
	do {
		follow.count = 0;
		bool good = store_alerts_read(job->store, follow.after, FOLLOW_READ, print_event, &follow);
		if (!good && !away)
			fprintf(stderr, "%s; waiting for it\n", store_error(job->store));
		away = !good;
		if (fflush(stdout) != 0)
			break;
	} while (os_signals_wait(signals, follow.count == FOLLOW_READ ? 0 : FOLLOW_MS) != OS_SIGNAL_STOP);
	os_signals_close(signals);
	return EXIT_FINE;
}
