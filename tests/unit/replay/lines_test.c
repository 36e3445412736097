#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/replay.h"

/* Feeds `text` in pieces of `piece` bytes and joins what comes out as "number:line|". */
static char *lines_of(const char *text, size_t len, size_t piece)
{
	struct replay_lines *lines = replay_lines_create();
	struct replay_line line;
	char *out = calloc(1, len * 12 + 16);
	size_t at = 0, used = 0, room;
	for (bool ended = false; !ended;) {
		char *to = replay_lines_room(lines, &room);
		assert_non_null(to);
		assert_true(room >= 1 << 20);
		size_t n = len - at < piece ? len - at : piece;
		memcpy(to, text + at, n);
		at += n;
		ended = n == 0;
		replay_lines_filled(lines, n);
		while (replay_lines_next(lines, &line))
			used += (size_t)sprintf(out + used, "%d:%.*s|", (int)line.number, (int)line.text.len,
						line.text.at);
	}
	replay_lines_destroy(lines);
	return out;
}

static void lines_however_the_bytes_are_cut(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", ""},
		{"a", "1:a|"},
		{"a\n", "1:a|"},
		{"a\nb", "1:a|2:b|"},
		{"a\r\nb\r\n", "1:a|2:b|"},
		{"\n\na\n\r\n\nb\n\n", "3:a|6:b|"},
		{"a\rb\n", "1:a\rb|"},
		{" \n", "1: |"},
		{"\xEF\xBB\xBF{}\n{}", "1:{}|2:{}|"},
		{"\xEF\xBB\xBF\n{}", "2:{}|"},
		{"a\n\xEF\xBB\xBF{}", "1:a|2:\xEF\xBB\xBF{}|"},
	};
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t piece = 1; piece <= strlen(cases[i].text) + 1; piece++) {
			char *got = lines_of(cases[i].text, strlen(cases[i].text), piece);
			assert_string_equal(got, cases[i].want);
			free(got);
		}
}

static void a_line_of_20_mib_comes_whole(void **state)
{
	(void)state;
	size_t len = 20 << 20;
	struct replay_lines *lines = replay_lines_create();
	struct replay_line line;
	for (size_t at = 0; at < len;) {
		size_t room;
		char *to = replay_lines_room(lines, &room);
		size_t n = len - at < room ? len - at : room;
		memset(to, 'x', n);
		at += n;
		replay_lines_filled(lines, n);
		assert_false(replay_lines_next(lines, &line));
	}
	size_t room;
	memcpy(replay_lines_room(lines, &room), "\nb\n", 3);
	replay_lines_filled(lines, 3);
	assert_true(replay_lines_next(lines, &line));
	assert_int_equal(line.text.len, len);
	assert_true(replay_lines_next(lines, &line));
	assert_true(str_is(line.text, "b") && line.number == 2);
	replay_lines_destroy(lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_however_the_bytes_are_cut),
		cmocka_unit_test(a_line_of_20_mib_comes_whole),
	};
	return cmocka_run_group_tests_name("replay/lines", tests, NULL, NULL);
}
