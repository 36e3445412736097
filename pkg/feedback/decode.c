#include "feedback/feedback_priv.h"

#include <stdlib.h>
#include <string.h>

#include "feedback/kernel_priv.h"

#define POSITIVE_FROM 0.05 /* VADER's convention for its compound value */
#define NEGATIVE_FROM (-0.05)

static const char nothing[PAD];
#define NOTHING ((struct str){nothing, 0})

static inline const struct value *value_of(const struct feedback_decoder *d, enum feedback_field field)
{
	return &d->values[field];
}

static inline struct str span(const struct value *value)
{
	return (struct str){value->at, value->len};
}

static inline bool is_text(const struct value *value)
{
	return value->token == TOKEN_TEXT || value->token == TOKEN_ESCAPED;
}

static inline bool is_absent(const struct value *value)
{
	return value->token <= TOKEN_NULL;
}

static inline struct str text_of(struct feedback_decoder *d, const struct value *value)
{
	return likely(value->token == TOKEN_TEXT) ? span(value) : text_decode(d, span(value));
}

/* The caller's own bytes, of which the copy was made. */
struct original {
	const char *at, *copy;
	size_t len;
};

static inline struct original original_of(const struct feedback_decoder *d)
{
	return (struct original){d->message.at, d->copy, d->message.len};
}

/* From the copy to the original; what was decoded lies in scratch and stays there. */
static inline struct str lend(struct original from, struct str text)
{
	uintptr_t at = (uintptr_t)text.at - (uintptr_t)from.copy;
	return (struct str){likely(at <= from.len) ? from.at + at : text.at, text.len};
}

/* A string where others are not allowed, or nothing. */
static inline enum feedback_reason take_comment(struct feedback_decoder *d, struct str *out)
{
	const struct value *value = value_of(d, FEEDBACK_COMMENT);
	*out = NOTHING;
	if (likely(is_text(value)))
		*out = text_of(d, value);
	else if (!is_absent(value))
		return FEEDBACK_BAD_TYPE;
	return FEEDBACK_OK;
}

static enum feedback_reason name_rare(struct feedback_decoder *d, const struct value *value, struct str *out)
{
	*out = NOTHING;
	if (value->token == TOKEN_ESCAPED) {
		*out = text_decode(d, span(value));
	} else if (value->token == TOKEN_WHOLE) {
		unsigned minus_zero = value->len == 2 && memcmp(value->at, "-0", 2) == 0;
		*out = (struct str){value->at + minus_zero, value->len - minus_zero};
	} else if (!is_absent(value)) {
		return FEEDBACK_BAD_TYPE;
	}
	return FEEDBACK_OK;
}

/* An id, a touchpoint or a customer: a string, or a whole number's digits. Empty if absent. */
static inline enum feedback_reason take_name(struct feedback_decoder *d, enum feedback_field field,
					     struct str *out)
{
	const struct value *value = value_of(d, field);
	if (unlikely(value->token != TOKEN_TEXT))
		return name_rare(d, value, out);
	*out = span(value);
	return FEEDBACK_OK;
}

static bool time_rare(struct feedback_decoder *d, const struct value *value, int64_t *ms)
{
	switch (value->token) {
	case TOKEN_ESCAPED: return feedback_time(text_decode(d, span(value)), ms);
	case TOKEN_WHOLE:
	case TOKEN_NUMBER: return time_number(span(value), ms);
	default: return false;
	}
}

static inline bool take_time(struct feedback_decoder *d, const struct value *value, int64_t *ms)
{
	return likely(value->token == TOKEN_TEXT) ? feedback_time(span(value), ms) : time_rare(d, value, ms);
}

static enum feedback_reason take_op(struct feedback_decoder *d, bool *deletion)
{
	const struct value *value = value_of(d, FEEDBACK_OP);
	*deletion = false;
	if (is_absent(value))
		return FEEDBACK_OK;
	if (!is_text(value))
		return FEEDBACK_BAD_OP;
	struct str text = text_of(d, value);
	*deletion = str_equal(text, STR("delete"));
	return *deletion || str_equal(text, STR("upsert")) ? FEEDBACK_OK : FEEDBACK_BAD_OP;
}

static enum feedback_reason take_kind(struct feedback_decoder *d, enum ledger *out)
{
	const struct value *value = value_of(d, FEEDBACK_KIND);
	*out = d->ledger;
	if (is_absent(value))
		return FEEDBACK_OK;
	if (!is_text(value))
		return FEEDBACK_BAD_KIND;
	struct str text = text_of(d, value);
	if (text.len == 6 && memcmp(text.at, "survey", 6) == 0)
		*out = LEDGER_SURVEY;
	else if (str_equal(text, STR("transactional"))) /* what the trade calls a survey at a touchpoint */
		*out = LEDGER_SURVEY;
	else if (!ledger_from(text, out))
		return FEEDBACK_BAD_KIND;
	return FEEDBACK_OK;
}

/* A number's value; false: the text is none. Only numbers that are not one or two digits come here. */
static bool number_of(const struct feedback_decoder *d, struct str text, double *out)
{
	enum token token;
	if (text.len == 0 || scan_number(text.at, &token) != text.at + text.len)
		return false;
	char *end;
	*out = strtod_l(text.at, &end, d->plain);
	return end == text.at + text.len;
}

static enum feedback_reason take_score(struct feedback_decoder *d, enum ledger ledger, int8_t *bin)
{
	const struct value *value = value_of(d, FEEDBACK_SCORE);
	int least = ledger == LEDGER_REVIEW ? 1 : 0, most = ledger == LEDGER_REVIEW ? 5 : 10;
	int score = -1;
	double number;
	*bin = BIN_NONE;
	if (value->token == TOKEN_NONE)
		return FEEDBACK_OK;
	if (likely(value->token == TOKEN_WHOLE && value->len <= 2 && value->at[0] != '-')) {
		score = value->at[0] - '0';
		if (value->len == 2)
			score = score * 10 + value->at[1] - '0';
	} else if (is_text(value) || value->token == TOKEN_WHOLE || value->token == TOKEN_NUMBER) {
		struct str text = is_text(value) ? text_of(d, value) : span(value);
		if (number_of(d, text, &number) && number >= 0 && number <= 10 && number == (int)number)
			score = (int)number;
	}
	if (score < least || score > most)
		return FEEDBACK_BAD_SCORE;
	*bin = (int8_t)score;
	return FEEDBACK_OK;
}

static enum feedback_reason take_class(struct feedback_decoder *d, int8_t *bin)
{
	const struct value *class = value_of(d, FEEDBACK_CLASS), *sentiment = value_of(d, FEEDBACK_SENTIMENT);
	double number;
	*bin = BIN_UNREAD;
	if (!is_absent(class)) {
		if (!is_text(class))
			return FEEDBACK_BAD_CLASS;
		struct str text = text_of(d, class);
		if (str_equal(text, STR("positive")))
			*bin = BIN_POSITIVE;
		else if (str_equal(text, STR("negative")))
			*bin = BIN_NEGATIVE;
		else if (str_equal(text, STR("neutral")))
			*bin = BIN_NEUTRAL;
		else
			return FEEDBACK_BAD_CLASS;
	} else if (!is_absent(sentiment)) {
		if (sentiment->token != TOKEN_WHOLE && sentiment->token != TOKEN_NUMBER)
			return FEEDBACK_BAD_CLASS;
		if (!number_of(d, span(sentiment), &number) || !(number >= -1 && number <= 1))
			return FEEDBACK_BAD_CLASS;
		*bin = number >= POSITIVE_FROM	 ? BIN_POSITIVE
		       : number <= NEGATIVE_FROM ? BIN_NEGATIVE
						 : BIN_NEUTRAL;
	}
	return FEEDBACK_OK;
}

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Bits of the golden ratio, of the roots of 2 and 3. */
#define ODD_A 0x9e3779b97f4a7c15u
#define ODD_B 0x6a09e667f3bcc909u
#define ODD_C 0xbb67ae8584caa73bu

/* Sixteen bytes a multiplication, on text that may be read 16 bytes beyond its end: a call of base/hash per string costs three
 * times as much. Not keyed: whoever makes two versions of a response collide only hides an edit of their own. */
static inline uint64_t content_of(uint64_t seed, struct str text)
{
	static const unsigned char masks[32] = {255, 255, 255, 255, 255, 255, 255, 255,
						255, 255, 255, 255, 255, 255, 255, 255};
	const char *p = text.at;
	size_t rest = text.len;
	uint64_t hash = seed ^ (text.len * ODD_B + ODD_C);
	for (; rest > 16; rest -= 16, p += 16)
		hash = fold(load8(p) ^ ODD_A, load8(p + 8) ^ hash);
	simde__m128i tail = simde_mm_and_si128(load16(p), load16(masks + 16 - rest));
	uint64_t low = (uint64_t)simde_mm_cvtsi128_si64(tail),
		 high = (uint64_t)simde_mm_cvtsi128_si64(simde_mm_unpackhi_epi64(tail, tail));
	return fold(low ^ ODD_A, high ^ hash);
}

static inline uint64_t short_word(struct str text)
{
	return (load8(text.at) & (((uint64_t)1 << (8 * text.len)) - 1)) | (uint64_t)text.len << 56;
}

/* Most names and values of transaction variables are shorter than eight bytes: one multiplication takes both. */
static inline uint64_t dim_content(struct str name, struct str value)
{
	if (likely((name.len | value.len) < 8))
		return fold(short_word(name) ^ ODD_A, short_word(value) ^ ODD_B);
	return content_of(content_of(4, name), value);
}

/* Names and values in document order, their hashes added up: the order of members is no content. */
static inline enum feedback_reason take_dims(struct feedback_decoder *d, struct original from,
					     struct feedback *out, uint64_t *content)
{
	const struct value *whole = value_of(d, FEEDBACK_DIMS);
	struct feedback_dim *dim = out->dims;
	uint64_t sum = 0;
	out->dims_count = 0;
	if (is_absent(whole))
		return FEEDBACK_OK;
	if (unlikely(whole->token != TOKEN_OBJECT))
		return FEEDBACK_BAD_TYPE;
	for (const struct raw_dim *raw = d->dims, *end = raw + d->dims_count; raw < end; raw++) {
		struct str value = span(&raw->value);
		if (unlikely(raw->value.token != TOKEN_TEXT)) {
			if (raw->value.token == TOKEN_NULL)
				continue;
			if (raw->value.token >= TOKEN_ARRAY)
				return FEEDBACK_BAD_TYPE;
			if (raw->value.token == TOKEN_ESCAPED)
				value = text_decode(d, value);
		}
		sum += dim_content(raw->name, value);
		*dim++ = (struct feedback_dim){lend(from, raw->name), lend(from, value)};
	}
	out->dims_count = (unsigned)(dim - out->dims);
	*content = sum;
	return FEEDBACK_OK;
}

/* What only an upsert has, in the order of the header's list; the strings are hashed where they lie, then lent out. */
static inline enum feedback_reason take_content(struct feedback_decoder *d, struct original from,
						struct feedback *out)
{
	const struct value *time = value_of(d, FEEDBACK_TIME);
	enum feedback_reason reason;
	uint64_t content = 0;
	if (unlikely(is_absent(time)))
		return FEEDBACK_NO_TIME;
	if (unlikely(!take_time(d, time, &out->time_ms)))
		return FEEDBACK_BAD_TIME;
	reason = out->ledger == LEDGER_SOCIAL ? take_class(d, &out->bin)
					      : take_score(d, out->ledger, &out->bin);
	if (reason == FEEDBACK_OK)
		reason = take_name(d, FEEDBACK_TOUCHPOINT, &out->touchpoint);
	if (reason == FEEDBACK_OK)
		reason = take_comment(d, &out->comment);
	if (reason == FEEDBACK_OK)
		reason = take_name(d, FEEDBACK_CUSTOMER, &out->customer);
	if (reason == FEEDBACK_OK)
		reason = take_dims(d, from, out, &content);
	if (unlikely(reason != FEEDBACK_OK))
		return reason;
	content ^= fold((uint64_t)out->time_ms ^ ODD_A,
			((uint64_t)out->ledger << 8 | (uint8_t)out->bin) ^ ODD_B);
	content +=
		content_of(1, out->touchpoint) + content_of(2, out->comment) + content_of(3, out->customer);
	out->content = (uint32_t)(content >> 32 ^ content);
	out->touchpoint = lend(from, out->touchpoint);
	out->comment = lend(from, out->comment);
	out->customer = lend(from, out->customer);
	return FEEDBACK_OK;
}

static void no_content(struct feedback *out)
{
	out->time_ms = 0;
	out->bin = BIN_NONE;
	out->touchpoint = out->comment = out->customer = NOTHING;
	out->dims_count = 0;
	out->content = 0;
}

enum feedback_reason decode_message(struct feedback_decoder *d, struct str message, struct feedback *out)
{
	enum feedback_reason reason;
	if (unlikely(message.len > d->bytes_max))
		return FEEDBACK_TOO_LARGE;
	reason = scan_message(d, message);
	if (unlikely(reason != FEEDBACK_OK))
		return reason;
	reason = take_name(d, FEEDBACK_ID, &out->id);
	if (unlikely(reason != FEEDBACK_OK))
		return reason;
	if (unlikely(out->id.len == 0))
		return FEEDBACK_NO_ID;
	const struct original from = original_of(d);
	out->id = lend(from, out->id);
	reason = take_op(d, &out->deletion);
	if (unlikely(reason != FEEDBACK_OK))
		return reason;
	const struct value *updated = value_of(d, FEEDBACK_UPDATED);
	out->updated_ms = FEEDBACK_NO_VERSION;
	if (!is_absent(updated) && !take_time(d, updated, &out->updated_ms))
		return FEEDBACK_BAD_TIME;
	reason = take_kind(d, &out->ledger);
	if (unlikely(reason != FEEDBACK_OK))
		return reason;
	if (out->deletion) {
		no_content(out);
		return FEEDBACK_OK;
	}
	return take_content(d, from, out);
}
