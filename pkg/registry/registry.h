/*
 * registry - what touchpoints are to the people who run them: label, team, journey and stage, and which larger thing each is part of.
 *
 * A touchpoint may have a parent (a site, a product, all), which may have one itself: a response counts at its touchpoint and at
 * each of its ancestors, which are touchpoints of their own. Parents need not be declared themselves. Touchpoints that nobody
 * declared are fine: they have no parent and no labels.
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

/* As written in the configuration, under `touchpoints.declared`. NULL: not said. */
struct registry_touchpoint {
	const char *name;
	const char *label;             /* for people, instead of the name */
	const char *parent;
	const char *team, *journey, *stage;
	bool moment_of_truth;          /* where customers make up their minds: labelled so in alerts */
	const char *runbook;           /* URL: what to do when it turns bad */
	unsigned line;                 /* in the configuration */
};
extern const struct option_row registry_options[];   /* of struct registry_touchpoint, but for its name */

struct registry;

/* Error (the first; `line` says where): a name twice, a parent that is its own descendant, more than REGISTRY_DEPTH_MAX ancestors. */
NODISCARD struct registry *registry_create(const struct registry_touchpoint *, unsigned count, unsigned *line, struct err *);
void registry_destroy(struct registry *);   /* NULL is fine */

const struct registry_touchpoint *registry_find(const struct registry *, struct str name);   /* NULL: not declared. A NULL registry is empty */
/* Nearest first. Not for a hot path: callers remember it by their own number of the touchpoint. */
unsigned registry_ancestors(const struct registry *, struct str name, struct str out[REGISTRY_DEPTH_MAX]);
bool registry_is_parent(const struct registry *, struct str name);   /* some declared touchpoint has it as its parent */
unsigned registry_count(const struct registry *);
const struct registry_touchpoint *registry_at(const struct registry *, unsigned i);   /* as declared: the customer's order */

#endif
