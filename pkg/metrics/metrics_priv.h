/* metrics_priv - the table of metrics, and how their values are kept. */
#ifndef METRICS_PRIV_H
#define METRICS_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "metrics/metrics.h"

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

struct descriptor {
	const char *name, *help;
	enum kind kind;
	const char *labels[2];              /* names; NULL: none */
	const char *(*value)(unsigned);     /* the values of a label that is known at build time, 0..values-1 */
	unsigned values;                    /* slots: 1 without label; with one of run time, how many there may be */
};

const struct descriptor *metrics_descriptor(enum metric);

/* Upper edges of the buckets of histograms; the last one is +Inf. */
#define BUCKETS 17
extern const uint64_t metrics_bucket_us[BUCKETS - 1];
#define HISTOGRAM_SLOTS (BUCKETS + 1)   /* and the sum */

/* A slot holds a count, or the bits of a double (gauges, where NaN is "no value", and counters kept
 * elsewhere: whole numbers). */
struct metrics_shard {
	struct metrics_shard *next;
	const unsigned *first;   /* slot of each metric's label 0 */
	_Atomic uint64_t slots[];
};

/* Labels of run time: the texts as they are printed, in order of arrival. `count` is published after the
 * text is complete. */
struct labels {
	_Atomic unsigned count;
	char **text;
};

struct metrics {
	pthread_mutex_t lock;   /* of labels being added and shards being opened */
	_Atomic(struct metrics_shard *) shards;
	unsigned first[METRIC_COUNT], slots;
	struct labels labels[METRIC_COUNT];
	char version[64];
	int64_t started_ms;
};

static inline bool metrics_run_time_labels(const struct descriptor *d)
{
	return d->labels[0] && d->value == NULL;
}

/* Over the shards; NaN: a gauge that has no value in any. */
double metrics_sum(struct metrics *, unsigned slot, bool gauge);

#endif
