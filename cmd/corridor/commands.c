#include "commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = commands; *c != NULL; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

int command_usage(const struct command *command, const char *format, ...)
{
	fprintf(stderr, "corridor %s: ", command->name);
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nSee: corridor %s --help\n", command->name);
	return EXIT_USAGE;
}

int command_failed(const struct command *command, const struct err *err)
{
	fprintf(stderr, "corridor %s: %s\n", command->name, err->text);
	return err->lasting ? EXIT_LASTING : EXIT_WORLD;
}
