#include "replay/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "config/config.h"
#include "os/os.h"
#include "replay_events.h"
#include "replay_table.h"
#include "terminal/terminal.h"

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV };

struct job {
	const char *config_path, *topic, *letters_path, *input_path;
	enum format format;
	int64_t at_ms;

	struct config *config;
	struct intake_source source;
	struct option_pool pool;
	struct zone *zone;
	struct watch_zone *zones;
	unsigned zones_open;
	struct replay *replay;
	struct replay_lines *lines;
	FILE *letters;
	struct replay_events events;
	int input;
	struct err err;
};

/* ---- the command line ---- */

static int read_arguments(struct job *job, int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"topic", required_argument, NULL, 't'},
						{"format", required_argument, NULL, 'f'},
						{"at", required_argument, NULL, 'a'},
						{"dead-letters", required_argument, NULL, 'd'},
						{"alerts", required_argument, NULL, 'i'},
						{0}};
	static const char *const formats[] = {"table", "json", "csv"};
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c': job->config_path = optarg; break;
		case 't': job->topic = optarg; break;
		case 'd': job->letters_path = optarg; break;
		case 'i': job->events.path = optarg; break;
		case 'a':
			if (!feedback_time(str_of(optarg), &job->at_ms))
				return command_usage(
					&command_replay,
					"--at %s is no time: write 2026-01-05T09:30:00Z or epoch seconds",
					optarg);
			break;
		case 'f':
			for (unsigned i = 0; i < 3; i++)
				if (strcmp(optarg, formats[i]) == 0)
					goto known;
			return command_usage(&command_replay, "--format is table, json or csv, not '%s'",
					     optarg);
		known:
			job->format = optarg[0] == 't'	 ? FORMAT_TABLE
				      : optarg[0] == 'j' ? FORMAT_JSON
							 : FORMAT_CSV;
			break;
		default: return command_usage(&command_replay, "this is not how it is called");
		}
	}
	if (argc - optind != 1)
		return command_usage(&command_replay, "one file is needed, or - for standard input");
	job->input_path = argv[optind];
	return EXIT_FINE;
}

/* ---- the configuration ---- */

static int load_config(struct job *job)
{
	struct config_report report = {0};
	job->config = job->config_path ? config_load(job->config_path, CONFIG_FOR_REPLAY, &report)
				       : config_read(STR("{}"), CONFIG_FOR_REPLAY, &report);
	if (job->config == NULL)
		config_report_print(&report, job->config_path, stderr);
	config_report_release(&report);
	return job->config ? EXIT_FINE : EXIT_USAGE;
}

/* Which source's mapping reads the file: the one of --topic, the only one, or our own shape. */
static int choose_source(struct job *job)
{
	const struct config *config = job->config;
	job->source = (struct intake_source){.name = "replay",
					     .mapping = {.ledger = LEDGER_SURVEY, .bytes_max = 16 << 20}};
	for (unsigned i = 0; i < config->sources_count; i++)
		if (job->topic ? strcmp(config->sources[i].topic, job->topic) == 0
			       : config->sources_count == 1) {
			job->source = config->intake_sources[i];
			return EXIT_FINE;
		}
	if (job->topic == NULL && config->sources_count == 0)
		return EXIT_FINE;
	if (job->topic == NULL)
		return command_usage(
			&command_replay,
			"the configuration has %u sources: choose one with --topic, such as --topic %s",
			config->sources_count, config->sources[0].topic);
	return command_usage(&command_replay, "the configuration has no source with the topic '%s'",
			     job->topic);
}

static bool open_zones(struct job *job)
{
	const struct config *config = job->config;
	job->zone = zone_open(config->general.zone, &job->err);
	job->zones = must_array(config->zones_count, sizeof *job->zones);
	for (; job->zone && job->zones_open < config->zones_count; job->zones_open++) {
		struct zone *zone = zone_open(config->zones[job->zones_open].zone, &job->err);
		if (zone == NULL)
			return false;
		job->zones[job->zones_open] =
			(struct watch_zone){config->zones[job->zones_open].touchpoint, zone};
	}
	return job->zone != NULL;
}

/* ---- the run ---- */

static bool write_piece(void *context, struct str piece)
{
	return fwrite(piece.at, 1, piece.len, context) == piece.len;
}

static bool keep_letter(void *context, uint64_t line, enum feedback_reason reason, struct str bytes)
{
	struct job *job = context;
	if (job->letters == NULL || replay_letter_json(line, reason, bytes, write_piece, job->letters))
		return true;
	err_set(&job->err, "%s: %s", job->letters_path, strerror(errno));
	return false;
}

static bool open_files(struct job *job)
{
	bool from_stdin = strcmp(job->input_path, "-") == 0;
	job->input = from_stdin ? STDIN_FILENO : open(job->input_path, O_RDONLY | O_CLOEXEC);
	if (job->input < 0) {
		err_set(&job->err, "%s: %s", job->input_path, strerror(errno));
		return false;
	}
	if (!from_stdin)
		posix_fadvise(job->input, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (job->letters_path && (job->letters = fopen(job->letters_path, "we")) == NULL)
		err_set(&job->err, "%s: %s", job->letters_path, strerror(errno));
	return !job->err.set && replay_events_open(&job->events, &job->err);
}

static bool create(struct job *job)
{
	const struct config *config = job->config;
	struct replay_setup setup = {
		.intake = {.options = config->intake,
			   .responses = config->responses,
			   .sources = &job->source,
			   .sources_count = 1,
			   .id_key = config->id_key,
			   .registry = config->registry},
		.watch = {.touchpoints_max = (uint32_t)config->intake.touchpoints_max,
			  .zone = job->zone,
			  .zones = job->zones,
			  .zones_count = job->zones_open,
			  .alerts = config->alerts,
			  .registry = config->registry},
		.alert = replay_events_keep,
		.alert_context = &job->events,
		.at_ms = job->at_ms,
		.machine_ms = os_wall_ms() + config->intake.max_future_skew_ms,
	};
	memcpy(setup.watch.windows.specs, config->windows, sizeof config->windows);
	setup.watch.windows.count = config->windows_count;
	setup.watch.alerts.enabled = job->events.path != NULL;
	option_defaults(watch_options, &setup.watch.options, &job->pool);
	job->replay = replay_create(&setup, keep_letter, job, &job->err);
	return job->replay != NULL;
}

/* What one read brought, in batches of the size that the intake likes. */
static bool take_lines(struct job *job, uint64_t *taken)
{
	struct replay_line batch[INTAKE_BATCH];
	unsigned n;
	do {
		for (n = 0; n < INTAKE_BATCH && replay_lines_next(job->lines, &batch[n]);)
			n++;
		if (n && !replay_take(job->replay, batch, n))
			return false;
		*taken += n;
	} while (n == INTAKE_BATCH);
	return true;
}

static bool read_all(struct job *job)
{
	struct terminal_progress progress;
	struct stat about;
	uint64_t total = fstat(job->input, &about) == 0 && S_ISREG(about.st_mode) ? (uint64_t)about.st_size
										  : 0,
		 done = 0, lines = 0;
	bool fine = true;
	terminal_progress_begin(&progress, stderr, "replay");
	for (ssize_t got = 1; fine && got != 0;) {
		size_t room;
		char *to = replay_lines_room(job->lines, &room);
		if (to == NULL) {
			err_set(&job->err,
				"a line behind byte %" PRIu64
				" is longer than %d MiB: is this a file of one JSON event per line?",
				done, REPLAY_LINE_MAX >> 20);
			fine = false;
			break;
		}
		do
			got = read(job->input, to, room);
		while (got < 0 && errno == EINTR);
		if (got < 0) {
			err_set(&job->err, "%s: %s", job->input_path, strerror(errno));
			fine = false;
			break;
		}
		replay_lines_filled(job->lines, (size_t)got);
		done += (uint64_t)got;
		fine = take_lines(job, &lines);
		terminal_progress_show(&progress, done, total, lines);
	}
	fine = fine && replay_finish(job->replay);
	terminal_progress_end(&progress);
	return fine;
}

/* ---- results ---- */

static bool print_text(void *context, const struct replay_row *row)
{
	char text[REPLAY_TEXT_MAX];
	struct job *job = context;
	size_t len = job->format == FORMAT_JSON ? replay_json(text, row) : replay_csv(text, row);
	return fwrite(text, 1, len, stdout) == len;
}

/* With `--alerts -` the events are all that is asked for. */
static void print_results(struct job *job)
{
	char head[REPLAY_TEXT_MAX];
	replay_events_write(&job->events, &job->err);
	if (job->events.out == stdout)
		return;
	if (job->format == FORMAT_TABLE)
		replay_table_print(job->replay, job->config);
	if (job->format == FORMAT_CSV)
		fwrite(head, 1, replay_csv_head(head), stdout);
	if (job->format != FORMAT_TABLE)
		replay_rows(job->replay, print_text, job);
}

/* On stderr, so that it stands under the results on a terminal and beside them in a script. */
static void print_summary(const struct job *job)
{
	const struct intake_counts *c = replay_counts(job->replay);
	uint64_t rejected = 0;
	for (int i = 0; i < FEEDBACK_REASONS; i++)
		rejected += c->rejected[i];
	fprintf(stderr,
		"%" PRIu64 " events: %" PRIu64 " repeats, %" PRIu64 " edits, %" PRIu64 " superseded, %" PRIu64
		" deletions, %" PRIu64 " without a score, %" PRIu64 " rejected",
		c->consumed, c->duplicates, c->edits, c->superseded, c->deletions, c->unscored, rejected);
	if (job->events.out)
		fprintf(stderr, ", %zu events of incidents", job->events.count);
	if (c->left_out)
		fprintf(stderr, ", %" PRIu64 " dated after --at", c->left_out);
	fputs("\n", stderr);
	for (int i = 0; i < FEEDBACK_REASONS; i++)
		if (c->rejected[i])
			fprintf(stderr, "  %-12s %9" PRIu64 "  %s\n",
				feedback_reason_code((enum feedback_reason)i), c->rejected[i],
				feedback_reason_sentence((enum feedback_reason)i));
	struct response_stats stats = replay_stats(job->replay);
	if (stats.evictions)
		fprintf(stderr,
			"The counts are not exact: %" PRIu64
			" responses had to be forgotten too early. Raise responses.max (now %" PRId64 ").\n",
			stats.evictions, job->config->responses.max);
	if (c->overflowed)
		fprintf(stderr,
			"%" PRIu64 " events are counted under _overflow: raise touchpoints.max (now %" PRId64
			").\n",
			c->overflowed, job->config->intake.touchpoints_max);
}

static void release(struct job *job)
{
	if (job->letters && fclose(job->letters) != 0)
		err_set(&job->err, "%s: %s", job->letters_path, strerror(errno));
	replay_events_release(&job->events, &job->err);
	if (job->input > STDIN_FILENO)
		close(job->input);
	replay_destroy(job->replay);
	replay_lines_destroy(job->lines);
	for (unsigned i = 0; i < job->zones_open; i++)
		zone_close((struct zone *)job->zones[i].zone);
	free(job->zones);
	zone_close(job->zone);
	option_pool_release(&job->pool);
	config_destroy(job->config);
}

static int replay_run(int argc, char **argv)
{
	struct job job = {.at_ms = INT64_MIN, .input = -1};
	int code = read_arguments(&job, argc, argv);
	if (code == EXIT_FINE)
		code = load_config(&job);
	if (code == EXIT_FINE)
		code = choose_source(&job);
	if (code == EXIT_FINE) {
		job.lines = replay_lines_create();
		if (open_files(&job) && open_zones(&job) && create(&job) && read_all(&job)) {
			print_results(&job);
			fflush(stdout);
			print_summary(&job);
		}
	}
	release(&job);
	return job.err.set ? command_failed(&command_replay, &job.err) : code;
}

const struct command command_replay = {
	.name = "replay",
	.summary = "count a file of feedback as the live program would, without Kafka and Redis",
	.help = "usage: corridor replay [OPTION]... FILE|-\n"
		"\n"
		"Reads one JSON event a line through the same core that runs live, with the time taken from "
		"the events,\n"
		"and prints the final windows of each touchpoint and ledger. Empty lines are skipped.\n"
		"\n"
		"  --config FILE         windows, time zones and the shape of the messages; default: our own "
		"shape\n"
		"  --topic NAME          the source of the configuration whose shape the file has\n"
		"  --format FORMAT       table (default), json (an object a line) or csv (RFC 4180); full "
		"precision\n"
		"  --at TIME             windows that end at TIME; what is dated after it is left out.\n"
		"                        Default: they end with the newest event\n"
		"  --dead-letters FILE   keep the rejects, a JSON object a line: line, reason, detail, raw "
		"(base64)\n"
		"  --alerts FILE|-       every raise, update and resolve that `run` would have told with the "
		"configuration's\n"
		"                        alerts, a JSON object a line, by time: try settings on last year's "
		"data. With - only these\n"
		"\n"
		"A rejected event changes nothing in the exit code. A summary goes to standard error.\n",
	.run = replay_run,
};
