#include "kafka/kafka.h"

#include <string.h>

#include "kafka/kafka_priv.h"

/*
 * Which right is missing. A broker's answer says of what kind it is at most; which topic and which operation, only the place where it was
 * asked for knows. A producer's topics are told in a line for the log alone, which is kept for that.
 */

enum {
	AGAIN_MS =
		10000, /* librdkafka reports a partition that it may not read once, and not that it may again */
	SAY_MS = 60000,
};

const char *kafka_right_missing(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		return "no right to Read, Write or Describe the topic";
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED: return "no right to Read or Describe the group";
	case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
		return "no right to Write or Describe the transactional id";
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		return "no right to Create on the cluster (or IdempotentWrite before Kafka 2.8)";
	case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		return "Kafka does not accept the name or the password (kafka: sasl.*)";
	default: return NULL;
	}
}

void kafka_err_right(struct err *err, rd_kafka_resp_err_t code, const char *operation, const char *kind,
		     const char *name)
{
	err_set(err, "no right to %s %s %s; `corridor topics --print` lists the ACLs (%s)", operation, kind,
		name, rd_kafka_err2name(code));
}

/* ---- what a consumer may not do ---- */

static void denied_err(const struct kafka_consumer *consumer, size_t i, struct err *err)
{
	const char *operation = consumer->denied[i] == KAFKA_DENIED_READ ? "Read" : "Describe";
	if (i < consumer->topics_count)
		kafka_err_right(err, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, operation, "topic",
				consumer->topics[i]);
	else
		kafka_err_right(err, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, operation, "group",
				consumer->group);
}

void kafka_denied_note(struct kafka_consumer *consumer, size_t i, enum kafka_denied what)
{
	struct err err = {0};
	int64_t now_ms = kafka_now_ms();
	if (consumer->denied[i] == what && now_ms - consumer->denied_said_ms < SAY_MS)
		return;
	consumer->denied[i] = what;
	consumer->denied_said_ms = consumer->denied_again_ms = now_ms;
	denied_err(consumer, i, &err);
	if (consumer->member) /* a reader ends with it */
		kafka_say(consumer->log.options, KAFKA_LOG_ERROR, "%s", err.text);
}

void kafka_denied_event(struct kafka_consumer *consumer, size_t topic, const rd_kafka_message_t *message)
{
	const char *words = rd_kafka_message_errstr(message);
	bool seen = strstr(words, "FindCoordinator") == NULL && strstr(words, "ubscribed topic") == NULL;
	enum kafka_denied what = seen ? KAFKA_DENIED_READ : KAFKA_DENIED_DESCRIBE;
	if (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED && topic < consumer->topics_count)
		kafka_denied_note(consumer, topic, what);
	else if (message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED && consumer->member)
		kafka_denied_note(consumer, consumer->topics_count, what);
}

void kafka_denied_again(struct kafka_consumer *consumer)
{
	int64_t now_ms = kafka_now_ms();
	if (now_ms - consumer->denied_again_ms < AGAIN_MS)
		return;
	consumer->denied_again_ms = now_ms;
	for (size_t i = 0; i < consumer->parts_count; i++) {
		struct kafka_part *part = &consumer->parts[i];
		struct err err = {0};
		int64_t at = part->position != KAFKA_OFFSET_NONE ? part->position : part->start;
		if (consumer->denied[part->topic] != KAFKA_DENIED_READ || part->paused ||
		    part->reset_from != KAFKA_OFFSET_NONE)
			continue;
		kafka_denied_note(consumer, part->topic, KAFKA_DENIED_READ);
		if (!kafka_part_seek(consumer, part, at, &err))
			kafka_say(consumer->log.options, KAFKA_LOG_WARNING, "%s", err.text);
	}
}

bool kafka_consumer_denied(const struct kafka_consumer *consumer, struct err *err)
{
	for (size_t i = 0; i <= consumer->topics_count; i++) {
		/* A group that may not be asked for is of no matter while one is in it. */
		if (consumer->denied[i] == KAFKA_DENIED_NOTHING ||
		    (i == consumer->topics_count && kafka_group_joined(consumer)))
			continue;
		denied_err(consumer, i, err);
		return true;
	}
	return false;
}

/* ---- what a producer may not write ---- */

void kafka_denied_hear(struct kafka_log_target *target, const char *words)
{
	int empty = 0;
	if (!atomic_compare_exchange_strong(&target->heard_state, &empty, 1))
		return;
	snprintf(target->heard, sizeof target->heard, "%s", words);
	atomic_store(&target->heard_state, 2);
}

static void longer(const char **found, const char *words, const char *name)
{
	if (strstr(words, name) != NULL && (*found == NULL || strlen(name) > strlen(*found)))
		*found = name;
}

/* The longest of our topics that the words name; of those whose offsets are being committed, if there are any. */
static const char *topic_named(const struct kafka_producer *producer, const char *words)
{
	const char *found = NULL;
	for (size_t i = 0; i < producer->offsets_count; i++)
		longer(&found, words, producer->offsets[i].topic);
	for (size_t i = 0; producer->offsets_count == 0 && i < producer->topics_count; i++)
		longer(&found, words, producer->names[i]);
	return found;
}

bool kafka_producer_denied(const struct kafka_producer *producer, rd_kafka_resp_err_t code, const char *words,
			   struct err *err)
{
	bool heard = atomic_load(&producer->log.heard_state) == 2;
	const char *topic = topic_named(producer, words);
	if (topic == NULL && heard)
		topic = topic_named(producer, producer->log.heard);
	switch (code) {
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		kafka_err_right(err, code, "Read", "group", producer->log.options->group);
		return true;
	case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
		kafka_err_right(err, code,
				strstr(words, "find transaction coordinator") != NULL ? "Describe" : "Write",
				"transactional id", producer->transactional_id);
		return true;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		if (topic != NULL)
			kafka_err_right(err, code, producer->offsets_count > 0 ? "Read" : "Write", "topic",
					topic);
		return topic != NULL;
	case RD_KAFKA_RESP_ERR__STATE: /* what was heard came in the middle of the transaction */
		if (heard && topic != NULL)
			kafka_err_right(err, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "Write", "topic",
					topic);
		return heard && topic != NULL;
	default: return false;
	}
}
