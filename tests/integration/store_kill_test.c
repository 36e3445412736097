/* A writer of alerts that is killed (SIGKILL) again and again: every event stands exactly once in the stream, in
 * the order of the log. The seed is printed; KILL_SEED=N repeats it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "support/redis.h"
#include "support/touchpoint.h"

#define LOG_MS	    1700000000000
#define EVENTS	    50000
#define TOUCHPOINTS 7
#define STEP_MAX    9 /* events per call */
#define BEHIND_MAX  40 /* how far `low` lags: so many are told again after a restart */

static struct redis_server *server;

static struct store *open_store(void)
{
	struct store_options options = {.url = redis_server_url(server),
					.prefix = "corridor",
					.timeout_ms = 5000,
					.retry_max_ms = 200,
					.ttl_ms = 3600000,
					.in_flight_bytes = 65536,
					.alerts_max = 10 * EVENTS,
					.retention_ms = 7200000,
					.windows = touchpoint_windows};
	struct err err = {.set = false};
	struct store *store = store_create(&options, &err);
	must(store != NULL);
	return store;
}

/* ---- the writer: the event at offset i is always the same ---- */

static struct store_alert event_at(int64_t i, char name[16], char json[32])
{
	int64_t number = i / TOUCHPOINTS + 1;
	snprintf(name, 16, "t%d", (int)(i % TOUCHPOINTS));
	snprintf(json, 32, "{\"i\":%" PRId64 "}", i);
	return (struct store_alert){.touchpoint = str_of(name),
				    .ledger = LEDGER_SURVEY,
				    .number = (uint64_t)number,
				    .incident = (uint64_t)((number + 1) / 2 * TOUCHPOINTS + i % TOUCHPOINTS),
				    .open = number % 2 == 1,
				    .json = str_of(json)};
}

static bool no_field(void *context, struct str touchpoint, struct str bytes)
{
	return true;
}

static _Noreturn void write_until_killed(unsigned seed)
{
	static char names[STEP_MAX][16], json[STEP_MAX][32];
	struct store_alert alerts[STEP_MAX];
	struct store *store = open_store();
	struct store_token token = {.text = ""};
	struct store_position low = {0, 0};
	struct store_restore r = {.partition = 1, .field = no_field};
	must(store_restore(store, &r, &low, &token) != STORE_RESTORE_FAILED);
	srand(seed);
	for (int64_t at = low.offset; at < EVENTS;) {
		unsigned n = 0, step = 1 + (unsigned)rand() % STEP_MAX;
		for (; n < step && at < EVENTS; n++, at++)
			alerts[n] = event_at(at, names[n], json[n]);
		int64_t from = at - rand() % BEHIND_MAX;
		struct store_position next = {LOG_MS + from, from > 0 ? from : 0};
		struct store_checkpoint c = {.partition = 1,
					     .at = {LOG_MS + at, at},
					     .low = rand() % 2 ? &next : NULL,
					     .alerts = alerts,
					     .alerts_count = n};
		enum store_checkpoint_outcome outcome = store_checkpoint(store, &c, &token);
		if (outcome ==
		    STORE_CHECKPOINT_REFUSED) /* told again from `low` on: the log is ahead already */
			continue;
		must(outcome == STORE_CHECKPOINT_WRITTEN);
	}
	_exit(0);
}

/* ---- the judge ---- */

struct stream {
	int64_t next;
	char id[STORE_STREAM_ID_BYTES];
};

static bool check_event(void *context, const struct store_event *event)
{
	struct stream *stream = context;
	char name[16], json[32];
	struct store_alert want = event_at(stream->next, name, json);
	if (!str_equal(event->json, want.json) || event->number != want.number ||
	    event->incident != want.incident || !str_equal(event->touchpoint, want.touchpoint))
		fail_msg("%.*s stands where %s should", (int)event->json.len, event->json.at, json);
	stream->next++;
	snprintf(stream->id, sizeof stream->id, "%.*s", (int)event->id.len, event->id.at);
	return true;
}

static bool count_incident(void *context, const struct store_incident *incident)
{
	(*(unsigned *)context)++;
	return true;
}

static void every_event_stands_once_whenever_its_writer_is_killed(void **state)
{
	const char *given = getenv("KILL_SEED");
	unsigned seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL), kills = 0, open = 0,
		 want_open = 0;
	print_message("KILL_SEED=%u\n", seed);
	srand(seed);
	for (;;) {
		int status = 0;
		unsigned child_seed = (unsigned)rand();
		pid_t writer = fork();
		assert_true(writer >= 0);
		if (writer == 0)
			write_until_killed(child_seed);
		usleep((unsigned)rand() % 40000 + 1000);
		kill(writer, SIGKILL);
		assert_int_equal(waitpid(writer, &status, 0), writer);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			break;
		}
		assert_int_equal(WTERMSIG(status), SIGKILL);
		kills++;
	}
	struct store *store = open_store();
	struct stream stream = {.next = 0};
	int64_t before;
	do {
		before = stream.next;
		assert_true(store_alerts_read(store, stream.id, 1000, check_event, &stream));
	} while (stream.next > before);
	assert_int_equal(stream.next, EVENTS);
	for (int64_t i = EVENTS - TOUCHPOINTS; i < EVENTS; i++)
		want_open += (i / TOUCHPOINTS + 1) % 2 == 1;
	assert_true(store_alerts_open(store, count_incident, &open));
	assert_int_equal(open, want_open);
	store_destroy(store);
	print_message("%u kills\n", kills);
	assert_true(kills >= 3);
}

int main(void)
{
	server = redis_server_start(NULL);
	if (server == NULL) {
		puts("skipped: no redis-server here");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_stands_once_whenever_its_writer_is_killed),
	};
	int failed = cmocka_run_group_tests_name("store/kill", tests, NULL, NULL);
	redis_server_stop(server);
	return failed;
}
