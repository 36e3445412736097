#include "config_test.h"

#include <stdio.h>

static void an_almost_empty_file_gives_the_defaults(void **state)
{
	(void)state;
	struct config *config = must_read(SOURCE_LINE);
	assert_true(config->intake_here && config->watch_here);
	assert_string_equal(config->general.zone, "UTC");
	assert_int_equal(config->windows_count, 5);
	assert_string_equal(config->windows[4].name, "today");
	assert_int_equal(config->windows[3].length_s, 7 * 86400);
	assert_string_equal(config->redis.windows[3], "7d");
	assert_null(config->redis.windows[5]);
	assert_int_equal(config->reach_ms, 7 * 86400000LL);
	assert_int_equal(config->kafka.retention_ms, 15 * 86400000LL);
	assert_int_equal(config->redis.retention_ms, 15 * 86400000LL);
	assert_int_equal(config->general.start, CONFIG_START_WINDOW);
	assert_int_equal(config->intake.commit_interval_ms, 100);
	assert_int_equal(config->intake.touchpoints_max, 20000);
	assert_int_equal(config->log.level, LOG_LEVEL_INFO);
	assert_true(config->responses.horizon_ms >= config->reach_ms + config->intake.max_future_skew_ms);
	assert_int_equal(config->sources_count, 1);
	assert_string_equal(config->topics[0], "feedback");
	assert_string_equal(config->intake_sources[0].name, "feedback");
	assert_int_equal(config->intake_sources[0].mapping.ledger, LEDGER_SURVEY);
	assert_int_equal(config->intake_sources[0].mapping.bytes_max, 1 << 20);
	config_destroy(config);
}

static void all_forms_of_values_arrive(void **state)
{
	(void)state;
	struct config *config = must_read(
		"roles: watch\n"
		"windows: [5m, \"90m\"]\n"
		"start: earliest\n"
		"kafka:\n"
		"  brokers: a:9092,b:9092\n"
		"  security.protocol: ssl\n"
		"  fetch.wait.max.ms: 50\n"
		"  debug: \"broker\"\n"
		"redis: {url: 'unix:///run/redis.sock?db=2', prefix: nps}\n"
		"intake: {max_future_skew: 0s}\n"
		"touchpoints:\n"
		"  max: 7\n"
		"  zones: {berlin: Europe/Berlin, 'new york: main': America/New_York}\n"
		"log:\n"
		"  level: debug # a comment\n"
		"sources:\n"
		"  - topic: surveys\n"
		"    fields:\n"
		"      id: response.id\n"
		"      score: answers.nps.value\n"
		"      comment: '-'\n"
		"  - {topic: tweets, name: social-posts, kind: social, bytes_max: 64KiB, depth_max: 9}\n");
	assert_true(config->watch_here && !config->intake_here);
	assert_int_equal(config->windows_count, 2);
	assert_int_equal(config->reach_ms, 90 * 60000);
	assert_int_equal(config->general.start, CONFIG_START_EARLIEST);
	assert_string_equal(config->kafka.brokers, "a:9092,b:9092");
	assert_int_equal(config->kafka.properties_count, 3);
	assert_string_equal(config->kafka.properties[0].name, "security.protocol");
	assert_string_equal(config->kafka.properties[0].value, "ssl");
	assert_string_equal(config->kafka.properties[2].value, "broker");
	assert_string_equal(config->redis.url, "unix:///run/redis.sock?db=2");
	assert_string_equal(config->redis.prefix, "nps");
	assert_int_equal(config->intake.max_future_skew_ms, 0);
	assert_int_equal(config->intake.touchpoints_max, 7);
	assert_int_equal(config->zones_count, 2);
	assert_string_equal(config->zones[1].touchpoint, "new york: main");
	assert_string_equal(config->zones[1].zone, "America/New_York");
	assert_int_equal(config->log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->sources_count, 2);
	const struct feedback_mapping *mapping = &config->intake_sources[0].mapping;
	assert_string_equal(mapping->path[FEEDBACK_ID], "response.id");
	assert_string_equal(mapping->path[FEEDBACK_SCORE], "answers.nps.value");
	assert_string_equal(mapping->path[FEEDBACK_COMMENT], "-");
	assert_null(mapping->path[FEEDBACK_TIME]);
	assert_string_equal(config->topics[1], "tweets");
	assert_string_equal(config->intake_sources[1].name, "social-posts");
	assert_int_equal(config->intake_sources[1].mapping.ledger, LEDGER_SOCIAL);
	assert_int_equal(config->intake_sources[1].mapping.bytes_max, 65536);
	assert_int_equal(config->intake_sources[1].mapping.depth_max, 9);
	config_destroy(config);
}

static void touchpoints_are_declared_in_the_customers_order(void **state)
{
	(void)state;
	struct config *config = must_read(SOURCE_LINE "touchpoints:\n"
						      "  zones: {door: Asia/Tokyo, elsewhere: UTC}\n"
						      "  declared:\n"
						      "    till:\n"
						      "      label: 'Kasse \"1\"'\n"
						      "      parent: shop\n"
						      "      team: front\n"
						      "      journey: buy\n"
						      "      stage: pay\n"
						      "      moment_of_truth: true\n"
						      "      runbook: https://wiki/till\n"
						      "      zone: Europe/Berlin\n"
						      "    door: {parent: shop, zone: Asia/Tokyo}\n"
						      "    shop:\n");
	assert_int_equal(registry_count(config->registry), 3);
	const struct registry_touchpoint *till = registry_at(config->registry, 0);
	assert_string_equal(till->name, "till");
	assert_string_equal(till->label, "Kasse \"1\"");
	assert_string_equal(till->parent, "shop");
	assert_string_equal(till->team, "front");
	assert_string_equal(till->journey, "buy");
	assert_string_equal(till->stage, "pay");
	assert_string_equal(till->runbook, "https://wiki/till");
	assert_true(till->moment_of_truth);
	assert_int_equal(till->line, 5);
	assert_null(registry_at(config->registry, 1)->label);
	assert_string_equal(registry_at(config->registry, 2)->name, "shop");
	assert_int_equal(config->zones_count, 3);
	assert_string_equal(config->zones[2].touchpoint, "till");
	assert_string_equal(config->zones[2].zone, "Europe/Berlin");
	assert_string_equal(config->declared[1].zone, "Asia/Tokyo");
	assert_string_equal(config->registry_zones[0], "Europe/Berlin");
	assert_string_equal(config->registry_zones[1], "Asia/Tokyo");
	assert_null(config->registry_zones[2]);
	config_destroy(config);
	config = must_read(SOURCE_LINE);
	assert_int_equal(registry_count(config->registry), 0);
	config_destroy(config);
}

static void alerts_have_receivers(void **state)
{
	(void)state;
	struct config *config =
		must_read(SOURCE_LINE
			  "alerts: {pages_per_week: 0.5, ticket_every: 30d, rise_min: 0.2}\n"
			  "delivery: {quiet_hours: 22:00-07:00, mute: [lab-*, test], give_up: 1h}\n"
			  "sinks:\n"
			  "  - {name: am, type: alertmanager, url: 'https://am.example.com'}\n"
			  "  - {name: am2, type: alertmanager, url: 'https://b.example.com', severity: page,"
			  "     kinds: [silence]}\n");
	assert_true(config->alerts.enabled && config->alerts.pages_per_week == 0.5);
	assert_int_equal(config->alerts.ticket_every_ms, 30 * 86400000LL);
	assert_string_equal(config->delivery.quiet_hours, "22:00-07:00");
	assert_int_equal(config->delivery.mute.count, 2);
	assert_int_equal(config->sinks_count, 2);
	assert_int_equal(config->delivery.give_up_ms, 3600000);
	assert_string_equal(config->sinks[1].name, "am2");
	assert_int_equal(config->sinks[1].type, SINK_ALERTMANAGER);
	assert_int_equal(config->sinks[0].severity, ALERT_TICKET);
	assert_int_equal(config->sinks[1].severity, ALERT_PAGE);
	assert_int_equal(config->sinks[1].kinds.count, 1);
	config_destroy(config);
	/* the secrets of a configuration that is only replayed are nobody's business */
	struct config_report report = {0};
	config = config_read(STR("sinks: [{name: pd, type: pagerduty, secret_file: /nowhere/key}]\n"),
			     CONFIG_FOR_REPLAY, &report);
	assert_non_null(config);
	config_destroy(config);
}

static void names_of_ledgers_and_fields_are_those_of_feedback(void **state)
{
	(void)state;
	for (int ledger = 0; ledger < LEDGERS; ledger++) {
		char yaml[200];
		snprintf(yaml, sizeof yaml, "sources: [{topic: a, kind: %s}]\n",
			 ledger_name((enum ledger)ledger));
		struct config *config = must_read(yaml);
		assert_int_equal(config->intake_sources[0].mapping.ledger, ledger);
		config_destroy(config);
	}
	for (int field = 0; field < FEEDBACK_FIELDS; field++) {
		char yaml[200];
		snprintf(yaml, sizeof yaml, "sources: [{topic: a, fields: {%s: some.where}}]\n",
			 feedback_field_name((enum feedback_field)field));
		struct config *config = must_read(yaml);
		assert_string_equal(config->intake_sources[0].mapping.path[field], "some.where");
		config_destroy(config);
	}
}

static void the_environment_is_put_in(void **state)
{
	(void)state;
	setenv("CT_NAME", "alpha", 1);
	setenv("CT_EMPTY", "", 1);
	unsetenv("CT_UNSET");
	static const struct {
		const char *text, *value;
	} cases[] = {
		{"${CT_NAME}", "alpha"},
		{"a-${CT_NAME}-${CT_NAME}z", "a-alpha-alphaz"},
		{"${CT_UNSET:-beta}", "beta"},
		{"${CT_UNSET:-}x", "x"},
		{"${CT_EMPTY}x", "x"},
		{"${CT_EMPTY:-beta}", "beta"},
		{"${CT_NAME:-beta}", "alpha"},
		{"$${CT_NAME}", "${CT_NAME}"},
		{"a$b$", "a$b$"},
		{"$$", "$$"},
		{"$$${CT_NAME}", "$${CT_NAME}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char yaml[200];
		snprintf(yaml, sizeof yaml, SOURCE_LINE "kafka: {group: '%s'}\n", cases[i].text);
		struct config *config = must_read(yaml);
		assert_string_equal(config->kafka.group, cases[i].value);
		config_destroy(config);
	}
}

static char *printed(size_t *len)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, len);
	config_print_defaults(file);
	fclose(file);
	return text;
}

static void the_printed_file_is_read_back_as_the_defaults(void **state)
{
	(void)state;
	size_t len;
	char *text = printed(&len);
	struct config *config = must_read(text), *defaults = must_read(SOURCE_LINE);
	struct config_changes changes = {0};
	config_compare(defaults, config, &changes);
	for (unsigned i = 0; i < changes.count; i++)
		print_error("%s\n", changes.at[i].text);
	assert_int_equal(changes.count, 0);
	config_changes_release(&changes);
	config_destroy(config);
	config_destroy(defaults);
	free(text);
}

/* Every key must be in the printed file, those without a default in a comment. */
static void the_printed_file_names_every_key(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"roles: ",  "windows: ", "brokers: ", "url: ",	 "commit_interval: ", "# id_key_file:",
		"listen: ", "level: ",	 "horizon: ", "zones: ", "declared: ",	      "moment_of_truth: ",
		"topic: ",  "kind: ",	 "score: ",   "start: "};
	size_t len;
	char *text = printed(&len);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strstr(text, keys[i]) == NULL)
			fail_msg("%s is not in\n%s", keys[i], text);
	for (char *line = text; line != NULL && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		assert_int_not_equal(*line, '\t');
	free(text);
}

/* Long enough for what a restart reads again: the tallies of both halves of the longest window, the journal of the horizon. */
static void retention_follows_windows_and_horizon(void **state)
{
	(void)state;
	static const struct {
		const char *yaml;
		int days;
	} rows[] = {
		{SOURCE_LINE, 15},
		{SOURCE_LINE "responses: {horizon: 14d}\n", 15},
		{SOURCE_LINE "responses: {horizon: 30d}\n", 31},
		{SOURCE_LINE "windows: [30d]\nresponses: {horizon: 31d}\n", 61},
		{SOURCE_LINE "kafka: {retention: 40d}\n", 40},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct config *config = must_read(rows[i].yaml);
		assert_int_equal(config->kafka.retention_ms, rows[i].days * INT64_C(86400000));
		config_destroy(config);
	}
}

static void secrets_are_hidden_from_the_log(void **state)
{
	(void)state;
	config_destroy(must_read(SOURCE_LINE "kafka: {sasl.password: kafka-pass-1}\n"
					     "redis: {url: 'redis://me:redis-pass-2@localhost:6379/0'}\n"));
	char path[] = "/tmp/config_test.XXXXXX", got[500] = "";
	int fd = mkstemp(path);
	log_to(fd);
	log_info("it was kafka-pass-1 and redis-pass-2 at me");
	log_to(2);
	FILE *file = fopen(path, "r");
	assert_non_null(fgets(got, sizeof got, file));
	fclose(file);
	remove(path);
	assert_non_null(strstr(got, "it was *** and *** at me"));
}

static void the_id_key_comes_from_the_file(void **state)
{
	(void)state;
	char path[] = "/tmp/config_test.XXXXXX", yaml[200];
	FILE *file = fdopen(mkstemp(path), "w");
	fputs("0123456789abcdef\n", file);
	fclose(file);
	snprintf(yaml, sizeof yaml, SOURCE_LINE "intake: {id_key_file: %s}\n", path);
	struct config *config = must_read(yaml), *without = must_read(SOURCE_LINE);
	remove(path);
	struct hash_key key;
	hash_key_from(&key, STR("0123456789abcdef"));
	assert_memory_equal(&key, &config->id_key, sizeof key);
	assert_memory_not_equal(&key, &without->id_key, sizeof key);
	config_destroy(config);
	config_destroy(without);
}

/* The journal holds ids under it, and the prefix says whose journal that is: a group may be renamed. */
static void without_a_file_the_id_key_follows_from_the_prefix(void **state)
{
	struct config *a = must_read("kafka: {group: a, prefix: p}\n" SOURCE_LINE);
	struct config *b = must_read("kafka: {group: b, prefix: p}\n" SOURCE_LINE);
	struct config *c = must_read("kafka: {group: a, prefix: q}\n" SOURCE_LINE);
	assert_memory_equal(&a->id_key, &b->id_key, sizeof a->id_key);
	assert_memory_not_equal(&a->id_key, &c->id_key, sizeof a->id_key);
	assert_int_equal(hash_key_print(&a->id_key), hash_key_print(&b->id_key));
	assert_int_not_equal(hash_key_print(&a->id_key), hash_key_print(&c->id_key));
	config_destroy(a);
	config_destroy(b);
	config_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_almost_empty_file_gives_the_defaults),
		cmocka_unit_test(all_forms_of_values_arrive),
		cmocka_unit_test(touchpoints_are_declared_in_the_customers_order),
		cmocka_unit_test(alerts_have_receivers),
		cmocka_unit_test(names_of_ledgers_and_fields_are_those_of_feedback),
		cmocka_unit_test(the_environment_is_put_in),
		cmocka_unit_test(the_printed_file_is_read_back_as_the_defaults),
		cmocka_unit_test(the_printed_file_names_every_key),
		cmocka_unit_test(retention_follows_windows_and_horizon),
		cmocka_unit_test(secrets_are_hidden_from_the_log),
		cmocka_unit_test(the_id_key_comes_from_the_file),
		cmocka_unit_test(without_a_file_the_id_key_follows_from_the_prefix),
	};
	return cmocka_run_group_tests_name("config/load", tests, NULL, NULL);
}
