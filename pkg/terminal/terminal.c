#include "terminal/terminal_priv.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/must.h"

#define PAGE_BYTES (256 << 10)

struct terminal {
	FILE *to;
	bool live;
	struct terminal_style style;
	unsigned drawn; /* lines of the last page on a live terminal */
	char text[PAGE_BYTES];
};

/* Asked of a locale of our own: the program itself stays in "C", so that a decimal point is a point. */
bool terminal_speaks_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	if (locale == (locale_t)0)
		return false;
	bool utf8 = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	freelocale(locale);
	return utf8;
}

static void look(FILE *to, bool live, struct terminal_style *style)
{
	struct winsize size;
	bool known = live && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
	const char *columns = getenv("COLUMNS"), *no_color = getenv("NO_COLOR");
	int asked = columns ? atoi(columns) : 0;
	/* The last column stays free: clearing a line's rest there would take the last character with it. */
	style->columns = known ? size.ws_col - 1u : asked >= 40 && asked <= 1000 ? (unsigned)asked : 120;
	style->lines = known && size.ws_row > 4 ? size.ws_row - 1u : 0; /* the cursor's own line stays free */
	style->color = live && !(no_color && no_color[0]);
	style->unicode = terminal_speaks_utf8();
}

static bool is_live(FILE *to)
{
	const char *term = getenv("TERM");
	return isatty(fileno(to)) && term && strcmp(term, "dumb") != 0;
}

struct terminal *terminal_open(FILE *to)
{
	struct terminal *terminal = must_alloc(sizeof *terminal);
	terminal->to = to;
	terminal->live = is_live(to);
	look(to, terminal->live, &terminal->style);
	if (terminal->live)
		fputs("\x1b[?25l", to);
	return terminal;
}

void terminal_close(struct terminal *terminal)
{
	if (terminal == NULL)
		return;
	if (terminal->live)
		fputs("\x1b[?25h", terminal->to);
	fflush(terminal->to);
	free(terminal);
}

bool terminal_is_live(const struct terminal *terminal)
{
	return terminal->live;
}

/* The new page goes over the old one line by line, each line's rest is cleared after it: no flicker. */
static void redraw(struct terminal *terminal)
{
	FILE *to = terminal->to;
	unsigned lines = 0;
	fputs("\x1b[?2026h", to); /* terminals that know it show the page at once */
	if (terminal->drawn)
		fprintf(to, "\r\x1b[%uA", terminal->drawn);
	for (const char *at = terminal->text; *at; lines++) {
		size_t len = strcspn(at, "\n");
		fwrite(at, 1, len, to);
		fputs("\x1b[K\n", to);
		at += len + (at[len] == '\n');
	}
	fputs("\x1b[J\x1b[?2026l", to);
	terminal->drawn = lines;
}

void terminal_show(struct terminal *terminal, const struct terminal_page *page)
{
	unsigned columns = terminal->style.columns;
	look(terminal->to, terminal->live, &terminal->style);
	if (terminal->live && terminal->drawn && terminal->style.columns < columns) {
		fputs("\x1b[H\x1b[J",
		      terminal->to); /* made narrower: old lines were wrapped, so nobody knows where they begin */
		terminal->drawn = 0;
	}
	terminal_page_text(terminal->text, sizeof terminal->text, page, &terminal->style);
	if (terminal->live) {
		redraw(terminal);
	} else {
		fputs(terminal->text, terminal->to);
	}
	fflush(terminal->to);
}

void terminal_print(FILE *to, const struct terminal_page *page)
{
	struct terminal_style style;
	look(to, is_live(to), &style);
	style.lines = 0;
	size_t bytes = PAGE_BYTES + (size_t)page->rows_count * page->windows_count *
					    1024; /* a line takes less, colours included */
	char *text = must_alloc(bytes);
	fwrite(text, 1, terminal_page_text(text, bytes, page, &style), to);
	free(text);
}
