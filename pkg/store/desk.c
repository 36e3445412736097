#include "store/store_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "json/json.h"

#define BY_MAX 100

static const char *const verdicts[STORE_VERDICTS] = {
	[STORE_REAL] = "real", [STORE_FALSE] = "false", [STORE_KNOWN] = "known"};

const char *store_verdict_name(enum store_verdict verdict)
{
	return verdicts[verdict];
}

bool store_verdict_from(struct str text, enum store_verdict *verdict)
{
	for (int i = 0; i < STORE_VERDICTS; i++) {
		if (!str_is(text, verdicts[i]))
			continue;
		*verdict = (enum store_verdict)i;
		return true;
	}
	return false;
}

/* ---- writing ---- */

/* Names come from command lines and requests: what JSON or a terminal can't take becomes '?'. */
static struct str clean_name(struct str by, char out[BY_MAX + 4])
{
	size_t used = 0;
	for (size_t i = 0; i < by.len && used < BY_MAX;) {
		size_t len = utf8_length(by.at + i, by.len - i);
		bool shown = len > 1 || (len == 1 && (unsigned char)by.at[i] >= 0x20 && by.at[i] != 0x7f);
		len = len ? len : 1;
		if (used + len > BY_MAX)
			break;
		if (shown)
			memcpy(out + used, by.at + i, len);
		else
			out[used] = '?';
		used += len;
		i += len;
	}
	return (struct str){out, used};
}

/* {"at_ms":...,"by":"..."}, and `as` of a verdict; to be released with free(). */
static char *said_json(const char *when, int64_t ms, struct str by, const char *as)
{
	char name[BY_MAX + 4];
	struct json *said = json_new_object();
	json_put(said, when, json_new_whole(ms));
	json_put(said, "by", json_new_text(clean_name(by, name)));
	if (as)
		json_put(said, "as", json_new_text(str_of(as)));
	char *text = json_dump(said, NULL);
	json_destroy(said);
	return text;
}

struct saying {
	uint64_t incident;
	struct str touchpoint;
	const char *first, *second; /* JSON; "" for none */
	int64_t now_ms;
};

static void put_ack(struct store *store, const void *context)
{
	const struct saying *saying = context;
	args_slot_key(store, "incidents");
	args_slot_key(store, "acks");
	args_slot_key(store, "verdicts");
	args_format(&store->args, "%016" PRIx64, saying->incident);
	args_text(&store->args, saying->first);
	args_text(&store->args, saying->second);
	args_whole(&store->args, store_incidents_ttl(store));
}

static enum store_said acknowledge(struct store *store, uint64_t incident, const char *ack,
				   const char *verdict)
{
	static const enum store_said meaning[] = {STORE_SAID_UNKNOWN, STORE_SAID_ALREADY, STORE_SAID_DONE};
	struct saying saying = {.incident = incident, .first = ack, .second = verdict};
	redisReply *reply = store_script(store, SCRIPT_ACK, 3, put_ack, &saying, REDIS_REPLY_INTEGER);
	enum store_said said = reply ? meaning[reply->integer % 3] : STORE_SAID_FAILED;
	freeReplyObject(reply);
	return said;
}

enum store_said store_ack(struct store *store, const struct store_ack *ack)
{
	char *json = said_json("at_ms", ack->at_ms, ack->by, NULL);
	enum store_said said = acknowledge(store, ack->incident, json, "");
	free(json);
	return said;
}

enum store_said store_close(struct store *store, const struct store_closing *closing)
{
	char *ack = said_json("at_ms", closing->at_ms, closing->by, NULL);
	char *verdict = said_json("at_ms", closing->at_ms, closing->by, store_verdict_name(closing->as));
	enum store_said said = acknowledge(store, closing->incident, ack, verdict);
	free(ack);
	free(verdict);
	return said == STORE_SAID_ALREADY ? STORE_SAID_DONE : said;
}

static void put_mute(struct store *store, const void *context)
{
	const struct saying *saying = context;
	args_slot_key(store, "mutes");
	args_bytes(&store->args, saying->touchpoint);
	args_text(&store->args, saying->first);
	args_whole(&store->args, saying->now_ms);
}

static redisReply *set_mute(struct store *store, const struct saying *saying)
{
	return store_script(store, SCRIPT_MUTE, 1, put_mute, saying, REDIS_REPLY_INTEGER);
}

enum store_said store_mute(struct store *store, const struct store_mute *mute, int64_t now_ms)
{
	char *json = said_json("until_ms", mute->until_ms, mute->by, NULL);
	struct saying saying = {.touchpoint = mute->touchpoint, .first = json, .now_ms = now_ms};
	redisReply *reply = set_mute(store, &saying);
	bool full = reply && reply->integer < 0, good = reply && !full;
	if (full)
		store_fail(store, STORE_MUTES_MAX " touchpoints are muted already: unmute some");
	freeReplyObject(reply);
	free(json);
	return good ? STORE_SAID_DONE : STORE_SAID_FAILED;
}

enum store_said store_unmute(struct store *store, struct str touchpoint, int64_t now_ms)
{
	struct saying saying = {.touchpoint = touchpoint, .first = "", .now_ms = now_ms};
	redisReply *reply = set_mute(store, &saying);
	enum store_said said = reply == NULL	    ? STORE_SAID_FAILED
			       : reply->integer > 0 ? STORE_SAID_DONE
						    : STORE_SAID_UNKNOWN;
	freeReplyObject(reply);
	return said;
}

/* ---- reading ---- */

/* Every field of a hash of what people said, with its JSON; one that somebody else wrote wrongly is passed
 * over. */
static bool read_said(struct store *store, const char *what,
		      void (*each)(void *call, struct str field, const struct json *), void *call)
{
	if (!store_command(store, "HGETALL"))
		return false;
	args_slot_key(store, what);
	redisReply *reply = store_call(store, REDIS_REPLY_ARRAY);
	for (size_t i = 0; reply && i + 1 < reply->elements; i += 2) {
		const redisReply *field = reply->element[i], *value = reply->element[i + 1];
		struct err err = {0};
		struct json *json = json_parse((struct str){value->str, value->len}, &err);
		if (json)
			each(call, (struct str){field->str, field->len}, json);
		json_destroy(json);
	}
	freeReplyObject(reply);
	return reply != NULL;
}

static struct str text_of(const struct json *json, const char *name)
{
	const struct json *member = json_get(json, name);
	return member ? json_text(member) : STR("");
}

static int64_t whole_of(const struct json *json, const char *name)
{
	const struct json *member = json_get(json, name);
	return member ? json_whole(member) : 0;
}

/* One of the three, with whom to tell. */
struct reader {
	void (*ack)(void *, const struct store_ack *);
	void (*closing)(void *, const struct store_closing *);
	void (*mute)(void *, const struct store_mute *);
	void *context;
};

static void each_ack(void *call, struct str field, const struct json *json)
{
	const struct reader *reader = call;
	struct store_ack ack = {strtoull(field.at, NULL, 16), whole_of(json, "at_ms"), text_of(json, "by")};
	reader->ack(reader->context, &ack);
}

static void each_closing(void *call, struct str field, const struct json *json)
{
	const struct reader *reader = call;
	struct store_closing closing = {.incident = strtoull(field.at, NULL, 16),
					.at_ms = whole_of(json, "at_ms"),
					.by = text_of(json, "by")};
	if (store_verdict_from(text_of(json, "as"), &closing.as))
		reader->closing(reader->context, &closing);
}

static void each_mute(void *call, struct str field, const struct json *json)
{
	const struct reader *reader = call;
	struct store_mute mute = {field, whole_of(json, "until_ms"), text_of(json, "by")};
	reader->mute(reader->context, &mute);
}

bool store_acks(struct store *store, void (*ack)(void *context, const struct store_ack *), void *context)
{
	struct reader reader = {.ack = ack, .context = context};
	return read_said(store, "acks", each_ack, &reader);
}

bool store_closings(struct store *store, void (*closing)(void *context, const struct store_closing *),
		    void *context)
{
	struct reader reader = {.closing = closing, .context = context};
	return read_said(store, "verdicts", each_closing, &reader);
}

bool store_mutes(struct store *store, void (*mute)(void *context, const struct store_mute *), void *context)
{
	struct reader reader = {.mute = mute, .context = context};
	return read_said(store, "mutes", each_mute, &reader);
}
