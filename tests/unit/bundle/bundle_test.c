#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "bundle/bundle.h"
#include "feedback/feedback.h"

#define CLOCK 1700000000000

/* ---- what was emitted, kept ---- */

struct message {
	uint32_t shard;
	char *at;
	size_t len;
};

struct outbox {
	struct message list[512];
	unsigned count, refuse_at; /* emit says false at this one; 0: never */
};

static bool keep(void *context, uint32_t shard, struct str bytes)
{
	struct outbox *out = context;
	assert_true(out->count < 512);
	assert_true(bytes.len <= BUNDLE_BYTES_MAX);
	struct message *m = &out->list[out->count++];
	*m = (struct message){shard, malloc(bytes.len + 1), bytes.len};
	memcpy(m->at, bytes.at, bytes.len);
	return out->count != out->refuse_at;
}

static void empty(struct outbox *out)
{
	for (unsigned i = 0; i < out->count; i++)
		free(out->list[i].at);
	*out = (struct outbox){0};
}

static struct str bytes_of(const struct message *m)
{
	return (struct str){m->at, m->len};
}

struct fixture {
	struct names *names;
	struct tally *tally;
	struct bundle_writer *writer;
	struct bundle_reader *reader;
	struct outbox out;
};

static struct fixture *set_up(uint32_t touchpoints, uint32_t cells, const char *form)
{
	struct fixture *f = calloc(1, sizeof *f);
	f->names = names_create(touchpoints, BUNDLE_NAME_MAX);
	f->tally = tally_create(2 * cells, touchpoints); /* what comes back is taken back */
	f->writer = bundle_writer_create(touchpoints);
	f->reader = bundle_reader_create();
	for (uint32_t i = 0; i < touchpoints; i++) {
		char name[BUNDLE_NAME_MAX + 1];
		names_intern(f->names, (struct str){name, (size_t)snprintf(name, sizeof name, form, i)});
	}
	assert_int_equal(names_count(f->names), touchpoints);
	return f;
}

static void tear_down(struct fixture *f)
{
	empty(&f->out);
	names_destroy(f->names);
	tally_destroy(f->tally);
	bundle_writer_destroy(f->writer);
	bundle_reader_destroy(f->reader);
	free(f);
}

static const struct bundle_head head = {
	.shards = 4, .clock_ms = CLOCK, .behind = true, .instance = {"intake-7", 8}, .journals = 6};

static bool write_all(struct fixture *f, bool tick)
{
	return bundle_write(f->writer, &head, f->names, f->tally, tick, keep, &f->out);
}

/* Adds what was emitted to a tally of its own and compares: each cell in its shard, none twice. Returns the parts. */
static void read_back(struct fixture *f)
{
	struct tally *got = tally_create(tally_count(f->tally) + 1, names_count(f->names));
	uint32_t cells = 0, expected = 0;
	for (unsigned i = 0; i < f->out.count; i++) {
		struct bundle b;
		assert_true(bundle_read(f->reader, bytes_of(&f->out.list[i]), &b));
		assert_int_equal(b.head.version, BUNDLE_VERSION);
		assert_int_equal(b.head.shards, 4);
		assert_int_equal(b.head.journals, 6);
		assert_true(b.head.clock_ms == CLOCK && b.head.behind);
		assert_true(str_is(b.head.instance, "intake-7"));
		for (uint32_t g = 0; g < b.groups_count; g++) {
			uint32_t t = names_find(f->names, b.groups[g].touchpoint);
			assert_true(t != NAMES_FULL);
			assert_int_equal(names_hash(f->names, t) % 4, f->out.list[i].shard);
			assert_true(b.groups[g].count > 0);
			cells += b.groups[g].count;
			for (uint32_t c = 0; c < b.groups[g].count; c++) {
				const struct tally_cell *cell = &b.groups[g].cells[c];
				assert_int_equal(cell->touchpoint, g);
				tally_add(got, t, cell->ledger, cell->second, cell->bin, cell->delta);
				tally_add(f->tally, t, cell->ledger, cell->second, cell->bin, -cell->delta);
			}
		}
	}
	for (uint32_t i = 0, left; i < tally_touchpoints(f->tally); i++) {
		(void)tally_cells(f->tally, i, &left);
		assert_int_equal(left, 0);
	}
	for (uint32_t i = 0, count; i < tally_touchpoints(got); i++, expected += count)
		(void)tally_cells(got, i, &count);
	assert_int_equal(cells, expected);
	tally_destroy(got);
}

static void a_tally_comes_back_as_it_was(void **state)
{
	struct fixture *f = set_up(3, 20, "touchpoint \xC3\xA9 %u");
	tally_add(f->tally, 2, LEDGER_SURVEY, CLOCK / 1000, 10, 1);
	tally_add(f->tally, 2, LEDGER_SURVEY, CLOCK / 1000 - 604800, 0, -1);
	tally_add(f->tally, 2, LEDGER_RELATIONSHIP, 0, 7, INT32_MAX);
	tally_add(f->tally, 2, LEDGER_SOCIAL, UINT32_MAX, BIN_UNREAD, INT32_MIN + 1);
	tally_add(f->tally, 0, LEDGER_REVIEW, CLOCK / 1000, 5, 1);
	tally_add(f->tally, 1, LEDGER_REVIEW, CLOCK / 1000, 5, 1);
	tally_add(f->tally, 1, LEDGER_REVIEW, CLOCK / 1000, 5, -1); /* nothing is left of touchpoint 1 */
	assert_true(write_all(f, false));
	read_back(f);
	tear_down(f);
}

static void nothing_is_sent_without_cells_but_ticks(void **state)
{
	struct fixture *f = set_up(3, 20, "%u");
	struct bundle b;
	assert_true(write_all(f, false));
	assert_int_equal(f->out.count, 0);
	tally_add(f->tally, 1, 0, 100, 5, 1);
	assert_true(write_all(f, false));
	assert_int_equal(f->out.count, 1);
	empty(&f->out);
	assert_true(write_all(f, true));
	assert_int_equal(f->out.count, 4);
	for (uint32_t s = 0; s < 4; s++) {
		assert_int_equal(f->out.list[s].shard, s);
		assert_true(bundle_read(f->reader, bytes_of(&f->out.list[s]), &b));
		assert_int_equal(b.groups_count, s == names_hash(f->names, 1) % 4);
	}
	tear_down(f);
}

static void a_name_may_be_empty(void **state)
{
	struct fixture *f = set_up(1, 20, "");
	struct bundle b;
	tally_add(f->tally, 0, 0, 100, 5, 1);
	assert_true(write_all(f, false));
	assert_true(bundle_read(f->reader, bytes_of(&f->out.list[0]), &b));
	assert_int_equal(b.groups[0].touchpoint.len, 0);
	assert_int_equal(b.groups[0].cells[0].second, 100);
	tear_down(f);
}

static void parts_stay_within_their_size(void **state)
{
	static const struct {
		uint32_t touchpoints, cells;
		const char *form;
		bool disorder;
	} rows[] = {
		{1, 600000, "all", false}, /* one touchpoint over many parts */
		{1, 600000, "all", true}, /* deltas of five bytes */
		{40000, 40000, "a rather long name of a touchpoint %u, to fill parts with names", false},
		{4000, 15000, "%01020u", false}, /* names of 1020 bytes */
	};
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct fixture *f = set_up(rows[r].touchpoints, rows[r].cells, rows[r].form);
		for (uint32_t i = 0; i < rows[r].cells; i++) {
			uint32_t second = rows[r].disorder ? i * 2654435761u : 1000000000 + i / 40;
			tally_add(f->tally, i % rows[r].touchpoints, (uint8_t)(i % 2), second,
				  (uint8_t)(i / 2 % 11),
				  i % 7	  ? 1
				  : i % 2 ? -100000
					  : 2);
		}
		assert_true(write_all(f, true));
		assert_true(f->out.count > 4);
		size_t bytes = 0;
		for (unsigned i = 0; i < f->out.count; i++)
			bytes += f->out.list[i].len;
		/* No more parts than needed, but for the last of each shard. */
		assert_true(f->out.count <= bytes / (BUNDLE_BYTES_MAX / 10 * 7) + 5);
		read_back(f);
		tear_down(f);
	}
}

/* Whoever reads knows where a touchpoint's feedback comes from, also in the second part of a large bundle; a name that does not fit is not told. */
static void sources_come_with_their_touchpoints(void **state)
{
	static char long_name[BUNDLE_NAME_MAX];
	struct str names[40] = {STR("surveys"), STR("reviews"), STR("")};
	memset(long_name, 'x', sizeof long_name);
	for (unsigned i = 3; i < 40; i++)
		names[i] = (struct str){long_name, sizeof long_name};
	enum { TOUCHPOINTS = 60000 };
	uint16_t *of = calloc(TOUCHPOINTS, sizeof *of);
	struct bundle_sources sources = {names, 40, of};
	struct bundle_head with = head;
	with.shards = 2;
	struct fixture *f = set_up(TOUCHPOINTS, TOUCHPOINTS, "a touchpoint of some length %u");
	with.sources = &sources;
	for (uint32_t i = 0; i < TOUCHPOINTS; i++) {
		of[i] = (uint16_t)(i % 4 == 3 ? 40 : i % 4); /* 0: not known; 40: did not fit */
		tally_add(f->tally, i, LEDGER_SURVEY, CLOCK / 1000, 9, 1);
	}
	assert_true(bundle_write(f->writer, &with, f->names, f->tally, false, keep, &f->out));
	assert_true(f->out.count > with.shards);
	uint32_t seen = 0;
	for (unsigned m = 0; m < f->out.count; m++) {
		struct bundle b;
		assert_true(bundle_read(f->reader, bytes_of(&f->out.list[m]), &b));
		for (uint32_t g = 0; g < b.groups_count; g++, seen++) {
			uint32_t i = names_find(f->names, b.groups[g].touchpoint);
			assert_true(str_equal(b.groups[g].source,
					      i % 4 == 1 || i % 4 == 2 ? names[i % 4 - 1] : STR("")));
		}
	}
	assert_int_equal(seen, TOUCHPOINTS);
	free(of);
	tear_down(f);
}

static void it_stops_when_emit_says_no(void **state)
{
	struct fixture *f = set_up(8, 20, "%u");
	for (uint32_t t = 0; t < 8; t++)
		tally_add(f->tally, t, 0, 100, 5, 1);
	f->out.refuse_at = 2;
	assert_false(write_all(f, true));
	assert_int_equal(f->out.count, 2);
	tear_down(f);
}

/* ---- what can't be read ---- */

static struct message one_bundle(struct fixture *f)
{
	for (uint32_t t = 0; t < 5; t++)
		for (uint32_t i = 0; i < 6; i++)
			tally_add(f->tally, t, 0, CLOCK / 1000 - i, 5, i == 3 ? -2 : 1);
	struct bundle_head one = head;
	one.shards = 1;
	assert_true(bundle_write(f->writer, &one, f->names, f->tally, true, keep, &f->out));
	assert_int_equal(f->out.count, 1);
	return f->out.list[0];
}

/* A copy of the exact length on the heap, so that ASan sees one byte too far. */
static bool read_copy(struct fixture *f, const char *at, size_t len)
{
	struct bundle b;
	struct bundle_journal j;
	char *copy = malloc(len ? len : 1);
	memcpy(copy, at, len);
	bool ok = bundle_read(f->reader, (struct str){copy, len}, &b);
	for (uint32_t g = 0; ok && g < b.groups_count; g++)
		for (uint32_t i = 0; i < b.groups[g].count; i++)
			assert_true(b.groups[g].cells[i].bin < BINS && b.groups[g].cells[i].ledger < LEDGERS);
	if (bundle_read_journal(f->reader, (struct str){copy, len}, &j))
		for (uint32_t i = 0; i < j.entries_count; i++)
			assert_true(j.entries[i].flags || j.entries[i].fact.touchpoint < j.names_count);
	free(copy);
	return ok;
}

static void truncated_at_each_length_is_refused(void **state)
{
	struct fixture *f = set_up(5, 100, "touchpoint %u");
	struct message m = one_bundle(f);
	assert_true(read_copy(f, m.at, m.len));
	/* Whole fields that are cut off can't be told from fields that were left out: behind shards, clock, flag and instance there is
	 * an empty bundle, without the deltas all are +1, and journals, the last, may be absent. Kafka's own checksum stands before us here. */
	unsigned readable = 0;
	for (size_t len = 0; len < m.len; len++)
		readable += read_copy(f, m.at, len);
	assert_int_equal(readable, 6);
	tear_down(f);
}

static void corrupt_bytes_never_crash(void **state)
{
	struct fixture *f = set_up(5, 100, "touchpoint %u");
	struct message m = one_bundle(f);
	char *copy = malloc(m.len);
	srand(3);
	for (size_t at = 0; at < m.len; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(copy, m.at, m.len);
			copy[at] = (char)(copy[at] ^ 1 << bit);
			read_copy(f, copy, m.len);
		}
	for (unsigned n = 0; n < 20000; n++) {
		memcpy(copy, m.at, m.len);
		for (unsigned k = (unsigned)rand() % 6 + 1; k; k--)
			copy[(size_t)rand() % m.len] = (char)rand();
		read_copy(f, copy, m.len);
	}
	free(copy);
	tear_down(f);
}

/* Hand-made messages: head is version 1, shards 1, clock 1000 s; then what the row says. */
#define HEAD "\x08\x01\x10\x01\x18\xC0\x84\x3D"
#define ROW(why, bytes, ok)                                                                                  \
	{                                                                                                    \
		why, {bytes, sizeof(bytes) - 1}, ok                                                          \
	}
static const struct {
	const char *why;
	struct str bytes;
	bool ok;
} by_hand[] = {
	ROW("empty bundle", HEAD, true),
	ROW("no version", "\x10\x01\x18\xC0\x84\x3D", false),
	ROW("newer version", "\x08\x02\x10\x01\x18\xC0\x84\x3D", false),
	ROW("no shards", "\x08\x01\x18\xC0\x84\x3D", false),
	ROW("clock before 1970", "\x08\x01\x10\x01\x18\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", false),
	ROW("clock beyond 32 bits of seconds", "\x08\x01\x10\x01\x18\x80\x80\x80\x80\x80\x80\x02", false),
	ROW("a newer field",
	    HEAD "\xA2\x06\x03xyz\xA8\x06\x05\xAD\x06"
		 "1234",
	    true),
	ROW("one cell", HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x01\x4A\x01\x01\x52\x01\x05", true),
	ROW("columns that are not packed", HEAD "\x32\x01t\x38\x01\x40\x01\x48\x01\x52\x01\x05", true),
	ROW("name longer than the text", HEAD "\x32\x01t\x3A\x01\x02\x42\x01\x01\x4A\x01\x01\x52\x01\x05",
	    false),
	ROW("text longer than the names", HEAD "\x32\x02tu\x3A\x01\x01\x42\x01\x01\x4A\x01\x01\x52\x01\x05",
	    false),
	ROW("a count too many", HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x02\x4A\x01\x01\x52\x01\x05", false),
	ROW("a count too few", HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x00\x4A\x01\x01\x52\x01\x05", false),
	ROW("a huge count", HEAD "\x32\x01t\x3A\x01\x01\x42\x05\xFF\xFF\xFF\xFF\x0F\x4A\x01\x01\x52\x01\x05",
	    false),
	ROW("two names, one count", HEAD "\x32\x02tu\x3A\x02\x01\x01\x42\x01\x01\x4A\x01\x01\x52\x01\x05",
	    false),
	ROW("no kinds", HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x01\x4A\x01\x01", false),
	ROW("deltas of another length",
	    HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x01\x4A\x01\x01\x52\x01\x05\x5A\x02\x02\x02", false),
	ROW("score 11", HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x01\x4A\x01\x01\x52\x01\x0B", false),
	ROW("class 4 of a post", HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x01\x4A\x01\x01\x52\x01\x24", false),
	ROW("no stars", HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x01\x4A\x01\x01\x52\x01\x30", false),
	ROW("five stars", HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x01\x4A\x01\x01\x52\x01\x35", true),
	ROW("ledger 4", HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x01\x4A\x01\x01\x52\x01\x45", false),
	ROW("second below 0", HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x01\x4A\x02\xD1\x0F\x52\x01\x05", false),
	ROW("second 0", HEAD "\x32\x01t\x3A\x01\x01\x42\x01\x01\x4A\x02\xCF\x0F\x52\x01\x05", true),
	ROW("second beyond 32 bits",
	    HEAD
	    "\x32\x01t\x3A\x01\x01\x42\x01\x01\x4A\x0A\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x52\x01\x05",
	    false),
	ROW("a length beyond the message", HEAD "\x32\xFF\xFF\xFF\xFF\x07t", false),
	ROW("not protobuf", "{\"id\":1}", false),
};

static void messages_by_hand(void **state)
{
	struct fixture *f = set_up(1, 10, "%u");
	for (size_t i = 0; i < sizeof by_hand / sizeof by_hand[0]; i++)
		if (read_copy(f, by_hand[i].bytes.at, by_hand[i].bytes.len) != by_hand[i].ok)
			fail_msg("%s: should %sbe read", by_hand[i].why, by_hand[i].ok ? "" : "not ");
	tear_down(f);
}

static void a_name_that_is_too_long_is_refused(void **state)
{
	struct fixture *f = set_up(1, 10, "%u");
	for (size_t len = BUNDLE_NAME_MAX; len <= BUNDLE_NAME_MAX + 1; len++) {
		char bytes[BUNDLE_NAME_MAX + 100] = HEAD "\x32";
		size_t at = sizeof HEAD;
		bytes[at++] = (char)((len & 127) | 128), bytes[at++] = (char)(len >> 7);
		memset(bytes + at, 'x', len);
		at += len;
		bytes[at++] = 0x3A, bytes[at++] = 2;
		bytes[at++] = (char)((len & 127) | 128), bytes[at++] = (char)(len >> 7);
		memcpy(bytes + at, "\x42\x01\x01\x4A\x01\x01\x52\x01\x05", 9);
		assert_int_equal(read_copy(f, bytes, at + 9), len == BUNDLE_NAME_MAX);
	}
	tear_down(f);
}

/* As many members as bytes allow: the reader may refuse, but takes no more memory than its limit and works afterwards. */
static void a_flood_of_members_is_survived(void **state)
{
	struct fixture *f = set_up(5, 100, "touchpoint %u");
	struct message m = one_bundle(f);
	size_t len = 4 * BUNDLE_BYTES_MAX;
	char *flood = malloc(len + 1);
	for (size_t i = 0; i < len; i += 2)
		flood[i] = 0x38, flood[i + 1] = 1;
	read_copy(f, flood, len);
	for (size_t i = 0; i < len; i += 2)
		flood[i] = 0x78, flood[i + 1] = 1; /* of a field that we don't know */
	read_copy(f, flood, len);
	assert_false(read_copy(f, flood, len + 1));
	free(flood);
	assert_true(read_copy(f, m.at, m.len));
	tear_down(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tally_comes_back_as_it_was),
		cmocka_unit_test(nothing_is_sent_without_cells_but_ticks),
		cmocka_unit_test(a_name_may_be_empty),
		cmocka_unit_test(parts_stay_within_their_size),
		cmocka_unit_test(sources_come_with_their_touchpoints),
		cmocka_unit_test(it_stops_when_emit_says_no),
		cmocka_unit_test(truncated_at_each_length_is_refused),
		cmocka_unit_test(corrupt_bytes_never_crash),
		cmocka_unit_test(messages_by_hand),
		cmocka_unit_test(a_name_that_is_too_long_is_refused),
		cmocka_unit_test(a_flood_of_members_is_survived),
	};
	return cmocka_run_group_tests_name("bundle/bundle", tests, NULL, NULL);
}
