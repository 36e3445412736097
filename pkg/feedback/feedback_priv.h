/*
 * What the files of feedback share.
 *
 * A message is decoded in two phases. The scan (scan.c, text.c) is the forward pass: it validates every
 * byte and leaves, for each mapped field, where its value lies and what kind of token it is. The verdict
 * (decode.c) then reads the fields in a fixed order. So syntax is always judged before content, "the last
 * duplicate wins" is an assignment, and the branches of the verdict do not depend on the order of members.
 *
 * The scan works on a copy of the message that is followed by PAD bytes, the first of them NUL. NUL is
 * nowhere allowed in JSON, so it ends every loop: no bounds are tested, and 16 or 32 bytes can be loaded
 * from any position up to the end. While it is copied a map is made of the bytes at which a string ends or
 * needs a look: the end of a string is then one look into the map away, whether it has two bytes or fifty,
 * and no loop's end has to be foreseen.
 */
#ifndef FEEDBACK_PRIV_H
#define FEEDBACK_PRIV_H

#include <locale.h>
#include <string.h>

#include "feedback/feedback.h"

#define PAD		 64
#define BYTES_PRESET	 (1u << 20)
#define BYTES_LIMIT	 (16u << 20)
#define DEPTH_PRESET	 64
#define DEPTH_LIMIT	 512 /* skipping nested values recurses: 512 levels are about 50 KiB of stack */
#define STEPS		 32 /* members of one object whose order is remembered */
#define NEVER		 ((uint64_t)1 << 32) /* a step's mask that no 32 bytes satisfy */
#define CHILDREN_MAX	 FEEDBACK_FIELDS
#define PATH_MEMBERS_MAX 16

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

enum token {
	TOKEN_NONE, /* no such member */
	TOKEN_NULL,
	TOKEN_FALSE,
	TOKEN_TRUE,
	TOKEN_WHOLE, /* a number without fraction and exponent */
	TOKEN_NUMBER, /* any other number */
	TOKEN_TEXT, /* the bytes between the quotes are the string */
	TOKEN_ESCAPED, /* ... are the string once its escapes are decoded */
	TOKEN_ARRAY,
	TOKEN_OBJECT,
};

struct value {
	const char *at; /* in the copy; for strings behind the opening quote */
	uint32_t len;
	enum token token;
};

/* What a member of an object is for: a field's number, or one of these. */
enum {
	TARGET_UNMAPPED = FEEDBACK_FIELDS,
	TARGET_DIM, /* a member of the dims object */
	TARGET_END, /* the object's closing brace */
	TARGET_NODE, /* TARGET_NODE + k: mapped members lie below, see decoder.nodes[k] */
};

/* What was read of a member before its value: whom the value is for, and the name. */
struct member {
	uint32_t target;
	struct str name;
	uint64_t name_mark;
};

/* One remembered piece of the last messages: the bytes from the end of a value to the beginning of the
 * next, `,"score": `. Where the next message has the same bytes, the name needs no second look. */
struct step {
	unsigned char text[32];
	uint64_t mask; /* bits of the bytes that count */
	uint16_t target;
	uint8_t len, name_at, name_len;
	uint64_t name_mark; /* of a dim: name_mark() of its name */
};

struct child {
	unsigned char head[16]; /* the name's first bytes */
	uint32_t head_mask;
	uint32_t target;
	const char *name;
	size_t len;
};

#define SLOTS_BITS 7

/* One object on the way to a mapped field. */
struct node {
	struct step steps[STEPS + 1]; /* steps[steps_count] never matches */
	unsigned steps_count;
	unsigned strikes; /* messages in a row whose order was another */
	unsigned rest,
		rest_last; /* messages for which nothing is remembered: still to come, and the last time */
	uint64_t factor; /* of the hash: chosen when the node is made, so that no two children meet */
	bool crowded; /* some do all the same */
	uint8_t slots[1
		      << SLOTS_BITS]; /* hash of a name -> child; most lead to the one that no name equals */
	struct child children[CHILDREN_MAX + 1];
	unsigned children_count;
	uint32_t below; /* fields in and under it: forgotten when the member comes again */
	uint32_t other; /* target of members that are no child: TARGET_UNMAPPED or TARGET_DIM */
};

struct raw_dim {
	struct str name;
	struct value value;
};

/* Room for decoded strings: a list of blocks, kept over feedback_reset, so that nothing is allocated once it has grown. */
struct block {
	struct block *next;
	size_t size, used;
	char bytes[];
};

struct feedback_decoder {
	enum feedback_reason (*decode)(struct feedback_decoder *, struct str message, struct feedback *out);
	char *room; /* in which the copy lies, behind PAD bytes: the pass begins at the byte before it */
	char *copy;
	uint64_t *map; /* of the copy: a bit per byte, see kernel_priv.h */
	uintptr_t map_at; /* and where it would begin were the copy at address 0 */
	size_t bytes_max;
	unsigned depth_max, depth;
	enum feedback_reason fault;
	enum ledger ledger;
	struct value values[FEEDBACK_FIELDS + 1]; /* one more for what is unmapped */
	unsigned dims_count;
	uint64_t dims_seen; /* marks of the names so far: most names need no comparison with the others */
	struct raw_dim dims[FEEDBACK_DIMS_MAX];
	struct str message; /* the caller's */
	struct block *first, *current;
	locale_t plain; /* numbers with a point, whatever the process has set */
	char *names; /* of the children */
	unsigned nodes_count;
	struct node *nodes; /* nodes[0] is the message */
};

/* A name's place in a node's table. Reads 8 bytes from name. No branch on the length: where members are shuffled it could not be
 * foreseen. */
static inline uint32_t name_slot(uint64_t factor, const char *name, size_t len)
{
	uint64_t word, spare = len < 8 ? 8 * (8 - len) : 0;
	memcpy(&word, name, sizeof word);
	word = len ? word << (spare & 63) : 0;
	return (uint32_t)(((word ^ len) * factor) >> (64 - SLOTS_BITS));
}

/* One bit of 64: names with different bits differ. */
static inline uint64_t name_mark(struct str name)
{
	return name.len ? (uint64_t)1 << ((unsigned char)name.at[0] * 7 +
					  (unsigned char)name.at[name.len - 1] * 29 + name.len) %
						 64
			: 1;
}

/* decode.c: feedback_decode for any machine; decode_v3.c: for those with AVX2. */
enum feedback_reason decode_message(struct feedback_decoder *, struct str message, struct feedback *out);
enum feedback_reason decode_message_v3(struct feedback_decoder *, struct str message, struct feedback *out);

/* order.c: remembers the bytes `from` .. `to` and what they mean, if they are no more than 32; returned is
 * the step behind. */
const struct step *node_learn(struct node *, const struct step *before, const char *from, const char *to,
			      const struct member *);
/* Of a message read in order: how well that went. */
void node_judge(struct node *, unsigned members, unsigned missed);

/* scan.c: the pass. FEEDBACK_OK, or why the bytes are no JSON object. */
enum feedback_reason scan_message(struct feedback_decoder *, struct str message);

/* number.c: the end of the number at p; NULL: there is none. */
const char *scan_number(const char *p, enum token *);

/* text.c */
const char *text_rare(struct feedback_decoder *, const char *p,
		      enum token *); /* past escapes and non-ASCII; NULL: fault is set */
void scratch_init(struct feedback_decoder *);
struct str text_decode(struct feedback_decoder *,
		       struct str raw); /* escapes decoded, in scratch; followed by NUL and PAD bytes */

/* time.c */
bool time_number(struct str text, int64_t *ms); /* a sound JSON number of any form */

#endif
