/*
 * feedback - what one piece of customer feedback is, and how it is read out of a message.
 *
 * One forward pass over the bytes: the whole JSON text is validated (RFC 8259, UTF-8 included, depth limit), the mapped fields
 * are picked out, everything else is checked and skipped. No allocation, no DOM; escapes are decoded only in what is kept.
 * Duplicate member names: the last one wins. What pays (measured): a map of where strings end, made while the message is copied;
 * remembering the order of members of the source's last messages and comparing 16 bytes of `"key":` at once. jansson is the
 * judge in the tests, except where it leaves the RFC (1e400, integers over 64 bits, NUL in member names, a raw NUL after a
 * number): there the RFC stands.
 *
 * What is judged, in this order, the first fault is the reason: size; the text (not_json, not_utf8, too_deep: whichever the pass meets
 * first); not_object; id; op; updated; kind; and of an upsert time, score (class and sentiment of a post), touchpoint, comment,
 * customer, dims. A deletion needs only its id, so its other members are not looked at. Half a surrogate pair (\ud800) is not_utf8.
 *
 *   id, touchpoint, customer   a string, or a whole number: its digits. Touchpoint and customer: null or "" is none
 *   time, updated              a string as feedback_time takes it, or a number of any form. `updated`: null is none
 *   kind                       a ledger's name, or "transactional", which is a survey; null: the mapping's
 *   score                      a number equal to a whole one (9, 9.0, 9e0), or that in a string; null is a bad score
 *   class, else sentiment      only of posts: a string; a number, from 0.05 positive, to -0.05 negative (VADER's convention)
 *   dims                       an object of strings; numbers and booleans are kept as they are written, null is none, the first 16
 *                              names count. A member that is mapped to a field of its own is no dim
 *   op                         "upsert" (null, absent) or "delete"
 *
 * The decoder knows no clock: whether a time is late or in the future is the intake's decision.
 */
#ifndef FEEDBACK_H
#define FEEDBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* A touchpoint's four ledgers never mix. */
enum ledger { LEDGER_SURVEY, LEDGER_RELATIONSHIP, LEDGER_SOCIAL, LEDGER_REVIEW };
#define LEDGERS 4

/* What a response counts as within its ledger: a bin of an 11-bin histogram.
 * survey, relationship: the score, 0..10.  review: the stars, 1..5.  social: one of BIN_*. */
#define BINS         11
#define BIN_NEGATIVE 0
#define BIN_NEUTRAL  1
#define BIN_POSITIVE 2
#define BIN_UNREAD   3    /* a post with neither class nor sentiment: counted, not guessed */
#define BIN_NONE     (-1) /* no score known */

const char *ledger_name(enum ledger);   /* "survey", "relationship", "social", "review" */
bool ledger_from(struct str name, enum ledger *);

enum feedback_field {
	FEEDBACK_ID, FEEDBACK_TIME, FEEDBACK_UPDATED, FEEDBACK_KIND, FEEDBACK_TOUCHPOINT, FEEDBACK_SCORE, FEEDBACK_CLASS,
	FEEDBACK_SENTIMENT, FEEDBACK_COMMENT, FEEDBACK_CUSTOMER, FEEDBACK_DIMS, FEEDBACK_OP,
};
#define FEEDBACK_FIELDS 12

const char *feedback_field_name(enum feedback_field);   /* "id", "time", ... : our own shape, and the keys of a mapping */

/* Why a message was rejected. The code (feedback_reason_code) is stable: header of the dead letter, label of the metric. */
enum feedback_reason {
	FEEDBACK_OK,
	FEEDBACK_NOT_JSON,        /* not_json: RFC 8259 syntax, or bytes behind the value */
	FEEDBACK_NOT_UTF8,        /* not_utf8 */
	FEEDBACK_TOO_DEEP,        /* too_deep */
	FEEDBACK_TOO_LARGE,       /* too_large: more than bytes_max */
	FEEDBACK_NOT_OBJECT,      /* not_object: JSON, but no object */
	FEEDBACK_NO_ID,           /* no_id: absent, null or empty */
	FEEDBACK_BAD_TYPE,        /* bad_type: a mapped member of a type that its field can't have */
	FEEDBACK_NO_TIME,         /* no_time: an upsert without time */
	FEEDBACK_BAD_TIME,        /* bad_time: time or updated of no known form */
	FEEDBACK_BAD_KIND,        /* bad_kind */
	FEEDBACK_BAD_SCORE,       /* bad_score: 6.5, 11, -1, null ... */
	FEEDBACK_BAD_CLASS,       /* bad_class: class or sentiment */
	FEEDBACK_BAD_OP,          /* bad_op */
	FEEDBACK_LATE,            /* late: older than the longest window (intake) */
	FEEDBACK_FUTURE,          /* future: time or updated too far ahead (intake) */
	FEEDBACK_BAD_BUNDLE,      /* bad_bundle: a record of our own topics that can't be read (watch) */
	FEEDBACK_REASONS
};

const char *feedback_reason_code(enum feedback_reason);
const char *feedback_reason_sentence(enum feedback_reason);   /* one sentence for a person */

#define FEEDBACK_DIMS_MAX   16
#define FEEDBACK_NO_VERSION INT64_MIN   /* `updated` absent */

struct feedback_dim {
	struct str name, value;
};

/* All strings are borrowed from the message or the decoder, until feedback_reset. */
struct feedback {
	struct str id;
	int64_t time_ms;                /* epoch ms; only for an upsert */
	int64_t updated_ms;             /* or FEEDBACK_NO_VERSION */
	enum ledger ledger;
	bool deletion;
	int8_t bin;                     /* or BIN_NONE: no score member (surveys, reviews) */
	struct str touchpoint;          /* empty: none */
	struct str comment, customer;   /* empty: none */
	struct feedback_dim dims[FEEDBACK_DIMS_MAX];
	unsigned dims_count;            /* more than fit are dropped */
	uint32_t content;               /* hash of all that makes two versions the same: time, ledger, touchpoint, bin, comment, customer, dims */
};

/* How a source's messages are shaped. A path names members from the outside in, joined by dots ("answers.nps.value"); a dot or
 * backslash in a member's name is written \. or \\. NULL: the field's own name. "-": the source has no such field. */
struct feedback_mapping {
	const char *path[FEEDBACK_FIELDS];
	enum ledger ledger;      /* when the message says no kind */
	size_t bytes_max;        /* a larger message is too_large; at most 16 MiB; 0: 1 MiB */
	unsigned depth_max;      /* nesting, the message itself is 1; at most 512; 0: 64 */
};

struct feedback_decoder;

/* Owned by one thread. Error: a path that is no path, two fields on one path or one inside the other (only `dims` may hold others),
 * no id or time. */
NODISCARD struct feedback_decoder *feedback_create(const struct feedback_mapping *, struct err *);
void feedback_destroy(struct feedback_decoder *);   /* NULL is fine */
enum feedback_reason feedback_decode(struct feedback_decoder *, struct str message, struct feedback *out);
void feedback_reset(struct feedback_decoder *);   /* gives the scratch memory of decoded strings back, once a batch */

/* Time in any form that tools send: RFC 3339 with any offset (also "YYYY-MM-DD HH:MM:SS" with offset or Z, and +hhmm), epoch s, ms or
 * us as digits (told apart by size: < 1e11 s, < 1e14 ms, else us; a fraction is allowed). Finer than a millisecond is cut, a leap
 * second is the first of the next day. Years 1970 to 2262. */
bool feedback_time(struct str text, int64_t *ms);

#endif
