/* What the files of terminal share: a canvas that knows how wide its line is, and the cells of a row. */
#ifndef TERMINAL_PRIV_H
#define TERMINAL_PRIV_H

#include "nps/nps.h"
#include "terminal/terminal.h"

enum ink { INK_PLAIN, INK_DIM, INK_BOLD, INK_GOOD, INK_FAIR, INK_BAD, INK_BAD_BOLD, INK_GOOD_BOLD };

struct canvas {
	char *out;
	size_t len, max;
	unsigned column;       /* of the current line */
	unsigned lines;        /* finished ones */
	const struct terminal_style *style;
};

void canvas_put(struct canvas *, enum ink, struct str);             /* cut at the style's columns */
void canvas_text(struct canvas *, enum ink, const char *);
void canvas_right(struct canvas *, enum ink, unsigned width, const char *);   /* in a field, at its right end */
void canvas_left(struct canvas *, enum ink, unsigned width, struct str);      /* at its left end, cut with an ellipsis */
void canvas_to(struct canvas *, unsigned column);                   /* blanks up to there */
void canvas_end(struct canvas *);                                   /* trailing blanks go, a newline comes */

bool terminal_speaks_utf8(void);                                    /* the user's locale */
unsigned canvas_glyph(struct str text, size_t at, unsigned *width);   /* bytes of the character at `at` */

/*
 *  touchpoint       n     NPS      95 % from..to  -100       0       100     change    5m    1h   24h   trend
 *  |name|      |n    ||score ||interval        ||bar                   ||change ||rate ||rate|..      |trend|
 */
enum { WINDOW_WIDE = 8, N_WIDE = 8, SCORE_WIDE = 8, INTERVAL_WIDE = 15, CHANGE_WIDE = 11, RATE_WIDE = 6, BAR_MIN = 13, TREND = 14,
       NAME_MIN = 10, NAME_MAX = 30 };

struct layout {
	unsigned name, window, bar;   /* widths; 0: not shown */
	bool interval, trend;
	unsigned rates;               /* so many windows, from the first; 0: the shown one's */
};

/* From the canvas's column on, each in its width. */
void cell_score(struct canvas *, const struct layout *, struct nps_counts);   /* n, NPS and, if there is room, its interval */
void cell_bar(struct canvas *, const struct layout *, struct nps_counts);
void cell_change(struct canvas *, struct nps_counts now, struct nps_counts before);
void cell_rate(struct canvas *, struct nps_counts, struct nps_counts most);   /* most: of the window that holds the most */
void cell_trend(struct canvas *, const struct terminal_row *, const struct window_reading *shown);

#endif
