#include "kafka/kafka.h"

#include <stdlib.h>
#include <string.h>

#include "kafka/kafka_priv.h"

enum { ABORT_MS = 3000 }; /* at the end, when nobody waits for the outcome */

const char *kafka_outcome_name(enum kafka_outcome outcome)
{
	static const char *const names[] = {"done", "abort", "unclear", "fatal"};
	must((unsigned)outcome < sizeof names / sizeof *names);
	return names[outcome];
}

/* ---- callbacks, on the thread that calls us ---- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka_producer *producer = opaque;
	bool ok = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
	if (ok) {
		producer->stats.delivered++;
		producer->stats.bytes += message->len;
		producer->stats.brokers_down = false;
	} else {
		producer->stats.failed++;
	}
	uint64_t tag = (uint64_t)(uintptr_t)message->_private;
	if (tag == 0 || producer->delivered == NULL)
		return;
	char why[400] = "";
	if (!ok && kafka_right_missing(message->err) != NULL)
		snprintf(why, sizeof why, "no right to Write topic %s", rd_kafka_topic_name(message->rkt));
	else if (!ok)
		snprintf(why, sizeof why, "%s", rd_kafka_err2str(message->err));
	struct kafka_delivery delivery = {tag, ok, message->partition, ok ? message->offset : -1, why};
	producer->delivered(producer->context, &delivery);
}

static void on_error(rd_kafka_t *rk, int code, const char *words, void *opaque)
{
	struct kafka_producer *producer = opaque;
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		producer->stats.brokers_down = true;
}

/* ---- life ---- */

static rd_kafka_t *client_create(struct kafka_producer *producer, struct err *err)
{
	const struct kafka_options *options = producer->log.options;
	bool transactional = producer->transactional_id[0] != '\0';
	rd_kafka_conf_t *conf = kafka_conf_create(options, transactional ? "lane" : "producer", err);
	if (conf == NULL)
		return NULL;
	bool ok = kafka_conf_put(conf, "enable.idempotence", "true", err) &&
		  kafka_conf_put(conf, "acks", "all", err) &&
		  kafka_conf_put_number(conf, "message.max.bytes", kafka_conf_record_bytes_max(options), err);
	if (transactional)
		ok = ok && kafka_conf_put(conf, "transactional.id", producer->transactional_id, err) &&
		     kafka_conf_put_number(conf, "transaction.timeout.ms", KAFKA_TRANSACTION_MS, err) &&
		     kafka_conf_put_number(conf, "message.timeout.ms", KAFKA_TRANSACTION_MS, err);
	if (!ok) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	return kafka_conf_client(RD_KAFKA_PRODUCER, conf, producer, options->brokers, err);
}

static struct kafka_producer *producer_create(const struct kafka_options *options,
					      const char *transactional_id, kafka_delivered_fn *delivered,
					      void *context, struct err *err)
{
	struct kafka_producer *producer = must_alloc(sizeof *producer);
	producer->log.options = options;
	producer->delivered = delivered;
	producer->context = context;
	snprintf(producer->transactional_id, sizeof producer->transactional_id, "%s", transactional_id);
	producer->rk = client_create(producer, err);
	if (producer->rk != NULL)
		return producer;
	free(producer);
	return NULL;
}

/* Group and instance may hold any character, also what separates them. */
static bool escaped(char *out, size_t size, size_t *used, const char *name)
{
	for (; *name != '\0'; name++) {
		bool plain = *name != '/' && *name != '%';
		int len = snprintf(out + *used, size - *used, plain ? "%c" : "%%%02X", *name);
		if ((size_t)len >= size - *used)
			return false;
		*used += (size_t)len;
	}
	return true;
}

bool kafka_transactional_id(char *out, size_t size, const char *group, const char *instance, const char *role,
			    int lane)
{
	size_t used = 0;
	out[0] = '\0';
	if (!escaped(out, size, &used, group) || size - used < 2)
		return false;
	out[used++] = '/';
	out[used] = '\0';
	if (*instance == '\0')
		return true;
	return escaped(out, size, &used, instance) &&
	       (size_t)snprintf(out + used, size - used, "/%s%s%d", role ? role : "", role ? "/" : "", lane) <
		       size - used;
}

struct kafka_producer *kafka_producer_open(const struct kafka_options *options, const char *role, int lane,
					   kafka_delivered_fn *delivered, void *context, struct err *err)
{
	char id[300];
	if (!kafka_transactional_id(id, sizeof id, options->group, kafka_instance(options), role, lane)) {
		err_set(err,
			"kafka.group and kafka.instance are too long together for a transactional id (at "
			"most %zu bytes)",
			sizeof id - 1);
		return NULL;
	}
	return producer_create(options, id, delivered, context, err);
}

struct kafka_producer *kafka_producer_open_plain(const struct kafka_options *options,
						 kafka_delivered_fn *delivered, void *context,
						 struct err *err)
{
	return producer_create(options, "", delivered, context, err);
}

static void client_destroy(struct kafka_producer *producer)
{
	if (producer->rk == NULL)
		return;
	for (size_t i = 0; i < producer->topics_count; i++)
		if (producer->topics[i] != NULL)
			rd_kafka_topic_destroy(producer->topics[i]);
	/* Their reports are served now, so that no tag stays without an answer. */
	atomic_store(&producer->log.closing, true);
	rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_poll(producer->rk, 0);
	rd_kafka_destroy(producer->rk);
	atomic_store(&producer->log.closing, false);
	atomic_store(&producer->log.heard_state, 0);
	producer->rk = NULL;
	producer->open = false;
}

void kafka_producer_close(struct kafka_producer *producer)
{
	if (producer == NULL)
		return;
	if (producer->open)
		rd_kafka_error_destroy(rd_kafka_abort_transaction(producer->rk, ABORT_MS));
	client_destroy(producer);
	for (size_t i = 0; i < producer->topics_count; i++)
		free(producer->names[i]);
	free(producer->names);
	free(producer->topics);
	free(producer);
}

static void *grown(void *old, size_t count, size_t size)
{
	char *array = must_array(count + 1, size);
	if (count > 0)
		memcpy(array, old, count * size);
	free(old);
	return array;
}

unsigned kafka_producer_topic(struct kafka_producer *producer, const char *name)
{
	for (size_t i = 0; i < producer->topics_count; i++)
		if (strcmp(producer->names[i], name) == 0)
			return (unsigned)i;
	size_t at = producer->topics_count;
	producer->names = grown(producer->names, at, sizeof *producer->names);
	producer->topics = grown(producer->topics, at, sizeof *producer->topics);
	producer->names[at] = must_copy(name);
	producer->topics[at] = NULL; /* made at first use, for each client anew */
	return (unsigned)producer->topics_count++;
}

/* ---- outcomes ---- */

/* The broker says "fenced" too when it ended a transaction that ran out of time: then nobody took our name, and a new client goes on. */
bool kafka_producer_fenced(const struct kafka_producer *producer, rd_kafka_resp_err_t code)
{
	bool late = producer->open && kafka_now_ms() - producer->began_ms >= KAFKA_TRANSACTION_MS;
	return !late && (code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
			 code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
}

static enum kafka_outcome outcome_judge(struct kafka_producer *producer, const rd_kafka_error_t *error,
					bool commit)
{
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);
	bool surely_not =
		producer->stats.failed > producer->failed_before || code == RD_KAFKA_RESP_ERR__INCONSISTENT;
	if (kafka_producer_fenced(producer, code) || kafka_right_missing(code) != NULL)
		return KAFKA_FATAL;
	if (rd_kafka_error_txn_requires_abort(error) && !rd_kafka_error_is_fatal(error) &&
	    (!commit || surely_not))
		return KAFKA_ABORT;
	return KAFKA_UNCLEAR;
}

/* Takes the error. A commit whose answer was lost (librdkafka issue 5423) is unclear, whatever librdkafka suggests. */
static enum kafka_outcome outcome_of(struct kafka_producer *producer, rd_kafka_error_t *error, bool commit,
				     const char *what, struct err *err)
{
	if (error == NULL)
		return KAFKA_DONE;
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);
	enum kafka_outcome outcome = outcome_judge(producer, error, commit);
	struct err right = {0};
	char subject[400];
	snprintf(subject, sizeof subject, "%s (transactional id %s)", what, producer->transactional_id);
	if (kafka_producer_fenced(producer, code)) {
		err_set(err,
			"%s: another instance runs under this name; give each its own kafka.instance (%s)",
			subject, rd_kafka_error_name(error));
		err->lasting = true;
	} else if (kafka_producer_denied(producer, code, rd_kafka_error_string(error), &right)) {
		err_set(err, "%s: %s", what, right.text);
	} else {
		kafka_err(err, code, subject, rd_kafka_error_string(error));
	}
	if (outcome == KAFKA_FATAL && rd_kafka_error_txn_requires_abort(error)) {
		/* Nobody shall wait for its time-out: an open transaction holds back all who read the topics. If the broker knows of none,
		 * because nothing may be written at all, it says so. */
		atomic_store(&producer->log.closing, true);
		rd_kafka_error_destroy(rd_kafka_abort_transaction(producer->rk, ABORT_MS));
		producer->open = false;
	}
	rd_kafka_error_destroy(error);
	return outcome;
}

enum kafka_outcome kafka_producer_absent(struct kafka_producer *producer, struct err *err)
{
	err_set(err, "transactional id %s: its client is being replaced", producer->transactional_id);
	return KAFKA_UNCLEAR;
}

/* ---- transactions ---- */

enum kafka_outcome kafka_producer_init(struct kafka_producer *producer, int timeout_ms, struct err *err)
{
	must(producer->transactional_id[0] != '\0');
	if (producer->rk == NULL)
		return kafka_producer_absent(producer, err);
	return outcome_of(producer, rd_kafka_init_transactions(producer->rk, timeout_ms), false,
			  "init_transactions", err);
}

enum kafka_outcome kafka_producer_replace(struct kafka_producer *producer, int timeout_ms, struct err *err)
{
	client_destroy(producer);
	for (size_t i = 0; i < producer->topics_count; i++)
		producer->topics[i] = NULL;
	producer->rk = client_create(producer, err);
	if (producer->rk == NULL)
		return KAFKA_FATAL;
	return kafka_producer_init(producer, timeout_ms, err);
}

enum kafka_outcome kafka_producer_begin(struct kafka_producer *producer, struct err *err)
{
	if (producer->rk == NULL)
		return kafka_producer_absent(producer, err);
	must(!producer->open);
	producer->began_ms = kafka_now_ms();
	producer->failed_before = producer->stats.failed;
	enum kafka_outcome outcome =
		outcome_of(producer, rd_kafka_begin_transaction(producer->rk), false, "begin", err);
	producer->open = outcome == KAFKA_DONE;
	return outcome;
}

enum kafka_outcome kafka_producer_send_offsets(struct kafka_producer *producer,
					       const struct kafka_offset *offsets, size_t count,
					       const struct kafka_group *group, int timeout_ms,
					       struct err *err)
{
	must(producer->open);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count + 1);
	for (size_t i = 0; i < count; i++) {
		rd_kafka_topic_partition_t *p =
			rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].partition);
		p->offset = offsets[i].offset;
		if (offsets[i].metadata.len > 0) {
			/* librdkafka frees it with free() */
			char *copy = must_alloc(offsets[i].metadata.len + 1);
			memcpy(copy, offsets[i].metadata.at, offsets[i].metadata.len);
			p->metadata = copy;
			p->metadata_size = offsets[i].metadata.len;
		}
	}
	rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(
		producer->rk, list, kafka_group_metadata(group), timeout_ms);
	rd_kafka_topic_partition_list_destroy(list);
	producer->offsets = offsets;
	producer->offsets_count = count;
	enum kafka_outcome outcome =
		outcome_of(producer, error, false, "sending offsets to the transaction", err);
	producer->offsets_count = 0;
	return outcome;
}

enum kafka_outcome kafka_producer_commit(struct kafka_producer *producer, int timeout_ms, struct err *err)
{
	must(producer->open);
	enum kafka_outcome outcome = outcome_of(
		producer, rd_kafka_commit_transaction(producer->rk, timeout_ms), true, "commit", err);
	producer->open = outcome == KAFKA_ABORT;
	return outcome;
}

enum kafka_outcome kafka_producer_abort(struct kafka_producer *producer, int timeout_ms, struct err *err)
{
	if (producer->rk == NULL)
		return kafka_producer_absent(producer, err);
	/*
	 * librdkafka would drop what is queued and end the transaction at once. If its first partition is just being announced, while the
	 * coordinator still writes the markers of the transaction before, the broker knows of no transaction to end and the client is lost.
	 */
	rd_kafka_flush(producer->rk, timeout_ms < 1000 ? timeout_ms : 1000);
	enum kafka_outcome outcome = outcome_of(
		producer, rd_kafka_abort_transaction(producer->rk, timeout_ms), false, "abort", err);
	producer->open = false;
	return outcome == KAFKA_ABORT ? KAFKA_UNCLEAR : outcome;
}
