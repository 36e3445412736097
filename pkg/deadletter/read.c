#include "deadletter/deadletter.h"

#include <stdlib.h>
#include <string.h>

#include "deadletter/deadletter_priv.h"

/* ---- one pass over the topic ---- */

static struct kafka_reader *reader_open(const struct kafka_options *options, struct err *err)
{
	char name[KAFKA_TOPIC_NAME_BYTES];
	const char *topic = name;
	int partitions;
	kafka_topic_name(options, KAFKA_TOPIC_DEAD_LETTERS, name);
	if (!kafka_topics_partitions(options, &topic, 1, &partitions, DEADLETTER_TIMEOUT_MS, err))
		return NULL;
	if (partitions < 0) {
		err_set(err,
			partitions == -2 ? "no right to Describe topic %s"
					 : "topic %s does not exist: `corridor run` or `corridor topics "
					   "--create` makes it",
			name);
		return NULL;
	}
	struct kafka_read *reads = must_array((size_t)partitions, sizeof *reads);
	for (int i = 0; i < partitions; i++)
		/* HIGH: what an interrupted redrive left open is waited for, so that its marks are known */
		reads[i] = (struct kafka_read){
			.partition = i, .from = KAFKA_OFFSET_EARLIEST, .until = KAFKA_UNTIL_HIGH};
	struct kafka_reader *reader = kafka_reader_open(options, &topic, 1, reads, (size_t)partitions,
							DEADLETTER_BATCH, DEADLETTER_TIMEOUT_MS, err);
	free(reads);
	return reader;
}

/* Something must come at least every DEADLETTER_TIMEOUT_MS; a batch's end is also where a redrive commits. */
static bool reader_walk(const struct pass *pass, struct kafka_reader *reader, struct err *err)
{
	struct kafka_record *records = must_array(DEADLETTER_BATCH, sizeof *records);
	int64_t total = kafka_reader_remaining(reader), left = total;
	int quiet_ms = 0;
	bool ok = true;
	while (ok && !kafka_reader_done(reader)) {
		size_t count;
		ok = kafka_reader_poll(reader, records, DEADLETTER_BATCH, &count, 100, err) == KAFKA_POLL_OK;
		for (size_t i = 0; ok && i < count; i++)
			ok = pass->take(pass->context, &records[i], err);
		if (ok && count > 0 && pass->batch_end != NULL)
			ok = pass->batch_end(pass->context, err);
		kafka_reader_release(reader);
		quiet_ms = kafka_reader_remaining(reader) < left ? 0 : quiet_ms + 100;
		left = kafka_reader_remaining(reader);
		if (ok && quiet_ms > DEADLETTER_TIMEOUT_MS) {
			err_set(err, "Kafka sends no more of the dead letters (%lld to come)",
				(long long)left);
			ok = false;
		}
		if (pass->watch->progress != NULL)
			pass->watch->progress(pass->watch->context, total - left, total,
					      pass->counts->letters);
	}
	free(records);
	return ok;
}

bool pass_run(const struct pass *pass, struct err *err)
{
	struct kafka_reader *reader = reader_open(pass->options, err);
	if (reader == NULL)
		return false;
	/* `take` also says false when enough was seen: then no error is set */
	struct err problem = {0};
	bool ok = reader_walk(pass, reader, &problem) || !problem.set;
	kafka_reader_close(reader);
	if (!ok)
		err_set(err, "%s", problem.text);
	return ok;
}

/* ---- letters and marks ---- */

static int64_t number_of(struct str text, int64_t absent)
{
	char digits[24];
	if (text.len == 0 || text.len >= sizeof digits)
		return absent;
	memcpy(digits, text.at, text.len);
	digits[text.len] = '\0';
	char *end;
	long long number = strtoll(digits, &end, 10);
	return *end == '\0' && number >= 0 ? number : absent;
}

static bool mark_take(void *context, const struct kafka_record *record, struct err *err)
{
	struct marks *marks = context;
	if (record->value.at != NULL)
		return true;
	int64_t offset = number_of(kafka_record_header(record, DEADLETTER_MARK), -1);
	if (offset >= 0)
		marks_add(marks, record->partition, offset);
	return true;
}

bool marks_load(const struct kafka_options *options, const struct deadletter_watch *watch,
		struct marks *marks, struct err *err)
{
	struct deadletter_counts counts = {0};
	struct pass pass = {
		.options = options, .watch = watch, .counts = &counts, .take = mark_take, .context = marks};
	return pass_run(&pass, err);
}

bool letter_of(const struct kafka_record *record, const struct deadletter_filter *filter,
	       const struct marks *marks, struct deadletter_counts *counts, struct deadletter *letter)
{
	if (kafka_record_header(record, DEADLETTER_MARK).at != NULL)
		return false;
	counts->letters++;
	*letter = (struct deadletter){
		.partition = record->partition,
		.offset = record->offset,
		.written_ms = record->timestamp_ms,
		.topic = kafka_record_header(record, "topic"),
		.from_partition = (int32_t)number_of(kafka_record_header(record, "partition"), -1),
		.from_offset = number_of(kafka_record_header(record, "offset"), -1),
		.reason = kafka_record_header(record, "reason"),
		.sentence = kafka_record_header(record, "sentence"),
		.key = record->key,
		.raw = record->value,
		.redriven = marks_has(marks, record->partition, record->offset),
		.cut = kafka_record_header(record, "bytes").at != NULL,
	};
	if ((filter->reason != NULL && !str_is(letter->reason, filter->reason)) ||
	    (filter->topic != NULL && !str_is(letter->topic, filter->topic)) ||
	    letter->written_ms < filter->since_ms ||
	    (filter->one_offset >= 0 &&
	     (letter->partition != filter->partition || letter->offset != filter->one_offset)))
		return false;
	counts->matched++;
	counts->redriven_before += letter->redriven;
	return true;
}

/* ---- listing ---- */

struct list_context {
	const struct deadletter_filter *filter;
	const struct deadletter_watch *watch;
	struct deadletter_counts *counts;
	struct marks marks;
};

static bool list_take(void *context, const struct kafka_record *record, struct err *err)
{
	struct list_context *c = context;
	struct deadletter letter;
	if (!letter_of(record, c->filter, &c->marks, c->counts, &letter))
		return true;
	if (c->watch->letter != NULL)
		c->watch->letter(c->watch->context, &letter);
	return c->filter->max == 0 || c->counts->matched < (uint64_t)c->filter->max;
}

bool deadletter_list(const struct kafka_options *options, const struct deadletter_filter *filter,
		     const struct deadletter_watch *watch, struct deadletter_counts *counts, struct err *err)
{
	*counts = (struct deadletter_counts){0};
	struct list_context context = {filter, watch, counts, {0}};
	struct pass pass = {
		.options = options, .watch = watch, .counts = counts, .take = list_take, .context = &context};
	bool ok = marks_load(options, watch, &context.marks, err) && pass_run(&pass, err);
	marks_release(&context.marks);
	return ok;
}
