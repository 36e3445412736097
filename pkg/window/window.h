/*
 * window - how much feedback of each score the last minutes, hours and days held, per touchpoint and ledger.
 *
 * A slot is one ledger of one touchpoint. Each window of a slot is a ring of panes, length/60 wide (whole seconds, aligned
 * to the epoch), and a running sum: O(1) per response and per pane that leaves. Sums are whole numbers, so taking back is exact.
 * Behind each ring stand as many panes of (p, q, d): the window before. `today` is the local date of the slot's zone, its window
 * before the whole local day before; its panes are half hours counted from the day's first instant.
 *
 *   to_ms   = the next whole second after the clock; never moves back
 *   from_ms = the first pane edge at or after to_ms - length (rolling); the day's first instant (today)
 *   before  = [from - length, from); for today the whole day before
 *
 * A cell dated at or after `to` waits and enters when due. A cell older than the window before is no business of that window.
 * Invariant: sum == the sum of the panes in [from, to). Panes are 11 counters of 4, 8, 16, 32 or 64 bits in blocks of 8,
 * allocated when first touched, widened block by block, given back when all their panes have left: a quiet slot costs little.
 *
 * A correction comes behind what it corrects, so no count falls below zero, unless what it corrects was never seen (a log whose
 * start was cut off, a touchpoint that got another parent): then the count stays at zero and the cell is counted in `clamped`.
 * Owned by one thread.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "feedback/feedback.h"
#include "nps/nps.h"
#include "zone/zone.h"

#define WINDOWS_MAX      8
#define WINDOW_PANES_MAX 122   /* in a series: 60 and a partial one, now and before */
#define WINDOW_FULL      UINT32_MAX

struct window_spec {
	char name[16];      /* as configured: "5m", "today" */
	int64_t length_s;   /* whole minutes (so that 60 panes are whole seconds), 1m..90d; today: 0 */
};
NODISCARD bool window_spec_parse(struct str text, struct window_spec *, struct err *);   /* "5m" "1h" "7d" "90m" "today" */
int64_t window_spec_reach_s(const struct window_spec *);   /* how far back a cell can matter for `now`: length; today: 25 h */

struct window_options {
	struct window_spec specs[WINDOWS_MAX];
	unsigned count;
	uint32_t slots_max;
};

struct windows;

struct windows *windows_create(const struct window_options *, int64_t now_ms);
void windows_destroy(struct windows *);
uint32_t windows_open(struct windows *, enum ledger, const struct zone *);   /* a new slot; the zone is borrowed; WINDOW_FULL */

void windows_add(struct windows *, uint32_t slot, uint32_t second, uint8_t bin, int32_t delta);   /* delta < 0 takes back */
/* The clock; an older one has no effect. Slots follow when they are touched. */
void windows_advance(struct windows *, int64_t now_ms);
int64_t windows_to_ms(const struct windows *);

struct window_reading {
	int64_t from_ms, to_ms;
	int64_t bins[BINS];          /* [from, to) */
	struct nps_counts before;    /* the window before */
};
void windows_read(struct windows *, uint32_t slot, unsigned which, struct window_reading *);

struct window_pane {
	int64_t start_ms;
	struct nps_counts counts;
};
/* The window and the one before, oldest pane first, panes without feedback left out; returns how many. */
unsigned windows_series(struct windows *, uint32_t slot, unsigned which, struct window_pane out[WINDOW_PANES_MAX]);

/* Nothing in any window, the windows before and waiting cells included. */
bool windows_empty(struct windows *, uint32_t slot);
/* The first `to` at which counts would change by themselves; INT64_MAX: never. */
int64_t windows_next_ms(struct windows *, uint32_t slot, unsigned which);

struct window_memory {
	uint64_t bytes;     /* all that was allocated; it does not shrink */
	uint64_t slots, blocks, block_bytes, waiting;   /* in use */
	uint64_t clamped;   /* cells that would have taken a count below zero, since create */
	uint64_t missed;    /* windows of loaded slots that the bytes did not hold (configuration or zone changed): they began empty */
};
struct window_memory windows_memory(const struct windows *);

/* A slot as bytes and back: exact, small (whole numbers as varints). The bytes carry the length of each window, so that a changed
 * configuration loads what it still can (windows of the same length); the others begin empty and count as `missed`.
 * save returns the length, or 0 if `max` is too small (a busy slot of five windows: 6 kB, at the very most 50 kB for eight, and
 * up to 8 bytes per waiting cell, of which there is one per second and bin).
 * load fills a slot fresh from windows_open, with the same ledger and zone. Bytes from a clock up to a minute ahead take this
 * clock along (to_ms never moves back, whoever published it); from further ahead they can't be read. After false the slot is
 * fresh still. */
#define WINDOW_AHEAD_MAX_S 60
size_t windows_save(struct windows *, uint32_t slot, unsigned char *out, size_t max);
bool windows_load(struct windows *, uint32_t slot, const unsigned char *bytes, size_t len);   /* false: can't be read */

#endif
