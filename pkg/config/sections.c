/*
 * sections - which module's rows stand under which key. A new module is one line here
 * and its options in struct config.
 */
#include "config/config_priv.h"

#include <ctype.h>

static const char *const roles[] = {"intake", "watch", NULL};
static const char *const starts[] = {"window", "earliest", "latest", NULL};
const char *const config_ledgers[] = {"survey", "relationship", "social", "review", NULL};

#define GENERAL(member) offsetof(struct config_general, member)

static const struct option_row general_options[] = {
	{"roles", OPTION_LIST, GENERAL(roles), "[intake, watch]", 0, 0, roles,
	 "what this process does: intake reads and tallies feedback, watch keeps the windows and publishes "
	 "them",
	 0},
	{"zone", OPTION_TEXT, GENERAL(zone), "UTC", 0, 0, NULL,
	 "time zone of the window `today`, for touchpoints that are not in touchpoints.zones: an IANA name",
	 0},
	{"windows", OPTION_LIST, GENERAL(windows), "[5m, 1h, 24h, 7d, today]", 0, 0, NULL,
	 "the rolling windows, whole minutes from 1m to 90d, and `today`; at most 8", 0},
	{"start", OPTION_CHOICE, GENERAL(start), "window", 0, 0, starts,
	 "where a group without offsets begins: now less the longest window, the earliest record, or the "
	 "latest",
	 0},
	{0},
};

#define SOURCE(member) offsetof(struct config_source, member)

static const struct option_row source_options[] = {
	{"topic", OPTION_TEXT, SOURCE(topic), NULL, 0, 0, NULL, "the Kafka topic that it is read from", 0},
	{"name", OPTION_TEXT, SOURCE(name), NULL, 0, 0, NULL,
	 "part of a response's identity: never change it; default: the topic", 0},
	{"kind", OPTION_CHOICE, SOURCE(kind), "survey", 0, 0, config_ledgers,
	 "the ledger of messages that name no kind", 0},
	{"bytes_max", OPTION_BYTES, SOURCE(bytes_max), "1MiB", 64, 16 << 20, NULL,
	 "a larger message is a dead letter", 0},
	{"depth_max", OPTION_INT, SOURCE(depth_max), "64", 1, 1024, NULL,
	 "JSON nested deeper is a dead letter", 0},
	{0},
};

static const struct option_row source_fields[] = {
#define FIELD(name, number, prose)                                                                           \
	{                                                                                                    \
		name, OPTION_TEXT, SOURCE(path[number]), NULL, 0, 0, NULL, prose, 0                          \
	}
	FIELD("id", FEEDBACK_ID, "the response's id"),
	FIELD("time", FEEDBACK_TIME, "when the customer answered"),
	FIELD("updated", FEEDBACK_UPDATED, "time of this version"),
	FIELD("kind", FEEDBACK_KIND, "survey, relationship, social or review"),
	FIELD("touchpoint", FEEDBACK_TOUCHPOINT, "where"),
	FIELD("score", FEEDBACK_SCORE, "0 to 10; stars, 1 to 5, of reviews"),
	FIELD("class", FEEDBACK_CLASS, "positive, neutral or negative, of posts"),
	FIELD("sentiment", FEEDBACK_SENTIMENT, "-1 to 1, of posts"),
	FIELD("comment", FEEDBACK_COMMENT, "the customer's words"),
	FIELD("customer", FEEDBACK_CUSTOMER, "the customer's id"),
	FIELD("dims", FEEDBACK_DIMS, "an object of strings: store, team, product ..."),
	FIELD("op", FEEDBACK_OP, "upsert or delete"),
	{0},
};

const struct section source_sections[] = {
	{"", source_options, 0, NULL}, {"fields", source_fields, 0, NULL}, {0}};

#define AT(member) offsetof(struct config, member)

const struct section config_sections[] = {
	{"", general_options, AT(general), NULL},
	{"kafka", kafka_options, AT(kafka),
	 "Kafka. Every other key here is a property of librdkafka: security.protocol, sasl.username ..."},
	{"redis", store_options, AT(redis), "Redis: where the numbers are published."},
	{"intake", intake_options, AT(intake), "Reading feedback."},
	{"touchpoints", intake_touchpoint_options, AT(intake), "Touchpoints."},
	{"responses", response_options, AT(responses),
	 "The table of known responses, which recognises repeats, edits and deletions."},
	{"publish", watch_options, AT(publish), "How often readers see something new, and what a restart reads again."},
	{"http", http_options, AT(http), "/metrics, /healthz and /readyz."},
	{"log", log_options, AT(log), "What is said on stderr."},
	{0},
};

void key_join(char out[KEY_BYTES], const char *prefix, const char *key)
{
	snprintf(out, KEY_BYTES, "%s%s%s", prefix, *prefix ? "." : "", key);
}

bool key_secret(const char *key)
{
	static const char *const signs[] = {"password",	 "secret", "key.pem", "oauthbearer.config",
					    "redis.url", "token",  NULL};
	char lower[KEY_BYTES];
	size_t len = 0;
	for (; key[len] != '\0' && len < sizeof lower - 1; len++)
		lower[len] = (char)tolower((unsigned char)key[len]);
	lower[len] = '\0';
	for (const char *const *sign = signs; *sign != NULL; sign++)
		if (strstr(lower, *sign) != NULL)
			return true;
	return false;
}
