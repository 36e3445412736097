#include "store/store_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/os.h"

#define BACKOFF_MIN_MS 100

int64_t store_now_ms(void)
{
	return os_boot_ns() / 1000000;
}

static void set_error(struct store *store, const char *format, va_list args)
{
	int n = snprintf(store->error, sizeof store->error, "Redis at %.280s: ", store->url.address);
	vsnprintf(store->error + n, sizeof store->error - (size_t)n, format, args);
	store->up = false;
	store->stats.failures++;
}

static void disconnect(struct store *store)
{
	if (store->redis)
		redisFree(store->redis);
	store->redis = NULL;
	store->retry_at_ms = store_now_ms() + store->backoff_ms;
	store->backoff_ms = store->backoff_ms * 2 < store->options.retry_max_ms ? store->backoff_ms * 2
										: store->options.retry_max_ms;
}

void store_drop(struct store *store, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	set_error(store, format, args);
	va_end(args);
	disconnect(store);
}

void store_fail(struct store *store, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	set_error(store, format, args);
	va_end(args);
}

void store_good(struct store *store)
{
	store->up = true;
	store->error[0] = '\0';
	store->good_ms = store_now_ms();
	store->backoff_ms = BACKOFF_MIN_MS;
}

bool reply_is_error(const redisReply *reply, const char *code)
{
	size_t len = strlen(code);
	return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, code, len) == 0 &&
	       (reply->str[len] == ' ' || reply->str[len] == '\0');
}

void store_refused(struct store *store, const redisReply *reply)
{
	static const struct {
		const char *code, *advice;
		bool drop;
	} known[] = {
		{"MOVED",
		 "a Redis Cluster with several shards can't be used yet: give a server that holds all slots",
		 false},
		{"ASK",
		 "a Redis Cluster with several shards can't be used yet: give a server that holds all slots",
		 false},
		{"CROSSSLOT", "a Redis Cluster with several shards can't be used yet", false},
		{"CLUSTERDOWN", "the cluster does not serve all slots", false},
		{"READONLY", "this server became a replica; the primary is looked up again", true},
		{"LOADING", "Redis is loading its data; tried again until it is done", true},
		{"MASTERDOWN", "this replica has lost its primary", true},
		{"NOAUTH", "redis.url needs a password", true},
		{"WRONGPASS", "user or password in redis.url are wrong", true},
		{"NOPERM", "the user lacks a right: deploy/redis/users.conf has its line", false},
		{"OOM", "raise Redis' maxmemory", false},
		{"WRONGTYPE", "another program uses our keys: choose another redis.prefix", false},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!reply_is_error(reply, known[i].code))
			continue;
		if (known[i].drop)
			store_drop(store, "%s (%.200s)", known[i].advice, reply->str);
		else
			store_fail(store, "%s (%.200s)", known[i].advice, reply->str);
		return;
	}
	store_fail(store, "%.300s", reply->str);
}

/* ---- commands ---- */

void store_wait_until_deadline(struct store *store)
{
	int64_t left = store->deadline_ms - store_now_ms();
	left = left > 0 ? left : 1;
	redisSetTimeout(store->redis, (struct timeval){left / 1000, left % 1000 * 1000});
}

void store_begin_script(struct store *store, enum script script, int keys)
{
	args_begin(&store->args);
	args_text(&store->args, "EVALSHA");
	args_text(&store->args, store->sha[script]);
	args_whole(&store->args, keys);
}

void store_send(struct store *store)
{
	struct args *args = &store->args;
	struct str wire = args_wire(args);
	must(redisAppendFormattedCommand(store->redis, wire.at, wire.len) == REDIS_OK);
	store->stats.commands++;
	store->stats.bytes_sent += args->bytes;
}

redisReply *store_receive(struct store *store)
{
	if (store->redis == NULL)
		return NULL;
	if (store_now_ms() >= store->deadline_ms) {
		store_drop(store, "no answer within %lld ms (redis.timeout)",
			   (long long)store->options.timeout_ms);
		return NULL;
	}
	void *reply = NULL;
	errno = 0;
	int64_t began_ns = os_monotonic_ns();
	int status = redisGetReply(store->redis, &reply);
	store->stats.busy_us += (uint64_t)((os_monotonic_ns() - began_ns) / 1000);
	if (status == REDIS_OK)
		return reply;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETIMEDOUT)
		store_drop(store, "no answer within %lld ms (redis.timeout)",
			   (long long)store->options.timeout_ms);
	else
		store_drop(store, "%.200s", store->redis->errstr);
	return NULL;
}

redisReply *store_roundtrip(struct store *store)
{
	store_wait_until_deadline(store);
	store_send(store);
	return store_receive(store);
}

/* A command of words; its reply, unless it is an error: that is explained and NULL returned. */
static redisReply *ask(struct store *store, const char *const words[])
{
	args_begin(&store->args);
	for (int i = 0; words[i]; i++)
		args_text(&store->args, words[i]);
	redisReply *reply = store_roundtrip(store);
	if (reply && reply->type == REDIS_REPLY_ERROR) {
		store_refused(store, reply);
		freeReplyObject(reply);
		return NULL;
	}
	return reply;
}

static bool said(struct store *store, const char *const words[])
{
	redisReply *reply = ask(store, words);
	freeReplyObject(reply);
	return reply != NULL;
}

bool store_load_scripts(struct store *store)
{
	for (int i = 0; i < SCRIPTS; i++) {
		redisReply *reply = ask(
			store, (const char *[]){"SCRIPT", "LOAD", store_script_text((enum script)i), NULL});
		if (reply == NULL)
			return false;
		snprintf(store->sha[i], sizeof store->sha[i], "%s",
			 reply->type == REDIS_REPLY_STRING ? reply->str : "");
		freeReplyObject(reply);
	}
	return true;
}

/* ---- connecting ---- */

/* The value of `name:` in what INFO says; empty: not there. */
static struct str info_value(const redisReply *info, const char *name)
{
	size_t len = strlen(name);
	for (const char *line = info->str; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			return (struct str){line + len + 1, strcspn(line + len + 1, "\r\n")};
	}
	return (struct str){"", 0};
}

/* Right version, a primary, and still the server that holds what we wrote? */
static bool check_server(struct store *store, const redisReply *info)
{
	struct str version = info_value(info, "redis_version"), role = info_value(info, "role");
	struct str run_id = info_value(info, "run_id");
	int major = 0, minor = 0;
	if (sscanf(version.at, "%d.%d", &major, &minor) == 2 && (major < 6 || (major == 6 && minor < 2))) {
		store_drop(store, "is version %.*s, and 6.2 or later is needed", (int)version.len,
			   version.at);
		return false;
	}
	if (str_is(role, "slave")) {
		struct str host = info_value(info, "master_host"), port = info_value(info, "master_port");
		store_drop(store, "is a replica; give its primary, %.*s:%.*s", (int)host.len, host.at,
			   (int)port.len, port.at);
		return false;
	}
	bool same = str_is(run_id, store->run_id);
	bool vouched = store_now_ms() - store->good_ms < STORE_AWAY_MAX_MS;
	if (store->run_id[0] && !(same && vouched)) {
		store->lost = true;
		store->stats.losses++;
	}
	snprintf(store->run_id, sizeof store->run_id, "%.*s", (int)(run_id.len < 40 ? run_id.len : 40),
		 run_id.at);
	return true;
}

static bool greet(struct store *store)
{
	const struct store_url *url = &store->url;
	if (url->user && !said(store, (const char *[]){"AUTH", url->user, url->password, NULL}))
		return false;
	if (!url->user && url->password && !said(store, (const char *[]){"AUTH", url->password, NULL}))
		return false;
	char db[16];
	snprintf(db, sizeof db, "%d", url->db);
	if (url->db && !said(store, (const char *[]){"SELECT", db, NULL}))
		return false;
	redisReply *info = ask(store, (const char *[]){"INFO", NULL});
	if (info == NULL)
		return false;
	bool good = info->type == REDIS_REPLY_STRING;
	if (!good)
		store_drop(store, "INFO was not answered as Redis does");
	good = good && check_server(store, info);
	freeReplyObject(info);
	return good && store_load_scripts(store);
}

static bool open_socket(struct store *store)
{
	const struct store_url *url = &store->url;
	struct timeval timeout = {store->options.timeout_ms / 1000, store->options.timeout_ms % 1000 * 1000};
	store->redis = url->path ? redisConnectUnixWithTimeout(url->path, timeout)
				 : redisConnectWithTimeout(url->host, url->port, timeout);
	must(store->redis != NULL);
	if (store->redis->err) {
		store_drop(store, "%.200s", store->redis->errstr);
		return false;
	}
	store_wait_until_deadline(store);
	if (!url->path)
		redisEnableKeepAlive(store->redis);
	struct err err = {.set = false};
	if (store->tls && !store_tls_start(store->tls, store->redis, url->host, &err)) {
		store_drop(store, "%.300s", err.text);
		return false;
	}
	return true;
}

bool store_connect(struct store *store)
{
	if (store->redis)
		return true;
	store->deadline_ms = store_now_ms() + store->options.timeout_ms;
	if (!open_socket(store))
		return false;
	if (!greet(store)) {
		if (store->redis) /* refused, but still connected: without a greeting it is of no use */
			disconnect(store);
		return false;
	}
	store->stats.connects++;
	store_good(store);
	return true;
}

bool store_begin(struct store *store)
{
	if (store->redis == NULL && (store_now_ms() < store->retry_at_ms || !store_connect(store)))
		return false;
	store->deadline_ms = store_now_ms() + store->options.timeout_ms;
	store_wait_until_deadline(store);
	return true;
}
