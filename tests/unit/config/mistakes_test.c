#include "config_test.h"

#include <stdio.h>
#include <unistd.h>

/* yaml -> "LINE: TEXT" of every mistake, one a line; a text that ends in "..." is compared up to there. */
static const struct row {
	const char *yaml, *mistakes;
} rows[] = {
	/* keys */
	{SOURCE_LINE "kafak: {group: x}\n", "2: unknown key kafak; did you mean 'kafka'?\n"},
	{SOURCE_LINE "log:\n  lvel: info\n", "3: unknown key log.lvel; did you mean 'level'?\n"},
	{SOURCE_LINE "commit_interval: 1s\n",
	 "2: unknown key commit_interval; did you mean intake.commit_interval?\n"},
	{SOURCE_LINE "xyzzy: 1\n", "2: unknown key xyzzy\n"},
	{SOURCE_LINE "zone: UTC\nlog: {level: info}\nzone: UTC\n",
	 "4: zone is given twice, first in line 2\n"},
	{SOURCE_LINE "log:\n  level: info\n  level: warn\n",
	 "4: log.level is given twice, first in line 3\n"},
	{SOURCE_LINE "[a, b]: 1\n", "2: a key must be a word, not a list or map\n"},
	{SOURCE_LINE "<<: {zone: UTC}\n", "2: unknown key <<\n"},
	/* values */
	{SOURCE_LINE "intake:\n  commit_interval: 100\n",
	 "3: intake.commit_interval must be a duration such as ..."},
	{SOURCE_LINE "intake:\n  lanes: 65\n",
	 "3: intake.lanes must be a whole number from 1 to 64, not '65'\n"},
	{SOURCE_LINE "kafka:\n  shards: 513\n",
	 "3: kafka.shards must be a whole number from 1 to 512, not '513'\n"},
	{SOURCE_LINE "intake:\n  lanes: [1]\n", "3: intake.lanes must be a single value, not a list\n"},
	{SOURCE_LINE "intake:\n  lanes: {a: 1}\n", "3: intake.lanes must be a single value, not a map\n"},
	{SOURCE_LINE "intake:\n  lanes:\n",
	 "3: intake.lanes has no value; leave the key out to get its default\n"},
	{SOURCE_LINE "intake: 5\n", "2: intake must be a map of keys\n"},
	{SOURCE_LINE "intake:\n", ""},
	{SOURCE_LINE "log: {format: jsno}\n",
	 "2: log.format must be text or json, not 'jsno'; did you mean 'json'?\n"},
	{SOURCE_LINE "start: yesterday\n", "2: start must be window, earliest or latest, not 'yesterday'\n"},
	{SOURCE_LINE "roles: [intake, wach]\n",
	 "2: roles must be intake or watch, not 'wach'; did you mean 'watch'?\n"},
	{SOURCE_LINE "roles: []\n", "2: roles must name at least one of intake, watch\n"},
	{SOURCE_LINE "zone: \"a\\0b\"\n", "2: zone must not hold a NUL byte\n"},
	/* several at once, in the order of the lines */
	{"responses: {horizon: 1h}\n" SOURCE_LINE
	 "zone: Mars/Olympus\nlog:\n  lvel: info\nintake: {lanes: 0}\n",
	 "1: responses.horizon must be at least ...\n3: zone: ...\n5: unknown key log.lvel; did you mean "
	 "'level'?\n"
	 "6: intake.lanes must be a whole number from 1 to 64, not '0'\n"},
	/* several keys together */
	{SOURCE_LINE "windows: [5m, 1h]\nresponses: {horizon: 1h}\n",
	 "3: responses.horizon must be at least 61m (the longest window, 1h, and intake.max_future_skew), "
	 "not 1h: else responses "
	 "are forgotten while they still count\n"},
	{SOURCE_LINE "windows: [5m, 60m, 1h]\n", "2: windows: 1h is there twice, also as 60m\n"},
	{SOURCE_LINE "windows: [today, today]\n", "2: windows: today is there twice\n"},
	{SOURCE_LINE "windows: []\n", "2: windows must be 1 to 8, not 0\n"},
	{SOURCE_LINE "windows: [1m,2m,3m,4m,5m,6m,7m,8m,9m]\n", "2: windows must be 1 to 8, not 9\n"},
	{SOURCE_LINE "windows: [5m, fortnight]\n", "2: windows: ..."},
	{SOURCE_LINE "kafka:\n  retention: 1d\n", "3: kafka.retention must be at least 15d (twice the "
						  "longest window, 7d, and a day) or 0, which means that\n"},
	{SOURCE_LINE "responses: {horizon: 30d}\nkafka:\n  retention: 30d\n",
	 "4: kafka.retention must be at least 31d (responses.horizon, 30d, and a day) or 0, which means "
	 "that: "
	 "else a restart forgets responses that still count\n"},
	{SOURCE_LINE "responses: {horizon: 30d}\nkafka: {retention: 31d}\n", ""},
	{SOURCE_LINE "touchpoints:\n  zones:\n    berlin: Europe/Berlin\n    moon: Luna/Tranquility\n",
	 "5: touchpoints.zones: ..."},
	/* alerts */
	{SOURCE_LINE "alerts:\n  pages_per_week: few\n  page_evry: 1d\n",
	 "3: alerts.pages_per_week must be a number from 0 to ...\n"
	 "4: unknown key alerts.page_evry; did you mean 'page_every'?\n"},
	{SOURCE_LINE "alerts:\n  dashboard: dash.example.com\n  runbook: 'https://w/{what}'\n",
	 "3: alerts.dashboard must be a URL that begins with http:// or https://, not 'dash.example.com'\n"
	 "4: alerts.runbook must have no braces but ..."},
	{SOURCE_LINE "delivery:\n  quiet_hours: at night\n  mute: ['a*b']\n  group_wait: 2h\n",
	 "3: delivery.quiet_hours must be two different clock times such as 22:00-07:00, ...\n"
	 "4: delivery.mute must be a touchpoint's name, ...\n"
	 "5: delivery.group_wait must be a duration such as ...\n"},
	{SOURCE_LINE "sinks: pager\n", "2: sinks must be a list: `- {name: NAME, type: slack}` for each\n"},
	{SOURCE_LINE "sinks:\n  - pager\n",
	 "3: a sink must be a map with a name and a type: `- {name: NAME, type: slack}`\n"},
	{SOURCE_LINE
	 "sinks:\n  - {name: a, type: alertmanager, url: 'https://am.example.com', sevrity: page}\n",
	 "3: unknown key sevrity of a sink; did you mean 'severity'?\n"},
	{SOURCE_LINE
	 "sinks:\n  - {name: a, type: fax}\n  - {type: alertmanager, url: 'https://am.example.com'}\n",
	 "3: type of a sink must be alertmanager, ...\n3: sink a: url: ...\n4: sink: name: every "
	 "sink needs one\n"},
	{SOURCE_LINE "sinks:\n"
		     "  - {name: a, type: alertmanager, url: 'https://am.example.com'}\n"
		     "  - {name: a, type: alertmanager, url: 'https://am2.example.com'}\n",
	 "4: two sinks have the name a, first in line 3\n"},
	/* declared touchpoints */
	{SOURCE_LINE "touchpoints:\n  declared:\n    till: {runbook: wiki}\n",
	 "4: runbook of touchpoint till must be a URL ..."},
	{SOURCE_LINE "touchpoints:\n  declared:\n    till: {parent: shop}\n    shop:\n    all: {}\n", ""},
	{SOURCE_LINE "touchpoints: {declared: [a]}\n",
	 "2: touchpoints.declared must be a map: `NAME: {label: ..., parent: ...}` for each\n"},
	{SOURCE_LINE "touchpoints:\n  declared:\n    till: shop\n",
	 "4: a touchpoint must be a map such as {label: ..., parent: ...}\n"},
	{SOURCE_LINE "touchpoints:\n  declared:\n    till:\n      labl: x\n      moment_of_truth: maybe\n",
	 "5: unknown key labl of a touchpoint; did you mean 'label'?\n"
	 "6: moment_of_truth of a touchpoint must be true or false, not 'maybe'\n"},
	{SOURCE_LINE "touchpoints:\n  declared:\n    '': {}\n    [a]: {}\n",
	 "4: a touchpoint's name must have 1 to 200 bytes\n5: a key must be a word, not a list or map\n"},
	/* every mistake of theirs, two circles and a name that is there twice among them */
	{SOURCE_LINE "touchpoints:\n  declared:\n"
		     "    a: {parent: b}\n"
		     "    b: {parent: a}\n"
		     "    c: {parent: c}\n"
		     "    d: {parent: a}\n"
		     "    d: {parent: z}\n",
	 "4: touchpoints.declared: touchpoint a is its own ancestor: parents must not go in a circle\n"
	 "6: touchpoints.declared: touchpoint c is its own ancestor: parents must not go in a circle\n"
	 "8: touchpoints.declared: touchpoint d is declared twice, first in line 7\n"},
	{SOURCE_LINE "touchpoints:\n  max: 2\n  declared: {a: {parent: b}, c: {}}\n",
	 "3: touchpoints.max must be at least 3: so many are declared, or are parents of those\n"},
	{SOURCE_LINE "touchpoints:\n"
		     "  declared:\n"
		     "    a: {zone: Luna/Tranquility}\n"
		     "    b:\n"
		     "      label: x\n"
		     "      zone: Asia/Tokyo\n"
		     "    c: {zone: Asia/Tokyo}\n"
		     "  zones: {b: Europe/Berlin, c: Asia/Tokyo}\n",
	 "4: zone of a touchpoint: ...\n"
	 "7: zone of touchpoint b is Asia/Tokyo, but touchpoints.zones says Europe/Berlin in line 9\n"},
	{SOURCE_LINE "touchpoints: {zones: [a]}\n",
	 "2: touchpoints.zones must be a map: `NAME: Europe/Berlin` for each\n"},
	{SOURCE_LINE "redis: {url: 'http://localhost'}\n", "2: redis.url..."},
	{SOURCE_LINE "http:\n  listen: nowhere\n", "3: http.listen..."},
	{SOURCE_LINE "redis: {ttl: 1m}\npublish: {refresh: 60s}\n",
	 "2: redis.ttl must be at least twice publish.refresh for touchpoints.max: 240s\n"},
	{SOURCE_LINE "kafka: {brokers: ''}\n", "2: kafka.brokers must not be empty\n"},
	{SOURCE_LINE "kafka: {prefix: 'a b'}\n",
	 "2: kafka.prefix begins the names of topics: it must be 1 to 200 of a-z A-Z 0-9 . _ -\n"},
	{SOURCE_LINE "intake: {id_key_file: /nowhere/key}\n",
	 "2: intake.id_key_file: /nowhere/key can't be opened: No such file or directory\n"},
	{SOURCE_LINE "intake: {id_key_file: /dev/null}\n",
	 "2: intake.id_key_file: /dev/null must hold at least 16 bytes; ..."},
	/* sources */
	{"", "1: sources is missing: intake needs at least one `- topic: NAME`\n"},
	{"roles: [watch]\n", ""},
	{"sources: feedback\n",
	 "1: sources must be a list: `- topic: NAME` for each\n1: sources is missing: ..."},
	{"sources:\n  - feedback\n  - topic: b\n",
	 "2: a source must be a map with a topic: `- topic: NAME`\n"},
	{"sources:\n  - name: a\n", "2: a source needs a topic\n"},
	{"sources:\n  - topic: 'a b'\n", "2: topic 'a b': Kafka takes 1 to 249 of a-z A-Z 0-9 . _ -\n"},
	{"sources:\n  - topic: corridor.tallies\n",
	 "2: topic corridor.tallies is one of our own and can't be a source\n"},
	{"sources:\n  - topic: a\n  - topic: a\n", "3: topic a is a source twice, first in line 2\n"},
	{"sources:\n  - topic: a\n  - topic: b\n    name: a\n",
	 "3: two sources have the name a, first in line 2: their ids would mix\n"},
	{"sources:\n  - topic: a\n    fields:\n      scor: x\n",
	 "4: unknown key fields.scor of a source; did you mean 'score'?\n"},
	{"sources:\n  - topic: a\n    kind: tweets\n",
	 "3: kind of a source must be survey, relationship, social or review, not 'tweets'\n"},
	{"sources:\n  - topic: a\n    bytes_max: 2MiB\n",
	 "2: bytes_max of a source must not be above kafka.record_bytes_max\n"},
	{"sources:\n  - topic: a\n    fields: {id: x, score: x}\n", "2: fields of a source: ..."},
	/* librdkafka's properties */
	{SOURCE_LINE "kafka:\n  isolation.level: read_uncommitted\n", "3: kafka.isolation.level: ..."},
	{SOURCE_LINE "kafka:\n  bootstrap.servers: a:9092\n", "3: kafka.bootstrap.servers: ..."},
	{SOURCE_LINE "kafka:\n  scurity.protocol: ssl\n", "3: kafka.scurity.protocol: ..."},
	{SOURCE_LINE "kafka:\n  fetch.max.bytes: lots\n", "3: kafka.fetch.max.bytes: ..."},
	{SOURCE_LINE "kafka:\n  security.protocol: {a: b}\n",
	 "3: kafka.security.protocol must be a single value, not a map\n"},
	/* the environment */
	{SOURCE_LINE "zone: ${CT_UNSET}\n", "2: zone needs the environment variable CT_UNSET, which is not "
					    "set; ${CT_UNSET:-default} would give it a default\n"},
	{SOURCE_LINE "zone: ${CT_LATIN1}\n",
	 "2: zone needs UTF-8 text in the environment variable CT_LATIN1\n"},
	{SOURCE_LINE "zone: ${CT_UNSET\n", "2: zone holds '${' without '}'; write $${ for a plain ${\n"},
	{SOURCE_LINE "zone: ${no such}\n",
	 "2: zone holds '${no such}', which names no environment variable; ..."},
	{SOURCE_LINE "intake: {lanes: \"${CT_SECRET}\"}\n",
	 "2: intake.lanes must be a whole number from 1 to 64, and is not after ${...} was filled in\n"},
	/* YAML */
	{"a: [1\n", "2: not YAML: ..."},
	{"zone: UTC\n\tx: 1\n", "2: not YAML: ..."},
	{"zone: \xFF\n", "1: not UTF-8 text: ..."},
	{"zone: UTC\nlog: \xC3\x28\n", "2: not UTF-8 text: ..."},
	{SOURCE_LINE "---\nzone: UTC\n", "3: a second document begins here; a configuration is one\n"},
	{"- a\n- b\n", "1: the file must be a map of keys: `key: value` lines\n1: sources is missing: ..."},
	{"&a {zone: *a}\n", "1: zone must be a single value, not a map\n1: sources is missing: ..."},
};

/* Is `got` as `want` says, where "..." stands for the rest of a line? */
static bool as_expected(const char *got, const char *want)
{
	while (*want != '\0') {
		if (strncmp(want, "...", 3) == 0 && (want[3] == '\n' || want[3] == '\0')) {
			got += strcspn(got, "\n");
			want += 3;
			if (*want == '\0')
				return strcmp(got, "\n") == 0;
		} else if (*got++ != *want++)
			return false;
	}
	return *got == '\0';
}

static void every_mistake_is_named_with_its_line(void **state)
{
	(void)state;
	setenv("CT_SECRET", "hunter2", 1);
	setenv("CT_LATIN1", "caf\xE9", 1);
	unsetenv("CT_UNSET");
	unsigned failed = 0;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct config_report report = {0};
		struct config *config = config_read(str_of(rows[i].yaml), CONFIG_FOR_RUN, &report);
		char got[4000] = "";
		for (unsigned m = 0; m < report.count; m++)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%u: %s\n", report.at[m].line,
				 report.at[m].text);
		if (!as_expected(got, rows[i].mistakes) || (config != NULL) != (*rows[i].mistakes == '\0') ||
		    strstr(got, "hunter2")) {
			print_error("--- %s--- wanted\n%s\n--- got\n%s\n", rows[i].yaml, rows[i].mistakes,
				    got);
			failed++;
		}
		config_destroy(config);
		config_report_release(&report);
	}
	assert_int_equal(failed, 0);
}

static void a_replay_needs_no_sources(void **state)
{
	(void)state;
	struct config_report report = {0};
	struct config *config = config_read(STR("windows: [5m]\n"), CONFIG_FOR_REPLAY, &report);
	assert_non_null(config);
	config_destroy(config);
}

static void endless_mistakes_are_cut_off(void **state)
{
	(void)state;
	char *yaml = malloc(100000);
	size_t len = 0;
	for (int i = 0; i < 500; i++)
		len += (size_t)sprintf(yaml + len, "unknown_%d: 1\n", i);
	struct config_report report = {0};
	assert_null(config_read((struct str){yaml, len}, CONFIG_FOR_RUN, &report));
	assert_int_equal(report.count, CONFIG_MISTAKES_MAX);
	assert_int_equal(report.left_out, 501 - CONFIG_MISTAKES_MAX);
	config_report_release(&report);
	free(yaml);
}

static void a_file_is_read_or_said_to_be_unreadable(void **state)
{
	(void)state;
	struct config_report report = {0};
	assert_null(config_load("/nowhere/corridor.yaml", CONFIG_FOR_RUN, &report));
	assert_int_equal(report.at[0].line, 0);
	assert_string_equal(report.at[0].text, "can't be opened: No such file or directory");
	config_report_release(&report);
	assert_null(config_load("/", CONFIG_FOR_RUN, &report));
	config_report_release(&report);
	assert_null(config_load("/dev/zero", CONFIG_FOR_RUN, &report));
	assert_non_null(strstr(report.at[0].text, "larger than"));
	config_report_release(&report);

	char path[] = "/tmp/config_test.XXXXXX";
	int fd = mkstemp(path);
	assert_true(write(fd, SOURCE_LINE, strlen(SOURCE_LINE)) == (ssize_t)strlen(SOURCE_LINE));
	close(fd);
	struct config *config = config_load(path, CONFIG_FOR_RUN, &report);
	unlink(path);
	assert_non_null(config);
	config_destroy(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_is_named_with_its_line),
		cmocka_unit_test(a_replay_needs_no_sources),
		cmocka_unit_test(endless_mistakes_are_cut_off),
		cmocka_unit_test(a_file_is_read_or_said_to_be_unreadable),
	};
	return cmocka_run_group_tests_name("config/mistakes", tests, NULL, NULL);
}
