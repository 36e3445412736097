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
	 "what this process does: intake reads and counts feedback, watch keeps the windows and publishes "
	 "them",
	 0},
	{"zone", OPTION_TEXT, GENERAL(zone), "UTC", 0, 0, NULL,
	 "IANA name of the time zone in which `today` begins, for touchpoints that are not in "
	 "touchpoints.zones",
	 0},
	{"windows", OPTION_LIST, GENERAL(windows), "[5m, 1h, 24h, 7d, today]", 0, 0, NULL,
	 "the rolling windows, at most 8: whole minutes from 1m to 90d, and `today`", 0},
	{"start", OPTION_CHOICE, GENERAL(start), "window", 0, 0, starts,
	 "where the first start begins: the longest window back, the earliest record or the latest", 0},
	{0},
};

#define SOURCE(member) offsetof(struct config_source, member)

static const struct option_row source_options[] = {
	{"topic", OPTION_TEXT, SOURCE(topic), NULL, 0, 0, NULL, "the Kafka topic", 0},
	{"name", OPTION_TEXT, SOURCE(name), NULL, 0, 0, NULL,
	 "part of each response's identity, so never change it; the topic if absent", 0},
	{"kind", OPTION_CHOICE, SOURCE(kind), "survey", 0, 0, config_ledgers,
	 "what messages are that name no kind", 0},
	{"bytes_max", OPTION_BYTES, SOURCE(bytes_max), "1MiB", 64, 16 << 20, NULL,
	 "a larger message goes to the dead letters", 0},
	{"depth_max", OPTION_INT, SOURCE(depth_max), "64", 1, 1024, NULL,
	 "JSON that is nested deeper goes to the dead letters", 0},
	{0},
};

static const struct option_row source_fields[] = {
#define FIELD(name, number, prose)                                                                           \
	{                                                                                                    \
		name, OPTION_TEXT, SOURCE(path[number]), NULL, 0, 0, NULL, prose, 0                          \
	}
	FIELD("id", FEEDBACK_ID, "the response's id, required"),
	FIELD("time", FEEDBACK_TIME, "when the customer answered, required"),
	FIELD("updated", FEEDBACK_UPDATED,
	      "when this version was written; the newest version of an id counts"),
	FIELD("kind", FEEDBACK_KIND, "survey, relationship, social or review"),
	FIELD("touchpoint", FEEDBACK_TOUCHPOINT, "where the customer was asked; _unmapped if absent"),
	FIELD("score", FEEDBACK_SCORE, "0 to 10; of reviews 1 to 5 stars"),
	FIELD("class", FEEDBACK_CLASS, "of posts: positive, neutral or negative"),
	FIELD("sentiment", FEEDBACK_SENTIMENT, "of posts without a class: -1 to 1"),
	FIELD("comment", FEEDBACK_COMMENT, "the customer's words"),
	FIELD("customer", FEEDBACK_CUSTOMER, "who it was; kept as a keyed hash only"),
	FIELD("dims", FEEDBACK_DIMS, "an object of more strings: store, team, product ..."),
	FIELD("op", FEEDBACK_OP, "delete takes the response back; upsert if absent"),
	{0},
};

const struct section source_sections[] = {
	{"", source_options, 0, NULL}, {"fields", source_fields, 0, NULL}, {0}};

static const struct option_row zone_option[] = {
	{"zone", OPTION_TEXT, offsetof(struct config_touchpoint, zone), NULL, 0, 0, NULL,
	 "IANA name of the time zone in which its `today` begins, as in touchpoints.zones", 0},
	{0},
};

const struct section touchpoint_sections[] = {
	{"", registry_options, offsetof(struct config_touchpoint, is), NULL},
	{"", zone_option, 0, NULL},
	{0}};

const struct section sink_sections[] = {{"", sink_option_rows, 0, NULL}, {0}};

#define AT(member) offsetof(struct config, member)

const struct section config_sections[] = {
	{"", general_options, AT(general), NULL},
	{"kafka", kafka_options, AT(kafka),
	 "Kafka. Any other key here is handed to librdkafka as its property: security.protocol, "
	 "sasl.username ..."},
	{"redis", store_options, AT(redis), "Redis, where the numbers are published."},
	{"intake", intake_options, AT(intake), "Reading and counting feedback."},
	{"touchpoints", intake_touchpoint_options, AT(intake), "Touchpoints: where customers are asked."},
	{"responses", response_options, AT(responses),
	 "The table of known responses, which recognises repeats, edits and deletions."},
	{"alerts", alert_options, AT(alerts),
	 "Alerts: how often they may be false, and what they look for. `corridor check` says what that "
	 "means."},
	{"delivery", desk_options, AT(delivery),
	 "Delivery of alerts: when people are told, and when not. It changes nothing of what is raised."},
	{"publish", watch_options, AT(publish),
	 "What publishing may cost, and what a restart has to read again."},
	{"http", http_options, AT(http), "The HTTP server for monitoring."},
	{"log", log_options, AT(log), "What is said on standard error."},
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
