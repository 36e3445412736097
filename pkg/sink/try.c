#include "sink/sink_priv.h"

#include <math.h>
#include <stdio.h>

#include "base/hash.h"
#include "os/os.h"

#define STEP_MS 100

struct trial {
	bool delivered, dead;
	char reason[400];
};

static void delivered(void *context, unsigned sink, const struct sink_message *message)
{
	((struct trial *)context)->delivered = true;
}

static void dead_letter(void *context, unsigned sink, const struct sink_message *message, const char *reason)
{
	struct trial *trial = context;
	trial->dead = true;
	snprintf(trial->reason, sizeof trial->reason, "%s", reason);
}

/* An incident that nobody has, with the figures of the documentation's example. */
static struct sink_message test_message(int64_t now_ms)
{
	struct alert_event event = {
		.incident = hash_join(1, (struct str){(const char *)&now_ms, sizeof now_ms}) | 1,
		.type = ALERT_RAISED,
		.kind = ALERT_DETRACTOR_SPIKE,
		.severity = ALERT_TICKET,
		.touchpoint = STR("corridor-test"),
		.label = STR("Test of Corridor"),
		.ledger = LEDGER_SURVEY,
		.at_ms = now_ms,
		.raised_ms = now_ms,
		.partition = -1,
		.number = 1,
		.figures = {.baseline_rate = 0.16,
			    .rate = 0.41,
			    .rate_low = 0.28,
			    .rate_high = 0.53,
			    .evidence_days = 43.2,
			    .nps_before = 42.5,
			    .nps_now = -3,
			    .responses = 57,
			    .detractors = 23,
			    .onset_ms = now_ms - 43 * 60000LL},
		.summary = STR("This is a test of Corridor: nothing has happened, nothing has to be done"),
		.test = true,
	};
	return (struct sink_message){.event = event, .what = SINK_TRIGGER};
}

bool sink_try(const struct sink_options *options, struct err *err)
{
	struct trial trial = {.delivered = false};
	struct sinks_options all = {
		.sinks = options, .count = 1, .callbacks = {&trial, delivered, dead_letter, NULL}};
	struct sinks *sinks = sinks_create(&all, err);
	if (sinks == NULL)
		return false;
	int64_t now_ms = os_wall_ms(), began_ns = os_monotonic_ns(),
		limit_ns = 2 * options->timeout_ms * 1000000;
	struct sink_message message = test_message(now_ms);
	must(sinks_offer(sinks, &message, SINKS_ALL) == 0);
	/* The first failure is the answer: whoever tests does not want to wait for the next try. */
	while (!trial.delivered && !trial.dead && sinks_stats(sinks, 0).failures == 0 &&
	       os_monotonic_ns() - began_ns < limit_ns)
		sinks_step(sinks, os_wall_ms(), STEP_MS);
	const char *failure = sinks_stats(sinks, 0).error;
	if (!trial.delivered)
		err_set(err, "%s: %s", options->name,
			trial.dead	      ? trial.reason
			: failure && *failure ? failure
					      : "no answer in time");
	sinks_destroy(sinks);
	return trial.delivered;
}
