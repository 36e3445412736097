/*
 * alerts - what only several keys of alerts and their delivery together can get wrong.
 */
#include "config/config_priv.h"

void config_check_links(const struct config *config, struct config_report *report)
{
	const struct {
		const char *key, *link;
	} links[] = {{"alerts.dashboard", config->alerts.dashboard},
		     {"alerts.runbook", config->alerts.runbook}};
	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		struct err err = {0};
		if (links[i].link != NULL && !alert_check_link(str_of(links[i].link), &err))
			config_report_add(report, config_line(config, links[i].key), "%s %s", links[i].key,
					  err.text);
	}
}

void config_check_delivery(const struct config *config, struct config_report *report)
{
	const struct desk_options *delivery = &config->delivery;
	struct err err = {0};
	if (delivery->quiet_hours != NULL && !desk_check_quiet_hours(str_of(delivery->quiet_hours), &err))
		config_report_add(report, config_line(config, "delivery.quiet_hours"),
				  "delivery.quiet_hours %s", err.text);
	for (size_t i = 0; i < delivery->mute.count; i++) {
		struct err wrong = {0};
		if (!desk_check_mute(str_of(delivery->mute.at[i]), &wrong))
			config_report_add(report, config_line(config, "delivery.mute"), "delivery.mute %s",
					  wrong.text);
	}
}

static void check_twins(const struct config *config, unsigned at, struct config_report *report)
{
	const char *name = config->sinks[at].name;
	for (unsigned i = 0; name != NULL && i < at; i++)
		if (config->sinks[i].name != NULL && strcmp(config->sinks[i].name, name) == 0) {
			config_report_add(report, config->sink_lines[at],
					  "two sinks have the name %.60s, first in line %u", name,
					  config->sink_lines[i]);
			return;
		}
}

/* A replay tells nobody, and may not be allowed to read the secrets. */
void config_check_sinks(struct config *config, enum config_use use, struct config_report *report)
{
	if (config->sinks_count > SINKS_MAX)
		config_report_add(report, config_line(config, "sinks"), "sinks must be at most %d, not %u",
				  SINKS_MAX, config->sinks_count);
	for (unsigned i = 0; i < config->sinks_count && i < SINKS_MAX; i++) {
		struct err err = {0};
		check_twins(config, i, report);
		if (use == CONFIG_FOR_RUN && !sink_check(&config->sinks[i], &err))
			config_report_add(report, config->sink_lines[i], "sink%s%.60s: %s",
					  config->sinks[i].name ? " " : "",
					  config->sinks[i].name ? config->sinks[i].name : "", err.text);
	}
}
