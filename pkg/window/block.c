#include <stdlib.h>

#include "window/window_priv.h"

/* Slabs of about this many bytes: small enough not to matter when one is used in part, large enough for a short table of slabs. */
#define SLAB_BYTES (128 * 1024)

void block_pools_init(struct windows *w)
{
	for (unsigned shape = 0; shape < BLOCK_SHAPES; shape++)
		for (unsigned class = 0; class < BLOCK_CLASSES; class++) {
			struct block_pool *pool = &w->pools[shape][class];
			pool->size = (uint32_t)BLOCK_ROWS * block_row[shape] * (4u << class) / 8;
			while (pool->size << (pool->shift + 1) <= SLAB_BYTES)
				pool->shift++;
		}
}

void block_pools_release(struct windows *w)
{
	for (unsigned shape = 0; shape < BLOCK_SHAPES; shape++)
		for (unsigned class = 0; class < BLOCK_CLASSES; class++) {
			struct block_pool *pool = &w->pools[shape][class];
			for (uint32_t i = 0; i < pool->slabs_count; i++)
				free(pool->slabs[i]);
			free(pool->slabs);
		}
}

static void pool_grow(struct block_pool *pool)
{
	if (pool->slabs_count == pool->slabs_room) {
		pool->slabs_room = pool->slabs_room ? pool->slabs_room * 2 : 16;
		unsigned char **slabs = must_array(pool->slabs_room, sizeof *slabs);
		if (pool->slabs_count)
			memcpy(slabs, pool->slabs, pool->slabs_count * sizeof *slabs);
		free(pool->slabs);
		pool->slabs = slabs;
	}
	pool->slabs[pool->slabs_count++] = must_alloc((size_t)pool->size << pool->shift);
}

uint32_t block_take(struct windows *w, enum block_shape shape, unsigned class)
{
	struct block_pool *pool = &w->pools[shape][class];
	uint32_t handle;
	pool->used++;
	if (pool->free) {
		handle = (pool->free - 1) << 3 | (class + 1);
		unsigned char *at = block_at(w, shape, handle);
		memcpy(&pool->free, at, sizeof pool->free);
		memset(at, 0, sizeof pool->free);
		return handle;
	}
	must(pool->fresh < 1u << 29);
	if (pool->fresh >> pool->shift == pool->slabs_count)
		pool_grow(pool);
	return pool->fresh++ << 3 | (class + 1);
}

static void give_zeroed(struct windows *w, enum block_shape shape, uint32_t *handle)
{
	struct block_pool *pool = &w->pools[shape][block_class(*handle)];
	memcpy(block_at(w, shape, *handle), &pool->free, sizeof pool->free);
	pool->free = (*handle >> 3) + 1;
	pool->used--;
	*handle = 0;
}

void block_give(struct windows *w, enum block_shape shape, uint32_t *handle)
{
	if (*handle == 0)
		return;
	memset(block_at(w, shape, *handle), 0, w->pools[shape][block_class(*handle)].size);
	give_zeroed(w, shape, handle);
}

void block_give_empty(struct windows *w, enum block_shape shape, uint32_t *handle)
{
	if (*handle == 0)
		return;
	const unsigned char *at = block_at(w, shape, *handle);
	uint32_t size = w->pools[shape][block_class(*handle)].size;
	for (uint32_t i = 0; i < size; i += 4) {   /* every size is a multiple of 4 */
		uint32_t word;
		memcpy(&word, at + i, 4);
		if (word)
			return;
	}
	give_zeroed(w, shape, handle);
}

void block_widen(struct windows *w, enum block_shape shape, uint32_t *handle)
{
	unsigned class = block_class(*handle);
	must(class + 1 < BLOCK_CLASSES);
	uint32_t wide = block_take(w, shape, class + 1);
	const unsigned char *from = block_at(w, shape, *handle);
	unsigned char *to = block_at(w, shape, wide);
	for (unsigned i = 0; i < BLOCK_ROWS * (unsigned)block_row[shape]; i++)
		counter_put(to, class + 1, i, counter_get(from, class, i));
	block_give(w, shape, handle);
	*handle = wide;
}
