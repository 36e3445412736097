#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/version.h"

const struct command *const commands[] = {
	&command_demo,	       &command_run,	&command_replay, &command_generate,
	&command_check,	       &command_config, &command_topics, &command_alerts,
	&command_dead_letters, &command_ping,	&command_help,	 NULL,
};

static int unknown(const char *name)
{
	struct str best = {0};
	unsigned best_distance = NEAREST_NONE;
	for (const struct command *const *c = commands; *c != NULL; c++) {
		unsigned distance = nearest_distance(str_of(name), str_of((*c)->name));
		if (distance < best_distance) {
			best = str_of((*c)->name);
			best_distance = distance;
		}
	}
	fprintf(stderr, "corridor: there is no command '%s'", name);
	if (best.at != NULL)
		fprintf(stderr, "; did you mean '%s'?", best.at);
	fputs("\nSee: corridor help\n", stderr);
	return EXIT_USAGE;
}

static int asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return 1;
	return 0;
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: corridor COMMAND [OPTION]...\nSee: corridor help\n", stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("corridor " CORRIDOR_VERSION);
		return EXIT_FINE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return command_help.run(1, argv);
	const struct command *command = command_find(argv[1]);
	if (command == NULL)
		return unknown(argv[1]);
	if (asks_for_help(argc - 1, argv + 1)) {
		fputs(command->help, stdout);
		return EXIT_FINE;
	}
	return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int code = dispatch(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) { /* a full disk must not look like success */
		perror("corridor: standard output");
		return code == EXIT_FINE ? EXIT_WORLD : code;
	}
	return code;
}
