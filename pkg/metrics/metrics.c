#include "metrics/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "metrics/metrics_priv.h"
#include "os/os.h"

#define LABEL_BYTES 256

static unsigned slots_of(const struct descriptor *d)
{
	return d->kind == KIND_HISTOGRAM ? HISTOGRAM_SLOTS : d->values;
}

/* Texts of a label may hold anything: \ " and line breaks are escaped as the format wants. */
static void escape(char *out, size_t size, const char *text)
{
	size_t n = 0;
	for (; *text && n + 3 < size; text++) {
		if (*text == '\\' || *text == '"' || *text == '\n')
			out[n++] = '\\';
		out[n++] = *text == '\n' ? 'n' : *text;
	}
	out[n] = '\0';
}

struct metrics *metrics_create(const char *version)
{
	struct metrics *metrics = must_alloc(sizeof *metrics);
	pthread_mutex_init(&metrics->lock, NULL);
	escape(metrics->version, sizeof metrics->version, version);
	metrics->started_ms = os_wall_ms();
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct descriptor *d = metrics_descriptor((enum metric)m);
		metrics->first[m] = metrics->slots;
		metrics->slots += slots_of(d);
		if (metrics_run_time_labels(d))
			metrics->labels[m].text = must_array(d->values, sizeof *metrics->labels[m].text);
	}
	return metrics;
}

void metrics_destroy(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	for (struct metrics_shard *shard = metrics->shards, *next; shard; shard = next) {
		next = shard->next;
		free(shard);
	}
	for (int m = 0; m < METRIC_COUNT; m++) {
		for (unsigned i = 0; i < metrics->labels[m].count; i++)
			free(metrics->labels[m].text[i]);
		free(metrics->labels[m].text);
	}
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

/* ---- shards ---- */

static uint64_t bits_of(double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

static double value_of(uint64_t bits)
{
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

/* Shards are only ever put in front, so readers follow the list without the lock. */
struct metrics_shard *metrics_shard(struct metrics *metrics)
{
	struct metrics_shard *shard = must_alloc(sizeof *shard + metrics->slots * sizeof *shard->slots);
	shard->first = metrics->first;
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct descriptor *d = metrics_descriptor((enum metric)m);
		for (unsigned i = 0; d->kind == KIND_GAUGE && i < d->values; i++)
			atomic_init(&shard->slots[metrics->first[m] + i], bits_of(NAN));
	}
	pthread_mutex_lock(&metrics->lock);
	shard->next = atomic_load(&metrics->shards);
	atomic_store(&metrics->shards, shard);
	pthread_mutex_unlock(&metrics->lock);
	return shard;
}

unsigned metrics_label(struct metrics *metrics, enum metric metric, const char *a, const char *b)
{
	const struct descriptor *d = metrics_descriptor(metric);
	struct labels *labels = &metrics->labels[metric];
	must(metrics_run_time_labels(d) && (b != NULL) == (d->labels[1] != NULL));
	char one[LABEL_BYTES], two[LABEL_BYTES] = "", text[2 * LABEL_BYTES + 64];
	escape(one, sizeof one, a);
	escape(two, sizeof two, b ? b : "");
	int n = snprintf(text, sizeof text, "%s=\"%s\"", d->labels[0], one);
	if (b)
		snprintf(text + n, sizeof text - (size_t)n, ",%s=\"%s\"", d->labels[1], two);
	pthread_mutex_lock(&metrics->lock);
	unsigned count = atomic_load(&labels->count), i = 0;
	while (i < count && strcmp(labels->text[i], text) != 0)
		i++;
	if (i == d->values) {
		i = d->values - 1;
	} else if (i == count) {
		if (i == d->values - 1)
			snprintf(text, sizeof text, b ? "%s=\"other\",%s=\"other\"" : "%s=\"other\"",
				 d->labels[0], d->labels[1]);
		labels->text[i] = must_copy(text);
		atomic_store(&labels->count, count + 1);
	}
	pthread_mutex_unlock(&metrics->lock);
	return i;
}

static _Atomic uint64_t *slot(struct metrics_shard *shard, enum metric metric, unsigned label)
{
	must(label < metrics_descriptor(metric)->values);
	return &shard->slots[shard->first[metric] + label];
}

/* One writer: no locked instruction is needed, only that the reader never sees half a number. */
static void bump(_Atomic uint64_t *at, uint64_t n)
{
	atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + n, memory_order_relaxed);
}

void metrics_add(struct metrics_shard *shard, enum metric metric, unsigned label, uint64_t n)
{
	must(metrics_descriptor(metric)->kind == KIND_COUNTER);
	bump(slot(shard, metric, label), n);
}

void metrics_put(struct metrics_shard *shard, enum metric metric, unsigned label, double value)
{
	bool counter = metrics_descriptor(metric)->kind == KIND_COUNTER;
	must(counter || metrics_descriptor(metric)->kind == KIND_GAUGE);
	atomic_store_explicit(slot(shard, metric, label), counter ? (uint64_t)value : bits_of(value),
			      memory_order_relaxed);
}

void metrics_drop(struct metrics_shard *shard, enum metric metric, unsigned label)
{
	must(metrics_descriptor(metric)->kind == KIND_GAUGE);
	atomic_store_explicit(slot(shard, metric, label), bits_of(NAN), memory_order_relaxed);
}

void metrics_observe(struct metrics_shard *shard, enum metric metric, uint64_t us)
{
	must(metrics_descriptor(metric)->kind == KIND_HISTOGRAM);
	_Atomic uint64_t *at = &shard->slots[shard->first[metric]];
	unsigned bucket = 0;
	while (bucket < BUCKETS - 1 && us > metrics_bucket_us[bucket])
		bucket++;
	bump(&at[bucket], 1);
	bump(&at[BUCKETS], us);
}

/* ---- reading ---- */

double metrics_sum(struct metrics *metrics, unsigned at, bool gauge)
{
	uint64_t count = 0;
	double total = NAN;
	for (struct metrics_shard *shard = atomic_load(&metrics->shards); shard; shard = shard->next) {
		uint64_t bits = atomic_load_explicit(&shard->slots[at], memory_order_relaxed);
		count += gauge ? 0 : bits;
		if (gauge && !isnan(value_of(bits)))
			total = isnan(total) ? value_of(bits) : total + value_of(bits);
	}
	return gauge ? total : (double)count;
}

double metrics_read(struct metrics *metrics, enum metric metric, unsigned label)
{
	const struct descriptor *d = metrics_descriptor(metric);
	unsigned at = metrics->first[metric];
	double count = 0;
	must(label < d->values);
	if (d->kind != KIND_HISTOGRAM)
		return metrics_sum(metrics, at + label, d->kind == KIND_GAUGE);
	for (unsigned i = 0; i < BUCKETS; i++)
		count += metrics_sum(metrics, at + i, false);
	return count;
}
