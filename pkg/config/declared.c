/*
 * declared - the declared touchpoints as a whole: their parents and their time zones.
 */
#include "config/config_priv.h"

#include <stdlib.h>

/* A registry says its first mistake only. Whoever made it is left out, and the rest tried again. */
static void make_registry(struct config *config, struct config_report *report)
{
	struct registry_touchpoint *all = must_array(config->declared_count + 1UL, sizeof *all);
	unsigned count = config->declared_count, line = 0;
	for (unsigned i = 0; i < count; i++)
		all[i] = config->declared[i].is;
	for (;;) {
		struct err err = {0};
		config->registry = registry_create(all, count, &line, &err);
		if (config->registry != NULL)
			break;
		config_report_add(report, line, "touchpoints.declared: %s", err.text);
		unsigned kept = 0;
		for (unsigned i = 0; i < count; i++)
			if (all[i].line != line)
				all[kept++] = all[i];
		count = report->count < CONFIG_MISTAKES_MAX ? kept : 0;
	}
	free(all);
}

static const struct config_zone *zone_of(const struct config *config, unsigned count, const char *touchpoint)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(config->zones[i].touchpoint, touchpoint) == 0)
			return &config->zones[i];
	return NULL;
}

static void add_zones(struct config *config, struct config_report *report)
{
	unsigned before = config->zones_count;
	struct config_zone *all =
		option_pool_take(&config->pool, (before + config->declared_count) * sizeof *all);
	if (before > 0)
		memcpy(all, config->zones, before * sizeof *all);
	config->zones = all;
	config->registry_zones = option_pool_take(&config->pool, (config->declared_count + 1UL) *
									 sizeof *config->registry_zones);
	for (unsigned i = 0; i < config->declared_count; i++) {
		const struct config_touchpoint *t = &config->declared[i];
		const struct config_zone *said = zone_of(config, before, t->is.name);
		config->registry_zones[i] = said != NULL ? said->zone : t->zone;
		if (t->zone == NULL)
			continue;
		if (said == NULL) {
			config_check_zone(t->zone, t->zone_line, "zone of a touchpoint", report);
			all[config->zones_count++] = (struct config_zone){t->is.name, t->zone, t->zone_line};
		} else if (strcmp(said->zone, t->zone) != 0)
			config_report_add(report, t->zone_line,
					  "zone of touchpoint %.60s is %.60s, but touchpoints.zones says "
					  "%.60s in line %u",
					  t->is.name, t->zone, said->zone, said->line);
	}
}

static void check_runbooks(const struct config *config, struct config_report *report)
{
	for (unsigned i = 0; i < config->declared_count; i++) {
		const struct config_touchpoint *t = &config->declared[i];
		struct err err = {0};
		if (t->is.runbook != NULL && !alert_check_link(str_of(t->is.runbook), &err))
			config_report_add(report, t->is.line, "runbook of touchpoint %.60s %s", t->is.name,
					  err.text);
	}
}

void config_check_declared(struct config *config, struct config_report *report)
{
	make_registry(config, report);
	add_zones(config, report);
	check_runbooks(config, report);
	if (registry_names(config->registry) > config->intake.touchpoints_max)
		config_report_add(
			report, config_line(config, "touchpoints.max"),
			"touchpoints.max must be at least %u: so many are declared, or are parents of those",
			registry_names(config->registry));
}
