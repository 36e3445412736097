/*
 * replay - the same core without Kafka and Redis: lines in, final windows out.
 *
 * Drives the real thing: each line goes through intake (decode, judge, tally), the tally becomes bundle bytes, the watch reads them.
 * Deterministic: the clock is the newest accepted event time so far, or stands at `at` in the end. How people check us, and how
 * we check ourselves against counts that were worked out in another way.
 *
 * Three parts that know nothing of each other: the line reader (bytes of any cut to lines), the machine, and the formats. No part
 * reads a file or a clock: the caller hands bytes in and takes text out.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "intake/intake.h"
#include "watch/watch.h"

/* ---- lines ---- */

#define REPLAY_LINE_MAX (256 << 20)   /* a longer line is no line of events: an error, not a dead letter */

struct replay_line {
	struct str text;     /* without its end (LF or CR LF); never empty */
	uint64_t number;     /* from 1, empty lines counted */
};

struct replay_lines;

struct replay_lines *replay_lines_create(void);
void replay_lines_destroy(struct replay_lines *);
/* Where the next bytes go, and how many may: at least 1 MiB. Lines handed out before are gone. NULL: a line is too long. */
char *replay_lines_room(struct replay_lines *, size_t *room);
void replay_lines_filled(struct replay_lines *, size_t bytes);   /* 0: the input has ended */
bool replay_lines_next(struct replay_lines *, struct replay_line *);   /* false: no more whole lines here */

/* ---- the machine ---- */

struct replay_setup {
	struct intake_setup intake;   /* one source; its reach is worked out here */
	struct watch_setup watch;
	int64_t at_ms;                /* windows end here, what is dated later is left out; INT64_MIN: at the newest event */
	int64_t machine_ms;           /* what is dated after this is in the future */
	/* Events of incidents, as they are found; watch.alerts says whether any are. One found by a look at the clock may come up to a minute
	 * after others of a later time. Its text is borrowed for the call. False stops. */
	bool (*alert)(void *context, const struct watch_alert *);
	void *alert_context;
};

/* Called for each reject, in order. The bytes are borrowed for the call. False stops. */
typedef bool replay_letter(void *context, uint64_t line, enum feedback_reason, struct str bytes);

struct replay;

NODISCARD struct replay *replay_create(const struct replay_setup *, replay_letter *, void *context, struct err *);
void replay_destroy(struct replay *);
bool replay_take(struct replay *, const struct replay_line *, unsigned count);   /* at most INTAKE_BATCH; false: a letter said stop */
bool replay_finish(struct replay *);                                           /* the input has ended: now there are rows */
const struct intake_counts *replay_counts(const struct replay *);
struct response_stats replay_stats(const struct replay *);

/* One touchpoint, ledger and window that holds anything, or whose window before does: what Redis would hold a hash for. */
struct replay_row {
	struct str touchpoint;
	enum ledger ledger;
	const char *window;
	unsigned which;
	struct window_reading reading;
};
typedef bool replay_emit_row(void *context, const struct replay_row *);
/* In the order of touchpoint bytes, ledger, window as configured. False: emit said so. */
bool replay_rows(struct replay *, replay_emit_row *, void *context);

/* ---- formats ---- */

#define REPLAY_TEXT_MAX 8192
typedef bool replay_emit_text(void *context, struct str);

size_t replay_json(char out[REPLAY_TEXT_MAX], const struct replay_row *);        /* one object, ends in a newline */
size_t replay_csv_head(char out[REPLAY_TEXT_MAX]);                             /* RFC 4180: CR LF, quotes where needed */
size_t replay_csv(char out[REPLAY_TEXT_MAX], const struct replay_row *);
/* {"line":..,"reason":..,"detail":..,"raw":base64} and a newline, in pieces of any number. */
bool replay_letter_json(uint64_t line, enum feedback_reason, struct str bytes, replay_emit_text *, void *context);

#endif
