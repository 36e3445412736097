#include "sink/sink_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* Slack: "CHANNEL TS SEVERITY" of the first message of an incident, as the caller stores it. */

struct memory *memory_find(struct sink *sink, uint64_t incident)
{
	for (unsigned i = 0; i < sink->memory_count; i++) {
		if (sink->memory[i].incident == incident)
			return &sink->memory[i];
	}
	return NULL;
}

static struct memory *room(struct sink *sink, uint64_t incident)
{
	struct memory *memory = memory_find(sink, incident);
	if (memory)
		return memory;
	if (sink->memory_count == OPEN_MAX) {
		memory = sink->memory;
		for (unsigned i = 1; i < OPEN_MAX; i++) {
			if (sink->memory[i].used < memory->used)
				memory = &sink->memory[i];
		}
		return memory;
	}
	if ((sink->memory_count & (sink->memory_count - 1)) == 0) {
		size_t count = sink->memory_count ? 2 * (size_t)sink->memory_count : 1;
		sink->memory = realloc(sink->memory, count * sizeof *sink->memory);
		must(sink->memory != NULL);
	}
	return &sink->memory[sink->memory_count++];
}

static void set(struct sink *sink, const struct alert_event *event, struct str channel, struct str ts,
		enum alert_severity severity)
{
	struct memory *memory = room(sink, event->incident);
	*memory = (struct memory){.incident = event->incident,
				  .partition = event->partition,
				  .severity = severity,
				  .used = ++sink->set->uses};
	snprintf(memory->channel, sizeof memory->channel, "%.*s", (int)channel.len, channel.at);
	snprintf(memory->ts, sizeof memory->ts, "%.*s", (int)ts.len, ts.at);
}

void memory_set(struct sink *sink, const struct alert_event *event, struct str channel, struct str ts)
{
	char text[120], kept_channel[40], kept_ts[40];
	snprintf(kept_channel, sizeof kept_channel, "%.*s", (int)channel.len, channel.at);
	snprintf(kept_ts, sizeof kept_ts, "%.*s", (int)ts.len, ts.at); /* they may be our own memory's */
	set(sink, event, str_of(kept_channel), str_of(kept_ts), event->severity);
	int len = snprintf(text, sizeof text, "%s %s %s", kept_channel, kept_ts,
			   alert_severity_name(event->severity));
	if (sink->set->callbacks.remember)
		sink->set->callbacks.remember(sink->set->callbacks.context, sink->index, event,
					      (struct str){text, (size_t)len});
}

void memory_read(struct sink *sink, const struct alert_event *event, struct str text)
{
	char line[120], channel[40], ts[40], name[20] = "";
	enum alert_severity severity = event->severity;
	if (text.len == 0 || text.len >= sizeof line)
		return;
	memcpy(line, text.at, text.len);
	line[text.len] = '\0';
	if (sscanf(line, "%39s %39s %19s", channel, ts, name) < 2)
		return;
	if (!alert_severity_from(str_of(name), &severity))
		severity = event->severity;
	set(sink, event, str_of(channel), str_of(ts), severity);
}
