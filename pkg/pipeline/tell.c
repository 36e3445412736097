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
#define SAY_NS	  60000000000LL

static uint64_t tag_of(const struct watch_part *part, uint64_t tag)
{
	return ((uint64_t)(part->partition + 1) << TURN_BITS | part->turn) << TAG_BITS | tag;
}

/* Said once a minute, and in /readyz as long as it lasts. */
static void note(struct watcher *w, const char *why)
{
	int64_t now_ns = os_monotonic_ns();
	pthread_mutex_lock(&w->lock);
	w->untold = (struct err){0};
	if (why)
		err_set(&w->untold, "events of incidents do not get to Kafka, nobody hears of them: %s", why);
	pthread_mutex_unlock(&w->lock);
	if (why && (w->untold_said_ns == 0 || now_ns - w->untold_said_ns > SAY_NS)) {
		w->untold_said_ns = now_ns;
		log_error("%s; they are tried again", w->untold.text);
	}
}

bool watcher_untold(struct watcher *w, struct err *err)
{
	pthread_mutex_lock(&w->lock);
	*err = w->untold;
	pthread_mutex_unlock(&w->lock);
	return err->set;
}

void watcher_told(void *context, const struct kafka_delivery *d)
{
	struct watcher *w = context;
	struct watch_part *part = watcher_part(w, (int32_t)(d->tag >> (TAG_BITS + TURN_BITS)) - 1);
	w->telling--;
	note(w, d->ok ? NULL : d->why);
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
	note(w, err.text);
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
