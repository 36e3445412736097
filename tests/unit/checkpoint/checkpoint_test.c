#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/hash.h"
#include "checkpoint/checkpoint.h"
#include "window/window.h"

#define LATER_KIND 77 /* of a program that is not written yet */

static const struct checkpoint_head head = {
	.log_ms = 1717243200123, .offset = 987654321012345, .last_ms = -1};

static const struct section {
	uint32_t kind;
	const char *text;
} sections[] = {{CHECKPOINT_WINDOWS + LEDGER_SURVEY, "the survey"},
		{LATER_KIND, "of a later program"},
		{CHECKPOINT_WINDOWS + LEDGER_SOCIAL, ""}};

static size_t written(unsigned char *out, size_t max)
{
	struct checkpoint_writer w;
	checkpoint_begin(&w, out, max, &head);
	for (unsigned i = 0; i < 3; i++)
		checkpoint_section(&w, sections[i].kind, (const unsigned char *)sections[i].text,
				   strlen(sections[i].text));
	return checkpoint_finish(&w);
}

struct seen {
	unsigned count, stop_at;
};

static bool on_section(void *context, uint32_t kind, const unsigned char *bytes, size_t len)
{
	struct seen *seen = context;
	assert_int_equal(kind, sections[seen->count].kind);
	assert_true(str_is((struct str){(const char *)bytes, len}, sections[seen->count].text));
	return ++seen->count != seen->stop_at;
}

static bool readable(const unsigned char *bytes, size_t len)
{
	struct checkpoint_head got;
	struct seen seen = {0};
	bool ok = checkpoint_read((struct str){(const char *)bytes, len}, &got, on_section, &seen);
	assert_int_equal(seen.count, ok ? 3 : 0); /* all or nothing */
	return ok;
}

static void what_was_written_is_read_in_order(void **state)
{
	unsigned char bytes[256];
	size_t len = written(bytes, sizeof bytes);
	struct checkpoint_head got;
	struct seen seen = {0};
	assert_true(checkpoint_read((struct str){(char *)bytes, len}, &got, on_section, &seen));
	assert_int_equal(seen.count, 3);
	assert_memory_equal(&got, &head, sizeof head);
	seen = (struct seen){.stop_at = 2};
	assert_false(checkpoint_read((struct str){(char *)bytes, len}, &got, on_section, &seen));
	assert_int_equal(seen.count, 2);
}

/* The layout is a contract with programs of other versions. */
static void the_bytes_are_as_the_header_draws_them(void **state)
{
	unsigned char bytes[64];
	struct checkpoint_writer w;
	checkpoint_begin(&w, bytes, sizeof bytes, &(struct checkpoint_head){1, 2, -2});
	checkpoint_section(&w, 19, (const unsigned char *)"ab", 2);
	assert_int_equal(checkpoint_finish(&w), 32 + 8 + 2 + 8);
	assert_memory_equal(bytes,
			    "CKPT"
			    "\1\0\0\0"
			    "\1\0\0\0\0\0\0\0"
			    "\2\0\0\0\0\0\0\0"
			    "\xfe\xff\xff\xff\xff\xff\xff\xff"
			    "\x13\0\0\0"
			    "\2\0\0\0"
			    "ab",
			    42);
	assert_int_equal(bytes[42], hash_bytes((struct str){(char *)bytes, 42}) & 255);
}

static void every_cut_and_every_changed_bit_is_noticed(void **state)
{
	unsigned char bytes[256], broken[257] = {0};
	size_t len = written(bytes, sizeof bytes);
	assert_true(readable(bytes, len));
	for (size_t cut = 0; cut < len; cut++)
		assert_false(readable(bytes, cut));
	for (size_t bit = 0; bit < len * 8; bit++) {
		memcpy(broken, bytes, len);
		broken[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(readable(broken, len));
	}
	memcpy(broken, bytes, len);
	assert_false(readable(broken, len + 1));
	assert_false(readable(NULL, 0));
}

/* With a right checksum, but lengths that point beyond the end, or a version of the future. */
static void a_wrong_frame_with_a_right_checksum_is_refused(void **state)
{
	static const struct {
		size_t at;
		unsigned char value;
	} rows[] = {{0, 'X'}, {4, CHECKPOINT_VERSION + 1}, {4, 0}, {36, 200}, {36, 9}, {39, 255}, {37, 1}};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned char bytes[256];
		size_t len = written(bytes, sizeof bytes);
		bytes[rows[i].at] = rows[i].value;
		uint64_t sum = hash_bytes((struct str){(char *)bytes, len - 8});
		for (unsigned k = 0; k < 8; k++)
			bytes[len - 8 + k] = (unsigned char)(sum >> 8 * k);
		if (readable(bytes, len))
			fail_msg("row %u was accepted", i);
	}
}

static void too_little_room_is_said(void **state)
{
	unsigned char bytes[256];
	size_t len = written(bytes, sizeof bytes);
	for (size_t max = 0; max < len; max++)
		assert_int_equal(written(bytes, max), 0);
	assert_int_equal(written(bytes, len), len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_in_order),
		cmocka_unit_test(the_bytes_are_as_the_header_draws_them),
		cmocka_unit_test(every_cut_and_every_changed_bit_is_noticed),
		cmocka_unit_test(a_wrong_frame_with_a_right_checksum_is_refused),
		cmocka_unit_test(too_little_room_is_said),
	};
	return cmocka_run_group_tests_name("checkpoint/checkpoint", tests, NULL, NULL);
}
