/*
 * window_bench - what a cell, a clock step, a reading and a saved slot cost, and what a touchpoint weighs.
 *
 * Five windows (5m 1h 24h 7d today) as in the default configuration. `window_bench [--json]`.
 * Weights come from two weeks of feedback, fed in lots that pass through all widths of counters as a real
 * stream does.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "window/window.h"

#define START_S 1711670400 /* a midnight: the lots below lie within panes */

static uint64_t state_of_random = 88172645463325252u;

static uint32_t any(uint32_t below)
{
	state_of_random ^= state_of_random << 13;
	state_of_random ^= state_of_random >> 7;
	state_of_random ^= state_of_random << 17;
	return (uint32_t)(((state_of_random >> 32) * below) >> 32);
}

/* A usual mix: an NPS of about 30. */
static const double share[BINS] = {0.03, 0.01, 0.02, 0.02, 0.03, 0.05, 0.06, 0.10, 0.18, 0.20, 0.30};

static uint8_t any_bin(void)
{
	static uint8_t of_percent[100];
	if (of_percent[99] == 0)
		for (unsigned bin = 0, at = 0; bin < BINS; bin++)
			for (unsigned k = 0; k < (unsigned)lround(share[bin] * 100); k++)
				of_percent[at++] = (uint8_t)bin;
	return of_percent[any(100)];
}

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct zone *zone;

static struct windows *opened(uint32_t slots, int64_t now_s, bool today)
{
	static const char *const names[] = {"5m", "1h", "24h", "7d", "today"};
	struct window_options options = {.count = today ? 5 : 4, .slots_max = slots};
	for (unsigned i = 0; i < options.count; i++) {
		struct err err = {0};
		if (!window_spec_parse(str_of(names[i]), &options.specs[i], &err))
			exit(1);
	}
	struct windows *w = windows_create(&options, now_s * 1000);
	for (uint32_t i = 0; i < slots; i++)
		windows_open(w, LEDGER_SURVEY, zone);
	return w;
}

/* A stream at 5 responses a second and touchpoint, in random order, dated up to 3 s back. */
static double add_ns(uint32_t slots, bool today)
{
	enum { CELLS = 2000000, BATCH = 4096 };
	static struct {
		uint32_t slot, back;
		uint8_t bin;
	} batch[BATCH];
	int64_t now_s = START_S;
	struct windows *w = opened(slots, now_s, today);
	double spent = 0;
	uint32_t left = slots * 5;
	for (int64_t done = -CELLS / 2; done < CELLS; done += BATCH) {
		for (unsigned i = 0; i < BATCH; i++) {
			batch[i].slot = any(slots);
			batch[i].back = any(4);
			batch[i].bin = any_bin();
		}
		double start = now_ns();
		for (unsigned i = 0; i < BATCH; i++) {
			if (left-- == 0) {
				windows_advance(w, ++now_s * 1000);
				left = slots * 5;
			}
			windows_add(w, batch[i].slot, (uint32_t)now_s - batch[i].back, batch[i].bin, 1);
		}
		if (done >= 0)
			spent += now_ns() - start;
	}
	windows_destroy(w);
	return spent / CELLS;
}

/* One lot per step and bin, first a single response of each, then the rest: block by block the counters
 * widen as they would. */
static void feed_step(struct windows *w, uint32_t slots, uint32_t from_s, uint32_t step_s, double per_s)
{
	for (unsigned lot = 0; lot < 2; lot++)
		for (uint32_t slot = 0; slot < slots; slot++)
			for (unsigned bin = 0; bin < BINS; bin++) {
				double mean = per_s * step_s * share[bin];
				double n = floor(mean + sqrt(mean) * ((double)any(1000) / 500 - 1) +
						 (double)any(1000) / 1000);
				int32_t rest = n > 1 ? (int32_t)n - 1 : 0;
				int32_t delta = lot == 0 ? n >= 1 : rest;
				if (delta)
					windows_add(w, slot, from_s + any(step_s), (uint8_t)bin, delta);
			}
}

static struct windows *two_weeks(uint32_t slots, double per_s)
{
	struct windows *w = opened(slots, START_S, true);
	uint32_t at = START_S;
	/* Large lots come so late that the short windows don't see them: a day's worth in one of their
	 * panes would widen it for nothing. */
	static const struct {
		uint32_t until_s, step_s, late_s;
	} legs[] = {{14 * 86400 - 8640, 1440, 7260}, {14 * 86400 - 900, 60, 660}, {14 * 86400, 5, 0}};
	for (unsigned i = 0; i < 3; i++)
		for (; at < START_S + legs[i].until_s; at += legs[i].step_s) {
			windows_advance(w, (int64_t)(at + legs[i].step_s + legs[i].late_s) * 1000);
			feed_step(w, slots, at, legs[i].step_s, per_s);
		}
	return w;
}

struct weight {
	double bytes, save_bytes, save_ns, load_ns, read_ns, advance_ns;
};

static struct weight weigh(uint32_t slots, double per_s)
{
	static unsigned char bytes[64 * 1024];
	struct weight weight = {0};
	struct window_reading reading;
	struct windows *w = two_weeks(slots, per_s), *other = opened(slots, START_S + 14 * 86400, true);
	weight.bytes = (double)windows_memory(w).bytes / slots;
	for (uint32_t slot = 0; slot < slots; slot++) {
		double start = now_ns();
		size_t len = windows_save(w, slot, bytes, sizeof bytes);
		double middle = now_ns();
		if (len == 0 || !windows_load(other, slot, bytes, len))
			exit(1);
		weight.load_ns += now_ns() - middle;
		weight.save_ns += middle - start;
		weight.save_bytes += (double)len;
	}
	double start = now_ns();
	for (uint32_t slot = 0; slot < slots; slot++)
		for (unsigned which = 0; which < 5; which++)
			windows_read(w, slot, which, &reading);
	weight.read_ns = (now_ns() - start) / slots / 5;
	weight.load_ns /= slots;
	weight.save_ns /= slots;
	weight.save_bytes /= slots;
	start = now_ns();
	for (int step = 1; step <= 60;
	     step++) { /* every slot follows every second, as if each had a response */
		windows_advance(w, windows_to_ms(w));
		for (uint32_t slot = 0; slot < slots; slot++)
			windows_empty(w, slot);
	}
	weight.advance_ns = (now_ns() - start) / slots / 60;
	windows_destroy(w);
	windows_destroy(other);
	return weight;
}

int main(int argc, char **argv)
{
	bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	static const uint32_t sizes[] = {1, 10000, 100000};
	struct err err = {0};
	double four[3], five[3];
	zone = zone_open("Europe/Berlin", &err);
	if (zone == NULL)
		return 1;
	for (unsigned i = 0; i < 3; i++) {
		four[i] = add_ns(sizes[i], false);
		five[i] = add_ns(sizes[i], true);
	}
	struct weight busy = weigh(1000, 5), quiet = weigh(1000, 1.0 / 3600);
	zone_close(zone);
	if (json) {
		printf("{\"benchmark\":\"window\",\"add_ns\":{\"hot\":%.1f,\"hot_today\":%.1f,\"10k\":%.1f,"
		       "\"10k_today\":%.1f,\"100k\":%.1f,"
		       "\"100k_today\":%.1f}",
		       four[0], five[0], four[1], five[1], four[2], five[2]);
		for (unsigned i = 0; i < 2; i++) {
			const struct weight *x = i ? &quiet : &busy;
			printf(",\"%s\":{\"bytes\":%.0f,\"save_bytes\":%.0f,\"save_ns\":%.0f,\"load_ns\":%."
			       "0f,\"read_ns\":%.1f,"
			       "\"advance_ns\":%.1f}",
			       i ? "one_an_hour" : "five_a_second", x->bytes, x->save_bytes, x->save_ns,
			       x->load_ns, x->read_ns, x->advance_ns);
		}
		printf("}\n");
		return 0;
	}
	printf("add, ns                    four windows   with today\n");
	for (unsigned i = 0; i < 3; i++)
		printf("  %6u touchpoints       %12.1f %12.1f\n", sizes[i], four[i], five[i]);
	printf("per touchpoint and ledger   5 a second  1 an hour\n");
	printf("  bytes in memory          %12.0f %12.0f\n", busy.bytes, quiet.bytes);
	printf("  bytes saved              %12.0f %12.0f\n", busy.save_bytes, quiet.save_bytes);
	printf("  save, ns                 %12.0f %12.0f\n", busy.save_ns, quiet.save_ns);
	printf("  load, ns                 %12.0f %12.0f\n", busy.load_ns, quiet.load_ns);
	printf("  read of a window, ns     %12.1f %12.1f\n", busy.read_ns, quiet.read_ns);
	printf("  follow a second, ns      %12.1f %12.1f\n", busy.advance_ns, quiet.advance_ns);
	return 0;
}
