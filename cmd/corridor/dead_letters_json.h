/* One object a line for `corridor dead-letters list --format json`. */
#ifndef DEAD_LETTERS_JSON_H
#define DEAD_LETTERS_JSON_H

#include <stdio.h>

#include "deadletter/deadletter.h"

void dead_letter_json(FILE *out, const struct deadletter *);

#endif
