/*
 * Response table, tally and bundle: ns per operation.   response_bench [--json] [--small]
 *
 * Keys are random, so every upsert is a cache miss or three; --small leaves the 10 M table (0.5 GB) out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static double upserts(struct response_table *table, unsigned slot, uint64_t from, uint64_t range,
		      unsigned count, unsigned content, bool prefetch)
{
	struct response_verdict verdict;
	uint64_t journaled = 0;
	double start = now_ns();
	for (unsigned done = 0; done < count; done += BATCH) {
		struct hash128 keys[BATCH];
		for (unsigned i = 0; i < BATCH; i++) {
			keys[i] =
				key_of(range ? (mix(from + done + i) >> 32) * range >> 32 : from + done + i);
			if (prefetch)
				response_prefetch(table, keys[i]);
		}
		for (unsigned i = 0; i < BATCH; i++) {
			struct response_event event = {
				.key = keys[i],
				.updated_ms = RESPONSE_NO_VERSION,
				.content = content + (unsigned)keys[i].lo,
				.fact = {7, 1700000000u + done, 0, (int8_t)(keys[i].hi % 11)}};
			response_judge(table, slot, 1700000000, &event, &verdict);
			journaled += verdict.journal;
		}
		if (response_undo_full(table, BATCH)) {
			response_mark(table);
			response_commit(table);
		}
	}
	double ns = (now_ns() - start) / count;
	must(journaled <= count);
	return ns;
}

static struct figures table_figures(uint64_t entries)
{
	struct response_options options = {.max = (int64_t)entries + 4000000, .horizon_ms = 86400000};
	struct response_table *table = response_create(&options, 100000);
	unsigned slot = response_open(table);
	struct figures f;
	double start = now_ns();
	for (uint64_t done = 0; done < entries; done += BATCH) {
		struct hash128 keys[BATCH];
		for (unsigned i = 0; i < BATCH; i++) {
			keys[i] = key_of(done + i);
			response_prefetch(table, keys[i]);
		}
		for (unsigned i = 0; i < BATCH; i++) {
			struct response_entry entry = {.key = keys[i],
						       .updated_ms = 1,
						       .seen = 1700000000,
						       .fact = {7, 1700000000, 0, 9}};
			response_refill(table, slot, 1700000000, &entry);
		}
	}
	f.refill = (now_ns() - start) / (double)entries;
	unsigned count = (entries < 2000000 ? 20000 : 40000) * BATCH;
	f.insert = upserts(table, slot, entries + BATCH, 0, count, 1, true);
	f.edit = upserts(table, slot, 0, entries, count, 2, true);
	f.edit_bare = upserts(table, slot, 5 * entries, entries, count, 3, false);
	f.repeat = upserts(table, slot, 5 * entries, entries, count, 3, true);
	f.bytes = (double)response_stats(table).bytes / (double)response_stats(table).entries;
	response_destroy(table);
	return f;
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
