/* What the files of `pipeline` share. Each struct says on which thread it lives. */
#ifndef PIPELINE_PRIV_H
#define PIPELINE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "metrics/metrics.h"
#include "pipeline/pipeline.h"

#define NET_TIMEOUT_MS 10000   /* as long as the broker keeps a transaction open for us */
#define POLL_RECORDS   2048
#define ABORTS_MANY    3       /* in a row: no hiccup any more */

struct pipeline {
	struct pipeline_setup setup;
	struct os_clock *clock;
	struct metrics *metrics;
	struct metrics_shard *shard; /* the caller's */
	struct http *http;
	struct lane *lanes;
	unsigned lanes_count;
	struct watcher *watcher;
	struct publisher *publisher;
	struct delivery *delivery;             /* NULL: there is no sink */
	struct acks *acks;                     /* NULL: nobody may acknowledge over HTTP */
	uint32_t shards, journal_partitions;   /* of our topics, as many as are used: layout.c */
	int64_t letter_bytes_max;    /* of a dead letter: key, value, headers */
	atomic_bool failed;
	pthread_mutex_t lock;        /* of error */
	struct err error;            /* the first thread that gave up */
	bool started, stopped;
};

void pipeline_give_up(struct pipeline *, const struct err *);   /* any thread: the process has to end */
int64_t pipeline_now(const struct pipeline *);
/* False: the machine's clock was set so far from ours that feedback would be judged by a wrong time. Any thread. */
NODISCARD bool pipeline_clock_good(const struct pipeline *, struct err *);
/* The array `at`, or one that is large enough for `need` items of `size` bytes; `room` is how many it has space for. */
void *pipeline_room(void *at, unsigned *room, unsigned need, size_t size);

/* Where a consumer stands in each of its partitions, however many they are. */
struct positions {
	struct kafka_position *at;
	unsigned count, room;
};
void pipeline_positions(struct positions *, const struct kafka_consumer *);

void pipeline_name_thread(const char *role, unsigned number);   /* of the calling thread: "lane 0" in ps, top, perf */

/* ---- layout.c ---- */

/* Over how many partitions of our topics the deployment spreads what it writes; here is how many they have. */
bool layout_find(struct pipeline *, uint32_t tallies, uint32_t journals, struct err *);

/* ---- lane.c, commit.c, letters.c, refill.c: on the lane's thread ---- */

enum part_state { PART_WAITING, PART_REFILLING, PART_READY };

/* What goes with a committed offset: for whoever reads on. -1: not known. */
struct commit_mark {
	int64_t journal;             /* from which offset of the journal on a refill finds all that is within the horizon */
	int64_t from_ms;             /* since when the group counts what the topic holds; 0: all of it */
	int32_t partitions;          /* how many it had when the group began with it */
};
enum { MARK_BYTES = 128 };

/* An input partition. */
struct part {
	uint32_t topic;
	int32_t partition;
	uint64_t number;             /* in the lane, never used again: the tag of deliveries, which may come when the part is gone */
	enum part_state state;
	unsigned slot;               /* in the intake */
	int64_t committed;           /* what a rollback goes back to */
	int64_t next;                /* behind the last record taken */
	int64_t closing;             /* `next` of the transaction that is under way; -1: not in it */
	int64_t newest_ms;           /* timestamp of the last record taken */
	bool uncommitted;            /* `committed` is only where we began: it goes into the first transaction, read or not */
	struct commit_mark begun;    /* of the topic; its journal is what it was at the assignment */
	int64_t refill_from;         /* journal offset, or KAFKA_OFFSET_EARLIEST */
	int32_t journal_partition;
	int64_t journal_offset;      /* of the transaction under way; -1 */
	struct intake_marks marks;
	unsigned journal_first;      /* commit.c: this commit's entries, chained */
	unsigned label;              /* of METRIC_LAG */
	char key[280];               /* "topic:partition", the journal's key */
};

/* Where a dead letter came from: the record is gone when it is written. */
struct origin {
	uint32_t topic;
	int32_t partition;
	int64_t offset, timestamp_ms;
	size_t key_at, key_len;
	bool has_key;
};

enum commit_state { COMMIT_NONE, COMMIT_HANDED, COMMIT_ENDED };

struct lane {
	struct pipeline *pipeline;
	unsigned number;
	pthread_t thread, committer;
	atomic_bool stop;
	bool running;
	bool closing;                /* under lock: the consumer is going away */
	uint64_t rollbacks;
	struct kafka_consumer *consumer;
	struct kafka_producer *producer;
	struct intake *intake;
	struct bundle_writer *writer;
	struct bundle_reader *reader;
	struct metrics_shard *shard;
	unsigned tallies, journal, letters;   /* topics of the producer */
	uint64_t key_print;                   /* of the key that ids are hashed under */
	unsigned *topic_labels;               /* METRIC_CONSUMED */

	struct part **parts;
	unsigned parts_count, parts_max;
	uint64_t parts_made;
	struct kafka_record *records;
	struct origin origins[INTAKE_LETTERS_MAX];
	unsigned origins_count;
	char *keys;
	size_t keys_used, keys_size;
	unsigned *journal_next;
	unsigned journal_next_max;

	/* the transaction under way: handed to the committer and back */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	_Atomic enum commit_state commit_state;   /* changed under lock */
	bool committer_stop;
	struct kafka_group *group;
	struct kafka_offset *offsets;
	char (*metadata)[MARK_BYTES];
	unsigned offsets_count, offsets_max;
	enum kafka_outcome commit_outcome;
	struct err commit_err;
	int64_t commit_began_ns;

	struct intake_counts counts, reported;   /* committed */
	uint64_t commits, aborts;
	pthread_mutex_t figures_lock;
	struct pipeline_figures figures;         /* a copy for other threads, each second and at the end */
	struct err denied;                       /* the right that is missing just now; under figures_lock too */

	struct kafka_reader *refill;
	struct kafka_read *refill_reads;
	unsigned refill_count;
	int64_t refill_began_ns;
	uint64_t refill_entries;
	int64_t refill_said_ns;
	struct positions positions;

	int64_t last_commit_ns, last_tick_ns, last_second_ns;
	atomic_bool behind, caught_up, refilling, assigned;
	atomic_uint aborts_in_a_row;
	bool give_up;
};

bool lane_start(struct lane *, struct pipeline *, unsigned number, struct err *);
void lane_stop(struct lane *);       /* asks */
void lane_join(struct lane *);
void lane_release(struct lane *);
void lane_fail(struct lane *, const struct err *);

bool lane_commit_due(const struct lane *, int64_t now_ns);
void lane_commit_begin(struct lane *);      /* what is open goes into a transaction and to the committer, if it can */
void lane_commit_check(struct lane *);      /* a transaction that has ended is settled */
void lane_commit_wait(struct lane *);       /* until none is under way */
void lane_commit_all(struct lane *);        /* everything taken so far is committed, or rolled back */
void lane_rollback(struct lane *);          /* table, tally and positions as of the last commit */
bool lane_send(struct lane *, const struct kafka_message *);   /* false: the transaction can't go on */
/* What of a dead letter's key and value fits beside `headers` bytes: the value's end goes first. */
void letter_fit(int64_t bytes_max, size_t headers, size_t *key, size_t *value);
bool lane_write_letters(struct lane *);
void *lane_committer(void *lane);
void lane_delivered(void *lane, const struct kafka_delivery *);

/* ---- parts.c: the partitions of a lane ---- */

struct part *lane_part(const struct lane *, uint32_t topic, int32_t partition);   /* NULL: not ours */
bool lane_uncommitted(const struct lane *);                                 /* a first position is still to be committed */
struct kafka_consumer_events lane_events(struct lane *);

/* ---- first.c: where a partition begins ---- */

size_t commit_mark_write(char *out, size_t size, const struct commit_mark *);
struct commit_mark commit_mark_read(struct str);

enum first_how { FIRST_EARLIEST, FIRST_LATEST, FIRST_AT_TIME };
struct first_rule {
	enum first_how how;
	int64_t at_ms;               /* of AT_TIME */
	struct commit_mark mark;     /* to be committed with it */
};
/* For a partition without a committed offset, from the marks of those of its topic that have one. */
struct first_rule first_rule(enum config_start, int64_t now_ms, int64_t reach_ms, int32_t partition, int32_t partitions,
			     const struct commit_mark *known, size_t known_count);

struct first {
	int64_t offset;              /* always a number, since a rollback must be able to go back to it */
	struct commit_mark mark;
};
bool first_find(struct lane *, const struct kafka_assigned *, size_t count, struct first *out);   /* false: Kafka can't be asked just now */

/* ---- refill.c ---- */

void lane_refill_step(struct lane *);
void lane_refill_stop(struct lane *);

/* ---- watcher.c, watch_parts.c: on the watcher's thread ---- */

/* A partition of the tallies. The watch belongs to the watcher's thread. */
struct watch_part {
	int32_t partition;
	uint16_t turn;               /* of the watcher's watches: Kafka may answer for one that is gone */
	struct watch *watch;
	bool caught_up;              /* it was read to the end once: until then nothing is published */
	int64_t end, end_ns;         /* until then: where the log was seen to end, -1: nowhere yet; and when that was */
	bool rewrite;                /* the checkpoint can't be used: once caught up all of it is written again */
	bool broken;                 /* the log ends before what we have read */
	bool saving;                 /* a parcel with a checkpoint of it is out */
	bool lost;                   /* Redis lost what it held: no checkpoint before it got its alerts back */
	int64_t tell_after_ns;       /* an event did not reach Kafka: not before */
	unsigned out;                /* parcels that are out */
	struct store_token token;    /* the publisher's from the first parcel on */
	_Atomic int64_t log_ms, as_of_ms;
	unsigned label;
};

#define WATCH_DRAIN_MS  5000   /* on stopping and on a revocation: at most so long for the last tallies and for Redis */

struct watcher {
	struct pipeline *pipeline;
	struct kafka_consumer *consumer;
	struct kafka_producer *producer;
	unsigned letters_topic;           /* of bundles that can't be read */
	unsigned alerts_topic;
	unsigned telling;                 /* events on their way to Kafka */
	int64_t again_after_ns;           /* what Redis lost could not be read: not before */
	uint16_t turns;                   /* watches made */
	struct metrics_shard *shard;
	struct kafka_record *records;
	struct watch_part **parts;
	unsigned parts_count, parts_room, turn;
	struct positions positions;
	pthread_t thread;
	bool running, closing;
	bool redis_away;                  /* noticed while partitions were assigned */
	bool redis_failed;                /* noticed since partitions were revoked */
	pthread_mutex_t lock;             /* of closing and denied */
	struct err denied;                /* the right that is missing just now */
	struct err untold;                /* why events of incidents do not get to Kafka just now; under lock */
	int64_t untold_said_ns;
	atomic_bool drain, caught_up, has_fresh;
	struct alert_options fresh;       /* settings that were read again; under lock */
	int64_t last_second_ns;
	uint64_t clamped;
	char topic[KAFKA_TOPIC_NAME_BYTES];
};

struct watcher *watcher_create(struct pipeline *);
bool watcher_start(struct watcher *, struct err *);
void watcher_drain(struct watcher *);   /* asks it to read to the end, write out and stop */
void watcher_join(struct watcher *);
void watcher_destroy(struct watcher *);
bool watcher_caught_up(struct watcher *);
bool watcher_untold(struct watcher *, struct err *);   /* alerts don't get to Kafka just now; from any thread */
void watcher_set(struct watcher *, const struct alert_options *);   /* any thread: settings that were read again */
bool watcher_denied(struct watcher *, struct err *);   /* a right is missing just now; from any thread */

/* tell.c: events of incidents to Kafka, before anybody else hears of them */
void watcher_tell(struct watcher *);
void watcher_told(void *watcher, const struct kafka_delivery *);

/* known.c */
/* What was told of a partition's touchpoints, from corridor.alerts, to a watch that reads its log anew. */
void watcher_known(struct watcher *, struct watch_part *);
/* Likewise to those whose Redis lost what it held, so that it is written there again. */
void watcher_again(struct watcher *);

/* watch_parts.c */
struct parcel;
struct watch_part *watcher_part(struct watcher *, int32_t partition);
void watcher_assigned(void *watcher, struct kafka_assigned *, size_t count);
void watcher_revoked(void *watcher, const struct kafka_partition *, size_t count);
void watcher_lost(void *watcher, const struct kafka_partition *, size_t count);
void watcher_out_of_range(void *watcher, const struct kafka_range_error *);
void watcher_mend(struct watcher *, struct watch_part *);
void watcher_drop(struct watcher *, int32_t partition, int64_t save_until_ns);
void watcher_settle_all(struct watcher *);                                                    /* watcher.c */
bool watcher_fill_one(struct watcher *, struct watch_part *, struct parcel *, bool all);   /* watcher.c; false: nothing was due */

/* ---- publisher.c ---- */

enum parcel_state { PARCEL_WANTED, PARCEL_READY, PARCEL_BUSY, PARCEL_DONE };

/* Filled by the watcher, written by the publisher, settled by the watcher. */
struct parcel {
	enum parcel_state state;
	uint64_t number;
	struct watch_batch *batch;
	struct watch_part *part;
	enum store_outcome outcomes[WATCH_BATCH];
	enum store_checkpoint_outcome checkpoint;
};

#define PARCELS 2   /* one is written while the next is filled */

/* ---- acks.c: on http's thread ---- */

struct acks;
struct acks *acks_create(struct pipeline *, struct err *);
void acks_destroy(struct acks *);
enum http_ack acks_take(void *pipeline, uint64_t incident, struct str by);

/* ---- delivery.c, delivery_take.c: a thread of its own ---- */

/* A message until all sinks are done with it. */
struct outgoing {
	struct outgoing *next;
	struct option_pool pool;
	struct alert_event event;
	enum sink_what what;
	uint32_t to, done;           /* sinks that are still to take it; that are done with it */
	struct desk_sent sent;
	char before[STORE_STREAM_ID_BYTES];   /* the entry of the stream before the one that it came of */
};

struct delivery {
	struct pipeline *pipeline;
	struct metrics_shard *shard;
	struct store *store;
	struct desk *desk;
	struct sinks *sinks;
	pthread_t thread;
	bool running, begun;
	atomic_bool stop, owner, news;
	pthread_mutex_t lock;        /* of the pointer `sinks`, since they are woken from other threads, and of the fresh settings */
	bool has_fresh;
	struct desk_options settings, fresh;           /* fresh: read again */
	struct alert_options alerts, fresh_alerts;
	struct http_secret secret;
	struct kafka_producer *producer;   /* of what could not be delivered */
	unsigned letters_topic;
	char after[STORE_STREAM_ID_BYTES], before[STORE_STREAM_ID_BYTES];   /* entries of the stream: the last one taken, and that before it */
	char cursor[STORE_STREAM_ID_BYTES];   /* as it stands in Redis */
	int64_t read_ms, people_ms, cursor_ms, sources_ms;
	struct outgoing *first, **last;
};

#define DELIVERY_DESK "_desk"   /* whose cursor and memory of incidents in Redis are the desk's */

/* delivery_take.c: what comes in. False: Redis is away, try again. */
bool delivery_begin(struct delivery *, int64_t now_ms);
void delivery_take(struct delivery *, int64_t now_ms);         /* what is new in the stream, what people said */
bool delivery_note(struct delivery *, const struct outgoing *);   /* all sinks are done with it */
void delivery_cursor(struct delivery *, int64_t now_ms);

/* delivery.c */
void delivery_drain(struct delivery *, int64_t now_ms);        /* what the desk lets out */

struct delivery *delivery_create(struct pipeline *, struct err *);
bool delivery_start(struct delivery *, struct err *);
void delivery_stop(struct delivery *);             /* asks, joins */
void delivery_destroy(struct delivery *);
void delivery_own(struct delivery *, bool owner);   /* any thread: we own partition 0, or no longer. NULL is fine */
void delivery_set(struct delivery *, const struct desk_options *, const struct alert_options *);   /* any thread: settings that were read again. NULL is fine */
void delivery_wake(struct delivery *);              /* any thread: the stream has something new. NULL is fine */

struct publisher *publisher_create(struct pipeline *, struct err *);
bool publisher_start(struct publisher *, struct err *);
void publisher_stop(struct publisher *);   /* asks, joins */
void publisher_destroy(struct publisher *);
void publisher_stats(struct publisher *, uint64_t *published, bool *up);

/* For the watcher's thread. A parcel in `state`, or NULL. Wanted ones are withheld while publishing has used up its share. */
struct parcel *publisher_parcel(struct publisher *, enum parcel_state);
void publisher_send(struct publisher *, struct parcel *);           /* filled: READY */
void publisher_return(struct publisher *, struct parcel *);         /* settled: WANTED */
void publisher_wait(struct publisher *, int timeout_ms);            /* until a parcel is done */
void publisher_hurry(struct publisher *, bool);                     /* partitions leave: no withholding until they are gone */
bool publisher_take_lost(struct publisher *);                       /* true once after Redis lost what was there */
void publisher_parts(struct publisher *, struct watch_part *const *, unsigned count);   /* of which health is written */

#endif
