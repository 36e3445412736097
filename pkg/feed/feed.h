/*
 * feed - a lively, synthetic stream of feedback, and what it must add up to.
 *
 * For `corridor demo`, `corridor generate`, tests and benchmarks: touchpoints with moods of their own, incidents, and all that real
 * feeds do to a counter: repeats, edits, partial events, deletions (also before their response), disorder, late and broken messages.
 * The messages have our own shape (feedback.h), members in fixed order, about 277 bytes a survey in the default mix.
 *
 * Deterministic: the same options give the same bytes on every machine. Randomness is xoshiro256**; no function of libm is used, since
 * its last bit differs between machines. Event time is made up here; no clock is read. Nothing is allocated after create.
 *
 * The expectation beside it works out the true counts from what was *meant*, not from the bytes: every event is kept in a list, the
 * newest version of each response is found by the definition (design, section 2: "a recount"), and windows are counted plainly over the
 * sorted list. It shares no code with response and window, so that the two can judge each other.
 */
#ifndef FEED_H
#define FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "feedback/feedback.h"
#include "nps/nps.h"
#include "zone/zone.h"

#define FEED_MESSAGE_MAX   4096   /* no message is longer */
#define FEED_INCIDENTS_MAX 16
#define FEED_START_MS      INT64_C(1767603600000)   /* Monday 2026-01-05 09:00:00 UTC: the fixed start that keeps runs equal */

/* For a while a touchpoint goes bad. */
struct feed_incident {
	char touchpoint[64];
	int64_t start_ms, length_ms;   /* start: after the feed's start, in event time */
	double detractors;             /* their share meanwhile, 0..1 */
};

struct feed_options {
	int64_t seed;
	double rate;              /* new responses per second of event time */
	int64_t start_ms;         /* event time of the first, epoch ms */
	int64_t touchpoints;      /* the first 8 have names and moods, the others numbers */
	double mix[LEDGERS];      /* weights of survey, relationship, social, review */
	/* Shares, 0..1: of the responses that get such a thing, and of the messages that are broken. */
	double duplicates, edits, deletions, partial, late, malformed, unmapped;
	int64_t late_by_ms;       /* a late response is at least so old: the longest window */
	int64_t disorder_ms;      /* a message arrives up to so much after its time */
	struct feed_incident incidents[FEED_INCIDENTS_MAX];
	unsigned incidents_count;
};
extern const struct feed_options feed_defaults;

NODISCARD bool feed_parse_mix(const char *text, double mix[LEDGERS], struct err *);         /* "survey=60,social=25" */
NODISCARD bool feed_parse_incident(const char *text, struct feed_incident *, struct err *); /* "delivery:10m:15m:0.7" */

/* One message and what was meant by it. */
struct feed_event {
	struct str message;          /* in the caller's buffer */
	struct str key;              /* the response's id: the key in Kafka */
	int64_t arrives_ms;          /* when to send it, event time; never goes back */
	enum feedback_reason dead;   /* FEEDBACK_OK, or why it must be rejected whatever the clock says */
	uint64_t id;                 /* the rest only if it is not dead */
	int64_t time_ms, updated_ms; /* updated: or FEEDBACK_NO_VERSION */
	struct str touchpoint;       /* lives as long as the feed; empty: none */
	enum ledger ledger;
	int8_t bin;                  /* or BIN_NONE: the message has no score */
	bool deletion;
};

struct feed;

NODISCARD struct feed *feed_create(const struct feed_options *, struct err *);
void feed_destroy(struct feed *);
void feed_next(struct feed *, char out[FEED_MESSAGE_MAX], struct feed_event *);   /* never ends */
struct str feed_touchpoint(const struct feed *, uint32_t i);                      /* i < options.touchpoints */

/* ---- what it must add up to ---- */

struct feed_expect_options {
	const char *const *windows;   /* "5m", "24h", "today"; in the order in which they are reported */
	unsigned windows_count;
	const struct zone *zone;      /* for today; borrowed */
	int64_t at_ms;                /* windows end here and events dated after it are left out; INT64_MIN: at the newest event */
};

/* One touchpoint, ledger and window that holds anything, or whose window before does. */
struct feed_expect_row {
	struct str touchpoint;
	enum ledger ledger;
	unsigned window;
	int64_t from_ms, to_ms;
	int64_t bins[BINS];
	struct nps_counts before;
};

struct feed_expect;

NODISCARD struct feed_expect *feed_expect_create(const struct feed_expect_options *, struct err *);
void feed_expect_destroy(struct feed_expect *);
void feed_expect_add(struct feed_expect *, const struct feed_event *);   /* in the order of sending; about 64 bytes each are kept */

typedef bool feed_expect_emit(void *context, const struct feed_expect_row *);
bool feed_expect_report(struct feed_expect *, feed_expect_emit *, void *context);   /* by touchpoint bytes, ledger, window; false: emit said so */

#endif
