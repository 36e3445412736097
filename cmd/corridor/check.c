#include "commands.h"

#include <getopt.h>
#include <stdio.h>

#include "check_live.h"
#include "config/config.h"

static bool number_from(const char *text, double max, double *out)
{
	const struct option_row row = {"", OPTION_NUMBER, 0, NULL, 1e-6, max, NULL, "", 0};
	struct option_pool pool = {0};
	struct err err = {0};
	return option_set(&row, str_of(text), out, &pool, &err);
}

static int check(const char *path, const struct config_load_assumed *assumed, int64_t live)
{
	struct config_report report = {0};
	struct config *config = config_load(path, CONFIG_FOR_RUN, &report);
	if (config == NULL) {
		config_report_print(&report, path, stdout);
		fprintf(stderr, "corridor check: %u mistake%s\n", report.count + report.left_out,
			report.count + report.left_out == 1 ? "" : "s");
		config_report_release(&report);
		return EXIT_USAGE;
	}
	config_report_release(&report);
	printf("%s: no mistakes\n\n", path);
	struct err err = {0};
	if (live == 0) {
		config_print_costs(config, assumed, stdout);
		config_print_alerts(config, assumed, stdout);
	}
	bool fine = live == 0 || check_live(config, live, &err);
	config_destroy(config);
	return fine ? EXIT_FINE : command_failed(&command_check, &err);
}

static int check_run(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},      {"rate", required_argument, NULL, 'r'},
		{"touchpoints", required_argument, NULL, 't'}, {"live", no_argument, NULL, 'l'},
		{"last", required_argument, NULL, 'n'},	       {0},
	};
	const char *path = NULL;
	bool live = false;
	double last = 1000;
	struct config_load_assumed assumed = {.responses_per_s = 10, .name_bytes = 24};
	int c;
	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		switch (c) {
		case 'c': path = optarg; break;
		case 'r':
			if (!number_from(optarg, 1e9, &assumed.responses_per_s))
				return command_usage(&command_check, "--rate is responses a second, not '%s'",
						     optarg);
			break;
		case 't':
			if (!number_from(optarg, 1e9, &assumed.touchpoints))
				return command_usage(&command_check, "--touchpoints is a number, not '%s'",
						     optarg);
			break;
		case 'l': live = true; break;
		case 'n':
			if (!number_from(optarg, 1e6, &last) || last < 1)
				return command_usage(&command_check,
						     "--last is a number of messages, not '%s'", optarg);
			break;
		default: return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return command_usage(&command_check, "what is '%s'?", argv[optind]);
	if (path == NULL)
		return command_usage(&command_check, "--config FILE is missing");
	return check(path, &assumed, live ? (int64_t)last : 0);
}

const struct command command_check = {
	.name = "check",
	.summary = "list every mistake in a configuration, and what it will cost",
	.help = "usage: corridor check --config FILE [--rate N] [--touchpoints N]\n"
		"       corridor check --config FILE --live [--last N]\n"
		"\n"
		"Lists every mistake in FILE as FILE:LINE: what is wrong; exit code 2. Without mistakes: the "
		"memory, and the\n"
		"bytes in Redis and Kafka, that it will take to run it; and what `alerts` mean: how often "
		"one may be false, how\n"
		"soon which rise of detractors is told. Nothing is started and, without --live, nothing "
		"outside is asked.\n"
		"`corridor topics` asks Kafka whether the topics and rights are there.\n"
		"\n"
		"  --rate N            responses a second that the estimate assumes, default 10\n"
		"  --touchpoints N     touchpoints that it assumes, default touchpoints.max\n"
		"  --live              read the last messages of each input instead, write nothing: "
		"accepted, reject\n"
		"                      reasons, ids seen in two partitions, clocks\n"
		"  --last N            of each topic, default 1000\n",
	.run = check_run,
};
