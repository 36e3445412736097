/*
 * What was told before stands in Kafka, in corridor.alerts: whoever has no checkpoint takes from there which incidents are open, and a Redis
 * that lost what it held gets its events back, with the incidents and numbers that they make. On the watch's thread.
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"

#define AGAIN_NS (10 * 1000000000LL) /* Redis is given its events back: so long between attempts */

enum {
	BATCH = 500,
	REBUILD_MS = 30000, /* waited for, or incidents that are open would get another id */
	AGAIN_MS = 3000, /* windows must not stand still for long */
	PAUSE_MS = 200,
};

/* Rebuilding: of one partition. Else for all whose Redis lost something. */
static uint64_t hear(struct watcher *w, struct watch_part *rebuilt, const struct kafka_record *records,
		     size_t count)
{
	uint64_t known = 0;
	for (size_t i = 0; i < count; i++) {
		struct option_pool pool = {0};
		struct alert_event event;
		if (alert_read(&event, records[i].value, &pool)) {
			struct watch_part *part = rebuilt ? rebuilt : watcher_part(w, event.partition);
			known++;
			if (rebuilt)
				watch_rebuild_known(part->watch, &event);
			if (rebuilt || (part && part->lost))
				watch_again(part->watch, &event, records[i].value);
		}
		option_pool_release(&pool);
	}
	return known;
}

static struct kafka_reader *open_once(struct watcher *w, const char *name, struct err *err)
{
	int partitions = 0;
	if (!kafka_topics_partitions(&w->pipeline->setup.kafka, &name, 1, &partitions, NET_TIMEOUT_MS, err))
		return NULL;
	if (partitions <= 0) {
		err_set(err, "there is no topic %s, or it may not be read", name);
		return NULL;
	}
	size_t count = (size_t)partitions; /* somebody may have added some: an event can lie in any */
	struct kafka_read *reads = must_array(count, sizeof *reads);
	for (size_t i = 0; i < count; i++)
		reads[i] = (struct kafka_read){0, (int32_t)i, KAFKA_OFFSET_EARLIEST, KAFKA_UNTIL_STABLE};
	struct kafka_reader *reader = kafka_reader_open(&w->pipeline->setup.kafka, &name, 1, reads, count,
							BATCH, NET_TIMEOUT_MS, err);
	free(reads);
	return reader;
}

/* A topic that was just created, or whose leader is being chosen, can't be read for a moment. */
static struct kafka_reader *open_by(struct watcher *w, const char *name, int64_t until_ns, struct err *err)
{
	struct kafka_reader *reader;
	for (;;) {
		*err = (struct err){0};
		reader = open_once(w, name, err);
		if (reader != NULL || os_monotonic_ns() >= until_ns)
			return reader;
		usleep(PAUSE_MS * 1000);
	}
}

static bool read_alerts(struct watcher *w, struct watch_part *rebuilt, int64_t for_ms, uint64_t *known,
			struct err *err)
{
	static struct kafka_record records[BATCH]; /* one watcher a process */
	char topic[KAFKA_TOPIC_NAME_BYTES];
	int64_t until_ns = os_monotonic_ns() + for_ms * 1000000;
	kafka_topic_name(&w->pipeline->setup.kafka, KAFKA_TOPIC_ALERTS, topic);
	struct kafka_reader *reader = open_by(w, topic, until_ns, err);
	if (reader == NULL)
		return false;
	while (!kafka_reader_done(reader) && os_monotonic_ns() < until_ns) {
		size_t count = 0;
		if (kafka_reader_poll(reader, records, BATCH, &count, PAUSE_MS, err) == KAFKA_POLL_FATAL)
			break;
		*known += hear(w, rebuilt, records, count);
		kafka_reader_release(reader);
	}
	if (!err->set && !kafka_reader_done(reader))
		err_set(err, "not read to its end within %d s", (int)(for_ms / 1000));
	kafka_reader_close(reader);
	return !err->set;
}

static bool has_topic(const struct watcher *w)
{
	return !w->pipeline->setup.embedded && w->pipeline->setup.watch.alerts.enabled;
}

static int64_t since_ms(const struct watcher *w)
{
	return pipeline_now(w->pipeline) - ALERT_REOPEN_MS;
}

void watcher_known(struct watcher *w, struct watch_part *part)
{
	struct err err = {0};
	uint64_t known = 0;
	watch_rebuild_begin(part->watch);
	if (!has_topic(w))
		return;
	if (!read_alerts(w, part, REBUILD_MS, &known, &err))
		log_error("partition %" PRId32
			  ": which incidents are open is not known (%s): they may be raised again",
			  part->partition, err.text);
	else if (known)
		log_info("partition %" PRId32 ": %u incidents are open, of %" PRIu64 " events in Kafka",
			 part->partition, watch_incidents(part->watch), known);
	watch_again_end(part->watch, since_ms(w));
}

/* Not while a checkpoint is out: it counts on what waited when it was filled. */
void watcher_again(struct watcher *w)
{
	struct err err = {0};
	uint64_t known = 0;
	bool lost = false;
	for (unsigned i = 0; i < w->parts_count; i++) {
		lost = lost || w->parts[i]->lost;
		if (w->parts[i]->lost && w->parts[i]->saving)
			return;
	}
	if (!lost || os_monotonic_ns() < w->again_after_ns)
		return;
	bool done = !has_topic(w) || read_alerts(w, NULL, AGAIN_MS, &known, &err);
	for (unsigned i = 0; i < w->parts_count; i++)
		if (w->parts[i]->lost) {
			watch_again_end(w->parts[i]->watch, since_ms(w));
			w->parts[i]->lost = !done;
		}
	w->again_after_ns = done ? 0 : os_monotonic_ns() + AGAIN_NS;
	if (!done)
		log_warn("what Redis lost of the alerts can't be read from Kafka yet: %s", err.text);
	else if (known)
		log_info("Redis gets the alerts of the last day back: Kafka has %" PRIu64 " events", known);
}
