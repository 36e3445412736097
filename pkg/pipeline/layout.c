/*
 * Over how many partitions of our topics things are spread: fixed for as long as the tallies hold anything, whatever is added to the topics
 * later, since a touchpoint that moved to another partition would have its take-backs counted away from what they take back.
 *
 * Each bundle says it, so the first bundle of the tallies' partition 0 decides. Where there is none yet, a start writes an empty one and
 * then reads what came first: of two that start at once both go by the same.
 */
#include "pipeline/pipeline_priv.h"

#include <inttypes.h>

#include "log/log.h"

enum { RECORDS = 16, POLL_MS = 100, WRITE_MS = 20000, READ_MS = 30000 };

static bool read_first(struct kafka_reader *reader, struct bundle_head *head, bool *found, struct err *err)
{
	struct kafka_record records[RECORDS];
	struct bundle_reader *bundles = bundle_reader_create();
	int64_t until_ns = os_monotonic_ns() + (int64_t)READ_MS * 1000000;
	bool ok = true;
	while (ok && !*found && !kafka_reader_done(reader)) {
		size_t count = 0;
		ok = kafka_reader_poll(reader, records, RECORDS, &count, POLL_MS, err) == KAFKA_POLL_OK;
		for (size_t i = 0; ok && !*found && i < count; i++) {
			struct bundle bundle;
			*found = bundle_read(bundles, records[i].value, &bundle);
			*head = *found ? bundle.head : *head;
		}
		kafka_reader_release(reader);
		if (ok && !*found && os_monotonic_ns() > until_ns) {
			err_set(err, "Kafka does not send the beginning of the tallies");
			ok = false;
		}
	}
	bundle_reader_destroy(bundles);
	return ok;
}

/* The first bundle that counts. `until`: STABLE, or HIGH after one was written: a dead instance's transaction may have to end first. */
static bool first_bundle(struct pipeline *p, const char *topic, int64_t until, struct bundle_head *head,
			 bool *found, struct err *err)
{
	struct kafka_read read = {.partition = 0, .from = KAFKA_OFFSET_EARLIEST, .until = until};
	struct kafka_reader *reader =
		kafka_reader_open(&p->setup.kafka, &topic, 1, &read, 1, RECORDS, NET_TIMEOUT_MS, err);
	if (reader == NULL)
		return false;
	bool ok = read_first(reader, head, found, err);
	kafka_reader_close(reader);
	return ok;
}

struct claim {
	struct kafka_producer *producer;
	unsigned topic;
	struct err *err;
};

static bool emit(void *context, uint32_t shard, struct str bytes)
{
	struct claim *claim = context;
	struct kafka_message m = {.topic = claim->topic, .partition = 0, .value = bytes};
	return shard != 0 || kafka_producer_send(claim->producer, &m, claim->err) == KAFKA_DONE;
}

/* An empty bundle that says how it is today. */
static bool write_first(struct pipeline *p, const char *topic, uint32_t tallies, uint32_t journals,
			struct err *err)
{
	struct claim claim = {kafka_producer_open_plain(&p->setup.kafka, NULL, NULL, err), 0, err};
	if (claim.producer == NULL)
		return false;
	claim.topic = kafka_producer_topic(claim.producer, topic);
	struct bundle_head head = {
		.shards = tallies,
		.journals = journals,
		.clock_ms = pipeline_now(p),
		.behind = true,
		.instance = str_of(kafka_instance(&p->setup.kafka)),
	};
	struct bundle_writer *writer = bundle_writer_create(1);
	struct names *names = names_create(1, NAMES_BYTES_MAX);
	struct tally *tally = tally_create(1, 1);
	bool ok = bundle_write(writer, &head, names, tally, true, emit, &claim) &&
		  kafka_producer_flush(claim.producer, WRITE_MS, err) == KAFKA_DONE;
	if (ok && kafka_producer_stats(claim.producer).failed > 0) {
		err_set(err, "%s can't be written", topic);
		ok = false;
	}
	tally_destroy(tally);
	names_destroy(names);
	bundle_writer_destroy(writer);
	kafka_producer_close(claim.producer);
	return ok;
}

static bool enough(const char *topic, uint32_t used, uint32_t there, struct err *err)
{
	if (used < there)
		log_info("topic %s: %" PRIu32 " of its %" PRIu32
			 " partitions are used, as many as it was created with",
			 topic, used, there);
	if (used <= there)
		return true;
	err_set(err,
		"topic %s has %" PRIu32 " partitions, but what was counted was spread over %" PRIu32
		": it was created anew. Create it with as "
		"many, or delete all topics of kafka.prefix to begin anew",
		topic, there, used);
	err->lasting = true;
	return false;
}

bool layout_find(struct pipeline *p, uint32_t tallies, uint32_t journals, struct err *err)
{
	char tallies_name[KAFKA_TOPIC_NAME_BYTES], journal_name[KAFKA_TOPIC_NAME_BYTES];
	struct bundle_head head = {0};
	bool found = false;
	kafka_topic_name(&p->setup.kafka, KAFKA_TOPIC_TALLIES, tallies_name);
	kafka_topic_name(&p->setup.kafka, KAFKA_TOPIC_RESPONSES, journal_name);
	p->shards = tallies;
	p->journal_partitions = journals;
	if (!p->setup.intakes) /* who does not write need not know */
		return true;
	if (!first_bundle(p, tallies_name, KAFKA_UNTIL_STABLE, &head, &found, err))
		return false;
	if (!found && (!write_first(p, tallies_name, tallies, journals, err) ||
		       !first_bundle(p, tallies_name, KAFKA_UNTIL_HIGH, &head, &found, err)))
		return false;
	if (found) {
		p->shards = head.shards;
		p->journal_partitions = head.journals ? head.journals : journals;
	}
	return enough(tallies_name, p->shards, tallies, err) &&
	       enough(journal_name, p->journal_partitions, journals, err);
}
