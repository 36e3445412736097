#include "commands.h"

#include <stdio.h>

static int help_run(int argc, char **argv)
{
	if (argc > 2)
		return command_usage(&command_help, "one command at a time");
	if (argc == 2) {
		const struct command *command = command_find(argv[1]);
		if (command == NULL)
			return command_usage(&command_help, "there is no command '%s'", argv[1]);
		fputs(command->help, stdout);
		return EXIT_FINE;
	}
	puts("Corridor: live Net Promoter Scores per touchpoint, from Kafka to Redis.\n"
	     "\n"
	     "usage: corridor COMMAND [OPTION]...\n");
	for (const struct command *const *c = commands; *c != NULL; c++)
		printf("  %-14s %s\n", (*c)->name, (*c)->summary);
	puts("\n"
	     "corridor COMMAND --help     how a command is used\n"
	     "corridor --version          which version this is\n"
	     "\n"
	     "Results go to standard output, talk to standard error.\n"
	     "Exit codes: 0 fine, 1 something outside failed, 2 wrong usage or configuration,\n"
	     "3 something outside that starting again does not mend: another instance runs under this name,\n"
	     "or what Kafka holds was written with other settings.");
	return EXIT_FINE;
}

const struct command command_help = {
	.name = "help",
	.summary = "what the commands are, or how one is used",
	.help = "usage: corridor help [COMMAND]\n"
		"\n"
		"Lists the commands, or explains one.\n",
	.run = help_run,
};
