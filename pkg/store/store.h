/*
 * store - what readers see: the publications of the watch, its health and its checkpoint, in Redis.
 *
 * The only user of hiredis (0.14 of Debian 12; 1.2 of Debian 13, which brings TLS). Redis is a view and never
 * the truth: every write is absolute and carries the position in the log that it comes from, a script refuses
 * an older one, so a paused owner that wakes up can't put old values back, and anything may be written twice.
 * What fails is reported per publication and simply written again later with newer values; nothing queues
 * here.
 *
 * Each script touches the keys of one {tag} only, and every key gets its TTL in the script that writes it. No
 * call blocks for much longer than `timeout`, or twice that when it has to connect first (a name that DNS is
 * slow to resolve excepted). While Redis is away calls fail at once, and the first one after the back-off
 * tries to connect. Needs Redis 6.2 (ZADD GT).
 *
 * Owned by one thread, one connection each: a process may have several stores. SIGPIPE must be ignored (`os`
 * does).
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/option.h"
#include "base/str.h"
#include "view/view.h"

struct store_options {
	const char *url;             /* redis://user:password@host:port/db, rediss://..., unix:///path?db=N&user=U&password=P */
	const char *password_file;   /* NULL: none. Its first line is the password, instead of one in the URL */
	const char *tls_ca;          /* rediss: file with the CA certificates, NULL: the system's */
	const char *tls_cert, *tls_key;   /* rediss: our own certificate, NULL: none */
	const char *prefix;
	int64_t timeout_ms;
	int64_t retry_max_ms;        /* back-off: 100 ms, doubled up to this */
	int64_t ttl_ms;              /* of what is published */
	int64_t in_flight_bytes;     /* sent before the replies are read */
	int64_t alerts_max;          /* events that the stream of alerts keeps, about; 0: 10,000 */
	/* Not options of the user's: `config` derives them. */
	int64_t retention_ms;        /* of the tallies: TTL of checkpoints; names quiet for longer leave the index */
	const char *const *windows;  /* the configured windows' names ("5m", "today"), NULL-ended, by publication_window.which */
};
extern const struct option_row store_options[];   /* section `redis`: all but the derived ones */

NODISCARD bool store_check_url(const char *url, struct err *);   /* all its mistakes; quotes no password */
NODISCARD bool store_check_prefix(const char *prefix, struct err *);

struct store;

/* Does not connect yet: Redis may be away when we start. Error: a wrong URL or prefix, an unreadable file,
 * TLS where there is none. */
NODISCARD struct store *store_create(const struct store_options *, struct err *);
void store_destroy(struct store *);   /* NULL is fine */

/* ---- the connection ---- */

bool store_connect(struct store *);            /* now, whatever the back-off says; false: store_error says why */
bool store_up(const struct store *);           /* the last thing that we heard of Redis was good */
const char *store_error(const struct store *); /* the newest failure, for a person; "" after a success */
const char *store_address(const struct store *);   /* for a log line: without password */

/* True once after it was noticed that Redis may have forgotten what we wrote (another run_id or role after
 * a reconnect, away for longer than 8 s, our health key gone before its time): publish and checkpoint
 * everything again. */
bool store_take_lost(struct store *);

struct store_stats {
	uint64_t written, refused, failed;   /* publications */
	uint64_t keys, commands, bytes_sent;
	uint64_t connects, failures, losses;
	uint64_t busy_us;                    /* waited for Redis */
};
struct store_stats store_stats(const struct store *);

/* ---- publishing ---- */

enum store_outcome {
	STORE_FAILED,    /* Redis is away, slow or says no: publish it again, with what is true then */
	STORE_REFUSED,   /* a newer position is there: somebody else owns the touchpoint by now */
	STORE_WRITTEN,
	STORE_FRESH,     /* written, and no position was there: the first time, or Redis has forgotten the touchpoint */
};

struct store_batch {
	unsigned written, refused, failed;   /* written: with the fresh ones */
	unsigned fresh;
	uint64_t bytes;                      /* sent */
	int64_t redis_us;                    /* waited for it, our own encoding excepted: for pacing */
};

/* Writes what is due of each touchpoint, then the touchpoint index. outcomes: n of them, or NULL. After
 * `timeout` in all, the rest is FAILED: keep batches well below (a touchpoint costs Redis 20-100 us).
 * last_ms must be right also when nothing else is due. */
struct store_batch store_publish(struct store *, const struct publication *, unsigned n, enum store_outcome *outcomes);

struct store_health {
	unsigned partition;        /* of the tallies */
	int64_t as_of_ms;          /* the machine's clock when the values were last right */
	int64_t lag_ms;
	const char *instance, *version;
};
bool store_health(struct store *, const struct store_health *, unsigned n);   /* each second: the keys live for 10 s */

/* ---- the checkpoint of one partition of the tallies ---- */

struct store_position {
	int64_t log_ms, offset;
};

/* What a checkpoint write leaves behind and the next one expects to find. Empty text: nothing is there.
 * Only for the store to write; `next` lets a write whose answer was lost be repeated without being taken
 * for somebody else's. */
struct store_token {
	char text[72];
	char next[24];
};

struct store_field {
	struct str touchpoint, bytes;   /* bytes.at NULL: the field goes away */
};

/* An event of an incident. `json` is what alert_json made; the store does not look into it. */
struct store_alert {
	struct str touchpoint;
	enum ledger ledger;
	uint64_t number;          /* rises per touchpoint and ledger, for ever; 1..2^53 */
	uint64_t incident;
	bool open;                /* still open after this event */
	struct str json;
};
#define STORE_ALERTS_MAX 256   /* in one call */

struct store_checkpoint {
	unsigned partition;
	struct store_position at;           /* up to where the log is in these fields */
	const struct store_position *low;   /* a new owner resumes here: no field is before it. NULL: leave it */
	bool replace;                       /* drop all fields and `low` first, whatever is there: begins a rewrite */
	const struct store_field *fields;
	unsigned fields_count;              /* some hundreds per call: Redis serves nobody else meanwhile */
	/* Added to the stream in the same script call, in this order; one whose number is not above the stored one is there
	 * already and is left out, so they may be handed in again at any time. Without fields and `low` they are just that. */
	const struct store_alert *alerts;
	unsigned alerts_count;
};

enum store_checkpoint_outcome {
	STORE_CHECKPOINT_FAILED,    /* not known whether it was written: take it for not written, with the same token */
	STORE_CHECKPOINT_WRITTEN,   /* *token is the new one */
	STORE_CHECKPOINT_LOST,      /* nothing written: another token was there, Redis lost writes; *token is it */
	STORE_CHECKPOINT_REFUSED,   /* nothing written: a newer position is there, we own the partition no longer */
};

/* After LOST: write everything again, the first call with `replace`, all but the last without `low`. A
 * checkpoint without low is incomplete, and restore takes it for none. `replace` leaves the numbers of alerts
 * alone: no event is added twice by it. Alerts are in the stream after WRITTEN and not before. */
enum store_checkpoint_outcome store_checkpoint(struct store *, const struct store_checkpoint *, struct store_token *);

struct store_restore {
	unsigned partition;
	void *context;
	bool (*field)(void *context, struct str touchpoint, struct str bytes);   /* each once, borrowed; false: stop */
	void (*progress)(void *context, uint64_t done, uint64_t total);          /* per page; NULL is fine */
};

enum store_restore_outcome {
	STORE_RESTORE_FAILED,   /* forget the fields that came; try again later */
	STORE_RESTORE_NONE,     /* no checkpoint, or an incomplete one */
	STORE_RESTORE_DONE,
};

/* *token is what the first checkpoint write has to expect, also after NONE. Fails if somebody wrote it
 * meanwhile. */
enum store_restore_outcome store_restore(struct store *, const struct store_restore *, struct store_position *low,
					 struct store_token *);

/* The highest number stored of each touchpoint and ledger of a partition: whoever begins without a checkpoint, or meets a
 * touchpoint again whose field went away, has to number above it, or its events are taken for known. Kept for the retention of
 * the tallies after the newest event. False: Redis is away. */
NODISCARD bool store_alert_numbers(struct store *, unsigned partition,
				   void (*number)(void *context, struct str touchpoint, enum ledger, uint64_t), void *context);

/* ---- alerts: the stream as an outbox, and the incidents. For a thread of its own, with a store of its own ---- */

#define STORE_STREAM_ID_BYTES 44   /* "1700000000123-0", NUL-terminated */

struct store_event {
	struct str id;             /* in the stream: rises */
	unsigned partition;        /* of the tallies; its owner delivers it */
	uint64_t number, incident;
	struct str touchpoint, json;
};
typedef bool store_event_call(void *context, const struct store_event *);   /* all borrowed; false: enough */

/* The events after the one named ("": from the oldest), at most max, oldest first; never waits for new ones. An entry that can't
 * be read is passed over. False: Redis is away. */
NODISCARD bool store_alerts_read(struct store *, const char *after, unsigned max, store_event_call *, void *context);
/* The newest id, "0-0" when there is none: where to follow from. */
NODISCARD bool store_alerts_newest(struct store *, char id[STORE_STREAM_ID_BYTES]);

struct store_incident {
	uint64_t id;
	bool open;
	struct str json;   /* its newest event */
};
/* Each once, in no order, borrowed; false: stop. Closed ones are kept for 90 days, the newest 10,000 of them. */
typedef bool store_incident_call(void *context, const struct store_incident *);
NODISCARD bool store_alerts_open(struct store *, store_incident_call *, void *context);
NODISCARD bool store_alerts_all(struct store *, store_incident_call *, void *context);

/* An incident that is not in the stream, since it is made of several at delivery: kept and acknowledged like the others. */
NODISCARD bool store_incident_put(struct store *, const struct store_incident *, int64_t at_ms);

/* How many touchpoints of each source had feedback of late, per partition of the tallies; lives for a minute. */
struct store_source {
	struct str name;
	uint64_t touchpoints;
};
NODISCARD bool store_sources_set(struct store *, unsigned partition, const struct store_source *, unsigned count);
NODISCARD bool store_sources(struct store *, unsigned partition, void (*source)(void *context, const struct store_source *), void *context);

/* How far a sink has got, per partition. A sink's name: letters, digits, '-' and '_'. */
NODISCARD bool store_cursors(struct store *, const char *sink, void (*cursor)(void *context, unsigned partition, struct str id),
			     void *context);
NODISCARD bool store_cursor_set(struct store *, const char *sink, unsigned partition, const char *id);   /* never goes back */

/* What a sink remembers of an incident (Slack's `ts`), for 30 days after it was last set. Get: "" when there is nothing; cut at
 * max. */
NODISCARD bool store_memory_set(struct store *, const char *sink, uint64_t incident, struct str text);
NODISCARD bool store_memory_get(struct store *, const char *sink, uint64_t incident, char *out, size_t max);

/* ---- alerts: what people say to them. Acts on delivery only ---- */

enum store_verdict { STORE_REAL, STORE_FALSE, STORE_KNOWN };
#define STORE_VERDICTS 3
const char *store_verdict_name(enum store_verdict);   /* "real", "false", "known" */
bool store_verdict_from(struct str, enum store_verdict *);

struct store_ack {
	uint64_t incident;
	int64_t at_ms;
	struct str by;   /* a name, UTF-8, cut at 100 bytes */
};
struct store_closing {
	uint64_t incident;
	int64_t at_ms;
	struct str by;
	enum store_verdict as;
};
struct store_mute {
	struct str touchpoint;
	int64_t until_ms;   /* the machine's clock */
	struct str by;
};

enum store_said {
	STORE_SAID_FAILED,    /* Redis is away */
	STORE_SAID_UNKNOWN,   /* there is no such incident (any more), no such mute */
	STORE_SAID_ALREADY,   /* was acknowledged before: the first one stands, until the incident is reopened */
	STORE_SAID_DONE,
};
enum store_said store_ack(struct store *, const struct store_ack *);
enum store_said store_close(struct store *, const struct store_closing *);   /* the newest verdict stands; acknowledges too */
enum store_said store_mute(struct store *, const struct store_mute *, int64_t now_ms);
enum store_said store_unmute(struct store *, struct str touchpoint, int64_t now_ms);

/* All there are, each once, borrowed. A few round trips' worth at most; mutes that have ended may be among them. */
NODISCARD bool store_acks(struct store *, void (*ack)(void *context, const struct store_ack *), void *context);
NODISCARD bool store_closings(struct store *, void (*closing)(void *context, const struct store_closing *), void *context);
NODISCARD bool store_mutes(struct store *, void (*mute)(void *context, const struct store_mute *), void *context);

/* ---- more that readers see ---- */

NODISCARD bool store_registry(struct store *, struct str json);   /* lives for redis.ttl: write it with each sweep */
/* Touchpoints with a response since then, of all partitions. */
NODISCARD bool store_touchpoints_active(struct store *, int64_t since_ms, uint64_t *count);

#endif
