#include "config_test.h"

static void changes_are_sentences(void **state)
{
	(void)state;
	static const struct {
		const char *was, *is, *text;
		bool live;
	} rows[] = {
		{"", "log: {level: debug}\n", "log.level is debug, was info", true},
		{"", "kafka: {group: x}\n", "kafka.group is x, was corridor; this needs a restart", false},
		{"intake: {id_key_file: /proc/version}\n", "",
		 "intake.id_key_file is absent, was /proc/version; this needs a restart", false},
		{"", "windows: [5m, 1h]\nkafka: {retention: 15d}\n",
		 "windows is [5m, 1h], was [5m, 1h, 24h, 7d, today]; this needs a restart", false},
		{"", "redis: {url: 'redis://u:pass@h:1/0'}\n", "redis.url is another; this needs a restart",
		 false},
		{"", "kafka: {client.id: a}\n", "kafka.client.id is new; this needs a restart", false},
		{"kafka: {client.id: a}\n", "kafka: {client.id: b}\n",
		 "kafka.client.id is another; this needs a restart", false},
		{"kafka: {client.id: a}\n", "", "kafka.client.id is another; this needs a restart", false},
		{"", "touchpoints: {zones: {a: Europe/Berlin}}\n",
		 "touchpoints.zones is another; this needs a restart", false},
		{"", "alerts: {pages_per_week: 3}\n", "alerts.pages_per_week is 3, was 1", true},
		{"", "alerts: {page_every: 365d}\n", "alerts.page_every is 365d, was absent", true},
		{"alerts: {ticket_every: 30d}\n", "", "alerts.ticket_every is absent, was 30d", true},
		{"", "alerts: {rise_min: 0.2}\n", "alerts.rise_min is 0.2, was 0", true},
		{"", "alerts: {silence: false}\n", "alerts.silence is false, was true", true},
		{"", "alerts: {runbook: 'https://wiki'}\n", "alerts.runbook is https://wiki, was absent",
		 true},
		{"", "alerts: {enabled: false}\n", "alerts.enabled is false, was true; this needs a restart",
		 false},
		{"", "alerts: {promoter_rise: true}\n",
		 "alerts.promoter_rise is true, was false; this needs a restart", false},
		{"sinks: [{name: a, type: alertmanager, url: 'https://am'}]\n", "",
		 "the sink a is gone; this needs a restart", false},
		{"sinks: [{name: a, type: alertmanager, url: 'https://am'}]\n",
		 "sinks: [{name: a, type: alertmanager, url: 'https://am', severity: page}]\n",
		 "the sink a is another; this needs a restart", false},
		{"", "sinks: [{name: a, type: alertmanager, url: 'https://am'}]\n",
		 "the sink a is new; this needs a restart", false},
		{"touchpoints: {declared: {a: {parent: b}}}\n", "touchpoints: {declared: {a: {parent: c}}}\n",
		 "touchpoints.declared is another; this needs a restart", false},
		{"touchpoints: {declared: {a: , b: }}\n", "touchpoints: {declared: {b: , a: }}\n",
		 "touchpoints.declared is another; this needs a restart", false},
		{"touchpoints: {declared: {a: }}\n", "touchpoints: {declared: {a: {zone: Asia/Tokyo}}}\n",
		 "touchpoints.zones is another; this needs a restart", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char was_yaml[300] = SOURCE_LINE, is_yaml[300] = SOURCE_LINE;
		struct config *was = must_read(strcat(was_yaml, rows[i].was)),
			      *is = must_read(strcat(is_yaml, rows[i].is));
		struct config_changes changes = {0};
		config_compare(was, is, &changes);
		assert_int_equal(changes.count, 1);
		assert_string_equal(changes.at[0].text, rows[i].text);
		assert_int_equal(changes.at[0].live, rows[i].live);
		config_changes_release(&changes);
		config_destroy(was);
		config_destroy(is);
	}
}

static void sources_come_change_and_go(void **state)
{
	(void)state;
	struct config *was = must_read("sources: [{topic: a}, {topic: b}]\n");
	struct config *is = must_read("sources: [{topic: c}, {topic: b, kind: review}]\n");
	struct config_changes changes = {0};
	config_compare(was, is, &changes);
	assert_int_equal(changes.count, 3);
	assert_string_equal(changes.at[0].text, "the source a is gone; this needs a restart");
	assert_string_equal(changes.at[1].text, "the source b is another; this needs a restart");
	assert_string_equal(changes.at[2].text, "the source c is new; this needs a restart");
	config_changes_release(&changes);
	config_destroy(was);
	config_destroy(is);
}

static void only_live_values_are_taken_over(void **state)
{
	(void)state;
	struct config *running = must_read(SOURCE_LINE "alerts: {page_every: 365d}\n"),
		      *fresh = must_read(
			      SOURCE_LINE
			      "log: {level: error, format: json}\nkafka: {group: x}\n"
			      "delivery: {quiet_hours: 22:00-07:00, mute: [lab-*]}\n"
			      "alerts: {enabled: false, ticket_every: 30d, dashboard: 'https://d'}\n");
	config_apply_live(running, fresh);
	config_destroy(fresh); /* nothing of it is needed any more */
	assert_int_equal(running->log.level, LOG_LEVEL_ERROR);
	assert_int_equal(running->log.format, LOG_FORMAT_JSON);
	assert_string_equal(running->kafka.group, "corridor");
	assert_string_equal(running->delivery.quiet_hours, "22:00-07:00");
	assert_string_equal(running->delivery.mute.at[0], "lab-*");
	assert_true(running->alerts.enabled);
	assert_int_equal(running->alerts.page_every_ms, 0);
	assert_int_equal(running->alerts.ticket_every_ms, 30 * 86400000LL);
	assert_string_equal(running->alerts.dashboard, "https://d");
	config_destroy(running);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_sentences),
		cmocka_unit_test(sources_come_change_and_go),
		cmocka_unit_test(only_live_values_are_taken_over),
	};
	return cmocka_run_group_tests_name("config/reload", tests, NULL, NULL);
}
