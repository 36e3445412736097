#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sink/sink_priv.h"

static char folder[] = "/tmp/corridor-sink-XXXXXX";

/* The test runs in a folder of its own. */
static void make_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *const spike[] = {"detractor_spike"};
#define BASE .name = "ops", .kinds = {spike, 1}, .timeout_ms = 10000

#define URL "https://hooks.example.com/s3cret"

static const struct {
	struct sink_options options;
	const char *error; /* NULL: fine */
} rows[] = {
	{{BASE, .type = SINK_WEBHOOK, .url = URL, .secret_file = "hook"}, NULL},
	{{BASE, .type = SINK_PAGERDUTY, .secret_file = "key"}, NULL},
	{{BASE, .type = SINK_SLACK, .token_file = "token", .channel = "#alerts"}, NULL},
	{{BASE, .type = SINK_SLACK, .url_file = "address"}, NULL},
	{{BASE, .type = SINK_ALERTMANAGER, .url = "http://10.0.0.1:9093", .private_addresses = true}, NULL},
	{{BASE, .type = SINK_ALERTMANAGER, .url = "http://alertmanager:9093/"}, NULL},
	{{.name = "a b", .kinds = {spike, 1}, .type = SINK_WEBHOOK, .url = URL, .secret_file = "hook"},
	 "name: letters, digits, _ and - only"},
	{{.name = "x", .type = SINK_WEBHOOK, .url = URL, .secret_file = "hook"},
	 "kinds: an empty list sends nothing"},
	{{BASE, .type = SINK_WEBHOOK, .secret_file = "hook"}, "url: a sink of type webhook needs one"},
	{{BASE, .type = SINK_WEBHOOK, .url = URL},
	 "secret_file: a webhook sink needs one, with the secret that signs"},
	{{BASE, .type = SINK_WEBHOOK, .url = URL, .secret_file = "/nonexistent"},
	 "secret_file: /nonexistent: No such file"},
	{{BASE, .type = SINK_WEBHOOK, .url = URL, .secret_file = "empty"}, "its first line is empty"},
	{{BASE, .type = SINK_WEBHOOK, .url = URL, .secret_file = "bad64"},
	 "what follows whsec_ must be base64"},
	{{BASE, .type = SINK_WEBHOOK, .url = URL, .secret_file = "weak"}, "less than 16 bytes"},
	{{BASE, .type = SINK_WEBHOOK, .url = URL, .url_file = "address", .secret_file = "hook"},
	 "one of them is enough"},
	{{BASE, .type = SINK_WEBHOOK, .url = "http://127.0.0.1/", .secret_file = "hook"},
	 "127.0.0.1 is no public address: that needs private_addresses: true"},
	{{BASE, .type = SINK_WEBHOOK, .url = URL, .secret_file = "hook", .channel = "#x"},
	 "channel: only for slack"},
	{{BASE, .type = SINK_WEBHOOK, .url = URL, .secret_file = "hook", .token_file = "token"},
	 "token_file: only for slack"},
	{{BASE, .type = SINK_PAGERDUTY},
	 "secret_file: a pagerduty sink needs one, with the integration's routing key"},
	{{BASE, .type = SINK_PAGERDUTY, .secret_file = "token"},
	 "a routing key has 32 characters, this has 11"},
	{{BASE, .type = SINK_PAGERDUTY, .secret_file = "key", .url = "http://example.com"}, "must be https"},
	{{BASE, .type = SINK_SLACK}, "needs token_file and channel, or the url"},
	{{BASE, .type = SINK_SLACK, .token_file = "token"}, "channel: a slack sink with a token needs one"},
	{{BASE, .type = SINK_SLACK, .token_file = "spaced", .channel = "#x"}, "holds spaces"},
	{{BASE, .type = SINK_SLACK, .token_file = "token", .channel = "#x", .secret_file = "hook"},
	 "secret_file: only for"},
	{{BASE, .type = SINK_ALERTMANAGER}, "url: a sink of type alertmanager needs one"},
	{{BASE, .type = SINK_ALERTMANAGER, .url = "alertmanager:9093"}, "url:"},
};

static void test_mistakes(void **state)
{
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		bool good = sink_check(&rows[i].options, &err);
		if (good != (rows[i].error == NULL) || (!good && strstr(err.text, rows[i].error) == NULL))
			fail_msg("row %u: %s", i, err.text);
		assert_null(strstr(err.text, "s3cret"));
	}
}

/* All of them at once, not the first alone. */
static void test_every_mistake(void **state)
{
	struct sink_options options = {
		.name = "a b", .type = SINK_PAGERDUTY, .url = "ftp://x", .channel = "#x"};
	struct err err = {0};
	assert_false(sink_check(&options, &err));
	static const char *const parts[] = {"name: ", "url: ", "secret_file: ", "channel: ", "kinds: "};
	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
		assert_non_null(strstr(err.text, parts[i]));
}

static void test_defaults(void **state)
{
	struct sink_options options;
	struct option_pool pool = {0};
	option_defaults(sink_option_rows, &options, &pool);
	assert_int_equal(options.type, SINK_WEBHOOK);
	assert_int_equal(options.severity, ALERT_TICKET);
	assert_int_equal(options.kinds.count, 3);
	assert_int_equal(options.timeout_ms, 10000);
	assert_false(options.private_addresses);
	for (unsigned i = 0; i < ALERT_KINDS; i++) {
		char text[40];
		struct err err = {0};
		const struct option_row *row = sink_option_rows;
		while (strcmp(row->key, "kinds") != 0)
			row++;
		snprintf(text, sizeof text, "%s", alert_kind_name((enum alert_kind)i));
		assert_true(option_set(row, str_of(text), &options, &pool, &err));
	}
	option_pool_release(&pool);
}

static void test_secrets_are_read(void **state)
{
	struct credentials read;
	struct err err = {0};
	struct sink_options options = {BASE, .type = SINK_WEBHOOK, .url = "https://example.com/x/",
				       .secret_file = "odd"};
	assert_true(read_sink(&options, &read, &err));
	assert_int_equal(read.key_len, 24);
	assert_int_equal(read.key[0], 0x31);
	assert_string_equal(read.url, "https://example.com/x/");
	options = (struct sink_options){BASE, .type = SINK_ALERTMANAGER, .url = "https://example.com/am//"};
	assert_true(read_sink(&options, &read, &err));
	assert_string_equal(read.url, "https://example.com/am");
}

static int start(void **state)
{
	if (mkdtemp(folder) == NULL || chdir(folder) != 0)
		return -1;
	make_file("hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
	make_file("odd", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw \r\n");
	make_file("key", "0123456789abcdef0123456789abcdef\n");
	make_file("token", "xoxb-s3cret\n");
	make_file("empty", "\n");
	make_file("bad64", "whsec_s3cret!!\n");
	make_file("weak", "s3cret\n");
	make_file("spaced", "Bearer s3cret\n");
	make_file("address", "https://hooks.slack.com/services/T/B/s3cret\n");
	return 0;
}

static int stop(void **state)
{
	char command[80];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_every_mistake),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_secrets_are_read),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
