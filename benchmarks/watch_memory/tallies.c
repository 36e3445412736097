/*
 * What an intake would have written: two weeks of feedback of many busy touchpoints, or a commit every 100 ms from now on.
 *   watch_memory BROKERS history TOUCHPOINTS RESPONSES-A-SECOND
 *   watch_memory BROKERS live TOUCHPOINTS RESPONSES-A-SECOND SECONDS
 *
 * RESPONSES-A-SECOND is of one touchpoint. The history is one cell per pane and bin, with a count drawn from a Poisson distribution:
 * panes of 7d first, then those of 24h, 1h and 5m for the times that these see, oldest first and all touchpoints side by side. The
 * counters of a block grow as they would: where a block of 8 panes begins its counts come in three lots, so that narrow counters
 * are wanted by all touchpoints at once. Prints the number of responses that were written, as JSON.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "bundle/bundle.h"
#include "feedback/feedback.h"
#include "kafka/kafka.h"
#include "os/os.h"

enum { PANES_OF_A_BLOCK = 8, LOTS = 3, LIVE_MS = 100 };

/* A usual mix: an NPS of about 30. */
static const double share[BINS] = {0.03, 0.01, 0.02, 0.02, 0.03, 0.05, 0.06, 0.10, 0.18, 0.20, 0.30};

struct work {
	struct kafka_producer *producer;
	unsigned topic;
	uint32_t shards, touchpoints;
	double per_s;
	struct names *names;
	struct tally *tally;
	struct bundle_writer *writer;
	uint32_t *rest; /* of the pane under way: by touchpoint and bin, what later lots bring */
	uint64_t responses, cells, bytes;
};

static void die(const struct err *err)
{
	fprintf(stderr, "watch_memory: %s\n", err->text);
	exit(1);
}

/* ---- counts ---- */

static uint64_t state = 88172645463325252u;

static double any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double)(state >> 11) * 0x1p-53;
}

/* Knuth's product of rolls; for large means the normal distribution (of twelve rolls), which is as good there. */
static unsigned poisson(double mean)
{
	if (mean > 50) {
		double sum = -6;
		for (unsigned i = 0; i < 12; i++)
			sum += any();
		return (unsigned)lround(mean + sqrt(mean) * sum);
	}
	double limit = exp(-mean), product = any();
	unsigned n = 0;
	for (; product > limit; n++)
		product *= any();
	return n;
}

/* ---- a commit ---- */

static bool emit(void *context, uint32_t shard, struct str bytes)
{
	struct work *w = context;
	struct err err = {0};
	struct kafka_message message = {.topic = w->topic, .partition = (int32_t)shard, .value = bytes};
	w->bytes += bytes.len;
	if (kafka_producer_send(w->producer, &message, &err) != KAFKA_DONE)
		die(&err);
	return true;
}

static void commit(struct work *w)
{
	struct bundle_head head = {.shards = w->shards, .clock_ms = os_wall_ms(), .instance = STR("bench")};
	w->cells += tally_count(w->tally);
	must(bundle_write(w->writer, &head, w->names, w->tally, true, emit, w));
	tally_clear(w->tally);
	kafka_producer_serve(w->producer);
}

static void add(struct work *w, uint32_t touchpoint, uint32_t second, unsigned bin, unsigned count)
{
	if (count == 0)
		return;
	tally_add(w->tally, touchpoint, LEDGER_SURVEY, second, (uint8_t)bin, (int32_t)count);
	w->responses += count;
}

/* ---- two weeks ---- */

/* 1, then as many as fit a byte, then all: at the first pane of a block; else all at once. */
static unsigned of_lot(unsigned lot, unsigned left)
{
	unsigned most = lot == 0 ? 1 : lot == 1 ? 100 : left;
	return left < most ? left : most;
}

static void write_pane(struct work *w, uint32_t start_s, uint32_t width_s)
{
	bool first = start_s / width_s % PANES_OF_A_BLOCK == 0;
	for (size_t i = 0; i < (size_t)w->touchpoints * BINS; i++)
		w->rest[i] = poisson(w->per_s * width_s * share[i % BINS]);
	for (unsigned lot = first ? 0 : LOTS - 1; lot < LOTS; lot++) {
		for (size_t i = 0; i < (size_t)w->touchpoints * BINS; i++) {
			unsigned count = of_lot(lot, w->rest[i]);
			w->rest[i] -= count;
			add(w, (uint32_t)(i / BINS), start_s + width_s / 2, i % BINS, count);
		}
		commit(w);
	}
}

/* The windows' panes are width wide and aligned to the epoch; each leg reaches back twice its window, to an edge of its panes. */
static void write_history(struct work *w)
{
	static const uint32_t widths[] = {10080, 1440, 60, 5};
	uint32_t now_s = (uint32_t)(os_wall_ms() / 1000);
	uint32_t at = (now_s - 120 * widths[0]) / widths[0] * widths[0];
	for (unsigned i = 0; i < sizeof widths / sizeof *widths; i++) {
		uint32_t next = i + 1 < sizeof widths / sizeof *widths ? widths[i + 1] : 0;
		uint32_t until = now_s - 120 * next;
		for (; at + widths[i] <= until; at += widths[i])
			write_pane(w, at, widths[i]);
	}
}

/* ---- from now on ---- */

static void write_live(struct work *w, long seconds)
{
	int64_t start_ns = os_monotonic_ns();
	for (long tick = 0; tick < seconds * 1000 / LIVE_MS; tick++) {
		unsigned count = poisson(w->per_s * w->touchpoints * LIVE_MS / 1000);
		for (unsigned i = 0; i < count; i++) {
			double roll = any();
			unsigned bin = 0;
			for (; bin < BINS - 1 && roll >= share[bin]; bin++)
				roll -= share[bin];
			add(w, (uint32_t)(any() * w->touchpoints), (uint32_t)(os_wall_ms() / 1000), bin, 1);
		}
		commit(w);
		int64_t early_us = (start_ns + (tick + 1) * LIVE_MS * 1000000LL - os_monotonic_ns()) / 1000;
		if (early_us > 0)
			usleep((useconds_t)early_us);
	}
}

/* ---- setting up ---- */

static void open_kafka(struct work *w, const char *brokers)
{
	static struct option_pool pool;
	static struct kafka_options options;
	struct kafka_topic_state topics[KAFKA_TOPICS];
	char name[KAFKA_TOPIC_NAME_BYTES];
	struct err err = {0};
	option_defaults(kafka_options, &options, &pool);
	options.brokers = brokers;
	options.retention_ms = 15 * 86400000LL;
	if (!kafka_topics_ensure(&options, true, topics, 30000, &err))
		die(&err);
	w->shards = (uint32_t)topics[KAFKA_TOPIC_TALLIES].partitions;
	w->producer = kafka_producer_open_plain(&options, NULL, NULL, &err);
	if (w->producer == NULL)
		die(&err);
	kafka_topic_name(&options, KAFKA_TOPIC_TALLIES, name);
	w->topic = kafka_producer_topic(w->producer, name);
}

static void open_tally(struct work *w, long touchpoints)
{
	w->touchpoints = (uint32_t)touchpoints;
	w->names = names_create(w->touchpoints, 64);
	w->tally = tally_create(w->touchpoints * BINS * 2, w->touchpoints);
	w->writer = bundle_writer_create(w->touchpoints);
	w->rest = must_array((size_t)w->touchpoints * BINS, sizeof *w->rest);
	for (uint32_t i = 0; i < w->touchpoints; i++) {
		char name[40];
		int len = snprintf(name, sizeof name, "store-%05" PRIu32 "/checkout", i);
		must(names_intern(w->names, (struct str){name, (size_t)len}) == i);
	}
}

int main(int argc, char **argv)
{
	static struct work w;
	struct err err = {0};
	bool live = argc > 2 && strcmp(argv[2], "live") == 0;
	if (argc != (live ? 6 : 5)) {
		fputs("usage: watch_memory BROKERS history|live TOUCHPOINTS RESPONSES-A-SECOND [SECONDS]\n",
		      stderr);
		return 2;
	}
	w.per_s = atof(argv[4]);
	open_tally(&w, atol(argv[3]));
	open_kafka(&w, argv[1]);
	if (live)
		write_live(&w, atol(argv[5]));
	else
		write_history(&w);
	if (kafka_producer_flush(w.producer, 60000, &err) != KAFKA_DONE)
		die(&err);
	printf("{\"responses\":%" PRIu64 ",\"cells\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n", w.responses,
	       w.cells, w.bytes);
	kafka_producer_close(w.producer);
	tally_destroy(w.tally);
	bundle_writer_destroy(w.writer);
	names_destroy(w.names);
	free(w.rest);
	return 0;
}
