/*
 * estimate - what a configuration costs in memory, in Redis and in Kafka, before anything is started.
 *
 * Feedback is taken to arrive evenly over the touchpoints, which all have surveys only. Real feedback is uneven
 * and needs less: a quiet touchpoint has few panes. The numbers of Redis were measured (MEMORY USAGE of Redis
 * 7.0, hashes of our fields); those of the windows are held against the real ones by a test.
 */
#include "config/config_priv.h"

#include <math.h>

#include "base/units.h"
#include "spike/spike.h"

#define RESPONSE_BYTES 47.0 /* of the response table, an entry: 40 and a tag, at the load at which it grows */
#define NAME_ENTRY     64.0 /* of a dictionary of names, beside the name: slot, hash, offset */
#define SLOT_BYTES                                                                                           \
	700.0 /* of the watch, a touchpoint: sums, tables of blocks, positions, what was published when */
#define ALLOCATED 16.0 /* malloc's own, beside what it gives */
#define INCIDENTS 3.0 /* kinds of alert that a touchpoint's ledger may have open */
#define DETECTOR_BYTES                                                                                       \
	(sizeof(struct spike) + sizeof(struct spike_silence) + INCIDENTS * sizeof(struct alert_incident) +   \
	 24 + ALLOCATED) /* a touchpoint's ledger; with numbers beside them */
#define RISE_BYTES    (sizeof(struct spike) + ALLOCATED) /* more, where promoters are watched too */
#define SLACK	      1.3 /* slabs in part used, counters that were widened */
#define PANES	      61.0
#define COUNTERS      11.0
#define BLOCK_PANES   8.0
#define PROCESS_BYTES (24.0 * (1 << 20)) /* program, libraries, stacks, librdkafka at rest */
#define LANE_BYTES    (48.0 * (1 << 20)) /* a lane's two tallies, undo log, batches, its producer's queue */
#define QUEUE_BYTES   (64.0 * (1 << 20)) /* librdkafka's queued.max.messages.kbytes, a consumer */

#define HASH_BYTES	540.0 /* 15 fields of a window, listpack; 1.2 KiB beyond 100,000 a bin */
#define SERIES_BASE	120.0 /* a series: 3,176 bytes with 122 fields, 552 with 20 */
#define SERIES_FIELD	25.0
#define INDEX_BYTES	190.0 /* ZSET entry and `pos` */
#define CHECKPOINT_BASE 350.0
#define SAVED_DETECTOR	750.0 /* in a checkpoint, a touchpoint's ledger: spike 340, silence 377 */
#define SAVED_RISE	345.0
#define ALERT_HASH	440.0 /* 16 fields, with an incident that is open; 170 with none so far */
#define EVENT_BYTES	1100.0 /* of the stream: one of 900 bytes, with labels, parents and links */
#define INCIDENT_BYTES	1230.0 /* its newest event again, and when it was over */
#define INCIDENTS_KEPT	10000.0

#define CELL_BYTES    5.0 /* of a bundle: second, ledger, bin, delta, packed */
#define GROUP_BYTES   6.0 /* beside the touchpoint's name */
#define BUNDLE_BYTES  70.0 /* head and Kafka's record */
#define JOURNAL_BYTES 28.0 /* a response */

#define DAY_S 86400.0

static double shown(double expected)
{
	return 1 - exp(-expected); /* Poisson: the share of buckets that are not empty */
}

/* Bytes of a counter that holds so many on average in a full bin, with room for uneven ones. */
static double width(double in_bin)
{
	return in_bin < 5 ? 0.5 : in_bin < 100 ? 1 : in_bin < 25000 ? 2 : 4;
}

struct ring_costs {
	double panes; /* that hold something */
	double bytes; /* blocks of 8 panes, there when touched, counters as wide as they must be */
	double saved; /* in a checkpoint: varints of panes that hold something, here and before */
};

/* `today` has half-hour panes. */
static struct ring_costs ring(const struct window_spec *window, double per_s)
{
	double pane_s = window->length_s > 0 ? (double)window->length_s / 60 : 1800;
	double panes = window->length_s > 0 ? PANES : 48, in_pane = per_s * pane_s,
	       in_bin = in_pane / COUNTERS;
	double blocks = ceil(panes / BLOCK_PANES) * shown(in_pane * BLOCK_PANES);
	double varint = in_bin < 100 ? 1 : 2, bins = COUNTERS * shown(in_bin), sums = 3 * shown(in_pane / 3);
	struct ring_costs costs = {.panes = panes * shown(in_pane)};
	costs.bytes = blocks * BLOCK_PANES * (COUNTERS * width(in_bin) + 3 * width(in_pane / 3)) * SLACK;
	costs.saved = costs.panes * (2 + varint * bins + varint * sums);
	return costs;
}

static void add_touchpoints(const struct config *config, double per_s, struct config_costs *costs,
			    double name_bytes)
{
	double rings = 0, series = 0, checkpoint = CHECKPOINT_BASE + name_bytes;
	for (unsigned i = 0; i < config->windows_count; i++) {
		struct ring_costs one = ring(&config->windows[i], per_s);
		rings += one.bytes;
		series += SERIES_BASE + name_bytes + SERIES_FIELD * 2 * one.panes;
		checkpoint += one.saved;
	}
	costs->windows = costs->touchpoints * (SLOT_BYTES + NAME_ENTRY + name_bytes + rings);
	const struct alert_options *alerts = &config->alerts;
	if (alerts->enabled) {
		unsigned ledgers = config_ledgers_read(config);
		double rise = alerts->promoter_rise;
		costs->detectors = costs->touchpoints * ledgers * (DETECTOR_BYTES + rise * RISE_BYTES);
		checkpoint += ledgers * (SAVED_DETECTOR + rise * SAVED_RISE);
		costs->redis_alerts = costs->touchpoints * (ALERT_HASH + name_bytes);
		costs->redis_events =
			(double)config->redis.alerts_max * EVENT_BYTES + INCIDENTS_KEPT * INCIDENT_BYTES;
	}
	costs->redis_hashes = costs->touchpoints * (INDEX_BYTES + 2 * name_bytes +
						    config->windows_count * (HASH_BYTES + name_bytes));
	costs->redis_series = costs->touchpoints * series;
	costs->redis_checkpoint = costs->touchpoints * checkpoint;
	costs->redis =
		costs->redis_hashes + costs->redis_series + costs->redis_checkpoint + costs->redis_alerts;
}

/* Responses of a commit that share touchpoint, second and score are one cell; those that share a touchpoint, one
 * group. Each shard has a bundle a commit if anything fell into it, and one a second anyway. */
static void add_topics(const struct config *config, const struct config_load_assumed *assumed,
		       struct config_costs *costs)
{
	double commits_per_s = 1000.0 / (double)config->intake.commit_interval_ms,
	       lanes = (double)config->intake.lanes;
	double per_commit = assumed->responses_per_s / commits_per_s / lanes,
	       shards = (double)config->kafka.shards;
	double groups = costs->touchpoints * shown(per_commit / costs->touchpoints);
	double cells = costs->touchpoints * COUNTERS * shown(per_commit / costs->touchpoints / COUNTERS);
	double bundles = shards * fmax(shown(per_commit / shards), fmin(1, 1 / commits_per_s));
	double bytes =
		cells * CELL_BYTES + groups * (GROUP_BYTES + assumed->name_bytes) + bundles * BUNDLE_BYTES;
	costs->tallies_per_day = DAY_S * commits_per_s * lanes * bytes;
	costs->journal_per_day = DAY_S * (assumed->responses_per_s * JOURNAL_BYTES +
					  commits_per_s * lanes * shown(per_commit) * BUNDLE_BYTES);
	costs->retention_days = (double)config->kafka.retention_ms / 1000 / DAY_S;
	costs->topics = costs->retention_days * (costs->tallies_per_day + costs->journal_per_day);
}

struct config_costs config_costs(const struct config *config, const struct config_load_assumed *assumed)
{
	struct config_costs costs = {0};
	double lanes = (double)config->intake.lanes;
	costs.touchpoints =
		assumed->touchpoints > 0 ? assumed->touchpoints : (double)config->intake.touchpoints_max;
	add_touchpoints(config, assumed->responses_per_s / costs.touchpoints, &costs, assumed->name_bytes);
	add_topics(config, assumed, &costs);
	double horizon_s = (double)config->responses.horizon_ms / 1000, most = (double)config->responses.max;
	costs.responses_rate = most / horizon_s;
	costs.response_tables = fmin(most, assumed->responses_per_s * horizon_s) * RESPONSE_BYTES;
	costs.response_tables_full = most * RESPONSE_BYTES;
	costs.kafka_queues = QUEUE_BYTES * (lanes * config->intake_here + config->watch_here);
	if (config->intake_here)
		costs.intake_rss =
			costs.response_tables +
			lanes * (LANE_BYTES + costs.touchpoints * (NAME_ENTRY + assumed->name_bytes));
	if (config->watch_here)
		costs.watch_rss = costs.windows + costs.detectors;
	costs.rss = PROCESS_BYTES + costs.intake_rss + costs.watch_rss;
	return costs;
}

/* ---- as text ---- */

static void print_bytes(FILE *out, const char *label, double bytes, const char *what)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	unsigned unit = 0;
	while (bytes >= 1024 && unit < 4) {
		bytes /= 1024;
		unit++;
	}
	char number[32];
	snprintf(number, sizeof number, bytes < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	fprintf(out, "  %-18s %9s%s%s\n", label, number, *what ? "   " : "", what);
}

/* Whether the table of known responses is large enough, and what to do if not. */
static void print_table(const struct config *config, const struct config_load_assumed *assumed,
			const struct config_costs *costs, FILE *out)
{
	char horizon[32];
	double needed = assumed->responses_per_s * (double)config->responses.horizon_ms / 1000;
	units_duration_text(config->responses.horizon_ms, horizon, sizeof horizon);
	fprintf(out,
		"  responses.max has room for %.3g responses a second, each remembered for %s "
		"(responses.horizon).\n",
		costs->responses_rate, horizon);
	if (needed <= (double)config->responses.max)
		return;
	fprintf(out,
		"  NOT ENOUGH for %g a second: after %.3g hours the oldest are forgotten, and one that is "
		"edited or repeated\n"
		"  then counts twice. Set responses.max to %.0f, or share the work among several "
		"instances.\n",
		assumed->responses_per_s, (double)config->responses.max / assumed->responses_per_s / 3600,
		ceil(needed));
}

static void print_memory(const struct config *config, const struct config_costs *costs, FILE *out)
{
	fputs("\nMemory of this process\n", out);
	if (config->intake_here) {
		print_bytes(out, "known responses", costs->response_tables, "47 bytes each");
		print_bytes(out, "  at most", costs->response_tables_full, "responses.max of them");
		print_bytes(out, "intake beside them", costs->intake_rss - costs->response_tables,
			    "tallies, batches and names of all lanes");
	}
	if (config->watch_here)
		print_bytes(out, "watch", costs->windows, "windows of all touchpoints, surveys only");
	if (config->watch_here && costs->detectors > 0)
		print_bytes(out, "detectors", costs->detectors,
			    "of alerts, one for each touchpoint, ledger and kind of alert");
	print_bytes(out, "together", costs->rss, "with the program itself");
	print_bytes(out, "  and at most", costs->kafka_queues,
		    "more while it catches up (kafka: queued.max.messages.kbytes)");
}

void config_print_costs(const struct config *config, const struct config_load_assumed *assumed, FILE *out)
{
	struct config_costs costs = config_costs(config, assumed);
	fprintf(out,
		"What it will take, if %g responses a second come in for %g touchpoints (--rate, "
		"--touchpoints):\n",
		assumed->responses_per_s, costs.touchpoints);
	print_memory(config, &costs, out);
	if (config->intake_here)
		print_table(config, assumed, &costs, out);
	fputs("\nRedis, for all instances together\n", out);
	print_bytes(out, "windows", costs.redis_hashes, "a hash for each touchpoint and window");
	print_bytes(out, "series", costs.redis_series, "up to 122 panes for each touchpoint and window");
	print_bytes(out, "checkpoint", costs.redis_checkpoint, "a field for each touchpoint");
	if (costs.redis_alerts > 0)
		print_bytes(out, "alerts", costs.redis_alerts, "a hash for each touchpoint");
	print_bytes(out, "together", costs.redis, "");
	if (costs.redis_events > 0)
		print_bytes(out, "  and at most", costs.redis_events,
			    "more for the stream (redis.alerts_max) and the incidents of 90 days");
	fputs("\nKafka, our own topics, one replica, before compression\n", out);
	print_bytes(out, "tallies a day", costs.tallies_per_day,
		    "bundles: a cell for each touchpoint, second and score of a commit");
	print_bytes(out, "journal a day", costs.journal_per_day, "about 28 bytes a response");
	char kept[80];
	snprintf(kept, sizeof kept, "both, kept for %.3g days (kafka.retention)", costs.retention_days);
	print_bytes(out, "together", costs.topics, kept);
}
