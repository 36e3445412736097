#include "pipeline/pipeline_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"

enum { CLOCK_APART_MS = 1000 }; /* that much is worth a word, and the least that is worth a restart */

void pipeline_give_up(struct pipeline *p, const struct err *err)
{
	pthread_mutex_lock(&p->lock);
	if (!p->error.set)
		p->error = *err;
	pthread_mutex_unlock(&p->lock);
	atomic_store(&p->failed, true);
}

int64_t pipeline_now(const struct pipeline *p)
{
	return os_clock_ms(p->clock);
}

bool pipeline_clock_good(const struct pipeline *p, struct err *err)
{
	int64_t apart_ms = os_clock_apart_ms(p->clock), most_ms = p->setup.intake.options.max_future_skew_ms;
	if (most_ms < CLOCK_APART_MS)
		most_ms = CLOCK_APART_MS;
	if (apart_ms <= most_ms && apart_ms >= -most_ms)
		return true;
	err_set(err,
		"the machine's clock was set %s by %.0f s while the program ran, more than "
		"intake.max_future_skew: rather than judge "
		"feedback by a wrong time it ends; started again it goes by the new time, and nothing is "
		"lost",
		apart_ms > 0 ? "forward" : "back", (double)(apart_ms > 0 ? apart_ms : -apart_ms) / 1000);
	return false;
}

void *pipeline_room(void *at, unsigned *room, unsigned need, size_t size)
{
	if (need <= *room)
		return at;
	*room = need * 2 + 8;
	at = realloc(at, *room * size);
	must(at != NULL);
	return at;
}

void pipeline_positions(struct positions *p, const struct kafka_consumer *consumer)
{
	p->count = (unsigned)kafka_consumer_positions(consumer, p->at, p->room);
	if (p->count <= p->room)
		return;
	p->at = pipeline_room(p->at, &p->room, p->count, sizeof *p->at);
	p->count = (unsigned)kafka_consumer_positions(consumer, p->at, p->room);
}

void pipeline_name_thread(const char *role, unsigned number)
{
	char name[16];
	snprintf(name, sizeof name, "%s %u", role, number);
	pthread_setname_np(pthread_self(), name);
}

static bool ensure_topics(struct pipeline *p, struct err *err)
{
	struct kafka_topic_state topics[KAFKA_TOPICS];
	if (p->setup.embedded) {
		p->shards = p->journal_partitions = (uint32_t)p->setup.kafka.shards;
		p->letter_bytes_max = p->setup.kafka.record_bytes_max;
		return true;
	}
	if (!kafka_topics_ensure(&p->setup.kafka, true, topics, 30000, err))
		return false;
	for (unsigned i = 0; i < KAFKA_TOPICS; i++) {
		if (topics[i].created)
			log_info("topic %s created with %d partitions", topics[i].name, topics[i].partitions);
		if (topics[i].warning[0])
			log_warn("%s", topics[i].warning);
	}
	p->letter_bytes_max = topics[KAFKA_TOPIC_DEAD_LETTERS].record_bytes_max;
	return layout_find(p, (uint32_t)topics[KAFKA_TOPIC_TALLIES].partitions,
			   (uint32_t)topics[KAFKA_TOPIC_RESPONSES].partitions, err);
}

static char *metrics_of(void *context, size_t *len)
{
	struct pipeline *p = context;
	return metrics_text(p->metrics, len);
}

static void lanes_ready(struct pipeline *p, struct http_reasons *reasons)
{
	uint64_t evictions = (uint64_t)metrics_read(p->metrics, METRIC_EVICTIONS, METRIC_ONLY);
	for (unsigned i = 0; i < p->lanes_count; i++) {
		struct lane *lane = &p->lanes[i];
		pthread_mutex_lock(&lane->figures_lock);
		struct err denied = lane->denied;
		pthread_mutex_unlock(&lane->figures_lock);
		if (denied.set)
			http_not_ready(reasons, "lane %u: %s", i, denied.text);
		if (!atomic_load(&lane->assigned))
			http_not_ready(reasons, "lane %u is no member of the consumer group yet", i);
		if (atomic_load(&lane->refilling))
			http_not_ready(reasons, "lane %u refills its response table from the journal", i);
		unsigned aborts = atomic_load(&lane->aborts_in_a_row);
		if (aborts >= ABORTS_MANY)
			http_not_ready(reasons,
				       "lane %u comes no further: its last %u transactions were aborted, the "
				       "log says why",
				       i, aborts);
	}
	if (evictions)
		http_not_ready(reasons,
			       "%llu responses were evicted from a full response table: counts may be "
			       "inexact, raise responses.max",
			       (unsigned long long)evictions);
}

static void ready(void *context, struct http_reasons *reasons)
{
	struct pipeline *p = context;
	int64_t apart_ms = os_clock_apart_ms(p->clock);
	lanes_ready(p, reasons);
	if (apart_ms > CLOCK_APART_MS || apart_ms < -CLOCK_APART_MS)
		http_not_ready(reasons,
			       "the machine's clock was set: it is %.1f s from the one that windows go by; a "
			       "restart follows it",
			       (double)apart_ms / 1000);
	if (p->watcher) {
		uint64_t published;
		bool up;
		publisher_stats(p->publisher, &published, &up);
		if (!up)
			http_not_ready(reasons,
				       "Redis is away: windows go on in memory, what readers see is old");
		struct err denied = {0};
		if (watcher_denied(p->watcher, &denied))
			http_not_ready(reasons, "watch: %s", denied.text);
		struct err untold = {0};
		if (watcher_untold(p->watcher, &untold))
			http_not_ready(reasons, "%s", untold.text);
		if (!watcher_caught_up(p->watcher))
			http_not_ready(reasons, "the watch reads its log up to the present");
	}
}

struct pipeline *pipeline_create(const struct pipeline_setup *setup, struct err *err)
{
	struct pipeline *p = must_alloc(sizeof *p);
	p->setup = *setup;
	pthread_mutex_init(&p->lock, NULL);
	p->clock = os_clock_create();
	p->metrics = metrics_create(setup->version);
	p->shard = metrics_shard(p->metrics);
	if (!ensure_topics(p, err)) {
		pipeline_destroy(p);
		return NULL;
	}
	return p;
}

static bool start_watch(struct pipeline *p, struct err *err)
{
	p->publisher = publisher_create(p, err);
	if (p->publisher == NULL || !publisher_start(p->publisher, err))
		return false;
	if (p->setup.sinks_count) {
		p->delivery = delivery_create(p, err);
		if (p->delivery == NULL || !delivery_start(p->delivery, err))
			return false;
	}
	p->watcher = watcher_create(p);
	return watcher_start(p->watcher, err);
}

bool pipeline_start(struct pipeline *p, struct err *err)
{
	struct http_callbacks callbacks = {.context = p, .metrics = metrics_of, .ready = ready};
	must(!p->started);
	p->started = true;
	if (p->setup.http.token_file) {
		p->acks = acks_create(p, err);
		callbacks.ack = acks_take;
		if (p->acks == NULL)
			return false;
	}
	if (p->setup.watches && !start_watch(p, err))
		return false;
	if (p->setup.intakes) {
		unsigned count = (unsigned)p->setup.intake.options.lanes;
		p->lanes = must_array(count, sizeof *p->lanes);
		while (p->lanes_count < count) {
			unsigned number = p->lanes_count++;
			if (!lane_start(&p->lanes[number], p, number, err))
				return false;
		}
	}
	return http_start(&p->http, &p->setup.http, &callbacks, err);
}

bool pipeline_tick(struct pipeline *p, struct err *err)
{
	int64_t step_ms = os_clock_look(p->clock);
	if (step_ms)
		log_warn("the wall clock was set by %lld ms; our time runs on without the step, a restart "
			 "follows it",
			 (long long)step_ms);
	metrics_put(p->shard, METRIC_CLOCK_APART_SECONDS, METRIC_ONLY,
		    (double)os_clock_apart_ms(p->clock) / 1000);
	if (!atomic_load(&p->failed))
		return pipeline_clock_good(p, err);
	pthread_mutex_lock(&p->lock);
	*err = p->error;
	pthread_mutex_unlock(&p->lock);
	return false;
}

void pipeline_reload(struct pipeline *p, const struct config *config)
{
	if (p->watcher)
		watcher_set(p->watcher, &config->alerts);
	delivery_set(p->delivery, &config->delivery, &config->alerts);
}

void pipeline_stop(struct pipeline *p)
{
	if (!p->started || p->stopped)
		return;
	p->stopped = true;
	for (unsigned i = 0; i < p->lanes_count; i++)
		lane_stop(&p->lanes[i]);
	for (unsigned i = 0; i < p->lanes_count; i++)
		lane_join(&p->lanes[i]);
	if (p->watcher) {
		watcher_drain(p->watcher);
		watcher_join(p->watcher);
	}
	if (p->publisher)
		publisher_stop(p->publisher);
	if (p->delivery)
		delivery_stop(p->delivery);
	http_stop(p->http);
	p->http = NULL;
}

void pipeline_destroy(struct pipeline *p)
{
	if (p == NULL)
		return;
	pipeline_stop(p);
	for (unsigned i = 0; i < p->lanes_count; i++)
		lane_release(&p->lanes[i]);
	free(p->lanes);
	watcher_destroy(p->watcher);
	publisher_destroy(p->publisher);
	delivery_destroy(p->delivery);
	acks_destroy(p->acks);
	metrics_destroy(p->metrics);
	os_clock_destroy(p->clock);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

struct pipeline_figures pipeline_figures(struct pipeline *p)
{
	struct pipeline_figures sum = {.caught_up = true};
	for (unsigned i = 0; i < p->lanes_count; i++) {
		struct lane *lane = &p->lanes[i];
		pthread_mutex_lock(&lane->figures_lock);
		intake_counts_add(&sum.counts, &lane->figures.counts);
		sum.commits += lane->figures.commits;
		sum.aborts += lane->figures.aborts;
		sum.caught_up = sum.caught_up && lane->figures.caught_up;
		pthread_mutex_unlock(&lane->figures_lock);
	}
	if (p->publisher) {
		bool up;
		publisher_stats(p->publisher, &sum.published, &up);
		sum.caught_up = sum.caught_up && watcher_caught_up(p->watcher);
	}
	return sum;
}

unsigned pipeline_http_port(const struct pipeline *p)
{
	return p->http ? http_port(p->http) : 0;
}
