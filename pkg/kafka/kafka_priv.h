/* What the files of `kafka` share. */
#ifndef KAFKA_PRIV_H
#define KAFKA_PRIV_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "kafka/kafka.h"

/* ---- configuration ---- */

/* The transaction time-out: a dead instance holds the last stable offset back for no longer (and up to 10 s until the broker notices). */
#define KAFKA_TRANSACTION_MS 10000

/* Room for keys and headers beside a raw record in a dead letter. */
#define KAFKA_HEADER_ROOM (128 << 10)

/*
 * A configuration in the order base settings, the user's properties, and then, by kafka_conf_put(), what must hold. `opaque` gets librdkafka's
 * log lines by way of a struct kafka_log_target in front of the handle.
 */
rd_kafka_conf_t *kafka_conf_create(const struct kafka_options *, const char *role, struct err *);
bool kafka_conf_put(rd_kafka_conf_t *, const char *name, const char *value, struct err *);
bool kafka_conf_put_number(rd_kafka_conf_t *, const char *name, long long value, struct err *);
/* Takes conf in any case. `client` becomes the opaque of all callbacks; its first member is a struct kafka_log_target. */
rd_kafka_t *kafka_conf_client(rd_kafka_type_t, rd_kafka_conf_t *, void *client, const char *brokers, struct err *);
long long kafka_conf_record_bytes_max(const struct kafka_options *);   /* of any record that we write: a dead letter */

struct kafka_log_target {
	const struct kafka_options *options;
	atomic_bool closing;
	atomic_bool left;         /* to the end of the process: the options may be gone */
	atomic_int heard_state;   /* 0 nothing, 1 being written, 2 there */
	char heard[600];          /* librdkafka's first line about a topic that may not be written */
};
void kafka_say(const struct kafka_options *, enum kafka_log_level, const char *format, ...) PRINTF(3, 4);

int64_t kafka_now_ms(void);

/* The right that is missing, for a librdkafka error about authorization; NULL for any other error. */
const char *kafka_right_missing(rd_kafka_resp_err_t);
/* The exact one: operation of kind (topic, group, transactional id) name. */
void kafka_err_right(struct err *, rd_kafka_resp_err_t, const char *operation, const char *kind, const char *name);
/* "topic 'x': no right to ..." or librdkafka's own words. */
void kafka_err(struct err *, rd_kafka_resp_err_t, const char *subject, const char *words);

/* ---- consumer ---- */

struct kafka_part {
	uint32_t topic;
	int32_t partition;
	int64_t start;        /* what it was assigned or sought at */
	int64_t position;     /* next to hand out; KAFKA_OFFSET_NONE: nothing was handed out since start */
	int64_t eof;          /* the end was seen here; KAFKA_OFFSET_NONE */
	int64_t reset_from;   /* the offset that was out of range; KAFKA_OFFSET_NONE */
	bool paused;
	bool stale;           /* revoked or sought: records of the batch in hand are not handed out */
};

/* A rebalance that librdkafka announced and that is still to be carried out. */
struct kafka_rebalance {
	bool assign, lost;
	rd_kafka_topic_partition_list_t *list;
};

/* See fetch.c. */
struct kafka_fetch {
	bool wakes_itself;                 /* this librdkafka does */
	bool full;                         /* its queue was, so its fetching thread sleeps */
	uint64_t messages_max, bytes_max;  /* of the queue */
};

struct kafka_consumer {
	struct kafka_log_target log;             /* first: see kafka_conf_client() */
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	char **topics;
	size_t topics_count;
	struct kafka_consumer_events events;
	bool member;                       /* of a group; else a reader */

	rd_kafka_message_t **messages;
	size_t batch_max, messages_count;

	struct kafka_part *parts;
	size_t parts_count, parts_room;
	struct kafka_rebalance pending[8];       /* librdkafka waits for the answer to one before it announces another; lost may follow */
	size_t pending_count;
	bool reset_pending;

	struct kafka_fetch fetch;
	struct kafka_consumer_stats stats;
	_Atomic bool brokers_down;
	char group[600];                   /* of a member */
	unsigned char *denied;             /* enum kafka_denied of each topic, and of the group behind them */
	int64_t denied_said_ms, denied_again_ms;
	int64_t said_ms;                   /* when an error line was written last */
	rd_kafka_resp_err_t said;
	pthread_mutex_t lock;              /* of rk and queue, against kafka_consumer_wake() */
	int64_t session_ms, polled_ms;
	int64_t away_ms;                   /* when we last learned that our session may be lost */
};

#define TOPIC_UNKNOWN UINT32_MAX
uint32_t kafka_topic_index(const struct kafka_consumer *, const char *name);
struct kafka_part *kafka_part_find(const struct kafka_consumer *, uint32_t topic, int32_t partition);
struct kafka_part *kafka_part_add(struct kafka_consumer *, uint32_t topic, int32_t partition, int64_t start);
void kafka_part_drop(struct kafka_consumer *, uint32_t topic, int32_t partition);
rd_kafka_topic_partition_list_t *kafka_part_list(const struct kafka_consumer *, uint32_t topic, int32_t partition, int64_t offset);
/* A consumer that is in no group yet; `assigned` manually or subscribed by the caller. */
struct kafka_consumer *kafka_consumer_create(const struct kafka_options *, rd_kafka_conf_t *, const char *const *topics, size_t topics_count,
                                       size_t batch_max, struct err *);
/*
 * _EARLIEST and _LATEST as a number. They are never left to librdkafka 2.0: it asks the broker in the background, and a second seek or a
 * resumption while it does can make a late answer throw the partition back to its beginning.
 */
int64_t kafka_offset_resolve(struct kafka_consumer *, uint32_t topic, int32_t partition, int64_t offset);
bool kafka_part_seek(struct kafka_consumer *, struct kafka_part *, int64_t offset, struct err *);
bool kafka_part_pause(struct kafka_consumer *, struct kafka_part *, bool pause, struct err *);

const rd_kafka_consumer_group_metadata_t *kafka_group_metadata(const struct kafka_group *);

bool kafka_group_joined(const struct kafka_consumer *);   /* it has a generation */

void kafka_rebalance_callback(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *consumer);
void kafka_rebalance_serve(struct kafka_consumer *);   /* carries out what is pending, as far as the broker can be reached */
void kafka_rebalance_leave(struct kafka_consumer *);   /* gives up all there is, before the end */
void kafka_rebalance_lose(struct kafka_consumer *);    /* somebody else may have all of it already */
bool kafka_consumer_subscribe(struct kafka_consumer *, struct err *);

void kafka_fenced_note(struct kafka_consumer *);   /* at each poll */
/* After the broker said that our name is another's: joins again if that other may be ourselves; false: it is not. */
bool kafka_fenced_serve(struct kafka_consumer *, struct err *);

bool kafka_fetch_configure(rd_kafka_conf_t *, struct err *);
void kafka_fetch_begin(struct kafka_consumer *);
void kafka_fetch_keep_up(struct kafka_consumer *);     /* after each full batch */

void kafka_range_serve(struct kafka_consumer *);       /* puts partitions whose offset is gone to what is there */

/* ---- rights ---- */

/* What was refused last, until it is seen to work again. */
enum kafka_denied { KAFKA_DENIED_NOTHING, KAFKA_DENIED_READ, KAFKA_DENIED_DESCRIBE };

/* i: a topic's index, or the count of topics for the group. Says it, at most once a minute. */
void kafka_denied_note(struct kafka_consumer *, size_t i, enum kafka_denied);
void kafka_denied_event(struct kafka_consumer *, size_t topic, const rd_kafka_message_t *);
void kafka_denied_again(struct kafka_consumer *);   /* tries what may not be read, now and then */
void kafka_denied_hear(struct kafka_log_target *, const char *words);   /* on any of librdkafka's threads */
struct kafka_producer;
/* The right that is missing, exactly; false: it is not known, or another error. */
bool kafka_producer_denied(const struct kafka_producer *, rd_kafka_resp_err_t, const char *words, struct err *);

/* ---- producer ---- */

struct kafka_producer {
	struct kafka_log_target log; /* first: see kafka_conf_client() */
	rd_kafka_t *rk;
	char transactional_id[300]; /* "": plain */
	kafka_delivered_fn *delivered;
	void *context;
	char **names;
	rd_kafka_topic_t **topics;
	size_t topics_count;
	bool open; /* a transaction */
	int64_t began_ms;
	uint64_t failed_before; /* stats.failed at begin */
	const struct kafka_offset *offsets; /* while they are being sent */
	size_t offsets_count;
	struct kafka_producer_stats stats;
};

bool kafka_producer_fenced(const struct kafka_producer *, rd_kafka_resp_err_t);
enum kafka_outcome kafka_producer_absent(struct kafka_producer *, struct err *);   /* between clients */

/* ---- our topics ---- */

int kafka_own_partitions(const struct kafka_options *, enum kafka_topic);   /* when it is created */
#define KAFKA_OWN_SETTINGS 6
/* The settings it is created with, values into `text`; returns the count. */
size_t kafka_own_settings(const struct kafka_options *, enum kafka_topic, struct kafka_property out[KAFKA_OWN_SETTINGS],
                          char text[KAFKA_OWN_SETTINGS][32]);

#endif
