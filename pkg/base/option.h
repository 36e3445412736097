/*
 * option - one row of a module's options: what `config` fills in, checks, prints and explains.
 *
 * Each module exports `const struct option_row NAME_options[]`, ended by a row with key NULL; `config` knows rows, not modules.
 * The default is the text a user would have written, so the printed configuration and the parser can't disagree.
 */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stddef.h>
#include <stdint.h>

enum option_type {
	OPTION_BOOL,       /* bool: true | false */
	OPTION_INT,        /* int64_t, min..max */
	OPTION_BYTES,      /* int64_t: 512KiB, 1MiB, 10MB, plain number; min..max in bytes */
	OPTION_DURATION,   /* int64_t ms: 100ms, 10s, 5m, 24h, 7d; min..max in ms */
	OPTION_NUMBER,     /* double; min..max */
	OPTION_TEXT,       /* const char *, kept by the configuration; NULL when absent and without default */
	OPTION_CHOICE,     /* int: index in choices */
	OPTION_LIST,       /* struct option_list of texts: [a, b] or one text */
};

struct option_list {
	const char *const *at;
	size_t count;
};

struct option_row {
	const char *key;              /* dotted from the section's start: "responses.max" */
	enum option_type type;
	size_t offset;                /* in the module's options struct */
	const char *preset;           /* default as text; NULL: none */
	double min, max;              /* both 0: unbounded */
	const char *const *choices;   /* OPTION_CHOICE: NULL-ended */
	const char *prose;            /* one line: what it does, in the user's terms */
	int live;                     /* 1: a SIGHUP applies it */
};

#endif
