/*
 * pipeline - the threads, and the only place where the parts meet.
 *
 *   lane x N      consumer -> intake -> transactional producer (tallies, journal, dead letters, offsets); a committer thread of
 *                 its own waits for the broker while the lane reads on
 *   watcher       consumer of the tallies -> one watch per partition
 *   publisher     asks the watcher for what is due, writes it to Redis, hands back what became of it
 *   delivery      Redis' stream of alerts -> desk -> sinks, where partition 0 of the tallies is
 *   http          libmicrohttpd's
 *   caller        pipeline_run: signals, the clock's looks, log lines
 *
 * A datum has one owner; it moves by handing over a parcel or a closed transaction under a mutex, never per message.
 * Stopping goes in the order of the flow: lanes commit and leave, the watcher reads what they wrote, the publisher writes it out.
 */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "config/config.h"
#include "desk/desk.h"
#include "http/http.h"
#include "intake/intake.h"
#include "kafka/kafka.h"
#include "os/os.h"
#include "sink/sink.h"
#include "store/store.h"
#include "watch/watch.h"

struct pipeline_setup {
	struct kafka_options kafka;
	struct store_options store;
	struct intake_setup intake;
	struct watch_setup watch;
	struct http_options http;
	struct desk_options delivery;
	const struct sink_options *sinks; /* borrowed */
	unsigned sinks_count;
	const char *const *topics;        /* of the sources, in their order */
	bool intakes, watches;            /* roles */
	enum config_start start;          /* where a group without offsets begins */
	const char *version;
	bool embedded;                    /* the broker is kafka_embedded: our topics are there, it keeps no committed offsets */

	/* For the demo: what was just written to Redis. On the publisher's thread. NULL: nobody listens. */
	void (*published)(void *context, const struct publication *, unsigned count);
	void *published_context;
	/* Likewise: an event of an incident on its way to Kafka. On the watcher's thread. */
	void (*told)(void *context, const struct watch_alert *);
	void *told_context;

	char *registry_json;              /* the text of corridor:registry; NULL: nobody declared any */
	struct zone **zones;              /* private: the first is the default, then one for each of the watch's */
	unsigned zones_count;
};

/* What a configuration says. Zones are opened; the configuration must outlive the setup. */
NODISCARD bool pipeline_setup_from(struct pipeline_setup *, const struct config *, struct err *);
void pipeline_setup_release(struct pipeline_setup *);

struct pipeline;

/* Makes sure of the topics, connects nothing else. */
NODISCARD struct pipeline *pipeline_create(const struct pipeline_setup *, struct err *);
NODISCARD bool pipeline_start(struct pipeline *, struct err *);
/* What has to be done about once a second; false: a thread gave up, err says why. */
NODISCARD bool pipeline_tick(struct pipeline *, struct err *);
/* What can change while it runs, after config_apply_live: the configuration's texts must outlive the pipeline. */
void pipeline_reload(struct pipeline *, const struct config *);
void pipeline_stop(struct pipeline *);      /* drains, commits, leaves the groups, writes out, joins */
void pipeline_destroy(struct pipeline *);   /* stops first, if need be. NULL is fine */

struct pipeline_figures {
	struct intake_counts counts;
	uint64_t commits, aborts, published;
	bool caught_up;                     /* every input partition was read to its end and the watch is behind nothing */
};
struct pipeline_figures pipeline_figures(struct pipeline *);   /* any thread */
unsigned pipeline_http_port(const struct pipeline *);          /* 0: off */

#endif
