/*
 * tally - what one commit changes: signed sums per touchpoint, ledger, second and bin.
 *
 * The unit between the stages. Adding and taking back are the same operation with another sign, so edits cost two adds and a
 * touchpoint's cells may cancel out to nothing. While it fills it only notes what is added, one line behind the other; it is put in
 * order and summed once, when it is read: that costs a tenth of looking each cell up (no cache miss an add).
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

struct tally *tally_create(uint32_t adds_max, uint32_t touchpoints_max);
void tally_destroy(struct tally *);
bool tally_full(const struct tally *, uint32_t more);   /* no room for so many more adds: commit first */
void tally_add(struct tally *, uint32_t touchpoint, uint8_t ledger, uint32_t second, uint8_t bin, int32_t delta);
void tally_prefetch(const struct tally *, uint32_t touchpoint);   /* will be added to soon */
uint32_t tally_count(const struct tally *);             /* adds since it was created or cleared */
void tally_clear(struct tally *);                       /* in time proportional to the touchpoints touched */

/* Reading: the touchpoints that were touched, in order of first touch, and each one's cells, in the same order. What adds up to 0 is
 * left out, so a touchpoint may have none. Borrowed until the next add or clear. */
uint32_t tally_touchpoints(struct tally *);             /* how many; the sums are made here */
uint32_t tally_touchpoint(const struct tally *, uint32_t i);
const struct tally_cell *tally_cells(const struct tally *, uint32_t i, uint32_t *count);

#endif
