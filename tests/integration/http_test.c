#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
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
	char command[6000];
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
		{"-X POST -d hello", "/metrics", "answered here: GET, HEAD\n405 text/plain; charset=utf-8"},
		{"-X DELETE", "/healthz", "answered here: GET, HEAD\n405 text/plain; charset=utf-8"},
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

/* ---- acknowledging ---- */

#define TOKEN "0123456789abcdef0123456789abcdef"

static char acked[200]; /* "incident by" of the last call */

static enum http_ack note_ack(void *context, uint64_t incident, struct str by)
{
	snprintf(acked, sizeof acked, "%" PRIx64 " %.*s", incident, (int)by.len, by.at);
	return incident == 0xa1	  ? HTTP_ACK_DONE
	       : incident == 0xa2 ? HTTP_ACK_ALREADY
	       : incident == 0xa3 ? HTTP_ACK_FAILED
				  : HTTP_ACK_UNKNOWN;
}

/* A server with a token; the usual one is put aside. */
static struct http *start_with_token(void)
{
	struct err err = {.set = false};
	char path[] = "/tmp/http_test_XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(write(fd, TOKEN "\nsecond line", sizeof TOKEN "second line"),
			 sizeof TOKEN "second line");
	close(fd);
	struct http *usual = http;
	struct http_callbacks with = *callbacks();
	with.ack = note_ack;
	if (!http_start(&http, &(struct http_options){"127.0.0.1:0", path, NULL}, &with, &err))
		fail_msg("%s", err.text);
	unlink(path);
	return usual;
}

static void with_the_token_programs_acknowledge(void **state)
{
	static const char auth[] = "-H 'Authorization: Bearer " TOKEN "' ";
	static const struct {
		const char *options, *path, *want, *acked;
		bool token;
	} rows[] = {
		{"-d by=Zo%C3%AB+Z", "/alerts/00000000000000a1/ack",
		 "{\"incident\":\"00000000000000a1\",\"outcome\":\"acknowledged\"}\n200 application/json",
		 "a1 Zo\xc3\xab Z", true},
		{"-X POST", "/alerts/00000000000000a2/ack?by=me",
		 "{\"incident\":\"00000000000000a2\",\"outcome\":\"already\"}\n200 application/json", "a2 me",
		 true},
		{"-X POST", "/alerts/00000000000000a3/ack",
		 "{\"incident\":\"00000000000000a3\",\"outcome\":\"failed\"}\n503 application/json", "a3 ",
		 true},
		{"-d '{}' -H 'Content-Type: application/json'", "/alerts/fedcba9876543210/ack",
		 "{\"incident\":\"fedcba9876543210\",\"outcome\":\"unknown\"}\n404 application/json",
		 "fedcba9876543210 ", true},
		{"-d by=me", "/alerts/00000000000000a1/ack", "wrong token", "", false},
		{"-d by=me -H 'Authorization: Bearer x'", "/alerts/00000000000000a1/ack", "wrong token", "",
		 false},
		{"-d by=me -H 'Authorization: " TOKEN "'", "/alerts/00000000000000a1/ack", "wrong token", "",
		 false},
		{"-d by=me -H 'Authorization: Bearer " TOKEN "0'", "/alerts/00000000000000a1/ack",
		 "wrong token", "", false},
		{"", "/alerts/00000000000000a1/ack", "answered here: POST\n405", "", true},
		{"-X DELETE", "/alerts/00000000000000a1/ack", "answered here: GET, HEAD, POST", "", true},
		{"-X POST", "/alerts/a1/ack", "answered here: GET, HEAD", "", true},
		{"", "/alerts/00000000000000A1/ack", "here are /metrics", "", true},
		{"", "/alerts/00000000000000a1/ack/", "here are /metrics", "", true},
		{"", "/alerts/00000000000000a1f/ack", "here are /metrics", "", true},
	};
	struct http *usual = start_with_token();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char options[300];
		acked[0] = '\0';
		snprintf(options, sizeof options, "%s%s", rows[i].token ? auth : "", rows[i].options);
		const char *got = curl(options, rows[i].path);
		if (strncmp(got, rows[i].want, strlen(rows[i].want)) != 0)
			fail_msg("%s %s: %s", rows[i].options, rows[i].path, got);
		assert_string_equal(acked, rows[i].acked);
	}
	assert_non_null(
		strstr(curl("-i -d by=me", "/alerts/00000000000000a1/ack"), "WWW-Authenticate: Bearer\r\n"));
	char body[4000];
	int len = snprintf(body, sizeof body, "-H 'Authorization: Bearer " TOKEN "' -d by=");
	memset(body + len, 'x', 3000);
	body[len + 3000] = '\0';
	assert_non_null(strstr(curl(body, "/alerts/00000000000000a1/ack"), "200 application/json"));
	assert_int_equal(strlen(acked), 3 + 100);
	http_stop(http);
	http = usual;
}

/* The path and query of a link, in quotes for the shell. */
static const char *link_for(const char *token, uint64_t incident, int64_t expires_ms)
{
	static char quoted[HTTP_LINK_MAX + 2];
	char link[HTTP_LINK_MAX];
	struct http_secret secret = {""};
	snprintf(secret.token, sizeof secret.token, "%s", token);
	assert_true(http_ack_link(link, &secret, "https://nps.example.com/", incident, expires_ms) > 0);
	snprintf(quoted, sizeof quoted, "'%s'", link + strlen("https://nps.example.com"));
	return quoted;
}

static void a_link_shows_a_page_and_its_button_acknowledges(void **state)
{
	int64_t now_ms = (int64_t)time(NULL) * 1000;
	struct http *usual = start_with_token();
	acked[0] = '\0';
	const char *seen = curl("-i", link_for(TOKEN, 0xa1, now_ms + 60000));
	assert_non_null(strstr(seen, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(seen, "<form method=\"post\">"));
	assert_non_null(strstr(seen, "default-src 'none'"));
	assert_non_null(strstr(seen, "Referrer-Policy: no-referrer\r\n"));
	assert_string_equal(acked, ""); /* looking is no acknowledgement */
	assert_non_null(strstr(curl("-I", link_for(TOKEN, 0xa1, now_ms + 60000)), "200 OK"));
	assert_string_equal(acked, "");
	seen = curl("-d by=me", link_for(TOKEN, 0xa1, now_ms + 60000));
	assert_non_null(strstr(seen, "Acknowledged."));
	assert_non_null(strstr(seen, "200 text/html"));
	assert_string_equal(acked, "a1 me");
	acked[0] = '\0';
	assert_non_null(strstr(curl("-d by=me", link_for(TOKEN, 0xa1, now_ms - 2000)), "403 text/html"));
	assert_non_null(strstr(curl("-d by=me", link_for("another token", 0xa1, now_ms + 60000)), "403"));
	char other[HTTP_LINK_MAX];
	snprintf(other, sizeof other, "%s", link_for(TOKEN, 0xa1, now_ms + 60000));
	memcpy(strstr(other, "a1/ack"), "a2", 2);
	assert_non_null(strstr(curl("-d by=me", other), "403"));
	snprintf(other, sizeof other, "%s", link_for(TOKEN, 0xa1, now_ms - 60000));
	char *expires = strstr(other, "expires=") + strlen("expires=");
	*expires = '9';
	assert_non_null(strstr(curl("-d by=me", other), "403"));
	*expires = 'x';
	assert_non_null(strstr(curl("", other), "403"));
	assert_string_equal(acked, "");
	assert_non_null(strstr(curl("-X POST", link_for(TOKEN, 0xa3, now_ms + 60000)), "503 text/html"));
	http_stop(http);
	http = usual;
}

static void without_a_token_the_route_is_not_there(void **state)
{
	struct http_secret none = {""}, secret = {TOKEN};
	char link[HTTP_LINK_MAX], long_url[HTTP_LINK_MAX];
	assert_non_null(strstr(curl("", link_for(TOKEN, 0xa1, 9e15)), "404"));
	assert_non_null(strstr(curl("-H 'Authorization: Bearer '", "/alerts/00000000000000a1/ack"), "404"));
	assert_int_equal(http_ack_link(link, &none, "http://h", 1, 1), 0);
	assert_int_equal(http_ack_link(link, &secret, NULL, 1, 1), 0);
	memset(long_url, 'x', sizeof long_url);
	long_url[sizeof long_url - 1] = '\0';
	assert_int_equal(http_ack_link(link, &secret, long_url, 1, 1), 0);
	assert_string_equal(link, "");
	/* printf 'corridor ack 00000000000000a1 1700000000' | openssl dgst -sha256 -hmac TOKEN */
	assert_true(http_ack_link(link, &secret, "http://h:1/x", 0xa1, 1700000000999) > 0);
	assert_string_equal(link, "http://h:1/x/alerts/00000000000000a1/"
				  "ack?expires=1700000000&sig="
				  "5e429edaf4f750ec0d981573ed7b0aee9ffc39b1e1157615e88b9e4653074ee2");
}

static void bad_tokens_and_urls_are_named(void **state)
{
	static const char *const tokens[] = {"", "short", "a token with spaces", "0123456789abcde\x01"};
	static const char *const urls[] = {"nps.example.com", "https://x/?a", "ftp://x", "http://x y", ""};
	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
		char path[] = "/tmp/http_test_XXXXXX";
		int fd = mkstemp(path);
		assert_int_equal(write(fd, tokens[i], strlen(tokens[i])), strlen(tokens[i]));
		close(fd);
		struct http_secret secret;
		struct err err = {.set = false};
		assert_false(http_secret_read(&secret, path, &err));
		assert_non_null(strstr(err.text, "openssl rand"));
		unlink(path);
	}
	struct http_secret secret;
	struct err err = {.set = false};
	assert_false(http_secret_read(&secret, "/nowhere/token", &err));
	assert_non_null(strstr(err.text, "/nowhere/token: No such file"));
	assert_true(http_secret_read(&secret, NULL, &err) && secret.token[0] == '\0');
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct err wrong = {.set = false};
		assert_false(http_check_public_url(urls[i], &wrong));
	}
	struct err fine = {.set = false};
	assert_true(http_check_public_url("https://nps.example.com:8443/corridor", &fine));
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
		struct http_options options = {.listen = rows[i].listen};
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
	assert_true(http_start(&other, &(struct http_options){.listen = "off"}, callbacks(), &err));
	assert_null(other);
	http_stop(other);
	assert_true(http_start(&http, &(struct http_options){.listen = ":0"}, callbacks(), &err));
	assert_string_equal(curl("", "/healthz"), "alive\n200 text/plain; charset=utf-8");
	http_stop(http);
	http = mine;
}

/* Nobody who keeps a connection open, or talks nonsense, holds the stop up. */
static void stopping_does_not_wait_for_clients(void **state)
{
	struct err err = {.set = false};
	struct http *other;
	assert_true(http_start(&other, &(struct http_options){.listen = "127.0.0.1:0"}, callbacks(), &err));
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
	return http_start(&http, &(struct http_options){.listen = "127.0.0.1:0"}, callbacks(), &err) ? 0 : -1;
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
		cmocka_unit_test(with_the_token_programs_acknowledge),
		cmocka_unit_test(a_link_shows_a_page_and_its_button_acknowledges),
		cmocka_unit_test(without_a_token_the_route_is_not_there),
		cmocka_unit_test(bad_tokens_and_urls_are_named),
		cmocka_unit_test(not_ready_says_why),
		cmocka_unit_test(metrics_pass_promtool),
		cmocka_unit_test(addresses_that_cannot_be_had_are_named),
		cmocka_unit_test(off_is_off_and_every_address_is_one),
		cmocka_unit_test(stopping_does_not_wait_for_clients),
	};
	return cmocka_run_group_tests_name("http", tests, start, stop);
}
