/*
 * os - what the machine tells us: the time, signals, what we cost.
 *
 * The clock: the wall clock is read once, at start; from then on time runs with the boot-time clock (which
 * also counts while a machine sleeps) and is slewed towards the wall clock by at most half a millisecond a
 * second, so it never jumps and never runs backwards. When somebody sets the wall clock (a jump of more than
 * OS_STEP_NS between two looks) windows must not empty or fill at once: the step is reported, not followed; a
 * restart follows it. How far the two are apart is known at any time (os_clock_apart_ms), so that nothing is judged by a
 * time that is far off. The arithmetic is `struct os_slew` and knows no clock.
 */
#ifndef OS_H
#define OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* ---- the slewed clock, as arithmetic ---- */

#define OS_STEP_NS  (128 * 1000000LL) /* as ntpd: a larger difference is a step, a smaller one is slewed */
#define OS_SLEW_PPM 500		      /* as adjtime: 100 ms are worked off in 200 s */

struct os_slew {
	int64_t boot_ns, time_ns; /* a point of the line ... */
	int64_t slew_ns;	  /* ... what is still to be worked off from there on, with its sign ... */
	int64_t apart_ns;	  /* ... and what was stepped and not followed: wall clock minus ours */
};

struct os_slew os_slew_start(int64_t boot_ns, int64_t wall_ns);
int64_t os_slew_at(const struct os_slew *, int64_t boot_ns); /* epoch ns; boot_ns not before the last look */
/* A look at the wall clock. Returns the size of a step that was met (and not followed), 0: none. */
int64_t os_slew_look(struct os_slew *, int64_t boot_ns, int64_t wall_ns);

/* ---- the machine's clocks ---- */

int64_t os_boot_ns(void);      /* runs on while the machine sleeps: for ages and time-outs */
int64_t os_monotonic_ns(void); /* for measuring how long something took */
int64_t os_wall_ms(void);      /* the raw wall clock: for file names and log lines, never for windows */

struct os_clock;

struct os_clock *os_clock_create(void);
void os_clock_destroy(struct os_clock *);
int64_t os_clock_ms(const struct os_clock *); /* epoch ms; any thread, never runs backwards */
/* Call about once a second, always on one thread. Returns the size of a step in ms, 0: none; log it. */
int64_t os_clock_look(struct os_clock *);
/* Wall clock minus ours, now; any thread. Below OS_STEP_NS it is worked off, above it was stepped and is not. 0 where
 * the machine is too busy to say. */
int64_t os_clock_apart_ms(const struct os_clock *);

/* ---- signals ---- */

/* SIGTERM and SIGINT ask for a stop, SIGHUP for a reload; SIGPIPE is ignored. Open before the first thread is
 * born, so that all threads leave these signals to whoever waits here. One per process. */
struct os_signals;
enum os_signal { OS_SIGNAL_NONE, OS_SIGNAL_STOP, OS_SIGNAL_RELOAD };

NODISCARD struct os_signals *os_signals_open(struct err *);
void os_signals_close(struct os_signals *); /* gives the signals back to the system's defaults */
enum os_signal os_signals_wait(struct os_signals *, int timeout_ms); /* NONE: the time is up */
void os_signals_in_child(
	void); /* between fork and exec: the child takes signals as if nothing had happened */

/* ---- what we cost ---- */

int64_t os_cpu_thread_ns(void);
int64_t os_cpu_process_ns(void);
int64_t os_rss_bytes(void); /* resident now; 0: the system does not say */
int64_t os_rss_peak_bytes(void);
int64_t os_memory_bytes(void);		  /* what the machine (or our cgroup, where it is smaller) has */
void os_host_name(char *out, size_t max); /* never empty */

#endif
