#include "config_test.h"

#include "spike/spike.h"

/* Estimates are right when they are near what was measured and grow with what they depend on. */
static void near_the_measured_figures(void **state)
{
	(void)state;
	struct config *config = must_read(SOURCE_LINE "touchpoints: {max: 10000}\n");
	struct config_costs busy = config_costs(
		config, &(struct config_load_assumed){.responses_per_s = 50000, .name_bytes = 20});
	double each =
		busy.windows /
		10000; /* a prototype took 6.6 kB a touchpoint at 5 responses/s, 2.3 kB at one an hour */
	assert_true(each > 5000 && each < 10000);
	struct config_costs quiet = config_costs(
		config, &(struct config_load_assumed){.responses_per_s = 10000 / 3600.0, .name_bytes = 20});
	each = quiet.windows / 10000;
	assert_true(each > 1200 && each < 5000);
	assert_true(busy.journal_per_day > 50000 * 86400.0 * 28);
	config_destroy(config);
}

static unsigned seed = 7;

/* One step of feedback on every slot: about as many responses as fall into it, in at most 4 bins. */
static void feed(struct windows *windows, uint32_t slots, int64_t at, int64_t step, double per_s)
{
	int n = (int)(per_s * (double)step + 0.5), each = n > 4 ? n / 4 : 1;
	windows_advance(windows, at * 1000);
	for (uint32_t slot = 0; slot < slots; slot++)
		for (int left = n; left > 0; left -= each)
			windows_add(windows, slot, (uint32_t)(at - 1 - rand_r(&seed) % step),
				    (uint8_t)(rand_r(&seed) % 11), each);
}

/* What the real windows take, filled evenly for twice the longest window, and what a slot's checkpoint takes. */
static void measure(const struct config *config, double per_s, double *bytes, double *saved)
{
	enum { SLOTS = 256 };
	static unsigned char out[1 << 20];
	struct window_options options = {.count = config->windows_count, .slots_max = SLOTS};
	memcpy(options.specs, config->windows, sizeof options.specs);
	struct err err = {0};
	struct zone *zone = zone_open("UTC", &err);
	const int64_t now = 1750000000;
	struct windows *windows = windows_create(&options, (now - 14 * 86400) * 1000);
	for (int i = 0; i < SLOTS; i++)
		windows_open(windows, LEDGER_SURVEY, zone);
	for (int64_t at = now - 14 * 86400, step; at < now; at += step) {
		int64_t age = now - at;
		step = age > 2 * 86400 + 600 ? 600
		       : age > 1200	     ? 60
					     : 5; /* fine enough for the panes that see it */
		if (per_s * (double)step < 1)
			step = (int64_t)(1 / per_s);
		feed(windows, SLOTS, at, step, per_s);
	}
	windows_advance(windows, now * 1000);
	*bytes = (double)windows_memory(windows).bytes / SLOTS;
	*saved = (double)windows_save(windows, 0, out, sizeof out);
	windows_destroy(windows);
	zone_close(zone);
}

static void near_what_the_windows_really_take(void **state)
{
	(void)state;
	struct config *config = must_read(SOURCE_LINE "touchpoints: {max: 1000}\nalerts: {enabled: false}\n");
	static const double rates[] = {5, 1 / 600.0, 1 / 3600.0};
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		double bytes, saved;
		measure(config, rates[i], &bytes, &saved);
		struct config_costs costs =
			config_costs(config, &(struct config_load_assumed){.responses_per_s = 1000 * rates[i],
									   .name_bytes = 20});
		print_message("%g/s: %.0f bytes estimated, %.0f real; checkpoint %.0f, %.0f\n", rates[i],
			      costs.windows / 1000, bytes, costs.redis_checkpoint / 1000, saved);
		assert_true(costs.windows / 1000 > bytes / 1.5 && costs.windows / 1000 < bytes * 1.5);
		assert_true(costs.redis_checkpoint / 1000 > saved / 1.5 &&
			    costs.redis_checkpoint / 1000 < saved * 1.5);
	}
	config_destroy(config);
}

/* What detectors that have seen three weeks of an even feed take in a checkpoint. */
static double saved_detectors(unsigned per_day)
{
	struct spike_group group;
	struct spike_terms terms = {.ticket_days = 100, .page_days = 1000, .group = &group};
	struct spike_moment now = {.at_ms = 1750000000000};
	struct spike spike;
	struct spike_silence silence;
	struct spike_event event;
	unsigned char out[SPIKE_SAVED_MAX];
	spike_group_init(&group, 0.15, now.at_ms);
	spike_init(&spike, &terms, &now);
	spike_silence_init(&silence, &now);
	for (unsigned i = 0; i < 21 * per_day; i++) {
		now.at_ms += 86400000 / per_day;
		now.hours = (uint32_t)(now.at_ms / 3600000);
		now.hour = now.hours % 24;
		(void)spike_step(&spike, &terms, &now, (struct spike_batch){1, rand_r(&seed) % 7 == 0},
				 &event);
		(void)spike_silence_step(&silence, &terms, &now, (struct spike_arrivals){1, false}, &event);
	}
	return (double)(spike_save(&spike, out) + spike_silence_save(&silence, out));
}

static void near_what_detectors_really_take(void **state)
{
	(void)state;
	const struct config_load_assumed assumed = {.responses_per_s = 10, .name_bytes = 20};
	struct config *with = must_read(SOURCE_LINE "touchpoints: {max: 1000}\n"),
		      *without =
			      must_read(SOURCE_LINE "touchpoints: {max: 1000}\nalerts: {enabled: false}\n");
	struct config_costs a = config_costs(with, &assumed), b = config_costs(without, &assumed);
	double saved = (a.redis_checkpoint - b.redis_checkpoint) / 1000;
	static const unsigned per_day[] = {24, 2400};
	for (size_t i = 0; i < sizeof per_day / sizeof *per_day; i++) {
		double real = saved_detectors(per_day[i]);
		print_message("%u a day: %.0f bytes estimated, %.0f real\n", per_day[i], saved, real);
		assert_true(saved > real && saved < real * 1.5);
	}
	assert_true(a.detectors / 1000 >
		    sizeof(struct spike) + sizeof(struct spike_silence) + 3 * sizeof(struct alert_incident));
	assert_true(b.detectors == 0 && b.redis_alerts == 0 && b.redis_events == 0);
	assert_true(a.redis > b.redis && a.watch_rss > b.watch_rss);
	config_destroy(with);
	config_destroy(without);
}

static void costs_follow_the_keys(void **state)
{
	(void)state;
	const struct config_load_assumed assumed = {.responses_per_s = 1000, .name_bytes = 20};
	struct config *base = must_read(SOURCE_LINE);
	struct config *watch = must_read(SOURCE_LINE "roles: [watch]\n"),
		      *short_windows = must_read(SOURCE_LINE "windows: [5m]\n");
	struct config *lanes = must_read(SOURCE_LINE "intake: {lanes: 2}\n"),
		      *longer = must_read(SOURCE_LINE "kafka: {retention: 30d}\n");
	struct config_costs b = config_costs(base, &assumed);
	assert_true(config_costs(watch, &assumed).intake_rss == 0);
	assert_true(config_costs(watch, &assumed).rss < b.rss);
	assert_true(config_costs(short_windows, &assumed).windows < b.windows);
	assert_true(config_costs(short_windows, &assumed).redis < b.redis);
	assert_true(config_costs(lanes, &assumed).response_tables_full ==
		    b.response_tables_full); /* they share it */
	assert_true(config_costs(lanes, &assumed).intake_rss > b.intake_rss);
	assert_true(config_costs(longer, &assumed).topics > 1.9 * b.topics &&
		    config_costs(longer, &assumed).topics < 2.1 * b.topics);
	struct config *events = must_read(SOURCE_LINE "redis: {alerts_max: 100000}\n");
	assert_true(config_costs(events, &assumed).redis_events > 3 * b.redis_events);
	config_destroy(events);
	struct config_costs more =
		config_costs(base, &(struct config_load_assumed){
					   .responses_per_s = 1000, .touchpoints = 40000, .name_bytes = 20});
	assert_true(more.redis > b.redis && more.windows > b.windows);
	config_destroy(base);
	config_destroy(watch);
	config_destroy(short_windows);
	config_destroy(lanes);
	config_destroy(longer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(near_the_measured_figures),
		cmocka_unit_test(near_what_the_windows_really_take),
		cmocka_unit_test(near_what_detectors_really_take),
		cmocka_unit_test(costs_follow_the_keys),
	};
	return cmocka_run_group_tests_name("config/estimate", tests, NULL, NULL);
}
