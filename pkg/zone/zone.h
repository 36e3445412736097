/*
 * zone - IANA time zones: when a local day begins and ends. The only user of GLib (GTimeZone).
 *
 * A local day is [first instant of the date, first instant of the next date): 23, 24 or 25 hours (or others where a country
 * changed its mind). A date whose midnight is skipped by a DST change begins at its first instant that exists.
 */
#ifndef ZONE_H
#define ZONE_H

#include <stdint.h>

#include "base/err.h"

struct zone;

NODISCARD struct zone *zone_open(const char *name, struct err *);   /* "Europe/Berlin", "UTC"; unknown: error that names it */
void zone_close(struct zone *);

struct zone_day {
	int64_t start_ms, end_ms;   /* epoch ms, [start, end) */
};
struct zone_day zone_day_of(const struct zone *, int64_t at_ms);   /* the local day that holds this instant; not for a hot path */
int64_t zone_offset_s(const struct zone *, int64_t at_ms);   /* local time less UTC, at this instant; not for a hot path */
struct zone_day zone_day_before(const struct zone *, struct zone_day);

#endif
