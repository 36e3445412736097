#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "support/redis.h"
#include "support/touchpoint.h"

#define LOG_MS 1700000000000
#define KEY    "corridor:state:{corridor:alerts}:4"

static struct redis_server *server;
static redisContext *admin;

static struct store *open_store(void)
{
	struct store_options options = {.url = redis_server_url(server),
					.prefix = "corridor",
					.timeout_ms = 1000,
					.retry_max_ms = 200,
					.ttl_ms = 3600000,
					.in_flight_bytes = 65536,
					.retention_ms = 7200000,
					.windows = touchpoint_windows};
	struct err err = {.set = false};
	struct store *store = store_create(&options, &err);
	assert_non_null(store);
	return store;
}

static void command(const char *text)
{
	redisReply *reply = redisCommand(admin, text);
	if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", text, reply ? reply->str : admin->errstr);
	freeReplyObject(reply);
}

/* One field, `low` as well unless it is negative. */
static enum store_checkpoint_outcome write_one(struct store *store, int64_t offset, int64_t low,
					       const char *name, const char *bytes, struct store_token *token)
{
	struct store_field field = {str_of(name), {bytes, bytes ? strlen(bytes) : 0}};
	struct store_position from = {LOG_MS, low};
	struct store_checkpoint c = {.partition = 4,
				     .at = {LOG_MS + offset / 10, offset},
				     .low = low < 0 ? NULL : &from,
				     .fields = &field,
				     .fields_count = 1};
	return store_checkpoint(store, &c, token);
}

struct seen {
	char text[4096];
	size_t used;
	unsigned count, stop_at;
	uint64_t done, total;
	struct store *intruder; /* writes in the middle */
};

static bool see(void *context, struct str touchpoint, struct str bytes)
{
	struct seen *seen = context;
	if (++seen->count == seen->stop_at)
		return false;
	if (seen->intruder && seen->count == 1) {
		struct store_token token = {.text = ""};
		assert_int_equal(write_one(seen->intruder, 999, 1, "new", "x", &token),
				 STORE_CHECKPOINT_LOST);
		assert_int_equal(write_one(seen->intruder, 999, 1, "new", "x", &token),
				 STORE_CHECKPOINT_WRITTEN);
	}
	if (seen->used < sizeof seen->text - 300)
		seen->used +=
			(size_t)snprintf(seen->text + seen->used, 300, "%.*s=%.*s;", (int)touchpoint.len,
					 touchpoint.at, (int)(bytes.len < 50 ? bytes.len : 50), bytes.at);
	return true;
}

static void progress(void *context, uint64_t done, uint64_t total)
{
	struct seen *seen = context;
	seen->done = done;
	seen->total = total;
}

static enum store_restore_outcome restore(struct store *store, struct seen *seen, struct store_position *low,
					  struct store_token *token)
{
	struct store_restore r = {.partition = 4, .context = seen, .field = see, .progress = progress};
	return store_restore(store, &r, low, token);
}

static void what_was_saved_comes_back(void **state)
{
	struct store *store = open_store();
	struct store_token token = {.text = ""};
	struct store_position low = {0, 0};
	struct seen seen = {.count = 0};
	assert_int_equal(restore(store, &seen, &low, &token), STORE_RESTORE_NONE);
	assert_string_equal(token.text, "");
	assert_int_equal(write_one(store, 10, 1, "b", "two", &token), STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(write_one(store, 11, -1, "a", "one", &token), STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(write_one(store, 11, 7, "b", "three", &token), STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(write_one(store, 12, -1, ":pos", "a touchpoint's", &token),
			 STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(write_one(store, 12, -1, "gone", "x", &token), STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(write_one(store, 13, -1, "gone", NULL, &token), STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(write_one(store, 13, -1, "nothing", "", &token), STORE_CHECKPOINT_WRITTEN);
	struct store_token found;
	assert_int_equal(restore(store, &seen, &low, &found), STORE_RESTORE_DONE);
	assert_string_equal(found.text, token.text);
	assert_int_equal(low.log_ms, LOG_MS);
	assert_int_equal(low.offset, 7);
	assert_int_equal(seen.count, 4);
	assert_non_null(strstr(seen.text, "b=three;"));
	assert_non_null(strstr(seen.text, "a=one;"));
	assert_non_null(strstr(seen.text, ":pos=a touchpoint's;"));
	assert_non_null(strstr(seen.text, "nothing=;"));
	assert_int_equal(seen.done, 6); /* with our own two */
	assert_int_equal(seen.total, 6);
	redisReply *ttl = redisCommand(admin, "PTTL " KEY);
	assert_true(ttl->integer > 7000000 && ttl->integer <= 7200000);
	freeReplyObject(ttl);
	store_destroy(store);
}

static void a_redis_that_lost_writes_is_told_from_one_that_did_not(void **state)
{
	struct store *store = open_store();
	struct store_token token = {.text = ""}, old;
	assert_int_equal(write_one(store, 10, 1, "a", "1", &token), STORE_CHECKPOINT_WRITTEN);
	old = token;
	command("COPY " KEY " backup");
	assert_int_equal(write_one(store, 10, 1, "a", "2", &token), STORE_CHECKPOINT_WRITTEN);
	assert_string_not_equal(old.text, token.text); /* the same position, but another write */
	command("COPY backup " KEY " REPLACE"); /* as a failover to a replica that was behind does */
	assert_int_equal(write_one(store, 11, 2, "a", "3", &token), STORE_CHECKPOINT_LOST);
	assert_string_equal(token.text, old.text);
	struct seen seen = {.count = 0};
	struct store_position low;
	struct store_token found;
	assert_int_equal(restore(store, &seen, &low, &found), STORE_RESTORE_DONE);
	assert_string_equal(seen.text, "a=1;"); /* nothing was written */
	command("FLUSHALL");
	assert_int_equal(write_one(store, 12, 2, "a", "3", &token), STORE_CHECKPOINT_LOST);
	assert_string_equal(token.text, "");
	store_destroy(store);
}

static void a_rewrite_counts_only_when_it_is_whole(void **state)
{
	struct store *store = open_store();
	struct store_token token = {.text = ""}, found;
	struct store_position low;
	write_one(store, 10, 1, "left over", "x", &token);
	struct store_field field = {STR("a"), STR("1")};
	struct store_checkpoint c = {
		.partition = 4, .at = {LOG_MS + 2, 20}, .replace = true, .fields = &field, .fields_count = 1};
	struct store_token other = {.text = "something else"};
	assert_int_equal(store_checkpoint(store, &c, &other), STORE_CHECKPOINT_WRITTEN);
	struct seen seen = {.count = 0};
	assert_int_equal(restore(store, &seen, &low, &found), STORE_RESTORE_NONE); /* no low yet */
	assert_string_equal(found.text, other.text);
	assert_int_equal(write_one(store, 21, 19, "b", "2", &other), STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(restore(store, &seen, &low, &found), STORE_RESTORE_DONE);
	assert_int_equal(low.offset, 19);
	assert_int_equal(seen.count, 2);
	assert_null(strstr(seen.text, "left over"));
	store_destroy(store);
}

static void a_paused_owner_is_refused(void **state)
{
	struct store *mine = open_store(), *theirs = open_store();
	struct store_token token = {.text = ""};
	assert_int_equal(write_one(mine, 10, 1, "a", "mine", &token), STORE_CHECKPOINT_WRITTEN);
	struct store_token new = token;
	assert_int_equal(write_one(theirs, 20, 1, "a", "theirs", &new), STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(write_one(mine, 15, 1, "a", "mine", &token), STORE_CHECKPOINT_REFUSED);
	struct store_field field = {STR("a"), STR("mine")};
	struct store_checkpoint c = {
		.partition = 4, .at = {LOG_MS + 1, 19}, .replace = true, .fields = &field, .fields_count = 1};
	assert_int_equal(store_checkpoint(mine, &c, &token), STORE_CHECKPOINT_REFUSED); /* nor by force */
	struct seen seen = {.count = 0};
	struct store_position low;
	assert_int_equal(restore(mine, &seen, &low, &token), STORE_RESTORE_DONE);
	assert_string_equal(seen.text, "a=theirs;");
	store_destroy(mine);
	store_destroy(theirs);
}

/* The write arrives, its answer does not: the next one is no LOST. */
static void a_write_whose_answer_was_lost_can_be_repeated(void **state)
{
	struct store *store = open_store();
	struct store_token token = {.text = ""};
	assert_int_equal(write_one(store, 10, 1, "a", "1", &token), STORE_CHECKPOINT_WRITTEN);
	struct store_token before = token;
	redisAppendCommand(admin, "DEBUG SLEEP 1.3");
	int done = 0;
	while (!done)
		redisBufferWrite(admin, &done);
	usleep(50000);
	assert_int_equal(write_one(store, 11, 1, "a", "2", &token), STORE_CHECKPOINT_FAILED);
	redisReply *reply = NULL;
	assert_int_equal(redisGetReply(admin, (void **)&reply), REDIS_OK);
	freeReplyObject(reply);
	usleep(200000);
	reply = redisCommand(admin, "HGET " KEY " a");
	assert_string_equal(reply->str, "2"); /* it was carried out */
	freeReplyObject(reply);
	assert_string_equal(token.text, before.text);
	assert_int_equal(write_one(store, 12, 1, "a", "3", &token), STORE_CHECKPOINT_WRITTEN);
	assert_int_equal(write_one(store, 13, 1, "a", "4", &token), STORE_CHECKPOINT_WRITTEN);
	store_destroy(store);
}

static void a_checkpoint_that_changes_under_the_reader_is_not_taken(void **state)
{
	struct store *store = open_store(), *theirs = open_store();
	struct store_token token = {.text = ""};
	struct store_position low;
	write_one(store, 10, 1, "a", "1", &token);
	struct seen seen = {.intruder = theirs};
	assert_int_equal(restore(store, &seen, &low, &token), STORE_RESTORE_FAILED);
	assert_non_null(strstr(store_error(store), "another instance"));
	struct seen again = {.count = 0};
	assert_int_equal(restore(store, &again, &low, &token), STORE_RESTORE_DONE);
	assert_int_equal(again.count, 2);
	struct seen stopped = {.stop_at = 1};
	assert_int_equal(restore(store, &stopped, &low, &token), STORE_RESTORE_FAILED);
	usleep(150000);
	struct seen after = {.count = 0};
	assert_int_equal(restore(store, &after, &low, &token),
			 STORE_RESTORE_DONE); /* no stray reply in between */
	assert_int_equal(after.count, 2);
	store_destroy(store);
	store_destroy(theirs);
}

static void ten_thousand_touchpoints_are_back_within_a_second(void **state)
{
	enum { N = 10000, PART = 250, BYTES = 6000 };
	struct store *store = open_store();
	struct store_token token = {.text = ""};
	struct store_position low = {LOG_MS, 0};
	static char bytes[PART][BYTES], names[PART][16];
	struct store_field fields[PART];
	struct timespec t0, t1, t2;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	for (int i = 0; i < N; i += PART) {
		for (int k = 0; k < PART; k++) {
			snprintf(names[k], sizeof names[k], "t%d", i + k);
			memset(bytes[k], 'a' + k % 26, BYTES);
			fields[k] = (struct store_field){str_of(names[k]), {bytes[k], BYTES}};
		}
		struct store_checkpoint c = {.partition = 4,
					     .at = {LOG_MS, i},
					     .low = &low,
					     .fields = fields,
					     .fields_count = PART};
		assert_int_equal(store_checkpoint(store, &c, &token), STORE_CHECKPOINT_WRITTEN);
	}
	clock_gettime(CLOCK_MONOTONIC, &t1);
	struct seen seen = {.count = 0};
	assert_int_equal(restore(store, &seen, &low, &token), STORE_RESTORE_DONE);
	clock_gettime(CLOCK_MONOTONIC, &t2);
	assert_int_equal(seen.count, N);
	double wrote = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
	double read = (double)(t2.tv_sec - t1.tv_sec) + (double)(t2.tv_nsec - t1.tv_nsec) / 1e9;
	print_message("10k fields of 6 kB: written in %.0f ms, restored in %.0f ms\n", wrote * 1e3,
		      read * 1e3);
	assert_true(read < 2); /* a loaded machine's; alone it is well below 1 */
	store_destroy(store);
}

static int set_up(void **state)
{
	command("FLUSHALL");
	return 0;
}

int main(void)
{
	server = redis_server_start(NULL);
	if (server == NULL) {
		puts("skipped: no redis-server here");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	admin = redisConnectUnix(redis_server_socket(server));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_saved_comes_back, set_up),
		cmocka_unit_test_setup(a_redis_that_lost_writes_is_told_from_one_that_did_not, set_up),
		cmocka_unit_test_setup(a_rewrite_counts_only_when_it_is_whole, set_up),
		cmocka_unit_test_setup(a_paused_owner_is_refused, set_up),
		cmocka_unit_test_setup(a_write_whose_answer_was_lost_can_be_repeated, set_up),
		cmocka_unit_test_setup(a_checkpoint_that_changes_under_the_reader_is_not_taken, set_up),
		cmocka_unit_test_setup(ten_thousand_touchpoints_are_back_within_a_second, set_up),
	};
	int failed = cmocka_run_group_tests_name("store/checkpoint", tests, NULL, NULL);
	redisFree(admin);
	redis_server_stop(server);
	return failed;
}
