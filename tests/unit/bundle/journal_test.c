#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bundle/bundle.h"
#include "feedback/feedback.h"

#define CLOCK 1700000000123
#define NONE  RESPONSE_NO_VERSION

/* Reads each part as it is emitted and compares it with the entries that were added. */
struct check {
	struct bundle_reader *reader;
	const struct names *names;
	const struct response_entry *want;
	size_t count, read, bytes;
	unsigned parts, refuse_at;
	uint64_t key_print;
};

static void compare(const struct check *check, const struct bundle_journal *j,
		    const struct response_entry *got, const struct response_entry *want)
{
	assert_true(got->key.lo == want->key.lo && got->key.hi == want->key.hi);
	assert_true(got->updated_ms == want->updated_ms);
	assert_int_equal(got->content, want->content);
	assert_int_equal(got->seen, CLOCK / 1000);
	assert_int_equal(got->flags, want->flags);
	assert_int_equal(got->fact.bin, want->fact.bin);
	if (want->flags)
		return;
	assert_int_equal(got->fact.ledger, want->fact.ledger);
	assert_int_equal(got->fact.second, want->fact.second);
	assert_true(
		str_equal(j->names[got->fact.touchpoint], names_get(check->names, want->fact.touchpoint)));
}

static bool read_part(void *context, uint32_t shard, struct str bytes)
{
	struct check *check = context;
	struct bundle_journal j;
	char *copy = malloc(bytes.len); /* of the exact length, so that ASan sees one byte too far */
	memcpy(copy, bytes.at, bytes.len);
	assert_int_equal(shard, 3);
	assert_true(bytes.len <= BUNDLE_BYTES_MAX);
	assert_true(bundle_read_journal(check->reader, (struct str){copy, bytes.len}, &j));
	assert_true(j.clock_ms == CLOCK);
	assert_int_equal(j.key_print, check->key_print);
	for (uint32_t i = 0; i < j.entries_count; i++) {
		assert_true(check->read < check->count);
		compare(check, &j, &j.entries[i], &check->want[check->read++]);
	}
	check->bytes += bytes.len;
	free(copy);
	return ++check->parts != check->refuse_at;
}

static struct names *names_of(uint32_t count, const char *form)
{
	struct names *names = names_create(count, BUNDLE_NAME_MAX);
	for (uint32_t i = 0; i < count; i++) {
		char name[BUNDLE_NAME_MAX + 1];
		names_intern(names, (struct str){name, (size_t)snprintf(name, sizeof name, form, i)});
	}
	return names;
}

static struct check write_and_read(const struct names *names, const struct response_entry *entries,
				   size_t count, unsigned refuse_at, bool *ok)
{
	struct bundle_writer *writer = bundle_writer_create(names_count(names));
	struct check check = {bundle_reader_create(), names, entries, count, 0, 0, 0, refuse_at, 0};
	for (unsigned round = 0; round < 2;
	     round++) { /* the second: nothing of the first is left in the writer */
		check.read = check.bytes = check.parts = 0;
		check.key_print = 1 + (uint64_t)round;
		bundle_journal_begin(writer, CLOCK, 1 + (uint64_t)round);
		for (size_t i = 0; i < count; i++)
			bundle_journal_add(writer, &entries[i]);
		*ok = bundle_journal_finish(writer, names, 3, read_part, &check);
	}
	bundle_writer_destroy(writer);
	bundle_reader_destroy(check.reader);
	return check;
}

static void entries_come_back_as_they_were(void **state)
{
	static const struct response_entry entries[] = {
		{{1, 2}, CLOCK, {0, CLOCK / 1000, LEDGER_SURVEY, 10}, 7, 0, 0},
		{{UINT64_MAX, UINT64_MAX}, NONE, {2, 0, LEDGER_RELATIONSHIP, 0}, UINT32_MAX, 0, 0},
		{{3, 3}, 0, {1, UINT32_MAX, LEDGER_SOCIAL, BIN_UNREAD}, 0, 0, 0},
		{{4, 4}, RESPONSE_VERSION_MAX, {2, CLOCK / 1000 - 604800, LEDGER_REVIEW, 1}, 1, 0, 0},
		{{5, 5}, CLOCK - 1, {0, 5, LEDGER_REVIEW, BIN_NONE}, 9, 0, 0},
		{{6, 6}, CLOCK + 1, {0, 0, 0, BIN_NONE}, 0, 0, RESPONSE_TOMB},
		{{7, 7}, NONE, {0, 0, 0, BIN_NONE}, 0, 0, RESPONSE_TOMB | RESPONSE_TOMB_FOR_GOOD},
		{{1, 2}, CLOCK, {0, CLOCK / 1000, LEDGER_SURVEY, 9}, 8, 0, 0},
	};
	struct names *names = names_of(3, "touchpoint %u");
	bool ok;
	for (size_t n = 0; n <= sizeof entries / sizeof entries[0]; n++) {
		struct check check = write_and_read(names, entries, n, 0, &ok);
		assert_true(ok);
		assert_int_equal(check.read, n);
		assert_int_equal(check.parts, n > 0);
	}
	struct check tombs = write_and_read(names, entries + 5, 2, 0, &ok); /* no name at all */
	assert_int_equal(tombs.read, 2);
	names_destroy(names);
}

static struct response_entry *many(size_t count, uint32_t touchpoints)
{
	struct response_entry *entries = calloc(count, sizeof *entries);
	for (size_t i = 0; i < count; i++)
		entries[i] = (struct response_entry){
			.key = {i * UINT64_C(0x9E3779B97F4A7C15), ~i},
			.updated_ms = CLOCK - (int64_t)(i % 5000),
			.content = (uint32_t)(i * 2654435761u),
			.fact = {(uint32_t)(i * 31 % touchpoints), (uint32_t)(CLOCK / 1000 - i % 3),
				 LEDGER_SURVEY, (int8_t)(i % 11)},
		};
	return entries;
}

static void large_commits_are_split_and_small_on_the_wire(void **state)
{
	static const struct {
		size_t count;
		uint32_t touchpoints;
		const char *form;
		unsigned parts_min;
		double bytes_max; /* per entry */
	} rows[] = {
		{10000, 100, "store %u", 1, 28},
		{100000, 5000, "store %u", 5, 34},
		{3000, 3000, "%01024u", 6, 1100},
	};
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		struct names *names = names_of(rows[r].touchpoints, rows[r].form);
		struct response_entry *entries = many(rows[r].count, rows[r].touchpoints);
		bool ok;
		struct check check = write_and_read(names, entries, rows[r].count, 0, &ok);
		assert_true(ok);
		assert_int_equal(check.read, rows[r].count);
		assert_true(check.parts >= rows[r].parts_min);
		if ((double)check.bytes / (double)rows[r].count > rows[r].bytes_max)
			fail_msg("%.1f bytes per entry", (double)check.bytes / (double)rows[r].count);
		free(entries);
		names_destroy(names);
	}
}

static void it_stops_when_emit_says_no(void **state)
{
	struct names *names = names_of(10, "%u");
	struct response_entry *entries = many(60000, 10);
	bool ok;
	struct check check = write_and_read(names, entries, 60000, 2, &ok);
	assert_false(ok);
	assert_int_equal(check.parts, 2);
	free(entries);
	names_destroy(names);
}

/* Head: version 1, clock 1000 s. One entry: names "t", key, touchpoint 0, second as the clock's, kind, content. */
#define KEY                                                                                                  \
	"\x2A\x10"                                                                                           \
	"0123456789abcdef"
#define ROW(why, bytes, ok)                                                                                  \
	{                                                                                                    \
		why, {bytes, sizeof(bytes) - 1}, ok                                                          \
	}
#define HEAD "\x08\x01\x10\xC0\x84\x3D"
#define NAME "\x1A\x01t\x22\x01\x01"
static const struct {
	const char *why;
	struct str bytes;
	bool ok;
} by_hand[] = {
	ROW("no entries", HEAD, true),
	ROW("newer version", "\x08\x02\x10\xC0\x84\x3D", false),
	ROW("one entry",
	    HEAD NAME KEY "\x32\x01\x00\x3A\x01\x00\x42\x01\x0A\x4A\x04"
			  "1234",
	    true),
	ROW("a newer field",
	    HEAD NAME KEY "\x32\x01\x00\x3A\x01\x00\x42\x01\x0A\x4A\x04"
			  "1234"
			  "\xA2\x06\x03xyz",
	    true),
	ROW("touchpoint without a name",
	    HEAD NAME KEY "\x32\x01\x01\x3A\x01\x00\x42\x01\x0A\x4A\x04"
			  "1234",
	    false),
	ROW("deletion without a name",
	    HEAD KEY "\x32\x01\x00\x3A\x01\x00\x42\x01\x40\x4A\x04"
		     "1234",
	    true),
	ROW("for good, but not deleted",
	    HEAD NAME KEY "\x32\x01\x00\x3A\x01\x00\x42\x01\x8A\x4A\x04"
			  "1234",
	    false),
	ROW("score 11",
	    HEAD NAME KEY "\x32\x01\x00\x3A\x01\x00\x42\x01\x0C\x4A\x04"
			  "1234",
	    false),
	ROW("six stars",
	    HEAD NAME KEY "\x32\x01\x00\x3A\x01\x00\x42\x01\x37\x4A\x04"
			  "1234",
	    false),
	ROW("half a key",
	    HEAD NAME "\x2A\x08"
		      "01234567"
		      "\x32\x01\x00\x3A\x01\x00\x42\x01\x0A\x4A\x04"
		      "1234",
	    false),
	ROW("two kinds",
	    HEAD NAME KEY "\x32\x01\x00\x3A\x01\x00\x42\x02\x0A\x0A\x4A\x04"
			  "1234",
	    false),
	ROW("no second",
	    HEAD NAME KEY "\x32\x01\x00\x42\x01\x0A\x4A\x04"
			  "1234",
	    false),
	ROW("two versions",
	    HEAD NAME KEY "\x32\x01\x00\x3A\x01\x00\x42\x01\x0A\x4A\x04"
			  "1234"
			  "\x52\x02\x01\x01",
	    false),
	ROW("a version",
	    HEAD NAME KEY "\x32\x01\x00\x3A\x01\x00\x42\x01\x0A\x4A\x04"
			  "1234"
			  "\x52\x01\x01",
	    true),
	ROW("a version before 1970",
	    HEAD NAME KEY "\x32\x01\x00\x3A\x01\x00\x42\x01\x0A\x4A\x04"
			  "1234"
			  "\x52\x03\x82\x89\x7A",
	    false),
	ROW("a version beyond all",
	    HEAD NAME KEY "\x32\x01\x00\x3A\x01\x00\x42\x01\x0A\x4A\x04"
			  "1234"
			  "\x52\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
	    false),
	ROW("second below 0",
	    HEAD NAME KEY "\x32\x01\x00\x3A\x02\xD1\x0F\x42\x01\x0A\x4A\x04"
			  "1234",
	    false),
	ROW("names that don't match", HEAD "\x1A\x02tu\x22\x01\x01", false),
};

static void messages_by_hand(void **state)
{
	struct bundle_reader *reader = bundle_reader_create();
	for (size_t i = 0; i < sizeof by_hand / sizeof by_hand[0]; i++) {
		struct bundle_journal j;
		size_t len = by_hand[i].bytes.len;
		char *copy = malloc(len);
		memcpy(copy, by_hand[i].bytes.at, len);
		if (bundle_read_journal(reader, (struct str){copy, len}, &j) != by_hand[i].ok)
			fail_msg("%s: should %sbe read", by_hand[i].why, by_hand[i].ok ? "" : "not ");
		/* cut at each length: no crash, no byte too far */
		for (size_t cut = 0; cut < len; cut++) {
			char *part = malloc(cut ? cut : 1);
			memcpy(part, copy, cut);
			bool ok = bundle_read_journal(reader, (struct str){part, cut}, &j);
			assert_true(!ok || j.entries_count <= 1);
			free(part);
		}
		free(copy);
	}
	bundle_reader_destroy(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_back_as_they_were),
		cmocka_unit_test(large_commits_are_split_and_small_on_the_wire),
		cmocka_unit_test(it_stops_when_emit_says_no),
		cmocka_unit_test(messages_by_hand),
	};
	return cmocka_run_group_tests_name("bundle/journal", tests, NULL, NULL);
}
