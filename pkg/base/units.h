/*
 * units - durations and sizes as people write them: 100ms, 10s, 5m, 24h, 7d; 65536, 512KiB, 1.5MiB, 10MB.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdint.h>

#include "base/str.h"

/* False: not of this form, too large, or no whole number of ms or bytes. A duration needs its unit, but for 0. Never negative. */
bool units_duration(struct str text, int64_t *ms);
bool units_bytes(struct str text, int64_t *bytes);

/* With the largest unit that divides the value: 90m, 1h, 64KiB, 65537. Not for negative values. */
void units_duration_text(int64_t ms, char *out, size_t max);
void units_bytes_text(int64_t bytes, char *out, size_t max);

#endif
