#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/os.h"

#define S  1000000000LL
#define MS 1000000LL

static void time_runs_with_the_boot_clock(void **state)
{
	(void)state;
	struct os_slew slew = os_slew_start(5 * S, 1000 * S);
	assert_int_equal(os_slew_at(&slew, 5 * S), 1000 * S);
	assert_int_equal(os_slew_at(&slew, 65 * S), 1060 * S);
	assert_int_equal(os_slew_at(&slew, 4 * S), 1000 * S); /* never before what it said */
}

static void small_differences_are_worked_off_slowly(void **state)
{
	(void)state;
	static const int64_t differences[] = {100 * MS, -100 * MS, 3, -3, 0};
	for (size_t i = 0; i < sizeof differences / sizeof *differences; i++) {
		int64_t d = differences[i];
		struct os_slew slew = os_slew_start(0, 1000 * S);
		assert_int_equal(os_slew_look(&slew, 10 * S, 1010 * S + d), 0);
		assert_int_equal(os_slew_at(&slew, 10 * S), 1010 * S); /* no jump */
		int64_t after_1s = os_slew_at(&slew, 11 * S) - 1011 * S;
		assert_int_equal(after_1s, d > 500000 ? 500000 : d < -500000 ? -500000 : d);
		assert_int_equal(os_slew_at(&slew, 211 * S), 1211 * S + d); /* 100 ms need 200 s */
		assert_int_equal(os_slew_at(&slew, 9999 * S), 10999 * S + d);
	}
}

static void a_step_is_reported_once_and_not_followed(void **state)
{
	(void)state;
	static const int64_t steps[] = {3600 * S, -3600 * S, 129 * MS, -129 * MS};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int64_t d = steps[i];
		struct os_slew slew = os_slew_start(0, 100000 * S);
		assert_int_equal(os_slew_look(&slew, 1 * S, 100001 * S + d), d);
		assert_int_equal(slew.apart_ns, d);
		assert_int_equal(os_slew_look(&slew, 2 * S, 100002 * S + d), 0);
		assert_int_equal(os_slew_at(&slew, 2 * S), 100002 * S);
		assert_int_equal(os_slew_look(&slew, 3 * S, 100003 * S + d + 10 * MS),
				 0); /* drift is still followed */
		assert_int_equal(os_slew_at(&slew, 100 * S), 100100 * S + 10 * MS);
		int64_t back = os_slew_look(&slew, 100 * S, 100100 * S + 10 * MS); /* and set back again */
		assert_int_equal(back, -d);
		assert_int_equal(slew.apart_ns, 0);
	}
}

static void a_sleeping_machine_is_no_step(void **state)
{
	(void)state;
	struct os_slew slew = os_slew_start(0, 0);
	assert_int_equal(os_slew_look(&slew, 8 * 3600 * S, 8 * 3600 * S),
			 0); /* the boot clock slept and counted */
}

/* Whatever the wall clock does, ours never runs backwards and never faster or slower than 500 ppm. */
static void it_never_runs_backwards(void **state)
{
	(void)state;
	unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 20240611;
	print_message("seed %u\n", seed);
	int64_t boot = 0, wall = 1700000000 * S, last = wall, last_boot = 0;
	struct os_slew slew = os_slew_start(boot, wall);
	for (int i = 0; i < 200000; i++) {
		int64_t dt = rand_r(&seed) % (3 * S);
		boot += dt;
		wall += dt + rand_r(&seed) % (2 * MS) - MS;
		if (rand_r(&seed) % 1000 == 0)
			wall += (rand_r(&seed) % 7200 - 3600) * S;
		if (rand_r(&seed) % 3 != 0)
			os_slew_look(&slew, boot, wall);
		int64_t now = os_slew_at(&slew, boot), passed = boot - last_boot;
		assert_true(now >= last);
		assert_true(llabs(now - last - passed) <= passed / 1000000 * OS_SLEW_PPM + OS_SLEW_PPM);
		last = now;
		last_boot = boot;
	}
}

static void *reader(void *arg)
{
	const struct os_clock *clock = arg;
	int64_t last = 0;
	for (int i = 0; i < 200000; i++) {
		int64_t now = os_clock_ms(clock);
		if (now < last)
			return "backwards";
		last = now;
	}
	return NULL;
}

static void the_real_clock_agrees_with_the_wall_on_every_thread(void **state)
{
	(void)state;
	struct os_clock *clock = os_clock_create();
	assert_true(llabs(os_clock_ms(clock) - os_wall_ms()) < 1000);
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, clock), 0);
	for (int i = 0; i < 20000; i++)
		os_clock_look(clock);
	for (int i = 0; i < 2; i++) {
		void *complaint;
		pthread_join(threads[i], &complaint);
		assert_null(complaint);
	}
	os_clock_destroy(clock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_runs_with_the_boot_clock),
		cmocka_unit_test(small_differences_are_worked_off_slowly),
		cmocka_unit_test(a_step_is_reported_once_and_not_followed),
		cmocka_unit_test(a_sleeping_machine_is_no_step),
		cmocka_unit_test(it_never_runs_backwards),
		cmocka_unit_test(the_real_clock_agrees_with_the_wall_on_every_thread),
	};
	return cmocka_run_group_tests_name("os/clock", tests, NULL, NULL);
}
