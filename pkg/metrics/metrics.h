/*
 * metrics - what the program counts about itself, as Prometheus text.
 *
 * One table describes every metric (name, help, labels). A thread has a shard of its own and is its only
 * writer: relaxed loads and stores, no locked instruction, no sharing; the reader sums the shards. That holds
 * for gauges too: entries of the table of lane 1 plus those of lane 2. A gauge without a value is absent.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum metric {
	/* intake, counters */
	METRIC_CONSUMED,            /* label: topic (metrics_label) */
	METRIC_CONSUMED_BYTES,      /* label: topic */
	METRIC_TALLIED,             /* label: enum ledger */
	METRIC_DUPLICATES,
	METRIC_SUPERSEDED,
	METRIC_EDITS,
	METRIC_DELETIONS,
	METRIC_UNSCORED,
	METRIC_UNREAD,
	METRIC_UNMAPPED,            /* responses without a touchpoint */
	METRIC_OVERFLOW,            /* responses of touchpoints beyond the limit */
	METRIC_DEAD_LETTERS,        /* label: enum feedback_reason; `late` and `future` are among them */
	METRIC_LETTERS_CUT,         /* dead letters that did not fit */
	METRIC_COMMITS,
	METRIC_ABORTS,
	METRIC_COMMIT_SECONDS,      /* histogram */
	METRIC_REFILLED,
	METRIC_INPUT_RESETS,        /* the committed offset was out of range */
	/* intake, gauges */
	METRIC_LAG,                 /* labels: topic, partition (metrics_label) */
	METRIC_RESPONSES,
	METRIC_RESPONSES_CAPACITY,
	METRIC_RESPONSES_BYTES,
	METRIC_EVICTIONS,           /* a counter, set with metrics_put */
	METRIC_EXPIRED,             /* likewise */
	METRIC_TOUCHPOINTS,
	/* watch */
	METRIC_BUNDLES,             /* counter */
	METRIC_CELLS,               /* counter */
	METRIC_LOG_LAG_SECONDS,     /* gauge; label: partition of the tallies (metrics_label) */
	METRIC_SLOTS,               /* gauges */
	METRIC_WINDOW_BYTES,
	METRIC_ALERTS,              /* counter; label: enum alert_type's order */
	METRIC_INCIDENTS,           /* gauge: open */
	METRIC_DELIVERIES,          /* counter; label: METRIC_DELIVERED and so on */
	/* store */
	METRIC_REDIS_UP,            /* gauge */
	METRIC_REDIS_CONNECTS,      /* counters */
	METRIC_REDIS_LOSSES,
	METRIC_PUBLISHED,           /* label: enum store_outcome's order: failed, refused, written */
	METRIC_PUBLISH_SECONDS,     /* histogram: a batch, our encoding excepted */
	METRIC_PUBLISH_DELAY_SECONDS,   /* histogram: from a change in the windows to Redis */
	METRIC_PUBLISH_BACKLOG,     /* gauge: touchpoints that wait to be published */
	METRIC_CHECKPOINTS,         /* label: enum store_checkpoint_outcome's order: failed, written, lost, refused */
	/* process */
	METRIC_CLOCK_APART_SECONDS, /* gauge */
	METRIC_COUNT
};

#define METRIC_ONLY 0   /* the label of a metric that has none */

/* Labels of METRIC_PUBLISHED. */
enum { METRIC_PUBLISHED_FAILED, METRIC_PUBLISHED_REFUSED, METRIC_PUBLISHED_WRITTEN };
enum { METRIC_DELIVERED, METRIC_UNDELIVERED };

struct metrics;
struct metrics_shard;

struct metrics *metrics_create(const char *version);
void metrics_destroy(struct metrics *);   /* with all its shards */

/* For one thread to write; lives as long as `metrics`. From any thread. */
struct metrics_shard *metrics_shard(struct metrics *);

/* The number of a label (or a pair of them) of a metric that takes them at run time: the same for the same
 * texts. From any thread, not for hot paths. b is NULL for metrics with one label. When a metric has too
 * many, all further ones share the last, "other". */
unsigned metrics_label(struct metrics *, enum metric, const char *a, const char *b);

/* ---- by the owner of the shard ---- */
void metrics_add(struct metrics_shard *, enum metric, unsigned label, uint64_t n);      /* counters */
void metrics_put(struct metrics_shard *, enum metric, unsigned label, double value);    /* gauges, and counters kept elsewhere */
void metrics_drop(struct metrics_shard *, enum metric, unsigned label);                 /* the gauge has no value here any more */
void metrics_observe(struct metrics_shard *, enum metric, uint64_t us);                 /* histograms */

/* ---- reading, from any thread ---- */
char *metrics_text(struct metrics *, size_t *len);   /* free() it. Process CPU, memory, start time and files included */
double metrics_read(struct metrics *, enum metric, unsigned label);   /* the sum over the shards; histograms: their count */

#endif
