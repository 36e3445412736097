#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "kafka/kafka.h"

static const char *id_of(const char *group, const char *instance, const char *role, int lane)
{
	static char ids[4][64];
	static unsigned n;
	char *id = ids[n++ % 4];
	assert_true(kafka_transactional_id(id, sizeof ids[0], group, instance, role, lane));
	return id;
}

static void an_id_names_its_group_instance_and_lane(void **state)
{
	assert_string_equal(id_of("nps", "host-1", NULL, 3), "nps/host-1/3");
	assert_string_equal(id_of("nps", "host-1", "redrive", 0), "nps/host-1/redrive/0");
	assert_string_equal(id_of("a/b", "50%", NULL, 0), "a%2Fb/50%25/0");
	assert_string_equal(id_of("nps", "", NULL, 0), "nps/");
}

/* Two deployments on one cluster would end each other's transactions. */
static void no_two_names_share_an_id(void **state)
{
	assert_string_not_equal(id_of("nps", "eu-1", NULL, 0), id_of("nps-eu", "1", NULL, 0));
	assert_string_not_equal(id_of("a", "b/1", NULL, 0), id_of("a/b", "1", NULL, 0));
	assert_string_not_equal(id_of("a%2Fb", "1", NULL, 0), id_of("a/b", "1", NULL, 0));
	assert_string_not_equal(id_of("a", "b", "1", 0), id_of("a", "b/1", NULL, 0));
}

static void one_that_does_not_fit_is_refused(void **state)
{
	char id[17];
	assert_true(
		kafka_transactional_id(id, sizeof id, "group", "instance", NULL, 1)); /* 17 with its end */
	assert_false(kafka_transactional_id(id, sizeof id, "group", "instance", NULL, 10));
	assert_false(kafka_transactional_id(id, sizeof id, "a-group-of-long-name", "i", NULL, 0));
	assert_false(kafka_transactional_id(id, sizeof id, "grou%", "instance", NULL, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_names_its_group_instance_and_lane),
		cmocka_unit_test(no_two_names_share_an_id),
		cmocka_unit_test(one_that_does_not_fit_is_refused),
	};
	return cmocka_run_group_tests_name("kafka/producer", tests, NULL, NULL);
}
