/*
 * response - which responses are known, in which version, and so what an event changes.
 *
 * The table turns a stream of events (new, edited, repeated, deleted, out of order) into exact differences: "take this fact
 * back, put that one in". It is bounded and made for the cache: groups of 16 bytes, 15 tags and a count of those that had
 * to go on to the next group, entries of 40 bytes beside, lookups prefetched in batches. All changes since the last commit
 * are in an undo log, so an aborted Kafka transaction leaves no trace.
 *
 * Versions are ordered by (updated, order of arrival); an event without `updated` takes the highest one known of its
 * response. Events of one response arrive in one partition, so order of arrival is the order of calls, and a response is
 * known by its partition slot and its key: the same key in another partition is another response. Owned by one thread.
 * Nothing is allocated after create, but for growing: create reserves addresses for `max`, memory comes as the table doubles
 * in them, and so never more than it needs at the end.
 *
 * What is decided where the rules leave a choice:
 *  - an event that takes over a known score does so from the newest version known, whichever that is: a partial event that
 *    arrives before an older full one leaves the response unscored, as the older one is superseded;
 *  - a changed ledger of another scale without a score forgets the score, and so does a deletion;
 *  - an upsert that revives a deleted response is EDITED; a superseded or repeated event is never `unscored`;
 *  - a deletion older than a tomb's version is SUPERSEDED, as old as it or newer a DUPLICATE (newer: it raises the version);
 *  - an entry is seen when it changes: repeats that change nothing write nothing and do not prolong its life, so that a table
 *    refilled from the journal forgets when this one does.
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/option.h"

#define RESPONSE_NO_VERSION      INT64_MIN
#define RESPONSE_VERSION_MAX     ((INT64_C(1) << 44) - 2)   /* ms: the year 2527; versions are clamped to 0 .. this */
#define RESPONSE_TOUCHPOINTS_MAX (UINT32_C(1) << 26)
#define RESPONSE_SLOTS           65536

/* Where a response counts. bin < 0: it is known but counts nowhere (unscored, deleted). */
struct response_fact {
	uint32_t touchpoint;   /* number in the lane's names, below RESPONSE_TOUCHPOINTS_MAX */
	uint32_t second;       /* epoch s of its time */
	uint8_t ledger;
	int8_t bin;            /* below 15 */
};

struct response_event {
	struct hash128 key;        /* keyed hash of (source, id) */
	int64_t updated_ms;        /* or RESPONSE_NO_VERSION */
	struct response_fact fact; /* bin BIN_NONE: keeps the known score if the ledgers are the same or survey and relationship */
	uint32_t content;          /* equal content (and fact) = duplicate */
	bool deletion;             /* fact and content are ignored */
};

enum response_outcome {
	RESPONSE_NEW,          /* first version that counts or is remembered */
	RESPONSE_EDITED,       /* a newer version with other content */
	RESPONSE_DUPLICATE,    /* the same content, or a second deletion: changes no number */
	RESPONSE_SUPERSEDED,   /* older than what is known: changes no number */
	RESPONSE_DELETED,
};
#define RESPONSE_OUTCOMES 5

/* The table's own record of one response; also what the journal holds and refill brings back. */
struct response_entry {
	struct hash128 key;
	int64_t updated_ms;
	struct response_fact fact;
	uint32_t content;
	uint32_t seen;      /* epoch s of its last change: it is forgotten when that is more than `horizon` ago; 0
			     * (before any clock, as deletions are that a replay begins with): it stays */
	uint8_t flags;      /* RESPONSE_TOMB, RESPONSE_TOMB_FOR_GOOD */
};
#define RESPONSE_TOMB          1   /* deleted; a newer `updated` revives it */
#define RESPONSE_TOMB_FOR_GOOD 2   /* deleted without `updated`: nothing revives it within the horizon */

struct response_verdict {
	enum response_outcome outcome;
	bool unscored;              /* NEW or EDITED: remembered, but no score is known */
	bool moved;                 /* the numbers change: take `was` back and put `now` in (each only if its bin >= 0) */
	struct response_fact was, now;   /* before and after the event, always set; nothing known or deleted: bin BIN_NONE */
	bool journal;               /* the entry changed: write `entry` to the journal */
	struct response_entry entry;     /* only set with `journal` */
};

struct response_options {
	int64_t max;          /* entries at most, over all partitions of this table */
	int64_t horizon_ms;   /* how long a response is remembered after it was last seen */
};
extern const struct option_row response_options[];

struct response_table;

/* undo_max: events that may be judged between a mark and the commit of its segment, over both segments in flight. */
struct response_table *response_create(const struct response_options *, int64_t undo_max);
void response_destroy(struct response_table *);

/* A partition's entries live and go together: drop is O(1), its entries are reused as they are met. A slot's number comes
 * again only after all 65536 have been used and the table was swept. Not undone by rollback; a rollback after a drop skips
 * what was dropped. */
unsigned response_open(struct response_table *);                  /* a partition slot, 0..65535 */
void response_drop(struct response_table *, unsigned slot);

/* Call it for a batch of 32-64 keys, as soon as each is known, then judge each: it asks for the key's tags, and for every
 * 32 keys for the entries that their tags point at (the last ones with the first judge). */
void response_prefetch(struct response_table *, struct hash128 key);
/* now_s: the intake's clock; it never goes back (an earlier one counts as the latest seen). There must be undo room. */
void response_judge(struct response_table *, unsigned slot, uint32_t now_s, const struct response_event *,
		    struct response_verdict *);

/* Undo: every judge since the last mark belongs to the open segment. At most two segments are in flight (one commits, one
 * fills). Records go by key, so growth, drops and refills of other slots may happen in between. Brought back: what was
 * changed, inserted and evicted. Not brought back: what had expired. */
void response_mark(struct response_table *);                      /* closes the open segment, begins the next; one may be closed */
void response_commit(struct response_table *);                    /* forgets the closed segment: its transaction is through */
void response_rollback(struct response_table *);                  /* takes all back, newest first; one empty open segment remains */
bool response_undo_full(const struct response_table *, unsigned events);   /* no room for so many more: commit first */

/* Refill from the journal: later entries of a key win (they come in the order in which they were decided). Not undone by
 * rollback. A slot is refilled before its first judge. An entry beyond the horizon is left out. */
void response_refill(struct response_table *, unsigned slot, uint32_t now_s, const struct response_entry *);

struct response_stats {
	uint64_t entries;      /* those of dropped slots excluded; expired ones count until they are met */
	uint64_t capacity;     /* entries it can hold without growing again */
	uint64_t bytes;        /* of memory, undo log included */
	uint64_t evictions;    /* entries inside the horizon that had to go for others, less those that rollback brought back:
				* exactness is gone while > 0 */
	uint64_t expired;      /* entries beyond the horizon whose place was reused */
};
struct response_stats response_stats(const struct response_table *);

#endif
