#include "config_test.h"

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
	assert_true(config_costs(lanes, &assumed).response_tables_full == 2 * b.response_tables_full);
	assert_true(config_costs(longer, &assumed).topics > 1.9 * b.topics &&
		    config_costs(longer, &assumed).topics < 2.1 * b.topics);
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
		cmocka_unit_test(costs_follow_the_keys),
	};
	return cmocka_run_group_tests_name("config/estimate", tests, NULL, NULL);
}
