/* The events of incidents that a replay found: kept until its end, since one found by the clock may come up to a minute after later ones. */
#ifndef REPLAY_EVENTS_H
#define REPLAY_EVENTS_H

#include <stdio.h>

#include "watch/watch.h"

struct replay_event;

struct replay_events {
	const char *path;   /* NULL: nobody asked; "-": standard output */
	FILE *out;
	struct replay_event *at;
	size_t count, room;
};

bool replay_events_open(struct replay_events *, struct err *);
bool replay_events_keep(void *events, const struct watch_alert *);
void replay_events_write(struct replay_events *, struct err *);   /* an object a line, by time */
void replay_events_release(struct replay_events *, struct err *);

#endif
