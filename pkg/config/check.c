/*
 * check - what only several keys together can get wrong, and what follows from them.
 */
#include "config/config_priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/units.h"
#include "zone/zone.h"

#define DAY_MS (24 * 3600 * 1000LL)

static void check_roles(struct config *config, struct config_report *report)
{
	const struct option_list *roles = &config->general.roles;
	for (size_t i = 0; i < roles->count; i++) {
		config->intake_here |= strcmp(roles->at[i], "intake") == 0;
		config->watch_here |= strcmp(roles->at[i], "watch") == 0;
	}
	if (roles->count == 0)
		config_report_add(report, config_line(config, "roles"),
				  "roles must name at least one of intake, watch");
}

/* ---- windows ---- */

static const struct window_spec *window_of_length(const struct config *config, int64_t length_s)
{
	for (unsigned i = 0; i < config->windows_count; i++)
		if (config->windows[i].length_s == length_s)
			return &config->windows[i];
	return NULL;
}

static void check_windows(struct config *config, struct config_report *report)
{
	const struct option_list *list = &config->general.windows;
	unsigned line = config_line(config, "windows");
	if (list->count == 0 || list->count > WINDOWS_MAX) {
		config_report_add(report, line, "windows must be 1 to %d, not %zu", WINDOWS_MAX, list->count);
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		struct window_spec spec;
		struct err err = {0};
		if (!window_spec_parse(str_of(list->at[i]), &spec, &err)) {
			config_report_add(report, line, "windows: %s", err.text);
			continue;
		}
		const struct window_spec *same = window_of_length(config, spec.length_s);
		if (same != NULL) {
			config_report_add(report, line, "windows: %s is there twice%s%s", spec.name,
					  strcmp(same->name, spec.name) ? ", also as " : "",
					  strcmp(same->name, spec.name) ? same->name : "");
			continue;
		}
		int64_t reach_ms = window_spec_reach_s(&spec) * 1000;
		config->reach_ms = reach_ms > config->reach_ms ? reach_ms : config->reach_ms;
		config->windows[config->windows_count] = spec;
		config->window_names[config->windows_count] = config->windows[config->windows_count].name;
		config->windows_count++;
	}
	config->redis.windows = config->window_names;
}

static void check_horizon(struct config *config, const char *longest, struct config_report *report)
{
	char least[32], have[32];
	int64_t least_ms = config->reach_ms + config->intake.max_future_skew_ms;
	if (config->responses.horizon_ms >= least_ms)
		return;
	units_duration_text(least_ms, least, sizeof least);
	units_duration_text(config->responses.horizon_ms, have, sizeof have);
	config_report_add(
		report, config_line(config, "responses.horizon"),
		"responses.horizon must be at least %s (the longest window, %s, and "
		"intake.max_future_skew), not %s: else responses are forgotten while they still count",
		least, longest, have);
}

/* A rebuild reads the tallies of both halves of the longest window, a refill the journal of the whole horizon. */
static void check_retention(struct config *config, const char *longest, struct config_report *report)
{
	char least[32], horizon[32];
	int64_t windows_ms = 2 * config->reach_ms, horizon_ms = config->responses.horizon_ms;
	int64_t least_ms = DAY_MS + (windows_ms > horizon_ms ? windows_ms : horizon_ms);
	if (config->kafka.retention_ms == 0)
		config->kafka.retention_ms = least_ms;
	config->redis.retention_ms = config->kafka.retention_ms;
	if (config->kafka.retention_ms >= least_ms)
		return;
	units_duration_text(least_ms, least, sizeof least);
	units_duration_text(horizon_ms, horizon, sizeof horizon);
	unsigned line = config_line(config, "kafka.retention");
	if (windows_ms > horizon_ms)
		config_report_add(report, line,
				  "kafka.retention must be at least %s (twice the longest window, %s, and a "
				  "day) or 0, which means that",
				  least, longest);
	else
		config_report_add(
			report, line,
			"kafka.retention must be at least %s (responses.horizon, %s, and a day) or 0, "
			"which means that: else a restart forgets responses that still count",
			least, horizon);
}

static void check_reach(struct config *config, struct config_report *report)
{
	char longest[32];
	units_duration_text(config->reach_ms, longest, sizeof longest);
	check_horizon(config, longest, report);
	check_retention(config, longest, report);
}

/* The sweep renews what lives for `ttl`: it must come round twice in that time. */
static void check_sweep(const struct config *config, struct config_report *report)
{
	double ten_thousands = (double)config->intake.touchpoints_max / 10000;
	double sweep_ms = (double)config->publish.refresh_ms * (ten_thousands > 1 ? ten_thousands : 1);
	if ((double)config->redis.ttl_ms < 2 * sweep_ms)
		config_report_add(
			report, config_line(config, "redis.ttl"),
			"redis.ttl must be at least twice publish.refresh for touchpoints.max: %.0fs",
			2 * sweep_ms / 1000);
}

/* ---- zones ---- */

void config_check_zone(const char *name, unsigned line, const char *key, struct config_report *report)
{
	struct err err = {0};
	struct zone *zone = zone_open(name, &err);
	if (zone == NULL)
		config_report_add(report, line, "%s: %s", key, err.text);
	else
		zone_close(zone);
}

static void check_zones(const struct config *config, struct config_report *report)
{
	config_check_zone(config->general.zone, config_line(config, "zone"), "zone", report);
	for (unsigned i = 0; i < config->zones_count; i++)
		config_check_zone(config->zones[i].zone, config->zones[i].line, "touchpoints.zones", report);
}

/* ---- sources ---- */

static bool topic_name(const char *name)
{
	size_t len = strlen(name);
	if (len == 0 || len > 249 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static bool own_topic(const struct config *config, const char *topic)
{
	char name[KAFKA_TOPIC_NAME_BYTES];
	for (int i = 0; i < KAFKA_TOPICS; i++) {
		kafka_topic_name(&config->kafka, (enum kafka_topic)i, name);
		if (strcmp(name, topic) == 0)
			return true;
	}
	return false;
}

static void check_topic(const struct config *config, const struct config_source *source,
			struct config_report *report)
{
	if (source->topic == NULL)
		config_report_add(report, source->line, "a source needs a topic");
	else if (!topic_name(source->topic))
		config_report_add(report, source->line,
				  "topic '%.60s': Kafka takes 1 to 249 of a-z A-Z 0-9 . _ -", source->topic);
	else if (own_topic(config, source->topic))
		config_report_add(report, source->line, "topic %s is one of our own and can't be a source",
				  source->topic);
	if (source->bytes_max > config->kafka.record_bytes_max)
		config_report_add(report, source->line,
				  "bytes_max of a source must not be above kafka.record_bytes_max");
}

static void check_twins(const struct config *config, unsigned at, struct config_report *report)
{
	const struct config_source *source = &config->sources[at];
	for (unsigned i = 0; i < at; i++) {
		const struct config_source *other = &config->sources[i];
		if (source->topic != NULL && other->topic != NULL && strcmp(source->topic, other->topic) == 0)
			config_report_add(report, source->line,
					  "topic %s is a source twice, first in line %u", source->topic,
					  other->line);
		else if (source->name != NULL && other->name != NULL &&
			 strcmp(source->name, other->name) == 0)
			config_report_add(
				report, source->line,
				"two sources have the name %s, first in line %u: their ids would mix",
				source->name, other->line);
	}
}

static struct feedback_mapping mapping_of(const struct config_source *source)
{
	struct feedback_mapping mapping = {
		.ledger = (enum ledger)source->kind,
		.bytes_max = (size_t)source->bytes_max,
		.depth_max = (unsigned)source->depth_max,
	};
	memcpy(mapping.path, source->path, sizeof mapping.path);
	return mapping;
}

static void check_sources(struct config *config, enum config_use use, struct config_report *report)
{
	unsigned count = config->sources_count;
	const char **topics = option_pool_take(&config->pool, (count + 1) * sizeof *topics);
	struct intake_source *sources = option_pool_take(&config->pool, (count + 1) * sizeof *sources);
	if (count == 0 && use == CONFIG_FOR_RUN && config->intake_here)
		config_report_add(report, config_line(config, "sources"),
				  "sources is missing: intake needs at least one `- topic: NAME`");
	for (unsigned i = 0; i < count; i++) {
		struct config_source *source = &config->sources[i];
		struct err err = {0};
		if (source->name == NULL)
			source->name = source->topic;
		check_topic(config, source, report);
		check_twins(config, i, report);
		topics[i] = source->topic;
		sources[i] = (struct intake_source){source->name, mapping_of(source)};
		struct feedback_decoder *decoder = feedback_create(&sources[i].mapping, &err);
		if (decoder == NULL)
			config_report_add(report, source->line, "fields of a source: %s", err.text);
		feedback_destroy(decoder);
	}
	config->topics = topics;
	config->intake_sources = sources;
}

/* ---- what modules check themselves ---- */

static void check_with(bool good, const struct config *config, const char *key, const struct err *err,
		       struct config_report *report)
{
	if (!good)
		config_report_add(report, config_line(config, key), "%s%s%s",
				  strstr(err->text, key) ? "" : key, strstr(err->text, key) ? "" : ": ",
				  err->text);
}

static void check_acknowledging(const struct config *config, struct config_report *report)
{
	struct err token = {0}, url = {0};
	struct http_secret secret;
	const char *public_url = config->http.public_url;
	check_with(http_secret_read(&secret, config->http.token_file, &token), config, "http.token_file",
		   &token, report);
	check_with(public_url == NULL || http_check_public_url(public_url, &url), config, "http.public_url",
		   &url, report);
	explicit_bzero(&secret, sizeof secret);
	if (public_url && config->http.token_file == NULL)
		config_report_add(
			report, config_line(config, "http.public_url"),
			"http.public_url: links to acknowledge with are signed: http.token_file is missing");
}

static void check_addresses(const struct config *config, struct config_report *report)
{
	struct err url = {0}, prefix = {0}, listen = {0};
	check_with(store_check_url(config->redis.url, &url), config, "redis.url", &url, report);
	check_with(store_check_prefix(config->redis.prefix, &prefix), config, "redis.prefix", &prefix,
		   report);
	check_with(http_check_listen(config->http.listen, &listen), config, "http.listen", &listen, report);
	check_acknowledging(config, report);
	static const struct {
		const char *key;
		size_t offset;
	} needed[] = {{"kafka.brokers", offsetof(struct config, kafka.brokers)},
		      {"kafka.group", offsetof(struct config, kafka.group)}};
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		const char *text = *(const char *const *)((const char *)config + needed[i].offset);
		if (text == NULL || *text == '\0')
			config_report_add(report, config_line(config, needed[i].key), "%s must not be empty",
					  needed[i].key);
	}
	if (!topic_name(config->kafka.prefix) || strlen(config->kafka.prefix) > 200)
		config_report_add(
			report, config_line(config, "kafka.prefix"),
			"kafka.prefix begins the names of topics: it must be 1 to 200 of a-z A-Z 0-9 . _ -");
}

static void read_id_key(struct config *config, struct config_report *report)
{
	char secret[4096];
	const char *path = config->intake.id_key_file;
	unsigned line = config_line(config, "intake.id_key_file");
	if (path == NULL) {
		hash_key_from(&config->id_key,
			      str_of(config->kafka.prefix)); /* whose journal it is that holds them */
		return;
	}
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		config_report_add(report, line, "intake.id_key_file: %s can't be opened: %s", path,
				  strerror(errno));
		return;
	}
	size_t len = fread(secret, 1, sizeof secret, file);
	while (len > 0 && isspace((unsigned char)secret[len - 1])) /* an editor's newline is no part of it */
		len--;
	if (ferror(file) || len < 16)
		config_report_add(report, line,
				  "intake.id_key_file: %s must hold at least 16 bytes; `openssl rand -hex "
				  "32` makes a good key",
				  path);
	hash_key_from(&config->id_key, (struct str){secret, len});
	explicit_bzero(secret, sizeof secret);
	fclose(file);
}

void config_check(struct config *config, enum config_use use, struct config_report *report)
{
	check_roles(config, report);
	unsigned before = report->count;
	check_windows(config, report);
	if (report->count == before)
		check_reach(config, report);
	check_sweep(config, report);
	check_zones(config, report);
	config_check_declared(config, report);
	check_sources(config, use, report);
	check_addresses(config, report);
	config_check_links(config, report);
	config_check_delivery(config, report);
	config_check_sinks(config, use, report);
	read_id_key(config, report);
}
