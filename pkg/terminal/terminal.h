/*
 * terminal - what a person sees: the live table, and the progress of something long.
 *
 * The pure part turns values into text of a given width: `terminal_page_text`, `terminal_progress_text`; the rest only writes it, in
 * place on a terminal, as plain snapshots elsewhere. Calm by design: nothing moves but what changed, colour is used for meaning only
 * (green good, red bad, bold a change that is no accident, dim what is not sure), and everything reads the same without it.
 * Colours only on a terminal, and not when NO_COLOR is set. Bars and sparklines are UTF-8; in another locale they are ASCII.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/str.h"
#include "window/window.h"

/* ---- the page: values only ---- */

#define TERMINAL_WINDOWS_MAX WINDOWS_MAX

/* One ledger of one touchpoint: one line of the table. */
struct terminal_row {
	struct str touchpoint;
	enum ledger ledger;
	const struct window_reading *windows;   /* one for each of the page's windows */
	const struct window_pane *series;       /* of the shown window, oldest first; NULL: no trend */
	unsigned series_count;
};

struct terminal_page {
	struct str title;                       /* "Corridor" */
	struct str subtitle;                    /* what is going on, short; may be empty */
	struct str status[4];                   /* lines under the table: counters, hints; empty ones are left out */
	int64_t now_ms;                         /* shown as UTC time of day; 0: not shown */
	const char *windows[TERMINAL_WINDOWS_MAX];   /* names */
	unsigned windows_count;
	unsigned shown;                         /* the window whose NPS, interval and change are shown; the others show a rate */
	bool every_window;                      /* instead: a line for each window that holds anything */
	const struct terminal_row *rows;        /* in any order: they are grouped by ledger, in the order given within it */
	unsigned rows_count;
};

struct terminal_style {
	unsigned columns;     /* 40 and more; narrower is treated as 40 */
	unsigned lines;       /* at most so many; 0: all */
	bool color, unicode;
};

/* The page as lines that end in '\n', none wider than the style's columns. Returns the length, at most max - 1, NUL-terminated.
 * What does not fit is left away in this order: trend, bar, the longest windows' rates; never the NPS. */
size_t terminal_page_text(char *out, size_t max, const struct terminal_page *, const struct terminal_style *);

unsigned terminal_width(struct str);   /* columns that UTF-8 text takes: wide characters 2, combining ones 0 */

/* ---- a live screen ---- */

struct terminal;

struct terminal *terminal_open(FILE *);    /* the terminal's nature is found out here; the cursor is hidden */
void terminal_close(struct terminal *);    /* the last page stays, the cursor is back */
bool terminal_is_live(const struct terminal *);   /* false: each page is printed below the last one: show it rarely */
void terminal_show(struct terminal *, const struct terminal_page *);
void terminal_print(FILE *, const struct terminal_page *);   /* once, whole, whatever the height */

/* ---- progress ---- */

struct terminal_progress {
	FILE *to;
	bool live;
	char what[32];
	int64_t started_ms, drawn_ms;
};

/* On a terminal a line that is redrawn at most ten times a second, else nothing at all. Cheap: call show often. */
void terminal_progress_begin(struct terminal_progress *, FILE *, const char *what);
void terminal_progress_show(struct terminal_progress *, uint64_t done, uint64_t total, uint64_t items);
void terminal_progress_end(struct terminal_progress *);   /* the line goes away */

struct terminal_work {
	const char *what;
	uint64_t done, total;   /* of any unit; total 0: not known */
	uint64_t items;         /* lines, messages */
	int64_t elapsed_ms;
};
/* "replay  ━━━━━━━─────   52%  3.10M lines  1.20M/s  0:03 left" */
size_t terminal_progress_text(char *out, size_t max, const struct terminal_style *, const struct terminal_work *);

#endif
