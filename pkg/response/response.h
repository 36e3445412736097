/*
 * response - which responses are known, in which version, and so what an event changes.
 *
 * The table turns a stream of events (new, edited, repeated, deleted, out of order) into exact differences: "take this fact back,
 * put that one in". It is bounded and made for the cache: groups of 16 one-byte tags, entries of 40 bytes beside, lookups prefetched
 * in batches. All changes since the last commit are in an undo log, so an aborted Kafka transaction leaves no trace.
 *
 * Versions are ordered by (updated, order of arrival); an event without `updated` takes the highest one known of its response.
 * Events of one response arrive in one partition, so order of arrival is the order of calls.
 * Owned by one thread. Nothing is allocated after create, but for growing (doubling) up to `max`.
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/option.h"

#define RESPONSE_NO_VERSION INT64_MIN

/* Where a response counts. bin < 0: it is known but counts nowhere (unscored, deleted). */
struct response_fact {
	uint32_t touchpoint;   /* number in the lane's names */
	uint32_t second;       /* epoch s of its time */
	uint8_t ledger;
	int8_t bin;
};

struct response_event {
	struct hash128 key;        /* keyed hash of (source, id) */
	int64_t updated_ms;        /* or RESPONSE_NO_VERSION */
	struct response_fact fact; /* bin BIN_NONE: keeps the known score if the ledgers share a scale (survey, relationship) or are the same */
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
	uint32_t seen;      /* epoch s when it was last judged: it is forgotten `horizon` after */
	uint8_t flags;      /* RESPONSE_TOMB, RESPONSE_TOMB_FOR_GOOD */
};
#define RESPONSE_TOMB          1   /* deleted; a newer `updated` revives it */
#define RESPONSE_TOMB_FOR_GOOD 2   /* deleted without `updated`: nothing revives it within the horizon */

struct response_verdict {
	enum response_outcome outcome;
	bool unscored;              /* remembered, but no score is known */
	bool moved;                 /* take `was` back and put `now` in (each only if its bin >= 0) */
	struct response_fact was, now;
	bool journal;               /* the entry changed: write `entry` to the journal */
	struct response_entry entry;
};

struct response_options {
	int64_t max;          /* entries at most, over all partitions of this table */
	int64_t horizon_ms;   /* how long a response is remembered after it was last seen */
};
extern const struct option_row response_options[];

struct response_table;

struct response_table *response_create(const struct response_options *, int64_t undo_max);
void response_destroy(struct response_table *);

/* A partition's entries live and go together: drop is O(1), its entries are reused as they are met. */
unsigned response_open(struct response_table *);                  /* a partition slot, 0..65535 */
void response_drop(struct response_table *, unsigned slot);

void response_prefetch(const struct response_table *, struct hash128 key);   /* call for a batch of 32-64, then judge each */
void response_judge(struct response_table *, unsigned slot, uint32_t now_s, const struct response_event *, struct response_verdict *);

/* Undo: every judge since the last mark belongs to the open segment. At most two segments are in flight (one commits, one fills). */
void response_mark(struct response_table *);                      /* closes the open segment, begins the next */
void response_commit(struct response_table *);                    /* forgets the oldest segment: its transaction is through */
void response_rollback(struct response_table *);                  /* takes back every change of all segments, newest first; one empty open segment remains */
bool response_undo_full(const struct response_table *, unsigned events);   /* no room for so many more: commit first */

/* Refill from the journal: later entries of a key win (they come in the order in which they were decided). Not undone by rollback. */
void response_refill(struct response_table *, unsigned slot, uint32_t now_s, const struct response_entry *);

struct response_stats {
	uint64_t entries;      /* live and dead-but-unreclaimed excluded: what would be found */
	uint64_t capacity, bytes;
	uint64_t evictions;    /* entries inside the horizon that had to go for others: exactness is gone while > 0 */
	uint64_t expired;
};
struct response_stats response_stats(const struct response_table *);

#endif
