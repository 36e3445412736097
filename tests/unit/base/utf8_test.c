#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/utf8.h"

static void sequences(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t left, len;
	} rows[] = {
		{"a", 1, 1},
		{"\0", 1, 1},
		{"\x7f", 1, 1},
		{"", 0, 0},
		{"\x80", 1, 0}, /* goes on with nothing */
		{"\xc0\x80", 2, 0}, /* longer than needed: NUL in two bytes */
		{"\xc1\xbf", 2, 0},
		{"\xc2\x80", 2, 2},
		{"\xdf\xbf", 2, 2},
		{"\xc3", 1, 0}, /* ends too early */
		{"\xc3\xa9", 1, 0},
		{"\xc3\xa9x", 3, 2}, /* of the first sequence only */
		{"\xc3x", 2, 0},
		{"\xc3\xc3", 2, 0},
		{"\xe0\x9f\xbf", 3, 0},
		{"\xe0\xa0\x80", 3, 3},
		{"\xed\x9f\xbf", 3, 3},
		{"\xed\xa0\x80", 3, 0}, /* surrogates */
		{"\xed\xbf\xbf", 3, 0},
		{"\xee\x80\x80", 3, 3},
		{"\xef\xbf\xbf", 3, 3},
		{"\xe2\x82\xac", 2, 0},
		{"\xf0\x8f\xbf\xbf", 4, 0},
		{"\xf0\x90\x80\x80", 4, 4},
		{"\xf4\x8f\xbf\xbf", 4, 4}, /* U+10FFFF */
		{"\xf4\x90\x80\x80", 4, 0},
		{"\xf5\x80\x80\x80", 4, 0},
		{"\xf0\x9f\x98\x80", 3, 0},
		{"\xf8\x88\x80\x80\x80", 5, 0},
		{"\xff", 1, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (utf8_length(rows[i].bytes, rows[i].left) != rows[i].len)
			fail_msg("row %zu: length %zu, should be %zu", i,
				 utf8_length(rows[i].bytes, rows[i].left), rows[i].len);
}

/* As a reader of RFC 3629 would write it down. */
static size_t encode(uint32_t point, char out[4])
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	for (size_t i = len; i-- > 1; point >>= 6)
		out[i] = (char)(0x80 | (point & 0x3f));
	out[0] = (char)(0xff << (8 - len) | point);
	return len;
}

static void every_code_point_but_surrogates(void **state)
{
	(void)state;
	for (uint32_t point = 0; point <= 0x10ffff + 5; point++) {
		char bytes[4];
		size_t len = encode(point, bytes);
		bool text = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
		if (utf8_length(bytes, len) != (text ? len : 0) || utf8_length(bytes, len - 1) != 0)
			fail_msg("U+%04X", (unsigned)point);
	}
}

static void whole_texts(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		bool valid;
	} rows[] = {
		{{"", 0}, true},
		{{"plain", 5}, true},
		{{"a\0b", 3}, true},
		{{"Stra\xc3\x9f"
		  "e \xe2\x82\xac \xf0\x9f\x98\x80",
		  16},
		 true},
		{{"Stra\xc3\x9f", 5}, false}, /* cut within a character */
		{{"ok \xed\xa0\xbd\xed\xb8\x80", 9}, false}, /* a pair of surrogates, each by itself */
		{{"\xff\xfe"
		  "a",
		  3},
		 false},
		{{"a\x80", 2}, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (utf8_valid(rows[i].text) != rows[i].valid)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences),
		cmocka_unit_test(every_code_point_but_surrogates),
		cmocka_unit_test(whole_texts),
	};
	return cmocka_run_group_tests_name("base/utf8", tests, NULL, NULL);
}
