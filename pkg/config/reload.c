/*
 * reload - what is different between the configuration that runs and one that was read again.
 */
#include "config/config_priv.h"

#include <stdarg.h>
#include <stdlib.h>

static void add(struct config_changes *changes, bool live, const char *format, ...) PRINTF(3, 4);

static void add(struct config_changes *changes, bool live, const char *format, ...)
{
	char text[700];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	changes->at = realloc(changes->at, (changes->count + 1) * sizeof *changes->at);
	must(changes->at != NULL);
	changes->at[changes->count++] =
		(struct config_change){option_keep(&changes->pool, str_of(text)), live};
}

/* A duration whose row has no default is 0 when it is absent, which may be below its least. */
static bool absent(const struct option_row *row, const void *of)
{
	return row->preset == NULL && row->type == OPTION_DURATION &&
	       *(const int64_t *)((const char *)of + row->offset) == 0;
}

static void compare_row(const struct option_row *row, const char *key, const void *was, const void *is,
			struct config_changes *changes)
{
	char before[200], after[200];
	const char *restart = row->live ? "" : "; this needs a restart";
	if (option_same(row, was, is))
		return;
	option_format(row, was, before, sizeof before);
	option_format(row, is, after, sizeof after);
	if (absent(row, was))
		*before = '\0';
	if (absent(row, is))
		*after = '\0';
	if (key_secret(key))
		add(changes, row->live, "%s is another%s", key, restart);
	else
		add(changes, row->live, "%s is %s, was %s%s", key, *after ? after : "absent",
		    *before ? before : "absent", restart);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static const char *property(const struct kafka_options *kafka, const char *name)
{
	for (size_t i = 0; i < kafka->properties_count; i++)
		if (strcmp(kafka->properties[i].name, name) == 0)
			return kafka->properties[i].value;
	return NULL;
}

static void compare_properties(const struct kafka_options *was, const struct kafka_options *is,
			       struct config_changes *changes)
{
	for (size_t i = 0; i < was->properties_count; i++)
		if (!same_text(was->properties[i].value, property(is, was->properties[i].name)))
			add(changes, false, "kafka.%s is another; this needs a restart",
			    was->properties[i].name);
	for (size_t i = 0; i < is->properties_count; i++)
		if (property(was, is->properties[i].name) == NULL)
			add(changes, false, "kafka.%s is new; this needs a restart", is->properties[i].name);
}

/* Two structs of which all rows of the sections are the same. */
static bool same_rows(const struct section *sections, const void *a, const void *b)
{
	for (const struct section *s = sections; s->rows != NULL; s++)
		for (const struct option_row *row = s->rows; row->key != NULL; row++)
			if (!option_same(row, (const char *)a + s->offset, (const char *)b + s->offset))
				return false;
	return true;
}

static const struct config_source *source_of(const struct config *config, const char *topic)
{
	for (unsigned i = 0; i < config->sources_count; i++)
		if (strcmp(config->sources[i].topic, topic) == 0)
			return &config->sources[i];
	return NULL;
}

static void compare_sources(const struct config *was, const struct config *is, struct config_changes *changes)
{
	for (unsigned i = 0; i < was->sources_count; i++) {
		const struct config_source *other = source_of(is, was->sources[i].topic);
		if (other == NULL)
			add(changes, false, "the source %s is gone; this needs a restart",
			    was->sources[i].topic);
		else if (!same_rows(source_sections, &was->sources[i], other))
			add(changes, false, "the source %s is another; this needs a restart",
			    was->sources[i].topic);
	}
	for (unsigned i = 0; i < is->sources_count; i++)
		if (source_of(was, is->sources[i].topic) == NULL)
			add(changes, false, "the source %s is new; this needs a restart",
			    is->sources[i].topic);
}

static const struct sink_options *sink_of(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->sinks_count; i++)
		if (strcmp(config->sinks[i].name, name) == 0)
			return &config->sinks[i];
	return NULL;
}

static void compare_sinks(const struct config *was, const struct config *is, struct config_changes *changes)
{
	for (unsigned i = 0; i < was->sinks_count; i++) {
		const struct sink_options *other = sink_of(is, was->sinks[i].name);
		if (other == NULL || !same_rows(sink_sections, &was->sinks[i], other))
			add(changes, false, "the sink %s is %s; this needs a restart", was->sinks[i].name,
			    other == NULL ? "gone" : "another");
	}
	for (unsigned i = 0; i < is->sinks_count; i++)
		if (sink_of(was, is->sinks[i].name) == NULL)
			add(changes, false, "the sink %s is new; this needs a restart", is->sinks[i].name);
}

static const char *zone_of(const struct config *config, const char *touchpoint)
{
	for (unsigned i = 0; i < config->zones_count; i++)
		if (strcmp(config->zones[i].touchpoint, touchpoint) == 0)
			return config->zones[i].zone;
	return config->general.zone;
}

static void compare_zones(const struct config *was, const struct config *is, struct config_changes *changes)
{
	bool same = true;
	for (unsigned i = 0; i < was->zones_count; i++)
		same = same && same_text(was->zones[i].zone, zone_of(is, was->zones[i].touchpoint));
	for (unsigned i = 0; i < is->zones_count; i++)
		same = same && same_text(is->zones[i].zone, zone_of(was, is->zones[i].touchpoint));
	if (!same)
		add(changes, false, "touchpoints.zones is another; this needs a restart");
}

/* Their zones are among those that compare_zones has seen, and said. */
static void compare_declared(const struct config *was, const struct config *is,
			     struct config_changes *changes)
{
	bool same = was->declared_count == is->declared_count;
	for (unsigned i = 0; same && i < was->declared_count; i++) {
		struct config_touchpoint a = was->declared[i], b = is->declared[i];
		a.zone = b.zone = NULL;
		same = strcmp(a.is.name, b.is.name) == 0 && same_rows(touchpoint_sections, &a, &b);
	}
	if (!same)
		add(changes, false, "touchpoints.declared is another; this needs a restart");
}

void config_compare(const struct config *running, const struct config *fresh, struct config_changes *changes)
{
	char key[KEY_BYTES];
	for (const struct section *s = config_sections; s->rows != NULL; s++)
		for (const struct option_row *row = s->rows; row->key != NULL; row++) {
			key_join(key, s->prefix, row->key);
			compare_row(row, key, (const char *)running + s->offset,
				    (const char *)fresh + s->offset, changes);
		}
	compare_properties(&running->kafka, &fresh->kafka, changes);
	compare_sources(running, fresh, changes);
	compare_sinks(running, fresh, changes);
	compare_zones(running, fresh, changes);
	compare_declared(running, fresh, changes);
}

void config_changes_release(struct config_changes *changes)
{
	free(changes->at);
	option_pool_release(&changes->pool);
	*changes = (struct config_changes){0};
}

static void copy_row(struct config *into, const struct option_row *row, void *to, const void *from)
{
	const void *value = (const char *)from + row->offset;
	struct err err = {0};
	char text[64];
	if (row->type == OPTION_TEXT)
		*(const char **)((char *)to + row->offset) =
			*(const char *const *)value
				? option_keep(&into->pool, str_of(*(const char *const *)value))
				: NULL;
	else if (row->type == OPTION_LIST) {
		const struct option_list *list = value;
		struct str *items = option_pool_take(&into->pool, (list->count + 1) * sizeof *items);
		for (size_t i = 0; i < list->count; i++)
			items[i] = str_of(list->at[i]);
		must(option_set_list(row, items, list->count, to, &into->pool, &err));
	} else if (absent(row, from)) {
		*(int64_t *)((char *)to + row->offset) = 0;
	} else {
		option_format(row, from, text, sizeof text);
		must(option_set(row, str_of(text), to, &into->pool, &err));
	}
}

void config_apply_live(struct config *running, const struct config *fresh)
{
	for (const struct section *s = config_sections; s->rows != NULL; s++)
		for (const struct option_row *row = s->rows; row->key != NULL; row++)
			if (row->live)
				copy_row(running, row, (char *)running + s->offset,
					 (const char *)fresh + s->offset);
}
