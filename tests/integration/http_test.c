#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http.h"
#include "metrics/metrics.h"

static struct metrics *metrics;
static struct http *http;
static const char *const *not_ready; /* NULL-ended */

static char *give_metrics(void *context, size_t *len)
{
	return metrics_text(context, len);
}

static void ready(void *context, struct http_reasons *reasons)
{
	for (int i = 0; not_ready && not_ready[i]; i++)
		http_not_ready(reasons, "%s", not_ready[i]);
}

static const struct http_callbacks *callbacks(void)
{
	static struct http_callbacks made;
	made = (struct http_callbacks){.context = metrics, .metrics = give_metrics, .ready = ready};
	return &made;
}

/* What curl prints: the body, then "STATUS TYPE". */
static const char *curl(const char *options, const char *path)
{
	static char out[65536];
	char command[300];
	snprintf(command, sizeof command,
		 "curl -s -m 10 -w '%%{http_code} %%{content_type}' %s http://127.0.0.1:%u%s", options,
		 http_port(http), path);
	FILE *run = popen(command, "r");
	assert_non_null(run);
	size_t n = fread(out, 1, sizeof out - 1, run);
	out[n] = '\0';
	pclose(run);
	return out;
}

static void pages_are_answered(void **state)
{
	static const struct {
		const char *options, *path, *want;
	} rows[] = {
		{"", "/healthz", "alive\n200 text/plain; charset=utf-8"},
		{"", "/readyz", "{\"ready\":true,\"reasons\":[]}\n200 application/json"},
		{"", "/healthz?x=1", "alive\n200 text/plain; charset=utf-8"},
		{"", "/", "here are /metrics, /healthz and /readyz\n404 text/plain; charset=utf-8"},
		{"", "/metrics/", "here are /metrics, /healthz and /readyz\n404 text/plain; charset=utf-8"},
		{"-X POST -d hello", "/metrics",
		 "only GET and HEAD are answered here\n405 text/plain; charset=utf-8"},
		{"-X DELETE", "/healthz",
		 "only GET and HEAD are answered here\n405 text/plain; charset=utf-8"},
	};
	not_ready = NULL;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(curl(rows[i].options, rows[i].path), rows[i].want);
	const char *head = curl("-I", "/healthz");
	assert_non_null(strstr(head, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(head, "Content-Length: 6\r\n"));
	assert_null(strstr(head, "alive"));
	assert_non_null(strstr(curl("-i -X PUT -d x", "/"), "Allow: GET, HEAD\r\n"));
}

static void not_ready_says_why(void **state)
{
	static const char *const two[] = {"Redis at h:6379: Connection refused", "refill: \"12 %\"\n\\",
					  NULL};
	not_ready = two;
	assert_string_equal(curl("", "/readyz"),
			    "{\"ready\":false,\"reasons\":[\"Redis at h:6379: Connection refused\","
			    "\"refill: \\\"12 %\\\"\\u000a\\\\\"]}\n503 application/json");
	static const char *many[200];
	for (int i = 0; i < 199; i++)
		many[i] = "a reason that is somewhat longer than others, so that not all of them can be said";
	not_ready = many;
	const char *text = curl("", "/readyz");
	assert_ptr_equal(strstr(text, "{\"ready\":false,\"reasons\":[\"a reason"), text);
	assert_non_null(strstr(text, "said\"]}\n503 application/json"));
	not_ready = NULL;
}

static void metrics_pass_promtool(void **state)
{
	if (system("command -v promtool >/dev/null") != 0) {
		print_message("skipped: promtool (package prometheus) is not here\n");
		skip();
	}
	struct metrics_shard *shard = metrics_shard(metrics);
	metrics_add(shard, METRIC_EDITS, METRIC_ONLY, 41);
	metrics_put(shard, METRIC_REDIS_UP, METRIC_ONLY, 1);
	assert_non_null(strstr(curl("", "/metrics"), "\ncorridor_edits_total 41\n"));
	assert_non_null(strstr(curl("", "/metrics"), "200 text/plain; version=0.0.4; charset=utf-8"));
	char command[200];
	snprintf(command, sizeof command, "curl -s http://127.0.0.1:%u/metrics | promtool check metrics",
		 http_port(http));
	assert_int_equal(system(command), 0);
}

static void addresses_that_cannot_be_had_are_named(void **state)
{
	char taken[40];
	snprintf(taken, sizeof taken, "127.0.0.1:%u", http_port(http));
	const struct {
		const char *listen, *says;
	} rows[] = {
		{"", "is not HOST:PORT"},	    {"localhost", "is not HOST:PORT"},
		{"localhost:", "is not HOST:PORT"}, {"h:x", "is not HOST:PORT"},
		{"h:70000", "is not HOST:PORT"},    {"h:-1", "is not HOST:PORT"},
		{"::1:9464", "[ADDRESS]:PORT"},	    {"[::1:9464", "[ADDRESS]:PORT"},
		{taken, "another corridor"},	    {"192.0.2.1:9464", "192.0.2.1"},
		{"no such host:1", "no such host"}, {"OFF", "is not HOST:PORT"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_options options = {rows[i].listen};
		struct err err = {.set = false};
		struct http *other;
		if (http_start(&other, &options, callbacks(), &err))
			fail_msg("%s was taken", rows[i].listen);
		if (strstr(err.text, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].listen, err.text);
		assert_null(other);
	}
	struct err err = {.set = false};
	assert_true(http_check_listen("off", &err) && http_check_listen(":0", &err) &&
		    http_check_listen("[::]:1", &err));
	assert_false(http_check_listen("off:", &err));
}

static void off_is_off_and_every_address_is_one(void **state)
{
	struct err err = {.set = false};
	struct http *other, *mine = http;
	assert_true(http_start(&other, &(struct http_options){"off"}, callbacks(), &err));
	assert_null(other);
	http_stop(other);
	assert_true(http_start(&http, &(struct http_options){":0"}, callbacks(), &err));
	assert_string_equal(curl("", "/healthz"), "alive\n200 text/plain; charset=utf-8");
	http_stop(http);
	http = mine;
}

/* Nobody who keeps a connection open, or talks nonsense, holds the stop up. */
static void stopping_does_not_wait_for_clients(void **state)
{
	struct err err = {.set = false};
	struct http *other;
	assert_true(http_start(&other, &(struct http_options){"127.0.0.1:0"}, callbacks(), &err));
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)http_port(other)),
				      .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fds[2];
	for (int i = 0; i < 2; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&address, sizeof address), 0);
	}
	assert_int_equal(write(fds[1], "GET /metr", 9), 9);
	usleep(50000);
	alarm(5);
	http_stop(other);
	alarm(0);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	int again = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_not_equal(connect(again, (struct sockaddr *)&address, sizeof address), 0);
	close(again);
}

static int start(void **state)
{
	struct err err = {.set = false};
	metrics = metrics_create("0.1.0");
	return http_start(&http, &(struct http_options){"127.0.0.1:0"}, callbacks(), &err) ? 0 : -1;
}

static int stop(void **state)
{
	http_stop(http);
	metrics_destroy(metrics);
	return 0;
}

int main(void)
{
	if (system("command -v curl >/dev/null") != 0) {
		puts("skipped: no curl here");
		return 77;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_answered),
		cmocka_unit_test(not_ready_says_why),
		cmocka_unit_test(metrics_pass_promtool),
		cmocka_unit_test(addresses_that_cannot_be_had_are_named),
		cmocka_unit_test(off_is_off_and_every_address_is_one),
		cmocka_unit_test(stopping_does_not_wait_for_clients),
	};
	return cmocka_run_group_tests_name("http", tests, start, stop);
}
