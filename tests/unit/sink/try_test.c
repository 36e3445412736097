#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sink/sink.h"
#include "support/receiver.h"

static struct receiver *receiver;
static char secret_file[] = "/tmp/corridor-try-XXXXXX";

static void write_secret(const char *secret)
{
	FILE *file = fopen(secret_file, "w");
	assert_non_null(file);
	fputs(secret, file);
	fclose(file);
}

static bool try_it(enum sink_type type, const char *url, struct err *err)
{
	static const char *const kinds[] = {"silence"};
	struct sink_options options = {.kinds = {kinds, 1},
				       .name = "on-call",
				       .type = type,
				       .severity = ALERT_PAGE, /* a test goes out all the same */
				       .private_addresses = true,
				       .timeout_ms = 500,
				       .url = url};
	if (type == SINK_WEBHOOK || type == SINK_PAGERDUTY)
		options.secret_file = secret_file;
	write_secret(type == SINK_WEBHOOK ? "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"
					  : "0123456789abcdef0123456789abcdef\n");
	return sink_try(&options, err);
}

static void each_kind_of_receiver_takes_a_marked_alert(void **state)
{
	static const struct {
		enum sink_type type;
		const char *path;
	} rows[] = {
		{SINK_WEBHOOK, "/hook/test"},
		{SINK_PAGERDUTY, "/v2/enqueue"},
		{SINK_SLACK, "/services/T/B/X"},
		{SINK_ALERTMANAGER, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		if (!try_it(rows[i].type, receiver_url(receiver, rows[i].path), &err))
			fail_msg("%s: %s", rows[i].path, err.text);
	}
	char *seen = receiver_get(receiver, "/seen");
	assert_non_null(strstr(seen, "TEST: "));
	assert_non_null(strstr(seen, "corridor-test"));
	free(seen);
}

static void a_receiver_that_does_not_take_it_is_explained_at_once(void **state)
{
	static const struct {
		const char *path, *says;
	} rows[] = {
		{"/fault/9/500/hook/a", "500"},
		{"/fault/9/404/hook/a", "404"},
		{"/fault/9/hang/hook/a", "on-call: "},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		assert_false(try_it(SINK_WEBHOOK, receiver_url(receiver, rows[i].path), &err));
		if (strstr(err.text, rows[i].says) == NULL || strncmp(err.text, "on-call: ", 9) != 0)
			fail_msg("%s: %s", rows[i].path, err.text);
	}
	struct err err = {0};
	assert_false(try_it(SINK_WEBHOOK, "http://127.0.0.1:1/", &err));
	assert_non_null(strstr(err.text, "on-call: "));
	err = (struct err){0};
	assert_false(try_it(SINK_WEBHOOK, "nonsense", &err));
}

static int set_up(void **state)
{
	int fd = mkstemp(secret_file);
	if (fd < 0)
		return -1;
	close(fd);
	receiver = receiver_start();
	return 0;
}

static int tear_down(void **state)
{
	receiver_stop(receiver);
	unlink(secret_file);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_receiver_takes_a_marked_alert),
		cmocka_unit_test(a_receiver_that_does_not_take_it_is_explained_at_once),
	};
	return cmocka_run_group_tests_name("sink/try", tests, set_up, tear_down);
}
