#include "os/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int64_t cpu_ns(clockid_t id)
{
	struct timespec at;
	must(clock_gettime(id, &at) == 0);
	return at.tv_sec * 1000000000LL + at.tv_nsec;
}

int64_t os_cpu_thread_ns(void)
{
	return cpu_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t os_cpu_process_ns(void)
{
	return cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t os_rss_bytes(void)
{
	int64_t pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%*d %" SCNd64, &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

int64_t os_rss_peak_bytes(void)
{
	struct rusage usage;
	must(getrusage(RUSAGE_SELF, &usage) == 0);
	return usage.ru_maxrss * 1024LL; /* Linux counts in KiB */
}

/* A container's limit; "max" or no such file: none. */
static int64_t cgroup_bytes(void)
{
	int64_t bytes = INT64_MAX;
	FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
	if (file == NULL)
		return bytes;
	if (fscanf(file, "%" SCNd64, &bytes) != 1)
		bytes = INT64_MAX;
	fclose(file);
	return bytes;
}

int64_t os_memory_bytes(void)
{
	int64_t machine = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), limit = cgroup_bytes();
	return limit < machine ? limit : machine;
}

void os_host_name(char *out, size_t max)
{
	if (gethostname(out, max) != 0 || out[0] == '\0')
		snprintf(out, max, "localhost");
	out[max - 1] = '\0';
}
