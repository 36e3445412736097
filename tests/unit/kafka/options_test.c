#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/kafka.h"

static void properties_are_taken_or_refused_with_the_reason(void **state)
{
	static const struct {
		const char *name, *value, *words; /* NULL: taken */
	} rows[] = {
		{"security.protocol", "SASL_SSL", NULL},
		{"sasl.username", "someone", NULL},
		{"ssl.ca.location", "/etc/ca.pem", NULL},
		{"fetch.min.bytes", "100000", NULL},
		{"linger.ms", "20", NULL},
		{"compression.codec", "zstd", NULL},
		{"security.protocol", "sasl", "security.protocol"},
		{"fetch.min.bytes", "many", "fetch.min.bytes"},
		{"fetch.min.byte", "1", "neither a key of Corridor"},
		{"isolation.level", "read_committed", "committed"},
		{"ISOLATION.LEVEL", "read_uncommitted", "committed"},
		{"enable.auto.commit", "false", "transaction"},
		{"enable.auto.offset.store", "true", "transaction"},
		{"auto.offset.reset", "latest", "use start"},
		{"transactional.id", "x", "kafka.instance"},
		{"transaction.timeout.ms", "60000", "10 s"},
		{"acks", "1", "replicas"},
		{"request.required.acks", "1", "replicas"},
		{"enable.idempotence", "false", "twice"},
		{"max.in.flight", "9", "idempotence"},
		{"retries", "0", "idempotence"},
		{"partition.assignment.strategy", "range", "cooperative-sticky"},
		{"group.id", "x", "use kafka.group"},
		{"group.instance.id", "x", "use kafka.instance"},
		{"bootstrap.servers", "x", "use kafka.brokers"},
		{"session.timeout.ms", "9000", "kafka.session_timeout"},
		{"message.timeout.ms", "9000", "time-out"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		bool taken = kafka_property_check(rows[i].name, rows[i].value, &err);
		if (taken != (rows[i].words == NULL))
			fail_msg("%s=%s: %s", rows[i].name, rows[i].value, err.text);
		if (rows[i].words != NULL && strstr(err.text, rows[i].words) == NULL)
			fail_msg("%s=%s says \"%s\", not \"%s\"", rows[i].name, rows[i].value, err.text,
				 rows[i].words);
	}
}

static void the_defaults_make_working_clients(void **state)
{
	struct kafka_options options = {0};
	struct option_pool pool = {0};
	struct err err = {0};
	option_defaults(kafka_options, &options, &pool);
	assert_string_equal(options.group, "corridor");
	assert_string_equal(options.prefix, "corridor");
	assert_true(kafka_instance(&options)[0] != '\0');
	const char *topic = "in";
	struct kafka_consumer_spec spec = {.topics = &topic, .topics_count = 1, .batch_max = 10};
	struct kafka_consumer *consumer = kafka_consumer_open(&options, &spec, &err);
	assert_non_null(consumer);
	kafka_consumer_close(consumer);
	struct kafka_producer *producer = kafka_producer_open(&options, NULL, 3, NULL, NULL, &err);
	assert_non_null(producer);
	kafka_producer_close(producer);
	option_pool_release(&pool);
}

static void passed_properties_reach_the_clients(void **state)
{
	static const struct kafka_property good[] = {{"queued.max.messages.kbytes", "1000"},
						     {"linger.ms", "1"}},
					   bad[] = {{"acks", "0"}};
	struct kafka_options options = {0};
	struct option_pool pool = {0};
	struct err err = {0};
	option_defaults(kafka_options, &options, &pool);
	options.properties = good;
	options.properties_count = 2;
	struct kafka_producer *producer = kafka_producer_open(&options, NULL, 0, NULL, NULL, &err);
	assert_non_null(producer);
	kafka_producer_close(producer);
	options.properties = bad;
	options.properties_count = 1;
	assert_null(kafka_producer_open(&options, NULL, 0, NULL, NULL, &err));
	assert_non_null(strstr(err.text, "acks"));
	option_pool_release(&pool);
}

static char *printed(const struct kafka_options *options, const char *principal)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const char *inputs[] = {"surveys", "posts"};
	kafka_topics_print(options, inputs, 2, principal, out);
	fclose(out);
	return text;
}

static void the_commands_for_an_administrator_name_everything(void **state)
{
	struct kafka_options options = {.brokers = "b:9092",
					.group = "g",
					.prefix = "p",
					.shards = 8,
					.replication = 3,
					.retention_ms = 86400000,
					.record_bytes_max = 1 << 20};
	char *text = printed(&options, NULL);
	static const char *const words[] = {
		"--topic p.tallies --partitions 8 --replication-factor 3",
		"--topic p.responses --partitions 8",
		"--topic p.dead-letters --partitions 4",
		"--config message.timestamp.type=LogAppendTime",
		"--config retention.ms=86400000",
		"--config max.message.bytes=1179648",
		"--config min.insync.replicas=2",
		"--operation Read --operation Describe --topic 'surveys'",
		"--topic 'posts'",
		"--group 'g' --resource-pattern-type prefixed",
		"--transactional-id 'g/' --resource-pattern-type prefixed",
		"--allow-principal User:corridor ",
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strstr(text, words[i]) == NULL)
			fail_msg("\"%s\" is missing in:\n%s", words[i], text);
	free(text);
	text = printed(&options, "User:CN=x");
	assert_non_null(strstr(text, "--allow-principal User:CN=x "));
	assert_null(strstr(text, "--allow-principal User:corridor"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(properties_are_taken_or_refused_with_the_reason),
		cmocka_unit_test(the_defaults_make_working_clients),
		cmocka_unit_test(passed_properties_reach_the_clients),
		cmocka_unit_test(the_commands_for_an_administrator_name_everything),
	};
	return cmocka_run_group_tests_name("kafka/options", tests, NULL, NULL);
}
