#include "kafka/kafka_priv.h"

#define WEEK_MS ((int64_t)7 * 24 * 3600 * 1000)
#define ALERTS_MS                                                                                            \
	((int64_t)90 * 24 * 3600 * 1000) /* who builds everything anew finds every incident that is open */

static const char *const suffixes[KAFKA_TOPICS] = {"tallies", "responses", "dead-letters", "alerts"};

void kafka_topic_name(const struct kafka_options *options, enum kafka_topic topic,
		      char out[KAFKA_TOPIC_NAME_BYTES])
{
	snprintf(out, KAFKA_TOPIC_NAME_BYTES, "%s.%s", options->prefix, suffixes[topic]);
}

int kafka_own_partitions(const struct kafka_options *options, enum kafka_topic topic)
{
	/* Dead letters are read by people and in order; a few partitions hold a source that is wrong from end to end. Alerts are few. */
	bool few = topic == KAFKA_TOPIC_DEAD_LETTERS || topic == KAFKA_TOPIC_ALERTS;
	return few && options->shards > 4 ? 4 : (int)options->shards;
}

size_t kafka_own_settings(const struct kafka_options *options, enum kafka_topic topic,
			  struct kafka_property out[KAFKA_OWN_SETTINGS], char text[KAFKA_OWN_SETTINGS][32])
{
	size_t n = 0;
	/* Windows of the log's own time, and a retention that a wrong clock of ours can't shorten, rest on the broker's clock. */
	out[n++] = (struct kafka_property){"message.timestamp.type", "LogAppendTime"};
	out[n++] = (struct kafka_property){"cleanup.policy", "delete"};
	int64_t retention_ms = options->retention_ms > 0 ? options->retention_ms : 2 * WEEK_MS + WEEK_MS / 7;
	if (topic == KAFKA_TOPIC_ALERTS && retention_ms < ALERTS_MS)
		retention_ms = ALERTS_MS;
	snprintf(text[n], 32, "%lld", (long long)retention_ms);
	out[n] = (struct kafka_property){"retention.ms", text[n]};
	n++;
	if (topic == KAFKA_TOPIC_DEAD_LETTERS) {
		snprintf(text[n], 32, "%lld", kafka_conf_record_bytes_max(options));
		out[n] = (struct kafka_property){"max.message.bytes", text[n]};
		n++;
	}
	if (options->replication >= 3)
		out[n++] = (struct kafka_property){"min.insync.replicas", "2"};
	return n;
}
