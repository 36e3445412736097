#include "commands.h"

#include <stdio.h>

#include "config/config.h"

static int config_run(int argc, char **argv)
{
	if (argc > 1)
		return command_usage(&command_config, "what is '%s'?", argv[1]);
	config_print_defaults(stdout);
	return EXIT_FINE;
}

const struct command command_config = {
	.name = "config",
	.summary = "print all configuration keys with their defaults",
	.help = "usage: corridor config >corridor.yaml\n"
		"\n"
		"Prints a configuration with every key, its default and a line about what it does: a file to "
		"start "
		"from,\n"
		"which `corridor check` accepts. Keys that are left out have these defaults too.\n",
	.run = config_run,
};
