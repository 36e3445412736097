#include "os/os.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define MILLION 1000000LL

/* ---- arithmetic ---- */

struct os_slew os_slew_start(int64_t boot_ns, int64_t wall_ns)
{
	return (struct os_slew){.boot_ns = boot_ns, .time_ns = wall_ns};
}

/* How much of the slew is done after so long: it grows by OS_SLEW_PPM until nothing is left. */
static int64_t slewed(const struct os_slew *slew, int64_t elapsed_ns)
{
	int64_t most = elapsed_ns / MILLION * OS_SLEW_PPM + elapsed_ns % MILLION * OS_SLEW_PPM / MILLION;
	if (slew->slew_ns >= 0)
		return slew->slew_ns < most ? slew->slew_ns : most;
	return slew->slew_ns > -most ? slew->slew_ns : -most;
}

int64_t os_slew_at(const struct os_slew *slew, int64_t boot_ns)
{
	int64_t elapsed_ns = boot_ns - slew->boot_ns;
	return elapsed_ns <= 0 ? slew->time_ns : slew->time_ns + elapsed_ns + slewed(slew, elapsed_ns);
}

int64_t os_slew_look(struct os_slew *slew, int64_t boot_ns, int64_t wall_ns)
{
	int64_t now_ns = os_slew_at(slew, boot_ns);
	int64_t behind_ns = wall_ns - slew->apart_ns - now_ns;
	int64_t step_ns = behind_ns > OS_STEP_NS || behind_ns < -OS_STEP_NS ? behind_ns : 0;
	*slew = (struct os_slew){
		.boot_ns = boot_ns > slew->boot_ns ? boot_ns : slew->boot_ns,
		.time_ns = now_ns,
		.slew_ns = step_ns != 0 ? 0 : behind_ns,
		.apart_ns = slew->apart_ns + step_ns,
	};
	return step_ns;
}

/* ---- clocks ---- */

static int64_t read_clock(clockid_t id)
{
	struct timespec at;
	must(clock_gettime(id, &at) == 0);
	return at.tv_sec * 1000 * MILLION + at.tv_nsec;
}

int64_t os_boot_ns(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

int64_t os_monotonic_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t os_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME) / MILLION;
}

/* Both clocks at one instant: the boot clock is read before and after the wall clock, and a pair that took
 * long, because the thread was put aside in between, is taken again. False: the machine is too busy to say.
 */
static bool read_both(int64_t *boot_ns, int64_t *wall_ns)
{
	for (int attempt = 0; attempt < 10; attempt++) {
		int64_t before = os_boot_ns();
		*wall_ns = read_clock(CLOCK_REALTIME);
		int64_t after = os_boot_ns();
		*boot_ns = before + (after - before) / 2;
		if (after - before < MILLION)
			return true;
	}
	return false;
}

/* The line is written by one thread once a second and read by all: a sequence number, odd while it is
 * written, tells a reader that it has to read again. */
struct os_clock {
	atomic_uint sequence;
	_Atomic int64_t boot_ns, time_ns, slew_ns;
	struct os_slew slew; /* the looker's own */
};

static void show(struct os_clock *clock)
{
	unsigned sequence = atomic_load_explicit(&clock->sequence, memory_order_relaxed);
	atomic_store_explicit(&clock->sequence, sequence + 1, memory_order_relaxed);
	atomic_store_explicit(&clock->boot_ns, clock->slew.boot_ns, memory_order_release);
	atomic_store_explicit(&clock->time_ns, clock->slew.time_ns, memory_order_release);
	atomic_store_explicit(&clock->slew_ns, clock->slew.slew_ns, memory_order_release);
	atomic_store_explicit(&clock->sequence, sequence + 2, memory_order_release);
}

struct os_clock *os_clock_create(void)
{
	struct os_clock *clock = must_alloc(sizeof *clock);
	int64_t boot_ns, wall_ns;
	(void)read_both(&boot_ns, &wall_ns); /* a pair that is a little apart is slewed away */
	clock->slew = os_slew_start(boot_ns, wall_ns);
	show(clock);
	return clock;
}

void os_clock_destroy(struct os_clock *clock)
{
	free(clock);
}

static int64_t time_at(const struct os_clock *clock, int64_t boot_ns)
{
	struct os_slew slew = {0};
	unsigned before, after;
	do {
		before = atomic_load_explicit(&clock->sequence, memory_order_acquire);
		slew.boot_ns = atomic_load_explicit(&clock->boot_ns, memory_order_acquire);
		slew.time_ns = atomic_load_explicit(&clock->time_ns, memory_order_acquire);
		slew.slew_ns = atomic_load_explicit(&clock->slew_ns, memory_order_acquire);
		after = atomic_load_explicit(&clock->sequence, memory_order_relaxed);
	} while (before != after || before % 2 != 0);
	return os_slew_at(&slew, boot_ns);
}

int64_t os_clock_ms(const struct os_clock *clock)
{
	return time_at(clock, os_boot_ns()) / MILLION;
}

int64_t os_clock_look(struct os_clock *clock)
{
	int64_t boot_ns, wall_ns;
	if (!read_both(&boot_ns, &wall_ns))
		return 0;
	int64_t step_ns = os_slew_look(&clock->slew, boot_ns, wall_ns);
	show(clock);
	return step_ns / MILLION;
}

int64_t os_clock_apart_ms(const struct os_clock *clock)
{
	int64_t boot_ns, wall_ns;
	return read_both(&boot_ns, &wall_ns) ? (wall_ns - time_at(clock, boot_ns)) / MILLION : 0;
}
