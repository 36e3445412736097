/*
 * desk - what of the alerts' events goes out to people, when, and as what.
 *
 * The log says what is so; the desk remembers what was told and lets the difference out as soon as nothing stands in its way:
 *
 *   muted       its touchpoint is muted: nothing goes out. What is still open when the mute ends is told then
 *   held        quiet hours, and it is no more severe than what they hold: judged again at their end, told only if still open
 *   waiting     a ticket that has a parent or a source gives them `group_wait` to fire as well; pages go at once
 *   grouped     a parent fires (same ledger and kind, at least as severe, not muted), or its source is suspected: that one speaks
 *               for it and lists it among its children. If that one resolves first, it is told then
 *   collected   its nearest parent had `group_budget` messages within the hour: one message tells how many more fire
 *
 * Grouping and the budget concern the message that opens an incident, and only that: what was told goes on being told, and every
 * trigger is followed by one resolve once its incident is over. A reopened incident that was told before is an update, no
 * trigger. An acknowledged one is silent until its severity rises, it resolves, or it is reopened, which ends the
 * acknowledgement.
 *
 * Over half of a source's active touchpoints, and at least 5, open and raised within ten minutes: that is the source (a reversed
 * scale, a broken mapping). The desk makes a page of its own of it, kind source_suspect, under which they and what the source
 * raises meanwhile are grouped; it resolves when under a quarter of them are open. Its id is a hash of the source and of the ten
 * minutes in which the first of them was raised.
 *
 * A pure machine: the clock is passed in, the same calls give the same messages. One desk has to see the events of all
 * partitions, since a parent and its children lie in different ones; so one owner of the whole delivers. After a restart feed
 * what is known (desk_restore) and the mutes, and it goes on; a ticket's wait begins anew, and who is collected is judged anew.
 * Owned by one thread. Grows with the incidents that are open or were within the last day (one costs 2 KB or so).
 */
#ifndef DESK_H
#define DESK_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/alert.h"
#include "base/err.h"
#include "base/option.h"
#include "base/str.h"
#include "zone/zone.h"

/* ---- settings ---- */

struct desk_options {
	const char *quiet_hours;    /* "22:00-07:00"; NULL: none */
	int quiet_severity;         /* enum alert_severity: up to this one is held */
	struct option_list mute;    /* touchpoints; one that ends in * stands for all that begin so */
	int64_t group_wait_ms;
	int64_t group_budget;       /* per parent and hour; 0: no limit */
	int64_t give_up_ms;         /* for the sinks: what could not be delivered for so long is a dead letter */
};
extern const struct option_row desk_options[];   /* section `delivery` */

NODISCARD bool desk_check_quiet_hours(struct str, struct err *);   /* "must be ...": the caller knows the place */
NODISCARD bool desk_check_mute(struct str pattern, struct err *);

/* ---- life ---- */

struct desk;

/* Options that desk_check_* refused are a bug; their texts are copied. Quiet hours are local to the zone, which is borrowed;
 * NULL: UTC. */
struct desk *desk_create(const struct desk_options *, const struct zone *);
void desk_destroy(struct desk *);   /* NULL is fine */
void desk_set_options(struct desk *, const struct desk_options *, int64_t now_ms);   /* applies to all that is not told yet */

/* ---- what goes in; now_ms never goes back ---- */

/* All of an event is copied. One whose number is not above the incident's newest is a repetition and changes nothing. */
void desk_event(struct desk *, const struct alert_event *, int64_t now_ms);
/* at_ms: when it was said; what was said once is heard once, though it be handed in again and again. Unknown, closed or
 * acknowledged already: nothing happens. */
void desk_ack(struct desk *, uint64_t incident, int64_t at_ms, int64_t now_ms);
/* A name, or its begin and a *; nothing goes out of these touchpoints until then. A time that is past ends the mute. */
void desk_mute(struct desk *, struct str pattern, int64_t until_ms, int64_t now_ms);   /* replaces one of this pattern */
/* Around all mutes that there are: those not mentioned in between were taken back. */
void desk_mutes_begin(struct desk *);
void desk_mutes_end(struct desk *, int64_t now_ms);
void desk_source(struct desk *, struct str source, uint64_t active_touchpoints);   /* known better; never said: never suspected */

/* What went out of an incident: to be kept with it by who delivers, and given back after a restart. */
struct desk_sent {
	bool triggered;                 /* somebody was told that it is open */
	bool resolved;                  /* and, since, that it is over */
	bool acked;
	enum alert_severity severity;   /* the highest that was told */
	uint64_t number;                /* of the newest event that was told */
	int64_t at_ms;                  /* when its opening was told: counts for the hour's budget */
};
bool desk_sent(const struct desk *, uint64_t incident, struct desk_sent *);   /* false: not known here */
/* The newest event of an incident (open, or resolved within the last day), and what was told of it; NULL: nothing. Those of the
 * desk's own making (source_suspect, collected) are given back like any other, in any order. */
void desk_restore(struct desk *, const struct alert_event *, const struct desk_sent *, int64_t now_ms);

/* ---- what comes out ---- */

enum desk_what { DESK_TRIGGER, DESK_UPDATE, DESK_ACKNOWLEDGE, DESK_RESOLVE };
const char *desk_what_name(enum desk_what);   /* "trigger", "update", "acknowledge", "resolve" */

struct desk_message {
	enum desk_what what;
	/* The newest, with the open children as far as the list goes. Texts are the desk's, until its next call that isn't const.
	 * Of the desk's own making: a source_suspect (no touchpoint; label and source are the source's name) and `collected`
	 * (touchpoint is the parent; what else is known of that is the caller's to add). */
	struct alert_event event;
	struct str group;               /* what belongs together: the nearest parent, else the touchpoint itself */
};
/* The next message that is due; it counts as told once returned. False: nothing is due now. */
bool desk_next(struct desk *, int64_t now_ms, struct desk_message *);
int64_t desk_next_ms(const struct desk *);   /* when desk_next wants to be asked again; INT64_MAX: not before something goes in */

/* ---- queries ---- */

enum desk_state {
	DESK_UNKNOWN, DESK_WAITING, DESK_MUTED, DESK_HELD, DESK_GROUPED, DESK_COLLECTED, DESK_SENT, DESK_OVER,
};
#define DESK_STATES 8
/* Why it has not been told, as of the last desk_next; DESK_SENT: it was told that it is open. */
enum desk_state desk_state(const struct desk *, uint64_t incident);
void desk_count(const struct desk *, uint64_t counts[DESK_STATES]);   /* incidents in each state, for metrics */

#endif
