/*
 * What the files of sink share: the formats, which are pure, and the set of queues.
 */
#ifndef SINK_PRIV_H
#define SINK_PRIV_H

#include "json/json.h"
#include "sink/sink.h"
#include "webclient/webclient.h"

/* ---- formats: JSON bodies, to be released with free() ---- */

#define TIME_BYTES 32
void time_text(int64_t ms, char out[TIME_BYTES]);            /* 2026-05-04T10:00:00.123Z */
#define INCIDENT_BYTES (ALERT_ID_BYTES + 1)
void incident_text(uint64_t incident, char out[INCIDENT_BYTES]);
#define HEADLINE_BYTES (ALERT_SUMMARY_MAX + 32)
/* What a person reads first: "TEST: " before a test, then the summary. */
struct str headline(const struct sink_message *, char out[HEADLINE_BYTES]);
#define DESCRIPTION_BYTES 2000
/* What was measured, and what fires as well, in sentences. */
struct str describe(const struct alert_event *, char out[DESCRIPTION_BYTES]);
#define ALSO_BYTES 1200
struct str also_firing(const struct alert_event *, char out[ALSO_BYTES]);   /* "a, b and 4 more"; empty: nothing */
struct str place_of(const struct alert_event *);             /* touchpoint, else source; never empty */
void put_text(struct json *object, const char *name, struct str);      /* not when it is empty */
void put_number(struct json *object, const char *name, double);        /* not when it is no number */

/* One alert of a request to an Alertmanager. Its identity is made of `labels` and `severity`, whatever `newest` says. */
struct alertmanager_alert {
	const struct sink_message *labels, *newest;
	enum alert_severity severity;
	int64_t ends_ms;             /* in the future: firing */
};
char *alertmanager_body(const struct alertmanager_alert *, size_t count, size_t *len);
char *pagerduty_body(const struct sink_message *, const char *routing_key, size_t *len);

enum slack_call { SLACK_FIRST, SLACK_REPLY, SLACK_STATE, SLACK_HOOK };   /* STATE: the first message, made anew */
struct slack_place {
	struct str channel, ts;      /* of the first message; ts empty: not written yet */
	bool loud;                   /* a reply that the channel is to see as well */
};
char *slack_body(const struct sink_message *, enum slack_call, const struct slack_place *, size_t *len);

char *webhook_body(const struct sink_message *, int64_t now_ms, size_t *len);
#define WEBHOOK_ID_BYTES 120
void webhook_id(const struct sink_message *, const char *sink, char out[WEBHOOK_ID_BYTES]);
#define SIGNATURE_BYTES 64
/* "v1,BASE64" of HMAC-SHA256 over id.seconds.body. */
void webhook_sign(struct str key, const char *id, int64_t seconds, struct str body, char out[SIGNATURE_BYTES]);

/* ---- what an answer means ---- */

enum verdict { VERDICT_DONE, VERDICT_AGAIN, VERDICT_FINAL, VERDICT_GONE, VERDICT_LOST };   /* LOST: Slack's message is gone */
#define REASON_BYTES 300
/* reason: for a person, without secrets. */
enum verdict judge(enum sink_type, bool token, const struct webclient_answer *, char reason[REASON_BYTES]);

/* ---- a sink's secrets and URL, read from files ---- */

#define SECRET_MAX 512
struct credentials {
	char url[1024];
	char text[SECRET_MAX];       /* routing key or token; "" if there is none */
	unsigned char key[SECRET_MAX];   /* webhook */
	size_t key_len;
};
/* All mistakes of the options; credentials may be NULL. */
bool read_sink(const struct sink_options *, struct credentials *, struct err *);

/* ---- the queues ---- */

struct copy {                    /* of a message, shared by the sinks that took it */
	unsigned refs;
	struct sink_message message;
	struct option_pool pool;
};
struct copy *copy_of(const struct sink_message *);
struct copy *copy_ref(struct copy *);
void copy_drop(struct copy *);   /* NULL is fine */

struct pending {                 /* a message in a sink's queue */
	struct pending *next, *previous;
	struct copy *copy;
	bool head;                   /* no earlier one of its incident is queued */
	bool in_flight, dropped;     /* dropped: in no queue any more; freed at its answer */
	unsigned attempts;
	int stage;                   /* slack: 1: the reply is written, the first message is still to be changed */
	int64_t offered_ms, due_ms;  /* offered 0: since the next step */
};

struct progress {                /* of a partition */
	int32_t partition;
	uint64_t offered, refused;   /* refused: the position from which on nothing is taken; 0: none */
};

struct firing {                  /* alertmanager: an open incident */
	uint64_t incident;
	struct copy *labels, *newest;
	int told;                    /* enum alert_severity as it is known there; -1: not yet */
	int sending;                 /* ... as it is in the request under way */
	bool over;
	int64_t sent_ms;
};

struct memory {                  /* slack: where an incident's first message is */
	uint64_t incident;
	int32_t partition;
	char channel[40], ts[40];
	enum alert_severity severity;
	uint64_t used;               /* the least recently used one makes room */
};

struct sink {
	struct sinks *set;
	unsigned index;
	char *name, *channel;
	enum sink_type type;
	enum alert_severity severity;
	unsigned kinds;              /* bits */
	bool private_addresses;
	int64_t timeout_ms;
	struct credentials credentials;

	struct pending *first, *last;
	unsigned queued, in_flight;
	struct progress *progress;
	unsigned progress_count;
	int64_t paused_ms;           /* nothing before this */
	bool disabled;

	struct firing *firing;
	unsigned firing_count;
	int64_t refresh_after_ms;
	unsigned refresh_attempts, alone;   /* alone: so many requests with one alert only, to find the bad one */
	struct memory *memory;
	unsigned memory_count;

	struct sink_stats stats;
	char error[REASON_BYTES];
};

struct flight {                  /* a request and what it is about */
	struct flight *next;
	uint64_t tag;
	struct sink *sink;
	enum slack_call call;
	struct pending **members;
	unsigned members_count;
	uint64_t *incidents;         /* alertmanager: whose alerts are in it */
	unsigned incidents_count;
	int64_t sent_ms;
};

struct sinks {
	struct webclient *client;
	struct sink *sinks;
	unsigned count, queue_max, in_flight_max;
	int64_t give_up_ms, retry_min_ms, retry_max_ms, refresh_ms;
	struct sinks_callbacks callbacks;
	struct flight *flights;
	uint64_t next_tag, uses, random;
	int64_t now_ms;              /* the step's, moved on while it waits */
	int64_t step_ms, step_began_ns;
};

#define OPEN_MAX 10000           /* incidents that a sink knows of; more are told, but neither refreshed nor threaded */

/* queue.c */
struct progress *progress_of(struct sink *, int32_t partition);
void pending_add(struct sink *, struct copy *);              /* takes a reference */
void pending_remove(struct sink *, struct pending *);        /* out of the queue; frees it */
bool pending_due(const struct sink *, const struct pending *);
void queue_drop_partition(struct sink *, int32_t partition);
void queue_clear(struct sink *);

/* deliver.c: how a message ends, or goes on */
void deliver_done(struct sink *, struct pending *);
void deliver_dead(struct sink *, struct pending *, const char *reason);
void deliver_again(struct sink *, struct pending *, int64_t due_ms, const char *reason);
void sink_disable(struct sink *, const char *reason);
void sink_bury(struct sink *);                               /* all that is not under way is dead */
void sink_note(struct sink *, const char *reason);           /* NULL: it works */
int64_t retry_pause(struct sinks *, unsigned attempts);

/* send.c */
struct flight *flight_send(struct sink *, const char *path, const char *const *headers, char *take_body, size_t len);
void flight_hold(struct flight *, struct pending *);         /* the flight is (also) about this one */
void flight_free(struct flight *);

/* each type: what is due is sent; what its answer means */
void single_send(struct sink *);
void single_answer(struct flight *, enum verdict, const struct webclient_answer *, const char *reason);
void batch_send(struct sink *);
void batch_answer(struct flight *, enum verdict, const char *reason);
int64_t batch_next_ms(const struct sink *);                  /* when something has to be refreshed; INT64_MAX */
struct firing *firing_find(struct sink *, uint64_t incident);
void firing_open(struct sink *, struct copy *);
void firing_drop(struct sink *, struct firing *);            /* moves the last one to its place */
struct memory *memory_find(struct sink *, uint64_t incident);
void memory_set(struct sink *, const struct alert_event *, struct str channel, struct str ts);
void memory_read(struct sink *, const struct alert_event *, struct str text);

#endif
