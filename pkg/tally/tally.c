#include "tally/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

#define FEW 8 /* adds of a touchpoint that are compared with each other */

/* Of a touchpoint. */
struct spot {
	uint32_t adds; /* 0: not touched */
	uint32_t at; /* while it is put in order: where its next add goes */
};

struct group {
	uint32_t from, count;
};

struct tally {
	uint32_t count, adds_max, touched_count, touchpoints_max;
	bool summed;
	struct tally_cell *adds;
	struct tally_cell *cells; /* by touchpoint */
	struct spot *spots;
	uint32_t *touched; /* touchpoints in order of first touch */
	struct group *groups; /* the cells of each of them */
	uint32_t *slots; /* of the one that is being summed: cell + 1, 0 = free. Never more than half full. */
};

static uint32_t slots_for(uint32_t adds)
{
	uint32_t slots = 16;
	while (slots < 2 * adds)
		slots *= 2;
	return slots;
}

struct tally *tally_create(uint32_t adds_max, uint32_t touchpoints_max)
{
	struct tally *tally = must_alloc(sizeof *tally);
	must(adds_max < UINT32_C(1) << 30);
	tally->adds_max = adds_max;
	tally->touchpoints_max = touchpoints_max;
	tally->adds = must_array(adds_max, sizeof *tally->adds);
	tally->cells = must_array(adds_max, sizeof *tally->cells);
	tally->spots = must_array(touchpoints_max, sizeof *tally->spots);
	tally->touched = must_array(touchpoints_max, sizeof *tally->touched);
	tally->groups = must_array(touchpoints_max, sizeof *tally->groups);
	tally->slots = must_array(slots_for(adds_max), sizeof *tally->slots);
	return tally;
}

void tally_destroy(struct tally *tally)
{
	if (tally == NULL)
		return;
	free(tally->adds);
	free(tally->cells);
	free(tally->spots);
	free(tally->touched);
	free(tally->groups);
	free(tally->slots);
	free(tally);
}

bool tally_full(const struct tally *tally, uint32_t more)
{
	return tally->adds_max - tally->count < more;
}

void tally_add(struct tally *tally, uint32_t touchpoint, uint8_t ledger, uint32_t second, uint8_t bin,
	       int32_t delta)
{
	must(touchpoint < tally->touchpoints_max && tally->count < tally->adds_max);
	if (tally->spots[touchpoint].adds++ == 0)
		tally->touched[tally->touched_count++] = touchpoint;
	tally->adds[tally->count++] = (struct tally_cell){touchpoint, second, delta, ledger, bin};
	tally->summed = false;
}

void tally_prefetch(const struct tally *tally, uint32_t touchpoint)
{
	__builtin_prefetch(&tally->spots[touchpoint], 1);
}

uint32_t tally_count(const struct tally *tally)
{
	return tally->count;
}

void tally_clear(struct tally *tally)
{
	for (uint32_t i = 0; i < tally->touched_count; i++)
		tally->spots[tally->touched[i]].adds = 0;
	tally->count = tally->touched_count = 0;
	tally->summed = false;
}

/* ---- reading ---- */

static bool same(const struct tally_cell *a, const struct tally_cell *b)
{
	return a->second == b->second && a->bin == b->bin && a->ledger == b->ledger;
}

/* Where the cell of this add is among the first `count`, or where it would be put. */
static uint32_t find_few(const struct tally_cell *cells, uint32_t count, const struct tally_cell *add)
{
	uint32_t at = 0;
	while (at < count && !same(&cells[at], add))
		at++;
	return at;
}

/* Two rounds of multiply and fold: neighbouring seconds and bins, the usual case, land far apart. */
static uint32_t find_many(uint32_t *slots, uint32_t mask, const struct tally_cell *cells, uint32_t count,
			  const struct tally_cell *add)
{
	uint64_t h = add->second * UINT64_C(0x9E3779B97F4A7C15);
	h = (h ^ h >> 29 ^ ((uint32_t)add->ledger << 8 | add->bin)) * UINT64_C(0xBF58476D1CE4E5B9);
	for (uint32_t slot = (uint32_t)(h >> 32) & mask;; slot = (slot + 1) & mask) {
		if (slots[slot] == 0) {
			slots[slot] = count + 1;
			return count;
		}
		if (same(&cells[slots[slot] - 1], add))
			return slots[slot] - 1;
	}
}

/* Adds of one touchpoint to its cells, in place; returns how many those are. */
static uint32_t sum(struct tally *tally, struct tally_cell *cells, uint32_t adds)
{
	uint32_t count = 0, kept = 0, slots = 0;
	if (adds > FEW) {
		slots = slots_for(adds);
		memset(tally->slots, 0, slots * sizeof *tally->slots);
	}
	for (uint32_t i = 0; i < adds; i++) {
		uint32_t at = slots ? find_many(tally->slots, slots - 1, cells, count, &cells[i])
				    : find_few(cells, count, &cells[i]);
		if (at < count)
			cells[at].delta += cells[i].delta;
		else
			cells[count++] = cells[i];
	}
	for (uint32_t i = 0; i < count; i++)
		if (cells[i].delta != 0)
			cells[kept++] = cells[i];
	return kept;
}

uint32_t tally_touchpoints(struct tally *tally)
{
	uint32_t from = 0;
	if (tally->summed)
		return tally->touched_count;
	for (uint32_t i = 0; i < tally->touched_count; i++) {
		struct spot *spot = &tally->spots[tally->touched[i]];
		tally->groups[i] = (struct group){from, spot->adds};
		spot->at = from;
		from += spot->adds;
	}
	for (uint32_t i = 0; i < tally->count; i++)
		tally->cells[tally->spots[tally->adds[i].touchpoint].at++] = tally->adds[i];
	for (uint32_t i = 0; i < tally->touched_count; i++)
		tally->groups[i].count =
			sum(tally, &tally->cells[tally->groups[i].from], tally->groups[i].count);
	tally->summed = true;
	return tally->touched_count;
}

uint32_t tally_touchpoint(const struct tally *tally, uint32_t i)
{
	must(i < tally->touched_count);
	return tally->touched[i];
}

const struct tally_cell *tally_cells(const struct tally *tally, uint32_t i, uint32_t *count)
{
	must(tally->summed && i < tally->touched_count);
	*count = tally->groups[i].count;
	return &tally->cells[tally->groups[i].from];
}
