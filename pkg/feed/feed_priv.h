/* What the files of feed share: the plan of one message, the random numbers, the vocabulary. */
#ifndef FEED_PRIV_H
#define FEED_PRIV_H

#include "feed/feed.h"

#define NO_TOUCHPOINT UINT32_MAX

/* One message to send: enough to write the same bytes again for a repeat. */
struct plan {
	int64_t arrives_ms;
	uint64_t order;          /* of planning: settles what arrives at the same millisecond */
	uint64_t id;
	int64_t time_ms, updated_ms;
	uint32_t touchpoint;     /* or NO_TOUCHPOINT */
	uint32_t words;          /* picks the comment */
	uint8_t ledger;
	int8_t bin;              /* or BIN_NONE: not in this message */
	int8_t felt;             /* the bin that the comment fits */
	uint8_t theme;
	uint8_t flags;
	uint16_t fault;          /* 1 + index of a fault; 0: sound */
};
#define PLAN_DELETION 1
#define PLAN_COMMENT  2

/* A way in which a message can be broken: a member's value is replaced (or the member left out), or the whole text is. */
struct fault {
	enum feedback_reason reason;
	enum fault_way { FAULT_MEMBER, FAULT_LEFT_OUT, FAULT_CUT, FAULT_BEHIND, FAULT_WHOLE, FAULT_DEEP } way;
	enum feedback_field field;
	const char *text;
	int ledger;              /* only for a message of this ledger: -1 any */
};
extern const struct fault feed_faults[];
extern const unsigned feed_faults_count;

/* xoshiro256** (Blackman, Vigna 2018, public domain), seeded by splitmix64. */
struct dice {
	uint64_t s[4];
};
void dice_seed(struct dice *, uint64_t seed);
uint64_t dice_roll(struct dice *);
uint64_t dice_below(struct dice *, uint64_t n);     /* 0..n-1 */
bool dice_chance(struct dice *, double share);
double dice_wait(struct dice *, double mean);       /* exponentially distributed */
uint64_t dice_mix(uint64_t);                        /* splitmix64's finalizer: the same number gives the same number */

/* Who is asked, and how they feel. Shares in thousandths of promoters and passives; the rest are detractors. */
struct mood {
	const char *name;
	uint16_t weight, promoters, passives;
	uint8_t theme;           /* what its customers talk about most */
};
#define MOODS 8
extern const struct mood feed_moods[MOODS];

#define THEMES 8
/* A comment that fits: face 0 bad, 1 so-so, 2 good. Returns its length; at most 400 bytes, nothing in it needs an escape. */
size_t feed_comment(char *out, unsigned theme, unsigned face, uint32_t words, bool social);

/* Writes the message; fills in its length. */
size_t feed_write(char out[FEED_MESSAGE_MAX], const struct plan *, struct str touchpoint);
size_t feed_write_id(char *out, uint64_t id);

/* What is still to be sent waits in a heap, earliest first. It is bounded; when it is full, the
 * earliest is sent although something earlier may still be planned. */
enum { WAITING_MAX = 1 << 18, PER_RESPONSE_MAX = 8 };

struct feed {
	struct feed_options options;
	struct dice dice;
	double next_ms;                 /* when the next response is given, after the start */
	double gap_ms, mix_total;
	uint64_t order, ids;
	int64_t sent_ms;
	struct plan *waiting;
	uint32_t waiting_count;
	char (*names)[64];
	struct {
		unsigned touchpoint;
		int64_t from_ms, to_ms;
		double detractors;
	} incidents[FEED_INCIDENTS_MAX];
	char id[32];
};

void feed_push(struct feed *, struct plan);
void feed_plan(struct feed *, int64_t now_ms);   /* a new response and all that will be sent about it; at most PER_RESPONSE_MAX messages */
/* A broken message speaks of a response that exists or will, so that one that is not rejected is noticed in the counts. */
struct plan feed_broken(struct feed *, const struct plan *like);

#endif
