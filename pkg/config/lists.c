/*
 * lists - what is no row, since the user says how many: sources, sinks, zones and declared touchpoints.
 */
#include "config/config_priv.h"

static void read_source(struct loader *loader, const yaml_node_t *node)
{
	struct config *config = loader->config;
	struct config_source *source = &config->sources[config->sources_count];
	struct scope scope = {source_sections, source, " of a source", false};
	source->line = node_line(node);
	if (node->type != YAML_MAPPING_NODE) {
		config_report_add(loader->report, source->line,
				  "a source must be a map with a topic: `- topic: NAME`");
		return;
	}
	for (const struct section *s = source_sections; s->rows != NULL; s++)
		option_defaults(s->rows, source, &config->pool);
	source->line = node_line(node);
	document_map(loader, &scope, "", node);
	config->sources_count++;
}

void list_sources(struct loader *loader, const yaml_node_t *node)
{
	struct config *config = loader->config;
	if (node->type != YAML_SEQUENCE_NODE) {
		config_report_add(loader->report, node_line(node),
				  "sources must be a list: `- topic: NAME` for each");
		return;
	}
	yaml_node_item_t *item = node->data.sequence.items.start, *end = node->data.sequence.items.top;
	config->sources = option_pool_take(&config->pool, (size_t)(end - item) * sizeof *config->sources);
	for (; item < end; item++)
		read_source(loader, yaml_document_get_node(loader->yaml, *item));
}

/* ---- sinks ---- */

static void read_sink(struct loader *loader, const yaml_node_t *node)
{
	struct config *config = loader->config;
	struct sink_options *sink = &config->sinks[config->sinks_count];
	struct scope scope = {sink_sections, sink, " of a sink", false};
	if (node->type != YAML_MAPPING_NODE) {
		config_report_add(
			loader->report, node_line(node),
			"a sink must be a map with a name and a type: `- {name: NAME, type: slack}`");
		return;
	}
	option_defaults(sink_option_rows, sink, &config->pool);
	config->sink_lines[config->sinks_count++] = node_line(node);
	document_map(loader, &scope, "", node);
}

void list_sinks(struct loader *loader, const yaml_node_t *node)
{
	struct config *config = loader->config;
	if (node->type != YAML_SEQUENCE_NODE) {
		config_report_add(loader->report, node_line(node),
				  "sinks must be a list: `- {name: NAME, type: slack}` for each");
		return;
	}
	yaml_node_item_t *item = node->data.sequence.items.start, *end = node->data.sequence.items.top;
	config->sinks = option_pool_take(&config->pool, (size_t)(end - item) * sizeof *config->sinks);
	config->sink_lines =
		option_pool_take(&config->pool, (size_t)(end - item) * sizeof *config->sink_lines);
	for (; item < end; item++)
		read_sink(loader, yaml_document_get_node(loader->yaml, *item));
}

/* ---- touchpoints ---- */

#define NAME_MUST_BE "a touchpoint's name must have 1 to 200 bytes"

void list_zones(struct loader *loader, const yaml_node_t *node)
{
	struct config *config = loader->config;
	if (node->type != YAML_MAPPING_NODE) {
		config_report_add(loader->report, node_line(node),
				  "touchpoints.zones must be a map: `NAME: Europe/Berlin` for each");
		return;
	}
	yaml_node_pair_t *pair = node->data.mapping.pairs.start, *end = node->data.mapping.pairs.top;
	config->zones = option_pool_take(&config->pool, (size_t)(end - pair) * sizeof *config->zones);
	for (; pair < end; pair++) {
		const char *name = document_key(loader, pair, REGISTRY_NAME_MAX, NAME_MUST_BE), *zone = NULL;
		const yaml_node_t *value = yaml_document_get_node(loader->yaml, pair->value);
		if (name != NULL && document_first(loader, node, pair, "touchpoints.zones"))
			zone = node_text(loader, "a zone in touchpoints.zones", value);
		if (zone != NULL)
			config->zones[config->zones_count++] = (struct config_zone){
				option_keep(&config->pool, str_of(name)), zone, node_line(value)};
	}
}

static unsigned line_of_key(struct loader *loader, const yaml_node_t *mapping, const char *key)
{
	yaml_node_pair_t *pair = mapping->data.mapping.pairs.start, *end = mapping->data.mapping.pairs.top;
	for (; pair < end; pair++) {
		const yaml_node_t *node = yaml_document_get_node(loader->yaml, pair->key);
		if (node->type == YAML_SCALAR_NODE && strcmp((char *)node->data.scalar.value, key) == 0)
			return node_line(node);
	}
	return node_line(mapping);
}

static void read_touchpoint(struct loader *loader, const yaml_node_t *name, const yaml_node_t *node)
{
	struct config *config = loader->config;
	struct config_touchpoint *touchpoint = &config->declared[config->declared_count++];
	struct scope scope = {touchpoint_sections, touchpoint, " of a touchpoint", false};
	for (const struct section *s = touchpoint_sections; s->rows != NULL; s++)
		option_defaults(s->rows, (char *)touchpoint + s->offset, &config->pool);
	touchpoint->is.name = option_keep(&config->pool, str_of((const char *)name->data.scalar.value));
	touchpoint->is.line = node_line(name);
	if (node->type == YAML_MAPPING_NODE) {
		touchpoint->zone_line = line_of_key(loader, node, "zone");
		document_map(loader, &scope, "", node);
	} else if (!node_absent(node))
		config_report_add(loader->report, node_line(node),
				  "a touchpoint must be a map such as {label: ..., parent: ...}");
}

/* That a name is there twice is found by the registry: thousands are too many to compare each with each. */
void list_declared(struct loader *loader, const yaml_node_t *node)
{
	struct config *config = loader->config;
	if (node->type != YAML_MAPPING_NODE) {
		config_report_add(
			loader->report, node_line(node),
			"touchpoints.declared must be a map: `NAME: {label: ..., parent: ...}` for each");
		return;
	}
	yaml_node_pair_t *pair = node->data.mapping.pairs.start, *end = node->data.mapping.pairs.top;
	config->declared = option_pool_take(&config->pool, (size_t)(end - pair) * sizeof *config->declared);
	for (; pair < end; pair++)
		if (document_key(loader, pair, REGISTRY_NAME_MAX, NAME_MUST_BE) != NULL)
			read_touchpoint(loader, yaml_document_get_node(loader->yaml, pair->key),
					yaml_document_get_node(loader->yaml, pair->value));
}
