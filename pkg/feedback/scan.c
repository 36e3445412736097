#include "feedback/feedback_priv.h"

#include <string.h>

#include "feedback/kernel_priv.h"

static const char *fail(struct feedback_decoder *d, enum feedback_reason fault)
{
	d->fault = fault;
	return NULL;
}

static inline const char *skip_space(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
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
		p = text_stop(p);
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

static uint32_t find_child(const struct node *node, struct str name)
{
	for (uint32_t at = name_hash(name.at, name.len);; at = (at + 1) % 32) {
		unsigned i = node->slots[at];
		if (i == 0)
			return node->other;
		const struct child *child = &node->children[i - 1];
		if (child->len == name.len && (~same16(name.at, child->head) & child->head_mask) == 0 &&
		    (name.len <= 16 || memcmp(name.at + 16, child->name + 16, name.len - 16) == 0))
			return child->target;
	}
}

/* A member's place in the object: what the bytes before it must be, whom its value is for, and its name if it is a dim. */
struct member {
	uint32_t target;
	struct str name;
};

/*
 * {"id": 1, "score": 9}
 * ^       ^           ^  p stands at one of these; what is returned is the beginning of the next value, or behind the brace.
 * The slow way for a member that is not where it was in the last message; remembers it for the next.
 */
static const char *read_name(struct feedback_decoder *d, const char *p, struct node *node, unsigned index, struct member *out)
{
	const char *from = p;
	struct step *step = index < STEPS ? &node->steps[index] : NULL;
	p = index ? skip_space(p) : skip_space(p + 1);
	if (*p == '}') {
		out->target = TARGET_END;
		if (step)
			node_learn(step, from, p + 1, p, 0, TARGET_END);
		return p + 1;
	}
	if (index) {
		if (*p != ',')
			return fail(d, FEEDBACK_NOT_JSON);
		p = skip_space(p + 1);
	}
	if (*p != '"')
		return fail(d, FEEDBACK_NOT_JSON);
	enum token token;
	struct str name = {p + 1, 0};
	p = read_text(d, p + 1, &token);
	if (p == NULL)
		return NULL;
	name.len = (size_t)(p - name.at);
	p = skip_space(p + 1);
	if (*p != ':')
		return fail(d, FEEDBACK_NOT_JSON);
	p = skip_space(p + 1);
	out->name = token == TOKEN_ESCAPED ? text_decode(d, name) : name;
	out->target = find_child(node, out->name);
	if (step && token == TOKEN_TEXT)
		node_learn(step, from, p, name.at, name.len, out->target);
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
static struct value *dim_place(struct feedback_decoder *d, struct str name)
{
	uint64_t mark = name.len ? ((unsigned char)name.at[0] * 7u + (unsigned char)name.at[name.len - 1] * 29u + name.len) : 0;
	uint64_t bit = (uint64_t)1 << (mark % 64);
	if (unlikely(d->dims_seen & bit)) {
		for (unsigned i = 0; i < d->dims_count; i++)
			if (str_equal(d->dims[i].name, name))
				return &d->dims[i].value;
	}
	if (unlikely(d->dims_count == FEEDBACK_DIMS_MAX))
		return NULL;
	d->dims_seen |= bit;
	d->dims[d->dims_count].name = name;
	return &d->dims[d->dims_count++].value;
}

static const char *read_dim(struct feedback_decoder *d, const char *p, struct str name)
{
	struct value unused, *value = dim_place(d, name);
	return read_value(d, p, value ? value : &unused);
}

static const char *read_object(struct feedback_decoder *, const char *p, struct node *);

/* The value of a member below which fields are mapped. What an earlier member of the same name held is forgotten. */
static const char *read_node(struct feedback_decoder *d, const char *p, struct node *node)
{
	struct value value = {p, 0, TOKEN_OBJECT};
	p = skip_space(p);
	d->present &= ~node->below;
	if (node->other == TARGET_DIM) {
		d->dims_count = 0;
		d->dims_seen = 0;
	}
	p = *p == '{' ? read_object(d, p, node) : read_value(d, p, &value);
	if (node->other == TARGET_DIM) {
		d->values[FEEDBACK_DIMS] = value;
		d->present |= 1u << FEEDBACK_DIMS;
	}
	return p;
}

static const char *read_object(struct feedback_decoder *d, const char *p, struct node *node)
{
	struct member member;
	if (unlikely(++d->depth > d->depth_max))
		return fail(d, FEEDBACK_TOO_DEEP);
	for (unsigned i = 0; p; i++) {
		const struct step *step = &node->steps[i < STEPS ? i : STEPS];
		if (likely(step_matches(p, step))) {
			member.target = step->target;
			member.name = (struct str){p + step->name_at, step->name_len};
			p += step->len;
		} else {
			p = read_name(d, p, node, i, &member);
			if (unlikely(p == NULL))
				return NULL;
		}
		if (likely(member.target <= TARGET_UNMAPPED)) {
			d->present |= 1u << member.target;
			p = read_value(d, p, &d->values[member.target]);
		} else if (member.target == TARGET_DIM) {
			p = read_dim(d, p, member.name);
		} else if (member.target == TARGET_END) {
			break;
		} else {
			p = read_node(d, p, &d->nodes[member.target - TARGET_NODE]);
		}
	}
	d->depth--;
	return p;
}

enum feedback_reason scan_message(struct feedback_decoder *d, struct str message)
{
	memcpy(d->copy, message.at, message.len);
	d->copy[message.len] = '\0';
	d->message = message;
	d->depth = 0;
	d->present = 0;
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
