#include "kafka/kafka.h"

#include "kafka/kafka_priv.h"

/* For room in a full queue: within a transaction half of its time-out, else as long as a message may take (delivery.timeout.ms). */
#define SEND_WAIT_MS	   5000
#define SEND_WAIT_PLAIN_MS 60000
#define HEADERS_MAX	   64

static rd_kafka_headers_t *headers_create(const struct kafka_message *message)
{
	if (message->headers_count == 0)
		return NULL;
	rd_kafka_headers_t *headers = rd_kafka_headers_new(message->headers_count);
	for (size_t i = 0; i < message->headers_count; i++) {
		const struct kafka_header *h = &message->headers[i];
		must(rd_kafka_header_add(headers, h->name.at, (ssize_t)h->name.len, h->value.at,
					 h->value.at != NULL ? (ssize_t)h->value.len : 0) ==
		     RD_KAFKA_RESP_ERR_NO_ERROR);
	}
	return headers;
}

static rd_kafka_error_t *produce(struct kafka_producer *producer, const struct kafka_message *message,
				 rd_kafka_headers_t *headers)
{
	rd_kafka_vu_t fields[8];
	size_t n = 0;
	fields[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = producer->topics[message->topic]};
	fields[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = message->partition};
	fields[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY};
	fields[n++] =
		(rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)message->tag};
	fields[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = message->timestamp_ms};
	if (message->key.at != NULL)
		fields[n++] = (rd_kafka_vu_t){
			.vtype = RD_KAFKA_VTYPE_KEY,
			.u.mem = {.ptr = (void *)(uintptr_t)message->key.at, .size = message->key.len}};
	if (message->value.at != NULL)
		fields[n++] = (rd_kafka_vu_t){
			.vtype = RD_KAFKA_VTYPE_VALUE,
			.u.mem = {.ptr = (void *)(uintptr_t)message->value.at, .size = message->value.len}};
	if (headers != NULL)
		fields[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers};
	return rd_kafka_produceva(producer->rk, fields, n);
}

static bool topic_ready(struct kafka_producer *producer, unsigned topic, struct err *err)
{
	must(topic < producer->topics_count);
	if (producer->topics[topic] != NULL)
		return true;
	producer->topics[topic] = rd_kafka_topic_new(producer->rk, producer->names[topic], NULL);
	if (producer->topics[topic] == NULL)
		kafka_err(err, rd_kafka_last_error(), producer->names[topic], NULL);
	return producer->topics[topic] != NULL;
}

enum kafka_outcome kafka_producer_send(struct kafka_producer *producer, const struct kafka_message *message,
				       struct err *err)
{
	must(message->headers_count <= HEADERS_MAX);
	if (producer->rk == NULL)
		return kafka_producer_absent(producer, err);
	if (!topic_ready(producer, message->topic, err))
		return KAFKA_FATAL;
	int64_t deadline_ms =
		kafka_now_ms() + (producer->transactional_id[0] ? SEND_WAIT_MS : SEND_WAIT_PLAIN_MS);
	rd_kafka_headers_t *headers = headers_create(message);
	rd_kafka_error_t *error;
	while ((error = produce(producer, message, headers)) != NULL) {
		if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL ||
		    kafka_now_ms() >= deadline_ms)
			break;
		rd_kafka_error_destroy(error);
		rd_kafka_poll(producer->rk, 50);
	}
	if (error == NULL) {
		producer->stats.sent++;
		return KAFKA_DONE;
	}
	if (headers != NULL)
		rd_kafka_headers_destroy(headers);
	enum kafka_outcome outcome = KAFKA_ABORT;
	if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__FATAL) {
		char words[300];
		rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(producer->rk, words, sizeof words);
		outcome = kafka_producer_fenced(producer, fatal) ? KAFKA_FATAL : KAFKA_UNCLEAR;
		err->lasting = outcome == KAFKA_FATAL;
		kafka_err(err, fatal, producer->names[message->topic], words);
	} else if (kafka_producer_denied(producer, rd_kafka_error_code(error), rd_kafka_error_string(error),
					 err)) {
		outcome = KAFKA_FATAL;
	} else {
		kafka_err(err, rd_kafka_error_code(error), producer->names[message->topic],
			  rd_kafka_error_string(error));
	}
	rd_kafka_error_destroy(error);
	return outcome;
}

void kafka_producer_serve(struct kafka_producer *producer)
{
	if (producer->rk != NULL)
		rd_kafka_poll(producer->rk, 0);
}

enum kafka_outcome kafka_producer_flush(struct kafka_producer *producer, int timeout_ms, struct err *err)
{
	if (producer->rk == NULL)
		return kafka_producer_absent(producer, err);
	rd_kafka_resp_err_t code = rd_kafka_flush(producer->rk, timeout_ms);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return KAFKA_DONE;
	err_set(err, "%d records are not delivered yet: %s", rd_kafka_outq_len(producer->rk),
		rd_kafka_err2str(code));
	return KAFKA_UNCLEAR;
}

struct kafka_producer_stats kafka_producer_stats(const struct kafka_producer *producer)
{
	return producer->stats;
}
