/*
 * document - the YAML tree against the tables: every key is a row, a section, one of the things that are no
 * rows (lists.c), or wrong.
 */
#include "config/config_priv.h"

#include <stdlib.h>

#include "base/nearest.h"

/* ---- what is no row ---- */

static const struct special {
	const char *key;
	void (*read)(struct loader *, const yaml_node_t *);
} specials[] = {{"sources", list_sources},
		{"sinks", list_sinks},
		{"touchpoints.zones", list_zones},
		{"touchpoints.declared", list_declared},
		{0}};

#define PROPERTIES "kafka" /* takes librdkafka's names beside its rows */

/* ---- finding ---- */

static const struct option_row *find_row(const struct scope *scope, const char *key, void **into)
{
	char full[KEY_BYTES];
	for (const struct section *s = scope->sections; s->rows != NULL; s++)
		for (const struct option_row *row = s->rows; row->key != NULL; row++) {
			key_join(full, s->prefix, row->key);
			if (strcmp(full, key) == 0) {
				*into = (char *)scope->base + s->offset;
				return row;
			}
		}
	return NULL;
}

/* Calls `each` with the full key of everything that may be set in this scope. */
static void each_key(const struct scope *scope, void (*each)(void *context, const char *key), void *context)
{
	char full[KEY_BYTES];
	for (const struct section *s = scope->sections; s->rows != NULL; s++)
		for (const struct option_row *row = s->rows; row->key != NULL; row++) {
			key_join(full, s->prefix, row->key);
			each(context, full);
		}
	for (const struct special *s = specials; scope->top && s->key != NULL; s++)
		each(context, s->key);
}

struct search {
	const char *path, *word;
	bool is_section;
	char near[KEY_BYTES], elsewhere[KEY_BYTES];
	unsigned distance;
};

/* "kafka" is a section since "kafka.brokers" is a key. */
static void look_for_section(void *context, const char *key)
{
	struct search *search = context;
	size_t len = strlen(search->path);
	if (strncmp(key, search->path, len) == 0 && key[len] == '.')
		search->is_section = true;
}

static void look_for_near(void *context, const char *key)
{
	struct search *search = context;
	const char *last = strrchr(key, '.');
	if (last != NULL && strcmp(last + 1, search->word) == 0 && search->elsewhere[0] == '\0')
		snprintf(search->elsewhere, sizeof search->elsewhere, "%s", key);
	size_t len = strlen(search->path);
	if (len > 0 && (strncmp(key, search->path, len) != 0 || key[len] != '.'))
		return;
	const char *word = len > 0 ? key + len + 1 : key;
	struct str child = {word, strcspn(word, ".")};
	unsigned distance = nearest_distance(str_of(search->word), child);
	if (distance >= search->distance)
		return;
	search->distance = distance;
	snprintf(search->near, sizeof search->near, "%.*s", (int)child.len, child.at);
}

static void report_unknown(struct loader *loader, const struct scope *scope, const char *path,
			   const char *word, unsigned line)
{
	struct search search = {.path = path, .word = word, .distance = NEAREST_NONE};
	char key[KEY_BYTES];
	key_join(key, path, word);
	each_key(scope, look_for_near, &search);
	if (search.distance != NEAREST_NONE)
		config_report_add(loader->report, line, "unknown key %s%s; did you mean '%s'?", key,
				  scope->of, search.near);
	else if (search.elsewhere[0] != '\0')
		config_report_add(loader->report, line, "unknown key %s%s; did you mean %s?", key, scope->of,
				  search.elsewhere);
	else
		config_report_add(loader->report, line, "unknown key %s%s", key, scope->of);
}

/* ---- walking ---- */

static void remember(struct config *config, const char *key, unsigned line)
{
	struct config_places *places = config->places;
	if (places->count == places->room) {
		size_t room = places->room ? 2 * places->room : 64;
		struct place *at = option_pool_take(&config->pool, room * sizeof *at);
		if (places->count > 0)
			memcpy(at, places->at, places->count * sizeof *at);
		places->at = at;
		places->room = (unsigned)room;
	}
	places->at[places->count++] = (struct place){option_keep(&config->pool, str_of(key)), line};
}

static void read_property(struct loader *loader, const struct scope *scope, const char *name, const char *key,
			  const yaml_node_t *value)
{
	struct err err = {0};
	struct kafka_options *kafka = &loader->config->kafka;
	const char *text = node_text(loader, key, value);
	if (text == NULL)
		return;
	if (!kafka_property_check(name, text, &err)) {
		struct search search = {.path = PROPERTIES, .word = name, .distance = NEAREST_NONE};
		each_key(scope, look_for_near, &search);
		bool ours = search.distance != NEAREST_NONE && strchr(name, '.') == NULL;
		config_report_add(loader->report, node_line(value), "%s: %s%s%s%s", key, err.text,
				  ours ? "; did you mean '" : "", ours ? search.near : "", ours ? "'?" : "");
		return;
	}
	struct kafka_property *all =
		option_pool_take(&loader->config->pool, (kafka->properties_count + 1) * sizeof *all);
	if (kafka->properties_count > 0)
		memcpy(all, kafka->properties, kafka->properties_count * sizeof *all);
	all[kafka->properties_count++] =
		(struct kafka_property){option_keep(&loader->config->pool, str_of(name)), text};
	kafka->properties = all;
}

static void handle(struct loader *loader, const struct scope *scope, const char *path, const char *word,
		   const yaml_node_pair_t *pair)
{
	const yaml_node_t *name = yaml_document_get_node(loader->yaml, pair->key);
	const yaml_node_t *value = yaml_document_get_node(loader->yaml, pair->value);
	char key[KEY_BYTES];
	void *into;
	key_join(key, path, word);
	const struct option_row *row = find_row(scope, key, &into);
	if (scope->top)
		remember(loader->config, key, node_line(name));
	if (row != NULL) {
		char label[KEY_BYTES + 16];
		snprintf(label, sizeof label, "%s%s", key, scope->of);
		node_set_row(loader, row, label, value, into);
		return;
	}
	for (const struct special *s = specials; scope->top && s->key != NULL; s++)
		if (strcmp(key, s->key) == 0) {
			if (!node_absent(value))
				s->read(loader, value);
			return;
		}
	struct search search = {.path = key};
	each_key(scope, look_for_section, &search);
	if (search.is_section) {
		if (value->type == YAML_MAPPING_NODE)
			document_map(loader, scope, key, value);
		else if (!node_absent(value))
			config_report_add(loader->report, node_line(value), "%s%s must be a map of keys", key,
					  scope->of);
	} else if (scope->top && strcmp(path, PROPERTIES) == 0)
		read_property(loader, scope, word, key, value);
	else
		report_unknown(loader, scope, path, word, node_line(name));
}

/* The line of an earlier pair with the same key; 0: none. */
static unsigned given_before(struct loader *loader, const yaml_node_t *mapping, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = yaml_document_get_node(loader->yaml, pair->key);
	for (yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++) {
		const yaml_node_t *other = yaml_document_get_node(loader->yaml, p->key);
		if (other->type == YAML_SCALAR_NODE && other->data.scalar.length == key->data.scalar.length &&
		    memcmp(other->data.scalar.value, key->data.scalar.value, key->data.scalar.length) == 0)
			return node_line(other);
	}
	return 0;
}

bool document_first(struct loader *loader, const yaml_node_t *mapping, const yaml_node_pair_t *pair,
		    const char *path)
{
	const yaml_node_t *key = yaml_document_get_node(loader->yaml, pair->key);
	unsigned first = given_before(loader, mapping, pair);
	if (first > 0)
		config_report_add(loader->report, node_line(key), "%s%s%s is given twice, first in line %u",
				  path, *path ? "." : "", (const char *)key->data.scalar.value, first);
	return first == 0;
}

const char *document_key(struct loader *loader, const yaml_node_pair_t *pair, size_t max, const char *must_be)
{
	const yaml_node_t *key = yaml_document_get_node(loader->yaml, pair->key);
	if (key->type != YAML_SCALAR_NODE) {
		config_report_add(loader->report, node_line(key), "a key must be a word, not a list or map");
		return NULL;
	}
	const char *word = (const char *)key->data.scalar.value;
	size_t len = key->data.scalar.length;
	if (len > 0 && len <= max && strlen(word) == len)
		return word;
	config_report_add(loader->report, node_line(key), "%s", must_be);
	return NULL;
}

void document_map(struct loader *loader, const struct scope *scope, const char *path,
		  const yaml_node_t *mapping)
{
	yaml_node_pair_t *end = mapping->data.mapping.pairs.top;
	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < end; pair++) {
		const char *word = document_key(loader, pair, KEY_BYTES - strlen(path) - 2,
						"a key must have 1 to about 100 characters");
		if (word != NULL && document_first(loader, mapping, pair, path))
			handle(loader, scope, path, word, pair);
	}
}

void document_walk(struct loader *loader)
{
	const struct scope scope = {config_sections, loader->config, "", true};
	const yaml_node_t *root = yaml_document_get_root_node(loader->yaml);
	if (root == NULL || node_absent(root))
		return; /* an empty file: all defaults */
	if (root->type != YAML_MAPPING_NODE)
		config_report_add(loader->report, node_line(root),
				  "the file must be a map of keys: `key: value` lines");
	else
		document_map(loader, &scope, "", root);
}
