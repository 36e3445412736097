#include <stdlib.h>

#include "window/window_priv.h"

void block_pools_init(struct windows *w)
{
	for (unsigned shape = 0; shape < BLOCK_SHAPES; shape++)
		for (unsigned class = 0; class < BLOCK_CLASSES; class ++)
			w->pools[shape][class].size =
				(uint32_t)BLOCK_ROWS * block_row[shape] * (4u << class) / 8;
}

void block_pools_release(struct windows *w)
{
	for (uint32_t i = 0; i < w->slabs_count; i++)
		free((void *)(w->slabs[i] & ~(uintptr_t)7));
	free(w->slabs);
}

static void slab_add(struct windows *w, struct block_pool *pool, unsigned class)
{
	if (w->slabs_count == w->slabs_room) {
		w->slabs_room = w->slabs_room ? w->slabs_room * 2 : 64;
		uintptr_t *slabs = must_array(w->slabs_room, sizeof *slabs);
		if (w->slabs_count)
			memcpy(slabs, w->slabs, w->slabs_count * sizeof *slabs);
		free(w->slabs);
		w->slabs = slabs;
	}
	must(w->slabs_count < 1u << 17); /* 16 GiB of panes */
	uintptr_t at = (uintptr_t)must_alloc(SLAB_BYTES);
	must(at % 8 == 0);
	/* The first unit stays unused, so that no handle is 0. */
	pool->fresh = w->slabs_count << 15 | 1;
	pool->fresh_count = (SLAB_BYTES - 4 - SLAB_TAIL) / pool->size;
	w->slabs[w->slabs_count++] = at | class;
}

static uint32_t block_take(struct windows *w, enum block_shape shape, unsigned class)
{
	struct block_pool *pool = &w->pools[shape][class];
	uint32_t handle = pool->free;
	pool->used++;
	if (handle) {
		struct block b = block_at(w, handle);
		memcpy(&pool->free, b.at, sizeof pool->free);
		memset(b.at, 0, sizeof pool->free);
		return handle;
	}
	if (pool->fresh_count == 0)
		slab_add(w, pool, class);
	handle = pool->fresh;
	pool->fresh += pool->size / 4;
	pool->fresh_count--;
	return handle;
}

static void give_zeroed(struct windows *w, enum block_shape shape, uint32_t *handle)
{
	struct block b = block_at(w, *handle);
	struct block_pool *pool = &w->pools[shape][b.class];
	memcpy(b.at, &pool->free, sizeof pool->free);
	pool->free = *handle;
	pool->used--;
	*handle = 0;
}

void block_give(struct windows *w, enum block_shape shape, uint32_t *handle)
{
	if (*handle == 0)
		return;
	struct block b = block_at(w, *handle);
	memset(b.at, 0, w->pools[shape][b.class].size);
	give_zeroed(w, shape, handle);
}

void block_give_empty(struct windows *w, enum block_shape shape, uint32_t *handle)
{
	if (*handle == 0)
		return;
	struct block b = block_at(w, *handle);
	uint32_t size = w->pools[shape][b.class].size;
	for (uint32_t i = 0; i < size; i += 4) {
		uint32_t word;
		memcpy(&word, b.at + i, 4);
		if (word)
			return;
	}
	give_zeroed(w, shape, handle);
}

/* To counters of another width; the values must fit. */
static void change_class(struct windows *w, enum block_shape shape, uint32_t *handle, unsigned class)
{
	must(class < BLOCK_CLASSES);
	uint32_t other = block_take(w, shape, class);
	struct block from = block_at(w, *handle), to = block_at(w, other);
	for (unsigned i = 0; i < BLOCK_ROWS * (unsigned)block_row[shape]; i++)
		must(counter_add(to, i, (int64_t)counter_get(from, i)));
	block_give(w, shape, handle);
	*handle = other;
}

void block_shrink(struct windows *w, enum block_shape shape, uint32_t *handle)
{
	if (*handle == 0)
		return;
	struct block b = block_at(w, *handle);
	unsigned class = 0;
	uint64_t any = 0;
	for (unsigned i = 0; i < BLOCK_ROWS * (unsigned)block_row[shape]; i++)
		any |= counter_get(b, i);
	while (any > counter_max[class])
		class ++;
	if (any == 0)
		give_zeroed(w, shape, handle);
	else if (class < b.class)
		change_class(w, shape, handle, class);
}

int64_t block_add_slowly(struct windows *w, enum block_shape shape, uint32_t *handle, unsigned i,
			 int64_t delta)
{
	int64_t old = block_get(w, *handle, i);
	unsigned class = 0;
	if (old + delta < 0)
		delta = -old;
	if (delta == 0)
		return 0;
	while ((uint64_t)(old + delta) > counter_max[class])
		class ++;
	if (*handle == 0)
		*handle = block_take(w, shape, class);
	else if (class > block_at(w, *handle).class)
		change_class(w, shape, handle, class);
	must(counter_add(block_at(w, *handle), i, delta));
	return delta;
}
