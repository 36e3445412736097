/*
 * Response table, tally and bundle: ns per operation.   response_bench [--json] [--small]
 *
 * Keys are random, so every upsert is a cache miss or three; --small leaves the 10 M table (0.5 GB) out.
 * The growth comes first, so that the process's peak is its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/must.h"
#include "bundle/bundle.h"
#include "response/response.h"
#include "tally/tally.h"

#define BATCH 48

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

static struct hash128 key_of(uint64_t i)
{
	return (struct hash128){mix(i), mix(i + (UINT64_C(1) << 40))};
}

struct figures {
	double refill, insert, edit, edit_bare, repeat; /* ns per event */
	double bytes; /* per entry */
};

/* Keys are made outside the time: a real caller has hashed an id (28 ns) anyway. */
#define CHUNK (1000 * BATCH)
static struct hash128 keys[CHUNK];

struct run {
	struct response_table *table;
	unsigned slot;
	uint64_t from, range; /* keys: new ones counted up, or random ones out of a range */
	unsigned versions; /* so far; 0: each event of a key has the same content */
	bool prefetch;
};

static void judge_batch(struct run *run, const struct hash128 *batch)
{
	struct response_verdict verdict;
	for (unsigned i = 0; i < BATCH && run->prefetch; i++)
		response_prefetch(run->table, batch[i]);
	for (unsigned i = 0; i < BATCH; i++) {
		unsigned content = run->versions ? run->versions++ : (unsigned)batch[i].lo;
		struct response_event event = {.key = batch[i],
					       .updated_ms = RESPONSE_NO_VERSION,
					       .content = content,
					       .fact = {7, 1700000000, 0, (int8_t)(content % 11)}};
		response_judge(run->table, run->slot, 1700000000, &event, &verdict);
	}
	if (response_undo_full(run->table, BATCH)) {
		response_mark(run->table);
		response_commit(run->table);
	}
}

static double upserts(struct run *run, unsigned chunks)
{
	double ns = 0;
	for (unsigned c = 0; c < chunks; c++) {
		for (unsigned i = 0; i < CHUNK; i++) {
			uint64_t n = run->from + (uint64_t)c * CHUNK + i;
			keys[i] = key_of(run->range ? (mix(n) >> 32) * run->range >> 32 : n);
		}
		double start = now_ns();
		for (unsigned i = 0; i < CHUNK; i += BATCH)
			judge_batch(run, keys + i);
		ns += now_ns() - start;
	}
	return ns / ((double)chunks * CHUNK);
}

static double refill(struct response_table *table, unsigned slot, uint64_t entries)
{
	double ns = 0;
	for (uint64_t done = 0; done < entries; done += CHUNK) {
		for (unsigned i = 0; i < CHUNK; i++)
			keys[i] = key_of(done + i);
		double start = now_ns();
		for (unsigned i = 0; i < CHUNK; i++) {
			if (i % BATCH == 0)
				for (unsigned k = 0; k < BATCH; k++)
					response_prefetch(table, keys[i + k]);
			struct response_entry entry = {.key = keys[i],
						       .updated_ms = 1,
						       .seen = 1700000000,
						       .fact = {7, 1700000000, 0, 9}};
			response_refill(table, slot, 1700000000, &entry);
		}
		ns += now_ns() - start;
	}
	return ns / (double)entries;
}

static struct figures table_figures(uint64_t entries)
{
	struct response_options options = {.max = (int64_t)(entries + entries / 5), .horizon_ms = 86400000};
	struct response_table *table = response_create(&options, 100000);
	struct run run = {.table = table, .slot = response_open(table), .prefetch = true};
	struct figures f;
	unsigned chunks = entries < 2000000 ? 20 : 40;
	f.refill = refill(table, run.slot, entries);
	run.range = entries;
	upserts(&run, chunks);
	f.repeat = upserts(&run, chunks);
	run.versions = 1;
	f.edit = upserts(&run, chunks);
	run.prefetch = false;
	f.edit_bare = upserts(&run, chunks / 4);
	run.prefetch = true;
	run.range = 0;
	run.from = UINT64_C(1) << 33;
	f.insert = upserts(&run, entries < 2000000 ? 4 : chunks);
	f.bytes = (double)response_stats(table).bytes / (double)response_stats(table).entries;
	response_destroy(table);
	return f;
}

struct growth {
	double insert, pause; /* ns per event, ms of the slowest batch */
	double peak, bytes; /* per entry: of the process's resident memory, of the table at the end */
};

/* From an empty table. CPU time: a pause is a growth, not another process. */
static struct growth growth(uint64_t entries)
{
	struct response_options options = {.max = 10000000, .horizon_ms = 86400000};
	struct response_table *table = response_create(&options, 100000);
	struct run run = {.table = table, .slot = response_open(table), .versions = 1, .prefetch = true};
	struct growth g = {0};
	double all = 0;
	for (uint64_t at = 0; at < entries; at += CHUNK) {
		for (unsigned i = 0; i < CHUNK; i++)
			keys[i] = key_of(at + i);
		for (unsigned i = 0; i < CHUNK; i += BATCH) {
			double start = now_ns();
			judge_batch(&run, keys + i);
			double ns = now_ns() - start;
			g.pause = ns / 1e6 > g.pause ? ns / 1e6 : g.pause;
			all += ns;
		}
	}
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	struct response_stats stats = response_stats(table);
	g.insert = all / (double)stats.entries;
	g.peak = (double)usage.ru_maxrss * 1024 / (double)stats.entries;
	g.bytes = (double)stats.bytes / (double)stats.entries;
	response_destroy(table);
	return g;
}

struct hop {
	struct names *names;
	struct bundle_reader *reader;
	uint64_t cells, bytes, sum;
	double read_ns;
};

static bool take(void *context, uint32_t shard __attribute__((unused)), struct str bytes)
{
	struct hop *hop = context;
	struct bundle bundle;
	double start = now_ns();
	must(bundle_read(hop->reader, bytes, &bundle));
	for (uint32_t g = 0; g < bundle.groups_count; g++)
		for (uint32_t i = 0; i < bundle.groups[g].count; i++)
			hop->sum +=
				bundle.groups[g].cells[i].second + (unsigned)bundle.groups[g].cells[i].delta;
	for (uint32_t g = 0; g < bundle.groups_count; g++)
		hop->cells += bundle.groups[g].count;
	hop->bytes += bytes.len;
	hop->read_ns += now_ns() - start;
	return true;
}

struct hop_figures {
	double add, write, read, bytes; /* ns and bytes per cell */
};

static struct hop_figures hop_figures(unsigned touchpoints, unsigned per_commit)
{
	struct hop hop = {.names = names_create(touchpoints, 64), .reader = bundle_reader_create()};
	struct bundle_writer *writer = bundle_writer_create(touchpoints);
	struct tally *tally = tally_create(per_commit, touchpoints);
	struct bundle_head head = {.shards = 8, .clock_ms = 1700000000000, .instance = STR("bench-1")};
	double add = 0, write = 0;
	uint64_t added = 0;
	for (unsigned i = 0; i < touchpoints; i++) {
		char name[40];
		names_intern(hop.names, (struct str){name, (size_t)snprintf(name, sizeof name,
									    "store-%05u/checkout", i)});
	}
	for (unsigned commit = 0; commit < 4000000 / per_commit; commit++) {
		tally_clear(tally);
		double start = now_ns();
		for (unsigned i = 0; i < per_commit; i++) {
			uint64_t r = mix(added++);
			tally_add(tally, (uint32_t)(r >> 32) % touchpoints, 0, 1699999998u + (r & 1),
				  (uint8_t)((r >> 8) % 11), 1);
		}
		add += now_ns() - start;
		start = now_ns();
		must(bundle_write(writer, &head, hop.names, tally, true, take, &hop));
		write += now_ns() - start;
	}
	struct hop_figures f = {add / (double)added, (write - hop.read_ns) / (double)hop.cells,
				hop.read_ns / (double)hop.cells, (double)hop.bytes / (double)hop.cells};
	tally_destroy(tally);
	bundle_writer_destroy(writer);
	bundle_reader_destroy(hop.reader);
	names_destroy(hop.names);
	return f;
}

static void print_table(const char *name, const struct figures *f, bool json)
{
	const char *form = json ? "\"%s\":{\"insert_ns\":%.1f,\"edit_ns\":%.1f,\"edit_without_prefetch_ns\":%"
				  ".1f,\"repeat_ns\":%.1f,"
				  "\"refill_per_s\":%.0f,\"bytes_per_entry\":%.1f},"
				: "table %-4s  insert %5.1f ns  edit %5.1f ns (without prefetch %5.1f)  "
				  "repeat %5.1f ns  "
				  "refill %.0f/s  %.1f bytes per entry\n";
	printf(form, name, f->insert, f->edit, f->edit_bare, f->repeat, 1e9 / f->refill, f->bytes);
}

static void print_growth(const struct growth *g, bool json)
{
	const char *form =
		json ? "\"growth\":{\"insert_ns\":%.1f,\"pause_ms\":%.1f,\"peak_bytes_per_entry\":%.1f,"
		       "\"bytes_per_entry\":%.1f},"
		     : "growth to 4M  insert %5.1f ns  longest pause %.1f ms  at the peak %.1f bytes per "
		       "entry, "
		       "at the end %.1f\n";
	printf(form, g->insert, g->pause, g->peak, g->bytes);
}

static void print_hop(const char *name, const struct hop_figures *f, bool json, const char *end)
{
	const char *form =
		json ? "\"%s\":{\"tally_add_ns\":%.1f,\"bundle_write_ns\":%.1f,\"bundle_read_ns\":%.1f,"
		       "\"bundle_bytes_per_cell\":%.1f}%s"
		     : "hop %-16s  tally add %5.1f ns  bundle write %5.1f ns  read %5.1f ns  %.1f bytes per "
		       "cell%s";
	printf(form, name, f->add, f->write, f->read, f->bytes, end);
}

int main(int argc, char **argv)
{
	bool json = false, small = false;
	for (int i = 1; i < argc; i++) {
		json |= strcmp(argv[i], "--json") == 0;
		small |= strcmp(argv[i], "--small") == 0;
	}
	if (json)
		putchar('{');
	struct growth g = growth(4000000);
	print_growth(&g, json);
	struct figures f = table_figures(1000000);
	print_table("1M", &f, json);
	if (!small) {
		f = table_figures(10000000);
		print_table("10M", &f, json);
	}
	struct hop_figures busy = hop_figures(1000, 100000), wide = hop_figures(10000, 20000);
	print_hop("1k touchpoints", &busy, json, json ? "," : "\n");
	print_hop("10k touchpoints", &wide, json, json ? "}\n" : "\n");
	return 0;
}
