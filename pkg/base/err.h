/*
 * err - what went wrong in the world, in words for the person who has to mend it.
 *
 * Filled in by the one who knows; the first error wins, so callers may add context without losing the cause.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#include "base/must.h"

struct err {
	bool set;
	bool lasting;     /* starting again does not mend it: a name that is taken, data of another configuration */
	char text[500];   /* what happened, to what (file, key, topic), and what to do next */
};

void err_set(struct err *, const char *format, ...) PRINTF(2, 3);       /* no effect if already set */
void err_add(struct err *, const char *format, ...) PRINTF(2, 3);       /* for a list of mistakes: goes behind "; " if already set */
void err_prefix(struct err *, const char *format, ...) PRINTF(2, 3);    /* puts "PREFIX: " before a set error */
void err_clear(struct err *);

#endif
