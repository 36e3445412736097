#include "metrics/metrics_priv.h"

#include "base/must.h"
#include "feedback/feedback.h"

#define TOPICS_MAX     64
#define PARTITIONS_MAX 2048 /* (topic, partition) pairs of one process */

static const char *ledger(unsigned i)
{
	return ledger_name((enum ledger)i);
}

/* Reason 0 is "no reason". */
static const char *reason(unsigned i)
{
	return i == FEEDBACK_OK ? NULL : feedback_reason_code((enum feedback_reason)i);
}

static const char *publish_outcome(unsigned i)
{
	static const char *const names[] = {"failed", "refused", "written"};
	return names[i];
}

static const char *checkpoint_outcome(unsigned i)
{
	static const char *const names[] = {"failed", "written", "lost", "refused"};
	return names[i];
}

static const char *alert_type(unsigned i)
{
	static const char *const names[] = {"raised", "updated", "resolved", "reopened"};
	return names[i];
}

static const char *delivery_outcome(unsigned i)
{
	static const char *const names[] = {"delivered", "undelivered"};
	return names[i];
}

#define COUNTER(text, what)                                                                                  \
	{                                                                                                    \
		.name = "corridor_" text "_total", .help = what, .kind = KIND_COUNTER, .values = 1           \
	}
#define GAUGE(text, what)                                                                                    \
	{                                                                                                    \
		.name = "corridor_" text, .help = what, .kind = KIND_GAUGE, .values = 1                      \
	}
#define HISTOGRAM(text, what)                                                                                \
	{                                                                                                    \
		.name = "corridor_" text "_seconds", .help = what, .kind = KIND_HISTOGRAM, .values = 1       \
	}
#define BY(label, names, count) .labels = {label}, .value = names, .values = count
#define BY_TOPIC		.labels = {"topic"}, .values = TOPICS_MAX

static const struct descriptor table[METRIC_COUNT] = {
	[METRIC_CONSUMED] = {.name = "corridor_messages_consumed_total",
			     .help = "Messages read from an input topic.",
			     BY_TOPIC},
	[METRIC_CONSUMED_BYTES] = {.name = "corridor_message_bytes_consumed_total",
				   .help = "Bytes of their values.",
				   BY_TOPIC},
	[METRIC_TALLIED] = {.name = "corridor_responses_tallied_total",
			    .help = "Responses counted into a touchpoint.",
			    BY("ledger", ledger, LEDGERS)},
	[METRIC_DUPLICATES] =
		COUNTER("duplicates", "Events that repeated a known version of their response."),
	[METRIC_SUPERSEDED] = COUNTER("superseded", "Events older than the known version of their response."),
	[METRIC_EDITS] = COUNTER("edits", "Responses replaced by a newer version."),
	[METRIC_DELETIONS] = COUNTER("deletions", "Responses deleted by the source."),
	[METRIC_UNSCORED] = COUNTER("unscored", "Responses without a score, so far in no window."),
	[METRIC_UNREAD] = COUNTER("posts_unread", "Posts with neither class nor sentiment, counted apart."),
	[METRIC_UNMAPPED] =
		COUNTER("responses_unmapped", "Responses without a touchpoint, counted under _unmapped."),
	[METRIC_OVERFLOW] =
		COUNTER("responses_overflow", "Responses of touchpoints beyond the limit, under _overflow."),
	[METRIC_DEAD_LETTERS] = {.name = "corridor_dead_letters_total",
				 .help = "Messages rejected, by reason.",
				 BY("reason", reason, FEEDBACK_REASONS)},
	[METRIC_LETTERS_CUT] =
		COUNTER("dead_letters_cut", "Dead letters of which only the beginning fitted into a record."),
	[METRIC_COMMITS] = COUNTER("commits", "Transactions committed by intake."),
	[METRIC_ABORTS] = COUNTER("aborts", "Transactions aborted and rolled back by intake."),
	[METRIC_COMMIT_SECONDS] = HISTOGRAM("commit", "From the begin of a transaction to its commit."),
	[METRIC_REFILLED] =
		COUNTER("refilled_entries", "Entries of the response table that came from the journal."),
	[METRIC_INPUT_RESETS] =
		COUNTER("input_resets", "Times that an input's committed offset was no longer there."),
	[METRIC_LAG] = {.name = "corridor_consumer_lag_messages",
			.help = "Messages of an input partition not yet consumed.",
			.kind = KIND_GAUGE,
			.labels = {"topic", "partition"},
			.values = PARTITIONS_MAX},
	[METRIC_RESPONSES] = GAUGE("responses_held", "Entries in the response table."),
	[METRIC_RESPONSES_CAPACITY] =
		GAUGE("responses_capacity", "Entries that the response table has room for."),
	[METRIC_RESPONSES_BYTES] = GAUGE("responses_bytes", "Memory of the response table."),
	[METRIC_EVICTIONS] = COUNTER("response_evictions",
				     "Entries that had to go inside the horizon; 0: counts are exact."),
	[METRIC_EXPIRED] = COUNTER("responses_expired", "Entries that left at the end of the horizon."),
	[METRIC_TOUCHPOINTS] = GAUGE("touchpoints", "Touchpoints that the watch knows."),
	[METRIC_BUNDLES] = COUNTER("bundles", "Bundles of tallies read by the watch."),
	[METRIC_CELLS] = COUNTER("cells", "Cells of tallies added to windows."),
	[METRIC_LOG_LAG_SECONDS] =
		{.name = "corridor_watch_log_lag_seconds",
		 .kind = KIND_GAUGE,
		 .labels = {"partition"},
		 .help = "How far the log time of a partition of the tallies is behind the clock.",
		 .values = PARTITIONS_MAX},
	[METRIC_SLOTS] = GAUGE("window_slots", "Ledgers of touchpoints that have windows."),
	[METRIC_WINDOW_BYTES] = GAUGE("window_bytes", "Memory of the windows."),
	[METRIC_ALERTS] = {.name = "corridor_alerts_total",
			   .help = "Events of incidents written to Kafka, by what they are.",
			   BY("event", alert_type, 4)},
	[METRIC_INCIDENTS] = GAUGE("incidents_open", "Incidents that are open."),
	[METRIC_DELIVERIES] =
		{.name = "corridor_alert_deliveries_total",
		 .help = "Messages to sinks, by what became of them; undelivered ones are in the log.",
		 BY("outcome", delivery_outcome, 2)},
	[METRIC_REDIS_UP] = GAUGE("redis_up", "1 if Redis' last answer was good."),
	[METRIC_REDIS_CONNECTS] = COUNTER("redis_connects", "Connections made to Redis."),
	[METRIC_REDIS_LOSSES] =
		COUNTER("redis_losses", "Times that Redis seemed to have forgotten what was written."),
	[METRIC_PUBLISHED] = {.name = "corridor_publications_total",
			      .help = "Touchpoints sent to Redis, by outcome.",
			      BY("outcome", publish_outcome, 3)},
	[METRIC_PUBLISH_SECONDS] = HISTOGRAM("publish", "How long Redis took for a batch of touchpoints."),
	[METRIC_PUBLISH_DELAY_SECONDS] =
		HISTOGRAM("publish_delay", "From a change in the windows until it is in Redis."),
	[METRIC_PUBLISH_BACKLOG] = GAUGE("publish_backlog", "Touchpoints that wait to be published."),
	[METRIC_CHECKPOINTS] = {.name = "corridor_checkpoint_writes_total",
				.help = "Checkpoint writes to Redis, by outcome.",
				BY("outcome", checkpoint_outcome, 4)},
	[METRIC_CLOCK_APART_SECONDS] =
		GAUGE("clock_apart_seconds", "The machine's clock minus the one that feedback is judged by."),
};

/* Half a millisecond up to half a minute, two or three steps a decade: a commit takes 5-100 ms, a batch
 * 1-50 ms. */
const uint64_t metrics_bucket_us[BUCKETS - 1] = {500,	  1000,	   2000,     5000,    10000,  20000,
						 50000,	  100000,  150000,   200000,  400000, 1000000,
						 2000000, 5000000, 10000000, 30000000};

const struct descriptor *metrics_descriptor(enum metric metric)
{
	must(metric < METRIC_COUNT);
	return &table[metric];
}
