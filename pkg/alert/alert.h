/*
 * alert - an incident and its life, and what is told of it.
 *
 * Something is wrong at a touchpoint: the detector (spike) says that it began and that it is over; this module makes one incident
 * of that, with an id that whoever reads the same log finds again, and events that are numbered per touchpoint and ledger:
 * raised, updated (severity up; a better estimate each time the responses since the onset have doubled), resolved, and reopened
 * when it fires again within 24 h of its end. Pure: log time in, events out. Quiet hours, mutes and acknowledgements are not
 * known here: they act on delivery only (desk).
 *
 * An event as JSON is a public contract, version 1: deploy/schema/alert.json. It holds no raw text of customers.
 */
#ifndef ALERT_H
#define ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/option.h"
#include "base/str.h"
#include "feedback/feedback.h"

#define ALERT_VERSION     1
#define ALERT_REOPEN_MS   (24 * 3600 * 1000LL)
#define ALERT_ID_BYTES    16     /* hex digits of an incident's id */
#define ALERT_SUMMARY_MAX 200    /* bytes of the sentence that a person reads at 3 a.m. */
#define ALERT_JSON_MAX    8192

enum alert_kind { ALERT_DETRACTOR_SPIKE, ALERT_SILENCE, ALERT_PROMOTER_RISE, ALERT_SOURCE_SUSPECT };
#define ALERT_KINDS 4
enum alert_type { ALERT_RAISED, ALERT_UPDATED, ALERT_RESOLVED, ALERT_REOPENED };
enum alert_severity { ALERT_TICKET, ALERT_PAGE };
const char *alert_kind_name(enum alert_kind);          /* "detractor_spike" ... */
const char *alert_type_name(enum alert_type);          /* "raised" ... */
const char *alert_severity_name(enum alert_severity);  /* "ticket", "page" */
bool alert_kind_from(struct str, enum alert_kind *);
bool alert_type_from(struct str, enum alert_type *);
bool alert_severity_from(struct str, enum alert_severity *);

/* ---- settings, in the user's terms ---- */

struct alert_options {
	bool enabled;
	double pages_per_week, tickets_per_week;   /* false ones at most, in all, shared over the touchpoints known */
	int64_t page_every_ms, ticket_every_ms;    /* instead: at most one false one per touchpoint in this time; 0: shared */
	double rise_min;                           /* smallest that matters: 0.2 is "a fifth above normal"; 0: the detector's */
	bool silence, promoter_rise;               /* kinds besides the spike */
	const char *dashboard;                     /* URL; {touchpoint} and {ledger} are put in, percent-encoded */
	const char *runbook;                       /* URL, for touchpoints without one of their own */
};
extern const struct option_row alert_options[];   /* section `alerts` */

/* A link of the settings: begins with http:// or https://, has no placeholders but {touchpoint} and {ledger}. "must be ...": the
 * caller knows the place. */
NODISCARD bool alert_check_link(struct str, struct err *);
/* The finished URL, NUL-terminated; 0: max is too small. */
size_t alert_link(char *out, size_t max, struct str link, struct str touchpoint, enum ledger);

/* The detector's budget in days: at most one false alert per touchpoint, ledger and kind in so many. Shared budgets are split evenly
 * over the `known` ledgers of touchpoints (parents not among them) and the kinds that are asked for, each of which has a detector;
 * once there are parents, a fifth is kept for theirs and split likewise.
 * Even is optimal when cost goes with affected responses. No budget at all (0 a week) is INFINITY: never. What is evidence enough
 * for a page is enough for a ticket: ticket_days <= page_days. */
struct alert_budget {
	double ticket_days, page_days;
};
struct alert_budget alert_budget(const struct alert_options *, double known, double parents_known, bool parent);

/* ---- what a budget means ---- */

/* A rise at one touchpoint and ledger, whose answers come evenly. */
struct alert_rise {
	double baseline_rate;       /* 0.15: what is normal */
	double times;               /* 2: to twice that; above 1 */
	double responses_per_day;
	double rise_min;            /* alert_options.rise_min */
};
/* Responses from the beginning of the rise until half of such rises have raised an alert of this budget, in days; INFINITY: most
 * never do, they are learned as normal before they are certain. An estimate: expect.c says how, and how far off it may be. */
double alert_expected_responses(const struct alert_rise *, double budget_days);

/* ---- the incident ---- */

/* What was measured at an event; NAN: no value. Rates are of what the kind looks at: detractors, promoters; of silence: responses
 * a day; of a suspected source: its touchpoints that fire. */
struct alert_figures {
	double baseline_rate, rate, rate_low, rate_high;   /* rate since onset, the interval holds at alarm time */
	double evidence_days;                              /* evidence this strong comes by chance once in so many days */
	double nps_before, nps_now;
	/* Since onset (promoters of a promoter_rise); of silence: expected, missing; of a suspected source: active touchpoints,
	 * firing. */
	int64_t responses, detractors;
	int64_t onset_ms;
};

/* Per touchpoint, ledger and kind; zeroed: nothing ever happened. Part of the checkpoint, whole. */
struct alert_incident {
	uint64_t id;                   /* 0: never any */
	int64_t raised_ms, changed_ms; /* log time; changed: of its newest event */
	int64_t onset_ms;
	int64_t next_update;           /* responses since onset at which the next estimate is told */
	uint8_t open, severity;
	uint8_t silent;   /* raised while the log was read again: nobody was told, so nobody is told of its end */
};

/* Where in the log something happened; makes the id. */
struct alert_place {
	struct str touchpoint;
	enum ledger ledger;
	enum alert_kind kind;
	int32_t partition;
	int64_t log_ms, offset;
};
uint64_t alert_id(const struct alert_place *);

/* What is to be told, if the call says true. */
struct alert_step {
	enum alert_type type;
	enum alert_severity severity;
	uint64_t incident;
	int64_t raised_ms;
};
/* Silent: true is never said of it; what fires again after a silent one is `raised`, since nobody knows of it, under the same id.
 * One that is open already is updated. */
bool alert_raise(struct alert_incident *, const struct alert_place *, enum alert_severity, const struct alert_figures *,
		 bool silent, struct alert_step *);
/* At every step of an open incident: true when its severity rose or its estimate became much better. Severity never falls. */
bool alert_update(struct alert_incident *, int64_t log_ms, enum alert_severity, const struct alert_figures *,
		  struct alert_step *);
bool alert_resolve(struct alert_incident *, int64_t log_ms, struct alert_step *);   /* not open: nothing happens */

#define ALERT_INCIDENT_BYTES 56
void alert_incident_save(const struct alert_incident *, unsigned char out[ALERT_INCIDENT_BYTES]);
bool alert_incident_load(struct alert_incident *, const unsigned char *bytes, size_t len);   /* false: can't be */

/* ---- an event, as it is told ---- */

#define ALERT_LIST_MAX     5
#define ALERT_PARENTS_MAX  8
#define ALERT_CHILDREN_MAX 20

struct alert_event {
	uint64_t incident;
	enum alert_type type;
	enum alert_kind kind;
	enum alert_severity severity;
	struct str touchpoint, label;      /* label empty: the name */
	enum ledger ledger;
	struct str team, journey, stage, source;   /* empty: not known */
	bool moment_of_truth;
	int64_t at_ms, raised_ms;
	int32_t partition;                 /* < 0: none, made by the desk of several */
	uint64_t number;                   /* counted per touchpoint and ledger, over all kinds */
	struct alert_figures figures;
	struct str parents[ALERT_PARENTS_MAX];   /* nearest first */
	unsigned parents_count;
	struct str children[ALERT_CHILDREN_MAX];   /* filled at delivery: firing as well */
	unsigned children_count;
	unsigned firing;                   /* children in all, when the list has no room for all of them; else 0 */
	bool collected;                    /* one message for a parent (touchpoint): so many more of its touchpoints fire */
	struct str dashboard, runbook, ack;   /* finished URLs; empty: none. ack: of a delivered message only */
	struct str summary;                /* read: as it was told; written: made anew by alert_json */
	bool test;                         /* `corridor alerts test` */
};

/* "Checkout: 41 % detractors (normal 16 %), 57 answers since 02:14; by chance once in 43 days". UTC offset of the clock times in
 * seconds. At most ALERT_SUMMARY_MAX bytes, NUL-terminated, UTF-8 whatever the texts are: a long label is cut between characters,
 * control characters become spaces. */
size_t alert_summary(char out[ALERT_SUMMARY_MAX + 1], const struct alert_event *, int64_t utc_offset_s);
/* One object without a newline, NUL-terminated. dims, themes and verbatims are empty lists until they are known. When space is
 * short children are left out (`firing` still counts them), then parents. 0: max is too small even so; ALERT_JSON_MAX always does
 * for touchpoints' names and links of usual length. */
size_t alert_json(char *out, size_t max, const struct alert_event *, int64_t utc_offset_s);
/* Reads what alert_json wrote, any later version's too as far as we know it; text is copied to the pool. False: it is none, or of
 * a kind, type, severity or ledger that is not known here. */
bool alert_read(struct alert_event *, struct str json, struct option_pool *);

#endif
