#include "zone/zone.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

#define DAY_S 86400

struct zone {
	GTimeZone *tz;
};

/* GLib also takes file paths, POSIX rules and offsets; the configuration means names of the IANA
 * database only. */
static bool could_be_a_name(const char *name)
{
	if (*name == '\0' || *name == '/' || strlen(name) > 100)
		return false;
	for (const char *at = name; *at; at++)
		if (!g_ascii_isalnum(*at) && strchr("_+-/", *at) == NULL)
			return false;
	return g_ascii_isalpha(*name);
}

struct zone *zone_open(const char *name, struct err *err)
{
	GTimeZone *tz = could_be_a_name(name) ? g_time_zone_new_identifier(name) : NULL;
	if (tz == NULL) {
		err_set(err,
			"unknown time zone '%.100s': write a name of the IANA database such as Europe/Berlin "
			"or UTC"
			" (is the package tzdata installed?)",
			name);
		return NULL;
	}
	struct zone *zone = must_alloc(sizeof *zone);
	zone->tz = tz;
	return zone;
}

void zone_close(struct zone *zone)
{
	if (zone == NULL)
		return;
	g_time_zone_unref(zone->tz);
	free(zone);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Number of the stretch of constant offset that holds this second; it grows with time. */
static int stretch_at(const struct zone *zone, int64_t second)
{
	return g_time_zone_find_interval(zone->tz, G_TIME_TYPE_UNIVERSAL, second);
}

/* The first second in (from, to] that is in another stretch than `from`; to + 1 if there is none. */
static int64_t stretch_end(const struct zone *zone, int64_t from, int64_t to)
{
	int at_from = stretch_at(zone, from);
	if (stretch_at(zone, to) == at_from)
		return to + 1;
	while (to - from > 1) {
		int64_t middle = from + (to - from) / 2;
		if (stretch_at(zone, middle) == at_from)
			from = middle;
		else
			to = middle;
	}
	return to;
}

/* The first second whose local date is `date` (days since 1970) or a later one: so a date that a country
 * skipped (Samoa, 30 December 2011) has no length, and where the clock is set back over midnight the new
 * day begins once, when it is first reached. */
static int64_t first_second(const struct zone *zone, int64_t date)
{
	/* No zone has been more than 16 hours from UTC. */
	int64_t at = date * DAY_S - 16 * 3600, limit = date * DAY_S + 16 * 3600;
	while (at <= limit) {
		int64_t midnight = date * DAY_S - g_time_zone_get_offset(zone->tz, stretch_at(zone, at));
		int64_t end = stretch_end(zone, at, limit);
		if (midnight < end)
			return midnight > at ? midnight : at;
		at = end;
	}
	must(!"a local date that never begins");
	return limit;
}

int64_t zone_offset_s(const struct zone *zone, int64_t at_ms)
{
	return g_time_zone_get_offset(zone->tz, stretch_at(zone, floor_div(at_ms, 1000)));
}

struct zone_day zone_day_of(const struct zone *zone, int64_t at_ms)
{
	int64_t second = floor_div(at_ms, 1000);
	int64_t date = floor_div(second + g_time_zone_get_offset(zone->tz, stretch_at(zone, second)), DAY_S);
	int64_t start = first_second(zone, date), end;
	/* Set back over midnight, the old date shows again after the new one has begun: it is the new
	 * day still. */
	while ((end = first_second(zone, date + 1)) <= second) {
		start = end;
		date++;
	}
	return (struct zone_day){start * 1000, end * 1000};
}

struct zone_day zone_day_before(const struct zone *zone, struct zone_day day)
{
	return zone_day_of(zone, day.start_ms - 1);
}
