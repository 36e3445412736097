#include "registry/registry.h"

#include <stdlib.h>

#include "base/names.h"
#include "json/json.h"

#define NONE UINT32_MAX

#define OFFSET(member) offsetof(struct registry_touchpoint, member)

const struct option_row registry_options[] = {
	{"label", OPTION_TEXT, OFFSET(label), NULL, 0, 0, NULL, "what people call it; the name if absent", 0},
	{"parent", OPTION_TEXT, OFFSET(parent), NULL, 0, 0, NULL,
	 "the larger touchpoint that it is part of: its responses count there too", 0},
	{"team", OPTION_TEXT, OFFSET(team), NULL, 0, 0, NULL, "who runs it", 0},
	{"journey", OPTION_TEXT, OFFSET(journey), NULL, 0, 0, NULL, "the customer's journey that it is on",
	 0},
	{"stage", OPTION_TEXT, OFFSET(stage), NULL, 0, 0, NULL, "the part of the journey", 0},
	{"moment_of_truth", OPTION_BOOL, OFFSET(moment_of_truth), "false", 0, 0, NULL,
	 "whether customers make up their minds here: alerts say so", 0},
	{"runbook", OPTION_TEXT, OFFSET(runbook), NULL, 0, 0, NULL,
	 "URL of what to do when it turns bad; alerts.runbook if absent", 0},
	{0},
};

/* A touchpoint that is declared, or that a declared one names as its parent. */
struct node {
	uint32_t declared; /* index; NONE: it is a parent only */
	uint32_t parent; /* node; NONE */
	bool is_parent;
};

struct registry {
	unsigned count;
	struct registry_touchpoint *declared;
	struct names *names; /* numbers are nodes */
	struct node *nodes;
};

static uint32_t node_of(struct registry *r, const char *name)
{
	uint32_t known = names_count(r->names), i = names_intern(r->names, str_of(name));
	if (i == known)
		r->nodes[i] = (struct node){NONE, NONE, false};
	return i;
}

static bool declare(struct registry *r, unsigned i, struct err *err)
{
	const struct registry_touchpoint *t = &r->declared[i];
	struct node *node = &r->nodes[node_of(r, t->name)];
	if (node->declared != NONE) {
		err_set(err, "touchpoint %.60s is declared twice, first in line %u", t->name,
			r->declared[node->declared].line);
		return false;
	}
	node->declared = i;
	if (t->parent == NULL || *t->parent == '\0')
		return true;
	uint32_t parent = node_of(r, t->parent);
	node->parent = parent;
	r->nodes[parent].is_parent = true;
	return true;
}

/* Follows parents so many steps up; NONE: the walk ended before. */
static uint32_t climb(const struct registry *r, uint32_t at, uint32_t steps)
{
	for (; steps > 0 && at != NONE; steps--)
		at = r->nodes[at].parent;
	return at;
}

/* That of a circle that was declared first. */
static uint32_t first_of_circle(const struct registry *r, uint32_t in)
{
	uint32_t first = in;
	for (uint32_t at = r->nodes[in].parent; at != in; at = r->nodes[at].parent)
		if (r->nodes[at].declared < r->nodes[first].declared)
			first = at;
	return first;
}

/* More steps than there may be: either that many ancestors, or a circle, which is never left. False: `wrong`
 * is the declared touchpoint that must change. */
static bool check_ancestors(const struct registry *r, unsigned i, unsigned *wrong, struct err *err)
{
	uint32_t at = climb(r, names_find(r->names, str_of(r->declared[i].name)), REGISTRY_DEPTH_MAX + 1);
	if (at == NONE)
		return true;
	at = climb(r, at, names_count(r->names));
	*wrong = at == NONE ? i : r->nodes[first_of_circle(r, at)].declared;
	if (at == NONE)
		err_set(err, "touchpoint %.60s has more than %d ancestors", r->declared[i].name,
			REGISTRY_DEPTH_MAX);
	else
		err_set(err, "touchpoint %.60s is its own ancestor: parents must not go in a circle",
			r->declared[*wrong].name);
	return false;
}

struct registry *registry_create(const struct registry_touchpoint *declared, unsigned count, unsigned *line,
				 struct err *err)
{
	struct registry *r = must_alloc(sizeof *r);
	r->count = count;
	r->declared = must_array(count + 1UL, sizeof *r->declared);
	if (count > 0)
		memcpy(r->declared, declared, count * sizeof *declared);
	r->names = names_create(2 * count + 1, REGISTRY_NAME_MAX);
	r->nodes = must_array(2UL * count + 1, sizeof *r->nodes);
	unsigned wrong = 0;
	bool fine = true;
	for (unsigned i = 0; fine && i < count; i++) {
		fine = declare(r, i, err);
		wrong = i;
	}
	for (unsigned i = 0; fine && i < count; i++)
		fine = check_ancestors(r, i, &wrong, err);
	if (fine)
		return r;
	*line = declared[wrong].line;
	registry_destroy(r);
	return NULL;
}

void registry_destroy(struct registry *r)
{
	if (r == NULL)
		return;
	names_destroy(r->names);
	free(r->nodes);
	free(r->declared);
	free(r);
}

/* ---- questions ---- */

static const struct node *find_node(const struct registry *r, struct str name)
{
	uint32_t i = r != NULL ? names_find(r->names, name) : NAMES_FULL;
	return i != NAMES_FULL ? &r->nodes[i] : NULL;
}

const struct registry_touchpoint *registry_find(const struct registry *r, struct str name)
{
	const struct node *node = find_node(r, name);
	return node != NULL && node->declared != NONE ? &r->declared[node->declared] : NULL;
}

unsigned registry_ancestors(const struct registry *r, struct str name, struct str out[REGISTRY_DEPTH_MAX])
{
	unsigned count = 0;
	for (const struct node *node = find_node(r, name); node != NULL && node->parent != NONE;
	     node = &r->nodes[node->parent]) {
		must(count < REGISTRY_DEPTH_MAX);
		out[count++] = names_get(r->names, node->parent);
	}
	return count;
}

bool registry_is_parent(const struct registry *r, struct str name)
{
	const struct node *node = find_node(r, name);
	return node != NULL && node->is_parent;
}

unsigned registry_count(const struct registry *r)
{
	return r != NULL ? r->count : 0;
}

const struct registry_touchpoint *registry_at(const struct registry *r, unsigned i)
{
	must(i < registry_count(r));
	return &r->declared[i];
}

unsigned registry_names(const struct registry *r)
{
	return r != NULL ? names_count(r->names) : 0;
}

struct str registry_name(const struct registry *r, unsigned i)
{
	return names_get(r->names, i);
}

unsigned registry_depth(const struct registry *r)
{
	struct str ancestors[REGISTRY_DEPTH_MAX];
	unsigned deepest = 0;
	for (unsigned i = 0; i < registry_count(r); i++) {
		unsigned depth = registry_ancestors(r, str_of(r->declared[i].name), ancestors);
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest;
}

/* ---- as text ---- */

static void put_text(struct json *object, const char *name, const char *value)
{
	if (value != NULL && *value != '\0')
		json_put(object, name, json_new_text(str_of(value)));
}

char *registry_json(const struct registry *r, const char *const *zones, size_t *len)
{
	struct json *all = json_new_array();
	for (unsigned i = 0; i < registry_count(r); i++) {
		const struct registry_touchpoint *t = &r->declared[i];
		const struct node *node = find_node(r, str_of(t->name));
		struct json *one = json_new_object();
		json_put(one, "touchpoint", json_new_text(names_get(r->names, (uint32_t)(node - r->nodes))));
		put_text(one, "label", t->label);
		if (node->parent != NONE)
			json_put(one, "parent", json_new_text(names_get(r->names, node->parent)));
		put_text(one, "team", t->team);
		put_text(one, "journey", t->journey);
		put_text(one, "stage", t->stage);
		if (t->moment_of_truth)
			json_put(one, "moment_of_truth", json_new_bool(true));
		put_text(one, "zone", zones != NULL ? zones[i] : NULL);
		put_text(one, "runbook", t->runbook);
		json_push(all, one);
	}
	char *text = json_dump(all, len);
	json_destroy(all);
	return text;
}
