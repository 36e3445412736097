/*
 * The floor: a librdkafka consumer that only counts bytes.   end_to_end BROKERS TOPIC COUNT [PROPERTY=VALUE]...
 *
 * Reads COUNT records from the beginning of every partition and prints what that cost this process. The properties are those
 * that corridor fetches with, so that the comparison is of what is done with a record, not of how it is fetched.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { BATCH = 4096 };

static double cpu_s(void)
{
	struct rusage use;
	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static double wall_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bare: %s: %s\n", what, why);
	exit(1);
}

static rd_kafka_t *consumer(const char *brokers, char **properties, int count)
{
	char why[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const char *ours[][2] = {
		{"bootstrap.servers", brokers},
		{"group.id", "corridor-bench-bare"},
		{"enable.auto.commit", "false"},
		{"isolation.level", "read_committed"},
	};
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (rd_kafka_conf_set(conf, ours[i][0], ours[i][1], why, sizeof why) != RD_KAFKA_CONF_OK)
			die(ours[i][0], why);
	for (int i = 0; i < count; i++) {
		char *value = strchr(properties[i], '=');
		if (value == NULL)
			die(properties[i], "not PROPERTY=VALUE");
		*value++ = '\0';
		if (rd_kafka_conf_set(conf, properties[i], value, why, sizeof why) != RD_KAFKA_CONF_OK)
			die(properties[i], why);
	}
	rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
	if (client == NULL)
		die("consumer", why);
	rd_kafka_poll_set_consumer(client);
	return client;
}

static void assign_all(rd_kafka_t *client, const char *topic)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
	rd_kafka_resp_err_t bad = rd_kafka_metadata(client, 0, handle, &metadata, 10000);
	if (bad != RD_KAFKA_RESP_ERR_NO_ERROR)
		die(topic, rd_kafka_err2str(bad));
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(client, list);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(handle);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fputs("usage: end_to_end BROKERS TOPIC COUNT [PROPERTY=VALUE]...\n", stderr);
		return 2;
	}
	rd_kafka_t *client = consumer(argv[1], argv + 4, argc - 4);
	assign_all(client, argv[2]);
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
	long long wanted = atoll(argv[3]), messages = 0, bytes = 0;
	double began_s = 0, quiet_since_s = wall_s();
	static rd_kafka_message_t *batch[BATCH];
	while (messages < wanted && wall_s() - quiet_since_s < 30) {
		ssize_t n = rd_kafka_consume_batch_queue(queue, 200, batch, BATCH);
		for (ssize_t i = 0; i < n; i++) {
			if (batch[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
				messages++;
				bytes += (long long)batch[i]->len;
			}
			rd_kafka_message_destroy(batch[i]);
		}
		if (n > 0) {
			quiet_since_s = wall_s();
			began_s = began_s == 0 ? quiet_since_s : began_s;
		}
	}
	double wall = wall_s() - began_s;
	printf("{\"messages\":%lld,\"bytes\":%lld,\"cpu_s\":%.4f,\"wall_s\":%.4f}\n", messages, bytes,
	       cpu_s(), wall);
	rd_kafka_consumer_close(client);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(client);
	return messages == wanted ? 0 : 1;
}
