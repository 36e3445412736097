#include "demo.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "feed/feed.h"
#include "log/log.h"
#include "os/os.h"

enum { RATE = 100, HISTORY_PER_MS = 20 };

struct demo_feed {
	struct feed *feed;
	struct kafka_producer *producer;
	unsigned topic;
	int64_t live_from_ms, began_ns;
	const char *incident;
	_Atomic uint64_t sent;
	atomic_bool stop;
	pthread_t thread;
};

/* The machine's time as this feed counts it. */
static int64_t feed_now(const struct demo_feed *f)
{
	return f->live_from_ms + (os_monotonic_ns() - f->began_ns) / 1000000;
}

/* History goes out at 20 messages a millisecond: quick, and not more than the embedded broker holds until it is read. */
static void await(struct demo_feed *f, const struct feed_event *event)
{
	if (event->arrives_ms < f->live_from_ms) {
		if (atomic_load(&f->sent) % HISTORY_PER_MS == 0)
			usleep(1000);
		return;
	}
	while (!atomic_load(&f->stop) && feed_now(f) < event->arrives_ms)
		usleep(2000);
}

static void *feed_main(void *context)
{
	struct demo_feed *f = context;
	char text[FEED_MESSAGE_MAX];
	struct feed_event event;
	struct err err = {0};
	while (!atomic_load(&f->stop)) {
		feed_next(f->feed, text, &event);
		await(f, &event);
		struct kafka_message m = {
			.topic = f->topic, .partition = -1, .key = event.key, .value = event.message};
		if (kafka_producer_send(f->producer, &m, &err) != KAFKA_DONE) {
			log_error("the demo's feed: %s", err.text);
			break;
		}
		atomic_fetch_add(&f->sent, 1);
	}
	return NULL;
}

struct demo_feed *demo_feed_start(const struct kafka_options *kafka, const char *topic, int64_t now_ms,
				  struct err *err)
{
	struct demo_feed *f = must_alloc(sizeof *f);
	struct feed_options options = feed_defaults;
	options.seed = now_ms;
	options.rate = RATE;
	options.start_ms = now_ms - DEMO_HISTORY_MS;
	options.disorder_ms = 1000;
	options.incidents[0] = (struct feed_incident){"delivery", DEMO_HISTORY_MS + DEMO_INCIDENT_MS,
						      DEMO_INCIDENT_LENGTH_MS, 0.9};
	options.incidents_count = 1;
	f->incident = "delivery";
	f->live_from_ms = now_ms;
	f->began_ns = os_monotonic_ns();
	f->feed = feed_create(&options, err);
	f->producer = f->feed ? kafka_producer_open_plain(kafka, NULL, NULL, err) : NULL;
	if (f->producer == NULL) {
		feed_destroy(f->feed);
		free(f);
		return NULL;
	}
	f->topic = kafka_producer_topic(f->producer, topic);
	must(pthread_create(&f->thread, NULL, feed_main, f) == 0);
	return f;
}

const char *demo_feed_incident(const struct demo_feed *f)
{
	return f->incident;
}

bool demo_feed_incident_now(const struct demo_feed *f)
{
	int64_t since = feed_now(f) - f->live_from_ms - DEMO_INCIDENT_MS;
	return since >= 0 && since < DEMO_INCIDENT_LENGTH_MS;
}

uint64_t demo_feed_stop(struct demo_feed *f)
{
	struct err err = {0};
	atomic_store(&f->stop, true);
	pthread_join(f->thread, NULL);
	if (kafka_producer_flush(f->producer, 5000, &err) != KAFKA_DONE)
		log_warn("the demo's feed: %s", err.text);
	kafka_producer_close(f->producer);
	feed_destroy(f->feed);
	uint64_t sent = atomic_load(&f->sent);
	free(f);
	return sent;
}
