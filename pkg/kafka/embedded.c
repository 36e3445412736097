#include "kafka/kafka.h"

#include <stdlib.h>

#include "kafka/kafka_priv.h"

#include <librdkafka/rdkafka_mock.h> /* after rdkafka.h */

struct kafka_embedded {
	struct kafka_log_target log; /* first: see kafka_conf_client() */
	struct kafka_options options;
	rd_kafka_t *rk; /* the cluster lives in a client of its own */
	rd_kafka_mock_cluster_t *cluster;
	int brokers;
};

static void log_nothing(void *context, enum kafka_log_level level, const char *line) {}

struct kafka_embedded *kafka_embedded_open(int brokers, struct err *err)
{
	struct kafka_embedded *embedded = must_alloc(sizeof *embedded);
	embedded->brokers = brokers;
	embedded->options = (struct kafka_options){.brokers = "", .instance = "embedded", .log = log_nothing};
	embedded->log.options = &embedded->options;
	embedded->rk = kafka_conf_client(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), embedded,
					 "the embedded broker", err);
	if (embedded->rk != NULL)
		embedded->cluster = rd_kafka_mock_cluster_new(embedded->rk, brokers);
	if (embedded->cluster != NULL)
		return embedded;
	err_set(err, "the embedded broker does not start");
	kafka_embedded_close(embedded);
	return NULL;
}

void kafka_embedded_close(struct kafka_embedded *embedded)
{
	if (embedded == NULL)
		return;
	if (embedded->cluster != NULL)
		rd_kafka_mock_cluster_destroy(embedded->cluster);
	if (embedded->rk != NULL)
		rd_kafka_destroy(embedded->rk);
	free(embedded);
}

const char *kafka_embedded_brokers(const struct kafka_embedded *embedded)
{
	return rd_kafka_mock_cluster_bootstraps(embedded->cluster);
}

bool kafka_embedded_topic(struct kafka_embedded *embedded, const char *name, int partitions, struct err *err)
{
	rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(embedded->cluster, name, partitions, 1);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	kafka_err(err, code, name, NULL);
	return false;
}

bool kafka_embedded_own_topics(struct kafka_embedded *embedded, const struct kafka_options *options,
			       struct err *err)
{
	for (int i = 0; i < KAFKA_TOPICS; i++) {
		char name[KAFKA_TOPIC_NAME_BYTES];
		kafka_topic_name(options, (enum kafka_topic)i, name);
		if (!kafka_embedded_topic(embedded, name, kafka_own_partitions(options, (enum kafka_topic)i),
					  err))
			return false;
	}
	return true;
}

void kafka_embedded_fail(struct kafka_embedded *embedded, int16_t api_key, const int *codes, size_t count)
{
	rd_kafka_resp_err_t *errors = must_array(count + 1, sizeof *errors);
	for (size_t i = 0; i < count; i++)
		errors[i] = (rd_kafka_resp_err_t)codes[i];
	rd_kafka_mock_push_request_errors_array(embedded->cluster, api_key, count, errors);
	free(errors);
}

void kafka_embedded_round_trip(struct kafka_embedded *embedded, int ms)
{
	for (int i = 1; i <= embedded->brokers; i++)
		rd_kafka_mock_broker_set_rtt(embedded->cluster, i, ms);
}

void kafka_embedded_down(struct kafka_embedded *embedded, bool down)
{
	for (int i = 1; i <= embedded->brokers; i++) {
		if (down)
			rd_kafka_mock_broker_set_down(embedded->cluster, i);
		else
			rd_kafka_mock_broker_set_up(embedded->cluster, i);
	}
}
