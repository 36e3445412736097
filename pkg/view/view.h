/*
 * view - the public contract's field names and values, written once: for the store, replay, http and the terminal.
 *
 * deploy/schema/ documents what this module makes. A field without a value is absent. Decimals are the shortest that read back
 * equal, whole numbers have no point. The contract's version is VIEW_CONTRACT.
 */
#ifndef VIEW_H
#define VIEW_H

#include "alert/alert.h"
#include "window/window.h"

#define VIEW_CONTRACT   1
#define VIEW_FIELDS_MAX 20
#define VIEW_NAME_MAX   200   /* bytes of a touchpoint's name in a key */

struct view_field {
	const char *name;    /* "nps", "responses", ... */
	const char *value;   /* NUL-terminated */
	size_t len;
};

struct view_fields {
	unsigned count;
	struct view_field at[VIEW_FIELDS_MAX];
	char text[1024];     /* the values; `at` points into it */
};

/* survey, relationship: nps nps_low nps_high responses promoters passives detractors detractor_rate histogram previous_nps
 * previous_responses change change_p from_ms to_ms.  social, review: net net_low net_high responses positive neutral negative
 * negative_rate histogram previous_net previous_responses change change_p from_ms to_ms; social also unread.
 * histogram: "n0,...,n10"; reviews "n1,...,n5"; social "negative,neutral,positive". Always in this order. */
void view_fields(struct view_fields *, enum ledger, const struct window_reading *);
const char *const *view_field_names(enum ledger);   /* all that view_fields may give, in order, NULL-ended */

/* What corridor:{<touchpoint>}:alert says: the incident that is open, else the last one, and what the detector of its ledger has learned. */
struct view_alert {
	enum ledger ledger;
	bool ready;                      /* the detector: else it still learns */
	double baseline_rate;            /* of detractors (negative posts), now */
	int64_t learned_responses;
	uint64_t incident;               /* 0: there never was one; then the rest says nothing */
	bool open;
	enum alert_kind kind;
	enum alert_severity severity;
	int64_t raised_ms, changed_ms, onset_ms;
	int64_t responses, counted;      /* since onset, of one that is open and no silence: all; detractors, or promoters of a rise */
	double rate, rate_low, rate_high;   /* counted / responses */
};
/* ledger detector baseline_rate learned_responses incident state kind severity raised_ms changed_ms onset_ms responses detractors rate
 * rate_low rate_high. Always in this order. `detractors` is called as what was counted is: promoters, negative, positive. */
void view_alert_fields(struct view_fields *, const struct view_alert *);

/* A touchpoint's name as part of a key: % { } and control bytes percent-encoded ("%7B"). What would be longer than VIEW_NAME_MAX
 * bytes is cut between two characters and ends in "~" and 16 hex digits (hash_bytes of the whole name), so that different names
 * keep different keys. Returns the length; out is NUL-terminated. */
size_t view_key_name(char out[VIEW_NAME_MAX + 1], struct str touchpoint);

/* ---- what the watch hands to the publisher ---- */

struct publication_window {
	enum ledger ledger;
	unsigned which;                   /* index into the configured windows */
	struct window_reading reading;
	bool empty;                       /* nothing in it and nothing before: the hash goes away */
	const struct window_pane *panes;  /* NULL: the series is not due */
	unsigned panes_count;
};

/* corridor:{<touchpoint>}:alert as a whole. */
struct publication_alert {
	const struct view_field *at;
	unsigned count;                   /* 0: the hash goes away */
};

/* What is due of one touchpoint: one script call. */
struct publication {
	struct str touchpoint;
	int64_t log_ms, offset;           /* the position that this state comes from */
	int64_t last_ms;                  /* time of its newest response */
	bool empty;                       /* all its windows are empty: it leaves the touchpoint index */
	unsigned windows_count;
	const struct publication_window *windows;
	const struct publication_alert *alert;   /* NULL: not due */
};

#endif
