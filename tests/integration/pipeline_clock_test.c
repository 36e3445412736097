/* Somebody sets the machine's clock while the pipeline runs: played by a clock_gettime of our own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "log/log.h"
#include "pipeline/pipeline.h"

static _Atomic int64_t set_by_s;

int clock_gettime(clockid_t id, struct timespec *at)
{
	int failed = (int)syscall(SYS_clock_gettime, id, at);
	if (id == CLOCK_REALTIME)
		at->tv_sec += set_by_s;
	return failed;
}

struct world {
	struct kafka_embedded *broker;
	struct config *config;
	struct pipeline_setup setup;
	struct pipeline *pipeline;
	struct kafka_producer *producer;
	unsigned topic, sent;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	char yaml[600];
	struct err err = {0};
	struct config_report report = {0};
	struct log_options quiet = {.level = LOG_LEVEL_ERROR};
	log_setup(&quiet);
	set_by_s = 0;
	w->broker = kafka_embedded_open(1, &err);
	assert_non_null(w->broker);
	int len = snprintf(
		yaml, sizeof yaml,
		"roles: [intake]\nkafka: {brokers: '%s', group: g, prefix: c, shards: 2}\nstart: earliest\n"
		"http: {listen: '127.0.0.1:0'}\nsources: [{topic: feedback}]\n",
		kafka_embedded_brokers(w->broker));
	w->config = config_read((struct str){yaml, (size_t)len}, CONFIG_FOR_RUN, &report);
	assert_non_null(w->config);
	assert_true(kafka_embedded_topic(w->broker, "feedback", 1, &err));
	assert_true(kafka_embedded_own_topics(w->broker, &w->config->kafka, &err));
	assert_true(pipeline_setup_from(&w->setup, w->config, &err));
	w->setup.embedded = true;
	w->pipeline = pipeline_create(&w->setup, &err);
	assert_non_null(w->pipeline);
	if (!pipeline_start(w->pipeline, &err))
		fail_msg("%s", err.text);
	w->producer = kafka_producer_open_plain(&w->config->kafka, NULL, NULL, &err);
	assert_non_null(w->producer);
	w->topic = kafka_producer_topic(w->producer, "feedback");
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	kafka_producer_close(w->producer);
	pipeline_destroy(w->pipeline);
	pipeline_setup_release(&w->setup);
	config_destroy(w->config);
	kafka_embedded_close(w->broker);
	free(w);
	return 0;
}

/* Dated by the machine's clock as it is now. */
static void send(struct world *w, unsigned count)
{
	char text[200];
	struct err err = {0};
	for (unsigned i = 0; i < count; i++) {
		int len = snprintf(text, sizeof text,
				   "{\"id\":\"%u\",\"time\":%lld,\"touchpoint\":\"a\",\"score\":9}",
				   w->sent++, (long long)os_wall_ms());
		struct kafka_message m = {.topic = w->topic, .partition = 0, .value = {text, (size_t)len}};
		assert_int_equal(kafka_producer_send(w->producer, &m, &err), KAFKA_DONE);
	}
	assert_int_equal(kafka_producer_flush(w->producer, 30000, &err), KAFKA_DONE);
}

/* True once so many are counted; false when the pipeline gave up, and err says why. */
static bool await(struct world *w, uint64_t count, struct err *err)
{
	for (int i = 0; i < 300; i++) {
		if (pipeline_figures(w->pipeline).counts.consumed >= count)
			return true;
		if (!pipeline_tick(w->pipeline, err))
			return false;
		usleep(100000);
	}
	fail_msg("nothing happens");
	return false;
}

static void far_away_the_program_ends_before_it_rejects_anything(void **state)
{
	struct world *w = *state;
	static const int steps_s[] = {300, -300};
	for (size_t i = 0; i < 2; i++) {
		struct err err = {0};
		send(w, 10);
		assert_true(await(w, 10, &err));
		set_by_s = steps_s[i];
		send(w, 500);
		assert_false(await(w, 510, &err));
		assert_non_null(strstr(err.text, steps_s[i] > 0 ? "clock was set forward by 300 s"
								: "clock was set back by 300 s"));
		pipeline_stop(w->pipeline);
		assert_int_equal(pipeline_figures(w->pipeline).counts.rejected[FEEDBACK_FUTURE], 0);
		if (i == 0) {
			tear_down(state);
			set_up(state);
			w = *state;
		}
	}
}

/* The answer of /readyz and one line of /metrics. */
static void read_answers(const struct world *w, char *out, size_t max)
{
	char command[300];
	unsigned port = pipeline_http_port(w->pipeline);
	snprintf(command, sizeof command,
		 "curl -s http://127.0.0.1:%u/readyz; curl -s http://127.0.0.1:%u/metrics | grep "
		 "^corridor_clock",
		 port, port);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	size_t len = fread(out, 1, max - 1, pipe);
	out[len] = '\0';
	pclose(pipe);
}

static void not_so_far_away_it_goes_on_and_says_so(void **state)
{
	struct world *w = *state;
	struct err err = {0};
	char text[2000];
	set_by_s = 10;
	send(w, 10);
	assert_true(await(w, 10, &err));
	assert_true(pipeline_tick(w->pipeline, &err));
	read_answers(w, text, sizeof text);
	assert_non_null(strstr(text, "the machine's clock was set: it is "));
	assert_non_null(strstr(text, "corridor_clock_apart_seconds "));
	double apart_s = atof(strstr(text, "corridor_clock_apart_seconds ") + 29);
	assert_true(apart_s > 9 && apart_s < 11);
	assert_int_equal(pipeline_figures(w->pipeline).counts.rejected[FEEDBACK_FUTURE], 0);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(far_away_the_program_ends_before_it_rejects_anything, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(not_so_far_away_it_goes_on_and_says_so, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("pipeline/clock", tests, NULL, NULL);
}
