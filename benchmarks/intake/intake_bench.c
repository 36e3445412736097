/*
 * What the first stage costs without Kafka: messages in memory through decoding, the response table, the tally and the bundles of a
 * commit, and then with the second stage (bundle_read, windows) behind it.   intake_bench [--json] [MESSAGES [TOUCHPOINTS]]
 *
 * As a lane does it: 64 messages at a time, and after 50,000, which is 100 ms at half a million a second, a commit of tallies and
 * journal. The feed is the one of end_to_end: surveys of about 277 bytes, edits and duplicates among them, four minutes of event time.
 * The response table is past its last growth, so that nothing has a reason to allocate: what does is counted. Times are CPU times,
 * of each part the median of ten lots or more: this machine may have other things to do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "feed/feed.h"
#include "intake/intake.h"
#include "watch/watch.h"

enum {
	COMMIT = 50000,
	LOT = 4 *
	      COMMIT, /* made at a time: 60 MB, so that messages are not in the cache when they are read */
	WARM_UP = 20 * COMMIT,
	EVENT_TIME_S = 240,
	SHARDS = 16, /* as configured without a word */
	LOTS_MAX = 1000,
	KNOWN = 3500000 /* responses in the table at the start: more than the 3.4 M at which it grows for the last time */
};
#define TABLE_MAX 6800000 /* more than 2,300,000 MESSAGES fill it: then the oldest have to go */

/* ---- allocations ---- */

static uint64_t allocations;

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t bytes)
{
	allocations++;
	return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
	allocations++;
	return __libc_calloc(n, bytes);
}

void *realloc(void *at, size_t bytes)
{
	allocations++;
	return __libc_realloc(at, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	allocations++;
	return __libc_memalign(alignment, bytes);
}

/* ---- a clock that knows what it has measured ---- */

enum part {
	TAKE,
	TALLIES,
	JOURNAL,
	SETTLE,
	WATCH,
	DECODE,
	PARTS
}; /* DECODE is part of TAKE, measured by itself */
static const char *const part_names[PARTS] = {"take",	"write_tallies", "write_journal",
					      "settle", "watch",	 "decode"};

struct spent {
	double ns[PARTS];
	uint64_t allocations[PARTS];
};

static double cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct bench {
	struct feed *feed;
	struct feedback_decoder *decoder;
	struct intake *intake;
	struct bundle_writer *writer;
	struct watch *watches[SHARDS]; /* NULL: without the second stage */
	struct zone *zone;
	unsigned slot;
	char *texts;
	struct intake_record *records; /* of a lot */
	int64_t *arrives_ms;
	int64_t now_ms, offset;
	struct intake_counts counts;
	uint64_t messages, bytes, bundles, bundle_bytes, journal_bytes;
	enum part current;
	double since_ns;
	uint64_t since_allocations;
	struct spent spent; /* in this lot */
	unsigned lots;
	double ns[PARTS][LOTS_MAX]; /* per message */
	uint64_t allocated[PARTS];
};

/* What was spent since the last call goes to the part that was at work. */
static void now_at(struct bench *b, enum part part)
{
	double ns = cpu_ns();
	b->spent.ns[b->current] += ns - b->since_ns;
	b->spent.allocations[b->current] += allocations - b->since_allocations;
	b->since_ns = ns;
	b->since_allocations = allocations;
	b->current = part;
}

static void from_here(struct bench *b, enum part part)
{
	b->since_ns = cpu_ns();
	b->since_allocations = allocations;
	b->current = part;
}

/* ---- the lane ---- */

static bool emit_tally(void *context, uint32_t shard, struct str bytes)
{
	struct bench *b = context;
	b->bundles++;
	b->bundle_bytes += bytes.len;
	if (b->watches[shard] == NULL)
		return true;
	now_at(b, WATCH);
	watch_advance(b->watches[shard], b->now_ms);
	must(watch_apply(b->watches[shard], bytes, b->now_ms, b->offset++));
	now_at(b, TALLIES);
	return true;
}

static bool emit_journal(void *context, uint32_t shard, struct str bytes)
{
	struct bench *b = context;
	b->journal_bytes += bytes.len;
	return true;
}

static void commit(struct bench *b)
{
	struct bundle_head head = {.shards = SHARDS, .clock_ms = b->now_ms, .instance = STR("bench")};
	unsigned slot;
	from_here(b, TALLIES);
	must(bundle_write(b->writer, &head, intake_names(b->intake), intake_tally(b->intake), true,
			  emit_tally, b));
	now_at(b, JOURNAL);
	bundle_journal_begin(b->writer, b->now_ms, 1);
	for (unsigned i = 0; i < intake_journal(b->intake); i++)
		bundle_journal_add(b->writer, intake_journal_entry(b->intake, i, &slot));
	must(bundle_journal_finish(b->writer, intake_names(b->intake), 0, emit_journal, b));
	now_at(b, SETTLE);
	intake_close(b->intake);
	intake_commit(b->intake, &b->counts);
	now_at(b, SETTLE);
}

static void take(struct bench *b, unsigned from, unsigned count)
{
	from_here(b, TAKE);
	for (unsigned i = from; i < from + count; i += INTAKE_BATCH) {
		unsigned n = from + count - i < INTAKE_BATCH ? from + count - i : INTAKE_BATCH;
		struct intake_clock clock = {.now_ms = b->arrives_ms[i],
					     .future_after_ms = b->arrives_ms[i] + 60000,
					     .leave_out_after_ms = INT64_MAX};
		must(intake_room(b->intake, n));
		intake_take(b->intake, &b->records[i], n, &clock);
	}
	now_at(b, TAKE);
	b->now_ms = b->arrives_ms[from + count - 1];
}

static void decode(struct bench *b, unsigned from, unsigned count)
{
	struct feedback f;
	from_here(b, DECODE);
	for (unsigned i = from; i < from + count; i++) {
		must(feedback_decode(b->decoder, b->records[i].bytes, &f) == FEEDBACK_OK);
		if (i % INTAKE_BATCH == INTAKE_BATCH - 1)
			feedback_reset(b->decoder);
	}
	feedback_reset(b->decoder);
	now_at(b, DECODE);
}

/* Not measured. */
static void make_lot(struct bench *b)
{
	char *at = b->texts;
	for (unsigned i = 0; i < LOT; i++) {
		struct feed_event event;
		char text[FEED_MESSAGE_MAX];
		feed_next(b->feed, text, &event);
		must(at + event.message.len < b->texts + LOT * 512UL);
		memcpy(at, event.message.at, event.message.len);
		b->records[i] = (struct intake_record){{at, event.message.len}, 0, b->slot, i};
		b->arrives_ms[i] = event.arrives_ms;
		at += event.message.len;
		b->bytes += event.message.len;
	}
	b->messages += LOT;
}

/* Decoding by itself comes behind what is measured, or it would bring the messages into the cache for it. */
static void drive(struct bench *b, uint64_t messages)
{
	memset(b->allocated, 0, sizeof b->allocated);
	b->lots = 0;
	b->messages = b->bytes = b->bundles = b->bundle_bytes = b->journal_bytes = 0;
	for (; b->messages < messages && b->lots < LOTS_MAX; b->lots++) {
		make_lot(b);
		b->spent = (struct spent){0};
		for (unsigned at = 0; at < LOT; at += COMMIT) {
			take(b, at, COMMIT);
			commit(b);
		}
		decode(b, 0, LOT);
		for (unsigned i = 0; i < PARTS; i++) {
			b->ns[i][b->lots] = b->spent.ns[i] / LOT;
			b->allocated[i] += b->spent.allocations[i];
		}
	}
}

/* ---- setting up ---- */

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

/* Responses of other days, as a refill brings them. */
static void fill_table(struct bench *b)
{
	enum { PER_MESSAGE = 10000 };
	static struct response_entry entries[PER_MESSAGE];
	struct str name = STR("checkout");
	uint32_t now_s = (uint32_t)(FEED_START_MS / 1000);
	for (uint64_t i = 0; i < KNOWN; i += PER_MESSAGE) {
		for (unsigned k = 0; k < PER_MESSAGE; k++)
			entries[k] =
				(struct response_entry){.key = {mix(i + k), mix(i + k + (UINT64_C(1) << 40))},
							.updated_ms = RESPONSE_NO_VERSION,
							.seen = now_s,
							.fact = {0, now_s, LEDGER_SURVEY, 9}};
		struct bundle_journal journal = {FEED_START_MS, 1, 1, &name, PER_MESSAGE, entries};
		intake_refill(b->intake, b->slot, FEED_START_MS, &journal);
	}
}

static struct watch *open_watch(const struct zone *zone, int64_t touchpoints, bool judged)
{
	static const char *const names[] = {"5m", "1h", "24h", "7d", "today"};
	struct watch_setup setup = {
		.options = {.refresh_ms = 10000, .checkpoint_ms = 30000, .cpu_max = 1},
		.windows.count = 5,
		.touchpoints_max = (uint32_t)touchpoints,
		.zone = zone,
		.alerts = {.enabled = judged, .silence = true, .pages_per_week = 1, .tickets_per_week = 7}};
	struct err err = {0};
	for (unsigned i = 0; i < setup.windows.count; i++)
		must(window_spec_parse(str_of(names[i]), &setup.windows.specs[i], &err));
	return watch_create(&setup, FEED_START_MS);
}

static void set_up(struct bench *b, uint64_t messages, int64_t touchpoints, unsigned watched)
{
	static const struct intake_source source = {.name = "feedback", .mapping = {.bytes_max = 1 << 20}};
	struct intake_setup setup = {
		.options = {.lanes = 1, .max_future_skew_ms = 60000, .touchpoints_max = 2 * touchpoints},
		.responses = {.max = TABLE_MAX, .horizon_ms = 8 * 86400000LL},
		.sources = &source,
		.sources_count = 1,
		.reach_ms = 7 * 86400000LL,
	};
	struct feed_options feed = feed_defaults;
	struct err err = {0};
	feed.touchpoints = touchpoints;
	feed.rate = (double)(messages + WARM_UP) / EVENT_TIME_S;
	memset(feed.mix, 0, sizeof feed.mix);
	feed.mix[LEDGER_SURVEY] = 1;
	feed.late = feed.malformed = feed.deletions = 0;
	*b = (struct bench){.feed = feed_create(&feed, &err),
			    .decoder = feedback_create(&source.mapping, &err),
			    .intake = intake_create(&setup, &err),
			    .writer = bundle_writer_create(intake_names_max(&setup.options)),
			    .zone = zone_open("UTC", &err)};
	must(b->feed && b->decoder && b->intake && b->zone);
	b->texts = must_alloc(LOT * 512UL);
	b->records = must_array(LOT, sizeof *b->records);
	b->arrives_ms = must_array(LOT, sizeof *b->arrives_ms);
	b->slot = intake_partition_open(b->intake);
	for (unsigned i = 0; watched && i < SHARDS; i++)
		b->watches[i] = open_watch(b->zone, touchpoints, watched > 1);
	fill_table(b);
}

static void tear_down(struct bench *b)
{
	for (unsigned i = 0; i < SHARDS; i++)
		watch_destroy(b->watches[i]);
	zone_close(b->zone);
	intake_destroy(b->intake);
	feedback_destroy(b->decoder);
	feed_destroy(b->feed);
	bundle_writer_destroy(b->writer);
	free(b->texts);
	free(b->records);
	free(b->arrives_ms);
}

/* ---- report ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print(struct bench *b, const char *name, unsigned parts, bool json, const char *end)
{
	double all = 0, part[PARTS], n = (double)b->messages;
	uint64_t own =
		b->allocated[TAKE] + b->allocated[TALLIES] + b->allocated[JOURNAL] + b->allocated[SETTLE];
	for (unsigned i = 0; i < PARTS; i++) {
		qsort(b->ns[i], b->lots, sizeof *b->ns[i], by_size);
		part[i] = b->ns[i][b->lots / 2];
		all += i < parts ? part[i] : 0;
	}
	printf(json ? "\"%s\":{\"ns_per_message\":%.1f,\"messages_per_cpu_s\":%.0f"
		    : "%s: %.1f ns per message, %.0f messages per CPU-second\n",
	       name, all, 1e9 / all);
	for (unsigned i = 0; i < PARTS; i++)
		if (i < parts || i == DECODE)
			printf(json ? ",\"%s_ns\":%.1f" : "  %-14s %7.1f ns\n", part_names[i], part[i]);
	printf(json ? ",\"bytes_per_message\":%.1f,\"tally_bytes_per_message\":%.2f,\"journal_bytes_per_"
		      "message\":%.2f"
		    : "  bytes of a message %.1f, of it in the tallies %.2f and the journal %.2f\n",
	       (double)b->bytes / n, (double)b->bundle_bytes / n, (double)b->journal_bytes / n);
	printf(json ? ",\"allocations_per_message\":%.9g" : "  allocations per message %.9g\n",
	       (double)own / n);
	if (parts > WATCH)
		printf(json ? ",\"watch_allocations_per_message\":%.9g" : "  of the watch %.9g\n",
		       (double)b->allocated[WATCH] / n);
	printf("%s", json ? end : "");
}

int main(int argc, char **argv)
{
	static struct bench b;
	uint64_t numbers[2] = {2000000, 10000};
	bool json = false;
	unsigned given = 0;
	for (int i = 1; i < argc; i++) {
		json |= strcmp(argv[i], "--json") == 0;
		if (argv[i][0] >= '0' && argv[i][0] <= '9' && given < 2)
			numbers[given++] = strtoull(argv[i], NULL, 10);
	}
	if (json)
		putchar('{');
	static const char *const names[] = {"alone", "with_watch", "with_alerts"};
	for (unsigned watched = 0; watched < 3; watched++) {
		set_up(&b, numbers[0], (int64_t)numbers[1], watched);
		drive(&b, WARM_UP);
		uint64_t before = b.counts.consumed;
		drive(&b, numbers[0]);
		must(b.counts.consumed - before == b.messages && b.lots > 0 &&
		     b.counts.rejected[FEEDBACK_LATE] == 0);
		print(&b, names[watched], watched ? WATCH + 1 : WATCH, json, watched == 2 ? "}}\n" : "},");
		tear_down(&b);
	}
	return 0;
}
