/* A line that knows how wide it is. */
#ifndef TERMINAL_PRIV_H
#define TERMINAL_PRIV_H

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

unsigned canvas_glyph(struct str text, size_t at, unsigned *width);   /* bytes of the character at `at` */

#endif
