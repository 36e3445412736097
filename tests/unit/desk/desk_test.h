/* Includes, and events in few words, for the tests of desk. */
#ifndef DESK_TEST_H
#define DESK_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desk/desk.h"

#define SECOND_MS 1000LL
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define NOON      1717329600000LL /* 2024-06-02 12:00 UTC */

static inline struct desk_options plain_options(void)
{
	return (struct desk_options){.group_wait_ms = 30 * SECOND_MS, .group_budget = 10};
}

/* An event of the incident `id` at a touchpoint; numbers go up. */
static inline struct alert_event event_of(uint64_t id, enum alert_type type, const char *touchpoint, int64_t at_ms)
{
	static uint64_t number;
	struct alert_event e = {
		.incident = id,
		.type = type,
		.touchpoint = str_of(touchpoint),
		.at_ms = at_ms,
		.raised_ms = at_ms,
		.number = ++number,
		.figures = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, 57, 23, at_ms},
	};
	return e;
}

static inline struct alert_event child_of(struct alert_event e, const char *parent)
{
	e.parents[e.parents_count++] = str_of(parent);
	return e;
}

static inline struct alert_event page_of(struct alert_event e)
{
	e.severity = ALERT_PAGE;
	return e;
}

/* What goes out until a time, as "trigger checkout, resolve shop+2": what, touchpoint, how many children. */
static inline const char *sent(struct desk *d, int64_t now_ms)
{
	static char text[8000];
	size_t len = 0;
	struct desk_message m;
	text[0] = '\0';
	while (desk_next(d, now_ms, &m)) {
		struct str name = m.event.touchpoint.len ? m.event.touchpoint : m.event.source;
		unsigned firing = m.event.firing ? m.event.firing : m.event.children_count;
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %s%.*s", len ? ", " : "",
					desk_what_name(m.what), m.event.collected ? "more of " : "", (int)name.len,
					name.at);
		if (firing)
			len += (size_t)snprintf(text + len, sizeof text - len, "+%u", firing);
	}
	assert_true(desk_next_ms(d) > now_ms);
	return text;
}

static inline void put(struct desk *d, struct alert_event e, int64_t now_ms)
{
	desk_event(d, &e, now_ms);
}

#endif
