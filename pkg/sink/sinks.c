#include "sink/sink_priv.h"

#include <stdlib.h>

#include "os/os.h"

#define QUEUE_MAX     1000
#define IN_FLIGHT_MAX 4
#define GIVE_UP_MS    (6 * 3600 * 1000LL)
#define RETRY_MIN_MS  1000
#define RETRY_MAX_MS  (5 * 60 * 1000LL)
#define REFRESH_MS    (60 * 1000LL)

/* ---- life ---- */

static bool sink_init(struct sink *sink, const struct sink_options *options, struct err *err)
{
	if (!read_sink(options, &sink->credentials, err)) {
		err_prefix(err, "sink %s", options->name ? options->name : "without a name");
		return false;
	}
	sink->name = must_copy(options->name);
	sink->channel = must_copy(options->channel ? options->channel : "");
	sink->type = (enum sink_type)options->type;
	sink->severity = (enum alert_severity)options->severity;
	sink->private_addresses = options->private_addresses;
	sink->timeout_ms = options->timeout_ms;
	for (size_t i = 0; i < options->kinds.count; i++) {
		enum alert_kind kind;
		if (alert_kind_from(str_of(options->kinds.at[i]), &kind))
			sink->kinds |= 1u << kind;
	}
	return true;
}

static bool init_all(struct sinks *set, const struct sinks_options *options, struct err *err)
{
	if (options->count > SINKS_MAX) {
		err_set(err, "%u sinks are configured, %d are possible", options->count, SINKS_MAX);
		return false;
	}
	for (; set->count < options->count; set->count++) {
		struct sink *sink = &set->sinks[set->count];
		sink->set = set;
		sink->index = set->count;
		if (!sink_init(sink, &options->sinks[set->count], err))
			return false;
		for (unsigned i = 0; i < set->count; i++) {
			if (strcmp(set->sinks[i].name, sink->name) == 0) {
				err_set(err, "two sinks are named %s", sink->name);
				set->count++; /* it is to be released as well */
				return false;
			}
		}
	}
	struct webclient_options client = {.in_flight_max = SINKS_MAX * set->in_flight_max,
					   .ca_file = options->ca_file};
	set->client = webclient_create(&client, err);
	return set->client != NULL;
}

void sinks_set_give_up(struct sinks *set, int64_t give_up_ms)
{
	set->give_up_ms = give_up_ms ? give_up_ms : GIVE_UP_MS;
}

struct sinks *sinks_create(const struct sinks_options *options, struct err *err)
{
	struct sinks *set = must_alloc(sizeof *set);
	set->sinks = must_array(options->count + 1, sizeof *set->sinks);
	set->queue_max = options->queue_max ? options->queue_max : QUEUE_MAX;
	set->in_flight_max = options->in_flight_max ? options->in_flight_max : IN_FLIGHT_MAX;
	sinks_set_give_up(set, options->give_up_ms);
	set->retry_min_ms = options->retry_min_ms ? options->retry_min_ms : RETRY_MIN_MS;
	set->retry_max_ms = options->retry_max_ms ? options->retry_max_ms : RETRY_MAX_MS;
	set->refresh_ms = options->refresh_ms ? options->refresh_ms : REFRESH_MS;
	set->callbacks = options->callbacks;
	set->random = (uint64_t)os_monotonic_ns() | 1;
	if (!init_all(set, options, err)) {
		sinks_destroy(set);
		return NULL;
	}
	return set;
}

static void sink_release(struct sink *sink)
{
	queue_clear(sink);
	while (sink->firing_count)
		firing_drop(sink, sink->firing);
	free(sink->firing);
	free(sink->memory);
	free(sink->progress);
	free(sink->name);
	free(sink->channel);
	explicit_bzero(&sink->credentials, sizeof sink->credentials);
}

void sinks_destroy(struct sinks *set)
{
	if (set == NULL)
		return;
	webclient_destroy(set->client);
	for (unsigned i = 0; i < set->count; i++)
		sink_release(&set->sinks[i]);
	for (struct flight *flight = set->flights, *next; flight; flight = next) {
		next = flight->next;
		for (unsigned i = 0; i < flight->members_count; i++)
			pending_remove(flight->sink, flight->members[i]); /* all are dropped by now */
		flight_free(flight);
	}
	free(set->sinks);
	free(set);
}

unsigned sinks_count(const struct sinks *set)
{
	return set->count;
}

const char *sinks_name(const struct sinks *set, unsigned sink)
{
	must(sink < set->count);
	return set->sinks[sink].name;
}

/* ---- offers ---- */

static bool wants(const struct sink *sink, const struct sink_message *message)
{
	const struct alert_event *event = &message->event;
	if (message->what == SINK_SKIP)
		return false;
	return event->test || (event->severity >= sink->severity && (sink->kinds & 1u << event->kind));
}

uint32_t sinks_want(const struct sinks *set, const struct sink_message *message)
{
	uint32_t wanted = 0;
	for (unsigned i = 0; i < set->count; i++)
		if (wants(&set->sinks[i], message))
			wanted |= 1u << i;
	return wanted;
}

/* False: no room. */
static bool offer_one(struct sink *sink, const struct sink_message *message, struct copy **copy)
{
	struct progress *progress = message->position ? progress_of(sink, message->event.partition) : NULL;
	if (progress && message->position <= progress->offered)
		return true;
	if (progress && progress->refused && message->position > progress->refused)
		return false;
	if (wants(sink, message)) {
		if (sink->queued >= sink->set->queue_max) {
			sink->stats.refused++;
			if (progress)
				progress->refused = message->position;
			return false;
		}
		if (*copy == NULL)
			*copy = copy_of(message);
		pending_add(sink, *copy);
	}
	if (progress) {
		progress->offered = message->position;
		progress->refused = 0;
	}
	return true;
}

uint32_t sinks_offer(struct sinks *set, const struct sink_message *message, uint32_t to)
{
	struct copy *copy = NULL;
	uint32_t refused = 0;
	for (unsigned i = 0; i < set->count; i++) {
		if ((to >> i & 1) && !offer_one(&set->sinks[i], message, &copy))
			refused |= 1u << i;
	}
	copy_drop(copy);
	return refused;
}

/* ---- what survives a restart ---- */

void sinks_begin(struct sinks *set, unsigned sink, int32_t partition, uint64_t position)
{
	must(sink < set->count);
	struct progress *progress = progress_of(&set->sinks[sink], partition);
	progress->offered = position;
	progress->refused = 0;
}

void sinks_open(struct sinks *set, unsigned sink, const struct alert_event *event, struct str memory)
{
	must(sink < set->count);
	struct sink *at = &set->sinks[sink];
	struct sink_message message = {.event = *event, .what = sink_what_of(event->type)};
	if (!wants(at, &message) || at->disabled)
		return;
	if (at->type == SINK_SLACK)
		memory_read(at, event, memory);
	if (at->type != SINK_ALERTMANAGER)
		return;
	struct copy *copy = copy_of(&message);
	firing_open(at, copy);
	copy_drop(copy);
}

uint64_t sinks_low(const struct sinks *set, unsigned sink, int32_t partition)
{
	must(sink < set->count);
	uint64_t low = sinks_offered(set, sink, partition);
	for (const struct pending *at = set->sinks[sink].first; at; at = at->next) {
		const struct sink_message *message = &at->copy->message;
		if (message->event.partition == partition && message->position && message->position <= low)
			low = message->position - 1;
	}
	return low;
}

uint64_t sinks_offered(const struct sinks *set, unsigned sink, int32_t partition)
{
	must(sink < set->count);
	const struct sink *at = &set->sinks[sink];
	for (unsigned i = 0; i < at->progress_count; i++) {
		if (at->progress[i].partition == partition)
			return at->progress[i].offered;
	}
	return 0;
}

void sinks_drop_partition(struct sinks *set, int32_t partition)
{
	for (unsigned i = 0; i < set->count; i++) {
		struct sink *sink = &set->sinks[i];
		queue_drop_partition(sink, partition);
		for (unsigned n = sink->firing_count; n-- > 0;) {
			if (sink->firing[n].newest->message.event.partition == partition)
				firing_drop(sink, &sink->firing[n]);
		}
		for (unsigned n = sink->memory_count; n-- > 0;) {
			if (sink->memory[n].partition == partition)
				sink->memory[n] = sink->memory[--sink->memory_count];
		}
		for (unsigned n = sink->progress_count; n-- > 0;) {
			if (sink->progress[n].partition == partition)
				sink->progress[n] = sink->progress[--sink->progress_count];
		}
	}
}

/* ---- figures ---- */

struct sink_stats sinks_stats(const struct sinks *set, unsigned sink)
{
	must(sink < set->count);
	const struct sink *at = &set->sinks[sink];
	struct sink_stats stats = at->stats;
	stats.queued = at->queued;
	stats.in_flight = at->in_flight;
	stats.open = at->firing_count + at->memory_count;
	stats.oldest_ms = at->first ? at->first->offered_ms : 0;
	stats.disabled = at->disabled;
	stats.error = at->error;
	return stats;
}
