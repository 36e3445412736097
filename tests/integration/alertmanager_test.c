/*
 * Against two real Alertmanagers that form a cluster, and a receiver that they notify: firing, the same alert
 * from two of us, one notification from the two of them, a ticket that becomes a page, resolved, forgotten
 * when nobody repeats it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json/json.h"
#include "os/os.h"
#include "sink/sink.h"
#include "support/receiver.h"
#include "webclient/webclient.h"

#define PROGRAM "prometheus-alertmanager"

static char folder[] = "/tmp/corridor-alertmanager-XXXXXX";
static struct receiver *receiver;
static struct webclient *client;
static struct {
	pid_t pid;
	unsigned port, cluster_port;
	char url[64];
} managers[2];

/* ---- two Alertmanagers ---- */

static unsigned free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	     getsockname(fd, (struct sockaddr *)&address, &len) == 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void write_configuration(const char *path)
{
	FILE *file = fopen(path, "w");
	must(file != NULL);
	fprintf(file,
		"route:\n  receiver: us\n  group_by: ['...']\n  group_wait: 0s\n  group_interval: 10s\n"
		"receivers:\n  - name: us\n    webhook_configs:\n      - url: http://127.0.0.1:%u/notified\n"
		"        send_resolved: true\n",
		receiver_port(receiver));
	fclose(file);
}

static void run_manager(unsigned i, const char *configuration)
{
	char options[6][160];
	snprintf(options[0], sizeof options[0], "--config.file=%s", configuration);
	snprintf(options[1], sizeof options[1], "--storage.path=%s/data%u", folder, i);
	snprintf(options[2], sizeof options[2], "--web.listen-address=127.0.0.1:%u", managers[i].port);
	snprintf(options[3], sizeof options[3], "--cluster.listen-address=127.0.0.1:%u",
		 managers[i].cluster_port);
	snprintf(options[4], sizeof options[4], "--cluster.advertise-address=127.0.0.1:%u",
		 managers[i].cluster_port);
	snprintf(options[5], sizeof options[5], "--cluster.peer=127.0.0.1:%u", managers[1 - i].cluster_port);
	char log[120];
	snprintf(log, sizeof log, "%s/log%u", folder, i);
	pid_t parent = getpid();
	managers[i].pid = fork();
	if (managers[i].pid != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || freopen(log, "w", stderr) == NULL)
		_exit(1);
	execlp(PROGRAM, PROGRAM, options[0], options[1], options[2], options[3], options[4], options[5],
	       "--cluster.peer-timeout=2s", "--cluster.settle-timeout=1s", "--cluster.gossip-interval=50ms",
	       (char *)NULL);
	_exit(127);
}

/* ---- asking them ---- */

struct reply {
	bool there;
	unsigned status;
	struct json *json;
};

static void take_reply(void *context, const struct webclient_answer *answer)
{
	struct reply *reply = context;
	struct err err = {0};
	reply->there = true;
	reply->status = answer->status;
	reply->json = answer->status == 200 ? json_parse(answer->body, &err) : NULL;
}

static struct reply ask(unsigned i, const char *path)
{
	char url[200];
	snprintf(url, sizeof url, "%s%s", managers[i].url, path);
	struct webclient_request request = {
		.method = "GET", .url = url, .timeout_ms = 2000, .allow_private = true};
	struct err err = {0};
	struct reply reply = {0};
	must(webclient_send(client, &request, &err));
	while (!reply.there)
		webclient_step(client, 1000, take_reply, &reply);
	return reply;
}

/* Those with this severity, or all (NULL); the alerts are checked to be ours on the way. */
static unsigned active(unsigned i, const char *severity)
{
	struct reply reply = ask(i, "/api/v2/alerts?active=true");
	assert_int_equal(reply.status, 200);
	unsigned count = 0;
	for (size_t n = 0; n < json_count(reply.json); n++) {
		const struct json *alert = json_at(reply.json, n), *labels = json_get(alert, "labels");
		assert_string_equal(json_text(json_get(labels, "alertname")).at, "CorridorDetractorSpike");
		assert_string_equal(json_text(json_get(labels, "team")).at, "payments");
		assert_string_equal(json_text(json_get(labels, "journey")).at, "buy");
		assert_string_equal(json_text(json_get(labels, "stage")).at, "pay");
		assert_string_equal(json_text(json_get(json_get(alert, "annotations"), "runbook_url")).at,
				    "https://wiki.example.com/checkout");
		count += severity == NULL || str_is(json_text(json_get(labels, "severity")), severity);
	}
	json_destroy(reply.json);
	return count;
}

static unsigned notified(const char *status)
{
	char *seen = receiver_get(receiver, "/seen"), what[60];
	snprintf(what, sizeof what, "\\\"receiver\\\":\\\"us\\\",\\\"status\\\":\\\"%s\\\"", status);
	unsigned count = 0;
	for (char *at = seen; (at = strstr(at, what)) != NULL; at++)
		count++;
	free(seen);
	return count;
}

/* ---- ourselves ---- */

static const char *const kinds[] = {"detractor_spike"};

static struct sinks *create(int64_t refresh_ms)
{
	struct sink_options options[2];
	for (unsigned i = 0; i < 2; i++)
		options[i] = (struct sink_options){.name = i ? "b" : "a",
						   .type = SINK_ALERTMANAGER,
						   .url = managers[i].url,
						   .kinds = {kinds, 1},
						   .private_addresses = true,
						   .timeout_ms = 5000};
	struct err err = {0};
	struct sinks *sinks = sinks_create(
		&(struct sinks_options){.sinks = options, .count = 2, .refresh_ms = refresh_ms}, &err);
	if (sinks == NULL)
		fail_msg("%s", err.text);
	return sinks;
}

static struct sink_message message(const char *touchpoint, enum sink_what what, uint64_t number)
{
	int64_t now_ms = os_wall_ms();
	struct alert_event event = {.incident = 0xabc,
				    .type = what == SINK_RESOLVE  ? ALERT_RESOLVED
					    : what == SINK_UPDATE ? ALERT_UPDATED
								  : ALERT_RAISED,
				    .touchpoint = str_of(touchpoint),
				    .team = STR("payments"),
				    .journey = STR("buy"),
				    .stage = STR("pay"),
				    .runbook = STR("https://wiki.example.com/checkout"),
				    .dashboard = STR("https://grafana.example.com/d/x?a=b%20c"),
				    .summary = STR("Checkout: 41 % detractors (normal 16 %)"),
				    .at_ms = now_ms,
				    .raised_ms = now_ms - 1000,
				    .number = number};
	return (struct sink_message){.event = event, .what = what, .position = number};
}

static void deliver(struct sinks *sinks, const struct sink_message *told)
{
	assert_int_equal(sinks_offer(sinks, told, SINKS_ALL), 0);
	for (int64_t end = os_wall_ms() + 10000; os_wall_ms() < end;) {
		sinks_step(sinks, os_wall_ms(), 50);
		if (sinks_low(sinks, 0, 0) == told->position && sinks_low(sinks, 1, 0) == told->position)
			break;
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(sinks_low(sinks, i, 0), told->position);
		assert_int_equal(sinks_stats(sinks, i).dead, 0);
		assert_string_equal(sinks_stats(sinks, i).error, "");
	}
}

/*
 * What the two say, group by group: at once when it begins, then every 10 s what has changed (group_interval). The second takes its
 * state then and says it 2 s later (peer-timeout) unless the first has said the same: what changes in these 2 s is said twice, and
 * old news by the second. So things change in between, and are looked at after the next turn.
 */
static void at(int64_t start_ms, int64_t after_ms)
{
	int64_t left_ms = start_ms + after_ms - os_wall_ms();
	if (left_ms > 0)
		usleep((useconds_t)left_ms * 1000);
}

static void test_life(void **state)
{
	struct sinks *first = create(0), *second = create(0);
	int64_t start_ms = os_wall_ms();
	struct sink_message raised = message("checkout", SINK_TRIGGER, 1);
	deliver(first, &raised);
	deliver(second, &raised); /* whoever took over and did not know how far the other was */
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(active(i, NULL), 1);
		assert_int_equal(active(i, "warning"), 1);
	}
	at(start_ms, 5000);
	assert_int_equal(notified("firing"), 1);
	struct sink_message page = message("checkout", SINK_UPDATE, 2);
	page.event.severity = ALERT_PAGE;
	deliver(first, &page);
	deliver(second, &page);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(active(i, "warning"), 0);
		assert_int_equal(active(i, "critical"), 1);
	}
	at(start_ms, 15000);
	assert_int_equal(notified("firing"), 2);
	assert_int_equal(notified("resolved"), 1);
	at(start_ms, 19000);
	struct sink_message over = message("checkout", SINK_RESOLVE, 3);
	over.event.severity = ALERT_PAGE;
	deliver(first, &over);
	deliver(second, &over);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(active(i, NULL), 0);
	at(start_ms, 29000);
	assert_int_equal(notified("resolved"), 2);
	assert_int_equal(notified("firing"), 2);
	sinks_destroy(first);
	sinks_destroy(second);
}

/* Open while somebody repeats it; over by itself when nobody is left who would. */
static void test_refresh(void **state)
{
	struct sinks *sinks = create(500);
	struct sink_message open = message("refreshed", SINK_TRIGGER, 1);
	for (unsigned i = 0; i < 2; i++)
		sinks_open(sinks, i, &open.event, STR(""));
	for (int64_t end = os_wall_ms() + 4000; os_wall_ms() < end;)
		sinks_step(sinks, os_wall_ms(), 100);
	assert_int_equal(active(0, NULL), 1);
	assert_int_equal(active(1, NULL), 1);
	assert_in_range(sinks_stats(sinks, 0).requests, 5, 9);
	sinks_destroy(sinks);
	sleep(3);
	assert_int_equal(active(0, NULL), 0);
	assert_int_equal(active(1, NULL), 0);
}

/* ---- start and stop ---- */

static int start(void **state)
{
	struct err err = {0};
	must(mkdtemp(folder) != NULL);
	receiver = receiver_start();
	client = webclient_create(&(struct webclient_options){0}, &err);
	must(client != NULL);
	char configuration[100];
	snprintf(configuration, sizeof configuration, "%s/configuration.yml", folder);
	write_configuration(configuration);
	for (unsigned i = 0; i < 2; i++) {
		managers[i].port = free_port();
		managers[i].cluster_port = free_port();
		snprintf(managers[i].url, sizeof managers[i].url, "http://127.0.0.1:%u", managers[i].port);
	}
	for (unsigned i = 0; i < 2; i++)
		run_manager(i, configuration);
	for (unsigned i = 0; i < 2; i++) {
		int64_t end = os_wall_ms() + 20000;
		while (ask(i, "/-/ready").status != 200) {
			if (os_wall_ms() > end) {
				fprintf(stderr, "%s does not start; its log is %s/log%u\n", PROGRAM, folder,
					i);
				return -1;
			}
			usleep(100000);
		}
	}
	sleep(2); /* until the two know each other */
	return 0;
}

static int stop(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		kill(managers[i].pid, SIGKILL);
		waitpid(managers[i].pid, NULL, 0);
	}
	webclient_destroy(client);
	receiver_stop(receiver);
	char command[80];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

int main(void)
{
	if (system("command -v " PROGRAM " >/dev/null") != 0) {
		printf("skipped: this needs " PROGRAM " (Debian's package of that name)\n");
		return 77;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_refresh),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
