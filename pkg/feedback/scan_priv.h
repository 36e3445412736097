/*
 * The parts of which the pass is made: space, numbers, strings, names, what is remembered of their order.
 */
#ifndef FEEDBACK_SCAN_PRIV_H
#define FEEDBACK_SCAN_PRIV_H

#include "feedback/kernel_priv.h"

static inline const char *fail(struct feedback_decoder *d, enum feedback_reason fault)
{
	d->fault = fault;
	return NULL;
}

/* Whether these two bytes stand at p. */
static inline bool is_pair(const char *p, char first, char second)
{
	uint16_t pair;
	memcpy(&pair, p, sizeof pair);
	return pair == ((uint16_t)(unsigned char)first | (uint16_t)((unsigned char)second << 8));
}

static inline const char *skip_space(const char *p)
{
	while (unlikely((unsigned char)*p <= ' ') && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

/* The end of a number, as scan_number finds it; most are scores, one digit or two. */
static inline const char *scan_whole(const char *p, enum token *token)
{
	unsigned run = digits_run(p);
	if (unlikely(run - 1 > 14 || (*p == '0' && run > 1) || p[run] == '.' || (p[run] | 0x20) == 'e'))
		return scan_number(p, token);
	*token = TOKEN_WHOLE;
	return p + run;
}

/* "text"
 *  ^ p    returns ^ at the closing quote */
static inline const char *read_text(struct feedback_decoder *d, const char *p, enum token *token)
{
	*token = TOKEN_TEXT;
	for (;;) {
		p = next_stop(d->map_at, p);
		if (likely(*p == '"'))
			return p;
		p = text_rare(d, p, token);
		if (unlikely(p == NULL))
			return NULL;
	}
}

static inline bool is_child(const struct child *child, struct str name)
{
	uint32_t other =
		(~same16(name.at, child->head) & child->head_mask) | (uint32_t)(child->len ^ name.len);
	return other == 0 &&
	       (likely(name.len <= 16) || memcmp(name.at + 16, child->name + 16, name.len - 16) == 0);
}

static inline uint32_t find_in_crowd(const struct node *node, const struct child *child, struct str name)
{
	for (; child->len != SIZE_MAX; child++)
		if (is_child(child, name))
			return child->target;
	return node->other;
}

/* By arithmetic and not by a branch, which could not be foreseen where members are shuffled. */
static inline uint32_t find_child(const struct node *node, struct str name)
{
	const struct child *child = &node->children[node->slots[name_slot(node->factor, name.at, name.len)]];
	if (unlikely(node->crowded || name.len > 16))
		return find_in_crowd(node, child, name);
	uint32_t differs =
		(~same16(name.at, child->head) & child->head_mask) | (uint32_t)(child->len ^ name.len);
	uint32_t mapped = (uint32_t) - (differs == 0);
	return (child->target & mapped) | (node->other & ~mapped);
}

/* Whether the bytes at p are those that were remembered. */
static inline bool step_matches(const char *p, const struct step *step)
{
	uint64_t same = same16(p, step->text);
	if (unlikely(step->len > 16))
		same |= (uint64_t)same16(p + 16, step->text + 16) << 16;
	return (~same & step->mask) == 0;
}

static inline struct str step_name(const struct step *step, const char *from)
{
	return (struct str){from + step->name_at, step->name_len};
}

#endif
