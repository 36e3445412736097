#include "kafka/kafka.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "kafka/kafka_priv.h"

#define AT(member) offsetof(struct kafka_options, member)

const struct option_row kafka_options[] = {
	{"brokers", OPTION_TEXT, AT(brokers), "localhost:9092", 0, 0, NULL,
	 "the brokers to ask first: host:port, host:port", 0},
	{"group", OPTION_TEXT, AT(group), "corridor", 0, 0, NULL,
	 "the consumer group: one for each deployment, shared by all its instances", 0},
	{"prefix", OPTION_TEXT, AT(prefix), "corridor", 0, 0, NULL,
	 "our own topics are PREFIX.tallies, PREFIX.responses, PREFIX.dead-letters and PREFIX.alerts", 0},
	{"instance", OPTION_TEXT, AT(instance), NULL, 0, 0, NULL,
	 "the name of this instance: no other of the group has it, and a restart keeps it; the host's name "
	 "if absent",
	 0},
	{"shards", OPTION_INT, AT(shards), "16", 1, 512, NULL,
	 "partitions of our own topics, fixed once they are created: no more instances than that share the "
	 "windows",
	 0},
	{"replication", OPTION_INT, AT(replication), "0", 0, 16, NULL,
	 "replicas of the topics that we create; 0 leaves it to the broker; in production 3", 0},
	{"retention", OPTION_DURATION, AT(retention_ms), "0s", 0, 0, NULL,
	 "how long the topics that we create keep records; 0: as long as a restart may need them", 0},
	{"session_timeout", OPTION_DURATION, AT(session_timeout_ms), "10s", 6000, 300000, NULL,
	 "after how long a dead instance's share goes to the others", 0},
	{"record_bytes_max", OPTION_BYTES, AT(record_bytes_max), "1MiB", 1024, 256 << 20, NULL,
	 "the largest record that is read; dead letters have room for it", 0},
	{0},
};

/* What exactness rests on. `instead` is the key to use, or why there is none. */
static const struct forbidden {
	const char *name, *instead;
} forbidden[] = {
	{"bootstrap.servers", "use kafka.brokers"},
	{"metadata.broker.list", "use kafka.brokers"},
	{"group.id", "use kafka.group"},
	{"group.instance.id", "use kafka.instance"},
	{"group.protocol", "fencing rests on the classic protocol's static members"},
	{"group.remote.assignor", "partitions are always assigned cooperative-sticky"},
	{"partition.assignment.strategy", "partitions are always assigned cooperative-sticky"},
	{"session.timeout.ms", "use kafka.session_timeout"},
	{"heartbeat.interval.ms", "it follows from kafka.session_timeout"},
	{"isolation.level", "only committed records may be counted"},
	{"enable.auto.commit", "offsets are committed in the transaction that counts the records"},
	{"auto.commit.enable", "offsets are committed in the transaction that counts the records"},
	{"auto.commit.interval.ms", "use commit_interval"},
	{"enable.auto.offset.store", "offsets are committed in the transaction that counts the records"},
	{"offset.store.method", "offsets are committed in the transaction that counts the records"},
	{"offset.store.path", "offsets are committed in the transaction that counts the records"},
	{"auto.offset.reset", "use start"},
	{"enable.partition.eof", "the end of a partition is always reported"},
	{"allow.auto.create.topics", "create the topics with `corridor topics --create`"},
	{"transactional.id", "it follows from kafka.group and kafka.instance"},
	{"transaction.timeout.ms", "it is 10 s, so that a dead instance holds others up only briefly"},
	{"enable.idempotence", "a retried record must not count twice"},
	{"enable.gapless.guarantee", "a failed record always fails its transaction"},
	{"acks", "a record counts when all replicas in sync have it"},
	{"request.required.acks", "a record counts when all replicas in sync have it"},
	{"retries", "idempotence needs retries"},
	{"message.send.max.retries", "idempotence needs retries"},
	{"max.in.flight", "idempotence bounds it"},
	{"max.in.flight.requests.per.connection", "idempotence bounds it"},
	{"message.timeout.ms", "it is bound to the transaction's time-out"},
	{"delivery.timeout.ms", "it is bound to the transaction's time-out"},
	{"message.max.bytes", "use kafka.record_bytes_max"},
	{"delivery.report.only.error", "the offsets of what was written are needed"},
	{"statistics.interval.ms", "the program reads them itself; see /metrics"},
	{"consume.callback.max.messages", "no callback is used"},
};

bool kafka_property_check(const char *name, const char *value, struct err *err)
{
	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
		if (strcasecmp(name, forbidden[i].name) == 0) {
			err_set(err, "%s can't be set: %s", name, forbidden[i].instead);
			return false;
		}
	}
	char words[300];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, words, sizeof words);
	rd_kafka_conf_destroy(conf);
	if (result == RD_KAFKA_CONF_OK)
		return true;
	if (result == RD_KAFKA_CONF_UNKNOWN)
		err_set(err, "%s is neither a key of Corridor nor a property of librdkafka %s", name,
			rd_kafka_version_str());
	else
		err_set(err, "%s: %s", name, words);
	return false;
}

const char *kafka_instance(const struct kafka_options *options)
{
	static _Thread_local char host[HOST_NAME_MAX + 1];
	if (options->instance != NULL && *options->instance != '\0')
		return options->instance;
	if (gethostname(host, sizeof host - 1) != 0 || *host == '\0')
		return "instance";
	return host;
}
