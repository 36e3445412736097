#include "kafka/kafka.h"

#include <stdlib.h>
#include <string.h>

#include "kafka/kafka_priv.h"

#define BROKER_RECORD_BYTES 1048588 /* max.message.bytes where nobody set it */
#define SLICE_MS	    1000 /* how often one looks whether Kafka refuses us */

/* ---- a client to ask and to create with ---- */

struct asker {
	struct kafka_log_target log; /* first: see kafka_conf_client() */
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int64_t deadline_ms;
	struct err refused; /* the name or the password, or the certificate: asking on would not help */
};

static void on_error(rd_kafka_t *rk, int code, const char *words, void *opaque)
{
	struct asker *asker = opaque;
	const char *brokers = asker->log.options->brokers;
	/* Up to 2.6.0 it repeats its nonce, which Kafka 4 no longer lets pass and calls wrong credentials (librdkafka issue 4895). */
	bool scram = strstr(words, "SCRAM") != NULL && rd_kafka_version() < 0x02060100;
	if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION && scram)
		err_set(&asker->refused,
			"Kafka at %s does not accept the name or the password (kafka: sasl.*); Kafka 4 "
			"accepts none by SCRAM from "
			"librdkafka %s, it needs 2.6.1 or PLAIN over TLS: %s",
			brokers, rd_kafka_version_str(), words);
	else if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION)
		err_set(&asker->refused,
			"Kafka at %s does not accept the name or the password (kafka: sasl.*): %s", brokers,
			words);
	else if (code == RD_KAFKA_RESP_ERR__SSL)
		err_set(&asker->refused, "Kafka at %s: no TLS connection (kafka: ssl.*): %s", brokers, words);
}

static bool asker_open(struct asker *asker, const struct kafka_options *options, int timeout_ms,
		       struct err *err)
{
	*asker = (struct asker){.log.options = options, .deadline_ms = kafka_now_ms() + timeout_ms};
	rd_kafka_conf_t *conf = kafka_conf_create(options, "topics", err);
	if (conf == NULL)
		return false;
	/* A producer that asks for a topic makes brokers create it (their default), with their settings and not ours. */
	char words[300];
	must(rd_kafka_conf_set(conf, "allow.auto.create.topics", "false", words, sizeof words) ==
	     RD_KAFKA_CONF_OK);
	rd_kafka_conf_set_error_cb(conf, on_error);
	asker->rk = kafka_conf_client(RD_KAFKA_CONSUMER, conf, asker, options->brokers, err);
	if (asker->rk == NULL)
		return false;
	asker->queue = rd_kafka_queue_new(asker->rk);
	return true;
}

static void asker_close(struct asker *asker)
{
	atomic_store(&asker->log.closing, true);
	if (asker->queue != NULL)
		rd_kafka_queue_destroy(asker->queue);
	if (asker->rk != NULL)
		rd_kafka_destroy(asker->rk);
}

static int asker_left_ms(const struct asker *asker)
{
	int64_t left_ms = asker->deadline_ms - kafka_now_ms();
	return left_ms < 100 ? 100 : (int)left_ms;
}

static rd_kafka_event_t *asker_answer(struct asker *asker, const char *what, struct err *err)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(asker->queue, asker_left_ms(asker));
	rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return event;
	kafka_err(err, code, what, event == NULL ? NULL : rd_kafka_event_error_string(event));
	if (event != NULL)
		rd_kafka_event_destroy(event);
	return NULL;
}

static const struct rd_kafka_metadata *asker_metadata(struct asker *asker, struct err *err)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code;
	do {
		int left_ms = asker_left_ms(asker);
		code = rd_kafka_metadata(asker->rk, 1, NULL, &metadata,
					 left_ms < SLICE_MS ? left_ms : SLICE_MS);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return metadata;
		rd_kafka_poll(asker->rk, 10); /* serves on_error() */
	} while (!asker->refused.set && kafka_now_ms() < asker->deadline_ms &&
		 (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT));
	if (asker->refused.set) {
		err_set(err, "%s", asker->refused.text);
		return NULL;
	}
	const char *brokers = asker->log.options->brokers;
	char subject[400];
	snprintf(subject, sizeof subject, "asking Kafka at %s for its topics", brokers);
	if (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
	    code == RD_KAFKA_RESP_ERR__TIMED_OUT)
		err_set(err,
			"Kafka at %s does not answer: is it up, and are kafka.brokers and security.protocol "
			"right? (%s)",
			brokers, rd_kafka_err2name(code));
	else
		kafka_err(err, code, subject, NULL);
	return NULL;
}

static int metadata_partitions(const struct rd_kafka_metadata *metadata, const char *name)
{
	for (int i = 0; i < metadata->topic_cnt; i++) {
		const struct rd_kafka_metadata_topic *t = &metadata->topics[i];
		if (strcmp(t->topic, name) != 0)
			continue;
		if (t->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
			return -2;
		return t->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? -1 : t->partition_cnt;
	}
	return -1;
}

static int asker_partitions_one(struct asker *asker, const char *name)
{
	int partitions = -1;
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(asker->rk, name, NULL);
	if (rkt == NULL)
		return -1;
	if (rd_kafka_metadata(asker->rk, 0, rkt, &metadata, asker_left_ms(asker)) ==
	    RD_KAFKA_RESP_ERR_NO_ERROR) {
		partitions = metadata_partitions(metadata, name);
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_topic_destroy(rkt);
	return partitions;
}

/* Kafka leaves topics that we may not describe out of the list; asked by name it says so. */
static int asker_partitions(struct asker *asker, const struct rd_kafka_metadata *all, const char *name)
{
	int partitions = metadata_partitions(all, name);
	return partitions != -1 ? partitions : asker_partitions_one(asker, name);
}

/* The controller has it before the brokers know: whoever uses it next shall find it. */
static void asker_await(struct asker *asker, const char *name)
{
	while (asker_partitions_one(asker, name) == -1 && kafka_now_ms() < asker->deadline_ms)
		nanosleep(&(struct timespec){.tv_nsec = 20 * 1000000}, NULL);
}

bool kafka_topics_partitions(const struct kafka_options *options, const char *const *topics, size_t count,
			     int *partitions, int timeout_ms, struct err *err)
{
	struct asker asker;
	const struct rd_kafka_metadata *metadata = NULL;
	if (asker_open(&asker, options, timeout_ms, err))
		metadata = asker_metadata(&asker, err);
	for (size_t i = 0; metadata != NULL && i < count; i++)
		partitions[i] = asker_partitions(&asker, metadata, topics[i]);
	bool ok = metadata != NULL;
	if (ok)
		rd_kafka_metadata_destroy(metadata);
	asker_close(&asker);
	return ok;
}

/* ---- creating ---- */

static rd_kafka_resp_err_t topic_create(struct asker *asker, const char *name, int partitions,
					int replication, const struct kafka_property *settings,
					size_t settings_count, struct err *err)
{
	char words[300];
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
		name, partitions, replication > 0 ? replication : -1, words, sizeof words);
	if (topic == NULL) {
		err_set(err, "topic %s: %s", name, words);
		return RD_KAFKA_RESP_ERR__INVALID_ARG;
	}
	for (size_t i = 0; i < settings_count; i++)
		rd_kafka_NewTopic_set_config(topic, settings[i].name, settings[i].value);
	rd_kafka_AdminOptions_t *how = rd_kafka_AdminOptions_new(asker->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_AdminOptions_set_request_timeout(how, asker_left_ms(asker), words, sizeof words);
	/* the answer comes when the controller has it everywhere, so that it can be used at once */
	rd_kafka_AdminOptions_set_operation_timeout(how, 5000, words, sizeof words);
	rd_kafka_CreateTopics(asker->rk, &topic, 1, how, asker->queue);
	rd_kafka_AdminOptions_destroy(how);
	rd_kafka_NewTopic_destroy(topic);

	char subject[400];
	snprintf(subject, sizeof subject, "creating topic %s", name);
	rd_kafka_event_t *event = asker_answer(asker, subject, err);
	if (event == NULL)
		return RD_KAFKA_RESP_ERR__FAIL;
	size_t n;
	const rd_kafka_topic_result_t **results =
		rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
	rd_kafka_resp_err_t code = n == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__FAIL;
	if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	    code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
		err_set(err,
			"no right to Create topic %s (%s), and it does not exist: `corridor topics --print` "
			"gives the command and the ACL",
			name, rd_kafka_err2name(code));
	else if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		kafka_err(err, code, subject, n == 1 ? rd_kafka_topic_result_error_string(results[0]) : NULL);
	rd_kafka_event_destroy(event);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		asker_await(asker, name);
	return code;
}

static bool created_or_there(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
}

bool kafka_topic_create(const struct kafka_options *options, const char *name, int partitions,
			int replication, const struct kafka_property *settings, size_t settings_count,
			int timeout_ms, struct err *err)
{
	struct asker asker;
	bool ok = asker_open(&asker, options, timeout_ms, err) &&
		  created_or_there(
			  topic_create(&asker, name, partitions, replication, settings, settings_count, err));
	asker_close(&asker);
	return ok;
}

/* ---- checking what exists ---- */

static void setting_check(const struct kafka_property *want, const char *have,
			  struct kafka_topic_state *state)
{
	bool number = want->value[0] >= '0' && want->value[0] <= '9';
	/* More room and longer keeping than asked for are fine; -1 is for ever. */
	bool fine = number ? atoll(have) < 0 || atoll(have) >= atoll(want->value)
			   : strcmp(have, want->value) == 0;
	size_t used = strlen(state->warning);
	if (!fine && used == 0)
		snprintf(state->warning, sizeof state->warning,
			 "%s is %s, should be %s%s: kafka-configs.sh --alter --entity-type topics "
			 "--entity-name %s --add-config %s=%s",
			 want->name, have, number ? "at least " : "", want->value, state->name, want->name,
			 want->value);
	else if (!fine)
		snprintf(state->warning + used, sizeof state->warning - used, ",%s=%s", want->name,
			 want->value);
}

/* What frames a record, and what a compression that gains nothing may add, is left free. */
static void room_note(struct kafka_topic_state *state, const struct kafka_options *options, int64_t topic_max)
{
	int64_t ours = kafka_conf_record_bytes_max(options), max = topic_max < ours ? topic_max : ours;
	state->record_bytes_max = max - max / 64 - 512;
}

static void topic_check(struct asker *asker, const struct kafka_property *want, size_t want_count,
			struct kafka_topic_state *state)
{
	char words[300];
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, state->name);
	rd_kafka_AdminOptions_t *how =
		rd_kafka_AdminOptions_new(asker->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_AdminOptions_set_request_timeout(how, asker_left_ms(asker), words, sizeof words);
	rd_kafka_DescribeConfigs(asker->rk, &resource, 1, how, asker->queue);
	rd_kafka_AdminOptions_destroy(how);
	rd_kafka_ConfigResource_destroy(resource);
	struct err err = {0};
	rd_kafka_event_t *event = asker_answer(asker, state->name, &err);
	size_t n = 0, entries = 0;
	const rd_kafka_ConfigResource_t **resources =
		event == NULL ? NULL
			      : rd_kafka_DescribeConfigs_result_resources(
					rd_kafka_event_DescribeConfigs_result(event), &n);
	int64_t topic_max = BROKER_RECORD_BYTES;
	if (n != 1 || rd_kafka_ConfigResource_error(resources[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		bool denied = n == 1 && rd_kafka_ConfigResource_error(resources[0]) ==
						RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
		snprintf(state->warning, sizeof state->warning,
			 "topic %s: its settings can't be checked: %.150s", state->name,
			 denied ? "no right to DescribeConfigs it; `corridor topics --print` lists the ACLs"
			 : err.set ? err.text
			 : n == 1  ? rd_kafka_ConfigResource_error_string(resources[0])
				   : "no answer");
	} else {
		const rd_kafka_ConfigEntry_t **have = rd_kafka_ConfigResource_configs(resources[0], &entries);
		for (size_t i = 0; i < want_count; i++)
			for (size_t k = 0; k < entries; k++)
				if (strcmp(rd_kafka_ConfigEntry_name(have[k]), want[i].name) == 0 &&
				    rd_kafka_ConfigEntry_value(have[k]) != NULL)
					setting_check(&want[i], rd_kafka_ConfigEntry_value(have[k]), state);
		for (size_t k = 0; k < entries; k++)
			if (strcmp(rd_kafka_ConfigEntry_name(have[k]), "max.message.bytes") == 0 &&
			    rd_kafka_ConfigEntry_value(have[k]) != NULL)
				topic_max = atoll(rd_kafka_ConfigEntry_value(have[k]));
	}
	room_note(state, asker->log.options, topic_max);
	if (event != NULL)
		rd_kafka_event_destroy(event);
}

/* Somebody else created it in this moment, with as many partitions as he pleased. */
static bool partitions_await(struct asker *asker, const struct rd_kafka_metadata *before,
			     struct kafka_topic_state *state, struct err *err)
{
	while ((state->partitions = asker_partitions(asker, before, state->name)) < 1) {
		if (kafka_now_ms() >= asker->deadline_ms) {
			err_set(err, "topic %s exists, but Kafka does not say how many partitions it has",
				state->name);
			return false;
		}
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	}
	return true;
}

static bool topic_ensure(struct asker *asker, const struct rd_kafka_metadata *metadata,
			 enum kafka_topic topic, bool create, struct kafka_topic_state *state,
			 struct err *err)
{
	const struct kafka_options *options = asker->log.options;
	struct kafka_property settings[KAFKA_OWN_SETTINGS];
	char text[KAFKA_OWN_SETTINGS][32];
	size_t count = kafka_own_settings(options, topic, settings, text);
	*state = (struct kafka_topic_state){0};
	kafka_topic_name(options, topic, state->name);
	int partitions = asker_partitions(asker, metadata, state->name);
	if (partitions == -2) {
		err_set(err,
			"no right to Describe topic %s; `corridor topics --print` lists the ACLs "
			"(TOPIC_AUTHORIZATION_FAILED)",
			state->name);
		return false;
	}
	state->exists = partitions >= 0;
	state->partitions = state->exists ? partitions : kafka_own_partitions(options, topic);
	if (!state->exists && create) {
		rd_kafka_resp_err_t code = topic_create(asker, state->name, state->partitions,
							(int)options->replication, settings, count, err);
		if (!created_or_there(code))
			return false;
		state->exists = true;
		state->created = code == RD_KAFKA_RESP_ERR_NO_ERROR;
		if (!state->created && !partitions_await(asker, metadata, state, err))
			return false;
		room_note(state, options,
			  topic == KAFKA_TOPIC_DEAD_LETTERS ? INT64_MAX : BROKER_RECORD_BYTES);
	}
	if (state->exists && !state->created)
		topic_check(asker, settings, count, state);
	return true;
}

bool kafka_topics_ensure(const struct kafka_options *options, bool create,
			 struct kafka_topic_state out[KAFKA_TOPICS], int timeout_ms, struct err *err)
{
	struct asker asker;
	const struct rd_kafka_metadata *metadata = NULL;
	if (asker_open(&asker, options, timeout_ms, err))
		metadata = asker_metadata(&asker, err);
	bool ok = metadata != NULL;
	for (int i = 0; ok && i < KAFKA_TOPICS; i++)
		ok = topic_ensure(&asker, metadata, (enum kafka_topic)i, create, &out[i], err);
	if (metadata != NULL)
		rd_kafka_metadata_destroy(metadata);
	asker_close(&asker);
	return ok;
}
