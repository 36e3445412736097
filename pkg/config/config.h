/*
 * config - the configuration file: read whole, checked whole, every mistake named with its line.
 *
 * The file is YAML. Its keys are the rows that modules export (base/option.h), put under a name each by one table in sections.c;
 * this module knows rows and where they go, not what they mean. What is no row: `sources` and `sinks` (lists of rows), `zones`
 * and `declared` of touchpoints (names are the user's) and librdkafka's properties under `kafka`. Values may hold ${NAME} or
 * ${NAME:-default} from the environment; $${ is a plain ${. What only several keys together can get wrong is in check.c.
 *
 * A configuration is read once and never changes; a reload reads another one and compares (config_changes).
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "alert/alert.h"
#include "base/option.h"
#include "base/str.h"
#include "desk/desk.h"
#include "feedback/feedback.h"
#include "http/http.h"
#include "intake/intake.h"
#include "kafka/kafka.h"
#include "log/log.h"
#include "registry/registry.h"
#include "response/response.h"
#include "sink/sink.h"
#include "store/store.h"
#include "watch/watch.h"
#include "window/window.h"

/* ---- mistakes ---- */

struct config_mistake {
	unsigned line; /* from 1; 0: the file as a whole */
	const char *text;
};

/* Zeroed: empty. In the order of the lines. */
struct config_report {
	struct config_mistake *at;
	unsigned count;
	unsigned left_out; /* beyond the first CONFIG_MISTAKES_MAX */
	struct option_pool pool;
};
#define CONFIG_MISTAKES_MAX 100

void config_report_add(struct config_report *, unsigned line, const char *format, ...) PRINTF(3, 4);
void config_report_print(const struct config_report *, const char *file,
			 FILE *); /* FILE:LINE: TEXT, one a line */
void config_report_release(struct config_report *);

/* ---- the configuration ---- */

enum config_start { CONFIG_START_WINDOW, CONFIG_START_EARLIEST, CONFIG_START_LATEST };

struct config_general {
	struct option_list roles;
	const char *zone; /* of touchpoints that name none */
	struct option_list windows; /* as written; read: config.windows */
	int start; /* enum config_start */
};

struct config_source {
	const char *topic, *name;
	int kind; /* enum ledger */
	int64_t bytes_max, depth_max;
	const char *path[FEEDBACK_FIELDS];
	unsigned line;
};

struct config_zone {
	const char *touchpoint, *zone;
	unsigned line;
};

struct config_touchpoint {
	struct registry_touchpoint is;
	const char *zone;
	unsigned zone_line;
};

struct config {
	struct config_general general;
	struct log_options log;
	struct kafka_options kafka; /* properties and retention filled in */
	struct store_options redis; /* retention and windows filled in */
	struct http_options http;
	struct intake_options intake; /* also `touchpoints.max` */
	struct response_options responses;
	struct watch_options publish;
	struct alert_options alerts;
	struct desk_options delivery;

	struct config_source *sources;
	unsigned sources_count;
	struct config_zone *zones; /* also those of declared touchpoints */
	unsigned zones_count;
	struct config_touchpoint *declared; /* in the customer's order */
	unsigned declared_count;
	struct sink_options *sinks;
	unsigned sinks_count;

	/* Worked out from the above. */
	bool intake_here, watch_here; /* the roles */
	struct window_spec windows[WINDOWS_MAX];
	unsigned windows_count;
	int64_t reach_ms; /* the longest window: what is older is late */
	struct hash_key
		id_key; /* from intake.id_key_file; without one from the group's name, which hides nothing */
	const char *const *topics; /* of the sources, in their order: for a consumer */
	const struct intake_source *intake_sources; /* likewise: for an intake */
	struct registry *registry; /* of the declared touchpoints, in their order; never NULL */
	const char **registry_zones; /* for registry_json: that of each, wherever it is said; NULL: not said */

	/* Private. */
	const char *window_names[WINDOWS_MAX + 1];
	unsigned *sink_lines;
	struct config_places *places;
	struct option_pool pool;
};

/* What the configuration is for: a replay needs neither Kafka nor Redis nor sources. */
enum config_use { CONFIG_FOR_RUN, CONFIG_FOR_REPLAY };

/* NULL: the report says every mistake. Secrets that were read are hidden from the log from then on. */
NODISCARD struct config *config_load(const char *path, enum config_use, struct config_report *);
NODISCARD struct config *config_read(struct str yaml, enum config_use, struct config_report *);
void config_destroy(struct config *); /* NULL is fine */

/* All keys with their defaults and a line of prose each, as a file that config_load takes. */
void config_print_defaults(FILE *);

/* ---- reload ---- */

struct config_change {
	const char *text; /* "log.level is debug, was info" */
	bool live; /* applies at once; else it needs a restart */
};

struct config_changes {
	struct config_change *at;
	unsigned count;
	struct option_pool pool;
};

/* What is different in `fresh`. Values of keys that look like secrets are not repeated. */
void config_compare(const struct config *running, const struct config *fresh, struct config_changes *);
void config_changes_release(struct config_changes *);
/* Copies the values of all live keys. The caller hands them to their modules (log_setup and so on). */
void config_apply_live(struct config *running, const struct config *fresh);

/* ---- what it costs ---- */

struct config_load_assumed {
	double responses_per_s; /* over all touchpoints, spread evenly */
	double touchpoints; /* 0: touchpoints.max */
	double name_bytes; /* of a touchpoint's name */
};

/* Bytes. Estimates: the formulas and where their numbers come from are in estimate.c. */
struct config_costs {
	double touchpoints;
	double response_tables, response_tables_full; /* all lanes: at the assumed rate, at responses.max */
	double responses_rate; /* responses a second that the tables have room for, for the whole horizon */
	double windows; /* watch, one ledger a touchpoint */
	double detectors; /* watch, those of all ledgers that sources have */
	double kafka_queues; /* librdkafka's, when we fall behind */
	double intake_rss, watch_rss, rss; /* 0 for a role that is not here */
	double redis_hashes, redis_series, redis_checkpoint, redis_alerts, redis;
	double redis_events; /* beside these: what happened, once as much has happened as is kept */
	double tallies_per_day, journal_per_day; /* one replica, before compression */
	double retention_days;
	double topics; /* both, kept for the retention */
};
struct config_costs config_costs(const struct config *, const struct config_load_assumed *);
void config_print_costs(const struct config *, const struct config_load_assumed *, FILE *);

/* ---- what the settings of alerts mean ---- */

/* Kinds that sources have, at least 1: so many detectors has a touchpoint. */
unsigned config_ledgers_read(const struct config *);
/* How often each touchpoint may be falsely alerted of, and how soon a rise is told at a few traffic levels. */
void config_print_alerts(const struct config *, const struct config_load_assumed *, FILE *);

#endif
