#include "response/response_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/must.h"

#define HUGE_PAGE     (UINT64_C(2) << 20)
#define SMALL_PAGE    (UINT64_C(64) << 10) /* a multiple of every page size in use */
#define SMALLEST_PAGE 4096

static uint64_t rounded_up(uint64_t bytes, uint64_t page)
{
	return (bytes + page - 1) / page * page;
}

/* Addresses only: what may not be written counts neither as memory nor, with vm.overcommit_memory=2, as
 * promised. A small RLIMIT_AS may refuse it: then `reserved` is NULL, and the heap has to do. */
void memory_open(struct memory *memory, uint64_t bytes_max)
{
	uint64_t page = bytes_max < HUGE_PAGE ? SMALL_PAGE : HUGE_PAGE;
	*memory = (struct memory){.page = page, .reserved_bytes = rounded_up(bytes_max, page) + HUGE_PAGE};
	void *at = mmap(NULL, memory->reserved_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);
	if (at == MAP_FAILED)
		return;
	/* Random access over hundreds of MB misses the page tables as often as the cache: large pages save a
	 * third of a lookup. It is advice: a system without them runs the same, slower. */
	madvise(at, memory->reserved_bytes, MADV_HUGEPAGE);
	memory->reserved = at;
	memory->at = (char *)(((uintptr_t)at + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
}

void memory_close(struct memory *memory)
{
	if (memory->reserved)
		munmap(memory->reserved, memory->reserved_bytes);
	else
		free(memory->at);
}

static void extend_on_heap(struct memory *memory, uint64_t bytes)
{
	char *at = must_alloc(bytes);
	if (memory->bytes)
		memcpy(at, memory->at, memory->bytes);
	memory_close(memory);
	*memory = (struct memory){.at = at, .bytes = bytes, .page = memory->page};
}

static bool extend_in_place(struct memory *memory, uint64_t bytes)
{
	if (memory->reserved == NULL || mprotect(memory->at, bytes, PROT_READ | PROT_WRITE) != 0)
		return false;
	memory->bytes = bytes;
	return true;
}

void *memory_extend(struct memory *memory, uint64_t bytes)
{
	bytes = rounded_up(bytes, memory->page);
	if (bytes > memory->bytes && !extend_in_place(memory, bytes))
		extend_on_heap(memory, bytes);
	return memory->at;
}

void memory_touch(struct memory *memory, uint64_t bytes)
{
	uint64_t at = memory->bytes;
	bytes = rounded_up(bytes, memory->page);
	if (bytes <= at || !extend_in_place(memory, bytes))
		return;
	for (; at < bytes; at += SMALLEST_PAGE)
		memory->at[at] = 0;
}
