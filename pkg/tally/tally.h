/*
 * tally - what one commit changes: signed sums per touchpoint, ledger, second and bin.
 *
 * The unit between the stages. Adding and taking back are the same operation with another sign, so edits cost two cells and a
 * touchpoint's cells may cancel out to nothing. Two tallies take turns in a lane: one commits while the next fills.
 * Owned by one thread at a time. Nothing is allocated after create.
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stdint.h>

struct tally_cell {
	uint32_t touchpoint;   /* number in the lane's names */
	uint32_t second;       /* epoch s */
	int32_t delta;
	uint8_t ledger, bin;
};

struct tally;

struct tally *tally_create(uint32_t cells_max, uint32_t touchpoints_max);
void tally_destroy(struct tally *);
bool tally_full(const struct tally *, uint32_t more);   /* no room for so many more cells: commit first */
void tally_add(struct tally *, uint32_t touchpoint, uint8_t ledger, uint32_t second, uint8_t bin, int32_t delta);
/* That will be added soon: a batch does not wait for memory, cell by cell. */
void tally_prefetch(const struct tally *, uint32_t touchpoint, uint8_t ledger, uint32_t second, uint8_t bin);
uint32_t tally_count(const struct tally *);             /* cells, those that cancelled out included */
void tally_clear(struct tally *);                       /* in time proportional to the count */

/* Iteration: touchpoints that were touched, in order of first touch; then each one's cells. Cells with delta 0 are skipped. */
uint32_t tally_touchpoints(const struct tally *);
uint32_t tally_touchpoint(const struct tally *, uint32_t i);
/* Chain of a touchpoint's cells: first = tally_first(...); while (at != TALLY_END) { cell; at = tally_next } */
#define TALLY_END UINT32_MAX
uint32_t tally_first(const struct tally *, uint32_t touchpoint);
uint32_t tally_next(const struct tally *, uint32_t at);
const struct tally_cell *tally_at(const struct tally *, uint32_t at);

#endif
