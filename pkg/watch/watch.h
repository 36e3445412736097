/*
 * watch - the second stage as a machine: bundles in, what readers should see out.
 *
 * One watch per partition of the tallies; a pure function of its log. *Log time* is the running maximum of min(record timestamp,
 * the intake's clock in the bundle); all that leaves a trace knows only that and the order of the log. The machine's clock
 * (watch_advance) only places the edges of published windows. So a position (log time, offset) is the version of what follows from it.
 *
 * Publishing is pulled: the publisher brings an empty batch, the watch fills it with the touchpoints that are most overdue, in the
 * state of this moment. Nothing queues, a slow Redis stretches everybody's pace evenly, and the newest value always wins.
 * A hash is due at its first change after quiet at once, then at most every max(100 ms, window / 3600); a change is also a pane that
 * leaves. A series goes along when a pane of it has ended, with thousands of touchpoints less often. All is due once every `refresh` (which heals what Redis lost unseen and renews TTLs).
 *
 * Detectors (judge.c) see what arrives at its log time, per touchpoint and ledger; what they find becomes numbered events (told.c) that
 * wait here until Kafka has them and Redis has them with a checkpoint. A checkpoint never holds the state behind an event that is not in
 * the stream: so an event is derived again after a crash, with the same id and number, or it is there. Time without responses is judged at
 * seconds that follow from the state alone, so it does not matter when the machine gets round to it.
 *
 * Checkpoints are staggered: touchpoints wait in the order in which they first changed since their last one. `low` is the position
 * from which a new owner has to read: what it was before the first change that no checkpoint holds. A touchpoint restored from a
 * checkpoint skips what it has already seen. Owned by one thread.
 */
#ifndef WATCH_H
#define WATCH_H

#include "alert/alert.h"
#include "base/names.h"
#include "base/option.h"
#include "bundle/bundle.h"
#include "registry/registry.h"
#include "view/view.h"
#include "window/window.h"

struct watch_options {
	int64_t refresh_ms;            /* per 10,000 touchpoints */
	int64_t checkpoint_ms;         /* a change is in a checkpoint after this */
	double cpu_max;                /* the publisher's share of a core */
};
extern const struct option_row watch_options[];   /* section "publish" */

struct watch_zone {
	const char *touchpoint;
	const struct zone *zone;
};

struct watch_setup {
	struct watch_options options;
	struct window_options windows;   /* slots_max is set by the watch */
	uint32_t touchpoints_max;
	const struct zone *zone;         /* the default; all zones are borrowed */
	const struct watch_zone *zones;  /* of single touchpoints */
	unsigned zones_count;
	int64_t ttl_ms;                  /* of the keys: a series is written again before half of it is over; 0: does not matter */
	int32_t partition;
	struct alert_options alerts;     /* not enabled: nothing is judged. Text is borrowed */
	const struct registry *registry; /* borrowed; NULL: nothing is declared */
	bool ticks;                      /* the log has a record a second at least: a longer gap means that nobody was there, no silence */
};

struct watch;

struct watch *watch_create(const struct watch_setup *, int64_t now_ms);
void watch_destroy(struct watch *);

/* ---- the log ---- */
/* False: can't be read; the position moves on. An offset at or before the position was applied already: nothing happens. */
bool watch_apply(struct watch *, struct str bundle, int64_t record_ms, int64_t offset);
void watch_advance(struct watch *, int64_t now_ms);

struct watch_position {
	int64_t log_ms, offset;        /* of the last record applied; offset -1: none */
};
struct watch_position watch_position(const struct watch *);

/* ---- alerts: what detectors found, told in order ---- */

struct watch_alert {
	uint64_t tag;                  /* of this watch, from 1 */
	struct str touchpoint;         /* all text is valid until the event is settled */
	enum ledger ledger;
	enum alert_kind kind;
	enum alert_type type;
	enum alert_severity severity;
	uint64_t number, incident;
	bool open;                     /* the incident, after this event */
	int64_t at_ms;
	struct str json;
};
const struct watch_alert *watch_alert_next(struct watch *);          /* the oldest that was not handed out; NULL: none */
void watch_alert_written(struct watch *, uint64_t tag, bool ok);     /* Kafka has it; not ok: it is handed out again, and all behind it */
unsigned watch_alerts_waiting(const struct watch *);                 /* not settled yet */
void watch_alerts_settle(struct watch *);                            /* all that were handed out: where there is neither Kafka nor Redis */
unsigned watch_incidents(const struct watch *);                      /* open ones that were told */
/* Settings of alerts, from the next record on: text is borrowed, from the old ones no longer. */
void watch_alerts_set(struct watch *, const struct alert_options *);

/* What the registry and the settings say of an event's touchpoint; its text lies in the registry and in `links`. */
struct watch_links {
	char dashboard[ALERT_JSON_MAX / 4], runbook[ALERT_JSON_MAX / 4];
};
void watch_describe(const struct registry *, const struct alert_options *, struct alert_event *, struct watch_links *);

/* Without a checkpoint the log is read again: detectors learn from it, nothing is told. Begin before the first record, then hand in what
 * was told (every event in Kafka's corridor.alerts, in its order); the end tells what is over by now. */
void watch_rebuild_begin(struct watch *);
void watch_rebuild_known(struct watch *, const struct alert_event *);
void watch_rebuild_end(struct watch *);

/* Redis may lack events that it had: every event in Kafka's corridor.alerts is handed in, in its order, and those of incidents that are
 * open or of after since_ms go with the next checkpoints, before all that waits here. One that is in the stream is left out there. */
void watch_again(struct watch *, const struct alert_event *, struct str json);
void watch_again_end(struct watch *, int64_t since_ms);

/* ---- reading ---- */
uint32_t watch_touchpoints(const struct watch *);
struct str watch_touchpoint(const struct watch *, uint32_t i);
bool watch_has(const struct watch *, uint32_t i, enum ledger);   /* it had feedback in this ledger */
void watch_read(struct watch *, uint32_t i, enum ledger, unsigned which, struct window_reading *);
unsigned watch_series(struct watch *, uint32_t i, enum ledger, unsigned which, struct window_pane out[WINDOW_PANES_MAX]);

/* ---- publishing ---- */

/* Where feedback comes from: how many touchpoints of each source had any within a day. Parents are of none. */
#define WATCH_SOURCES 64
struct watch_source {
	struct str name;      /* valid as long as the watch */
	uint64_t touchpoints;
};

#define WATCH_BATCH        128
#define WATCH_FIELDS       256
#define WATCH_FIELDS_BYTES (2 << 20)
#define WATCH_ALERTS       64

struct watch_field {
	struct str touchpoint;
	size_t at, len;                /* in the batch's bytes; len 0: the touchpoint is empty, its field goes away */
	bool of_rewrite;
};

/* Filled by the watch, then read by the publisher's thread until it comes back. Names stay valid as long as the watch. */
struct watch_batch {
	unsigned count;
	struct publication at[WATCH_BATCH];
	int64_t changed_ms[WATCH_BATCH];     /* when the oldest unpublished change came in; 0: nothing changed, a refresh */
	uint32_t touchpoints[WATCH_BATCH];   /* numbers, for watch_failed */
	struct publication_window *windows;  /* pools */
	unsigned windows_count;
	struct window_pane *panes;
	unsigned panes_count;
	struct publication_alert alert_parts[WATCH_BATCH];
	struct view_fields *alert_fields;    /* of WATCH_BATCH */

	struct watch_position position;
	unsigned fields_count;               /* of the checkpoint; 0: none is due */
	struct watch_field fields[WATCH_FIELDS];
	uint32_t field_touchpoints[WATCH_FIELDS];
	unsigned char *bytes;
	bool low_known;                      /* false: touchpoints of a rewrite are still to come */
	struct watch_position low;           /* once these fields are written */
	bool replace;                        /* the first part of a rewrite */
	struct watch_position before[WATCH_FIELDS];   /* for watch_checkpoint_failed */

	unsigned sources_count;                       /* 0: not due */
	struct watch_source sources[WATCH_SOURCES];
	unsigned alerts_count;                        /* go with the checkpoint, into the stream */
	struct watch_alert alerts[WATCH_ALERTS];
};
struct watch_batch *watch_batch_create(void);
void watch_batch_destroy(struct watch_batch *);

void watch_fill(struct watch *, int64_t now_ms, struct watch_batch *);              /* what is due; may be nothing */
void watch_fill_checkpoint(struct watch *, int64_t now_ms, bool all, struct watch_batch *);   /* all: on stopping, whatever its age */
void watch_failed(struct watch *, uint32_t touchpoint);                              /* not published: all of it is due again */
void watch_published(struct watch *, uint32_t touchpoint, bool fresh);               /* fresh: Redis knew nothing of it any more */
void watch_hurry(struct watch *);                                                    /* on stopping: what changed is due now, whatever its pace */
void watch_checkpoint_failed(struct watch *, const struct watch_batch *);            /* its fields are to be written again */
void watch_checkpoint_written(struct watch *, const struct watch_batch *);           /* its alerts are settled */
void watch_checkpoint_rewrite(struct watch *);                                       /* Redis lost it: write all, begin with replace */
void watch_publish_all(struct watch *);                                              /* Redis lost it: everything is due */
unsigned watch_due(const struct watch *, int64_t now_ms);                            /* touchpoints that wait to be published */
unsigned watch_unsaved(const struct watch *);                                        /* touchpoints with changes that no checkpoint holds */

/* ---- restart ---- */
bool watch_restore(struct watch *, struct str touchpoint, struct str bytes);   /* a checkpoint's field; false: can't be read, or one too many */
void watch_restored(struct watch *, struct watch_position low);                /* after the last field */
void watch_log_anew(struct watch *);   /* the topic was created anew: offsets start again, what was counted stays */

struct window_memory watch_memory(const struct watch *);

#endif
