/*
 * kafka - the only user of librdkafka: consumers that hand out batches, transactional producers, own topics, an embedded broker.
 *
 * Exactness rests on settings that a user cannot change here (read_committed, no auto commit, cooperative-sticky, static membership,
 * idempotence, transactional ids); everything else of librdkafka passes through. This module keeps no state machine of the pipeline:
 * it says what happened, and the caller decides.
 *
 * Rebalances. librdkafka's own callback only notes the event; the caller's assigned/revoked run inside kafka_consumer_poll() after
 * the batch was taken and before it is handed out, on the polling thread, outside librdkafka. So they may block (committed offsets, offsets by
 * time, seek, a commit of the transaction), and records of partitions that were revoked or sought meanwhile are left out of the batch.
 * A handle belongs to one thread at a time, but where a comment says otherwise. The options must outlive the handles made from them.
 */
#ifndef KAFKA_H
#define KAFKA_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/option.h"
#include "base/str.h"

/* ---- options ---- */

struct kafka_property {
	const char *name, *value;
};

enum kafka_log_level { KAFKA_LOG_ERROR, KAFKA_LOG_WARNING, KAFKA_LOG_INFO, KAFKA_LOG_DEBUG };

struct kafka_options {
	const char *brokers;
	const char *group;
	const char *prefix;         /* of the topics that we own */
	const char *instance;       /* unique in the group: part of group.instance.id and of the transactional ids; NULL: the host's name */
	int64_t shards;             /* partitions of PREFIX.tallies when it is created */
	int64_t replication;        /* of our topics when they are created; 0: the broker's default */
	int64_t retention_ms;       /* of our topics; 0: the caller fills it in: at least 2 x the longest window + 1 day */
	int64_t session_timeout_ms;
	int64_t record_bytes_max;   /* an input record larger than this is not expected; dead letters hold this much + headers */

	/* Not rows: `kafka:` takes any other member as a librdkafka property, see kafka_property_check(). */
	const struct kafka_property *properties;
	size_t properties_count;

	/* Not rows: where librdkafka's and our lines go; may run on any thread. NULL: errors and warnings to stderr. */
	void (*log)(void *context, enum kafka_log_level, const char *line);
	void *log_context;
};
extern const struct option_row kafka_options[];

/* Is it a property that may be passed through, and does librdkafka take the value? Otherwise err says which key to use instead. */
NODISCARD bool kafka_property_check(const char *name, const char *value, struct err *);
const char *kafka_instance(const struct kafka_options *);   /* the instance, or the host's name */

/* ---- consuming: records in batches ---- */

#define KAFKA_OFFSET_NONE      (-1001)   /* no committed offset */
#define KAFKA_OFFSET_EARLIEST  (-2)
#define KAFKA_OFFSET_LATEST    (-1)
#define KAFKA_OFFSET_LATER     (-1003)   /* assigned() can't say yet */

struct kafka_record {
	uint32_t topic;            /* index in the topics given at open */
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms;      /* -1: none */
	bool log_append_time;      /* the broker's clock, else the producer's */
	struct str key, value;     /* at NULL: absent (a null value is a tombstone). Valid until release */
	const void *message;       /* private: headers */
};

/* The last header of that name; at NULL: absent. Walks the headers: not for every record of a hot path. */
struct str kafka_record_header(const struct kafka_record *, const char *name);
/* All headers in order: false at the end. */
bool kafka_record_header_at(const struct kafka_record *, size_t i, struct str *name, struct str *value);

/* A partition that was just given to us, with what the group committed for it. The callback sets start and paused. */
struct kafka_assigned {
	uint32_t topic;
	int32_t partition;
	int64_t committed;         /* or KAFKA_OFFSET_NONE */
	struct str metadata;       /* of the committed offset; valid in the callback */
	int64_t start;             /* out: an offset, _EARLIEST, _LATEST or _LATER; preset: committed, or _EARLIEST without one */
	bool paused;               /* out: fetch nothing until kafka_consumer_resume() */
};

struct kafka_partition {
	uint32_t topic;
	int32_t partition;
};

struct kafka_range_error {
	uint32_t topic;
	int32_t partition;
	int64_t wanted, low, high;   /* the offset asked for; what is there. Reading goes on at low */
};

struct kafka_consumer_events {
	/* Decide the start of each. Called only when there are any. If one is _LATER, all of them are asked again at a later poll. */
	void (*assigned)(void *context, struct kafka_assigned *, size_t count);
	/* End the transaction first (commit what was processed), then forget them. They are still ours during the call unless lost. */
	void (*revoked)(void *context, const struct kafka_partition *, size_t count);
	/* Somebody else may own them already: roll back, do not commit. NULL: like revoked. */
	void (*lost)(void *context, const struct kafka_partition *, size_t count);
	/* The offset asked for is gone (retention, topic created anew). May be NULL. */
	void (*out_of_range)(void *context, const struct kafka_range_error *);
	void *context;
};

struct kafka_consumer_spec {
	const char *group_suffix;        /* group = GROUP or GROUP.SUFFIX; NULL: none */
	int lane;                        /* group.instance.id = INSTANCE-LANE-TOPICS */
	const char *const *topics;       /* absent ones are waited for, and said once a minute */
	size_t topics_count;
	size_t batch_max;                /* most records of one poll */
	int64_t group_session_timeout_ms;  /* 0: from the options */
	struct kafka_consumer_events events;
};

struct kafka_consumer;

enum kafka_poll {
	KAFKA_POLL_OK,          /* count may be 0 */
	KAFKA_POLL_FATAL,       /* another instance runs under the same name (err.lasting), or librdkafka gave up: err says it */
};

NODISCARD struct kafka_consumer *kafka_consumer_open(const struct kafka_options *, const struct kafka_consumer_spec *, struct err *);
/* Gives the partitions up (revoked is called) and ends. Static members do not leave the group: they are expected back. NULL is fine. */
void kafka_consumer_close(struct kafka_consumer *);

/*
 * Up to `max` (<= batch_max) records that are there; waits up to timeout_ms for the first one, never for a full batch. Release them before
 * the next poll (not needed, and harmless, when there were none). Poll at least every max.poll.interval.ms (5 min),
 * also while everything is paused: it serves rebalances.
 */
NODISCARD enum kafka_poll kafka_consumer_poll(struct kafka_consumer *, struct kafka_record *out, size_t max, size_t *count,
                                              int timeout_ms, struct err *);
void kafka_consumer_release(struct kafka_consumer *);

void kafka_consumer_wake(struct kafka_consumer *);     /* any thread: a waiting poll returns at once */
NODISCARD bool kafka_consumer_pause(struct kafka_consumer *, uint32_t topic, int32_t partition, struct err *);
/* Goes on at `from`, whatever was handed out meanwhile (a record may slip through before a pause takes hold). KAFKA_OFFSET_NONE: where it
 * stands. */
NODISCARD bool kafka_consumer_resume(struct kafka_consumer *, uint32_t topic, int32_t partition, int64_t from, struct err *);
/* Records polled before are not handed out after a seek. offset may be _EARLIEST or _LATEST. */
NODISCARD bool kafka_consumer_seek(struct kafka_consumer *, uint32_t topic, int32_t partition, int64_t offset, struct err *);

/*
 * Our session was lost in the last minute, because the broker or we ourselves stood still: another instance may have been started in our
 * place. Being fenced is then no sign of two that run under one name for good.
 */
bool kafka_consumer_was_away(const struct kafka_consumer *);

/* What the group committed for partitions, stable (waits for a transaction of the group that is just being ended). */
struct kafka_committed {
	uint32_t topic;
	int32_t partition;
	int64_t offset;                /* out; KAFKA_OFFSET_NONE */
	char metadata[512];            /* out; cut there */
};
NODISCARD bool kafka_consumer_committed(struct kafka_consumer *, struct kafka_committed *, size_t count, int timeout_ms, struct err *);
/* The first offset whose record's timestamp is at or after time_ms; the end if there is none. */
NODISCARD bool kafka_consumer_offset_at(struct kafka_consumer *, uint32_t topic, int32_t partition, int64_t time_ms, int64_t *offset,
                                        int timeout_ms, struct err *);
/* Asks the broker. *stable: the last stable offset, the end for read_committed. */
NODISCARD bool kafka_consumer_watermarks(struct kafka_consumer *, uint32_t topic, int32_t partition, int64_t *low, int64_t *stable,
                                         int timeout_ms, struct err *);
int kafka_consumer_topic_partitions(struct kafka_consumer *, uint32_t topic);   /* as the broker says now; -1: unknown */

/* What we own, from what is known locally: no request. Returns the count (may exceed max). */
struct kafka_position {
	uint32_t topic;
	int32_t partition;
	int64_t position;          /* next offset to be handed out; KAFKA_OFFSET_NONE before the first record */
	int64_t high;              /* high watermark of the last fetch; -1: none yet */
	int64_t lag;               /* records to come (transaction markers included); 0 once the end was seen; -1: unknown yet */
	bool paused;
};
size_t kafka_consumer_positions(const struct kafka_consumer *, struct kafka_position *, size_t max);

struct kafka_consumer_stats {
	uint64_t records, bytes;       /* handed out; bytes of keys and values */
	uint64_t rebalances;
	uint64_t out_of_range;
	uint64_t errors;               /* transient ones that librdkafka reported */
	bool brokers_down;             /* no broker can be reached; it goes on trying for ever */
	bool topics_missing;           /* a subscribed topic does not exist or may not be read */
};
struct kafka_consumer_stats kafka_consumer_stats(const struct kafka_consumer *);
/* A right that is missing just now, named exactly; it goes on without and tries again. On the thread that polls. */
bool kafka_consumer_denied(const struct kafka_consumer *, struct err *);

/*
 * The group as it is now: take it before a transaction's first record. NULL with err when we are no member (generation -1, which a broker would
 * not check): then nothing may be committed; poll and try again.
 */
struct kafka_group;
NODISCARD struct kafka_group *kafka_consumer_group(struct kafka_consumer *, struct err *);
void kafka_group_destroy(struct kafka_group *);
int32_t kafka_group_generation(const struct kafka_group *);

/* ---- reading without a group: refill, rebuild, listing ---- */

#define KAFKA_UNTIL_STABLE  (-1)   /* what is committed at open (last stable offset) */
#define KAFKA_UNTIL_HIGH    (-2)   /* everything written before open: waits for open transactions to end either way (<= their time-out) */
#define KAFKA_UNTIL_FOREVER (-3)   /* follows */

struct kafka_read {
	uint32_t topic;         /* index in the topics given at open */
	int32_t partition;
	int64_t from;           /* an offset, _EARLIEST, _LATEST; an offset that is gone: the earliest */
	int64_t until;          /* before this offset, or KAFKA_UNTIL_*. Out at open: the offset it became (FOREVER stays) */
};

struct kafka_reader;

/* Blocks for the end offsets, up to timeout_ms. `reads` is copied after `until` was filled in. */
NODISCARD struct kafka_reader *kafka_reader_open(const struct kafka_options *, const char *const *topics, size_t topics_count,
                                                 struct kafka_read *reads, size_t reads_count, size_t batch_max, int timeout_ms,
                                                 struct err *);
void kafka_reader_close(struct kafka_reader *);
/* Like kafka_consumer_poll(); records at or after `until` are not handed out. A missing right ends it. */
NODISCARD enum kafka_poll kafka_reader_poll(struct kafka_reader *, struct kafka_record *out, size_t max, size_t *count, int timeout_ms,
                                            struct err *);
void kafka_reader_release(struct kafka_reader *);
bool kafka_reader_done(const struct kafka_reader *);                       /* every part was read to its end */
int64_t kafka_reader_remaining(const struct kafka_reader *);               /* offsets to come, for progress */

/* ---- producing ---- */

enum kafka_outcome {
	KAFKA_DONE,
	KAFKA_ABORT,      /* nothing of the transaction counts: kafka_producer_abort(), roll back, seek to the committed offsets, redo */
	KAFKA_UNCLEAR,    /* timed out or not known: kafka_producer_replace(), then the committed offsets say what happened */
	KAFKA_FATAL,      /* fenced: another instance runs under the same name (err.lasting); or a right is missing. Stop */
};
const char *kafka_outcome_name(enum kafka_outcome);

struct kafka_header {
	struct str name, value;
};

struct kafka_message {
	unsigned topic;                 /* from kafka_producer_topic() */
	int32_t partition;              /* -1: by key (murmur2, as Java does), without a key at random */
	struct str key, value;          /* copied; at NULL: absent */
	const struct kafka_header *headers;
	size_t headers_count;
	int64_t timestamp_ms;           /* 0: now */
	uint64_t tag;                   /* not 0: report it to delivered() */
};

struct kafka_delivery {
	uint64_t tag;
	bool ok;                  /* written (in a transaction: still to be committed) */
	int32_t partition;
	int64_t offset;           /* -1 if not ok */
	const char *why;          /* not ok: for a person; a missing right by name */
};

/* Runs inside send, flush, commit, abort and close, on their thread. */
typedef void kafka_delivered_fn(void *context, const struct kafka_delivery *);

struct kafka_offset {
	const char *topic;
	int32_t partition;
	int64_t offset;            /* the next one to read */
	struct str metadata;       /* text, no NUL, at most 4096 bytes (broker's offset.metadata.max.bytes) */
};

struct kafka_producer;

/* GROUP/INSTANCE/LANE or GROUP/INSTANCE/ROLE/LANE, with / and % in a name as %2F and %25: no two of different names are the same. False: it
 * does not fit. An empty instance: only GROUP/, what all ids of the group begin with. */
NODISCARD bool kafka_transactional_id(char *out, size_t size, const char *group, const char *instance, const char *role, int lane);
/* Under the id of the group, the instance, `role` (NULL: none) and the lane. No network yet. */
NODISCARD struct kafka_producer *kafka_producer_open(const struct kafka_options *, const char *role, int lane, kafka_delivered_fn *,
                                                     void *context, struct err *);
/* Fences and ends what an earlier process left open under this id. UNCLEAR: Kafka can't be reached yet, call again. */
NODISCARD enum kafka_outcome kafka_producer_init(struct kafka_producer *, int timeout_ms, struct err *);
/* A new client under the same id, in place, and init: topics stay valid. UNCLEAR: not through yet, call again. */
NODISCARD enum kafka_outcome kafka_producer_replace(struct kafka_producer *, int timeout_ms, struct err *);
void kafka_producer_close(struct kafka_producer *);   /* an open transaction is aborted. NULL is fine */

unsigned kafka_producer_topic(struct kafka_producer *, const char *name);   /* the same name, the same number */

NODISCARD enum kafka_outcome kafka_producer_begin(struct kafka_producer *, struct err *);
/* Queues it. A full queue waits up to 5 s, of a plain producer a minute. ABORT: too large, or what was sent before has failed. */
NODISCARD enum kafka_outcome kafka_producer_send(struct kafka_producer *, const struct kafka_message *, struct err *);
NODISCARD enum kafka_outcome kafka_producer_send_offsets(struct kafka_producer *, const struct kafka_offset *, size_t count,
                                                         const struct kafka_group *, int timeout_ms, struct err *);
/* Flushes and commits. DONE: it counts. ABORT: it does not. UNCLEAR: either. */
NODISCARD enum kafka_outcome kafka_producer_commit(struct kafka_producer *, int timeout_ms, struct err *);
/* Never returns ABORT. */
NODISCARD enum kafka_outcome kafka_producer_abort(struct kafka_producer *, int timeout_ms, struct err *);
void kafka_producer_serve(struct kafka_producer *);   /* delivery reports that are due; between transactions too */

/* A plain idempotent producer: begin, send_offsets, commit and abort are not for it. Follow deliveries by tag or by the counts. */
NODISCARD struct kafka_producer *kafka_producer_open_plain(const struct kafka_options *, kafka_delivered_fn *, void *context, struct err *);
/* Waits until all sent messages were delivered or failed. UNCLEAR: not all within the time. */
NODISCARD enum kafka_outcome kafka_producer_flush(struct kafka_producer *, int timeout_ms, struct err *);

struct kafka_producer_stats {
	uint64_t sent, delivered, failed;
	uint64_t bytes;              /* of delivered values */
	bool brokers_down;
};
struct kafka_producer_stats kafka_producer_stats(const struct kafka_producer *);

/* ---- our topics ---- */

enum kafka_topic { KAFKA_TOPIC_TALLIES, KAFKA_TOPIC_RESPONSES, KAFKA_TOPIC_DEAD_LETTERS, KAFKA_TOPIC_ALERTS };
#define KAFKA_TOPICS 4

#define KAFKA_TOPIC_NAME_BYTES 250
/* PREFIX.tallies and so on. */
void kafka_topic_name(const struct kafka_options *, enum kafka_topic, char out[KAFKA_TOPIC_NAME_BYTES]);

struct kafka_topic_state {
	char name[KAFKA_TOPIC_NAME_BYTES];
	bool exists, created;       /* created: by this call */
	int partitions;             /* what is there; what it would be created with if absent */
	int64_t record_bytes_max;   /* key, value and headers of a record that surely fits, whatever it is compressed to */
	char warning[400];          /* what is wrong with it and the command that mends it; "" when right */
};

/* Creates what is absent (if create), checks the rest. false: a right is missing or Kafka is out of reach; err names resource and operation. */
NODISCARD bool kafka_topics_ensure(const struct kafka_options *, bool create, struct kafka_topic_state out[KAFKA_TOPICS], int timeout_ms,
                                   struct err *);
/* kafka-topics.sh and kafka-acls.sh commands for a principal (NULL: User:corridor). */
void kafka_topics_print(const struct kafka_options *, const char *const *inputs, size_t inputs_count, const char *principal, FILE *);

/* Which topics exist, with their partition counts: -1 absent, -2 no right. For check --live and clear waiting. */
NODISCARD bool kafka_topics_partitions(const struct kafka_options *, const char *const *topics, size_t count, int *partitions,
                                       int timeout_ms, struct err *);
/* Creates any topic with the broker's defaults (generate, tests). An existing one is fine. */
NODISCARD bool kafka_topic_create(const struct kafka_options *, const char *name, int partitions, int replication,
                                  const struct kafka_property *settings, size_t settings_count, int timeout_ms, struct err *);

/* ---- the embedded broker: librdkafka's mock cluster, for the demo and for injecting errors ---- */

/*
 * It keeps about 5 MiB per partition, shows aborted records, and loses offsets that were committed in a transaction (they read back as none).
 * Nothing about exactly-once can be claimed from it.
 */
struct kafka_embedded;
NODISCARD struct kafka_embedded *kafka_embedded_open(int brokers, struct err *);
void kafka_embedded_close(struct kafka_embedded *);   /* after its clients. NULL is fine */
const char *kafka_embedded_brokers(const struct kafka_embedded *);
NODISCARD bool kafka_embedded_topic(struct kafka_embedded *, const char *name, int partitions, struct err *);
/* CreateTopics is unknown to it: creates PREFIX.tallies and so on. */
NODISCARD bool kafka_embedded_own_topics(struct kafka_embedded *, const struct kafka_options *, struct err *);
/* The next requests of this kind (Kafka's api key, e.g. 26 EndTxn, 28 TxnOffsetCommit) answer with these error codes, in this order. */
void kafka_embedded_fail(struct kafka_embedded *, int16_t api_key, const int *codes, size_t count);
void kafka_embedded_round_trip(struct kafka_embedded *, int ms);
void kafka_embedded_down(struct kafka_embedded *, bool down);   /* all brokers */

#endif
