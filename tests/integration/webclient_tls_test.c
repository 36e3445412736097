/* Whose certificates are believed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/receiver.h"
#include "webclient/webclient.h"

static char folder[] = "/tmp/corridor-webclient-XXXXXX";
static struct receiver *receiver;

/* A CA and a certificate of it for localhost. */
static bool make_certificates(void)
{
	char command[1000];
	snprintf(command, sizeof command,
		 "cd %s && exec >/dev/null 2>&1 && printf 'subjectAltName=DNS:localhost' >names && "
		 "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj "
		 "/CN=test && "
		 "openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost "
		 "&& "
		 "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "
		 "names "
		 "-out server.pem",
		 folder);
	return system(command) == 0;
}

static void take(void *context, const struct webclient_answer *answer)
{
	struct webclient_answer *kept = context;
	*kept = *answer;
	print_message("%u %s\n", answer->status, answer->error);
}

static void test_certificates(void **state)
{
	char ca[80];
	snprintf(ca, sizeof ca, "%s/ca.pem", folder);
	const struct {
		const char *ca, *host;
		unsigned status;
		enum webclient_failure failure;
	} rows[] = {
		{ca, "localhost", 200, WEBCLIENT_NONE},
		{NULL, "localhost", 0, WEBCLIENT_TLS}, /* a CA that nobody knows */
		{ca, "127.0.0.1", 0, WEBCLIENT_TLS}, /* a certificate of another name */
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		struct webclient *client =
			webclient_create(&(struct webclient_options){.ca_file = rows[i].ca}, &err);
		char url[80];
		snprintf(url, sizeof url, "https://%s:%u/x", rows[i].host, receiver_port(receiver));
		struct webclient_request request = {
			.method = "POST", .url = url, .timeout_ms = 5000, .allow_private = true};
		struct webclient_answer answer = {0};
		assert_true(webclient_send(client, &request, &err));
		while (webclient_in_flight(client) > 0)
			webclient_step(client, 100, take, &answer);
		assert_int_equal(answer.status, rows[i].status);
		assert_int_equal(answer.failure, rows[i].failure);
		webclient_destroy(client);
	}
}

static int stop(void **state)
{
	receiver_stop(receiver);
	char command[80];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

int main(void)
{
	if (system("command -v openssl >/dev/null") != 0) {
		puts("skipped: needs openssl, the command");
		return 77;
	}
	must(mkdtemp(folder) != NULL && make_certificates());
	char cert[80], key[80];
	snprintf(cert, sizeof cert, "%s/server.pem", folder);
	snprintf(key, sizeof key, "%s/server.key", folder);
	receiver = receiver_start_tls(cert, key);
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_certificates)};
	return cmocka_run_group_tests(tests, NULL, stop);
}
