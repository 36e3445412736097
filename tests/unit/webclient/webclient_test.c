#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/os.h"
#include "support/receiver.h"
#include "webclient/webclient.h"

static struct receiver *receiver;

#define ANSWERS_MAX 64

struct heard {
	unsigned count;
	struct webclient_answer answers[ANSWERS_MAX];
	int64_t at_ms[ANSWERS_MAX];
	char error[ANSWERS_MAX][200];
	size_t len[ANSWERS_MAX];
};

static int64_t now_ms(void)
{
	return os_monotonic_ns() / 1000000;
}

static void hear(void *context, const struct webclient_answer *answer)
{
	struct heard *heard = context;
	assert_true(heard->count < ANSWERS_MAX);
	heard->answers[heard->count] = *answer;
	heard->at_ms[heard->count] = now_ms();
	heard->len[heard->count] = answer->body.len;
	snprintf(heard->error[heard->count++], sizeof heard->error[0], "%s", answer->error);
}

static struct webclient *create(void)
{
	struct err err = {0};
	struct webclient *client = webclient_create(&(struct webclient_options){0}, &err);
	assert_non_null(client);
	return client;
}

static bool send_to(struct webclient *client, const char *url, int64_t timeout_ms, uint64_t tag, bool allow)
{
	struct err err = {0};
	bool sent = webclient_send(
		client,
		&(struct webclient_request){.method = "POST",
					    .url = url,
					    .headers = (const char *[]){"X-Secret: s3cret", NULL},
					    .body = STR("hello"),
					    .timeout_ms = timeout_ms,
					    .allow_private = allow,
					    .tag = tag},
		&err);
	if (!sent && !err.set)
		fail_msg("refused without a reason");
	return sent;
}

static void wait_for(struct webclient *client, struct heard *heard, unsigned count)
{
	for (int64_t end = now_ms() + 20000; heard->count < count && now_ms() < end;)
		webclient_step(client, 100, hear, heard);
	assert_int_equal(heard->count, count);
}

static void test_answers(void **state)
{
	static const struct {
		const char *path;
		unsigned status;
		enum webclient_failure failure;
		int64_t retry_after_ms;
	} rows[] = {
		{"/ok", 200, WEBCLIENT_NONE, -1},
		{"/fault/all/500/x", 500, WEBCLIENT_NONE, -1},
		{"/fault/all/410/x", 410, WEBCLIENT_NONE, -1},
		{"/fault/all/429-7/x", 429, WEBCLIENT_NONE, 7000},
		{"/fault/all/reset/x", 0, WEBCLIENT_BROKEN, -1},
		{"/fault/all/close/x", 0, WEBCLIENT_BROKEN, -1},
		{"/fault/all/garbage/x", 0, WEBCLIENT_BROKEN, -1},
		{"/fault/all/hang/x", 0, WEBCLIENT_TIMEOUT, -1},
		{"/redirect/ok", 307, WEBCLIENT_NONE, -1},
	};
	struct webclient *client = create();
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct heard heard = {0};
		assert_true(send_to(client, receiver_url(receiver, rows[i].path), 1000, i, true));
		wait_for(client, &heard, 1);
		const struct webclient_answer *answer = &heard.answers[0];
		print_message("%s: %u %s\n", rows[i].path, answer->status, heard.error[0]);
		assert_int_equal(answer->tag, i);
		assert_int_equal(answer->status, rows[i].status);
		assert_int_equal(answer->failure, rows[i].failure);
		assert_int_equal(answer->retry_after_ms, rows[i].retry_after_ms);
		assert_int_equal(heard.error[0][0] == '\0', rows[i].status != 0);
		assert_null(strstr(heard.error[0], "s3cret"));
		assert_int_equal(webclient_in_flight(client), 0);
	}
	webclient_destroy(client);
}

static void test_what_is_sent(void **state)
{
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	struct webclient *client = create();
	struct heard heard = {0};
	assert_true(send_to(client, receiver_url(receiver, "/sent"), 1000, 1, true));
	wait_for(client, &heard, 1);
	assert_int_equal(heard.answers[0].status, 200);
	char *seen = receiver_get(receiver, "/seen");
	const char *request = strstr(seen, "/sent");
	assert_non_null(request);
	assert_non_null(strstr(request, "\"x-secret\": \"s3cret\""));
	assert_non_null(strstr(request, "\"user-agent\": \"corridor/"));
	assert_non_null(strstr(request, "\"body\": \"hello\""));
	assert_null(strstr(request, "\"expect\""));
	free(seen);
	webclient_destroy(client);
}

static void test_big_body_is_cut(void **state)
{
	struct webclient *client = create();
	struct heard heard = {0};
	assert_true(send_to(client, receiver_url(receiver, "/big/1000000"), 5000, 1, true));
	wait_for(client, &heard, 1);
	assert_int_equal(heard.answers[0].status, 200);
	assert_true(heard.answers[0].cut);
	assert_int_equal(heard.len[0], WEBCLIENT_BODY_MAX);
	webclient_destroy(client);
}

static void test_slow_one_delays_nobody(void **state)
{
	struct webclient *client = create();
	struct heard heard = {0};
	assert_true(send_to(client, receiver_url(receiver, "/slow/1500/x"), 5000, 99, true));
	int64_t began_ms = now_ms();
	for (unsigned i = 0; i < 20; i++)
		assert_true(send_to(client, receiver_url(receiver, "/fast"), 5000, i, true));
	wait_for(client, &heard, 20);
	assert_true(now_ms() - began_ms < 1200);
	for (unsigned i = 0; i < 20; i++)
		assert_int_not_equal(heard.answers[i].tag, 99);
	wait_for(client, &heard, 21);
	assert_int_equal(heard.answers[20].tag, 99);
	webclient_destroy(client);
}

static void test_private_addresses(void **state)
{
	struct webclient *client = create();
	char by_name[64];
	snprintf(by_name, sizeof by_name, "http://localhost:%u/by-name", receiver_port(receiver));
	assert_false(send_to(client, receiver_url(receiver, "/x"), 1000, 1,
			     false)); /* a literal is seen at once */
	struct heard heard = {0};
	assert_true(send_to(client, by_name, 1000, 1, false)); /* a name when it is connected to */
	wait_for(client, &heard, 1);
	assert_int_equal(heard.answers[0].failure, WEBCLIENT_PRIVATE);
	assert_true(send_to(client, by_name, 1000, 2, true));
	wait_for(client, &heard, 2);
	assert_int_equal(heard.answers[1].status, 200);
	assert_true(send_to(client, by_name, 1000, 3, false)); /* nor over the connection that is open now */
	wait_for(client, &heard, 3);
	assert_int_equal(heard.answers[2].failure, WEBCLIENT_PRIVATE);
	assert_int_equal(receiver_count(receiver, "/by-name"), 1);
	webclient_destroy(client);
}

static void test_public(void **state)
{
	static const struct {
		const char *address;
		bool public;
	} rows[] = {
		{"8.8.8.8", true},
		{"1.1.1.1", true},
		{"172.15.0.1", true},
		{"172.32.0.1", true},
		{"100.63.255.255", true},
		{"100.128.0.0", true},
		{"192.0.1.1", true},
		{"223.255.255.255", true},
		{"2606:4700::1111", true},
		{"::ffff:8.8.8.8", true},
		{"64:ff9b::808:808", true},
		{"2002:808:808::1", true},
		{"0.0.0.0", false},
		{"10.1.2.3", false},
		{"100.64.0.1", false},
		{"100.127.255.255", false},
		{"127.0.0.1", false},
		{"127.255.255.254", false},
		{"169.254.169.254", false},
		{"172.16.0.1", false},
		{"172.31.255.255", false},
		{"192.168.1.1", false},
		{"198.18.0.1", false},
		{"224.0.0.1", false},
		{"255.255.255.255", false},
		{"240.0.0.1", false},
		{"192.0.0.8", false},
		{"::", false},
		{"::1", false},
		{"::ffff:127.0.0.1", false},
		{"::ffff:10.0.0.1", false},
		{"64:ff9b::a00:1", false},
		{"2002:7f00:1::", false},
		{"fc00::1", false},
		{"fdff::1", false},
		{"fe80::1", false},
		{"fec0::1", false},
		{"ff02::1", false},
		{"::7f00:1", false},
		{"64:ff9b:1::1", false},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sockaddr_in four = {.sin_family = AF_INET};
		struct sockaddr_in6 six = {.sin6_family = AF_INET6};
		bool is_six = strchr(rows[i].address, ':') != NULL;
		assert_int_equal(inet_pton(is_six ? AF_INET6 : AF_INET, rows[i].address,
					   is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr),
				 1);
		bool public = webclient_public(is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four);
		if (public != rows[i].public)
			fail_msg("%s is %spublic", rows[i].address, public ? "" : "not ");
	}
}

static void test_check_url(void **state)
{
	static const struct {
		const char *url, *error; /* NULL: fine */
	} rows[] = {
		{"https://hooks.example.com/a?b=c", NULL},
		{"http://example.com:8080", NULL},
		{"https://8.8.8.8/", NULL},
		{"hooks.example.com", "not a URL"},
		{"", "not a URL"},
		{"https://", "not a URL"},
		{"ftp://example.com/s3cret", "must begin with http:// or https://, not ftp://"},
		{"file:///etc/passwd", "must begin with"},
		{"https://user:s3cret@example.com/", "user and password may not be in it"},
		{"http://127.0.0.1/s3cret", "127.0.0.1 is no public address"},
		{"http://0x7f.1/", "127.0.0.1 is no public address"},
		{"http://2130706433/", "127.0.0.1 is no public address"},
		{"http://[::1]:80/", "[::1] is no public address"},
		{"http://[fe80::1%25eth0]/", "is no public address"},
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		bool good = webclient_check_url(rows[i].url, false, "sinks.x.url", &err);
		if (good != (rows[i].error == NULL) || (!good && strstr(err.text, rows[i].error) == NULL))
			fail_msg("%s: %s", rows[i].url, err.text);
		assert_null(strstr(err.text, "s3cret"));
	}
	struct err err = {0};
	assert_true(webclient_check_url("http://127.0.0.1:9093", true, "url", &err));
}

static void *wake_later(void *client)
{
	usleep(100000);
	webclient_wake(client);
	return NULL;
}

static void test_wake(void **state)
{
	struct webclient *client = create();
	struct heard heard = {0};
	pthread_t thread;
	int64_t began_ms = now_ms();
	pthread_create(&thread, NULL, wake_later, client);
	webclient_step(client, 10000, hear, &heard);
	assert_true(now_ms() - began_ms < 5000);
	pthread_join(thread, NULL);
	webclient_destroy(client);
}

static void test_full_and_dropped(void **state)
{
	struct err err = {0};
	struct webclient *client = webclient_create(&(struct webclient_options){.in_flight_max = 2}, &err);
	assert_non_null(client);
	assert_true(send_to(client, receiver_url(receiver, "/slow/300/x"), 5000, 1, true));
	assert_true(send_to(client, receiver_url(receiver, "/slow/300/x"), 5000, 2, true));
	assert_false(send_to(client, receiver_url(receiver, "/slow/300/x"), 5000, 3, true));
	struct heard heard = {0};
	webclient_step(client, 10, hear, &heard);
	webclient_destroy(client); /* with two under way */
	assert_int_equal(heard.count, 0);
}

static int start(void **state)
{
	receiver = receiver_start();
	return 0;
}

static int stop(void **state)
{
	receiver_stop(receiver);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),		  cmocka_unit_test(test_what_is_sent),
		cmocka_unit_test(test_big_body_is_cut),	  cmocka_unit_test(test_slow_one_delays_nobody),
		cmocka_unit_test(test_private_addresses), cmocka_unit_test(test_public),
		cmocka_unit_test(test_check_url),	  cmocka_unit_test(test_wake),
		cmocka_unit_test(test_full_and_dropped),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
