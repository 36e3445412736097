#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "terminal/terminal.h"

#define T INT64_C(1767603600000)

static struct window_reading reading(int64_t p, int64_t q, int64_t d, int64_t bp, int64_t bq, int64_t bd)
{
	return (struct window_reading){.from_ms = T,
				       .to_ms = T + 300000,
				       .bins = {[9] = p, [7] = q, [2] = d},
				       .before = {bp, bq, bd}};
}

struct sample {
	struct window_reading windows[3][3];
	struct window_pane panes[60];
	struct terminal_row rows[3];
	struct terminal_page page;
};

static void fill(struct sample *s)
{
	*s = (struct sample){
		.windows = {{reading(60, 20, 20, 300, 100, 90), reading(600, 200, 190, 0, 0, 0),
			     reading(6000, 2000, 1900, 0, 0, 0)},
			    {reading(20, 20, 70, 60, 20, 20), reading(100, 50, 110, 0, 0, 0),
			     reading(6000, 2000, 1800, 0, 0, 0)},
			    {reading(0, 0, 0, 0, 0, 0), reading(0, 0, 0, 0, 0, 0),
			     reading(0, 0, 0, 0, 0, 0)}},
	};
	for (int i = 0; i < 60; i++)
		s->panes[i] = (struct window_pane){T + i * 5000, {i < 30 ? 9 : 1, 0, i < 30 ? 1 : 9}};
	const char *names[] = {"web-shop", "delivery", "Caf\xC3\xA9 \xE6\x9D\xB1\xE4\xBA\xAC"};
	for (int i = 0; i < 3; i++)
		s->rows[i] = (struct terminal_row){.touchpoint = str_of(names[i]),
						   .windows = s->windows[i],
						   .series = s->panes,
						   .series_count = 60};
	s->rows[2].ledger = LEDGER_SOCIAL;
	s->page = (struct terminal_page){.title = STR("Corridor"),
					 .subtitle = STR("a test"),
					 .status = {STR("12 in, 12 out")},
					 .now_ms = T + 61000,
					 .windows = {"5m", "1h", "24h"},
					 .windows_count = 3,
					 .rows = s->rows,
					 .rows_count = 3};
}

static char text[65536];

static const char *render(const struct terminal_page *page, unsigned columns, unsigned lines, bool color,
			  bool unicode)
{
	terminal_page_text(text, sizeof text, page, &(struct terminal_style){columns, lines, color, unicode});
	return text;
}

static void what_a_reader_looks_for_is_there(void **state)
{
	(void)state;
	struct sample s;
	fill(&s);
	static const char *const wanted[] = {
		"Corridor",	"a test",   "09:01:01 UTC",  "SURVEYS", "last 5m", "web-shop",
		"100",		"+40.0",    "delivery",	     "-45.5",	"*",	   "64%",
		"SOCIAL POSTS", "negative", "12 in, 12 out", "trend"};
	render(&s.page, 140, 0, false, false);
	for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (strstr(text, wanted[i]) == NULL)
			fail_msg("no '%s' in\n%s", wanted[i], text);
	assert_null(strchr(text, '\x1b'));
	for (const char *at = text; *at; at++)
		assert_true((unsigned char)*at < 0x80);
}

static void no_line_is_too_wide(void **state)
{
	(void)state;
	struct sample s;
	fill(&s);
	for (unsigned columns = 40; columns < 200; columns++)
		for (int unicode = 0; unicode < 2; unicode++) {
			const char *at = render(&s.page, columns, 0, false, unicode);
			while (*at) {
				size_t len = strcspn(at, "\n");
				unsigned wide = terminal_width((struct str){at, len});
				if (wide > columns)
					fail_msg("%u columns of %u: %.*s", wide, columns, (int)len, at);
				at += len + 1;
			}
			assert_non_null(strstr(text, "-45.5")); /* never left away */
		}
}

static void only_so_many_lines(void **state)
{
	(void)state;
	struct sample s;
	fill(&s);
	struct terminal_row many[40];
	for (int i = 0; i < 40; i++)
		many[i] = s.rows[i % 2];
	s.page.rows = many;
	s.page.rows_count = 40;
	for (unsigned lines = 12; lines < 50; lines++) {
		unsigned n = 0;
		for (const char *at = render(&s.page, 100, lines, true, true); *at; at++)
			n += *at == '\n';
		if (n > lines)
			fail_msg("%u lines of %u\n%s", n, lines, text);
		assert_non_null(strstr(text, "12 in, 12 out"));
		assert_true((strstr(text, "more rows") != NULL) == (lines < 46));
	}
}

static void colour_changes_no_character(void **state)
{
	(void)state;
	struct sample s;
	fill(&s);
	char plain[65536], stripped[65536];
	strcpy(plain, render(&s.page, 120, 0, false, true));
	size_t n = 0;
	for (const char *at = render(&s.page, 120, 0, true, true); *at; at++) {
		if (*at == '\x1b')
			at += strcspn(at, "m");
		else
			stripped[n++] = *at;
	}
	stripped[n] = '\0';
	assert_string_equal(plain, stripped);
	assert_non_null(strchr(text, '\x1b'));
}

static void width_of_text(void **state)
{
	(void)state;
	assert_int_equal(terminal_width(STR("")), 0);
	assert_int_equal(terminal_width(STR("abc")), 3);
	assert_int_equal(terminal_width(STR("caf\xC3\xA9")), 4);
	assert_int_equal(terminal_width(STR("cafe\xCC\x81")), 4);
	assert_int_equal(terminal_width(STR("\xE6\x9D\xB1\xE4\xBA\xAC")), 4);
	assert_int_equal(terminal_width(STR("\xF0\x9F\x91\x8D")), 2);
	assert_int_equal(terminal_width(STR("a\xFF\xE6\x9D")), 4); /* broken bytes are one mark each */
}

static void a_name_cannot_steer_the_terminal(void **state)
{
	(void)state;
	struct sample s;
	fill(&s);
	s.rows[0].touchpoint = STR("evil\x1b[2J\x07\xC2\x9Bx");
	render(&s.page, 120, 0, false, true);
	assert_null(strchr(text, '\x1b'));
	assert_null(strchr(text, '\x07'));
	assert_null(strstr(text, "\xC2\x9B"));
	assert_non_null(strstr(text, "evil?[2J"));
}

static void a_small_buffer_is_never_overrun(void **state)
{
	(void)state;
	struct sample s;
	fill(&s);
	char small[700];
	for (size_t max = 1; max < sizeof small; max++) {
		memset(small, 'x', sizeof small);
		size_t len =
			terminal_page_text(small, max, &s.page, &(struct terminal_style){120, 0, true, true});
		assert_true(len < max && small[len] == '\0');
		assert_true(small[max] == 'x');
	}
}

static void progress_says_how_long(void **state)
{
	(void)state;
	struct terminal_style style = {.columns = 100};
	char out[400];
	terminal_progress_text(out, sizeof out, &style,
			       &(struct terminal_work){"replay", 25, 100, 2500000, 10000});
	assert_string_equal(out, "replay  ======------------------   25%  2.50M lines  250k/s  0:30 left");
	terminal_progress_text(out, sizeof out, &style, &(struct terminal_work){"replay", 25, 0, 999, 1000});
	assert_string_equal(out, "replay    999 lines  999/s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_reader_looks_for_is_there),
		cmocka_unit_test(no_line_is_too_wide),
		cmocka_unit_test(only_so_many_lines),
		cmocka_unit_test(colour_changes_no_character),
		cmocka_unit_test(width_of_text),
		cmocka_unit_test(a_name_cannot_steer_the_terminal),
		cmocka_unit_test(a_small_buffer_is_never_overrun),
		cmocka_unit_test(progress_says_how_long),
	};
	return cmocka_run_group_tests_name("terminal/page", tests, NULL, NULL);
}
