/*
 * The publisher: the one thread that writes to Redis. It works on one parcel at a time; how long that took, on our side and on Redis',
 * decides when the next parcel may be filled, so a short Redis or a short share of a core stretches the pace of all touchpoints
 * and never builds a queue: what is not asked for stays in the watch, and is newer when it is.
 */
#include "pipeline/pipeline_priv.h"

#include <stdlib.h>
#include <string.h>

#include "log/log.h"

#define REDIS_SHARE 0.5 /* of Redis' one thread that a publisher may take */
#define SECOND_NS   1000000000LL
#define FAILED_NS                                                                                            \
	100000000LL /* after a failure: the store's back-off decides when it connects, we only stop spinning */

struct publisher {
	struct pipeline *pipeline;
	struct store *store;
	struct metrics_shard *shard;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct parcel parcels[PARCELS];
	uint64_t
		next; /* number of the parcel that is written next: in order, or positions would be refused */
	uint64_t sent; /* the watcher's */
	bool stop, hurry, lost;
	int64_t not_before_ns; /* no parcel is filled before */
	const struct watch_part **parts;
	unsigned parts_count, parts_room;
	struct store_health *health; /* the publisher's thread's */
	unsigned health_room;
	_Atomic uint64_t published;
	atomic_bool up;
	int64_t last_second_ns, registry_ns;
	uint64_t connects, losses;
};

struct publisher *publisher_create(struct pipeline *p, struct err *err)
{
	struct publisher *pub = must_alloc(sizeof *pub);
	pub->pipeline = p;
	pub->shard = metrics_shard(p->metrics);
	pthread_mutex_init(&pub->lock, NULL);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&pub->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	for (unsigned i = 0; i < PARCELS; i++)
		pub->parcels[i].batch = watch_batch_create();
	pub->store = store_create(&p->setup.store, err);
	if (pub->store == NULL) {
		publisher_destroy(pub);
		return NULL;
	}
	return pub;
}

/* ---- one parcel ---- */

static void observe(struct publisher *pub, struct parcel *parcel, const struct store_batch *done)
{
	struct metrics_shard *s = pub->shard;
	metrics_add(s, METRIC_PUBLISHED, METRIC_PUBLISHED_WRITTEN, done->written);
	metrics_add(s, METRIC_PUBLISHED, METRIC_PUBLISHED_REFUSED, done->refused);
	metrics_add(s, METRIC_PUBLISHED, METRIC_PUBLISHED_FAILED, done->failed);
	metrics_observe(s, METRIC_PUBLISH_SECONDS, (uint64_t)done->redis_us);
	int64_t now_ms = pipeline_now(pub->pipeline);
	for (unsigned i = 0; i < parcel->batch->count; i++)
		if (parcel->batch->changed_ms[i] && now_ms >= parcel->batch->changed_ms[i])
			metrics_observe(s, METRIC_PUBLISH_DELAY_SECONDS,
					(uint64_t)(now_ms - parcel->batch->changed_ms[i]) * 1000);
	atomic_fetch_add(&pub->published, done->written);
}

static int64_t publish(struct publisher *pub, struct parcel *parcel)
{
	struct watch_batch *b = parcel->batch;
	const struct pipeline_setup *setup = &pub->pipeline->setup;
	if (b->count == 0)
		return 0;
	struct store_batch done = store_publish(pub->store, b->at, b->count, parcel->outcomes);
	observe(pub, parcel, &done);
	if (done.refused)
		log_warn("%u touchpoints hold a newer position in Redis: another owner of partition %d is at "
			 "work",
			 done.refused, (int)parcel->part->partition);
	if (setup->published && done.failed == 0)
		setup->published(setup->published_context, b->at, b->count);
	return done.failed ? -1 : done.redis_us;
}

static void write_sources(struct publisher *pub, const struct parcel *parcel)
{
	struct store_source list[WATCH_SOURCES];
	const struct watch_batch *b = parcel->batch;
	for (unsigned i = 0; i < b->sources_count; i++)
		list[i] = (struct store_source){b->sources[i].name, b->sources[i].touchpoints};
	if (b->sources_count && pub->pipeline->delivery &&
	    !store_sources_set(pub->store, (unsigned)parcel->part->partition, list, b->sources_count))
		log_debug("how large sources are could not be written: %s", store_error(pub->store));
}

static void checkpoint(struct publisher *pub, struct parcel *parcel)
{
	static struct store_field fields[WATCH_FIELDS]; /* one publisher a process */
	static struct store_alert alerts[WATCH_ALERTS];
	struct watch_batch *b = parcel->batch;
	struct store_position low = {b->low.log_ms, b->low.offset};
	if (b->fields_count == 0 && b->alerts_count == 0)
		return;
	for (unsigned i = 0; i < b->alerts_count; i++) {
		const struct watch_alert *a = &b->alerts[i];
		alerts[i] = (struct store_alert){a->touchpoint, a->ledger, a->number,
						 a->incident,	a->open,   a->json};
	}
	for (unsigned i = 0; i < b->fields_count; i++)
		fields[i] = (struct store_field){
			b->fields[i].touchpoint,
			{b->fields[i].len ? (const char *)b->bytes + b->fields[i].at : NULL,
			 b->fields[i].len}};
	struct store_checkpoint c = {
		.partition = (unsigned)parcel->part->partition,
		.at = {b->position.log_ms, b->position.offset},
		.low = b->low_known ? &low : NULL,
		.replace = b->replace,
		.fields = fields,
		.fields_count = b->fields_count,
		.alerts = alerts,
		.alerts_count = b->alerts_count,
	};
	parcel->checkpoint = store_checkpoint(pub->store, &c, &parcel->part->token);
	metrics_add(pub->shard, METRIC_CHECKPOINTS, parcel->checkpoint, 1);
	if (b->alerts_count && parcel->checkpoint == STORE_CHECKPOINT_WRITTEN)
		delivery_wake(pub->pipeline->delivery);
	if (parcel->checkpoint == STORE_CHECKPOINT_LOST)
		log_warn("Redis lost the checkpoint of partition %d: all of it is written again",
			 (int)parcel->part->partition);
	if (parcel->checkpoint == STORE_CHECKPOINT_REFUSED)
		log_warn("partition %d has a newer checkpoint: another owner is at work",
			 (int)parcel->part->partition);
}

/* ---- each second: health and gauges ---- */

static void write_health(struct publisher *pub)
{
	int64_t now_ms = pipeline_now(pub->pipeline);
	unsigned n = 0;
	pthread_mutex_lock(&pub->lock);
	pub->health = pipeline_room(pub->health, &pub->health_room, pub->parts_count, sizeof *pub->health);
	for (unsigned i = 0; i < pub->parts_count; i++) {
		int64_t as_of_ms = atomic_load(&pub->parts[i]->as_of_ms);
		if (as_of_ms == 0) /* not caught up yet: what is in Redis is not ours to vouch for */
			continue;
		pub->health[n++] = (struct store_health){(unsigned)pub->parts[i]->partition, as_of_ms,
							 now_ms - atomic_load(&pub->parts[i]->log_ms),
							 kafka_instance(&pub->pipeline->setup.kafka),
							 pub->pipeline->setup.version};
	}
	pthread_mutex_unlock(&pub->lock);
	if (n)
		(void)store_health(pub->store, pub->health, n);
	else
		(void)store_connect(pub->store);
}

/* With each sweep, as all that readers see. */
static void write_registry(struct publisher *pub, int64_t now_ns)
{
	const struct pipeline_setup *setup = &pub->pipeline->setup;
	if (setup->registry_json == NULL ||
	    (pub->registry_ns && now_ns - pub->registry_ns < setup->watch.options.refresh_ms * 1000000))
		return;
	if (store_registry(pub->store, str_of(setup->registry_json)))
		pub->registry_ns = now_ns;
}

static void each_second(struct publisher *pub)
{
	int64_t now_ns = os_monotonic_ns();
	if (now_ns - pub->last_second_ns < SECOND_NS)
		return;
	pub->last_second_ns = now_ns;
	write_health(pub);
	write_registry(pub, now_ns);
	struct store_stats stats = store_stats(pub->store);
	bool up = store_up(pub->store);
	if (up != atomic_load(&pub->up)) {
		if (up)
			log_info("Redis %s is there", store_address(pub->store));
		else
			log_warn("Redis %s is away: %s; windows go on in memory", store_address(pub->store),
				 store_error(pub->store));
	}
	atomic_store(&pub->up, up);
	metrics_put(pub->shard, METRIC_REDIS_UP, METRIC_ONLY, up);
	metrics_add(pub->shard, METRIC_REDIS_CONNECTS, METRIC_ONLY, stats.connects - pub->connects);
	metrics_add(pub->shard, METRIC_REDIS_LOSSES, METRIC_ONLY, stats.losses - pub->losses);
	pub->connects = stats.connects;
	pub->losses = stats.losses;
	if (store_take_lost(pub->store)) {
		log_warn("Redis may have lost what was written: everything is published again");
		pthread_mutex_lock(&pub->lock);
		pub->lost = true;
		pthread_mutex_unlock(&pub->lock);
	}
}

/* ---- the thread ---- */

static struct parcel *next_ready(struct publisher *pub)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 100000000;
	if (until.tv_nsec >= SECOND_NS) {
		until.tv_nsec -= SECOND_NS;
		until.tv_sec++;
	}
	pthread_mutex_lock(&pub->lock);
	struct parcel *found = NULL;
	for (int tries = 0; tries < 2 && found == NULL; tries++) {
		for (unsigned i = 0; i < PARCELS && found == NULL; i++)
			if (pub->parcels[i].state == PARCEL_READY && pub->parcels[i].number == pub->next)
				found = &pub->parcels[i];
		if (found == NULL && tries == 0 && !pub->stop)
			pthread_cond_timedwait(&pub->changed, &pub->lock, &until);
	}
	if (found) {
		found->state = PARCEL_BUSY;
		pub->next++;
	}
	pthread_mutex_unlock(&pub->lock);
	return found;
}

static void work(struct publisher *pub, struct parcel *parcel)
{
	int64_t begun_ns = os_monotonic_ns(), cpu_ns = os_cpu_thread_ns();
	int64_t redis_us = publish(pub, parcel);
	checkpoint(pub, parcel);
	write_sources(pub, parcel);
	cpu_ns = os_cpu_thread_ns() - cpu_ns;
	double ours_ns = (double)cpu_ns / pub->pipeline->setup.watch.options.cpu_max;
	double redis_ns = redis_us < 0 ? (double)FAILED_NS : (double)redis_us * 1000 / REDIS_SHARE;
	pthread_mutex_lock(&pub->lock);
	pub->not_before_ns = begun_ns + (int64_t)(ours_ns > redis_ns ? ours_ns : redis_ns);
	parcel->state = PARCEL_DONE;
	pthread_cond_broadcast(&pub->changed);
	pthread_mutex_unlock(&pub->lock);
}

static void *publisher_main(void *context)
{
	struct publisher *pub = context;
	pipeline_name_thread("publish", 0);
	for (;;) {
		struct parcel *parcel = next_ready(pub);
		if (parcel)
			work(pub, parcel);
		each_second(pub);
		pthread_mutex_lock(&pub->lock);
		bool stop = pub->stop && parcel == NULL;
		pthread_mutex_unlock(&pub->lock);
		if (stop)
			return NULL;
	}
}

bool publisher_start(struct publisher *pub, struct err *err)
{
	if (pthread_create(&pub->thread, NULL, publisher_main, pub) != 0) {
		err_set(err, "no thread for the publisher");
		return false;
	}
	pub->running = true;
	return true;
}

void publisher_stop(struct publisher *pub)
{
	if (!pub->running)
		return;
	pthread_mutex_lock(&pub->lock);
	pub->stop = true;
	pthread_cond_broadcast(&pub->changed);
	pthread_mutex_unlock(&pub->lock);
	pthread_join(pub->thread, NULL);
	pub->running = false;
}

void publisher_destroy(struct publisher *pub)
{
	if (pub == NULL)
		return;
	publisher_stop(pub);
	for (unsigned i = 0; i < PARCELS; i++)
		watch_batch_destroy(pub->parcels[i].batch);
	store_destroy(pub->store);
	free(pub->parts);
	free(pub->health);
	pthread_mutex_destroy(&pub->lock);
	pthread_cond_destroy(&pub->changed);
	free(pub);
}

void publisher_stats(struct publisher *pub, uint64_t *published, bool *up)
{
	*published = atomic_load(&pub->published);
	*up = atomic_load(&pub->up);
}

/* ---- the watcher's side ---- */

struct parcel *publisher_parcel(struct publisher *pub, enum parcel_state state)
{
	struct parcel *found = NULL;
	pthread_mutex_lock(&pub->lock);
	bool withheld = state == PARCEL_WANTED && !pub->hurry && os_monotonic_ns() < pub->not_before_ns;
	for (unsigned i = 0; i < PARCELS && found == NULL && !withheld; i++)
		if (pub->parcels[i].state == state)
			found = &pub->parcels[i];
	pthread_mutex_unlock(&pub->lock);
	return found;
}

static void set_state(struct publisher *pub, struct parcel *parcel, enum parcel_state state)
{
	pthread_mutex_lock(&pub->lock);
	parcel->state = state;
	pthread_cond_broadcast(&pub->changed);
	pthread_mutex_unlock(&pub->lock);
}

void publisher_send(struct publisher *pub, struct parcel *parcel)
{
	parcel->number = pub->sent++;
	set_state(pub, parcel, PARCEL_READY);
}

void publisher_return(struct publisher *pub, struct parcel *parcel)
{
	set_state(pub, parcel, PARCEL_WANTED);
}

void publisher_wait(struct publisher *pub, int timeout_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t ns = until.tv_nsec + (int64_t)timeout_ms * 1000000;
	until.tv_sec += ns / SECOND_NS;
	until.tv_nsec = ns % SECOND_NS;
	pthread_mutex_lock(&pub->lock);
	bool done = false;
	for (unsigned i = 0; i < PARCELS; i++)
		done = done || pub->parcels[i].state == PARCEL_DONE;
	if (!done)
		pthread_cond_timedwait(&pub->changed, &pub->lock, &until);
	pthread_mutex_unlock(&pub->lock);
}

void publisher_hurry(struct publisher *pub, bool hurry)
{
	pthread_mutex_lock(&pub->lock);
	pub->hurry = hurry;
	pthread_mutex_unlock(&pub->lock);
}

bool publisher_take_lost(struct publisher *pub)
{
	pthread_mutex_lock(&pub->lock);
	bool lost = pub->lost;
	pub->lost = false;
	pthread_mutex_unlock(&pub->lock);
	return lost;
}

void publisher_parts(struct publisher *pub, struct watch_part *const *parts, unsigned count)
{
	pthread_mutex_lock(&pub->lock);
	pub->parts = pipeline_room(pub->parts, &pub->parts_room, count, sizeof *pub->parts);
	memcpy(pub->parts, parts, count * sizeof *parts);
	pub->parts_count = count;
	pthread_mutex_unlock(&pub->lock);
}
