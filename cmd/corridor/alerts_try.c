#include "alerts.h"

#include <stdio.h>

#include "base/nearest.h"

/* The names of all sinks for a message, and the one that was meant by a wrong one. */
static int unknown(const struct alerts_job *job, struct err *err)
{
	const char *names[job->config->sinks_count + 1];
	char list[300] = "";
	for (unsigned i = 0; i < job->config->sinks_count; i++) {
		size_t used = strlen(list);
		names[i] = job->config->sinks[i].name;
		snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", names[i]);
	}
	names[job->config->sinks_count] = NULL;
	const char *meant = nearest_word(str_of(job->sink), names);
	if (meant)
		err_set(err, "there is no sink '%s'; did you mean '%s'?", job->sink, meant);
	else if (*list)
		err_set(err, "there is no sink '%s'; there are %s", job->sink, list);
	else
		err_set(err, "there is no sink '%s': the configuration has none under `sinks`", job->sink);
	return EXIT_USAGE;
}

int alerts_test(struct alerts_job *job, struct err *err)
{
	const struct sink_options *sink = NULL;
	if (job->sink == NULL)
		return command_usage(&command_alerts, "test wants --sink NAME");
	for (unsigned i = 0; i < job->config->sinks_count; i++)
		if (strcmp(job->config->sinks[i].name, job->sink) == 0)
			sink = &job->config->sinks[i];
	if (sink == NULL)
		return unknown(job, err);
	if (!sink_try(sink, err))
		return EXIT_WORLD;
	printf("%s took a test alert\n", sink->name);
	return EXIT_FINE;
}
