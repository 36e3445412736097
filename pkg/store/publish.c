#include "store/store_priv.h"

#include <stdlib.h>

#define INDEX_PORTION 1000 /* names per script call: two values each, unpack() takes some thousand */

static struct str put(char *at, const char *text)
{
	size_t len = strlen(text);
	memcpy(at, text, len);
	return (struct str){at, len};
}

/* ---- one touchpoint ---- */

/* "corridor:{name}:" in `out`. */
static struct str key_start(const struct store *store, struct str touchpoint, char *out)
{
	size_t len = put(out, store->options.prefix).len;
	out[len++] = ':';
	out[len++] = '{';
	len += view_key_name(out + len, touchpoint);
	out[len++] = '}';
	out[len++] = ':';
	return (struct str){out, len};
}

static void window_keys(struct store *store, struct str start, const struct publication_window *window)
{
	char rest[64];
	const char *ledger = ledger_name(window->ledger), *name = store->options.windows[window->which];
	int len = snprintf(rest, sizeof rest, "%s:%s", ledger, name);
	args_copy(&store->args, start, (struct str){rest, (size_t)len});
	if (window->panes == NULL && !window->empty)
		return;
	len = snprintf(rest, sizeof rest, "%s:series:%s", ledger, name);
	args_copy(&store->args, start, (struct str){rest, (size_t)len});
}

static void window_hash(struct store *store, const struct publication_window *window,
			struct view_fields *fields)
{
	struct args *args = &store->args;
	if (window->empty) {
		args_text(args, "0");
		return;
	}
	view_fields(fields, window->ledger, &window->reading);
	args_whole(args, 2 * fields->count);
	for (unsigned i = 0; i < fields->count; i++) {
		args_text(args, fields->at[i].name);
		args_bytes(args, (struct str){fields->at[i].value, fields->at[i].len});
	}
}

static void window_series(struct store *store, const struct publication_window *window)
{
	struct args *args = &store->args;
	if (window->empty) {
		args_text(args, "0");
		return;
	}
	if (window->panes == NULL)
		return;
	must(window->panes_count <= WINDOW_PANES_MAX);
	args_whole(args, 2 * window->panes_count);
	for (unsigned i = 0; i < window->panes_count; i++) {
		const struct window_pane *pane = &window->panes[i];
		args_whole(args, pane->start_ms);
		args_wholes(args, pane->counts.p, pane->counts.q, pane->counts.d);
	}
}

static void alert_hash(struct store *store, const struct publication_alert *alert)
{
	struct args *args = &store->args;
	args_whole(args, 2 * (int64_t)alert->count);
	for (unsigned i = 0; i < alert->count; i++) {
		args_text(args, alert->at[i].name);
		args_bytes(args, (struct str){alert->at[i].value, alert->at[i].len});
	}
}

static void send_publication(struct store *store, const struct publication *p)
{
	char bytes[VIEW_NAME_MAX + 128];
	struct str start = key_start(store, p->touchpoint, bytes);
	struct args *args = &store->args;
	must(p->windows_count <= STORE_WINDOWS_MAX);
	store_begin_script(store, SCRIPT_PUBLISH, 0);
	int keys_from = args->count, keys_count = keys_from - 1;
	int64_t to_ms = 0;
	args_copy(args, start, STR("pos"));
	for (unsigned i = 0; i < p->windows_count; i++) {
		window_keys(store, start, &p->windows[i]);
		to_ms = p->windows[i].reading.to_ms > to_ms ? p->windows[i].reading.to_ms : to_ms;
	}
	if (p->alert)
		args_copy(args, start, STR("alert"));
	args_set(args, keys_count, args->count - keys_from);
	store->stats.keys += (uint64_t)(args->count - keys_from);
	args_whole(args, p->log_ms);
	args_whole(args, p->offset);
	args_whole(args, to_ms);
	args_whole(args, store->options.ttl_ms);
	args_format(args, "%s:changes", store->options.prefix);
	args_bytes(args, p->touchpoint);
	for (unsigned i = 0; i < p->windows_count; i++) {
		window_hash(store, &p->windows[i], &store->fields[i]);
		window_series(store, &p->windows[i]);
	}
	if (p->alert)
		alert_hash(store, p->alert);
	store_send(store);
}

/* ---- a batch ---- */

struct batch {
	const struct publication *list;
	enum store_outcome *outcomes;
	unsigned unknown; /* publications that a server without our scripts sent back */
	struct store_batch result;
};

static void heard(struct store *store, struct batch *batch, unsigned i)
{
	redisReply *reply = store_receive(store);
	if (reply == NULL)
		return;
	if (reply->type == REDIS_REPLY_INTEGER)
		batch->outcomes[i] = reply->integer == 0   ? STORE_REFUSED
				     : reply->integer == 1 ? STORE_WRITTEN
							   : STORE_FRESH;
	else if (reply_is_error(reply, "NOSCRIPT"))
		batch->unknown++;
	else
		store_refused(store, reply);
	freeReplyObject(reply);
}

/* The last quarter of a call's time is for the replies of what was sent and for the index: a batch that is
 * too large for it ends early and keeps its connection. */
static bool time_for_more(struct store *store)
{
	if (store_now_ms() < store->deadline_ms - store->options.timeout_ms / 4)
		return true;
	store_fail(store, "too slow for all that is due; the rest follows");
	return false;
}

/* What is FAILED so far, in portions: all of a portion is sent before its replies are read. */
static void exchange(struct store *store, struct batch *batch, unsigned n)
{
	unsigned *sent = must_array(n, sizeof *sent);
	for (unsigned i = 0; i < n && store->redis && time_for_more(store);) {
		unsigned count = 0;
		uint64_t before = store->stats.bytes_sent;
		for (; i < n && store->stats.bytes_sent - before < (uint64_t)store->options.in_flight_bytes;
		     i++) {
			if (batch->outcomes[i] != STORE_FAILED)
				continue;
			send_publication(store, &batch->list[i]);
			sent[count++] = i;
		}
		store_wait_until_deadline(store);
		for (unsigned k = 0; k < count; k++)
			heard(store, batch, sent[k]);
	}
	free(sent);
}

/* Names come and go in the index only where the publication was taken: a paused owner removes nobody. */
static bool send_index(struct store *store, const struct batch *batch, unsigned from, unsigned to)
{
	struct args *args = &store->args;
	int64_t newest_ms = 0;
	store_begin_script(store, SCRIPT_INDEX, 1);
	args_format(args, "%s:touchpoints", store->options.prefix);
	args_whole(args, store->options.ttl_ms);
	int cut = args_later(args), adds = args_later(args), first = args->count;
	for (unsigned i = from; i < to; i++) {
		const struct publication *p = &batch->list[i];
		newest_ms = p->log_ms > newest_ms ? p->log_ms : newest_ms;
		if (batch->outcomes[i] < STORE_WRITTEN || p->empty)
			continue;
		args_whole(args, p->last_ms);
		args_bytes(args, p->touchpoint);
	}
	args_set(args, cut, newest_ms - store->options.retention_ms);
	args_set(args, adds, args->count - first);
	for (unsigned i = from; i < to; i++) {
		if (batch->outcomes[i] >= STORE_WRITTEN && batch->list[i].empty)
			args_bytes(args, batch->list[i].touchpoint);
	}
	if (args->count == first)
		return false;
	store_send(store);
	return true;
}

/* A touchpoint whose name did not get into the index is not published: nobody would find it. */
static void index_touchpoints(struct store *store, struct batch *batch, unsigned n)
{
	for (unsigned from = 0; from < n && store->redis; from += INDEX_PORTION) {
		unsigned to = n - from < INDEX_PORTION ? n : from + INDEX_PORTION;
		if (!send_index(store, batch, from, to))
			continue;
		store_wait_until_deadline(store);
		redisReply *reply = store_receive(store);
		bool good = reply && reply->type == REDIS_REPLY_INTEGER;
		if (reply && !good)
			store_refused(store, reply);
		freeReplyObject(reply);
		for (unsigned i = from; i < to && !good; i++)
			batch->outcomes[i] =
				batch->outcomes[i] >= STORE_WRITTEN ? STORE_FAILED : batch->outcomes[i];
	}
}

static void count(struct store *store, struct batch *batch, unsigned n)
{
	struct store_batch *result = &batch->result;
	for (unsigned i = 0; i < n; i++) {
		result->refused += batch->outcomes[i] == STORE_REFUSED;
		result->failed += batch->outcomes[i] == STORE_FAILED;
		result->fresh += batch->outcomes[i] == STORE_FRESH;
	}
	result->written = n - result->refused - result->failed;
	store->stats.written += result->written;
	store->stats.refused += result->refused;
	store->stats.failed += result->failed;
	if (store->redis && result->failed == 0 && n)
		store_good(store);
}

struct store_batch store_publish(struct store *store, const struct publication *list, unsigned n,
				 enum store_outcome *outcomes)
{
	struct store_stats before = store->stats;
	enum store_outcome *own = outcomes ? NULL : must_array(n, sizeof *own);
	struct batch batch = {.list = list, .outcomes = outcomes ? outcomes : own};
	memset(batch.outcomes, 0, n * sizeof *batch.outcomes);
	if (n && store_begin(store)) {
		exchange(store, &batch, n);
		if (batch.unknown && store->redis && store_load_scripts(store))
			exchange(store, &batch, n);
		index_touchpoints(store, &batch, n);
	}
	count(store, &batch, n);
	batch.result.bytes = store->stats.bytes_sent - before.bytes_sent;
	batch.result.redis_us = (int64_t)(store->stats.busy_us - before.busy_us);
	free(own);
	return batch.result;
}
