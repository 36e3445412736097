#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "base/option.h"
#include "feed/feed.h"
#include "kafka/kafka.h"
#include "os/os.h"
#include "replay/replay.h"
#include "terminal/terminal.h"

struct generate {
	int64_t count, seed, touchpoints, late_by_ms, disorder_ms;
	double rate, duplicates, edits, deletions, partial, late, malformed, unmapped, rate_real;
	const char *mix, *start, *expect, *windows, *zone, *to, *brokers, *topic;
	struct option_list incidents;
};

#define AT(member) offsetof(struct generate, member)
/* A share has no default here: the feed's own stands in the help. */
static const struct option_row rows[] = {
	{"count", OPTION_INT, AT(count), "10000", 0, 1e12, NULL, "messages to send", 0},
	{"seed", OPTION_INT, AT(seed), "1", 0, 9e15, NULL, "the same seed and options give the same bytes",
	 0},
	{"rate", OPTION_NUMBER, AT(rate), "50", 1e-6, 1e6, NULL, "new responses per second of event time", 0},
	{"start", OPTION_TEXT, AT(start), "2026-01-05T09:00:00Z", 0, 0, NULL,
	 "event time of the first; now: of this moment", 0},
	{"touchpoints", OPTION_INT, AT(touchpoints), "8", 1, 1e6, NULL,
	 "the first 8 have names and moods, the others numbers", 0},
	{"mix", OPTION_TEXT, AT(mix), "survey=70,relationship=8,social=16,review=6", 0, 0, NULL,
	 "weights of the kinds", 0},
	{"incident", OPTION_LIST, AT(incidents), NULL, 0, 0, NULL,
	 "TOUCHPOINT:START:LENGTH:DETRACTORS, like delivery:10m:15m:0.7; may be given 16 times", 0},
	{"duplicates", OPTION_NUMBER, AT(duplicates), "0.02", 0, 1, NULL,
	 "share of responses that are sent again", 0},
	{"edits", OPTION_NUMBER, AT(edits), "0.03", 0, 1, NULL,
	 "share that is changed later: score, comment, touchpoint, time, kind", 0},
	{"deletions", OPTION_NUMBER, AT(deletions), "0.005", 0, 1, NULL,
	 "share that is deleted later, or before it arrives", 0},
	{"partial", OPTION_NUMBER, AT(partial), "0.05", 0, 1, NULL,
	 "share that comes in two parts: the score, then the comment", 0},
	{"late", OPTION_NUMBER, AT(late), "0.001", 0, 1, NULL, "share that is older than the longest window",
	 0},
	{"late-by", OPTION_DURATION, AT(late_by_ms), "7d", 0, 1e12, NULL, "how old these are at least", 0},
	{"disorder", OPTION_DURATION, AT(disorder_ms), "2s", 0, 86400e3, NULL,
	 "a message arrives up to so much after its time", 0},
	{"malformed", OPTION_NUMBER, AT(malformed), "0.003", 0, 0.99, NULL,
	 "share of broken messages, of every kind", 0},
	{"unmapped", OPTION_NUMBER, AT(unmapped), "0.002", 0, 1, NULL, "share without a touchpoint", 0},
	{"expect", OPTION_TEXT, AT(expect), NULL, 0, 0, NULL,
	 "write the true counts there, as `replay --format json` prints them", 0},
	{"windows", OPTION_TEXT, AT(windows), "5m,1h,24h,7d,today", 0, 0, NULL, "the windows of --expect", 0},
	{"zone", OPTION_TEXT, AT(zone), "UTC", 0, 0, NULL, "the time zone of `today` in --expect", 0},
	{"to", OPTION_TEXT, AT(to), "stdout", 0, 0, NULL, "stdout or kafka", 0},
	{"brokers", OPTION_TEXT, AT(brokers), "localhost:9092", 0, 0, NULL, "Kafka's address", 0},
	{"topic", OPTION_TEXT, AT(topic), "feedback", 0, 0, NULL,
	 "Kafka's topic; messages are keyed by response id", 0},
	{"rate-real", OPTION_NUMBER, AT(rate_real), "0", 0, 1e7, NULL,
	 "messages per second as sent; 0: as fast as possible", 0},
	{0},
};
enum { ROWS = sizeof rows / sizeof *rows - 1, WINDOW_NAMES = 16 };

struct job {
	struct generate args;
	struct option_pool pool;
	struct feed *feed;
	struct feed_expect *expect;
	const char *windows[WINDOW_NAMES];
	unsigned windows_count;
	struct zone *zone;
	struct kafka_producer *producer;
	unsigned topic;
	struct err err;
};

/* ---- the command line ---- */

static int read_arguments(struct job *job, int argc, char **argv)
{
	struct option options[ROWS + 1] = {0};
	struct str incidents[FEED_INCIDENTS_MAX + 1];
	size_t incidents_count = 0;
	struct err err = {0};
	int index;
	for (unsigned i = 0; i < ROWS; i++)
		options[i] = (struct option){rows[i].key, required_argument, NULL, 1};
	option_defaults(rows, &job->args, &job->pool);
	for (int option; (option = getopt_long(argc, argv, "", options, &index)) != -1;) {
		if (option != 1)
			return command_usage(&command_generate, "this is not how it is called");
		if (rows[index].type == OPTION_LIST) {
			incidents[incidents_count] = str_of(optarg);
			incidents_count += incidents_count < FEED_INCIDENTS_MAX;
		} else if (!option_set(&rows[index], str_of(optarg), &job->args, &job->pool, &err)) {
			return command_usage(&command_generate, "--%s %s: %s", rows[index].key, optarg,
					     err.text);
		}
	}
	if (optind < argc)
		return command_usage(&command_generate, "what is '%s'? All options begin with --",
				     argv[optind]);
	for (unsigned i = 0; i < ROWS; i++)
		if (rows[i].type == OPTION_LIST &&
		    !option_set_list(&rows[i], incidents, incidents_count, &job->args, &job->pool, &err))
			return command_usage(&command_generate, "--%s: %s", rows[i].key, err.text);
	if (strcmp(job->args.to, "stdout") != 0 && strcmp(job->args.to, "kafka") != 0)
		return command_usage(&command_generate, "--to is stdout or kafka, not '%s'", job->args.to);
	return EXIT_FINE;
}

static int open_feed(struct job *job)
{
	const struct generate *a = &job->args;
	struct err err = {0};
	struct feed_options o = {.seed = a->seed,
				 .rate = a->rate,
				 .touchpoints = a->touchpoints,
				 .duplicates = a->duplicates,
				 .edits = a->edits,
				 .deletions = a->deletions,
				 .partial = a->partial,
				 .late = a->late,
				 .malformed = a->malformed,
				 .unmapped = a->unmapped,
				 .late_by_ms = a->late_by_ms,
				 .disorder_ms = a->disorder_ms};
	if (!feed_parse_mix(a->mix, o.mix, &err))
		return command_usage(&command_generate, "--mix %s: %s", a->mix, err.text);
	for (; o.incidents_count < a->incidents.count; o.incidents_count++)
		if (!feed_parse_incident(a->incidents.at[o.incidents_count], &o.incidents[o.incidents_count],
					 &err))
			return command_usage(&command_generate, "--incident %s: %s",
					     a->incidents.at[o.incidents_count], err.text);
	if (strcmp(a->start, "now") == 0)
		o.start_ms = os_wall_ms();
	else if (!feedback_time(str_of(a->start), &o.start_ms))
		return command_usage(&command_generate,
				     "--start %s is no time: write 2026-01-05T09:00:00Z or now", a->start);
	job->feed = feed_create(&o, &err);
	return job->feed ? EXIT_FINE : command_usage(&command_generate, "%s", err.text);
}

static int open_expect(struct job *job)
{
	struct err err = {0};
	if (job->args.expect == NULL)
		return EXIT_FINE;
	char *list = (char *)option_keep(&job->pool, str_of(job->args.windows)), *rest;
	for (char *name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		if (job->windows_count == WINDOW_NAMES)
			return command_usage(&command_generate, "--windows: at most %d", WINDOW_NAMES);
		job->windows[job->windows_count++] = name;
	}
	job->zone = zone_open(job->args.zone, &err);
	if (job->zone)
		job->expect = feed_expect_create(
			&(struct feed_expect_options){job->windows, job->windows_count, job->zone, INT64_MIN},
			&err);
	return job->expect ? EXIT_FINE : command_usage(&command_generate, "%s", err.text);
}

/* ---- sending ---- */

static bool open_kafka(struct job *job)
{
	static struct kafka_options options;
	option_defaults(kafka_options, &options, &job->pool);
	options.brokers = job->args.brokers;
	job->producer = kafka_producer_open_plain(&options, NULL, NULL, &job->err);
	if (job->producer)
		job->topic = kafka_producer_topic(job->producer, job->args.topic);
	return job->producer != NULL;
}

static bool send_one(struct job *job, const struct feed_event *event, char *text)
{
	if (job->producer == NULL) {
		text[event->message.len] = '\n'; /* FEED_MESSAGE_MAX leaves room */
		if (fwrite_unlocked(text, 1, event->message.len + 1, stdout) == event->message.len + 1)
			return true;
		err_set(&job->err, "standard output: %s", strerror(errno));
		return false;
	}
	struct kafka_message message = {
		.topic = job->topic, .partition = -1, .key = event->key, .value = event->message};
	return kafka_producer_send(job->producer, &message, &job->err) == KAFKA_DONE;
}

static void keep_pace(double rate, int64_t sent, int64_t started_ns)
{
	if (rate <= 0 || sent % 16 != 0) /* in bundles of 16: a nap costs more than a message */
		return;
	int64_t due_ns = started_ns + (int64_t)((double)sent / rate * 1e9),
		left_ns = due_ns - os_monotonic_ns();
	if (left_ns > 0)
		nanosleep(&(struct timespec){left_ns / 1000000000, left_ns % 1000000000}, NULL);
}

/* As long as it goes on, however slowly. */
static bool flush_kafka(struct job *job)
{
	for (uint64_t delivered = 0;;) {
		struct err err = {0};
		enum kafka_outcome outcome = kafka_producer_flush(job->producer, 10000, &err);
		struct kafka_producer_stats stats = kafka_producer_stats(job->producer);
		if (outcome == KAFKA_DONE && stats.failed == 0)
			return true;
		if (outcome != KAFKA_UNCLEAR || stats.delivered == delivered) {
			err_set(&job->err, "Kafka at %s took %" PRIu64 " of %" PRIu64 " messages: %s",
				job->args.brokers, stats.delivered, stats.sent,
				err.set ? err.text : "the others were refused");
			return false;
		}
		delivered = stats.delivered;
	}
}

static bool send_all(struct job *job)
{
	char text[FEED_MESSAGE_MAX + 1];
	struct feed_event event;
	struct terminal_progress progress;
	int64_t started_ns = os_monotonic_ns();
	bool fine = true;
	terminal_progress_begin(&progress, stderr, "generate");
	for (int64_t i = 0; fine && i < job->args.count; i++) {
		feed_next(job->feed, text, &event);
		fine = send_one(job, &event, text);
		if (job->expect)
			feed_expect_add(job->expect, &event);
		keep_pace(job->args.rate_real, i + 1, started_ns);
		if (i % 1024 == 0)
			terminal_progress_show(&progress, (uint64_t)i, (uint64_t)job->args.count,
					       (uint64_t)i);
	}
	fine = fine && (job->producer == NULL || flush_kafka(job));
	terminal_progress_end(&progress);
	return fine;
}

/* ---- the true counts ---- */

struct expectation {
	FILE *to;
	const struct job *job;
};

static bool write_row(void *context, const struct feed_expect_row *row)
{
	const struct expectation *e = context;
	char text[REPLAY_TEXT_MAX];
	struct replay_row out = {
		.touchpoint = row->touchpoint,
		.ledger = row->ledger,
		.window = e->job->windows[row->window],
		.reading = {.from_ms = row->from_ms, .to_ms = row->to_ms, .before = row->before}};
	memcpy(out.reading.bins, row->bins, sizeof row->bins);
	size_t len = replay_json(text, &out);
	return fwrite(text, 1, len, e->to) == len;
}

static bool write_expect(struct job *job)
{
	if (job->expect == NULL)
		return true;
	struct expectation e = {fopen(job->args.expect, "we"), job};
	bool fine = e.to && feed_expect_report(job->expect, write_row, &e);
	int problem = errno;
	if (e.to && fclose(e.to) != 0 && fine)
		fine = false, problem = errno;
	if (!fine)
		err_set(&job->err, "%s: %s", job->args.expect, strerror(problem));
	return fine;
}

static int generate_run(int argc, char **argv)
{
	struct job job = {0};
	int code = read_arguments(&job, argc, argv);
	if (code == EXIT_FINE)
		code = open_feed(&job);
	if (code == EXIT_FINE)
		code = open_expect(&job);
	if (code == EXIT_FINE) {
		bool ready = strcmp(job.args.to, "kafka") != 0 || open_kafka(&job);
		if (!ready || !send_all(&job) || !write_expect(&job))
			code = command_failed(&command_generate, &job.err);
	}
	kafka_producer_close(job.producer);
	feed_expect_destroy(job.expect);
	feed_destroy(job.feed);
	zone_close(job.zone);
	option_pool_release(&job.pool);
	return code;
}

const struct command command_generate = {
	.name = "generate",
	.summary = "a synthetic feed: lively, deterministic, with the oddities of real ones",
	.help = "usage: corridor generate [OPTION]...\n"
		"\n"
		"Writes feedback in our own shape, one JSON event a line, and on request what it must add up "
		"to.\n"
		"\n"
		"  --count N             messages (10000)\n"
		"  --seed S              the same seed and options give the same bytes (1)\n"
		"  --rate R              new responses per second of event time (50)\n"
		"  --start TIME|now      event time of the first (2026-01-05T09:00:00Z)\n"
		"  --touchpoints N       the first 8 have names and moods, the others numbers (8)\n"
		"  --mix LIST            weights (survey=70,relationship=8,social=16,review=6)\n"
		"  --incident SPEC       TOUCHPOINT:START:LENGTH:DETRACTORS, like delivery:10m:15m:0.7; "
		"repeatable\n"
		"\n"
		"Shares, 0 to 1, of the responses that get such a thing:\n"
		"  --duplicates (0.02)  --edits (0.03)  --deletions (0.005)  --partial (0.05)\n"
		"  --late (0.001) older than --late-by (7d)  --unmapped (0.002)\n"
		"  --malformed (0.003)   of all messages: broken in every way\n"
		"  --disorder D          a message arrives up to so much after its time (2s)\n"
		"\n"
		"  --expect FILE         the true counts, as `corridor replay --format json` prints them, "
		"worked out\n"
		"                        in another way; for --windows (5m,1h,24h,7d,today) and --zone "
		"(UTC)\n"
		"  --to stdout|kafka     where to (stdout); --brokers (localhost:9092) and --topic "
		"(feedback)\n"
		"  --rate-real R         messages per second as sent (0: as fast as possible)\n",
	.run = generate_run,
};
