#include "kafka/kafka.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "kafka/kafka_priv.h"

enum { AHEAD = 8 }; /* librdkafka's thread wrote the messages: so many are asked for before they are read */

/* ---- what librdkafka tells on the polling thread ---- */

static void on_error(rd_kafka_t *rk, int code, const char *words, void *opaque)
{
	struct kafka_consumer *consumer = opaque;
	consumer->stats.errors++;
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		consumer->brokers_down = true;
	if (kafka_right_missing(code) != NULL)
		kafka_say(consumer->log.options, KAFKA_LOG_ERROR, "%s: %s", kafka_right_missing(code), words);
}

/* librdkafka says when the last broker was lost, but not when one is back: its statistics do. The text is its own, with no spaces. */
static int on_statistics(rd_kafka_t *rk, char *json, size_t len, void *opaque)
{
	struct kafka_consumer *consumer = opaque;
	if (consumer->brokers_down && strstr(json, "\"state\":\"UP\"") != NULL)
		consumer->brokers_down = false;
	return 0;
}

/* ---- life ---- */

struct kafka_consumer *kafka_consumer_create(const struct kafka_options *options, rd_kafka_conf_t *conf,
					     const char *const *topics, size_t topics_count, size_t batch_max,
					     struct err *err)
{
	must(topics_count > 0 && batch_max > 0);
	struct kafka_consumer *consumer = must_alloc(sizeof *consumer);
	consumer->log.options = options;
	pthread_mutex_init(&consumer->lock, NULL);
	consumer->topics = must_array(topics_count, sizeof *consumer->topics);
	consumer->topics_count = topics_count;
	for (size_t i = 0; i < topics_count; i++)
		consumer->topics[i] = must_copy(topics[i]);
	consumer->denied = must_array(topics_count + 1, sizeof *consumer->denied);
	consumer->batch_max = batch_max;
	consumer->messages = must_array(batch_max, sizeof *consumer->messages);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_stats_cb(conf, on_statistics);
	consumer->rk = kafka_conf_client(RD_KAFKA_CONSUMER, conf, consumer, options->brokers, err);
	if (consumer->rk == NULL) {
		kafka_consumer_close(consumer);
		return NULL;
	}
	rd_kafka_poll_set_consumer(consumer->rk);
	consumer->queue = rd_kafka_queue_get_consumer(consumer->rk);
	kafka_fetch_begin(consumer);
	return consumer;
}

/*
 * A broker gives a static member that comes back its old assignment, also if it asks for other topics now: those that are gone would be
 * assigned, new ones not. So a member with other topics is another one; what the old one had is free when its session is over.
 */
static uint32_t topics_print(const struct kafka_consumer_spec *spec)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < spec->topics_count; i++)
		sum += hash_bytes(str_of(spec->topics[i]));
	return (uint32_t)(sum ^ sum >> 32);
}

static rd_kafka_conf_t *member_conf(const struct kafka_options *options,
				    const struct kafka_consumer_spec *spec, struct err *err)
{
	char role[100], text[600];
	snprintf(role, sizeof role, "%s%s%d", spec->group_suffix ? spec->group_suffix : "",
		 spec->group_suffix ? "-" : "", spec->lane);
	rd_kafka_conf_t *conf = kafka_conf_create(options, role, err);
	if (conf == NULL)
		return NULL;
	int64_t session =
		spec->group_session_timeout_ms ? spec->group_session_timeout_ms : options->session_timeout_ms;
	snprintf(text, sizeof text, "%s%s%s", options->group, spec->group_suffix ? "." : "",
		 spec->group_suffix ? spec->group_suffix : "");
	bool ok = kafka_conf_put(conf, "group.id", text, err);
	snprintf(text, sizeof text, "%s-%d-%08" PRIx32, kafka_instance(options), spec->lane,
		 topics_print(spec));
	static const struct kafka_property fixed[] = {
		{"partition.assignment.strategy", "cooperative-sticky"},
		{"isolation.level", "read_committed"},
		{"enable.auto.commit", "false"},
		{"enable.auto.offset.store", "false"},
		/* An offset that is gone is reported, counted, and then put right here: never silently. */
		{"auto.offset.reset", "error"},
		{"enable.partition.eof", "true"},
		{"allow.auto.create.topics", "false"},
		{"statistics.interval.ms", "2000"},
		/* A revocation is learned of with a heartbeat. */
		{"heartbeat.interval.ms", "1000"},
	};
	ok = ok && kafka_conf_put(conf, "group.instance.id", text, err) &&
	     kafka_conf_put_number(conf, "session.timeout.ms", session, err);
	for (size_t i = 0; ok && i < sizeof fixed / sizeof *fixed; i++)
		ok = kafka_conf_put(conf, fixed[i].name, fixed[i].value, err);
	if (ok) {
		rd_kafka_conf_set_rebalance_cb(conf, kafka_rebalance_callback);
		return conf;
	}
	rd_kafka_conf_destroy(conf);
	return NULL;
}

bool kafka_consumer_subscribe(struct kafka_consumer *consumer, struct err *err)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new((int)consumer->topics_count);
	for (size_t i = 0; i < consumer->topics_count; i++)
		rd_kafka_topic_partition_list_add(list, consumer->topics[i], RD_KAFKA_PARTITION_UA);
	rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		kafka_err(err, code, "subscribing", NULL);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

struct kafka_consumer *kafka_consumer_open(const struct kafka_options *options,
					   const struct kafka_consumer_spec *spec, struct err *err)
{
	rd_kafka_conf_t *conf = member_conf(options, spec, err);
	if (conf == NULL)
		return NULL;
	struct kafka_consumer *consumer =
		kafka_consumer_create(options, conf, spec->topics, spec->topics_count, spec->batch_max, err);
	if (consumer == NULL)
		return NULL;
	consumer->member = true;
	consumer->session_ms =
		spec->group_session_timeout_ms ? spec->group_session_timeout_ms : options->session_timeout_ms;
	consumer->events = spec->events;
	snprintf(consumer->group, sizeof consumer->group, "%s%s%s", options->group,
		 spec->group_suffix ? "." : "", spec->group_suffix ? spec->group_suffix : "");
	if (kafka_consumer_subscribe(consumer, err))
		return consumer;
	kafka_consumer_close(consumer);
	return NULL;
}

void kafka_consumer_close(struct kafka_consumer *consumer)
{
	if (consumer == NULL)
		return;
	kafka_consumer_release(consumer);
	if (consumer->rk != NULL) {
		if (consumer->member)
			kafka_rebalance_leave(consumer);
		atomic_store(&consumer->log.closing, true);
		/* Still between the broker's answer to its first joining and its first assignment, see joining_wait(): the leader of the group
		 * may have gone before it dealt. Ending librdkafka now would end the program, so it is left to the end of the process. */
		if (consumer->member && consumer->stats.rebalances == 0 && kafka_group_joined(consumer)) {
			atomic_store(&consumer->log.left, true);
			return;
		}
		rd_kafka_queue_destroy(consumer->queue);
		/*
		 * Not rd_kafka_consumer_close(): a static member does not leave its group, so all that would do is rebalance callbacks, and
		 * librdkafka 2.0 can hang for ever in answering one of them while it ends.
		 */
		rd_kafka_destroy_flags(consumer->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	}
	for (size_t i = 0; i < consumer->pending_count; i++)
		rd_kafka_topic_partition_list_destroy(consumer->pending[i].list);
	for (size_t i = 0; i < consumer->topics_count; i++)
		free(consumer->topics[i]);
	free(consumer->topics);
	free(consumer->denied);
	free(consumer->messages);
	free(consumer->parts);
	pthread_mutex_destroy(&consumer->lock);
	free(consumer);
}

/* ---- polling ---- */

/* What is in the batch instead of a record. */
static void event_take(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
	const char *name = message->rkt != NULL ? rd_kafka_topic_name(message->rkt) : "group";
	uint32_t topic = message->rkt != NULL ? kafka_topic_index(consumer, name) : TOPIC_UNKNOWN;
	struct kafka_part *part = kafka_part_find(consumer, topic, message->partition);
	switch (message->err) {
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		if (part != NULL && !part->stale) {
			part->eof = message->offset;
			consumer->denied[topic] = KAFKA_DENIED_NOTHING;
		}
		return;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
		if (part != NULL && !part->stale) {
			part->reset_from = part->position >= 0 ? part->position : part->start;
			consumer->reset_pending = true;
		}
		return;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		consumer->stats.topics_missing = true;
		/* fall through */
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		consumer->stats.errors++;
		kafka_denied_event(consumer, topic, message);
		return;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: consumer->stats.topics_missing = true; break;
	default: break;
	}
	consumer->stats.errors++;
	int64_t now_ms = kafka_now_ms();
	if (message->err == consumer->said && now_ms - consumer->said_ms < 60000)
		return;
	consumer->said = message->err;
	consumer->said_ms = now_ms;
	struct err err = {0};
	kafka_err(&err, message->err, name, rd_kafka_message_errstr(message));
	kafka_say(consumer->log.options, KAFKA_LOG_WARNING, "%s", err.text);
}

static void record_fill(struct kafka_record *record, const rd_kafka_message_t *message, uint32_t topic)
{
	rd_kafka_timestamp_type_t type;
	record->topic = topic;
	record->partition = message->partition;
	record->offset = message->offset;
	record->timestamp_ms = rd_kafka_message_timestamp(message, &type);
	record->log_append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
	/* An empty key or value is not an absent one: librdkafka gives NULL for the latter only. */
	record->key = (struct str){message->key, message->key_len};
	record->value = (struct str){message->payload, message->len};
	record->message = message;
}

/* The records of the batch in hand that are still ours. They come in runs of a partition, which is looked up once a run. */
static size_t records_fill(struct kafka_consumer *consumer, struct kafka_record *out)
{
	const rd_kafka_topic_t *rkt = NULL;
	int32_t partition = -1;
	uint32_t topic = TOPIC_UNKNOWN;
	struct kafka_part *part = NULL;
	uint64_t bytes = 0;
	size_t count = 0;
	for (size_t i = 0; i < consumer->messages_count; i++) {
		const rd_kafka_message_t *message = consumer->messages[i];
		if (i + AHEAD < consumer->messages_count) {
			const rd_kafka_message_t *coming = consumer->messages[i + AHEAD];
			__builtin_prefetch(coming);
			__builtin_prefetch(coming + 1); /* its timestamp lies behind it */
		}
		if (message->err)
			continue;
		if (message->rkt != rkt || message->partition != partition) {
			rkt = message->rkt;
			partition = message->partition;
			topic = kafka_topic_index(consumer, rd_kafka_topic_name(rkt));
			part = kafka_part_find(consumer, topic, partition);
			if (part != NULL)
				consumer->denied[topic] = KAFKA_DENIED_NOTHING;
		}
		if (part == NULL || part->stale)
			continue;
		part->position = message->offset + 1;
		bytes += message->key_len + message->len;
		record_fill(&out[count++], message, topic);
	}
	consumer->stats.records += count;
	consumer->stats.bytes += bytes;
	if (count > 0)
		consumer->brokers_down = false;
	return count;
}

/* librdkafka's batch call waits until the batch is full; so what is there is taken at once, and only an empty queue is waited for. */
static size_t batch_take(struct kafka_consumer *consumer, size_t max, int timeout_ms)
{
	ssize_t n = rd_kafka_consume_batch_queue(consumer->queue, 0, consumer->messages, max);
	if (n != 0 || timeout_ms == 0 || consumer->pending_count > 0)
		return n < 0 ? 0 : (size_t)n;
	n = rd_kafka_consume_batch_queue(consumer->queue, timeout_ms, consumer->messages, 1);
	if (n <= 0 || max == 1)
		return n < 0 ? 0 : (size_t)n;
	ssize_t more = rd_kafka_consume_batch_queue(consumer->queue, 0, consumer->messages + 1, max - 1);
	return (size_t)n + (more < 0 ? 0 : (size_t)more);
}

enum kafka_poll kafka_consumer_poll(struct kafka_consumer *consumer, struct kafka_record *out, size_t max,
				    size_t *count, int timeout_ms, struct err *err)
{
	must(consumer->messages_count == 0 && max > 0 && max <= consumer->batch_max);
	for (size_t i = 0; i < consumer->parts_count; i++)
		consumer->parts[i].stale = false;
	*count = 0;
	if (consumer->member)
		kafka_fenced_note(consumer);
	consumer->messages_count = batch_take(consumer, max, timeout_ms);
	if (consumer->messages_count == max)
		kafka_fetch_keep_up(consumer);
	for (size_t i = 0; i < consumer->messages_count; i++)
		if (consumer->messages[i]->err)
			event_take(consumer, consumer->messages[i]);
	if (consumer->pending_count > 0)
		kafka_rebalance_serve(consumer);
	if (consumer->reset_pending)
		kafka_range_serve(consumer);
	kafka_denied_again(consumer);

	char words[300];
	rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(consumer->rk, words, sizeof words);
	if (fatal == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
		kafka_consumer_release(consumer);
		return kafka_fenced_serve(consumer, err) ? KAFKA_POLL_OK : KAFKA_POLL_FATAL;
	}
	*count = records_fill(consumer, out);
	if (*count == 0) /* only events: nothing for the caller to release */
		kafka_consumer_release(consumer);
	if (fatal == RD_KAFKA_RESP_ERR_NO_ERROR)
		return KAFKA_POLL_OK;
	kafka_err(err, fatal, "Kafka consumer gave up", words);
	return KAFKA_POLL_FATAL;
}

void kafka_consumer_release(struct kafka_consumer *consumer)
{
	for (size_t i = 0; i < consumer->messages_count; i++)
		rd_kafka_message_destroy(consumer->messages[i]);
	consumer->messages_count = 0;
}

void kafka_consumer_wake(struct kafka_consumer *consumer)
{
	pthread_mutex_lock(&consumer->lock);
	rd_kafka_queue_yield(consumer->queue);
	pthread_mutex_unlock(&consumer->lock);
}

struct kafka_consumer_stats kafka_consumer_stats(const struct kafka_consumer *consumer)
{
	struct kafka_consumer_stats stats = consumer->stats;
	stats.brokers_down = consumer->brokers_down;
	return stats;
}

/* ---- headers ---- */

struct str kafka_record_header(const struct kafka_record *record, const char *name)
{
	rd_kafka_headers_t *headers;
	const void *value;
	size_t size;
	if (rd_kafka_message_headers(record->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
	    rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return (struct str){NULL, 0};
	return (struct str){value, size};
}

bool kafka_record_header_at(const struct kafka_record *record, size_t i, struct str *name, struct str *value)
{
	rd_kafka_headers_t *headers;
	const char *text;
	const void *bytes;
	size_t size;
	if (rd_kafka_message_headers(record->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
	    rd_kafka_header_get_all(headers, i, &text, &bytes, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	*name = str_of(text);
	*value = (struct str){bytes, size};
	return true;
}
