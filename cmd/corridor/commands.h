/*
 * commands - what `corridor` can do: one file per command, each of which exports one row.
 *
 * To add a command: write <name>.c with `const struct command command_<name>`, declare it here, put it in the
 * table in main.c. Results go to stdout, talk to stderr. main.c answers --help and -h for every command.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "base/err.h"

struct command {
	const char *name;
	const char *summary;		   /* one line, as in a list */
	const char *help;		   /* from "usage: corridor NAME ..." on, ends in a newline */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name, so getopt_long works as usual */
};

/* What the shell gets. */
enum {
	EXIT_FINE = 0,
	EXIT_WORLD = 1, /* a file, Kafka, Redis, the terminal: something outside failed */
	EXIT_USAGE = 2, /* the command line or the configuration is wrong, nothing was started */
	EXIT_LASTING = 3, /* outside, and starting again does not mend it: another instance has our name, data of other settings */
};

extern const struct command *const commands[]; /* NULL-ended, in the order of the help */
const struct command *command_find(const char *name);

/* "corridor NAME: MESSAGE" and where the help is, to stderr; returns EXIT_USAGE. */
int command_usage(const struct command *, const char *format, ...) PRINTF(2, 3);
/* "corridor NAME: MESSAGE" to stderr; returns EXIT_WORLD, or EXIT_LASTING. */
int command_failed(const struct command *, const struct err *);

extern const struct command command_alerts;
extern const struct command command_check;
extern const struct command command_config;
extern const struct command command_dead_letters;
extern const struct command command_demo;
extern const struct command command_generate;
extern const struct command command_help;
extern const struct command command_ping;
extern const struct command command_replay;
extern const struct command command_run;
extern const struct command command_topics;

#endif
