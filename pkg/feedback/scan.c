#include "feedback/feedback_priv.h"

#include <string.h>

#include "feedback/kernel_priv.h"

#define REST 30

static const char *fail(struct feedback_decoder *d, enum feedback_reason fault)
{
	d->fault = fault;
	return NULL;
}

static inline const char *skip_space(const char *p)
{
	while (unlikely((unsigned char)*p <= ' ') && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

static inline const char *skip_digits(const char *p)
{
	unsigned run;
	do
		p += run = digits_run(p);
	while (run == 16);
	return p;
}

const char *scan_number(const char *p, enum token *token)
{
	*token = TOKEN_WHOLE;
	p += *p == '-';
	const char *first = p;
	p = skip_digits(p);
	if (unlikely(p == first || (*first == '0' && p != first + 1)))
		return NULL;
	if (likely(*p != '.' && (*p | 0x20) != 'e'))
		return p;
	*token = TOKEN_NUMBER;
	if (*p == '.') {
		if (!is_digit(*++p))
			return NULL;
		p = skip_digits(p);
	}
	if ((*p | 0x20) == 'e') {
		p++;
		p += *p == '+' || *p == '-';
		if (!is_digit(*p))
			return NULL;
		p = skip_digits(p);
	}
	return p;
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

/* Any value at p: checked to its end, which is returned; `out` says what it is. */
static inline const char *read_value(struct feedback_decoder *d, const char *p, struct value *out)
{
	const char *end;
	if (likely(*p == '"')) {
		end = read_text(d, p + 1, &out->token);
		if (unlikely(end == NULL))
			return NULL;
		out->at = p + 1;
		out->len = (uint32_t)(end - p - 1);
		return end + 1;
	}
	if (likely(is_digit(*p) || *p == '-')) {
		end = scan_number(p, &out->token);
		if (unlikely(end == NULL))
			return fail(d, FEEDBACK_NOT_JSON);
		out->at = p;
		out->len = (uint32_t)(end - p);
		return end;
	}
	return read_rare(d, p, out);
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

static inline bool is_child(const struct child *child, struct str name)
{
	uint32_t other =
		(~same16(name.at, child->head) & child->head_mask) | (uint32_t)(child->len ^ name.len);
	return other == 0 &&
	       (likely(name.len <= 16) || memcmp(name.at + 16, child->name + 16, name.len - 16) == 0);
}

static uint32_t find_in_crowd(const struct node *node, const struct child *child, struct str name)
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

/* What was read of a member before its value: whom the value is for, and the name if it is a dim. */
struct member {
	uint32_t target;
	struct str name;
	uint64_t name_mark;
};

/* {"id": 1, "score": 9}
 * ^       ^           ^   p stands at one of these, returned is the place behind a name's opening quote or behind the brace. */
static const char *name_begin(struct feedback_decoder *d, const char *p, bool first, bool *end)
{
	*end = false;
	if (likely(p[0] == ',' && p[1] == '"' && !first))
		return p + 2;
	p = first ? skip_space(p + 1) : skip_space(p);
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

/* The slow way for a member that is not where it was in the last message: up to its value. Remembers it in `step` if there is one. */
static const char *read_name(struct feedback_decoder *d, const char *p, struct node *node, struct step *step,
			     bool first, struct member *out)
{
	const char *from = p;
	enum token token;
	bool end;
	p = name_begin(d, p, first, &end);
	if (unlikely(p == NULL))
		return NULL;
	if (end) {
		out->target = TARGET_END;
		if (step)
			node_learn(step, from, p, (struct str){p, 0}, TARGET_END);
		return p;
	}
	out->name.at = p;
	p = read_text(d, p, &token);
	if (unlikely(p == NULL))
		return NULL;
	out->name.len = (size_t)(p - out->name.at);
	p = skip_space(p + 1);
	if (unlikely(*p != ':'))
		return fail(d, FEEDBACK_NOT_JSON);
	p = skip_space(p + 1);
	if (unlikely(token == TOKEN_ESCAPED))
		out->name = text_decode(d, out->name);
	out->target = find_child(node, out->name);
	if (out->target == TARGET_DIM)
		out->name_mark = name_mark(out->name);
	if (step && token == TOKEN_TEXT)
		node_learn(step, from, p, out->name, out->target);
	return p;
}

/* Whether the bytes at p are those that were remembered. */
static inline bool step_matches(const char *p, const struct step *step)
{
	uint32_t same = same16(p, step->text);
	if (unlikely(step->len > 16))
		same |= same16(p + 16, step->text + 16) << 16;
	return (~same & step->mask) == 0;
}

/* Where the value of a dim belongs: at the name's earlier occurrence, if it has one; NULL: there is no more room. */
static struct value *dim_place(struct feedback_decoder *d, const struct member *member)
{
	if (unlikely(d->dims_seen & member->name_mark)) {
		for (unsigned i = 0; i < d->dims_count; i++)
			if (str_equal(d->dims[i].name, member->name))
				return &d->dims[i].value;
	}
	if (unlikely(d->dims_count == FEEDBACK_DIMS_MAX))
		return NULL;
	d->dims_seen |= member->name_mark;
	d->dims[d->dims_count].name = member->name;
	return &d->dims[d->dims_count++].value;
}

static const char *read_object(struct feedback_decoder *, const char *p, struct node *);

/* The value of a member below which fields are mapped. What an earlier member of the same name held is forgotten. */
static const char *read_node(struct feedback_decoder *d, const char *p, struct node *node)
{
	struct value value = {p, 0, TOKEN_OBJECT};
	p = skip_space(p);
	for (uint32_t below = node->below; below; below &= below - 1)
		d->values[__builtin_ctz(below)].token = TOKEN_NONE;
	if (node->other == TARGET_DIM) {
		d->dims_count = 0;
		d->dims_seen = 0;
	}
	p = *p == '{' ? read_object(d, p, node) : read_value(d, p, &value);
	if (node->other == TARGET_DIM)
		d->values[FEEDBACK_DIMS] = value;
	return p;
}

static const char *read_dim(struct feedback_decoder *d, const char *p, const struct member *member)
{
	struct value unused, *value = dim_place(d, member);
	return read_value(d, p, value ? value : &unused);
}

/* Two messages in a row in which most members were not where they had been: the source shuffles, and remembering costs more than it
 * brings. It is tried again after REST messages. */
static void judge_memory(struct node *node, size_t members, unsigned missed)
{
	node->strikes = missed * 2 > members ? node->strikes + 1 : 0;
	if (node->strikes == 2) {
		node->strikes = 0;
		node->rest = REST;
	}
}

static const char *read_object(struct feedback_decoder *d, const char *p, struct node *node)
{
	struct step *const last = &node->steps[STEPS], *step = node->steps;
	struct member member;
	const char *open = p;
	unsigned missed = 0;
	if (unlikely(++d->depth > d->depth_max))
		return fail(d, FEEDBACK_TOO_DEEP);
	if (node->rest) {
		node->rest--;
		step = last;
	}
	for (;;) {
		uint32_t target = step->target;
		const char *from = p;
		const struct step *met = step;
		const bool matches = step_matches(p, step);
		if (likely(matches)) {
			p += step->len;
		} else {
			p = read_name(d, p, node, step == last ? NULL : step, p == open, &member);
			if (unlikely(p == NULL))
				return NULL;
			target = member.target;
			missed++;
		}
		step += step != last;
		if (likely(target <= TARGET_UNMAPPED)) {
			p = read_value(d, p, &d->values[target]);
		} else if (target == TARGET_DIM) {
			if (likely(matches))
				member = (struct member){
					target, {from + met->name_at, met->name_len}, met->name_mark};
			p = read_dim(d, p, &member);
		} else if (target == TARGET_END) {
			break;
		} else {
			p = read_node(d, p, &d->nodes[target - TARGET_NODE]);
		}
		if (unlikely(p == NULL))
			return NULL;
	}
	d->depth--;
	if (step != last && unlikely(missed | node->strikes))
		judge_memory(node, (size_t)(step - node->steps), missed);
	return p;
}

enum feedback_reason scan_message(struct feedback_decoder *d, struct str message)
{
	copy_with_map(d->copy, d->map, message.at, message.len);
	d->message = message;
	d->depth = 0;
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
