#include "check_live.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

enum { TIMEOUT_MS = 15000, BATCH = 500 };

/* An id and where it was seen: sorted, an id in two partitions stands side by side. */
struct sighting {
	struct hash128 id;
	int32_t partition;
	int64_t offset;
};

struct example {
	int32_t partition;
	int64_t offset;
};

struct live {
	const struct config *config;
	unsigned source;
	struct intake *intake;
	unsigned slot;
	struct feedback_decoder *decoder; /* for the ids, which the intake keeps to itself */
	struct sighting *sightings;
	int64_t *delays_ms; /* record timestamp - time of the answer */
	size_t count, delays, sightings_count, max;
	uint64_t rejected[FEEDBACK_REASONS];
	struct example examples[FEEDBACK_REASONS];
	int64_t newest_ms; /* of the records' timestamps */
};

/* ---- one message ---- */

static void note_id(struct live *l, const struct kafka_record *r, bool accepted)
{
	struct feedback f;
	if (feedback_decode(l->decoder, r->value, &f) == FEEDBACK_OK) {
		l->sightings[l->sightings_count++] = (struct sighting){
			hash_keyed(&l->config->id_key, (struct str){"", 0}, f.id), r->partition, r->offset};
		if (accepted && !f.deletion && r->timestamp_ms > 0)
			l->delays_ms[l->delays++] = r->timestamp_ms - f.time_ms;
	}
	feedback_reset(l->decoder);
}

static void judge(struct live *l, const struct kafka_record *r)
{
	int64_t now_ms = os_wall_ms();
	struct intake_record record = {r->value, 0, l->slot, 0};
	struct intake_clock clock = {.now_ms = now_ms,
				     .future_after_ms = now_ms + l->config->intake.max_future_skew_ms,
				     .leave_out_after_ms = INT64_MAX};
	intake_take(l->intake, &record, 1, &clock);
	bool accepted = intake_letters(l->intake) == 0;
	if (!accepted) {
		enum feedback_reason reason = intake_letter(l->intake, 0).reason;
		if (l->rejected[reason]++ == 0)
			l->examples[reason] = (struct example){r->partition, r->offset};
	}
	intake_rollback(l->intake);
	note_id(l, r, accepted);
	l->count++;
	if (r->timestamp_ms > l->newest_ms)
		l->newest_ms = r->timestamp_ms;
}

/* ---- what it adds up to ---- */

static int by_id(const void *a, const void *b)
{
	const struct sighting *x = a, *y = b;
	if (x->id.hi != y->id.hi)
		return x->id.hi < y->id.hi ? -1 : 1;
	if (x->id.lo != y->id.lo)
		return x->id.lo < y->id.lo ? -1 : 1;
	return (x->partition > y->partition) - (x->partition < y->partition);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void print_split_ids(struct live *l)
{
	const struct sighting *first = NULL, *second = NULL;
	uint64_t split = 0;
	qsort(l->sightings, l->sightings_count, sizeof *l->sightings, by_id);
	for (size_t i = 1; i < l->sightings_count; i++) {
		const struct sighting *a = &l->sightings[i - 1], *b = &l->sightings[i];
		if (a->id.hi != b->id.hi || a->id.lo != b->id.lo || a->partition == b->partition)
			continue;
		if (split++ == 0) {
			first = a;
			second = b;
		}
	}
	printf("  ids in two partitions  %" PRIu64 "\n", split);
	if (split)
		printf("    e.g. partition %" PRId32 " offset %" PRId64 " and partition %" PRId32
		       " offset %" PRId64 ": edits of one response are counted as two;\n"
		       "    the producer must key by response or customer\n",
		       first->partition, first->offset, second->partition, second->offset);
}

static void print_clocks(struct live *l)
{
	int64_t ahead_ms = l->newest_ms - os_wall_ms();
	if (ahead_ms > 0)
		printf("  clocks                 the newest record is dated %.1f s ahead of this machine\n",
		       (double)ahead_ms / 1000);
	else if (l->newest_ms)
		printf("  clocks                 the newest record is %.1f s old\n",
		       (double)-ahead_ms / 1000);
	if (l->delays == 0)
		return;
	qsort(l->delays_ms, l->delays, sizeof *l->delays_ms, by_value);
	int64_t earliest_ms = l->delays_ms[0], median_ms = l->delays_ms[l->delays / 2],
		most_ms = l->delays_ms[l->delays * 99 / 100];
	printf("  from answer to Kafka   median %.1f s, 99 %% within %.1f s, earliest %.1f s%s\n",
	       (double)median_ms / 1000, (double)most_ms / 1000, (double)earliest_ms / 1000,
	       earliest_ms < 0 ? " (negative: answers dated after they were sent, a clock is wrong)" : "");
}

static void print_result(struct live *l, int partitions)
{
	uint64_t rejected = 0;
	for (unsigned i = 0; i < FEEDBACK_REASONS; i++)
		rejected += l->rejected[i];
	printf("%s: %zu messages of %d partitions\n", l->config->sources[l->source].topic, l->count,
	       partitions);
	if (l->count == 0)
		return;
	printf("  accepted               %" PRIu64 "\n", (uint64_t)l->count - rejected);
	for (unsigned i = 0; i < FEEDBACK_REASONS; i++)
		if (l->rejected[i])
			printf("  rejected %-13s %" PRIu64 ", e.g. partition %" PRId32 " offset %" PRId64
			       ": %s\n",
			       feedback_reason_code((enum feedback_reason)i), l->rejected[i],
			       l->examples[i].partition, l->examples[i].offset,
			       feedback_reason_sentence((enum feedback_reason)i));
	print_split_ids(l);
	print_clocks(l);
}

/* ---- reading ---- */

static bool read_all(struct live *l, struct kafka_reader *reader, struct err *err)
{
	struct kafka_record *records = must_array(BATCH, sizeof *records);
	bool fine = true;
	while (fine && !kafka_reader_done(reader) && l->count < l->max) {
		size_t count = 0;
		fine = kafka_reader_poll(reader, records, BATCH, &count, 1000, err) != KAFKA_POLL_FATAL;
		for (size_t i = 0; fine && i < count && l->count < l->max; i++)
			judge(l, &records[i]);
		kafka_reader_release(reader);
	}
	free(records);
	return fine;
}

/* The reader says where each partition ends when it is opened: asked once for that, then from so far before. */
static bool read_last(struct live *l, int partitions, int64_t last, struct err *err)
{
	const char *topics[] = {l->config->sources[l->source].topic};
	struct kafka_read *reads = must_array((size_t)partitions, sizeof *reads);
	int64_t each = last / partitions + 1;
	for (int i = 0; i < partitions; i++)
		reads[i] = (struct kafka_read){0, i, KAFKA_OFFSET_EARLIEST, KAFKA_UNTIL_STABLE};
	struct kafka_reader *reader = kafka_reader_open(&l->config->kafka, topics, 1, reads,
							(size_t)partitions, BATCH, TIMEOUT_MS, err);
	bool fine = reader != NULL;
	kafka_reader_close(reader);
	for (int i = 0; i < partitions; i++)
		reads[i].from = reads[i].until > each ? reads[i].until - each : 0;
	l->max = (size_t)(each * partitions);
	l->sightings = must_array(l->max, sizeof *l->sightings);
	l->delays_ms = must_array(l->max, sizeof *l->delays_ms);
	reader = fine ? kafka_reader_open(&l->config->kafka, topics, 1, reads, (size_t)partitions, BATCH,
					  TIMEOUT_MS, err)
		      : NULL;
	fine = reader != NULL && read_all(l, reader, err);
	kafka_reader_close(reader);
	free(reads);
	return fine;
}

static bool check_source(const struct config *config, unsigned source, int64_t last, bool *seen,
			 struct err *err)
{
	int partitions = 0;
	struct live l = {.config = config, .source = source};
	struct intake_setup setup = {
		.options = config->intake,
		.responses = {.max = 1024, .horizon_ms = config->responses.horizon_ms},
		.sources = &config->intake_sources[source],
		.sources_count = 1,
		.reach_ms = config->reach_ms,
		.id_key = config->id_key,
		.registry = config->registry,
	};
	if (!kafka_topics_partitions(&config->kafka, &config->sources[source].topic, 1, &partitions,
				     TIMEOUT_MS, err))
		return false;
	*seen = partitions > 0;
	if (partitions <= 0) {
		printf("%s: %s\n", config->sources[source].topic,
		       partitions == -1 ? "there is no such topic"
					: "no right to Describe it; Read is needed too");
		return true;
	}
	l.intake = intake_create(&setup, err);
	l.decoder = l.intake ? feedback_create(&config->intake_sources[source].mapping, err) : NULL;
	bool fine = l.decoder != NULL;
	if (fine) {
		l.slot = intake_partition_open(l.intake);
		fine = read_last(&l, partitions, last, err);
	}
	if (fine)
		print_result(&l, partitions);
	feedback_destroy(l.decoder);
	intake_destroy(l.intake);
	free(l.sightings);
	free(l.delays_ms);
	return fine;
}

bool check_live(const struct config *config, int64_t last, struct err *err)
{
	bool all = true;
	for (unsigned i = 0; i < config->sources_count; i++) {
		bool seen = false;
		if (!check_source(config, i, last, &seen, err))
			return false;
		all = all && seen;
	}
	if (!all)
		err_set(err, "an input topic is missing or may not be seen");
	return all;
}
