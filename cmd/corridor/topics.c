#include "commands.h"

#include <getopt.h>
#include <stdio.h>

#include "config/config.h"

enum { TIMEOUT_MS = 15000 };

static bool say_own(const struct config *config, bool create, struct err *err)
{
	struct kafka_topic_state topics[KAFKA_TOPICS];
	bool fine = true;
	if (!kafka_topics_ensure(&config->kafka, create, topics, TIMEOUT_MS, err))
		return false;
	for (int i = 0; i < KAFKA_TOPICS; i++) {
		const struct kafka_topic_state *t = &topics[i];
		printf("%-40s %3d partitions  %s\n", t->name, t->partitions,
		       t->created    ? "created"
		       : !t->exists  ? "is missing"
		       : *t->warning ? "differs"
				     : "fine");
		if (*t->warning)
			printf("    %s\n", t->warning);
		fine &= t->exists && !*t->warning;
	}
	if (!fine)
		err_set(err, create ? "a topic is not as it should be"
				    : "a topic is missing or not as it should be: see --create and --print");
	return fine;
}

static bool say_inputs(const struct config *config, struct err *err)
{
	int partitions[config->sources_count + 1];
	bool fine = true;
	if (!kafka_topics_partitions(&config->kafka, config->topics, config->sources_count, partitions,
				     TIMEOUT_MS, err))
		return false;
	for (unsigned i = 0; i < config->sources_count; i++) {
		if (partitions[i] >= 0)
			printf("%-40s %3d partitions  input\n", config->topics[i], partitions[i]);
		else
			printf("%-40s                 input, %s\n", config->topics[i],
			       partitions[i] == -2 ? "no right to Describe it"
						   : "is missing: the program waits for it");
		fine &= partitions[i] >= 0;
	}
	if (!fine)
		err_set(err, "an input topic is missing or may not be seen");
	return fine;
}

static int topics(const char *path, int what, const char *principal)
{
	struct config_report report = {0};
	struct config *config = config_load(path, CONFIG_FOR_RUN, &report);
	if (config == NULL)
		config_report_print(&report, path, stderr);
	config_report_release(&report);
	if (config == NULL)
		return EXIT_USAGE;
	struct err err = {0};
	bool fine = true;
	if (what == 'p') {
		kafka_topics_print(&config->kafka, config->topics, config->sources_count, principal, stdout);
	} else {
		fine = say_own(config, what == 'r', &err);
		if (what == 'k') /* also after a mistake of our own topics, so that one run says everything */
			fine = say_inputs(config, &err) && fine;
	}
	config_destroy(config);
	return fine ? EXIT_FINE : command_failed(&command_topics, &err);
}

static int topics_run(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},    {"print", no_argument, NULL, 'p'},
		{"create", no_argument, NULL, 'r'},	     {"check", no_argument, NULL, 'k'},
		{"principal", required_argument, NULL, 'n'}, {0},
	};
	const char *path = NULL, *principal = NULL;
	int what = 0, c;
	while ((c = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		switch (c) {
		case 'c': path = optarg; break;
		case 'n': principal = optarg; break;
		case 'p':
		case 'r':
		case 'k':
			if (what != 0 && what != c)
				return command_usage(&command_topics, "one of --check, --create and --print");
			what = c;
			break;
		default: return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return command_usage(&command_topics, "what is '%s'?", argv[optind]);
	if (path == NULL)
		return command_usage(&command_topics, "--config FILE is missing");
	return topics(path, what ? what : 'k', principal);
}

const struct command command_topics = {
	.name = "topics",
	.summary = "check or create the Kafka topics of our own, or print the commands for it",
	.help = "usage: corridor topics --config FILE [--check | --create | --print [--principal NAME]]\n"
		"\n"
		"  --check             which topics there are and whether their settings are right; the "
		"default\n"
		"  --create            create those of our own that are absent. `corridor run` does that "
		"too\n"
		"  --print             ask nobody; print kafka-topics.sh and kafka-acls.sh commands for an "
		"administrator\n"
		"  --principal NAME    whom the ACLs are for, default User:corridor\n"
		"\n"
		"Exit code 1: a topic is missing or wrong, a right is missing, or Kafka is out of reach.\n",
	.run = topics_run,
};
