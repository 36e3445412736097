/*
 * registry - what touchpoints are to the people who run them: label, team, journey, stage, and the larger thing each is part of.
 *
 * A touchpoint may have a parent (a site, a product, all), which may have one itself: a response counts at its touchpoint and at
 * each of its ancestors, which are touchpoints of their own. Parents need not be declared themselves. Touchpoints that nobody
 * declared are fine: they have no parent and no labels.
 *
 * A name longer than REGISTRY_NAME_MAX bytes is known as everywhere behind the intake: cut, with the whole's hash (base/names.h).
 *
 * Read-only once made: shared by threads. All text is borrowed from the declarations.
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include <stdbool.h>

#include "base/err.h"
#include "base/option.h"
#include "base/str.h"

#define REGISTRY_DEPTH_MAX 8   /* ancestors of a touchpoint */
#define REGISTRY_NAME_MAX  200

/* As written in the configuration, under `touchpoints.declared`. NULL: not said. */
struct registry_touchpoint {
	const char *name;
	const char *label;             /* for people, instead of the name */
	const char *parent;            /* empty is none */
	const char *team, *journey, *stage;
	bool moment_of_truth;          /* where customers make up their minds: labelled so in alerts */
	const char *runbook;           /* URL: what to do when it turns bad */
	unsigned line;                 /* in the configuration */
};
extern const struct option_row registry_options[];   /* of struct registry_touchpoint, but for its name */

struct registry;

/* Error (the first; `line` says where): a name twice, parents that go in a circle, more than REGISTRY_DEPTH_MAX ancestors. */
NODISCARD struct registry *registry_create(const struct registry_touchpoint *, unsigned count, unsigned *line, struct err *);
void registry_destroy(struct registry *);   /* NULL is fine */

/* NULL: not declared. A NULL registry is empty. */
const struct registry_touchpoint *registry_find(const struct registry *, struct str name);
/* Nearest first. Not for a hot path: callers remember it by their own number of the touchpoint. */
unsigned registry_ancestors(const struct registry *, struct str name, struct str out[REGISTRY_DEPTH_MAX]);
bool registry_is_parent(const struct registry *, struct str name);   /* some declared touchpoint has it as its parent */
unsigned registry_count(const struct registry *);
const struct registry_touchpoint *registry_at(const struct registry *, unsigned i);   /* as declared: the customer's order */
unsigned registry_names(const struct registry *);   /* how many names there are: declared touchpoints and their parents */
struct str registry_name(const struct registry *, unsigned i);
unsigned registry_depth(const struct registry *);   /* the most ancestors that one has */

/* The text of corridor:registry: an array of objects in the customer's order, members as in struct registry_touchpoint with the
 * name under "touchpoint", and "zone"; what was not said is absent. zones: one for each declared touchpoint, NULL where it
 * has none; NULL: no zones at all. To be released with free(). */
char *registry_json(const struct registry *, const char *const *zones, size_t *len);

#endif
