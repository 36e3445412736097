/*
 * Events of incidents on their way to Kafka: corridor.alerts, keyed by touchpoint. Only what Kafka has acknowledged goes on to Redis, and
 * no checkpoint is written before, so what was lost on the way is derived again.
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "log/log.h"

/* partition + 1, which of the watches that it had in this process (65536 are as good as all), event */
#define TAG_BITS  24
#define TURN_BITS 16
#define RETRY_NS  1000000000LL

enum { KNOWN_BATCH = 500, KNOWN_MS = 30000 };

static uint64_t tag_of(const struct watch_part *part, uint64_t tag)
{
	return ((uint64_t)(part->partition + 1) << TURN_BITS | part->turn) << TAG_BITS | tag;
}

void watcher_told(void *context, const struct kafka_delivery *d)
{
	struct watcher *w = context;
	struct watch_part *part = watcher_part(w, (int32_t)(d->tag >> (TAG_BITS + TURN_BITS)) - 1);
	w->telling--;
	/* The partition went, and may have come back: its new watch derives the event again, under another tag. */
	if (part == NULL || part->turn != (uint16_t)(d->tag >> TAG_BITS))
		return;
	watch_alert_written(part->watch, d->tag & ((UINT64_C(1) << TAG_BITS) - 1), d->ok);
	if (!d->ok)
		part->tell_after_ns = os_monotonic_ns() + RETRY_NS;
}

static bool tell_one(struct watcher *w, struct watch_part *part, const struct watch_alert *a)
{
	char incident[ALERT_ID_BYTES + 1], number[NUMBER_BYTES];
	struct err err = {0};
	snprintf(incident, sizeof incident, "%016" PRIx64, a->incident);
	size_t number_len = number_whole(number, (int64_t)a->number);
	struct kafka_header headers[] = {
		{STR("incident"), str_of(incident)},
		{STR("event"), str_of(alert_type_name(a->type))},
		{STR("number"), {number, number_len}},
	};
	struct kafka_message m = {.topic = w->alerts_topic,
				  .partition = -1,
				  .key = a->touchpoint,
				  .value = a->json,
				  .headers = headers,
				  .headers_count = sizeof headers / sizeof *headers,
				  .tag = tag_of(part, a->tag)};
	if (kafka_producer_send(w->producer, &m, &err) == KAFKA_DONE) {
		w->telling++;
		log_info("%s %s: %.*s, %s, incident %s", alert_severity_name(a->severity),
			 alert_type_name(a->type), (int)a->touchpoint.len, a->touchpoint.at,
			 alert_kind_name(a->kind), incident);
		metrics_add(w->shard, METRIC_ALERTS, a->type, 1);
		if (w->pipeline->setup.told)
			w->pipeline->setup.told(w->pipeline->setup.told_context, a);
		return true;
	}
	log_error("an alert of %.*s did not get to Kafka, it is tried again: %s", (int)a->touchpoint.len,
		  a->touchpoint.at, err.text);
	watch_alert_written(part->watch, a->tag, false);
	part->tell_after_ns = os_monotonic_ns() + RETRY_NS;
	return false;
}

void watcher_tell(struct watcher *w)
{
	for (unsigned i = 0; i < w->parts_count; i++) {
		struct watch_part *part = w->parts[i];
		const struct watch_alert *a;
		if (watch_alerts_waiting(part->watch) == 0 || os_monotonic_ns() < part->tell_after_ns)
			continue;
		while ((a = watch_alert_next(part->watch)) != NULL && tell_one(w, part, a))
			continue;
	}
	if (w->telling)
		kafka_producer_serve(w->producer);
}

/* ---- what was told before ---- */

static uint64_t read_known(struct watch *watch, const struct kafka_record *records, size_t count)
{
	uint64_t known = 0;
	for (size_t i = 0; i < count; i++) {
		struct option_pool pool = {0};
		struct alert_event event;
		if (alert_read(&event, records[i].value, &pool)) {
			watch_rebuild_known(watch, &event);
			known++;
		}
		option_pool_release(&pool);
	}
	return known;
}

static bool open_known(struct watcher *w, const char *name, struct kafka_reader **reader, struct err *err)
{
	int partitions = 0;
	if (!kafka_topics_partitions(&w->pipeline->setup.kafka, &name, 1, &partitions, NET_TIMEOUT_MS, err))
		return false;
	if (partitions <= 0) {
		err_set(err, "there is no topic %s, or it may not be read", name);
		return false;
	}
	size_t count = (size_t)partitions; /* somebody may have added some: an event can lie in any */
	struct kafka_read *reads = must_array(count, sizeof *reads);
	for (size_t i = 0; i < count; i++)
		reads[i] = (struct kafka_read){0, (int32_t)i, KAFKA_OFFSET_EARLIEST, KAFKA_UNTIL_STABLE};
	*reader = kafka_reader_open(&w->pipeline->setup.kafka, &name, 1, reads, count, KNOWN_BATCH,
				    NET_TIMEOUT_MS, err);
	free(reads);
	return *reader != NULL;
}

void watcher_known(struct watcher *w, struct watch_part *part)
{
	static struct kafka_record records[KNOWN_BATCH]; /* one watcher a process */
	char topic[KAFKA_TOPIC_NAME_BYTES];
	struct kafka_reader *reader = NULL;
	struct err err = {0};
	uint64_t known = 0;
	watch_rebuild_begin(part->watch);
	if (w->pipeline->setup.embedded || !w->pipeline->setup.watch.alerts.enabled)
		return;
	kafka_topic_name(&w->pipeline->setup.kafka, KAFKA_TOPIC_ALERTS, topic);
	int64_t until_ns = os_monotonic_ns() + KNOWN_MS * 1000000LL;
	if (open_known(w, topic, &reader, &err)) {
		while (!kafka_reader_done(reader) && os_monotonic_ns() < until_ns) {
			size_t count = 0;
			if (kafka_reader_poll(reader, records, KNOWN_BATCH, &count, 200, &err) ==
			    KAFKA_POLL_FATAL)
				break;
			known += read_known(part->watch, records, count);
			kafka_reader_release(reader);
		}
		if (!err.set && !kafka_reader_done(reader))
			err_set(&err, "not read to its end within %d s", KNOWN_MS / 1000);
		kafka_reader_close(reader);
	}
	if (err.set)
		log_error("partition %" PRId32
			  ": which incidents are open is not known (%s): they may be raised again",
			  part->partition, err.text);
	else if (known)
		log_info("partition %" PRId32 ": %u incidents are open, of %" PRIu64 " events in %s",
			 part->partition, watch_incidents(part->watch), known, topic);
}
