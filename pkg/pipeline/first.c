/*
 * Where a partition begins that nobody has read for the group yet. `start` speaks of the first time that the group reads a topic; whatever it
 * says, a partition that is added later begins at its beginning, and one whose first position was never committed begins where it would have
 * begun then. So each committed offset carries a mark: when the group began with the topic, and how many partitions there were.
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"

enum { ASK_MS = 5000 };

/* ---- "corridor/1 journal=12 from=1700000000000 partitions=3", each member only if it is known ---- */

static const char head[] = "corridor/1";
static const char *const names[] = {" journal=", " from=", " partitions="};

size_t commit_mark_write(char *out, size_t size, const struct commit_mark *mark)
{
	const int64_t values[] = {mark->journal, mark->from_ms, mark->partitions};
	size_t used = (size_t)snprintf(out, size, "%s", head);
	for (size_t i = 0; i < 3; i++)
		if (values[i] >= 0)
			used += (size_t)snprintf(out + used, size - used, "%s%" PRId64, names[i], values[i]);
	must(used < size);
	return used;
}

static bool digits(const char **at, const char *end, int64_t *value)
{
	const char *begin = *at;
	for (*value = 0; *at < end && **at >= '0' && **at <= '9'; ++*at) {
		if (*value > INT64_MAX / 10 - 1)
			return false;
		*value = *value * 10 + (**at - '0');
	}
	return *at > begin;
}

struct commit_mark commit_mark_read(struct str text)
{
	static const struct commit_mark none = {-1, -1, -1};
	int64_t values[] = {-1, -1, -1};
	const char *at = text.at, *end = at ? at + text.len : NULL;
	if (text.len < sizeof head - 1 || memcmp(at, head, sizeof head - 1) != 0)
		return none;
	at += sizeof head - 1;
	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(names[i]);
		if ((size_t)(end - at) < len || memcmp(at, names[i], len) != 0)
			continue;
		at += len;
		if (!digits(&at, end, &values[i]))
			return none;
	}
	/* A newer program may say more. */
	return at == end || *at == ' ' ? (struct commit_mark){values[0], values[1], values[2]} : none;
}

/* ---- where to begin ---- */

struct first_rule first_rule(enum config_start start, int64_t now_ms, int64_t reach_ms, int32_t partition,
			     int32_t partitions, const struct commit_mark *known, size_t known_count)
{
	static const enum first_how how[] = {[CONFIG_START_WINDOW] = FIRST_AT_TIME,
					     [CONFIG_START_EARLIEST] = FIRST_EARLIEST,
					     [CONFIG_START_LATEST] = FIRST_LATEST};
	int64_t from_ms = start == CONFIG_START_EARLIEST ? 0
			  : start == CONFIG_START_LATEST ? now_ms
							 : now_ms - reach_ms;
	if (known_count == 0)
		return (struct first_rule){how[start], from_ms, {-1, from_ms > 0 ? from_ms : 0, partitions}};
	/* Several may have begun at once: the first of them counts. */
	struct commit_mark begun = {-1, -1, -1};
	for (size_t i = 0; i < known_count; i++) {
		if (known[i].from_ms >= 0 && (begun.from_ms < 0 || known[i].from_ms < begun.from_ms))
			begun.from_ms = known[i].from_ms;
		if (known[i].partitions >= 0 &&
		    (begun.partitions < 0 || known[i].partitions < begun.partitions))
			begun.partitions = known[i].partitions;
	}
	bool later = begun.from_ms <= 0 || begun.partitions < 0 || partition >= begun.partitions;
	bool old = start == CONFIG_START_WINDOW &&
		   begun.from_ms < from_ms; /* what is before this window would be late */
	return (struct first_rule){later ? FIRST_EARLIEST : FIRST_AT_TIME, old ? from_ms : begun.from_ms,
				   begun};
}

/* The marks of the topic's partitions that have a committed offset. */
static bool topic_marks(struct lane *lane, uint32_t topic, int32_t partitions, struct commit_mark *marks,
			size_t *count, struct err *err)
{
	struct kafka_committed *all = must_array((size_t)partitions, sizeof *all);
	for (int32_t i = 0; i < partitions; i++)
		all[i] = (struct kafka_committed){.topic = topic, .partition = i};
	bool ok = kafka_consumer_committed(lane->consumer, all, (size_t)partitions, ASK_MS, err);
	*count = 0;
	for (int32_t i = 0; ok && i < partitions; i++)
		if (all[i].offset >= 0)
			marks[(*count)++] = commit_mark_read(str_of(all[i].metadata));
	free(all);
	return ok;
}

static bool offset_of(struct lane *lane, const struct kafka_assigned *a, const struct first_rule *rule,
		      int64_t *offset, struct err *err)
{
	int64_t low, end;
	if (rule->how == FIRST_AT_TIME)
		return kafka_consumer_offset_at(lane->consumer, a->topic, a->partition, rule->at_ms, offset,
						ASK_MS, err);
	if (!kafka_consumer_watermarks(lane->consumer, a->topic, a->partition, &low, &end, ASK_MS, err))
		return false;
	*offset = rule->how == FIRST_LATEST ? end : low;
	return true;
}

/* What is asked of a topic once, for all its partitions in the list. */
struct topic_begun {
	bool asked;
	int32_t partitions;
	struct commit_mark *marks;
	size_t count;
};

static bool topic_ask(struct lane *lane, uint32_t topic, struct topic_begun *begun, struct err *err)
{
	if (begun->asked)
		return true;
	begun->partitions = kafka_consumer_topic_partitions(lane->consumer, topic);
	if (begun->partitions < 1) {
		err_set(err, "topic %s does not say how many partitions it has",
			lane->pipeline->setup.topics[topic]);
		return false;
	}
	free(begun->marks);
	begun->marks = must_array((size_t)begun->partitions, sizeof *begun->marks);
	begun->asked = topic_marks(lane, topic, begun->partitions, begun->marks, &begun->count, err);
	return begun->asked;
}

static bool find_one(struct lane *lane, const struct kafka_assigned *a, struct topic_begun *topics,
		     struct first *first, struct err *err)
{
	struct pipeline *p = lane->pipeline;
	if (a->committed >= 0) {
		*first = (struct first){a->committed, commit_mark_read(a->metadata)};
		return true;
	}
	struct topic_begun *begun = &topics[a->topic];
	if (!topic_ask(lane, a->topic, begun, err))
		return false;
	struct first_rule rule = first_rule(p->setup.start, pipeline_now(p), p->setup.intake.reach_ms,
					    a->partition, begun->partitions, begun->marks, begun->count);
	first->mark = rule.mark;
	return offset_of(lane, a, &rule, &first->offset, err);
}

bool first_find(struct lane *lane, const struct kafka_assigned *list, size_t count, struct first *out)
{
	struct err err = {0};
	unsigned topics_count = lane->pipeline->setup.intake.sources_count;
	struct topic_begun *topics = must_array(topics_count, sizeof *topics);
	bool ok = true;
	for (size_t i = 0; ok && i < count; i++)
		ok = find_one(lane, &list[i], topics, &out[i], &err);
	for (unsigned i = 0; i < topics_count; i++)
		free(topics[i].marks);
	free(topics);
	if (!ok)
		log_warn("lane %u asks where to begin: %s; trying again", lane->number, err.text);
	return ok;
}
