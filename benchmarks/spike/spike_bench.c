/*
 * Spike detector: ns per response, bytes per touchpoint and ledger.   spike_bench [--json]
 *
 * Hot: one touchpoint's responses one by one, from warm caches, as in a tally that holds many of them.
 * Spread: 100,000 touchpoints in random order, each step several cache misses. Baselines are learned
 * first; 15 % are detractors.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "spike/spike.h"

#define START_MS  INT64_C(1717200000000)
#define RESPONSES 4000000

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t z = 88172645463325252u;

static uint32_t any(uint32_t below)
{
	z ^= z << 13;
	z ^= z >> 7;
	z ^= z << 17;
	return (uint32_t)(((z >> 32) * below) >> 32);
}

static struct spike_moment at(int64_t at_ms)
{
	int64_t hours = at_ms / 3600000;
	return (struct spike_moment){.at_ms = at_ms, .hours = (uint32_t)hours, .hour = (uint8_t)(hours % 24)};
}

static struct spike_group group;
static struct spike_terms terms = {.ticket_days = 30, .page_days = 300, .group = &group};
static uint64_t events;

/* Chosen outside of the time. */
static uint32_t order[65536];
static bool hit[65536];

static void choose(uint32_t touchpoints)
{
	for (unsigned i = 0; i < 65536; i++) {
		order[i] = any(touchpoints);
		hit[i] = any(100) < 15;
	}
}

/* ns per response, of steps of `n` responses to touchpoints that get one every `gap_ms`. */
static double step_ns(uint32_t touchpoints, int64_t n, int64_t gap_ms)
{
	struct spike *s = must_array(touchpoints, sizeof *s);
	struct spike_moment moment = at(START_MS);
	struct spike_event event;
	spike_group_init(&group, 0.15, START_MS);
	for (uint32_t i = 0; i < touchpoints; i++)
		spike_init(&s[i], &terms, &moment);
	int64_t ms = START_MS, left = touchpoints, steps = n > 8 ? 65536 : RESPONSES / n;
	double spent = 0;
	for (int64_t done = -steps / 2; done < steps; done += 65536) {
		choose(touchpoints);
		double start = now_ns();
		for (unsigned i = 0; i < 65536; i++) {
			if (--left <= 0) {
				left = touchpoints;
				moment = at(ms += gap_ms);
			}
			struct spike_batch batch = {n, n == 1 ? hit[i] : n * 15 / 100 + hit[i]};
			events += spike_step(&s[order[i]], &terms, &moment, batch, &event);
		}
		if (done >= 0)
			spent += now_ns() - start;
	}
	free(s);
	return spent / ((double)((steps + 65535) / 65536) * 65536 * (double)n);
}

static double silence_ns(void)
{
	struct spike_moment moment = at(START_MS);
	struct spike_silence s;
	struct spike_event event;
	spike_silence_init(&s, &moment);
	double start = now_ns();
	for (int i = 0; i < RESPONSES; i++) {
		moment = at(START_MS + i * INT64_C(1000));
		events += spike_silence_step(&s, &terms, &moment,
					     (struct spike_arrivals){any(100) < 20, false, false}, &event);
	}
	return (now_ns() - start) / RESPONSES;
}

static double saved_bytes(void)
{
	unsigned char out[SPIKE_SAVED_MAX];
	struct spike_moment moment = at(START_MS);
	struct spike_event event;
	struct spike s;
	spike_group_init(&group, 0.15, START_MS);
	spike_init(&s, &terms, &moment);
	for (int i = 0; i < 20000; i++) {
		moment = at(START_MS + i * INT64_C(60000));
		spike_step(&s, &terms, &moment, (struct spike_batch){1, any(100) < 15}, &event);
	}
	return (double)spike_save(&s, out);
}

int main(int argc, char **argv)
{
	bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	struct {
		const char *name;
		double value;
	} rows[] = {
		{"hot_ns", step_ns(1, 1, 1000)},
		{"spread_ns", step_ns(100000, 1, 60000)},
		{"batch_of_8_ns", step_ns(1, 8, 1000)},
		{"batch_of_1000_ns", step_ns(1, 1000, 1000)},
		{"silence_step_ns", silence_ns()},
		{"bytes", sizeof(struct spike)},
		{"silence_bytes", sizeof(struct spike_silence)},
		{"saved_bytes", saved_bytes()},
	};
	unsigned count = sizeof rows / sizeof rows[0];
	for (unsigned i = 0; i < count; i++)
		if (json)
			printf("%s\"%s\": %.2f%s", i ? ", " : "{", rows[i].name, rows[i].value,
			       i + 1 == count ? "}\n" : "");
		else
			printf("%-18s %10.1f\n", rows[i].name, rows[i].value);
	if (!json)
		printf("%-18s %10llu\n", "events", (unsigned long long)events);
	return 0;
}
