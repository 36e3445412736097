/*
 * sample - an event to send, for the tests of sink.
 */
#ifndef SINK_SAMPLE_H
#define SINK_SAMPLE_H

#include <math.h>

#include "sink/sink.h"

#define SAMPLE_MS 1777888800123LL /* 2026-05-04T10:00:00.123Z */

static inline struct sink_message sample_message(uint64_t incident, enum sink_what what, uint64_t position)
{
	struct alert_event event = {
		.incident = incident,
		.type = what == SINK_TRIGGER   ? ALERT_RAISED
			: what == SINK_RESOLVE ? ALERT_RESOLVED
					       : ALERT_UPDATED,
		.kind = ALERT_DETRACTOR_SPIKE,
		.severity = ALERT_TICKET,
		.touchpoint = STR("checkout"),
		.label = STR("Checkout"),
		.ledger = LEDGER_SURVEY,
		.at_ms = SAMPLE_MS + 1000 * (int64_t)position,
		.raised_ms = SAMPLE_MS,
		.number = position,
		.figures = {.baseline_rate = 0.16,
			    .rate = 0.41,
			    .rate_low = 0.33,
			    .rate_high = 0.49,
			    .evidence_days = 43,
			    .nps_before = 34,
			    .nps_now = 3,
			    .responses = 57,
			    .detractors = 23,
			    .onset_ms = SAMPLE_MS - 420123},
		.summary = STR("Checkout: 41 % detractors (normal 16 %), 57 answers since 09:53; by chance once in 43 days"),
	};
	return (struct sink_message){.event = event, .what = what, .position = position};
}

#endif
