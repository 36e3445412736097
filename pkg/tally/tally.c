#include "tally/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

struct link {
	uint32_t next; /* cell of the same touchpoint, or TALLY_END */
	uint32_t slot; /* where `slots` points at it: clearing needs no hashing */
};

struct chain {
	uint32_t first, last; /* TALLY_END: not touched */
};

struct tally {
	uint32_t count, cells_max, touched_count, touchpoints_max;
	uint32_t mask;
	struct tally_cell *cells;
	struct link *links;
	uint32_t *slots; /* cell + 1; 0 = free. Never more than half full. */
	struct chain *chains;
	uint32_t *touched; /* touchpoints in order of first touch */
};

struct tally *tally_create(uint32_t cells_max, uint32_t touchpoints_max)
{
	struct tally *tally = must_alloc(sizeof *tally);
	uint64_t slots = 16;
	must(cells_max < UINT32_C(1) << 30);
	while (slots < 2 * (uint64_t)cells_max)
		slots *= 2;
	tally->cells_max = cells_max;
	tally->touchpoints_max = touchpoints_max;
	tally->mask = (uint32_t)(slots - 1);
	tally->cells = must_array(cells_max, sizeof *tally->cells);
	tally->links = must_array(cells_max, sizeof *tally->links);
	tally->slots = must_array(slots, sizeof *tally->slots);
	tally->chains = must_array(touchpoints_max, sizeof *tally->chains);
	tally->touched = must_array(touchpoints_max, sizeof *tally->touched);
	memset(tally->chains, 0xFF, touchpoints_max * sizeof *tally->chains);
	return tally;
}

void tally_destroy(struct tally *tally)
{
	if (tally == NULL)
		return;
	free(tally->cells);
	free(tally->links);
	free(tally->slots);
	free(tally->chains);
	free(tally->touched);
	free(tally);
}

bool tally_full(const struct tally *tally, uint32_t more)
{
	return tally->cells_max - tally->count < more;
}

/* Two rounds of multiply and fold: neighbouring seconds and bins, the usual case, land far apart. */
static uint32_t slot_of(const struct tally *tally, uint32_t touchpoint, uint8_t ledger, uint32_t second,
			uint8_t bin)
{
	uint64_t h = ((uint64_t)touchpoint << 32 | second) * UINT64_C(0x9E3779B97F4A7C15);
	h = (h ^ h >> 29 ^ ((uint32_t)ledger << 8 | bin)) * UINT64_C(0xBF58476D1CE4E5B9);
	return (uint32_t)(h >> 32) & tally->mask;
}

static void append(struct tally *tally, uint32_t slot, struct tally_cell cell)
{
	uint32_t at = tally->count++;
	struct chain *chain = &tally->chains[cell.touchpoint];
	tally->cells[at] = cell;
	tally->links[at] = (struct link){TALLY_END, slot};
	tally->slots[slot] = at + 1;
	if (chain->first == TALLY_END) {
		chain->first = at;
		tally->touched[tally->touched_count++] = cell.touchpoint;
	} else {
		tally->links[chain->last].next = at;
	}
	chain->last = at;
}

void tally_add(struct tally *tally, uint32_t touchpoint, uint8_t ledger, uint32_t second, uint8_t bin,
	       int32_t delta)
{
	must(touchpoint < tally->touchpoints_max);
	uint32_t slot = slot_of(tally, touchpoint, ledger, second, bin);
	for (;; slot = (slot + 1) & tally->mask) {
		uint32_t known = tally->slots[slot];
		if (known == 0)
			break;
		struct tally_cell *cell = &tally->cells[known - 1];
		if (cell->second == second && cell->touchpoint == touchpoint && cell->ledger == ledger &&
		    cell->bin == bin) {
			cell->delta += delta;
			return;
		}
	}
	must(tally->count < tally->cells_max);
	append(tally, slot,
	       (struct tally_cell){.touchpoint = touchpoint,
				   .second = second,
				   .delta = delta,
				   .ledger = ledger,
				   .bin = bin});
}

void tally_prefetch(const struct tally *tally, uint32_t touchpoint, uint8_t ledger, uint32_t second,
		    uint8_t bin)
{
	__builtin_prefetch(&tally->slots[slot_of(tally, touchpoint, ledger, second, bin)], 1);
	__builtin_prefetch(&tally->chains[touchpoint], 1);
}

uint32_t tally_count(const struct tally *tally)
{
	return tally->count;
}

void tally_clear(struct tally *tally)
{
	for (uint32_t i = 0; i < tally->count; i++)
		tally->slots[tally->links[i].slot] = 0;
	for (uint32_t i = 0; i < tally->touched_count; i++)
		tally->chains[tally->touched[i]] = (struct chain){TALLY_END, TALLY_END};
	tally->count = tally->touched_count = 0;
}

uint32_t tally_touchpoints(const struct tally *tally)
{
	return tally->touched_count;
}

uint32_t tally_touchpoint(const struct tally *tally, uint32_t i)
{
	must(i < tally->touched_count);
	return tally->touched[i];
}

static uint32_t skip_empty(const struct tally *tally, uint32_t at)
{
	while (at != TALLY_END && tally->cells[at].delta == 0)
		at = tally->links[at].next;
	return at;
}

uint32_t tally_first(const struct tally *tally, uint32_t touchpoint)
{
	must(touchpoint < tally->touchpoints_max);
	return skip_empty(tally, tally->chains[touchpoint].first);
}

uint32_t tally_next(const struct tally *tally, uint32_t at)
{
	must(at < tally->count);
	return skip_empty(tally, tally->links[at].next);
}

const struct tally_cell *tally_at(const struct tally *tally, uint32_t at)
{
	must(at < tally->count);
	return &tally->cells[at];
}
