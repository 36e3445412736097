#include "store/store.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/store_priv.h"

#define HEALTH_TTL_MS  10000
#define PREFIX_MAX     100
#define PARTITIONS_MAX 100000
#define ALERTS_MAX     10000
/* The longest command: a publication of all windows of all ledgers with their series; keys are short
 * beside the values. */
#define SCRATCH_BYTES                                                                                        \
	(STORE_WINDOWS_MAX * (STORE_SERIES_VALUES * 64 + 2 * (PREFIX_MAX + 2 * VIEW_NAME_MAX)) + 65536)

#define ROW(name) offsetof(struct store_options, name)
const struct option_row store_options[] = {
	{"url", OPTION_TEXT, ROW(url), "redis://127.0.0.1:6379/0", 0, 0, NULL,
	 "redis://USER:PASSWORD@HOST:PORT/DB, rediss:// for TLS, or unix:///PATH?db=N; special characters as "
	 "%XX",
	 0},
	{"password_file", OPTION_TEXT, ROW(password_file), NULL, 0, 0, NULL,
	 "a file with the password in its first line, instead of one in the URL", 0},
	{"tls_ca", OPTION_TEXT, ROW(tls_ca), NULL, 0, 0, NULL,
	 "a file with the CA certificates for rediss://; the system's if absent", 0},
	{"tls_cert", OPTION_TEXT, ROW(tls_cert), NULL, 0, 0, NULL,
	 "a file with our certificate (PEM), if Redis asks for one", 0},
	{"tls_key", OPTION_TEXT, ROW(tls_key), NULL, 0, 0, NULL,
	 "a file with its key; looked for in tls_cert if absent", 0},
	{"prefix", OPTION_TEXT, ROW(prefix), "corridor", 0, 0, NULL,
	 "what the name of every key and channel begins with", 0},
	{"timeout", OPTION_DURATION, ROW(timeout_ms), "2s", 10, 60000, NULL,
	 "after how long without an answer the connection is made anew", 0},
	{"retry_max", OPTION_DURATION, ROW(retry_max_ms), "5s", 100, 600000, NULL,
	 "the longest pause between two attempts to connect: 100ms at first, then doubled up to this", 0},
	{"ttl", OPTION_DURATION, ROW(ttl_ms), "2d", 60000, 31536000000, NULL,
	 "how long keys outlive their last write, for example those of a window that was removed from "
	 "`windows`",
	 0},
	{"in_flight", OPTION_BYTES, ROW(in_flight_bytes), "256KiB", 1024, 67108864, NULL,
	 "how much is sent to Redis before its replies are awaited", 0},
	{"alerts_max", OPTION_INT, ROW(alerts_max), "10000", 100, 1000000, NULL,
	 "how many events of alerts the stream keeps, about", 0},
	{.key = NULL},
};

bool store_check_prefix(const char *prefix, struct err *err)
{
	size_t len = strlen(prefix);
	if (len == 0 || len > PREFIX_MAX) {
		err_set(err, "redis.prefix: 1 to %d characters", PREFIX_MAX);
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)prefix[i]) && strchr("._-:/", prefix[i]) == NULL) {
			err_set(err, "redis.prefix: only letters, digits and . _ - : / (braces would break "
				     "the cluster slots)");
			return false;
		}
	}
	return true;
}

static bool read_password(struct store *store, const char *path, struct err *err)
{
	FILE *file = path ? fopen(path, "re") : NULL;
	if (path && file == NULL) {
		err_set(err, "redis.password_file: %s: %s", path, strerror(errno));
		return false;
	}
	if (file) {
		char line[1024] = "";
		bool read = fgets(line, sizeof line, file) != NULL;
		fclose(file);
		line[strcspn(line, "\r\n")] = '\0';
		if (!read || line[0] == '\0') {
			err_set(err, "redis.password_file: %s: its first line is empty", path);
			return false;
		}
		if (store->url.password) {
			err_set(err, "redis.password_file: redis.url has a password too: remove one of them");
			return false;
		}
		store->url.password = must_copy(line);
		explicit_bzero(line, sizeof line);
	}
	if (store->url.user && store->url.password == NULL) {
		err_set(err, "Redis URL: a user without a password (in the URL or redis.password_file)");
		return false;
	}
	return true;
}

struct store *store_create(const struct store_options *options, struct err *err)
{
	must(options->retention_ms > 0 && options->windows != NULL);
	struct store *store = must_alloc(sizeof *store);
	store->options = *options;
	store->backoff_ms = 100;
	if (store->options.alerts_max == 0)
		store->options.alerts_max = ALERTS_MAX;
	if (!store_check_prefix(options->prefix, err) || !store_url_parse(&store->url, options->url, err) ||
	    !read_password(store, options->password_file, err) ||
	    (store->url.tls && (store->tls = store_tls_create(options, err)) == NULL)) {
		store_url_release(&store->url);
		free(store);
		return NULL;
	}
	args_init(&store->args, SCRATCH_BYTES);
	store->fields = must_array(STORE_WINDOWS_MAX, sizeof *store->fields);
	return store;
}

void store_destroy(struct store *store)
{
	if (store == NULL)
		return;
	if (store->redis)
		redisFree(store->redis);
	store_tls_destroy(store->tls);
	store_url_release(&store->url);
	args_release(&store->args);
	free(store->fields);
	free(store->health_ms);
	free(store);
}

bool store_up(const struct store *store)
{
	return store->up;
}

const char *store_error(const struct store *store)
{
	return store->error;
}

const char *store_address(const struct store *store)
{
	return store->url.address;
}

bool store_take_lost(struct store *store)
{
	bool lost = store->lost;
	store->lost = false;
	return lost;
}

struct store_stats store_stats(const struct store *store)
{
	return store->stats;
}

/* ---- health ---- */

static int64_t *health_mark(struct store *store, unsigned partition)
{
	must(partition < PARTITIONS_MAX);
	if (partition >= store->health_room) {
		unsigned room = partition + 64;
		store->health_ms = realloc(store->health_ms, room * sizeof *store->health_ms);
		must(store->health_ms != NULL);
		memset(store->health_ms + store->health_room, 0,
		       (room - store->health_room) * sizeof *store->health_ms);
		store->health_room = room;
	}
	return &store->health_ms[partition];
}

static void send_health(struct store *store, const struct store_health *health)
{
	struct args *args = &store->args;
	store_begin_script(store, SCRIPT_HEALTH, 1);
	args_format(args, "%s:health:%u", store->options.prefix, health->partition);
	args_whole(args, HEALTH_TTL_MS);
	args_text(args, "as_of_ms");
	args_whole(args, health->as_of_ms);
	args_text(args, "lag_ms");
	args_whole(args, health->lag_ms);
	args_text(args, "instance");
	args_text(args, health->instance);
	args_text(args, "contract");
	args_whole(args, VIEW_CONTRACT);
	args_text(args, "version");
	args_text(args, health->version);
	store_send(store);
}

/* One key's reply. Ours was written a moment ago and is gone: Redis was emptied. */
static bool heard_health(struct store *store, redisReply *reply, unsigned partition)
{
	if (reply == NULL)
		return false;
	bool good = reply->type == REDIS_REPLY_INTEGER;
	int64_t *mark = health_mark(store, partition), now_ms = store_now_ms();
	if (!good) {
		store_refused(store, reply);
	} else {
		if (reply->integer == 0 && *mark && now_ms - *mark < STORE_AWAY_MAX_MS && !store->lost) {
			store->lost = true;
			store->stats.losses++;
		}
		*mark = now_ms;
	}
	freeReplyObject(reply);
	return good;
}

bool store_health(struct store *store, const struct store_health *health, unsigned n)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		if (n == 0 || !store_begin(store))
			return n == 0;
		for (unsigned i = 0; i < n; i++)
			send_health(store, &health[i]);
		bool good = true, unknown = false;
		for (unsigned i = 0; i < n; i++) {
			redisReply *reply = store_receive(store);
			unknown = unknown || (reply && reply_is_error(reply, "NOSCRIPT"));
			good = heard_health(store, reply, health[i].partition) && good;
		}
		if (good)
			store_good(store);
		if (!unknown)
			return good;
		if (store->redis == NULL || !store_load_scripts(store))
			return false;
	}
	return false;
}
