#include "feedback/feedback_priv.h"

#include <string.h>

#include "feedback/scan_priv.h"

#define AHEAD 2

static const char *skip_value(struct feedback_decoder *, const char *p);

static const char *skip_object(struct feedback_decoder *d, const char *p)
{
	enum token token;
	p = skip_space(p + 1);
	if (*p == '}')
		return p + 1;
	for (;;) {
		if (*p != '"')
			return fail(d, FEEDBACK_NOT_JSON);
		p = read_text(d, p + 1, &token);
		if (p == NULL)
			return NULL;
		p = skip_space(p + 1);
		if (*p != ':')
			return fail(d, FEEDBACK_NOT_JSON);
		p = skip_value(d, skip_space(p + 1));
		if (p == NULL)
			return NULL;
		p = skip_space(p);
		if (*p == '}')
			return p + 1;
		if (*p != ',')
			return fail(d, FEEDBACK_NOT_JSON);
		p = skip_space(p + 1);
	}
}

static const char *skip_array(struct feedback_decoder *d, const char *p)
{
	p = skip_space(p + 1);
	if (*p == ']')
		return p + 1;
	for (;;) {
		p = skip_value(d, p);
		if (p == NULL)
			return NULL;
		p = skip_space(p);
		if (*p == ']')
			return p + 1;
		if (*p != ',')
			return fail(d, FEEDBACK_NOT_JSON);
		p = skip_space(p + 1);
	}
}

static const char *skip_nested(struct feedback_decoder *d, const char *p)
{
	if (++d->depth > d->depth_max)
		return fail(d, FEEDBACK_TOO_DEEP);
	p = *p == '{' ? skip_object(d, p) : skip_array(d, p);
	d->depth--;
	return p;
}

static const char *read_again(struct feedback_decoder *, const char *p, struct value *out);

/* Literals and nested values: what seldom stands where a field is. Space, too: a remembered `"score":` matches though space follows. */
static const char *read_rare(struct feedback_decoder *d, const char *p, struct value *out)
{
	static const struct {
		const char *text;
		uint32_t len;
		enum token token;
	} literals[] = {{"null", 4, TOKEN_NULL}, {"true", 4, TOKEN_TRUE}, {"false", 5, TOKEN_FALSE}};
	const char *first = skip_space(p);
	if (first != p)
		return read_again(d, first, out);
	out->at = p;
	out->len = 0;
	if (*p == '{' || *p == '[') {
		out->token = *p == '{' ? TOKEN_OBJECT : TOKEN_ARRAY;
		return skip_nested(d, p);
	}
	for (unsigned i = 0; i < 3; i++) {
		if (memcmp(p, literals[i].text, literals[i].len) == 0) {
			out->token = literals[i].token;
			out->len = literals[i].len;
			return p + literals[i].len;
		}
	}
	return fail(d, FEEDBACK_NOT_JSON);
}

/* Any value at p: checked to its last byte, which is returned; `out` says what it is. `text` is p + 1: in
 * read_in_order it's known sooner from where p came. */
static inline const char *value_last(struct feedback_decoder *d, const char *p, const char *text,
				     struct value *out)
{
	const char *end;
	if (likely(*p == '"')) {
		end = read_text(d, text, &out->token);
		if (unlikely(end == NULL))
			return NULL;
		out->at = text;
		out->len = (uint32_t)(end - text);
		return end;
	}
	if (likely(is_digit(*p) || *p == '-')) {
		end = scan_whole(p, &out->token);
		if (unlikely(end == NULL))
			return fail(d, FEEDBACK_NOT_JSON);
		out->at = p;
		out->len = (uint32_t)(end - p);
		return end - 1;
	}
	end = read_rare(d, p, out);
	return likely(end != NULL) ? end - 1 : NULL;
}

/* The same, but returned is the end behind the last byte. */
static inline const char *read_value(struct feedback_decoder *d, const char *p, struct value *out)
{
	p = value_last(d, p, p + 1, out);
	return likely(p != NULL) ? p + 1 : NULL;
}

static const char *read_again(struct feedback_decoder *d, const char *p, struct value *out)
{
	return read_value(d, p, out);
}

static const char *skip_value(struct feedback_decoder *d, const char *p)
{
	struct value unused;
	return read_value(d, p, &unused);
}

/* {"id": 1, "score": 9}
 *  ^     ^           ^   p stands at one of these, or at space before it.
 * Returned is the place behind a name's opening quote or behind the brace. */
__attribute__((noinline)) static const char *name_begin(struct feedback_decoder *d, const char *p, bool first,
							bool *end)
{
	p = skip_space(p);
	if (*p == '}') {
		*end = true;
		return p + 1;
	}
	if (!first) {
		if (*p != ',')
			return fail(d, FEEDBACK_NOT_JSON);
		p = skip_space(p + 1);
	}
	return *p == '"' ? p + 1 : fail(d, FEEDBACK_NOT_JSON);
}

/* The rest of a name and up to its value, where there are escapes, letters that are not ASCII, or space. */
__attribute__((noinline)) static const char *name_end_rare(struct feedback_decoder *d, struct member *out)
{
	enum token token;
	const char *p = read_text(d, out->name.at, &token);
	if (unlikely(p == NULL))
		return NULL;
	out->name.len = (size_t)(p - out->name.at);
	p = skip_space(p + 1);
	if (unlikely(*p != ':'))
		return fail(d, FEEDBACK_NOT_JSON);
	p = skip_space(p + 1);
	if (unlikely(token == TOKEN_ESCAPED))
		out->name = text_decode(d, out->name);
	return p;
}

/* A member whose place in the object was not foreseen, up to its value. `text` is behind what is returned,
 * see value_last. */
__attribute__((always_inline)) static inline const char *read_name(struct feedback_decoder *d, const char *p,
								   const struct node *node, bool first,
								   struct member *out, const char **text)
{
	if (likely(is_pair(p, ',', '"') && !first)) {
		out->name.at = p + 2;
	} else {
		bool end = false;
		p = name_begin(d, p + first, first, &end);
		if (unlikely(p == NULL))
			return NULL;
		out->name = (struct str){p, 0};
		if (end) {
			out->target = TARGET_END;
			return p;
		}
	}
	p = next_stop(d->map_at, out->name.at);
	if (likely(is_pair(p, '"', ':') && (unsigned char)p[2] > ' ')) {
		out->name.len = (size_t)(p - out->name.at);
		*text = p + 3;
		p += 2;
	} else {
		p = name_end_rare(d, out);
		if (unlikely(p == NULL))
			return NULL;
		*text = p + 1;
	}
	out->target = find_child(node, out->name);
	return p;
}

/* The same, and it is remembered in front of `step`. Not so a name with escapes, which lies elsewhere. */
__attribute__((noinline)) static const char *name_new(struct feedback_decoder *d, const char *p,
						      struct node *node, const struct step **step, bool first,
						      struct member *out)
{
	const char *from = p, *text;
	p = read_name(d, p, node, first, out, &text);
	if (unlikely(p == NULL))
		return NULL;
	out->name_mark = name_mark(out->name);
	if (likely(out->name.at >= from && out->name.at <= p))
		*step = node_learn(node, *step, from, p, out);
	return p;
}

/* Where the value of a dim belongs: at the name's earlier occurrence, if it has one; without more room
 * where the unmapped go. */
static inline struct value *dim_place(struct feedback_decoder *d, struct str name, uint64_t mark)
{
	if (unlikely(d->dims_seen & mark)) {
		for (unsigned i = 0; i < d->dims_count; i++)
			if (str_equal(d->dims[i].name, name))
				return &d->dims[i].value;
	}
	if (unlikely(d->dims_count == FEEDBACK_DIMS_MAX))
		return &d->values[TARGET_UNMAPPED];
	struct raw_dim *dim = &d->dims[d->dims_count++];
	d->dims_seen |= mark;
	dim->name = name;
	return &dim->value;
}

static const char *read_object(struct feedback_decoder *, const char *p, struct node *);

/* The value of a member below which fields are mapped. What an earlier member of the same name held is forgotten. */
static inline const char *read_node(struct feedback_decoder *d, const char *p, struct node *node)
{
	struct value *value = &d->values[TARGET_UNMAPPED];
	p = skip_space(p);
	for (uint32_t below = node->below; below; below &= below - 1)
		d->values[__builtin_ctz(below)].token = TOKEN_NONE;
	if (node->other == TARGET_DIM) {
		d->dims_count = 0;
		d->dims_seen = 0;
		value = &d->values[FEEDBACK_DIMS];
	}
	if (unlikely(*p != '{'))
		return read_value(d, p, value);
	value->token = TOKEN_OBJECT;
	return read_object(d, p, node);
}

/* A member that was left out this time, a comment perhaps: is it the next, or the one after that? NULL:
 * neither. */
__attribute__((noinline)) static const struct step *step_ahead(const char *p, const struct step *step)
{
	for (unsigned i = 0; i < AHEAD && step->mask != NEVER; i++)
		if (step_matches(p, ++step))
			return step;
	return NULL;
}

/* Members mostly stand where they stood in messages before.
 *
 * "score":9,"comment":"Fine"}
 *         ^ last, the byte before a member
 *
 * How fast this is hangs on how long it takes from the last byte of one value to that of the next, as nothing
 * of the next can begin before. So the loop goes from last byte to last byte: places are counted from there,
 * not from one another. */
static const char *read_in_order(struct feedback_decoder *d, const char *open, struct node *node)
{
	const struct step *step = node->steps;
	const char *p, *text, *last = open - 1;
	struct member member;
	struct value *out;
	unsigned missed = 0, members = 0;
	for (;;) {
		const struct step *met =
			likely(step_matches(last + 1, step)) ? step : step_ahead(last + 1, step);
		const char *const from = last + 1;
		uint32_t target;
		if (likely(met != NULL)) {
			if (unlikely(*from == '{' &&
				     from != open)) /* what some message began with, in the middle */
				return fail(d, FEEDBACK_NOT_JSON);
			target = met->target;
			p = last + (met->len + 1ul);
			text = last + (met->len + 2ul);
			step = met + 1;
		} else {
			const struct step *place = step; /* so that step itself stays in a register */
			p = name_new(d, from, node, &place, from == open, &member);
			if (unlikely(p == NULL))
				return NULL;
			step = place;
			text = p + 1;
			target = member.target;
			missed++;
		}
		members++;
		if (likely(target <= TARGET_UNMAPPED)) {
			out = &d->values[target];
		} else if (target == TARGET_DIM) {
			out = likely(met != NULL) ? dim_place(d, step_name(met, from), met->name_mark)
						  : dim_place(d, member.name, member.name_mark);
		} else if (target == TARGET_END) {
			break;
		} else {
			p = read_node(d, p, &d->nodes[target - TARGET_NODE]);
			if (unlikely(p == NULL))
				return NULL;
			last = p - 1;
			continue;
		}
		last = value_last(d, p, text, out);
		if (unlikely(last == NULL))
			return NULL;
	}
	if (unlikely(missed | node->strikes))
		node_judge(node, members, missed);
	return p;
}

/* What comes next can't be foreseen, so wrong guesses are what this costs: an object is told by its brace,
 * long before its name is found. */
static const char *read_in_any_order(struct feedback_decoder *d, const char *p, struct node *node)
{
	const char *text, *last = p - 1;
	for (bool first = true;; first = false) {
		struct member member;
		p = read_name(d, last + 1, node, first, &member, &text);
		if (unlikely(p == NULL) || member.target == TARGET_END)
			return p;
		if (*p == '{' && member.target >= TARGET_NODE) {
			p = read_node(d, p, &d->nodes[member.target - TARGET_NODE]);
			if (unlikely(p == NULL))
				return NULL;
			last = p - 1;
			continue;
		}
		if (likely(member.target <= TARGET_UNMAPPED)) {
			last = value_last(d, p, text, &d->values[member.target]);
		} else if (likely(member.target == TARGET_DIM)) {
			last = value_last(d, p, text, dim_place(d, member.name, name_mark(member.name)));
		} else {
			p = read_node(d, p, &d->nodes[member.target - TARGET_NODE]);
			last = likely(p != NULL) ? p - 1 : NULL;
		}
		if (unlikely(last == NULL))
			return NULL;
	}
}

static const char *read_object(struct feedback_decoder *d, const char *p, struct node *node)
{
	if (unlikely(++d->depth > d->depth_max))
		return fail(d, FEEDBACK_TOO_DEEP);
	if (node->rest) {
		node->rest--;
		p = read_in_any_order(d, p, node);
	} else {
		p = read_in_order(d, p, node);
	}
	d->depth--;
	return p;
}

enum feedback_reason scan_message(struct feedback_decoder *d, struct str message)
{
	copy_with_map(d->copy, d->map, message.at, message.len);
	d->message = message;
	d->depth = 0;
#pragma GCC unroll 12
	for (int field = 0; field < FEEDBACK_FIELDS; field++)
		d->values[field].token = TOKEN_NONE;
	d->fault = FEEDBACK_OK;
	const char *p = skip_space(d->copy);
	bool object = *p == '{';
	p = object ? read_object(d, p, d->nodes) : skip_value(d, p);
	if (p == NULL)
		return d->fault;
	if (skip_space(p) != d->copy + message.len)
		return FEEDBACK_NOT_JSON;
	return object ? FEEDBACK_OK : FEEDBACK_NOT_OBJECT;
}
