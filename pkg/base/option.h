/*
 * option - one row of a module's options: what `config` fills in, checks, prints and explains.
 *
 * Each module exports `const struct option_row NAME_options[]`, ended by a row with key NULL; `config` knows
 * rows, not modules. The default is the text a user would have written, so the printed configuration and the
 * parser can't disagree.
 */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum option_type {
	OPTION_BOOL, /* bool: true | false */
	OPTION_INT, /* int64_t, min..max */
	OPTION_BYTES, /* int64_t: 512KiB, 1MiB, 10MB, plain number; min..max in bytes */
	OPTION_DURATION, /* int64_t ms: 100ms, 10s, 5m, 24h, 7d; min..max in ms */
	OPTION_NUMBER, /* double; min..max */
	OPTION_TEXT, /* const char *, kept by the configuration; NULL when absent and without default */
	OPTION_CHOICE, /* int: index in choices */
	OPTION_LIST, /* struct option_list of texts: [a, b] or one text; with choices each must be one of them
		      */
};

struct option_list {
	const char *const *at;
	size_t count;
};

struct option_row {
	const char *key; /* within the module's section: "max" is `responses.max` in the file */
	enum option_type type;
	size_t offset; /* in the module's options struct */
	const char *preset; /* default as text; NULL: none */
	double min, max; /* both 0: unbounded */
	const char *const *choices; /* OPTION_CHOICE, OPTION_LIST: NULL-ended */
	const char *prose; /* one line: what it does, in the user's terms */
	int live; /* 1: a SIGHUP applies it */
};

/* Keeps the texts and lists of a set of options alive. Zeroed: empty. Not for several threads at once. */
struct option_pool {
	struct option_block *blocks;
};
const char *option_keep(struct option_pool *, struct str text); /* a copy that ends in NUL */
void *option_pool_take(struct option_pool *, size_t bytes); /* zeroed, for anything that lives as long */
void option_pool_release(struct option_pool *);

/* Sets all rows to their defaults (rows without one to 0 or NULL). A default that can't be read is a bug. */
void option_defaults(const struct option_row *rows, void *into, struct option_pool *);

/* Reads a value as a user writes it; false leaves it as it was. The error begins "must be ..." or so: the
 * caller knows the place. */
NODISCARD bool option_set(const struct option_row *, struct str text, void *into, struct option_pool *,
			  struct err *);
NODISCARD bool option_set_list(const struct option_row *, const struct str *items, size_t count, void *into,
			       struct option_pool *, struct err *);

/* The value as a user would write it, cut at `max`; "" for an absent text. Reading it back gives the same
 * value. */
void option_format(const struct option_row *, const void *from, char *out, size_t max);
bool option_same(const struct option_row *, const void *a, const void *b);

#endif
