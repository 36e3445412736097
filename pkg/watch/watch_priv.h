/* What the files of `watch` share. */
#ifndef WATCH_PRIV_H
#define WATCH_PRIV_H

#include "spike/spike.h"
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
	struct judged *judged;             /* NULL: not judged */
};

/* ---- judge.c: what detectors know of one ledger of one touchpoint ---- */

#define JUDGED_KINDS 3   /* by enum alert_kind: spike, silence, rise */

struct judged {
	struct spike spike;                /* of detractors */
	struct spike_silence silence;
	struct spike *rise;                /* of promoters; NULL: not asked for */
	struct alert_incident incidents[JUDGED_KINDS];
	uint64_t number;                   /* of its newest event */
	int64_t look_s;                    /* log second at which silence is judged if nothing arrives before; 0: detectors did not begin yet */
};

/* What touchpoints of a ledger are taken for before they have shown themselves. */
struct judge_groups {
	struct spike_group spike, rise;
};

/* What an answer of a ledger is. */
struct judge_class {
	uint8_t counts, detractor, promoter;
};

/* Local time of a zone, good for [from_ms, until_ms). */
struct judge_clock {
	const struct zone *zone;
	int64_t from_ms, until_ms, offset_s;
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
	bool parent;                       /* of others, by the registry */
	uint16_t source;                   /* of its newest responses: number in `sources` + 1; 0: not known */
	bool alert_due;                    /* its alert hash holds something new */
	uint32_t alert_told;               /* tick of the hash's last publish + 1; 0: never */
	uint32_t look_next;                /* the others that are looked at in the same second of a minute */
	struct watch_position before;      /* unsaved: the position before its first change that no checkpoint holds */
	int64_t unsaved_since_ms;
	const struct zone *zone;
};

/* An event on its way out: told.c */
#define TOLD_NEW      0
#define TOLD_OUT      1            /* handed out, on its way to Kafka */
#define TOLD_WRITTEN  2
struct told {
	struct watch_alert alert;
	char *json;
	uint32_t touchpoint;
	uint8_t state;
};

struct watch {
	struct watch_setup setup;
	struct names *names;
	struct names *zone_names;
	struct names *sources;
	int64_t sources_ms;                /* machine time at which they were last counted */
	struct touch *touches;
	struct windows *windows;
	struct slot_state *slots;
	uint32_t slots_max;
	struct bundle_reader *reader;
	struct watch_position position;
	struct watch_position before;      /* that before the current record */
	uint32_t shards;                   /* over how many watches touchpoints are spread, as bundles say */
	struct judge_groups groups[LEDGERS];
	struct judge_class classes[LEDGERS][BINS];
	bool groups_begun;
	int64_t groups_offset;             /* restored: the groups have seen the log up to here */
	struct judge_clock *clocks;
	unsigned clocks_count;
	uint32_t look_first[60];           /* by second of the minute: a list of touchpoints */
	int64_t looked_s, behind_s;        /* log seconds: all were looked at up to here; an intake was behind last */
	unsigned judged_count, parents_count;   /* ledgers of touchpoints; those of parents */
	struct spike_terms terms[2];       /* for this record; [1]: of parents */
	bool rebuilding;
	struct told *told;                 /* events that are not settled, oldest first */
	unsigned told_count, told_room;
	struct told *again;                /* events of before that Redis may lack, oldest first */
	unsigned again_count, again_room;
	uint64_t told_tags;
	unsigned incidents;
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

/* judge.c */
void judge_init(struct watch *);
void judge_release(struct watch *);
void judge_touchpoint(struct watch *, uint32_t touchpoint);        /* it is new */
void judge_record(struct watch *, bool behind, uint32_t shards);   /* log time has come to w->position */
void judge_group(struct watch *, uint32_t touchpoint, const struct bundle_group *, bool groups_fed);
void judge_prefetch(const struct watch *, const struct touch *, enum ledger);   /* it will be judged soon */
struct judged *judge_open(struct watch *, uint32_t touchpoint, enum ledger);
/* Silence is judged at each second before log_s at which it is due. */
void judge_look(struct watch *, uint32_t touchpoint, enum ledger, struct judged *, int64_t log_s);

/* parts.c */
#define JUDGE_PARTS_MAX 64         /* seconds of a touchpoint in one bundle that are told apart, over all ledgers */
struct judge_part {                /* the cells of one ledger and second */
	int64_t n, detractors, promoters;
	uint32_t second;
	uint8_t ledger;
};
struct judge_parts {
	struct judge_part at[JUDGE_PARTS_MAX];
	unsigned count;
};
struct judge_arrived {
	struct spike_batch detractors, promoters;
	uint32_t newest_s;         /* of the seconds that came */
};
void judge_classes_init(struct judge_class classes[LEDGERS][BINS]);
/* A bit per ledger that there is. */
unsigned judge_parts_of(struct judge_parts *, const struct bundle_group *, const struct judge_class classes[LEDGERS][BINS]);
/* Detectors hear the corrections of a ledger; what is new is given back. */
struct judge_arrived judge_parts_take(const struct judge_parts *, enum ledger, struct judged *);
bool judge_remembers(const struct watch *, const struct touch *);   /* more than its windows do: it stays in the checkpoint */

/* answer.c */
struct judge_answer {
	uint32_t touchpoint;
	enum ledger ledger;
	enum alert_kind kind;
	int64_t at_ms, offset;
	bool news;                         /* not of feedback that is old */
	enum spike_severity severity;      /* of the detector, now */
	const struct spike_event *event;   /* NULL: nothing happened */
};
void judge_answer(struct watch *, struct judged *, const struct judge_answer *, const struct alert_figures *);
struct alert_figures judge_figures(struct watch *, uint32_t touchpoint, enum ledger, const struct spike *, const struct spike_event *);
void judge_nps(struct watch *, uint32_t touchpoint, enum ledger, struct alert_figures *);
bool judge_view(struct watch *, uint32_t touchpoint, struct view_alert *);   /* false: nothing is judged there */

/* told.c */
void told_release(struct watch *);
void told_event(struct watch *, uint32_t touchpoint, enum ledger, enum alert_kind, const struct alert_step *,
		const struct alert_figures *, int64_t at_ms);
/* What goes with the next checkpoint; false: something waits for Kafka still, so no state may be saved. */
bool told_fill(struct watch *, struct watch_batch *);

/* judge_save.c */
size_t judge_save(const struct judged *, unsigned char *out, size_t max);
bool judge_load(struct judged *, const unsigned char *bytes, size_t len);
size_t judge_groups_save(const struct watch *, unsigned char *out, size_t max);
bool judge_groups_load(struct watch *, const unsigned char *bytes, size_t len);
uint32_t watch_open_touchpoint(struct watch *, struct str name);
void watch_set_source(struct watch *, uint32_t touchpoint, struct str name);
struct str watch_source(const struct watch *, uint32_t touchpoint);
uint32_t watch_open_slot(struct watch *, uint32_t touchpoint, enum ledger);

#endif
