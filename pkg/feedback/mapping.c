#include "feedback/feedback_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "feedback/kernel_priv.h"

static const char *path_of(const struct feedback_mapping *mapping, enum feedback_field field)
{
	return mapping->path[field] ? mapping->path[field] : feedback_field_name(field);
}

static bool is_mapped(const struct feedback_mapping *mapping, enum feedback_field field)
{
	return strcmp(path_of(mapping, field), "-") != 0;
}

/* Takes the next name off a path: `to` gets it with its escapes undone. */
static bool next_member(const char **path, char *to, size_t *len, struct err *err)
{
	const char *p = *path;
	*len = 0;
	for (; *p && *p != '.'; p++) {
		if (*p == '\\' && *++p != '.' && *p != '\\') {
			err_set(err, "in a path a backslash stands only before a dot or a backslash");
			return false;
		}
		to[(*len)++] = *p;
	}
	if (*len == 0) {
		err_set(err, "the path holds an empty name; write it as outer.inner");
		return false;
	}
	*path = *p ? p + 1 : p;
	if (*p && p[1] == '\0') {
		err_set(err, "the path ends in a dot");
		return false;
	}
	return true;
}

static void node_init(struct node *node)
{
	node->other = TARGET_UNMAPPED;
	node->steps[0].mask = NEVER;
}

static struct child *child_of(struct node *node, struct str name)
{
	for (unsigned i = 0; i < node->children_count; i++)
		if (str_equal((struct str){node->children[i].name, node->children[i].len}, name))
			return &node->children[i];
	return NULL;
}

static struct child *add_child(struct node *node, struct str name, uint32_t target)
{
	must(node->children_count < CHILDREN_MAX);
	struct child *child = &node->children[node->children_count++];
	child->name = name.at;
	child->len = name.len;
	child->target = target;
	child->head_mask = name.len >= 16 ? 0xffff : (1u << name.len) - 1;
	memcpy(child->head, name.at, name.len < 16 ? name.len : 16);
	return child;
}

/* A factor under which every child has a slot of its own: names that share their first eight bytes and their length can't be parted,
 * they are found one after the other (see find_child). 12 names in 128 slots take a few tries. */
static void place_children(struct node *node)
{
	unsigned best = UINT32_MAX;
	uint64_t factor = 0x9e3779b97f4a7c15;
	for (int i = 0; i < 200 && best > 0;
	     i++, factor = factor * 6364136223846793005u + 1442695040888963407u) {
		unsigned met = 0;
		bool taken[1 << SLOTS_BITS] = {false};
		for (unsigned k = 0; k < node->children_count; k++) {
			uint32_t slot = name_slot(factor | 1, node->children[k].name, node->children[k].len);
			met += taken[slot];
			taken[slot] = true;
		}
		if (met < best) {
			best = met;
			node->crowded = met > 0;
			node->factor = factor | 1;
		}
	}
	memset(node->slots, (int)node->children_count, sizeof node->slots);
	node->children[node->children_count] = (struct child){.len = SIZE_MAX, .target = node->other};
	for (unsigned k = node->children_count; k-- > 0;)
		node->slots[name_slot(node->factor, node->children[k].name, node->children[k].len)] =
			(uint8_t)k;
}

static void clash(struct err *err, enum feedback_field other, const char *how)
{
	err_set(err, "the path %s the one of `%s`; give each field a member of its own, or \"-\"", how,
		feedback_field_name(other));
}

/* One name of a path. `last` is where the field's value stands; only `dims` may hold other mapped members inside. */
static struct node *add_member(struct feedback_decoder *d, struct node *node, struct str name, bool last,
			       enum feedback_field field, struct err *err)
{
	bool inner = !last || field == FEEDBACK_DIMS;
	struct child *child = child_of(node, name);
	if (child == NULL) {
		child = add_child(node, name, inner ? TARGET_NODE + d->nodes_count : field);
		if (!inner)
			return node;
		node_init(&d->nodes[d->nodes_count++]);
	} else if (child->target < TARGET_UNMAPPED) {
		clash(err, child->target, inner && !last ? "lies inside" : "is also");
		return NULL;
	}
	node = &d->nodes[child->target - TARGET_NODE];
	if (!inner) {
		clash(err, (enum feedback_field)__builtin_ctz(node->below), "holds");
		return NULL;
	}
	if (last)
		node->other = TARGET_DIM;
	node->below |= 1u << field;
	return node;
}

static bool add_path(struct feedback_decoder *d, enum feedback_field field, const char *path, char **names,
		     struct err *err)
{
	struct node *node = &d->nodes[0];
	const char *whole = path;
	for (unsigned depth = 1; node && *path; depth++) {
		struct str name = {*names, 0};
		if (!next_member(&path, *names, &name.len, err))
			break;
		*names += name.len + PAD;
		if (depth > PATH_MEMBERS_MAX) {
			err_set(err, "the path has more than %d names", PATH_MEMBERS_MAX);
			break;
		}
		node = add_member(d, node, name, *path == '\0', field, err);
	}
	if (err->set)
		err_prefix(err, "%s: \"%s\"", feedback_field_name(field), whole);
	return !err->set;
}

static bool compile(struct feedback_decoder *d, const struct feedback_mapping *mapping, struct err *err)
{
	size_t nodes = 1, bytes = 0;
	for (int field = 0; field < FEEDBACK_FIELDS; field++) {
		const char *path = path_of(mapping, field);
		bytes += strlen(path) + PAD;
		nodes += 1;
		for (const char *p = path; *p; p++) {
			nodes += *p == '.';
			bytes += *p == '.' ? PAD : 0;
		}
	}
	d->names = must_alloc(bytes);
	d->nodes = must_array(nodes, sizeof *d->nodes);
	d->nodes_count = 1;
	node_init(&d->nodes[0]);
	char *names = d->names;
	for (int field = 0; field < FEEDBACK_FIELDS; field++) {
		const char *path = path_of(mapping, field);
		if (*path == '\0') {
			err_set(err,
				"%s: the path is empty; leave it out for the field's own name, or write "
				"\"-\" for no such field",
				feedback_field_name(field));
			return false;
		}
		if (is_mapped(mapping, field) && !add_path(d, field, path, &names, err))
			return false;
	}
	for (unsigned i = 0; i < d->nodes_count; i++)
		place_children(&d->nodes[i]);
	return true;
}

static bool limits(struct feedback_decoder *d, const struct feedback_mapping *mapping, struct err *err)
{
	d->bytes_max = mapping->bytes_max ? mapping->bytes_max : BYTES_PRESET;
	d->depth_max = mapping->depth_max ? mapping->depth_max : DEPTH_PRESET;
	if (d->bytes_max > BYTES_LIMIT)
		err_set(err, "a message can have at most %u bytes", BYTES_LIMIT);
	if (d->depth_max > DEPTH_LIMIT)
		err_set(err, "a message can be nested at most %d deep", DEPTH_LIMIT);
	if (!is_mapped(mapping, FEEDBACK_ID))
		err_set(err, "id: every response needs one, name the member that holds it");
	if (!is_mapped(mapping, FEEDBACK_TIME))
		err_set(err, "time: every response needs one, name the member that holds it");
	return !err->set;
}

static bool machine_is_v3(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
#else
	return false;
#endif
}

struct feedback_decoder *feedback_create(const struct feedback_mapping *mapping, struct err *err)
{
	struct feedback_decoder *d = must_alloc(sizeof *d);
	err_clear(err);
	d->decode = machine_is_v3() ? decode_message_v3 : decode_message;
	d->ledger = mapping->ledger;
	d->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	must(d->plain != (locale_t)0);
	if (!limits(d, mapping, err) || !compile(d, mapping, err)) {
		feedback_destroy(d);
		return NULL;
	}
	d->room = must_alloc(PAD + d->bytes_max + PAD);
	d->copy = d->room + PAD;
	d->map = must_array(d->bytes_max / 64 + 2, sizeof *d->map);
	must((uintptr_t)d->copy % 8 == 0);
	d->map_at = (uintptr_t)d->map - (uintptr_t)d->copy / 8;
	scratch_init(d);
	return d;
}

enum feedback_reason feedback_decode(struct feedback_decoder *d, struct str message, struct feedback *out)
{
	return d->decode(d, message, out);
}

void feedback_destroy(struct feedback_decoder *d)
{
	if (d == NULL)
		return;
	for (struct block *block = d->first, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	freelocale(d->plain);
	free(d->nodes);
	free(d->names);
	free(d->map);
	free(d->room);
	free(d);
}
