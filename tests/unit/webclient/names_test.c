/*
 * What depends on names: the test is its own resolver.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "os/os.h"
#include "support/receiver.h"
#include "webclient/webclient.h"

static struct receiver *receiver;
static atomic_uint questions;

/* Instead of the C library's, for libcurl too. slow.test takes five seconds; .test is always this machine. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	*(void **)(&real) = dlsym(RTLD_NEXT, "getaddrinfo");
	questions++;
	if (strcmp(name, "slow.test") == 0)
		sleep(5);
	return real(strstr(name, ".test") ? "127.0.0.1" : name, service, hints, out);
}

static void count_answers(void *context, const struct webclient_answer *answer)
{
	unsigned *failures = context; /* by enum webclient_failure */
	failures[answer->failure]++;
}

static void send_to(struct webclient *client, const char *host, int64_t timeout_ms, bool allow)
{
	char url[100];
	struct err err = {0};
	snprintf(url, sizeof url, "http://%s:%u/x", host, receiver_port(receiver));
	struct webclient_request request = {
		.method = "POST", .url = url, .timeout_ms = timeout_ms, .allow_private = allow};
	assert_true(webclient_send(client, &request, &err));
}

/* A look-up that hangs costs its own request its time-out, and the others nothing, then or later. */
static void test_slow_name(void **state)
{
	struct err err = {0};
	struct webclient *client = webclient_create(&(struct webclient_options){0}, &err);
	unsigned failures[8] = {0};
	int64_t began_ms = os_monotonic_ns() / 1000000;
	send_to(client, "slow.test", 500, true);
	for (unsigned i = 0; i < 10; i++)
		send_to(client, "fast.test", 400, true);
	while (failures[WEBCLIENT_NONE] < 10)
		webclient_step(client, 100, count_answers, failures);
	assert_true(os_monotonic_ns() / 1000000 - began_ms < 450);
	while (webclient_in_flight(client) > 0) {
		int64_t step_ms = os_monotonic_ns() / 1000000;
		webclient_step(client, 100, count_answers, failures);
		assert_true(os_monotonic_ns() / 1000000 - step_ms < 400); /* it waits for no thread to end */
	}
	assert_int_equal(failures[WEBCLIENT_TIMEOUT], 1);
	webclient_destroy(client);
	assert_true(os_monotonic_ns() / 1000000 - began_ms < 2000);
}

static void test_name_of_a_private_address(void **state)
{
	struct err err = {0};
	struct webclient *client = webclient_create(&(struct webclient_options){0}, &err);
	unsigned failures[8] = {0};
	assert_true(webclient_check_url("https://rebind.test/x", false, "url",
					&err)); /* a name says nothing yet */
	send_to(client, "rebind.test", 2000, false);
	while (webclient_in_flight(client) > 0)
		webclient_step(client, 100, count_answers, failures);
	assert_int_equal(failures[WEBCLIENT_PRIVATE], 1);
	assert_true(questions > 0);
	webclient_destroy(client);
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
		cmocka_unit_test(test_slow_name),
		cmocka_unit_test(test_name_of_a_private_address),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
