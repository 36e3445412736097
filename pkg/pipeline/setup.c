#include "pipeline/pipeline.h"

#include <stdlib.h>

#include "base/version.h"
#include "log/log.h"

static void log_kafka(void *context, enum kafka_log_level level, const char *line)
{
	switch (level) {
	case KAFKA_LOG_ERROR: log_error("%s", line); break;
	case KAFKA_LOG_WARNING: log_warn("%s", line); break;
	case KAFKA_LOG_INFO: log_info("%s", line); break;
	case KAFKA_LOG_DEBUG: log_debug("%s", line); break;
	}
}

static bool open_zones(struct pipeline_setup *setup, const struct config *config, struct err *err)
{
	struct watch_zone *of = must_array(config->zones_count, sizeof *of);
	setup->watch.zones = of;
	setup->zones = must_array(config->zones_count + 1, sizeof *setup->zones);
	setup->zones[0] = zone_open(config->general.zone, err);
	if (setup->zones[0] == NULL)
		return false;
	setup->watch.zone = setup->zones[0];
	setup->zones_count = 1;
	for (unsigned i = 0; i < config->zones_count; i++, setup->zones_count++) {
		struct zone *zone = zone_open(config->zones[i].zone, err);
		if (zone == NULL)
			return false;
		setup->zones[i + 1] = zone;
		of[i] = (struct watch_zone){config->zones[i].touchpoint, zone};
		setup->watch.zones_count = i + 1;
	}
	return true;
}

bool pipeline_setup_from(struct pipeline_setup *setup, const struct config *config, struct err *err)
{
	*setup = (struct pipeline_setup){
		.kafka = config->kafka,
		.store = config->redis,
		.http = config->http,
		.topics = config->topics,
		.intakes = config->intake_here,
		.watches = config->watch_here,
		.start = (enum config_start)config->general.start,
		.version = CORRIDOR_VERSION,
		.intake =
			{
				.options = config->intake,
				.responses = config->responses,
				.sources = config->intake_sources,
				.sources_count = config->sources_count,
				.reach_ms = config->reach_ms,
				.id_key = config->id_key,
				.registry = config->registry,
			},
		.watch =
			{
				.options = config->publish,
				.windows.count = config->windows_count,
				.touchpoints_max = (uint32_t)config->intake.touchpoints_max,
				.ttl_ms = config->redis.ttl_ms,
				.ticks = true,
				.alerts = config->alerts,
				.registry = config->registry,
			},
		.delivery = config->delivery,
		.sinks = config->sinks,
		.sinks_count = config->sinks_count,
	};
	setup->kafka.log = log_kafka;
	for (unsigned i = 0; i < config->windows_count; i++)
		setup->watch.windows.specs[i] = config->windows[i];
	if (registry_count(config->registry) > 0)
		setup->registry_json = registry_json(config->registry, config->registry_zones, NULL);
	if (open_zones(setup, config, err))
		return true;
	pipeline_setup_release(setup);
	return false;
}

void pipeline_setup_release(struct pipeline_setup *setup)
{
	for (unsigned i = 0; i < setup->zones_count; i++)
		zone_close(setup->zones[i]);
	free(setup->registry_json);
	free(setup->zones);
	free((void *)setup->watch.zones);
	setup->registry_json = NULL;
	setup->zones = NULL;
	setup->watch.zones = NULL;
	setup->zones_count = 0;
}
