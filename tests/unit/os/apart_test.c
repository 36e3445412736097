/* Somebody sets the machine's clock: played by a clock_gettime of our own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os/os.h"

static _Atomic int64_t set_by_s;

int clock_gettime(clockid_t id, struct timespec *at)
{
	int failed = (int)syscall(SYS_clock_gettime, id, at);
	if (id == CLOCK_REALTIME)
		at->tv_sec += set_by_s;
	return failed;
}

static void *ask(void *clock)
{
	return (void *)(intptr_t)os_clock_apart_ms(clock);
}

static int64_t apart_for_another_thread(struct os_clock *clock)
{
	pthread_t thread;
	void *apart;
	assert_int_equal(pthread_create(&thread, NULL, ask, clock), 0);
	pthread_join(thread, &apart);
	return (intptr_t)apart;
}

/* Also before anybody looked, so that nothing is judged by a wrong time for a second. */
static void a_step_is_seen_at_once_and_until_it_is_undone(void **state)
{
	(void)state;
	static const int64_t steps_s[] = {90, -90};
	struct os_clock *clock = os_clock_create();
	assert_true(llabs(apart_for_another_thread(clock)) < 100);
	for (size_t i = 0; i < sizeof steps_s / sizeof *steps_s; i++) {
		int64_t before_ms = os_clock_ms(clock);
		set_by_s = steps_s[i];
		assert_true(llabs(apart_for_another_thread(clock) - 1000 * steps_s[i]) < 1000);
		assert_true(llabs(os_clock_look(clock) - 1000 * steps_s[i]) < 1000);
		assert_true(llabs(apart_for_another_thread(clock) - 1000 * steps_s[i]) < 1000);
		assert_true(llabs(os_clock_ms(clock) - before_ms) < 10000);
		set_by_s = 0;
		os_clock_look(clock);
		assert_true(llabs(apart_for_another_thread(clock)) < 1000);
	}
	os_clock_destroy(clock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_is_seen_at_once_and_until_it_is_undone),
	};
	return cmocka_run_group_tests_name("os/apart", tests, NULL, NULL);
}
