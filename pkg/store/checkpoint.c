#include "store/store_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* ':' begins our own fields; touchpoints are named by strangers, so a name that begins with one gets a
 * second. */
#define PAGE 200 /* fields per reply: about a megabyte, a millisecond of Redis' time */

static void args_state_key(struct store *store, unsigned partition)
{
	args_format(&store->args, "%s:state:{%s:alerts}:%u", store->options.prefix, store->options.prefix,
		    partition);
}

static void args_name(struct args *args, struct str touchpoint)
{
	if (touchpoint.len && touchpoint.at[0] == ':')
		args_copy(args, STR(":"), touchpoint);
	else
		args_bytes(args, touchpoint);
}

/* The number that tells this write from every other one. */
static void draw(struct store_token *token)
{
	uint64_t number = 0;
	must(getrandom(&number, sizeof number, 0) == sizeof number);
	snprintf(token->next, sizeof token->next, "%016" PRIx64, number);
}

static void args_keys(struct store *store, unsigned partition)
{
	args_state_key(store, partition);
	args_alerts_key(store);
	args_slot_key(store, "incidents");
	args_slot_key(store, "closed");
	args_slot_key(store, "acks");
	args_slot_key(store, "verdicts");
	args_numbers_key(store, partition);
}

static void args_alert(struct args *args, const struct store_alert *alert)
{
	must(alert->number > 0 && alert->number < 1ULL << 53);
	args_text(args, ledger_name(alert->ledger));
	args_bytes(args, alert->touchpoint);
	args_whole(args, (int64_t)alert->number);
	args_format(args, "%016" PRIx64, alert->incident);
	args_text(args, alert->open ? "1" : "0");
	args_bytes(args, alert->json);
}

static void send_checkpoint(struct store *store, const struct store_checkpoint *c,
			    const struct store_token *token)
{
	struct args *args = &store->args;
	must(c->alerts_count <= STORE_ALERTS_MAX);
	store_begin_script(store, SCRIPT_CHECKPOINT, 7);
	args_keys(store, c->partition);
	int first = args->count - 1; /* Lua counts from 1 */
	args_text(args, token->text);
	args_text(args, token->next);
	args_whole(args, c->at.log_ms);
	args_whole(args, c->at.offset);
	if (c->low)
		args_format(args, "%" PRId64 " %" PRId64, c->low->log_ms, c->low->offset);
	else
		args_text(args, "");
	args_whole(args, store->options.retention_ms);
	args_text(args, c->replace ? "1" : "0");
	args_whole(args, c->partition);
	args_whole(args, store->options.alerts_max);
	args_whole(args, store_incidents_ttl(store));
	int fields = args_later(args), alerts = args_later(args);
	for (unsigned i = 0; i < c->fields_count; i++) {
		if (c->fields[i].bytes.at == NULL)
			args_name(args, c->fields[i].touchpoint);
	}
	args_set(args, fields, args->count - first);
	for (unsigned i = 0; i < c->fields_count; i++) {
		if (c->fields[i].bytes.at == NULL)
			continue;
		args_name(args, c->fields[i].touchpoint);
		args_bytes(args, c->fields[i].bytes);
	}
	args_set(args, alerts, args->count - first);
	for (unsigned i = 0; i < c->alerts_count; i++)
		args_alert(args, &c->alerts[i]);
	store_send(store);
}

static enum store_checkpoint_outcome outcome_of(struct store *store, const redisReply *reply,
						struct store_token *token)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
	    reply->element[0]->type != REDIS_REPLY_STRING || reply->element[1]->type != REDIS_REPLY_STRING) {
		if (reply->type == REDIS_REPLY_ERROR)
			store_refused(store, reply);
		return STORE_CHECKPOINT_FAILED;
	}
	store_good(store);
	snprintf(token->text, sizeof token->text, "%s", reply->element[1]->str);
	token->next[0] = '\0';
	if (strcmp(reply->element[0]->str, "WRITTEN") == 0)
		return STORE_CHECKPOINT_WRITTEN;
	return strcmp(reply->element[0]->str, "LOST") == 0 ? STORE_CHECKPOINT_LOST : STORE_CHECKPOINT_REFUSED;
}

enum store_checkpoint_outcome store_checkpoint(struct store *store, const struct store_checkpoint *c,
					       struct store_token *token)
{
	enum store_checkpoint_outcome outcome = STORE_CHECKPOINT_FAILED;
	if (token->next[0] == '\0')
		draw(token);
	for (int attempt = 0; attempt < 2; attempt++) {
		if (!store_begin(store))
			break;
		send_checkpoint(store, c, token);
		redisReply *reply = store_receive(store);
		bool unknown = reply && reply_is_error(reply, "NOSCRIPT");
		if (reply && !unknown)
			outcome = outcome_of(store, reply, token);
		freeReplyObject(reply);
		if (!unknown || !store_load_scripts(store))
			break;
	}
	return outcome;
}

/* ---- restore ---- */

/* A command on the state's key; NULL after an error, which is kept. */
static redisReply *on_state(struct store *store, const char *command, unsigned partition, const char *a,
			    const char *b)
{
	store->deadline_ms = store_now_ms() + store->options.timeout_ms;
	args_begin(&store->args);
	args_text(&store->args, command);
	args_state_key(store, partition);
	if (a)
		args_text(&store->args, a);
	if (b)
		args_text(&store->args, b);
	redisReply *reply = store_roundtrip(store);
	if (reply && reply->type == REDIS_REPLY_ARRAY)
		return reply;
	if (reply)
		store_refused(store, reply);
	freeReplyObject(reply);
	return NULL;
}

/* ":pos" and ":low" as they stand now; false: Redis is away. */
static bool read_head(struct store *store, unsigned partition, struct store_token *token,
		      struct store_position *low, bool *complete)
{
	redisReply *reply = on_state(store, "HMGET", partition, ":pos", ":low");
	if (reply == NULL)
		return false;
	const redisReply *pos = reply->elements == 2 ? reply->element[0] : NULL;
	const redisReply *from = reply->elements == 2 ? reply->element[1] : NULL;
	*token = (struct store_token){.text = ""};
	if (pos && pos->type == REDIS_REPLY_STRING)
		snprintf(token->text, sizeof token->text, "%s", pos->str);
	*complete = token->text[0] && from && from->type == REDIS_REPLY_STRING &&
		    sscanf(from->str, "%" SCNd64 " %" SCNd64, &low->log_ms, &low->offset) == 2;
	freeReplyObject(reply);
	return true;
}

struct page {
	size_t from, count;
};

static struct page send_page(struct store *store, unsigned partition, const redisReply *names, size_t from)
{
	struct page page = {.from = from};
	args_begin(&store->args);
	args_text(&store->args, "HMGET");
	args_state_key(store, partition);
	for (; page.count < PAGE && from + page.count < names->elements; page.count++) {
		const redisReply *name = names->element[from + page.count];
		args_bytes(&store->args, (struct str){name->str, name->len});
	}
	if (page.count)
		store_send(store);
	return page;
}

static bool hand_out(const struct store_restore *r, const redisReply *names, struct page page,
		     const redisReply *values)
{
	if (values->type != REDIS_REPLY_ARRAY || values->elements != page.count)
		return false;
	for (size_t i = 0; i < page.count; i++) {
		struct str name = {names->element[page.from + i]->str, names->element[page.from + i]->len};
		const redisReply *value = values->element[i];
		if (name.len && name.at[0] == ':') {
			if (name.len < 2 || name.at[1] != ':')
				continue; /* one of our own */
			name.at++, name.len--;
		}
		if (value->type == REDIS_REPLY_STRING &&
		    !r->field(r->context, name, (struct str){value->str, value->len}))
			return false;
	}
	if (r->progress)
		r->progress(r->context, page.from + page.count, names->elements);
	return true;
}

/* One page is under way while the one before it is worked on. */
static bool read_fields(struct store *store, const struct store_restore *r, const redisReply *names)
{
	bool good = true;
	struct page page = send_page(store, r->partition, names, 0);
	while (good && page.count) {
		struct page next = send_page(store, r->partition, names, page.from + page.count);
		store->deadline_ms = store_now_ms() + store->options.timeout_ms;
		store_wait_until_deadline(store);
		redisReply *values = store_receive(store);
		if (values == NULL)
			return false;
		if (values->type == REDIS_REPLY_ERROR)
			store_refused(store, values);
		good = hand_out(r, names, page, values);
		freeReplyObject(values);
		if (!good && store->redis)
			store_drop(store, "the checkpoint of partition %u was not read to its end",
				   r->partition);
		page = next;
	}
	return good;
}

/* All names at once, then their bytes in pages: each field comes exactly once, which HSCAN doesn't
 * promise. */
enum store_restore_outcome store_restore(struct store *store, const struct store_restore *r,
					 struct store_position *low, struct store_token *token)
{
	bool complete = false;
	if (!store_begin(store) || !read_head(store, r->partition, token, low, &complete))
		return STORE_RESTORE_FAILED;
	if (!complete)
		return STORE_RESTORE_NONE;
	redisReply *names = on_state(store, "HKEYS", r->partition, NULL, NULL);
	bool good = names && read_fields(store, r, names);
	freeReplyObject(names);
	struct store_token now;
	struct store_position low_now;
	if (!good || !read_head(store, r->partition, &now, &low_now, &complete))
		return STORE_RESTORE_FAILED;
	if (strcmp(now.text, token->text) != 0) {
		store_fail(store,
			   "the checkpoint of partition %u was written by another instance while it was read",
			   r->partition);
		return STORE_RESTORE_FAILED;
	}
	store_good(store);
	return STORE_RESTORE_DONE;
}
