#include "commands.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/config.h"
#include "dead_letters_json.h"
#include "deadletter/deadletter.h"
#include "feedback/feedback.h"
#include "terminal/terminal.h"

struct job {
	const char *verb, *config_path;
	struct deadletter_filter filter;
	bool raw_only, json;
	uint64_t printed;
	struct terminal_progress progress;
	struct config *config;
	struct deadletter_counts counts;
};

/* ---- printing ---- */

/* Bytes of a stranger: control bytes must not reach a terminal. */
static void print_bytes(struct str bytes, size_t max, bool one_line)
{
	for (size_t i = 0; i < bytes.len && i < max; i++) {
		unsigned char c = (unsigned char)bytes.at[i];
		if ((c < 0x20 && (one_line || (c != '\n' && c != '\t'))) || c == 0x7f)
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	if (bytes.len > max)
		fputs(" ...", stdout);
}

static void print_time(int64_t ms)
{
	char text[40];
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&s, &tm));
	fputs(text, stdout);
}

static void list_letter(void *context, const struct deadletter *letter)
{
	struct job *job = context;
	char name[48];
	job->printed++;
	if (job->json) {
		dead_letter_json(stdout, letter);
		return;
	}
	snprintf(name, sizeof name, "%" PRId32 ":%" PRId64, letter->partition, letter->offset);
	printf("%-12s ", name);
	print_time(letter->written_ms);
	printf("  %-18.*s ", (int)letter->reason.len, letter->reason.at ? letter->reason.at : "");
	printf("%.*s [%" PRId32 "] %" PRId64 "%s  ", (int)letter->topic.len,
	       letter->topic.at ? letter->topic.at : "?", letter->from_partition, letter->from_offset,
	       letter->redriven ? "  sent back" : "");
	print_bytes(letter->raw, 60, true);
	putchar('\n');
}

static void show_letter(void *context, const struct deadletter *letter)
{
	struct job *job = context;
	job->printed++;
	if (job->raw_only) {
		fwrite(letter->raw.at, 1, letter->raw.len, stdout);
		return;
	}
	printf("letter    %" PRId32 ":%" PRId64 ", written ", letter->partition, letter->offset);
	print_time(letter->written_ms);
	printf("%s\n", letter->redriven ? ", sent back" : "");
	printf("from      %.*s, partition %" PRId32 ", offset %" PRId64 "\n", (int)letter->topic.len,
	       letter->topic.at ? letter->topic.at : "?", letter->from_partition, letter->from_offset);
	printf("reason    %.*s: %.*s\n", (int)letter->reason.len, letter->reason.at ? letter->reason.at : "",
	       (int)letter->sentence.len, letter->sentence.at ? letter->sentence.at : "");
	fputs("key       ", stdout);
	if (letter->key.at == NULL)
		fputs("none", stdout);
	print_bytes(letter->key, SIZE_MAX, true);
	printf("\nbytes     %zu\n\n", letter->raw.len);
	print_bytes(letter->raw, SIZE_MAX, false);
	putchar('\n');
}

static void show_progress(void *context, int64_t done, int64_t total, uint64_t letters)
{
	struct job *job = context;
	terminal_progress_show(&job->progress, (uint64_t)done, (uint64_t)total, letters);
}

/* ---- the verbs ---- */

static int list(struct job *job, struct err *err)
{
	struct deadletter_watch watch = {list_letter, show_progress, job};
	if (!deadletter_list(&job->config->kafka, &job->filter, &watch, &job->counts, err))
		return EXIT_WORLD;
	terminal_progress_end(&job->progress);
	fprintf(stderr,
		"%" PRIu64 " shown, %" PRIu64 " of them were sent back; %" PRIu64 " letters were read\n",
		job->counts.matched, job->counts.redriven_before, job->counts.letters);
	return EXIT_FINE;
}

static int show(struct job *job, struct err *err)
{
	struct deadletter_watch watch = {show_letter, show_progress, job};
	job->filter.max = 1;
	if (!deadletter_list(&job->config->kafka, &job->filter, &watch, &job->counts, err))
		return EXIT_WORLD;
	if (job->printed > 0)
		return EXIT_FINE;
	err_set(err,
		"there is no letter %" PRId32 ":%" PRId64 " (any more): see `corridor dead-letters list`",
		job->filter.partition, job->filter.one_offset);
	return EXIT_WORLD;
}

static int redrive(struct job *job, struct err *err)
{
	struct deadletter_watch watch = {NULL, show_progress, job};
	bool ok = deadletter_redrive(&job->config->kafka, &job->filter, &watch, &job->counts, err);
	terminal_progress_end(&job->progress);
	const struct deadletter_counts *n = &job->counts;
	printf("%" PRIu64 " sent back, %" PRIu64 " were sent back before, %" PRIu64
	       " have no topic to go to\n",
	       n->sent, n->redriven_before, n->homeless);
	if (n->cut > 0)
		printf("%" PRIu64
		       " stay: they were too large for a dead letter, only their beginning was kept\n",
		       n->cut);
	if (!ok)
		err_prefix(err, "stopped early; what was sent is remembered, run it again");
	else if (n->homeless > 0)
		err_set(err, "%" PRIu64 " letters stay: their topic does not exist or may not be seen",
			n->homeless);
	return err->set ? EXIT_WORLD : EXIT_FINE;
}

static const struct {
	const char *name;
	int (*run)(struct job *, struct err *);
} verbs[] = {{"list", list}, {"show", show}, {"redrive", redrive}};

/* ---- the command line ---- */

static bool since_read(const char *text, int64_t *since_ms)
{
	static const struct option_row row = {"", OPTION_DURATION, 0, NULL, 0, 0, NULL, "", 0};
	struct option_pool pool = {0};
	struct err err = {0};
	int64_t ago_ms;
	if (feedback_time(str_of(text), since_ms))
		return true;
	if (!option_set(&row, str_of(text), &ago_ms, &pool, &err))
		return false;
	*since_ms = (int64_t)time(NULL) * 1000 - ago_ms;
	return true;
}

static bool count_read(const char *text, int64_t *count)
{
	char *end;
	*count = strtoll(text, &end, 10);
	return end != text && *end == '\0' && *count > 0;
}

/* EXIT_FINE: go on */
static int arguments_read(struct job *job, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"reason", required_argument, NULL, 'r'},
		{"topic", required_argument, NULL, 't'},  {"since", required_argument, NULL, 's'},
		{"limit", required_argument, NULL, 'l'},  {"raw", no_argument, NULL, 'w'},
		{"format", required_argument, NULL, 'f'}, {0},
	};
	int c;
	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		switch (c) {
		case 'c': job->config_path = optarg; break;
		case 'r': job->filter.reason = optarg; break;
		case 't': job->filter.topic = optarg; break;
		case 'w': job->raw_only = true; break;
		case 'f':
			job->json = strcmp(optarg, "json") == 0;
			if (!job->json && strcmp(optarg, "text") != 0)
				return command_usage(&command_dead_letters,
						     "--format is text or json, not '%s'", optarg);
			break;
		case 's':
			if (!since_read(optarg, &job->filter.since_ms))
				return command_usage(&command_dead_letters,
						     "--since is 2h or 2026-01-05T09:30:00Z, not '%s'",
						     optarg);
			break;
		case 'l':
			if (!count_read(optarg, &job->filter.max))
				return command_usage(&command_dead_letters,
						     "--limit is a number of letters, not '%s'", optarg);
			break;
		default: return EXIT_USAGE;
		}
	}
	job->verb = optind < argc ? argv[optind++] : "";
	if (strcmp(job->verb, "show") == 0) {
		int used = 0;
		const char *name = optind < argc ? argv[optind++] : "";
		if (sscanf(name, "%" SCNd32 ":%" SCNd64 "%n", &job->filter.partition, &job->filter.one_offset,
			   &used) != 2 ||
		    name[used] != '\0' || job->filter.one_offset < 0)
			return command_usage(
				&command_dead_letters,
				"show wants a letter as list names it, PARTITION:OFFSET, not '%s'", name);
	}
	if (optind < argc)
		return command_usage(&command_dead_letters, "what is '%s'?", argv[optind]);
	if (job->raw_only && strcmp(job->verb, "show") != 0)
		return command_usage(&command_dead_letters, "--raw belongs to show");
	if (job->json && strcmp(job->verb, "list") != 0)
		return command_usage(&command_dead_letters, "--format belongs to list");
	if (job->config_path == NULL)
		return command_usage(&command_dead_letters, "--config FILE is missing");
	return EXIT_FINE;
}

static int dead_letters_run(int argc, char **argv)
{
	struct job job = {.filter.one_offset = -1};
	int code = arguments_read(&job, argc, argv);
	if (code != EXIT_FINE)
		return code;
	size_t v = 0;
	while (v < sizeof verbs / sizeof *verbs && strcmp(verbs[v].name, job.verb) != 0)
		v++;
	if (v == sizeof verbs / sizeof *verbs)
		return command_usage(&command_dead_letters, "list, show or redrive, not '%s'", job.verb);
	struct config_report report = {0};
	job.config = config_load(job.config_path, CONFIG_FOR_RUN, &report);
	if (job.config == NULL)
		config_report_print(&report, job.config_path, stderr);
	config_report_release(&report);
	if (job.config == NULL)
		return EXIT_USAGE;
	struct err err = {0};
	terminal_progress_begin(&job.progress, stderr, "dead letters");
	code = verbs[v].run(&job, &err);
	terminal_progress_end(&job.progress);
	config_destroy(job.config);
	return err.set ? command_failed(&command_dead_letters, &err) : code;
}

const struct command command_dead_letters = {
	.name = "dead-letters",
	.summary = "list and show what was rejected, and send it back to its topic",
	.help = "usage: corridor dead-letters list --config FILE [FILTER]... [--format json]\n"
		"       corridor dead-letters show PARTITION:OFFSET --config FILE [--raw]\n"
		"       corridor dead-letters redrive --config FILE [FILTER]...\n"
		"\n"
		"list prints a line for each rejected message: its name, when, why, from where, how it "
		"begins. show prints one\n"
		"whole. redrive sends the raw bytes back to the topic and partition they came from, with "
		"their key, and\n"
		"remembers it in the same transaction: a letter goes back once, however often and with what "
		"filters redrive\n"
		"is run, also when it was interrupted.\n"
		"\n"
		"  --reason CODE     only of this reason, e.g. bad_score\n"
		"  --topic NAME      only from this topic\n"
		"  --since TIME      only written since: 2h ago, or 2026-01-05T09:30:00Z\n"
		"  --limit N         the oldest N of those\n"
		"  --format json     list: one object a line: letter, time, topic, partition, offset, "
		"reason, sentence, key, "
		"bytes,\n"
		"                    cut, sent_back\n"
		"  --raw             show: the bytes as they came and nothing else\n"
		"\n"
		"list and show need the rights to Read and Describe the dead letters; redrive also to Write "
		"and Describe\n"
		"them, the topics that letters go back to, and the transactional ids of the group (`corridor "
		"topics "
		"--print`).\n"
		"\n"
		"Exit code 1: Kafka is out of reach, a right or a topic is missing.\n",
	.run = dead_letters_run,
};
