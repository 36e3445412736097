#include "replay_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct replay_event {
	int64_t at_ms;
	size_t order;
	char *line;
};

bool replay_events_open(struct replay_events *e, struct err *err)
{
	if (e->path == NULL)
		return true;
	e->out = strcmp(e->path, "-") == 0 ? stdout : fopen(e->path, "we");
	if (e->out == NULL)
		err_set(err, "%s: %s", e->path, strerror(errno));
	return e->out != NULL;
}

bool replay_events_keep(void *context, const struct watch_alert *alert)
{
	struct replay_events *e = context;
	if (e->count == e->room) {
		e->room = e->room ? 2 * e->room : 64;
		e->at = realloc(e->at, e->room * sizeof *e->at);
		must(e->at != NULL);
	}
	char *line = must_alloc(alert->json.len + 2);
	memcpy(line, alert->json.at, alert->json.len);
	line[alert->json.len] = '\n';
	e->at[e->count] = (struct replay_event){alert->at_ms, e->count, line};
	e->count++;
	return true;
}

static int by_time(const void *a, const void *b)
{
	const struct replay_event *x = a, *y = b;
	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

void replay_events_write(struct replay_events *e, struct err *err)
{
	if (e->count)
		qsort(e->at, e->count, sizeof *e->at, by_time);
	for (size_t i = 0; i < e->count; i++)
		if (fputs(e->at[i].line, e->out) == EOF)
			err_set(err, "%s: %s", e->path, strerror(errno));
}

void replay_events_release(struct replay_events *e, struct err *err)
{
	if (e->out && e->out != stdout && fclose(e->out) != 0)
		err_set(err, "%s: %s", e->path, strerror(errno));
	for (size_t i = 0; i < e->count; i++)
		free(e->at[i].line);
	free(e->at);
}
