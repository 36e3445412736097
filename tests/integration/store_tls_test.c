/* rediss://, where hiredis has TLS: against a real server with certificates made here. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/store.h"
#include "support/redis.h"
#include "support/touchpoint.h"

static char folder[] = "/tmp/corridor-tls-XXXXXX";
static int port = 1;

static char *file(const char *name)
{
	static char paths[8][80];
	static int turn;
	char *path = paths[turn++ % 8];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

/* Two authorities, ours and a stranger's; a server certificate for `localhost` of ours. */
static bool make_certificates(void)
{
	char script[2000];
	snprintf(
		script, sizeof script,
		"cd %s && exec >/dev/null 2>&1 && new='openssl req -x509 -newkey rsa:2048 -nodes -days 2' && "
		"$new -keyout ca.key -out ca.pem -subj /CN=ours && "
		"$new -keyout other.key -out other.pem -subj /CN=strangers && "
		"openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost "
		"&& "
		"echo subjectAltName=DNS:localhost >names && "
		"openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "
		"names "
		"-out server.pem",
		folder);
	return system(script) == 0;
}

static int free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&address, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		abort();
	close(fd);
	return ntohs(address.sin_port);
}

static struct store *open_store(const char *host, const char *ca, struct err *err)
{
	static char url[100];
	snprintf(url, sizeof url, "rediss://%s:%d", host, port);
	struct store_options options = {.url = url,
					.prefix = "corridor",
					.tls_ca = ca,
					.timeout_ms = 3000,
					.retry_max_ms = 200,
					.ttl_ms = 3600000,
					.in_flight_bytes = 65536,
					.retention_ms = 7200000,
					.windows = touchpoint_windows};
	return store_create(&options, err);
}

static void what_is_published_goes_through_tls(void **state)
{
	static const int64_t scores[BINS] = {[10] = 3};
	struct err err = {.set = false};
	struct store *store = open_store("localhost", file("ca.pem"), &err);
	if (store == NULL)
		fail_msg("%s", err.text);
	struct touchpoint t;
	touchpoint_make(&t, STR("x"), 1700000000000, 1, scores);
	for (int i = 1; i <= 200; i++) {
		t.publication.offset = i;
		if (store_publish(store, &t.publication, 1, NULL).written != 1)
			fail_msg("%s", store_error(store));
	}
	assert_int_equal(store_stats(store).connects, 1);
	store_destroy(store);
}

static void a_server_that_is_not_who_it_should_be_is_refused(void **state)
{
	static const struct {
		const char *host, *ca, *says;
	} rows[] = {
		{"localhost", "other.pem", "certificate verify failed"},
		{"127.0.0.1", "ca.pem", "certificate verify failed"}, /* the right chain, another name */
		{"localhost", NULL, "certificate verify failed"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {.set = false};
		struct store *store = open_store(rows[i].host, rows[i].ca ? file(rows[i].ca) : NULL, &err);
		if (store == NULL)
			fail_msg("%s", err.text);
		assert_false(store_connect(store));
		if (strstr(store_error(store), rows[i].says) == NULL)
			fail_msg("%s", store_error(store));
		store_destroy(store);
	}
}

static void files_that_cannot_be_used_are_named(void **state)
{
	struct err err = {.set = false};
	assert_null(open_store("localhost", "/nonexistent/ca.pem", &err));
	assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
}

static bool has_tls(void)
{
	struct err err = {.set = false};
	struct store *store = open_store("localhost", NULL, &err);
	store_destroy(store);
	return store != NULL || strstr(err.text, "needs TLS in hiredis") == NULL;
}

int main(void)
{
	if (!has_tls()) {
		puts("skipped: this hiredis is without TLS (Debian 13's has it)");
		return 77;
	}
	if (mkdtemp(folder) == NULL || !make_certificates()) {
		puts("skipped: needs openssl, the command");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	port = free_port();
	char port_text[8], cleanup[80];
	snprintf(port_text, sizeof port_text, "%d", port);
	struct redis_server *server = redis_server_start(
		(const char *[]){"--tls-port", port_text, "--tls-cert-file", file("server.pem"),
				 "--tls-key-file", file("server.key"), "--tls-ca-cert-file", file("ca.pem"),
				 "--tls-auth-clients", "no", "--bind", "127.0.0.1", NULL});
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_published_goes_through_tls),
		cmocka_unit_test(a_server_that_is_not_who_it_should_be_is_refused),
		cmocka_unit_test(files_that_cannot_be_used_are_named),
	};
	int failed = server ? cmocka_run_group_tests_name("store/tls", tests, NULL, NULL) : 77;
	redis_server_stop(server);
	snprintf(cleanup, sizeof cleanup, "rm -rf %s", folder);
	if (server == NULL)
		puts("skipped: no redis-server here");
	return system(cleanup) == 0 ? failed : 1;
}
