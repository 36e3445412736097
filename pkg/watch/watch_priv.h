/* What the files of `watch` share. */
#ifndef WATCH_PRIV_H
#define WATCH_PRIV_H

#include "watch/watch.h"

#define NOBODY UINT32_MAX

/* Times of publishing are in tenths of a second since the watch began: 13 years in 32 bits. */
#define TICK_MS     100
#define WHEEL_SLOTS 4096   /* 409 s ahead; a later one is looked at again then */

/* One ledger of one touchpoint; its number is the window slot's. */
struct slot_state {
	uint32_t published[WINDOWS_MAX];   /* tick of the last publish + 1; 0: never */
	uint32_t changes[WINDOWS_MAX];     /* tick at which it changes by itself, or is refreshed */
	uint32_t series[WINDOWS_MAX];      /* tick of the last series + 1; 0: never */
	uint8_t dirty;                     /* a bit per window */
};

struct touch {
	uint32_t slot[LEDGERS];            /* NOBODY: no feedback yet */
	int64_t last_ms;                   /* time of the newest response ever */
	int64_t seen_offset;               /* restored: records up to here are in the state already */
	int64_t changed_ms;                /* machine time of the oldest unpublished change; 0: none */
	uint32_t due_next, due_prev;       /* the wheel */
	uint32_t due;                      /* tick; UINT32_MAX: not in the wheel */
	uint32_t save_next, save_prev;     /* the checkpoint's waiting list */
	bool unsaved, of_rewrite;
	bool shown;                        /* something of it was written to Redis by us */
	struct watch_position before;      /* unsaved: the position before its first change that no checkpoint holds */
	int64_t unsaved_since_ms;
	const struct zone *zone;
};

struct watch {
	struct watch_setup setup;
	struct names *names;
	struct names *zone_names;
	struct touch *touches;
	struct windows *windows;
	struct slot_state *slots;
	uint32_t slots_max;
	struct bundle_reader *reader;
	struct watch_position position;
	int64_t offset_before;             /* of the record before the current one */
	bool behind;
	int64_t start_ms, now_ms;
	uint32_t pace[WINDOWS_MAX], series_pace[WINDOWS_MAX];   /* ticks */
	uint32_t overflow;                 /* number of `_overflow.<partition>` */
	uint32_t wheel[WHEEL_SLOTS];
	int64_t series_ms;                 /* machine time at which credit for series was last given */
	double series_credit;
	uint32_t cursor;                   /* first tick that was not emptied */
	unsigned queued;
	uint32_t save_first, save_last;
	unsigned save_count, rewrite_left;
	bool replace_next;
	int64_t saved_ms, filled_ms;       /* machine time of the last look, and of the last that gave something */
	double save_credit;
	uint32_t save_turn;
	unsigned char *scratch;
};

#define SAVE_BYTES_MAX (128 * 1024)   /* of one touchpoint's checkpoint: 4 ledgers, 8 windows of 60 + 60 panes, far below */

static inline uint32_t watch_tick(const struct watch *w, int64_t at_ms)
{
	return at_ms <= w->start_ms ? 0 : (uint32_t)((at_ms - w->start_ms) / TICK_MS);
}

void watch_wheel_put(struct watch *, uint32_t touchpoint, uint32_t due);
void watch_wheel_remove(struct watch *, uint32_t touchpoint);
void watch_changed(struct watch *, uint32_t touchpoint, uint32_t slot);   /* its windows hold something new */
void watch_save_last(struct watch *, uint32_t touchpoint, struct watch_position before);
void watch_save_first(struct watch *, uint32_t touchpoint, struct watch_position before);
void watch_save_remove(struct watch *, uint32_t touchpoint);
bool watch_touchpoint_empty(struct watch *, const struct touch *);
uint32_t watch_open_touchpoint(struct watch *, struct str name);
uint32_t watch_open_slot(struct watch *, uint32_t touchpoint, enum ledger);

#endif
