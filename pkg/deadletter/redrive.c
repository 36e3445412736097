#include "deadletter/deadletter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deadletter/deadletter_priv.h"

struct home {
	char *topic;
	int partitions; /* < 0: it does not exist, or may not be seen */
	unsigned number; /* the producer's */
};

struct redrive {
	const struct kafka_options *options;
	const struct deadletter_filter *filter;
	const struct deadletter_watch *watch;
	struct deadletter_counts *counts;
	struct marks marks;
	struct kafka_producer *producer;
	unsigned letters; /* the dead letters, for marks */
	struct home homes[1000];
	size_t homes_count;
	bool open;
	uint64_t sent_open; /* of the open transaction */
};

/* NULL: nowhere to send it. */
static struct home *home_of(struct redrive *r, struct str topic, struct err *err)
{
	for (size_t i = 0; i < r->homes_count; i++)
		if (str_is(topic, r->homes[i].topic))
			return r->homes[i].partitions > 0 ? &r->homes[i] : NULL;
	if (topic.len == 0 || topic.len >= KAFKA_TOPIC_NAME_BYTES ||
	    memchr(topic.at, '\0', topic.len) != NULL || r->homes_count == sizeof r->homes / sizeof *r->homes)
		return NULL;
	struct home *home = &r->homes[r->homes_count];
	home->topic = must_alloc(topic.len + 1);
	memcpy(home->topic, topic.at, topic.len);
	r->homes_count++;
	const char *name = home->topic;
	if (!kafka_topics_partitions(r->options, &name, 1, &home->partitions, DEADLETTER_TIMEOUT_MS, err))
		home->partitions = -1;
	if (home->partitions <= 0)
		return NULL;
	home->number = kafka_producer_topic(r->producer, home->topic);
	return home;
}

/* The letter and its mark, in one transaction. */
static bool send_back(struct redrive *r, const struct home *home, const struct deadletter *letter,
		      struct err *err)
{
	char offset[24];
	snprintf(offset, sizeof offset, "%lld", (long long)letter->offset);
	struct kafka_header header = {STR(DEADLETTER_MARK), str_of(offset)};
	bool there = letter->from_partition >= 0 && letter->from_partition < home->partitions;
	struct kafka_message raw = {
		.topic = home->number,
		.partition = there ? letter->from_partition : -1,
		.key = letter->key,
		.value = letter->raw,
	};
	struct kafka_message mark = {
		.topic = r->letters, .partition = letter->partition, .headers = &header, .headers_count = 1};
	if (!r->open && kafka_producer_begin(r->producer, err) != KAFKA_DONE)
		return false;
	r->open = true;
	if (kafka_producer_send(r->producer, &raw, err) != KAFKA_DONE ||
	    kafka_producer_send(r->producer, &mark, err) != KAFKA_DONE)
		return false;
	r->sent_open++;
	return true;
}

static bool redrive_take(void *context, const struct kafka_record *record, struct err *err)
{
	struct redrive *r = context;
	struct deadletter letter;
	if (!letter_of(record, r->filter, &r->marks, r->counts, &letter) || letter.redriven)
		return true;
	if (letter.cut) {
		r->counts->cut++;
		return true;
	}
	const struct home *home = home_of(r, letter.topic, err);
	if (err->set)
		return false;
	if (home == NULL)
		r->counts->homeless++;
	else if (!send_back(r, home, &letter, err))
		return false;
	if (r->watch->letter != NULL)
		r->watch->letter(r->watch->context, &letter);
	return r->filter->max == 0 || r->counts->sent + r->sent_open < (uint64_t)r->filter->max;
}

/* A transaction a batch; what is not known for certain is left to the marks and another run. */
static bool redrive_commit(void *context, struct err *err)
{
	struct redrive *r = context;
	if (!r->open)
		return true;
	r->open = false;
	if (kafka_producer_commit(r->producer, DEADLETTER_TIMEOUT_MS, err) != KAFKA_DONE)
		return false;
	r->counts->sent += r->sent_open;
	r->sent_open = 0;
	return true;
}

static bool redrive_open(struct redrive *r, struct kafka_options *own, struct err *err)
{
	char name[KAFKA_TOPIC_NAME_BYTES];
	/* One id for all redrives of the group: a second one ends the first, and what that had open, before it reads the marks. */
	*own = *r->options;
	own->instance = "dead-letters";
	r->producer = kafka_producer_open(own, "redrive", 0, NULL, NULL, err);
	if (r->producer == NULL || kafka_producer_init(r->producer, DEADLETTER_TIMEOUT_MS, err) != KAFKA_DONE)
		return false;
	kafka_topic_name(r->options, KAFKA_TOPIC_DEAD_LETTERS, name);
	r->letters = kafka_producer_topic(r->producer, name);
	return marks_load(r->options, r->watch, &r->marks, err);
}

bool deadletter_redrive(const struct kafka_options *options, const struct deadletter_filter *filter,
			const struct deadletter_watch *watch, struct deadletter_counts *counts,
			struct err *err)
{
	struct kafka_options own;
	struct redrive *r = must_alloc(sizeof *r);
	*counts = (struct deadletter_counts){0};
	r->options = options;
	r->filter = filter;
	r->watch = watch;
	r->counts = counts;
	struct pass pass = {
		.options = options,
		.watch = watch,
		.counts = counts,
		.take = redrive_take,
		.batch_end = redrive_commit,
		.context = r,
	};
	bool ok = redrive_open(r, &own, err) && pass_run(&pass, err) && redrive_commit(r, err);
	kafka_producer_close(r->producer); /* aborts what is open */
	for (size_t i = 0; i < r->homes_count; i++)
		free(r->homes[i].topic);
	marks_release(&r->marks);
	free(r);
	return ok;
}
