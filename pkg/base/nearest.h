/*
 * nearest - "did you mean ...?": the known word that a mistyped one most likely stands for.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/str.h"

#define NEAREST_NONE ((unsigned)-1) /* the distance of words that nobody confuses */

/* How many letters must be put in, left out, changed or swapped with their neighbour (case does not count) to
 * make `b` of `a`; NEAREST_NONE when it is more than a third of the longer word, or a word is over 64 bytes.
 */
unsigned nearest_distance(struct str a, struct str b);

/* The word of a NULL-ended list with the smallest distance, the first of equals; NULL: none is near. */
const char *nearest_word(struct str word, const char *const *known);

#endif
