/*
 * From produce to visible: how long until a response is counted in what Redis shows.
 *   latency BROKERS TOPIC REDIS-SOCKET PREFIX SECONDS [RATE [TOUCHPOINTS]]
 *
 * Sends surveys at RATE a second round robin over TOUCHPOINTS and watches a sample of the touchpoints' 5-minute hashes. The k-th
 * response of a touchpoint is visible when its hash first shows `responses` >= k, which holds as long as nothing expires: for the
 * first five minutes. So every response of the sampled touchpoints is timed, with the pace of publishing and all. The clock
 * starts when the record is handed to librdkafka. Warm-up is not counted. Looking takes place about every 2 ms.
 */
#include <hiredis.h>
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLE = 16, WARM_UP_S = 3, TICKS_A_SECOND = 1000, LOOK_EVERY_TICKS = 2, DRAIN_S = 5 };

struct watched {
	char key[128];
	int64_t *sent_us; /* of the k-th response */
	size_t sent, seen;
};

struct run {
	rd_kafka_t *producer;
	rd_kafka_topic_t *topic;
	redisContext *redis;
	long rate, touchpoints, seconds;
	int64_t began_us;
	uint64_t next; /* number of the next response; its touchpoint is next % touchpoints */
	struct watched watched[SAMPLE];
	int64_t *waited_us;
	size_t waited, looks;
};

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "latency: %s: %s\n", what, why);
	exit(1);
}

/* The sample is spread evenly: touchpoint i * touchpoints / SAMPLE. */
static struct watched *watched_of(struct run *run, long touchpoint)
{
	long step = run->touchpoints / SAMPLE;
	return touchpoint % step == 0 && touchpoint / step < SAMPLE ? &run->watched[touchpoint / step] : NULL;
}

static void send_one(struct run *run)
{
	char value[512], key[32];
	long touchpoint = (long)(run->next % (uint64_t)run->touchpoints);
	int64_t now = now_us();
	int key_len = snprintf(key, sizeof key, "l-%lld-%llu", (long long)run->began_us,
			       (unsigned long long)run->next);
	int len = snprintf(
		value, sizeof value,
		"{\"id\":\"%s\",\"time\":%lld,\"kind\":\"survey\",\"touchpoint\":\"latency-%ld\",\"score\":%"
		"d,"
		"\"comment\":\"The queue at the counter was short and the clerk was kind to my mother\","
		"\"customer\":\"c-%llu\",\"dims\":{\"store\":\"s-%ld\",\"channel\":\"web\"}}",
		key, (long long)(now / 1000), touchpoint, (int)(run->next % 11),
		(unsigned long long)run->next, touchpoint % 97);
	while (rd_kafka_produce(run->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, (size_t)len,
				key, (size_t)key_len, NULL) != 0)
		rd_kafka_poll(run->producer, 1);
	struct watched *watched = watched_of(run, touchpoint);
	if (watched != NULL)
		watched->sent_us[watched->sent++] = now;
	run->next++;
}

static void look(struct run *run)
{
	for (int i = 0; i < SAMPLE; i++)
		redisAppendCommand(run->redis, "HGET %s responses", run->watched[i].key);
	for (int i = 0; i < SAMPLE; i++) {
		redisReply *reply = NULL;
		if (redisGetReply(run->redis, (void **)&reply) != REDIS_OK)
			die("redis", run->redis->errstr);
		struct watched *watched = &run->watched[i];
		size_t shown = reply->type == REDIS_REPLY_STRING ? strtoul(reply->str, NULL, 10) : 0;
		int64_t now = now_us();
		for (; watched->seen < shown && watched->seen < watched->sent; watched->seen++)
			if (watched->sent_us[watched->seen] - run->began_us > WARM_UP_S * 1000000LL)
				run->waited_us[run->waited++] = now - watched->sent_us[watched->seen];
		freeReplyObject(reply);
	}
	run->looks++;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void set_up(struct run *run, char **argv)
{
	char why[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const char *ours[][2] = {
		{"bootstrap.servers", argv[1]}, {"compression.type", "lz4"}, {"linger.ms", "5"}};
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (rd_kafka_conf_set(conf, ours[i][0], ours[i][1], why, sizeof why) != RD_KAFKA_CONF_OK)
			die(ours[i][0], why);
	run->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
	if (run->producer == NULL)
		die("producer", why);
	run->topic = rd_kafka_topic_new(run->producer, argv[2], NULL);
	run->redis = redisConnectUnix(argv[3]);
	if (run->redis == NULL || run->redis->err)
		die(argv[3], run->redis ? run->redis->errstr : "no memory");
	size_t each = (size_t)(run->rate * run->seconds / run->touchpoints + 16);
	run->waited_us = calloc(each * SAMPLE, sizeof *run->waited_us);
	for (int i = 0; i < SAMPLE; i++) {
		struct watched *watched = &run->watched[i];
		snprintf(watched->key, sizeof watched->key, "%s:{latency-%ld}:survey:5m", argv[4],
			 i * (run->touchpoints / SAMPLE));
		watched->sent_us = calloc(each, sizeof *watched->sent_us);
	}
}

static void drive(struct run *run)
{
	run->began_us = now_us();
	for (int64_t tick = 0; tick < (run->seconds + DRAIN_S) * TICKS_A_SECOND; tick++) {
		if (tick < run->seconds * TICKS_A_SECOND)
			for (uint64_t until = (uint64_t)((tick + 1) * run->rate / TICKS_A_SECOND);
			     run->next < until;)
				send_one(run);
		rd_kafka_poll(run->producer, 0);
		if (tick % LOOK_EVERY_TICKS == 0)
			look(run);
		int64_t early_us = run->began_us + (tick + 1) * (1000000 / TICKS_A_SECOND) - now_us();
		if (early_us > 0)
			nanosleep(&(struct timespec){.tv_nsec = early_us * 1000}, NULL);
	}
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		fputs("usage: latency BROKERS TOPIC REDIS-SOCKET PREFIX SECONDS [RATE [TOUCHPOINTS]]\n",
		      stderr);
		return 2;
	}
	static struct run run;
	run.seconds = atol(argv[5]);
	run.rate = argc > 6 ? atol(argv[6]) : 50000;
	run.touchpoints = argc > 7 ? atol(argv[7]) : 1000;
	if (run.seconds < 1 || run.seconds > 280 || run.touchpoints < SAMPLE || run.rate < TICKS_A_SECOND)
		die("arguments", "seconds 1..280, at least 16 touchpoints, at least 1000 a second");
	set_up(&run, argv);
	drive(&run);
	size_t sent = 0, seen = 0;
	for (int i = 0; i < SAMPLE; i++) {
		sent += run.watched[i].sent;
		seen += run.watched[i].seen;
	}
	qsort(run.waited_us, run.waited, sizeof *run.waited_us, by_size);
	double last = run.waited ? (double)run.waited : 1;
	printf("{\"responses\":%llu,\"timed\":%zu,\"never_seen\":%zu,\"looks\":%zu,\"p50_ms\":%.1f,\"p99_"
	       "ms\":%.1f,\"max_ms\":%.1f}\n",
	       (unsigned long long)run.next, run.waited, sent - seen, run.looks,
	       (double)run.waited_us[(size_t)(last * 0.5)] / 1e3,
	       (double)run.waited_us[(size_t)(last * 0.99)] / 1e3,
	       (double)run.waited_us[(size_t)(last - 1)] / 1e3);
	rd_kafka_flush(run.producer, 5000);
	return run.waited > 0 && sent == seen ? 0 : 1;
}
