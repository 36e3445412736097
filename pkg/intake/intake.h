/*
 * intake - the first stage as a machine: messages in, exact differences out.
 *
 * One intake per lane: decode, judge time, recognise repeats and edits of a response, add it all up. It knows no Kafka and no
 * thread. What it has taken in since the last intake_close is *open*: a tally, journal entries, dead letters, counts. The lane
 * writes that into one transaction, calls intake_close and goes on filling while the transaction commits; then intake_commit,
 * or intake_rollback, which undoes everything that was not committed, closed or open.
 *
 * Intake alone decides what is late or in the future, once. A response is judged by the clock that the caller passes:
 *   live:   late if time < now - reach; future if time or updated > now + skew
 *   replay: the clock is the newest accepted `time` so far (this event's included); future only if dated after future_after_ms
 *
 * A response counts at its touchpoint and at each ancestor that the registry gives it; what is taken back is taken out of all of
 * them. What is declared, and every parent, is known from the start, so touchpoints beyond the limit can't push it out. Those
 * count under _overflow, which has a parent only if it is declared with one, as any name.
 *
 * Ancestors are those of *this* configuration: the table of responses remembers where a response counted, not the ancestors it
 * had then. So another parent holds from then on: it lacks what the touchpoint got before, the old one keeps that, and a response
 * from before that is edited or deleted is taken out of the new one, which never counted it. All that leaves with the panes, one
 * longest window after the change (two for the window before); no count falls below zero meanwhile, the windows clamp and count
 * it (window.h). The touchpoints themselves stay exact. To remember the ancestors of each response was rejected: the table would
 * hold a tenth less for ever, for something that people change a few times a year.
 *
 * Owned by one thread. No allocation per message after warm-up.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include "base/hash.h"
#include "base/names.h"
#include "base/option.h"
#include "bundle/bundle.h"
#include "feedback/feedback.h"
#include "registry/registry.h"
#include "response/response.h"
#include "tally/tally.h"

#define INTAKE_UNMAPPED 0u   /* numbers in every lane's names: "_unmapped" */
#define INTAKE_OVERFLOW 1u   /* "_overflow": beyond touchpoints.max */

struct intake_options {
	int64_t lanes;                /* threads, each with its own consumer and producer */
	int64_t commit_interval_ms;
	int64_t max_future_skew_ms;
	const char *id_key_file;      /* secret for the keyed hash of ids and customers; one for the whole deployment */
	int64_t touchpoints_max;      /* parents are among them */
};
extern const struct option_row intake_options[];              /* section "intake" */
extern const struct option_row intake_touchpoint_options[];   /* section "touchpoints": max */

struct intake_source {
	const char *name;             /* part of a response's identity */
	struct feedback_mapping mapping;
};

struct intake_setup {
	struct intake_options options;
	struct response_options responses;
	const struct intake_source *sources;
	unsigned sources_count;
	int64_t reach_ms;             /* the longest window: older is late */
	struct hash_key id_key;
	const struct registry *registry;   /* parents; borrowed for the intake's life; NULL: none */
};

struct intake_counts {
	uint64_t tallied[LEDGERS];   /* put in: new responses and new versions; once, however many ancestors count them too */
	uint64_t consumed, duplicates, superseded, edits, deletions, unscored, unread, unmapped, overflowed, left_out;
	uint64_t rejected[FEEDBACK_REASONS];
};
void intake_counts_add(struct intake_counts *to, const struct intake_counts *);

struct intake;

NODISCARD struct intake *intake_create(const struct intake_setup *, struct err *);
void intake_destroy(struct intake *);

/* ---- partitions: the unit in which responses are known, refilled and forgotten ---- */
unsigned intake_partition_open(struct intake *);             /* a slot for intake_record */
void intake_partition_drop(struct intake *, unsigned slot);
void intake_refill(struct intake *, unsigned slot, int64_t now_ms, const struct bundle_journal *);

/* ---- use ---- */
struct intake_record {
	struct str bytes;
	unsigned source;              /* index into the setup's sources */
	unsigned slot;
	uint64_t tag;                 /* the caller's: comes back with a dead letter */
};

struct intake_clock {
	int64_t now_ms;
	int64_t future_after_ms;      /* a time or updated behind it is in the future */
	bool follows_events;          /* replay: now_ms is the floor, the newest accepted time so far is the clock */
	int64_t leave_out_after_ms;   /* replay --at: events dated (time or updated) after it are left out; INT64_MAX: none */
};
#define INTAKE_BATCH       64
#define INTAKE_LETTERS_MAX 4096   /* dead letters of one commit */

bool intake_room(const struct intake *, unsigned records);    /* false: close first */
void intake_take(struct intake *, const struct intake_record *, unsigned count, const struct intake_clock *);
int64_t intake_clock_ms(const struct intake *);               /* replay: the newest accepted time; INT64_MIN before the first */

/* ---- what is open ---- */
struct intake_letter {
	uint64_t tag;
	enum feedback_reason reason;
	struct str bytes;             /* as it came (absent or empty too); borrowed until close or rollback */
};

uint32_t intake_names_max(const struct intake_options *);     /* what numbers stay below: more than touchpoints_max */
const struct names *intake_names(const struct intake *);
struct bundle_sources intake_sources(const struct intake *);   /* of the touchpoints in the tally; parents have none */
struct tally *intake_tally(struct intake *);
unsigned intake_letters(const struct intake *);
struct intake_letter intake_letter(const struct intake *, unsigned i);
unsigned intake_journal(const struct intake *);               /* entries of all slots, in the order in which they were decided */
const struct response_entry *intake_journal_entry(const struct intake *, unsigned i, unsigned *slot);
bool intake_idle(const struct intake *);                      /* nothing is open */

/* ---- transactions ---- */
void intake_close(struct intake *);      /* what was open is written: empty for what comes next. At most one closed at a time. */
void intake_commit(struct intake *, struct intake_counts *total);   /* the closed one is through: its counts are added to total */
void intake_rollback(struct intake *);   /* back to the last commit */

struct response_stats intake_stats(const struct intake *);

/* ---- the journal's low-water mark: from which journal offset on a refill finds all that is within the horizon ---- */
#define INTAKE_MARKS 2400                /* one an hour: 100 days; a longer horizon merges the oldest, which only lengthens a refill */
struct intake_marks {
	unsigned first, count;
	struct {
		int64_t hour, offset;
	} at[INTAKE_MARKS];
};
void intake_mark(struct intake_marks *, int64_t seen_ms, int64_t offset);             /* a journal message stands at offset */
int64_t intake_low_water(struct intake_marks *, int64_t now_ms, int64_t horizon_ms);   /* -1: none yet */

#endif
