#include "alerts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"

#define MUTE_MAX_MS (366LL * 24 * 3600 * 1000)

/* The incident that the command line means, with everything that has to be released after it. */
static const struct alerts_incident *meant(struct alerts_job *job, struct alerts_incidents *all,
					   struct err *err)
{
	return alerts_load(job, all, err) ? alerts_find(all, job->name, err) : NULL;
}

static void say(const char *what, const struct alerts_incident *incident)
{
	printf("%s %016" PRIx64 ": ", what, incident->event.incident);
	alerts_put(incident->event.summary, 0);
	putchar('\n');
}

static int unknown_by_now(const struct alerts_job *job, struct err *err)
{
	err_set(err, "incident %s is not known any more", job->name);
	return EXIT_WORLD;
}

int alerts_ack(struct alerts_job *job, struct err *err)
{
	struct alerts_incidents all;
	const struct alerts_incident *incident = meant(job, &all, err);
	int code = EXIT_WORLD;
	if (incident == NULL)
		goto out;
	struct store_ack ack = {incident->event.incident, job->now_ms, str_of(job->by)};
	char time[ALERTS_TIME_BYTES];
	switch (store_ack(job->store, &ack)) {
	case STORE_SAID_DONE:
		say("acknowledged", incident);
		code = EXIT_FINE;
		break;
	case STORE_SAID_ALREADY:
		printf("%016" PRIx64 " was acknowledged before", incident->event.incident);
		if (incident->acked) {
			printf(", %s by ", alerts_time(incident->acked_ms, time));
			alerts_put(str_of(*incident->acked_by ? incident->acked_by : "somebody"), 0);
		}
		putchar('\n');
		code = EXIT_FINE;
		break;
	case STORE_SAID_UNKNOWN: code = unknown_by_now(job, err); break;
	case STORE_SAID_FAILED: code = alerts_failed(job, err); break;
	}
out:
	alerts_release(&all);
	return code;
}

int alerts_close(struct alerts_job *job, struct err *err)
{
	struct alerts_incidents all;
	struct store_closing closing = {.at_ms = job->now_ms, .by = str_of(job->by)};
	if (job->as == NULL || !store_verdict_from(str_of(job->as), &closing.as))
		return command_usage(&command_alerts, "close wants --as real, false or known%s%s",
				     job->as ? ", not " : "", job->as ? job->as : "");
	const struct alerts_incident *incident = meant(job, &all, err);
	int code = EXIT_WORLD;
	if (incident) {
		closing.incident = incident->event.incident;
		enum store_said said = store_close(job->store, &closing);
		code = said == STORE_SAID_DONE	    ? EXIT_FINE
		       : said == STORE_SAID_UNKNOWN ? unknown_by_now(job, err)
						    : alerts_failed(job, err);
		if (code == EXIT_FINE)
			say(job->as, incident);
	}
	alerts_release(&all);
	return code;
}

int alerts_mute(struct alerts_job *job, struct err *err)
{
	int64_t for_ms = 0;
	char time[ALERTS_TIME_BYTES];
	if (job->mute_for == NULL || !units_duration(str_of(job->mute_for), &for_ms) || for_ms <= 0 ||
	    for_ms > MUTE_MAX_MS)
		return command_usage(&command_alerts, "mute wants --for 30m, 2h or 7d, at most 366d%s%s",
				     job->mute_for ? ", not " : "", job->mute_for ? job->mute_for : "");
	struct store_mute mute = {str_of(job->name), job->now_ms + for_ms, str_of(job->by)};
	if (store_mute(job->store, &mute, job->now_ms) != STORE_SAID_DONE)
		return alerts_failed(job, err);
	printf("muted until %s: ", alerts_time(mute.until_ms, time));
	alerts_put(mute.touchpoint, 0);
	putchar('\n');
	return EXIT_FINE;
}

int alerts_unmute(struct alerts_job *job, struct err *err)
{
	switch (store_unmute(job->store, str_of(job->name), job->now_ms)) {
	case STORE_SAID_FAILED: return alerts_failed(job, err);
	case STORE_SAID_UNKNOWN:
		err_set(err, "%s is not muted: see `corridor alerts list`", job->name);
		return EXIT_WORLD;
	case STORE_SAID_ALREADY:
	case STORE_SAID_DONE: break;
	}
	fputs("no longer muted: ", stdout);
	alerts_put(str_of(job->name), 0);
	putchar('\n');
	return EXIT_FINE;
}
