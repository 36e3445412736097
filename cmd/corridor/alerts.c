#include "alerts.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"

/* What a verb takes beside --config. */
enum {
	TAKES_ID = 1,
	TAKES_TOUCHPOINT = 2,
	TAKES_FORMAT = 4,
	TAKES_LIST = 8,
	TAKES_BY = 16,
	TAKES_FOR = 32,
	TAKES_AS = 64,
	TAKES_WEEKS = 128,
	TAKES_SINK = 256, /* and no Redis */
};

static const struct {
	const char *name;
	int (*run)(struct alerts_job *, struct err *);
	unsigned takes;
} verbs[] = {
	{"list", alerts_list, TAKES_FORMAT | TAKES_LIST},
	{"follow", alerts_follow, TAKES_FORMAT},
	{"ack", alerts_ack, TAKES_ID | TAKES_BY},
	{"close", alerts_close, TAKES_ID | TAKES_BY | TAKES_AS},
	{"mute", alerts_mute, TAKES_TOUCHPOINT | TAKES_BY | TAKES_FOR},
	{"unmute", alerts_unmute, TAKES_TOUCHPOINT},
	{"report", alerts_report, TAKES_FORMAT | TAKES_WEEKS},
	{"test", alerts_test, TAKES_SINK},
};
#define VERBS (sizeof verbs / sizeof *verbs)

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'}, {"open", no_argument, NULL, 'o'},
	{"format", required_argument, NULL, 'f'}, {"limit", required_argument, NULL, 'l'},
	{"by", required_argument, NULL, 'b'},	  {"for", required_argument, NULL, 't'},
	{"as", required_argument, NULL, 'a'},	  {"weeks", required_argument, NULL, 'w'},
	{"sink", required_argument, NULL, 's'},	  {0},
};

/* Which verbs an option belongs to; 0: all. */
static unsigned wanted_by(int c)
{
	return c == 'o' || c == 'l' ? TAKES_LIST
	       : c == 'f'	    ? TAKES_FORMAT
	       : c == 'b'	    ? TAKES_BY
	       : c == 't'	    ? TAKES_FOR
	       : c == 'a'	    ? TAKES_AS
	       : c == 'w'	    ? TAKES_WEEKS
	       : c == 's'	    ? TAKES_SINK
				    : 0;
}

static bool whole_read(const char *text, int64_t max, int64_t *out)
{
	char *end;
	*out = strtoll(text, &end, 10);
	return end != text && *end == '\0' && *out > 0 && *out <= max;
}

/* EXIT_FINE: taken */
static int option_read(struct alerts_job *job, int c)
{
	switch (c) {
	case 'c': job->config_path = optarg; break;
	case 'o': job->open_only = true; break;
	case 'b': job->by = optarg; break;
	case 't': job->mute_for = optarg; break;
	case 'a': job->as = optarg; break;
	case 's': job->sink = optarg; break;
	case 'f':
		job->json = strcmp(optarg, "json") == 0;
		if (!job->json && strcmp(optarg, "text") != 0)
			return command_usage(&command_alerts, "--format is text or json, not '%s'", optarg);
		break;
	case 'l':
		if (!whole_read(optarg, 1000000, &job->limit))
			return command_usage(&command_alerts, "--limit is a number of incidents, not '%s'",
					     optarg);
		break;
	case 'w':
		if (!whole_read(optarg, 12, &job->weeks))
			return command_usage(&command_alerts,
					     "--weeks is 1 to 12 (incidents are kept for 90 days), not '%s'",
					     optarg);
		break;
	default: return EXIT_USAGE;
	}
	return EXIT_FINE;
}

static size_t verb_find(const char *name)
{
	size_t v = 0;
	while (v < VERBS && strcmp(verbs[v].name, name) != 0)
		v++;
	return v;
}

/* EXIT_FINE: go on */
static int arguments_read(struct alerts_job *job, int argc, char **argv)
{
	unsigned used = 0;
	int c, code;
	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if ((code = option_read(job, c)) != EXIT_FINE)
			return code;
		used |= wanted_by(c);
	}
	job->verb = optind < argc ? argv[optind++] : "";
	size_t v = verb_find(job->verb);
	if (v == VERBS)
		return command_usage(&command_alerts,
				     "list, follow, ack, close, mute, unmute, report or test, not '%s'",
				     job->verb);
	if (verbs[v].takes & (TAKES_ID | TAKES_TOUCHPOINT)) {
		job->name = optind < argc ? argv[optind++] : "";
		if (*job->name == '\0')
			return command_usage(&command_alerts, "%s wants %s", job->verb,
					     verbs[v].takes & TAKES_ID ? "an incident's id, as list shows it"
								       : "a touchpoint");
	}
	if (optind < argc)
		return command_usage(&command_alerts, "what is '%s'?", argv[optind]);
	if (verbs[v].takes & TAKES_ID && strspn(job->name, "0123456789abcdefABCDEF") != strlen(job->name))
		return command_usage(&command_alerts, "an incident's id is of hex digits, not '%s'",
				     job->name);
	for (size_t i = 0; options[i].name; i++)
		if (used & wanted_by(options[i].val) & ~verbs[v].takes)
			return command_usage(&command_alerts, "--%s does not belong to %s", options[i].name,
					     job->verb);
	if (job->config_path == NULL)
		return command_usage(&command_alerts, "--config FILE is missing");
	return EXIT_FINE;
}

static int with_redis(struct alerts_job *job, int (*run)(struct alerts_job *, struct err *), struct err *err)
{
	int code = EXIT_USAGE;
	job->store = store_create(&job->config->redis, err);
	if (job->store != NULL)
		code = store_connect(job->store) ? run(job, err) : alerts_failed(job, err);
	store_destroy(job->store);
	return code;
}

static int alerts_run(int argc, char **argv)
{
	const char *user = getenv("USER");
	struct alerts_job job = {.limit = 50, .weeks = 4, .by = user ? user : "", .now_ms = os_wall_ms()};
	int code = arguments_read(&job, argc, argv);
	if (code != EXIT_FINE)
		return code;
	struct config_report report = {0};
	job.config = config_load(job.config_path, CONFIG_FOR_RUN, &report);
	if (job.config == NULL)
		config_report_print(&report, job.config_path, stderr);
	config_report_release(&report);
	if (job.config == NULL)
		return EXIT_USAGE;
	struct err err = {0};
	size_t v = verb_find(job.verb);
	code = verbs[v].takes & TAKES_SINK ? verbs[v].run(&job, &err) : with_redis(&job, verbs[v].run, &err);
	config_destroy(job.config);
	if (err.set)
		command_failed(&command_alerts, &err);
	return code;
}

const struct command command_alerts = {
	.name = "alerts",
	.summary = "list, follow, acknowledge, mute and judge what was raised",
	.help = "usage: corridor alerts list --config FILE [--open] [--limit N] [--format json]\n"
		"       corridor alerts follow --config FILE [--format json]\n"
		"       corridor alerts ack ID --config FILE [--by NAME]\n"
		"       corridor alerts close ID --as real|false|known --config FILE [--by NAME]\n"
		"       corridor alerts mute TOUCHPOINT --for DURATION --config FILE [--by NAME]\n"
		"       corridor alerts unmute TOUCHPOINT --config FILE\n"
		"       corridor alerts report --config FILE [--weeks N] [--format json]\n"
		"       corridor alerts test --sink NAME --config FILE\n"
		"\n"
		"list prints the incidents, newest first, and what is muted. follow prints events as they "
		"come, until Ctrl-C.\n"
		"An ID may be cut as long as it stays the only one that begins so.\n"
		"\n"
		"ack: somebody takes care; nobody is told of the incident again until it gets worse or is "
		"over. mute: nobody is\n"
		"told of what happens at a touchpoint until DURATION (30m, 2h, 7d) has passed; a name that "
		"ends in * stands for\n"
		"all that begin so. Both act on delivery only: what is measured and raised stays the same. "
		"close: what it turned\n"
		"out to be, for the report. report counts per week (Monday to Sunday, UTC) and team what was "
		"raised, acknowledged\n"
		"and judged, and how long acknowledging took.\n"
		"test sends an alert that is marked as a test to one of the configured sinks and says what "
		"it answered; "
		"at PagerDuty\n"
		"it stays open until somebody resolves it.\n"
		"\n"
		"  --open            list: only what is still open\n"
		"  --limit N         list: the newest N, default 50\n"
		"  --format json     one object a line\n"
		"  --by NAME         who you are, default $USER\n"
		"  --weeks N         report: this week and those before, 1 to 12, default 4\n"
		"\n"
		"All else is written to and read from Redis; every instance respects it. A user with the "
		"rights "
		"of the program is\n"
		"needed (deploy/redis/users.conf).\n"
		"\n"
		"Exit code 1: Redis is out of reach, there is no such incident or mute, or the sink did not "
		"take the test.\n",
	.run = alerts_run,
};
