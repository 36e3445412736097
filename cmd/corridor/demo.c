#include "demo.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "commands.h"
#include "log/log.h"
#include "os/os.h"

enum { PARTITIONS = 4, FRAME_MS = 250, SNAPSHOT_MS = 5000, LIVE_MARGIN_MS = 1000 };

struct demo {
	int64_t for_ms; /* 0: until Ctrl-C */
	const char *brokers; /* NULL: embedded */
	struct kafka_embedded *embedded;
	struct demo_redis *redis;
	struct config *config;
	struct pipeline_setup setup;
	struct pipeline *pipeline;
	struct demo_feed *feed;
	struct demo_board *board;
	struct terminal *terminal;
	struct os_signals *signals;
	int64_t began_ns;
	char name
		[40]; /* of the topics, the group: new each time, since a real Kafka remembers the last demo */
	char topic[60];
	char status[4][ALERT_SUMMARY_MAX + 100];
};

static bool load_config(struct demo *d, struct err *err)
{
	char yaml[1000];
	struct config_report report = {0};
	snprintf(d->name, sizeof d->name, "corridor-demo-%lld", (long long)os_wall_ms());
	snprintf(d->topic, sizeof d->topic, "%s.feedback", d->name);
	int len = snprintf(yaml, sizeof yaml,
			   "kafka: {brokers: '%s', group: %s, prefix: %s, shards: 4}\n"
			   "redis: {url: '%s'}\n"
			   "windows: [1m, 5m, 1h, today]\n"
			   "http: {listen: 'off'}\n"
			   "log: {level: error}\n"
			   "sources: [{topic: %s}]\n"
			   "alerts: {ticket_every: 2h, page_every: 12h, silence: false}\n",
			   d->brokers ? d->brokers : kafka_embedded_brokers(d->embedded), d->name, d->name,
			   demo_redis_url(d->redis), d->topic);
	d->config = config_read((struct str){yaml, (size_t)len}, CONFIG_FOR_RUN, &report);
	if (d->config == NULL)
		err_set(err, "the demo's configuration: %s", report.count ? report.at[0].text : "?");
	config_report_release(&report);
	return d->config != NULL;
}

static bool make_topics(struct demo *d, struct err *err)
{
	if (d->embedded)
		return kafka_embedded_topic(d->embedded, d->topic, PARTITIONS, err) &&
		       kafka_embedded_own_topics(d->embedded, &d->config->kafka, err);
	return kafka_topic_create(&d->config->kafka, d->topic, PARTITIONS, 1, NULL, 0, 15000, err);
}

static bool start(struct demo *d, struct err *err)
{
	d->redis = demo_redis_start(err);
	if (d->redis == NULL)
		return false;
	if (d->brokers == NULL && (d->embedded = kafka_embedded_open(1, err)) == NULL)
		return false;
	if (!load_config(d, err))
		return false;
	log_setup(&d->config->log);
	if (!make_topics(d, err) || !pipeline_setup_from(&d->setup, d->config, err))
		return false;
	d->board = demo_board_create(d->config);
	d->setup.embedded = d->embedded != NULL;
	d->setup.start = CONFIG_START_EARLIEST;
	d->setup.published = demo_board_published;
	d->setup.published_context = d->board;
	d->setup.told = demo_board_told;
	d->setup.told_context = d->board;
	d->pipeline = pipeline_create(&d->setup, err);
	if (d->pipeline == NULL || !pipeline_start(d->pipeline, err))
		return false;
	d->feed = demo_feed_start(&d->config->kafka, d->topic, os_wall_ms() - LIVE_MARGIN_MS, err);
	return d->feed != NULL;
}

static uint64_t rejected(const struct intake_counts *c)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < FEEDBACK_REASONS; i++)
		sum += c->rejected[i];
	return sum;
}

static void set_status(struct demo *d, struct terminal_page *page)
{
	struct pipeline_figures f = pipeline_figures(d->pipeline);
	snprintf(d->status[0], sizeof d->status[0],
		 "%" PRIu64 " messages read: %" PRIu64 " edits, %" PRIu64 " repeats, %" PRIu64
		 " deletions, %" PRIu64 " to the dead letters; %" PRIu64 " commits, %" PRIu64
		 " writes to Redis",
		 f.counts.consumed, f.counts.edits, f.counts.duplicates, f.counts.deletions,
		 rejected(&f.counts), f.commits, f.published);
	if (demo_feed_incident_now(d->feed))
		snprintf(d->status[1], sizeof d->status[1],
			 "incident (scripted): nine of ten answers at %s are detractors now",
			 demo_feed_incident(d->feed));
	else
		d->status[1][0] = '\0';
	unsigned raised, resolved;
	demo_board_sentence(d->board, d->status[2], sizeof d->status[2], &raised, &resolved);
	snprintf(d->status[3], sizeof d->status[3],
		 "look into it yourself: redis-cli -s %s hgetall 'corridor:{%s}:survey:5m'",
		 demo_redis_socket(d->redis), demo_feed_incident(d->feed));
	for (unsigned i = 0; i < 4; i++)
		page->status[i] = str_of(d->status[i]);
}

static void show(struct demo *d)
{
	struct terminal_page page = {.title = STR("Corridor"), .now_ms = os_wall_ms()};
	page.subtitle = d->embedded
				? STR("rolling NPS of a synthetic feed: embedded Kafka broker, private Redis")
				: STR("rolling NPS of a synthetic feed: Apache Kafka, private Redis");
	demo_board_page(d->board, &page);
	set_status(d, &page);
	terminal_show(d->terminal, &page);
}

static bool live(struct demo *d, struct err *err)
{
	bool screen = terminal_is_live(d->terminal);
	int64_t shown_ns = 0;
	for (;;) {
		int64_t now_ns = os_monotonic_ns();
		if (d->for_ms && now_ns - d->began_ns >= d->for_ms * 1000000)
			return true;
		if (os_signals_wait(d->signals, FRAME_MS) == OS_SIGNAL_STOP)
			return true;
		if (!pipeline_tick(d->pipeline, err))
			return false;
		if (now_ns - shown_ns < (screen ? FRAME_MS : SNAPSHOT_MS) * 1000000LL)
			continue;
		shown_ns = now_ns;
		show(d);
	}
}

static void summary(struct demo *d, uint64_t sent)
{
	struct pipeline_figures f = pipeline_figures(d->pipeline);
	printf("\nSent %" PRIu64 " messages, read %" PRIu64 " in %" PRIu64 " transactions, wrote %" PRIu64
	       " publications to Redis.\n",
	       sent, f.counts.consumed, f.commits, f.published);
	printf("%" PRIu64 " edits, %" PRIu64 " deletions, %" PRIu64 " duplicates and %" PRIu64
	       " superseded versions were worked in; %" PRIu64 " messages went to the dead letters:\n",
	       f.counts.edits, f.counts.deletions, f.counts.duplicates, f.counts.superseded,
	       rejected(&f.counts));
	for (unsigned i = 0; i < FEEDBACK_REASONS; i++)
		if (f.counts.rejected[i])
			printf("  %-12s %6" PRIu64 "  %s\n", feedback_reason_code((enum feedback_reason)i),
			       f.counts.rejected[i], feedback_reason_sentence((enum feedback_reason)i));
	char sentence[ALERT_SUMMARY_MAX + 40];
	unsigned raised, resolved;
	if (demo_board_sentence(d->board, sentence, sizeof sentence, &raised, &resolved))
		printf("Incidents: %u raised, %u resolved, with settings for a demo (at most one false page "
		       "per "
		       "touchpoint in 12 hours). The last word: %s\n",
		       raised, resolved, sentence);
	if (d->embedded)
		puts("The broker was librdkafka's mock: fine to look at; exactly once is proved on Apache "
		     "Kafka (make demo-kafka, make test).");
}

static void release(struct demo *d)
{
	pipeline_destroy(d->pipeline);
	pipeline_setup_release(&d->setup);
	demo_board_destroy(d->board);
	config_destroy(d->config);
	kafka_embedded_close(d->embedded);
	demo_redis_stop(d->redis);
	os_signals_close(d->signals);
}

/* What was sent last is still on its way: the numbers of the summary should meet. */
static void drain(struct demo *d, uint64_t sent)
{
	for (int i = 0; i < 50 && pipeline_figures(d->pipeline).counts.consumed < sent; i++)
		(void)os_signals_wait(d->signals, 100);
}

static int demo(struct demo *d)
{
	struct err err = {0};
	d->signals = os_signals_open(&err);
	d->began_ns = os_monotonic_ns();
	bool fine = d->signals && start(d, &err);
	if (fine) {
		d->terminal = terminal_open(stdout);
		fine = live(d, &err);
		show(d);
		terminal_close(d->terminal);
		uint64_t sent = demo_feed_stop(d->feed);
		if (fine)
			drain(d, sent);
		pipeline_stop(d->pipeline);
		if (fine)
			summary(d, sent);
	}
	release(d);
	return fine ? EXIT_FINE : command_failed(&command_demo, &err);
}

static int demo_run(int argc, char **argv)
{
	static const struct option options[] = {
		{"for", required_argument, NULL, 'f'}, {"brokers", required_argument, NULL, 'b'}, {0}};
	struct demo d = {0};
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (!units_duration(str_of(optarg), &d.for_ms) || d.for_ms <= 0)
				return command_usage(&command_demo,
						     "--for is a time such as 30s or 2m, not '%s'", optarg);
			break;
		case 'b': d.brokers = optarg; break;
		default: return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return command_usage(&command_demo, "what is '%s'?", argv[optind]);
	return demo(&d);
}

const struct command command_demo = {
	.name = "demo",
	.summary = "the main job on synthetic feedback, live in this terminal",
	.help = "usage: corridor demo [--for TIME] [--brokers HOST:PORT]\n"
		"\n"
		"Starts an embedded broker and a private redis-server, sends a lively feed of surveys, posts "
		"and reviews with\n"
		"edits, repeats and broken messages and one scripted incident, runs the real pipeline on it "
		"and shows what\n"
		"Redis is told, with the newest event of an incident below: budgets of false alerts are "
		"large here, so that one\n"
		"is raised within seconds. Without a terminal: a plain snapshot every five seconds. Ctrl-C "
		"ends it; all of it is\n"
		"gone then.\n"
		"\n"
		"  --for TIME        end by itself after 30s, 2m ...\n"
		"  --brokers B       a real Kafka instead of the embedded broker; topics "
		"corridor-demo-NUMBER.* are made there and stay\n",
	.run = demo_run,
};
