/* From Redis' stream of alerts to receivers, beside a pipeline at work: what goes out is noted once all are done with it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"
#include "pipeline/pipeline.h"
#include "support/receiver.h"
#include "support/redis.h"

struct world {
	struct redis_server *redis;
	struct receiver *receiver;
	struct kafka_embedded *broker;
	struct config *config;
	struct pipeline_setup setup;
	struct pipeline *pipeline;
	redisContext *link;
};

static char secret[] = "/tmp/corridor-alerts-XXXXXX";

static void load_config(struct world *w)
{
	char yaml[1500];
	struct config_report report = {0};
	int len = snprintf(yaml, sizeof yaml,
			   "kafka: {brokers: '%s', group: g, prefix: c, shards: 2}\n"
			   "redis: {url: '%s', prefix: c}\n"
			   "http: {listen: '127.0.0.1:0'}\n"
			   "delivery: {group_wait: 0s}\nstart: earliest\n"
			   "sources: [{topic: feedback}]\n"
			   "sinks:\n"
			   "  - {name: all, type: webhook, url: '%s', severity: ticket, secret_file: %s, "
			   "private_addresses: true}\n"
			   "  - {name: pages, type: webhook, url: '%s', severity: page, secret_file: %s, "
			   "private_addresses: true}\n",
			   kafka_embedded_brokers(w->broker), redis_server_url(w->redis),
			   receiver_url(w->receiver, "/hook/all"), secret,
			   receiver_url(w->receiver, "/hook/pages"), secret);
	w->config = config_read((struct str){yaml, (size_t)len}, CONFIG_FOR_RUN, &report);
	if (w->config == NULL)
		fail_msg("%s", report.at[0].text);
	config_report_release(&report);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct err err = {0};
	struct log_options quiet = {.level = LOG_LEVEL_ERROR};
	log_setup(&quiet);
	int fd = mkstemp(secret);
	assert_true(fd >= 0 && write(fd, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 39) == 39);
	close(fd);
	w->redis = redis_server_start(NULL);
	if (w->redis == NULL)
		return -1;
	w->receiver = receiver_start();
	w->broker = kafka_embedded_open(1, &err);
	assert_non_null(w->broker);
	load_config(w);
	assert_true(kafka_embedded_topic(w->broker, "feedback", 1, &err));
	assert_true(kafka_embedded_own_topics(w->broker, &w->config->kafka, &err));
	assert_true(pipeline_setup_from(&w->setup, w->config, &err));
	w->setup.embedded = true;
	w->pipeline = pipeline_create(&w->setup, &err);
	if (w->pipeline == NULL || !pipeline_start(w->pipeline, &err))
		fail_msg("%s", err.text);
	w->link = redisConnectUnix(redis_server_socket(w->redis));
	assert_true(w->link && w->link->err == 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	redisFree(w->link);
	pipeline_destroy(w->pipeline);
	pipeline_setup_release(&w->setup);
	config_destroy(w->config);
	kafka_embedded_close(w->broker);
	receiver_stop(w->receiver);
	redis_server_stop(w->redis);
	unlink(secret);
	free(w);
	return 0;
}

/* What another instance's watch put there. */
static void tell(struct world *w, uint64_t incident, const char *event, const char *severity, unsigned number)
{
	char json[600], id[17];
	long long now_ms = os_wall_ms();
	snprintf(id, sizeof id, "%016llx", (unsigned long long)incident);
	snprintf(json, sizeof json,
		 "{\"version\":1,\"incident\":\"%s\",\"event\":\"%s\",\"number\":%u,\"kind\":\"detractor_"
		 "spike\",\"severity\":\"%s\",\"touchpoint\":\"t%s\",\"ledger\":\"survey\",\"partition\":0,"
		 "\"at_ms\":%lld,\"raised_ms\":%lld,\"onset_ms\":%lld,\"responses\":57,\"detractors\":23,"
		 "\"summary\":\"s\"}",
		 id, event, number, severity, id, now_ms, now_ms, now_ms);
	redisReply *reply = redisCommand(w->link,
					 "XADD c:alerts * partition 0 number %u incident %s touchpoint t%s "
					 "alert %s",
					 number, id, id, json);
	assert_true(reply && reply->type == REDIS_REPLY_STRING);
	freeReplyObject(reply);
}

static void await_count(struct world *w, const char *path, unsigned count)
{
	struct err err = {0};
	for (int i = 0; i < 600 && receiver_count(w->receiver, path) < count; i++) {
		assert_true(pipeline_tick(w->pipeline, &err));
		pipeline_reload(w->pipeline, w->config); /* as if SIGHUP never stopped */
		usleep(50000);
	}
	assert_int_equal(receiver_count(w->receiver, path), count);
}

static void await_memory(struct world *w, uint64_t incident, const char *want)
{
	char got[100] = "";
	for (int i = 0; i < 200 && strncmp(got, want, strlen(want)) != 0; i++) {
		redisReply *reply = redisCommand(w->link, "GET c:memory:{c:alerts}:_desk:%016llx",
						 (unsigned long long)incident);
		assert_non_null(reply);
		snprintf(got, sizeof got, "%s", reply->type == REDIS_REPLY_STRING ? reply->str : "");
		freeReplyObject(reply);
		usleep(50000);
	}
	if (strncmp(got, want, strlen(want)) != 0)
		fail_msg("'%s' is noted, wanted '%s...'", got, want);
}

/* The delivery begins behind what is in the stream by then: partition 0 was read to its end. */
static void await_owner(struct world *w)
{
	bool there = false;
	for (int i = 0; i < 600 && !there; i++) {
		redisReply *reply = redisCommand(w->link, "EXISTS c:health:0");
		there = reply && reply->integer == 1;
		freeReplyObject(reply);
		usleep(50000);
	}
	assert_true(there);
	usleep(2000000);
}

/* What was told is "triggered resolved acked severity number ...". */
static void what_one_does_not_want_is_done_when_the_others_are(void **state)
{
	struct world *w = *state;
	await_owner(w);
	for (uint64_t i = 1; i <= 20; i++)
		tell(w, i, "raised", "ticket", 1);
	await_count(w, "/hook/all", 20);
	for (uint64_t i = 1; i <= 20; i++)
		await_memory(w, i, "1 0 0 0 1 ");
	for (uint64_t i = 1; i <= 20; i++)
		tell(w, i, i % 2 ? "resolved" : "updated", i % 2 ? "ticket" : "page", 2);
	await_count(w, "/hook/all", 40);
	await_count(w, "/hook/pages", 10);
	for (uint64_t i = 1; i <= 20; i++)
		await_memory(w, i, i % 2 ? "1 1 0 0 2 " : "1 0 0 1 2 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_one_does_not_want_is_done_when_the_others_are, set_up,
						tear_down),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("pipeline/alerts", tests, NULL, NULL);
}
