#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"

static void signals_arrive_as_wishes(void **state)
{
	(void)state;
	static const struct {
		int signal;
		enum os_signal wish;
	} rows[] = {{SIGTERM, OS_SIGNAL_STOP}, {SIGINT, OS_SIGNAL_STOP}, {SIGHUP, OS_SIGNAL_RELOAD}};
	struct err err = {0};
	struct os_signals *signals = os_signals_open(&err);
	assert_non_null(signals);
	assert_int_equal(os_signals_wait(signals, 0), OS_SIGNAL_NONE);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		kill(getpid(), rows[i].signal);
		assert_int_equal(os_signals_wait(signals, 5000), rows[i].wish);
		assert_int_equal(os_signals_wait(signals, 0), OS_SIGNAL_NONE);
	}
	kill(getpid(), SIGPIPE); /* would end us */
	kill(getpid(), SIGTERM); /* pending at close: must not end us either */
	os_signals_close(signals);
}

static void a_child_takes_signals_as_usual(void **state)
{
	(void)state;
	struct err err = {0};
	struct os_signals *signals = os_signals_open(&err);
	assert_non_null(signals);
	pid_t child = fork();
	if (child == 0) {
		os_signals_in_child();
		pause();
		_exit(0);
	}
	kill(child, SIGTERM);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	os_signals_close(signals);
}

static void the_machine_says_what_we_cost(void **state)
{
	(void)state;
	char host[64];
	os_host_name(host, sizeof host);
	assert_true(host[0] != '\0');
	assert_true(os_rss_bytes() > 500000 && os_rss_bytes() < os_memory_bytes());
	assert_true(os_rss_peak_bytes() > 500000);
	int64_t thread = os_cpu_thread_ns();
	volatile unsigned work = 0;
	for (unsigned i = 0; i < 3000000; i++)
		work = work + i;
	int64_t later = os_cpu_thread_ns();
	assert_true(later > thread);
	assert_true(os_cpu_process_ns() >= later);
	assert_true(os_monotonic_ns() > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_arrive_as_wishes),
		cmocka_unit_test(a_child_takes_signals_as_usual),
		cmocka_unit_test(the_machine_says_what_we_cost),
	};
	return cmocka_run_group_tests_name("os/signals", tests, NULL, NULL);
}
