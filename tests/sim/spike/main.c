/*
 * The detector's promises on simulated worlds.  spike [--full | --scale N] [known|learned|quiet|incidents]...
 *
 * Speaks TAP: what is asserted is what the guarantee says, with the slack of the counts; others are remarks.
 */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static const struct {
	const char *name;
	void (*run)(double scale);
} experiments[] = {
	{"known", known_baseline},
	{"learned", learned_baseline},
	{"quiet", quiet_worlds},
	{"incidents", incidents},
};

int main(int argc, char **argv)
{
	double scale = 1;
	bool chosen = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--full") == 0)
			scale = 12;
		else if (strcmp(argv[i], "--scale") == 0 && i + 1 < argc)
			scale = atof(argv[++i]);
		else
			chosen = true;
	}
	for (unsigned e = 0; e < sizeof experiments / sizeof experiments[0]; e++) {
		bool wanted = !chosen;
		for (int i = 1; i < argc; i++)
			wanted |= strcmp(argv[i], experiments[e].name) == 0;
		if (wanted)
			experiments[e].run(scale);
	}
	return report_failed() ? 1 : 0;
}
