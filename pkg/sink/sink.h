/*
 * sink - alerts to the people who have to act: Prometheus Alertmanager, PagerDuty, Slack, and webhooks signed by the Standard
 * Webhooks scheme.
 *
 * The stream of alerts is the outbox. Its reader offers each event with its place in the stream; a sink takes it into a bounded
 * queue or refuses it, and a refused one is simply offered again later. Delivery is at least once and in order per incident;
 * incidents do not wait for each other, sinks neither. How far a sink is done with a partition (sinks_low) is what the caller
 * stores as that sink's cursor; whoever takes over goes on from there.
 *
 * An answer of 2xx is success. Time-outs, broken connections, 429 and 5xx are tried again with growing pauses (1 s doubled up to
 * 5 min, with jitter; Retry-After is honoured for the whole sink) until give_up_ms have passed since the offer; other answers are
 * final. What is not delivered goes to dead_letter, and never holds up what comes after it. 410 Gone turns the sink off
 * until the program is started again.
 *
 * Alertmanager forgets what is not repeated, so open incidents are kept here and sent again each minute, all in one request.
 * Slack needs to know which message it wrote for an incident: that short text (`memory`) is stored by the caller and given back.
 *
 * No thread of its own: all calls on one thread, but for sinks_wake().
 */
#ifndef SINK_H
#define SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/alert.h"
#include "base/err.h"
#include "base/option.h"
#include "base/str.h"

/* ---- settings: one receiver ---- */

enum sink_type { SINK_ALERTMANAGER, SINK_PAGERDUTY, SINK_SLACK, SINK_WEBHOOK };

struct sink_options {
	const char *name;            /* letters, digits, _ and -: in metrics, cursors and message ids, so it should stay */
	int type;                    /* enum sink_type */
	const char *url;             /* alertmanager: its base; pagerduty, slack with a token: NULL is theirs */
	const char *url_file;        /* the same from a file, for URLs that are secrets (Slack's incoming webhooks) */
	const char *secret_file;     /* pagerduty: routing key; webhook: whsec_... or any text */
	const char *token_file;      /* slack: bot token; alertmanager: bearer token, may be absent */
	const char *channel;         /* slack with a token */
	int severity;                /* enum alert_severity: this and graver */
	struct option_list kinds;
	bool private_addresses;
	int64_t timeout_ms;          /* of a request */
};
extern const struct option_row sink_option_rows[];   /* of one entry of section `sinks` */

/* Every mistake in one text, "; " between them; reads the files. Quotes no secret. */
NODISCARD bool sink_check(const struct sink_options *, struct err *);

/* Sends this receiver one alert that is marked as a test, whatever it wants to have, and waits for the answer: twice its time-out at
 * most. Error: what it said instead of taking it, at the first try. */
NODISCARD bool sink_try(const struct sink_options *, struct err *);

/* ---- all receivers ---- */

#define SINKS_MAX 32
#define SINKS_ALL UINT32_MAX

enum sink_what {
	SINK_TRIGGER, SINK_UPDATE, SINK_ACKNOWLEDGE, SINK_RESOLVE,
	SINK_SKIP,                   /* nobody is to be told (muted, quiet hours), but the position is done */
};

struct sink_message {
	struct alert_event event;    /* borrowed in an offer, texts included; copied */
	enum sink_what what;
	uint64_t position;           /* in the order of its partition's stream, from 1; 0: outside of it, as a test is */
	struct str json;             /* the event as it stands in the stream: what a webhook gets; empty: written by alert_json */
	int64_t utc_offset_s;        /* of the touchpoint's clock, for that and for a summary that is missing */
	struct str group;            /* what it belongs together with (the parent); may be empty */
	struct str actor;            /* SINK_ACKNOWLEDGE: who; may be empty */
};
enum sink_what sink_what_of(enum alert_type);

struct sinks_callbacks {
	void *context;
	/* Both end a message; after them sinks_low may have moved. All may call what is here but sinks_step and sinks_destroy. */
	void (*delivered)(void *context, unsigned sink, const struct sink_message *);
	void (*dead_letter)(void *context, unsigned sink, const struct sink_message *, const char *reason);
	/* Store this for the incident and sink for at least ALERT_REOPEN_MS after its end; given back with sinks_open. */
	void (*remember)(void *context, unsigned sink, const struct alert_event *, struct str memory);
};

struct sinks_options {
	const struct sink_options *sinks;   /* borrowed only during create */
	unsigned count;
	unsigned queue_max;                 /* messages of a sink; 0: 1000 */
	unsigned in_flight_max;             /* requests of a sink at once; 0: 4 */
	int64_t give_up_ms;                 /* 0: 6 h */
	int64_t retry_min_ms, retry_max_ms; /* the pauses; 0: 1 s, 5 min */
	int64_t refresh_ms;                 /* alertmanager; 0: 1 min. An alert ends by itself after four times that */
	const char *ca_file;                /* NULL: the system's certificates */
	struct sinks_callbacks callbacks;   /* each may be NULL */
};

struct sinks;

NODISCARD struct sinks *sinks_create(const struct sinks_options *, struct err *);   /* checks as sink_check */
void sinks_destroy(struct sinks *);          /* what is queued or in flight is dropped: the outbox still has it. NULL is fine */

unsigned sinks_count(const struct sinks *);
const char *sinks_name(const struct sinks *, unsigned sink);

/* To the sinks in `to` (bit i: sink i). Returns the bits of those that have no room: they refuse everything further of this
 * partition too, until this position is offered to them again (or sinks_begin moves past it). Positions of a partition rise; one
 * that a sink already knows is ignored, so whoever is not sure offers again. A sink that does not want the event
 * (kind, severity; a test is wanted by all) is done with it at once. */
NODISCARD uint32_t sinks_offer(struct sinks *, const struct sink_message *, uint32_t to);
/* The sinks that want it (bit i: sink i): those for which a callback ends it. The others never say anything of it. */
uint32_t sinks_want(const struct sinks *, const struct sink_message *);
void sinks_set_give_up(struct sinks *, int64_t give_up_ms);
/* Sends what is due, waits at most timeout_ms for answers, calls back. now_ms is epoch time as the receivers see it. */
void sinks_step(struct sinks *, int64_t now_ms, int64_t timeout_ms);
void sinks_wake(struct sinks *);             /* from any thread: the running or next step returns soon */

/* ---- what survives a restart ---- */

/* Begins a partition of the stream whose messages up to `position` are done. Not begun: from 0. */
void sinks_begin(struct sinks *, unsigned sink, int32_t partition, uint64_t position);
/* An incident's newest event as it was told: what is open is refreshed from now on. One that has ended is only remembered, in
 * case it is reopened. memory: what `remember` was last given; may be empty. */
void sinks_open(struct sinks *, unsigned sink, const struct alert_event *, struct str memory);
/* Everything of the partition up to here is delivered, skipped or dead. */
uint64_t sinks_low(const struct sinks *, unsigned sink, int32_t partition);
/* Up to here it was offered: where its reader goes on. */
uint64_t sinks_offered(const struct sinks *, unsigned sink, int32_t partition);
/* Somebody else owns it now: its messages, incidents and positions are forgotten, without a callback. */
void sinks_drop_partition(struct sinks *, int32_t partition);

/* ---- figures ---- */

struct sink_stats {
	uint64_t delivered, dead, refused;   /* messages; refused: no room */
	uint64_t requests, failures;         /* failures: answers and broken connections that are tried again */
	uint64_t took_us;                    /* all requests together */
	unsigned queued, in_flight, open;    /* open: incidents that are refreshed (alertmanager) or remembered (slack) */
	int64_t oldest_ms;                   /* epoch ms of the oldest queued message's offer; 0: none */
	bool disabled;
	const char *error;                   /* the newest failure, for a person; "" after a success */
};
struct sink_stats sinks_stats(const struct sinks *, unsigned sink);

#endif
