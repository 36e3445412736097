#include "kafka/kafka.h"

#include <stdarg.h>
#include <stdlib.h>
#include <syslog.h>

#include "kafka/kafka_priv.h"

int64_t kafka_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void kafka_say(const struct kafka_options *options, enum kafka_log_level level, const char *format, ...)
{
	char line[700];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (options->log != NULL)
		options->log(options->log_context, level, line);
	else if (level <= KAFKA_LOG_WARNING)
		fprintf(stderr, "kafka: %s\n", line);
}

/* librdkafka's lines, from any of its threads. */
static void library_log(const rd_kafka_t *rk, int level, const char *facility, const char *words)
{
	/* Passed-through properties go to all clients; that a consumer has no use for a producer's is no news. */
	if (strcmp(facility, "CONFWARN") == 0 && strstr(words, "will be ignored by this") != NULL)
		return;
	struct kafka_log_target *target = rd_kafka_opaque(rk);
	if (atomic_load(&target->left))
		return;
	/* What a transaction may not do is an error of the next call, which says it in our words; a connection lost at the end is no news. */
	bool denied = (strcmp(facility, "ADDPARTS") == 0 || strcmp(facility, "TXNERR") == 0) &&
		      strstr(words, "authorization failed") != NULL;
	if (denied)
		kafka_denied_hear(target, words);
	if (denied || strstr(words, "not attempted") != NULL || atomic_load(&target->closing))
		level = LOG_DEBUG;
	enum kafka_log_level ours = level <= LOG_ERR	   ? KAFKA_LOG_ERROR
				    : level <= LOG_WARNING ? KAFKA_LOG_WARNING
				    : level <= LOG_INFO	   ? KAFKA_LOG_INFO
							   : KAFKA_LOG_DEBUG;
	kafka_say(target->options, ours, "%s: %s: %s", rd_kafka_name(rk), facility, words);
}

bool kafka_conf_put(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
	char words[300];
	if (rd_kafka_conf_set(conf, name, value, words, sizeof words) == RD_KAFKA_CONF_OK)
		return true;
	err_set(err, "kafka: %s", words);
	return false;
}

bool kafka_conf_put_number(rd_kafka_conf_t *conf, const char *name, long long value, struct err *err)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", value);
	return kafka_conf_put(conf, name, text, err);
}

long long kafka_conf_record_bytes_max(const struct kafka_options *options)
{
	long long bytes = options->record_bytes_max + KAFKA_HEADER_ROOM;
	return bytes < 1 << 20 ? 1 << 20 : bytes;
}

rd_kafka_conf_t *kafka_conf_create(const struct kafka_options *options, const char *role, struct err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char client[300];
	snprintf(client, sizeof client, "corridor-%s-%s", kafka_instance(options), role);
	/* Small requests every 100 ms must not wait for an ACK of the one before; and a broker that was away is back soon. */
	static const struct kafka_property base[] = {
		{"socket.nagle.disable", "true"},
		{"socket.keepalive.enable", "true"},
		{"reconnect.backoff.max.ms", "2000"},
		{"topic.metadata.refresh.interval.ms", "10000"},
		{"fetch.error.backoff.ms", "100"},
		/* A seek or a resumption waits for the fetch that is under way. */
		{"fetch.wait.max.ms", "100"},
		{"compression.codec", "lz4"},
		/* A key's partition as Java producers choose it. */
		{"partitioner", "murmur2_random"},
	};
	bool ok = kafka_conf_put(conf, "client.id", client, err) && kafka_fetch_configure(conf, err);
	for (size_t i = 0; ok && i < sizeof base / sizeof *base; i++)
		ok = kafka_conf_put(conf, base[i].name, base[i].value, err);
	for (size_t i = 0; ok && i < options->properties_count; i++) {
		const struct kafka_property *p = &options->properties[i];
		ok = kafka_property_check(p->name, p->value, err) &&
		     kafka_conf_put(conf, p->name, p->value, err);
	}
	ok = ok && kafka_conf_put(conf, "bootstrap.servers", options->brokers, err);
	if (ok)
		return conf;
	rd_kafka_conf_destroy(conf);
	return NULL;
}

rd_kafka_t *kafka_conf_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, void *client, const char *brokers,
			      struct err *err)
{
	char words[300];
	rd_kafka_conf_set_opaque(conf, client);
	rd_kafka_conf_set_log_cb(conf, library_log);
	rd_kafka_t *rk = rd_kafka_new(type, conf, words, sizeof words);
	if (rk != NULL)
		return rk;
	rd_kafka_conf_destroy(conf);
	err_set(err, "Kafka client for %s: %s", brokers, words);
	return NULL;
}

void kafka_err(struct err *err, rd_kafka_resp_err_t code, const char *subject, const char *words)
{
	const char *right = kafka_right_missing(code);
	if (right != NULL)
		err_set(err, "%s: %s; `corridor topics --print` lists the ACLs (%s)", subject, right,
			rd_kafka_err2name(code));
	else
		err_set(err, "%s: %s (%s)", subject, words != NULL ? words : rd_kafka_err2str(code),
			rd_kafka_err2name(code));
}
