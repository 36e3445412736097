/* However many partitions there are, each is read, watched and reported. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/redis.h"
#include "log/log.h"
#include "pipeline/pipeline.h"

enum { INPUTS = 300, SHARDS = 1030 };

static unsigned lines_of(const char *command)
{
	char line[4096];
	unsigned count = 0;
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof line, pipe))
		count++;
	pclose(pipe);
	return count;
}

static struct config *read_config(const struct kafka_embedded *broker, const struct redis_server *redis)
{
	char yaml[1000];
	struct config_report report = {0};
	int len = snprintf(yaml, sizeof yaml,
			   "kafka: {brokers: '%s', group: g, prefix: c}\nredis: {url: '%s'}\nwindows: [5m]\n"
			   "touchpoints: {max: 100}\nhttp: {listen: '127.0.0.1:0'}\nstart: earliest\n"
			   "sources: [{topic: feedback}]\n",
			   kafka_embedded_brokers(broker), redis_server_url(redis));
	struct config *config = config_read((struct str){yaml, (size_t)len}, CONFIG_FOR_RUN, &report);
	assert_non_null(config);
	return config;
}

static void await_all(struct pipeline *pipeline, const struct redis_server *redis)
{
	char inputs[200], health[400];
	struct err err = {0};
	unsigned inputs_seen = 0, health_seen = 0;
	snprintf(inputs, sizeof inputs,
		 "curl -s http://127.0.0.1:%u/metrics | grep '^corridor_consumer_lag_messages{'",
		 pipeline_http_port(pipeline));
	snprintf(health, sizeof health, "redis-cli -s '%s' --scan --pattern 'corridor:health:*'",
		 redis_server_socket(redis));
	for (int i = 0; i < 120 && (inputs_seen < INPUTS || health_seen < SHARDS); i++) {
		usleep(500000);
		if (!pipeline_tick(pipeline, &err))
			fail_msg("%s", err.text);
		inputs_seen = lines_of(inputs);
		health_seen = lines_of(health);
	}
	assert_int_equal(inputs_seen, INPUTS);
	assert_int_equal(health_seen, SHARDS);
}

static void each_of_many_partitions_is_read_and_reported(void **state)
{
	(void)state;
	struct err err = {0};
	struct log_options quiet = {.level = LOG_LEVEL_ERROR};
	struct redis_server *redis = redis_server_start(NULL);
	struct pipeline_setup setup;
	if (redis == NULL)
		skip();
	log_setup(&quiet);
	struct kafka_embedded *broker = kafka_embedded_open(1, &err);
	struct config *config = read_config(broker, redis);
	config->kafka.shards =
		SHARDS; /* more than a configuration may ask for: a topic that somebody made by hand */
	assert_true(kafka_embedded_topic(broker, "feedback", INPUTS, &err));
	assert_true(kafka_embedded_own_topics(broker, &config->kafka, &err));
	assert_true(pipeline_setup_from(&setup, config, &err));
	setup.embedded = true;
	struct pipeline *pipeline = pipeline_create(&setup, &err);
	assert_non_null(pipeline);
	if (!pipeline_start(pipeline, &err))
		fail_msg("%s", err.text);
	await_all(pipeline, redis);
	pipeline_destroy(pipeline);
	pipeline_setup_release(&setup);
	config_destroy(config);
	kafka_embedded_close(broker);
	redis_server_stop(redis);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_many_partitions_is_read_and_reported),
	};
	return cmocka_run_group_tests_name("pipeline/wide", tests, NULL, NULL);
}
