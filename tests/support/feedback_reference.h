/*
 * A slow and obvious decoder of feedback over jansson's tree, and the comparison of the fast one with it. Shares no code with
 * pkg/feedback but the header's types. Used by the differential test and the fuzz target.
 *
 * Not decided, because jansson leaves RFC 8259: decimals beyond a double, whole numbers over 64 bits, NUL in member names. A raw NUL
 * anywhere is a fault to the RFC; jansson overlooks it behind a number, so it is looked for first.
 */
#ifndef FEEDBACK_REFERENCE_H
#define FEEDBACK_REFERENCE_H

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "feedback/feedback.h"
#include "json/json.h"

#define REFERENCE_END 9246182400.0   /* 2263-01-01, epoch seconds */

struct reference {
	struct json *tree;
	const struct feedback_mapping *mapping;
	bool undecided;   /* the outcome hangs on something in which jansson can't be the judge */
	bool decimals;    /* a decimal was kept: writing the tree again may write it otherwise */
	bool syntax;      /* rejected by jansson */
	enum feedback_reason reason;
	char id[4100], touchpoint[4100], comment[4100], customer[4100];
	size_t id_len, touchpoint_len, comment_len, customer_len;
	int64_t time_ms, updated_ms;
	bool time_rough, updated_rough;   /* from a double: a millisecond off is fine */
	enum ledger ledger;
	bool deletion;
	int bin;
	struct { struct str name; const struct json *value; } dims[FEEDBACK_DIMS_MAX];
	unsigned dims_count;
};

static inline const char *reference_path(const struct feedback_mapping *mapping, int field)
{
	return mapping->path[field] ? mapping->path[field] : feedback_field_name(field);
}

/* NULL: absent. Paths of the tests have no escapes. */
static inline const struct json *reference_find(struct reference *ref, int field)
{
	char path[200], *rest = path;
	snprintf(path, sizeof path, "%s", reference_path(ref->mapping, field));
	if (strcmp(path, "-") == 0)
		return NULL;
	const struct json *at = ref->tree;
	for (char *name = strsep(&rest, "."); name && at; name = strsep(&rest, "."))
		at = json_get(at, name);
	return at;
}

static inline bool reference_null(const struct json *json)
{
	return json == NULL || json_kind(json) == JSON_KIND_NULL;
}

/* Of a sound text, not of the tree: a value that a later duplicate replaced was nested as well. */
static inline unsigned reference_depth(struct str text)
{
	unsigned depth = 0, deepest = 0;
	bool inside = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (inside && c == '\\')
			i++;
		else if (c == '"')
			inside = !inside;
		else if (!inside && (c == '{' || c == '['))
			deepest = ++depth > deepest ? depth : deepest;
		else if (!inside && (c == '}' || c == ']'))
			depth--;
	}
	return deepest;
}

static inline bool reference_matches(struct str text, const char *pattern)
{
	regex_t regex;
	char copy[200];
	if (text.len >= sizeof copy || (text.len && memchr(text.at, 0, text.len)))
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	must(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) == 0);
	bool matches = regexec(&regex, copy, 0, NULL, 0) == 0;
	regfree(&regex);
	return matches;
}

static inline bool reference_epoch(double whole, double fraction, int64_t *ms)
{
	double seconds = whole < 1e11 ? whole : whole < 1e14 ? whole / 1e3 : whole / 1e6;
	if (whole < 0 || seconds >= REFERENCE_END)
		return false;
	int64_t n = (int64_t)whole;
	*ms = whole < 1e11 ? n * 1000 + (int64_t)(fraction * 1000) : whole < 1e14 ? n : n / 1000;
	return true;
}

static inline bool reference_rfc3339(struct str text, int64_t *ms)
{
	static const char *const pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?"
					   "([Zz]|[+-][0-9]{2}:?[0-9]{2})$";
	char copy[200] = {0}, millis[4] = "000", *p;
	if (!reference_matches(text, pattern))
		return false;
	memcpy(copy, text.at, text.len);
	struct tm tm = {.tm_year = atoi(copy) - 1900, .tm_mon = atoi(copy + 5) - 1, .tm_mday = atoi(copy + 8),
			.tm_hour = atoi(copy + 11), .tm_min = atoi(copy + 14), .tm_sec = atoi(copy + 17)};
	struct tm asked = tm, normal;
	bool leap = tm.tm_sec == 60;
	if (leap)
		tm.tm_sec = 59, asked.tm_sec = 59;
	time_t at = timegm(&tm);
	gmtime_r(&at, &normal);
	if (normal.tm_mon != asked.tm_mon || normal.tm_mday != asked.tm_mday || normal.tm_hour != asked.tm_hour ||
	    normal.tm_min != asked.tm_min || normal.tm_sec != asked.tm_sec)
		return false;
	p = copy + 19;
	if (*p == '.')
		for (int i = 0; *++p >= '0' && *p <= '9'; i++)
			if (i < 3)
				millis[i] = *p;
	if (*p == '+' || *p == '-') {
		int hours = (p[1] - '0') * 10 + p[2] - '0', minutes = atoi(p + (p[3] == ':' ? 4 : 3));
		if (hours > 23 || minutes > 59)
			return false;
		at -= (*p == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	}
	if (leap && at % 86400 != 86399)
		return false;
	at += leap;
	*ms = at * 1000 + atoi(millis);
	return *ms >= 0 && at < REFERENCE_END;
}

static inline bool reference_time(struct reference *ref, const struct json *json, int64_t *ms, bool *rough)
{
	struct str text = json_text(json);
	double number = json_number(json);
	*rough = false;
	switch (json_kind(json)) {
	case JSON_KIND_WHOLE: return reference_epoch((double)json_whole(json), 0, ms);
	case JSON_KIND_DECIMAL:
		*rough = ref->decimals = true;
		for (int i = 0; i < 5; i++) {
			double edge = (double[]){0, 1e11, 1e14, REFERENCE_END * 1e3, REFERENCE_END * 1e6}[i];
			if (fabs(number - edge) < 1e-3 * fmax(1, edge / 1e9))
				ref->undecided = number != 0 || i > 0;
		}
		if (fabs(number - REFERENCE_END) < 1e-3 || fabs(number) < 1e-300)
			ref->undecided = true;
		return reference_epoch(number < 0 ? number : floor(number), number - floor(number), ms);
	case JSON_KIND_TEXT:
		if (reference_matches(text, "^[0-9]+([.][0-9]+)?$")) {
			char copy[200] = {0}, millis[4] = "000";
			memcpy(copy, text.at, text.len);
			char *point = strchr(copy, '.');
			for (int i = 0; point && i < 3 && point[1 + i]; i++)
				millis[i] = point[1 + i];
			return reference_epoch(floor(strtod(copy, NULL)), (atoi(millis) + 0.5) / 1000, ms);
		}
		if (text.len >= 150)
			ref->undecided = true;
		return reference_rfc3339(text, ms);
	default: return false;
	}
}

static inline bool reference_name(struct reference *ref, int field, char *out, size_t *len)
{
	const struct json *json = reference_find(ref, field);
	*len = 0;
	if (reference_null(json))
		return true;
	if (json_kind(json) == JSON_KIND_WHOLE) {
		*len = (size_t)sprintf(out, "%lld", (long long)json_whole(json));
		return true;
	}
	*len = json_text(json).len;
	memcpy(out, json_text(json).at, *len);
	return json_kind(json) == JSON_KIND_TEXT;
}

static inline bool reference_op(struct reference *ref)
{
	const struct json *json = reference_find(ref, FEEDBACK_OP);
	ref->deletion = false;
	if (reference_null(json))
		return true;
	ref->deletion = str_is(json_text(json), "delete");
	return ref->deletion || str_is(json_text(json), "upsert");
}

static inline bool reference_kind(struct reference *ref)
{
	static const char *const names[] = {"survey", "relationship", "social", "review", "transactional"};
	const struct json *json = reference_find(ref, FEEDBACK_KIND);
	ref->ledger = ref->mapping->ledger;
	if (reference_null(json))
		return true;
	for (int i = 0; i < 5; i++) {
		if (str_is(json_text(json), names[i])) {
			ref->ledger = i == 4 ? LEDGER_SURVEY : (enum ledger)i;
			return true;
		}
	}
	return false;
}

static inline bool reference_score(struct reference *ref)
{
	const struct json *json = reference_find(ref, FEEDBACK_SCORE);
	struct json *inner = NULL;
	struct err err = {0};
	ref->bin = BIN_NONE;
	if (json == NULL)
		return true;
	if (json_kind(json) == JSON_KIND_TEXT && reference_matches(json_text(json), "^-?[0-9].*[0-9]$|^[0-9]$"))
		json = inner = json_parse(json_text(json), &err);
	if (json && (json_kind(json) == JSON_KIND_WHOLE || json_kind(json) == JSON_KIND_DECIMAL)) {
		double number = json_number(json);
		if (number == floor(number) && number >= (ref->ledger == LEDGER_REVIEW) &&
		    number <= (ref->ledger == LEDGER_REVIEW ? 5 : 10))
			ref->bin = (int)number;
	}
	json_destroy(inner);
	return ref->bin != BIN_NONE;
}

static inline bool reference_class(struct reference *ref)
{
	const struct json *class = reference_find(ref, FEEDBACK_CLASS), *sentiment = reference_find(ref, FEEDBACK_SENTIMENT);
	ref->bin = BIN_UNREAD;
	if (!reference_null(class)) {
		struct str text = json_text(class);
		ref->bin = str_is(text, "positive") ? BIN_POSITIVE : str_is(text, "neutral") ? BIN_NEUTRAL : BIN_NEGATIVE;
		return ref->bin != BIN_NEGATIVE || str_is(text, "negative");
	}
	if (reference_null(sentiment))
		return true;
	double number = json_number(sentiment);
	ref->bin = number >= 0.05 ? BIN_POSITIVE : number <= -0.05 ? BIN_NEGATIVE : BIN_NEUTRAL;
	return (json_kind(sentiment) == JSON_KIND_WHOLE || json_kind(sentiment) == JSON_KIND_DECIMAL) && fabs(number) <= 1;
}

/* A member of the dims object that leads to a mapped field is no dim. */
static inline bool reference_leads_on(struct reference *ref, struct str name)
{
	char path[4300];
	int len = snprintf(path, sizeof path, "%s.%.*s", reference_path(ref->mapping, FEEDBACK_DIMS), (int)name.len, name.at);
	for (int field = 0; field < FEEDBACK_FIELDS; field++) {
		const char *other = reference_path(ref->mapping, field);
		if (field != FEEDBACK_DIMS && strncmp(other, path, (size_t)len) == 0 && (other[len] == '.' || other[len] == '\0'))
			return true;
	}
	return false;
}

static inline bool reference_dims(struct reference *ref)
{
	const struct json *json = reference_find(ref, FEEDBACK_DIMS);
	unsigned met = 0;
	ref->dims_count = 0;
	if (reference_null(json))
		return true;
	if (json_kind(json) != JSON_KIND_OBJECT)
		return false;
	for (void *at = json_first(json); at && met < FEEDBACK_DIMS_MAX; at = json_next(json, at)) {
		if (reference_leads_on(ref, json_name(at)))
			continue;
		met++;
		enum json_kind kind = json_kind(json_member(at));
		if (kind == JSON_KIND_ARRAY || kind == JSON_KIND_OBJECT)
			return false;
		ref->decimals |= kind == JSON_KIND_DECIMAL;
		if (kind != JSON_KIND_NULL) {
			ref->dims[ref->dims_count].name = json_name(at);
			ref->dims[ref->dims_count++].value = json_member(at);
		}
	}
	return true;
}

static inline enum feedback_reason reference_judge(struct reference *ref, struct str text)
{
	if (reference_depth(text) > (ref->mapping->depth_max ? ref->mapping->depth_max : 64))
		return FEEDBACK_TOO_DEEP;
	if (json_kind(ref->tree) != JSON_KIND_OBJECT)
		return FEEDBACK_NOT_OBJECT;
	if (!reference_name(ref, FEEDBACK_ID, ref->id, &ref->id_len))
		return FEEDBACK_BAD_TYPE;
	if (ref->id_len == 0)
		return FEEDBACK_NO_ID;
	if (!reference_op(ref))
		return FEEDBACK_BAD_OP;
	const struct json *updated = reference_find(ref, FEEDBACK_UPDATED), *when = reference_find(ref, FEEDBACK_TIME);
	ref->updated_ms = FEEDBACK_NO_VERSION;
	if (!reference_null(updated) && !reference_time(ref, updated, &ref->updated_ms, &ref->updated_rough))
		return FEEDBACK_BAD_TIME;
	if (!reference_kind(ref))
		return FEEDBACK_BAD_KIND;
	if (ref->deletion)
		return FEEDBACK_OK;
	if (reference_null(when))
		return FEEDBACK_NO_TIME;
	if (!reference_time(ref, when, &ref->time_ms, &ref->time_rough))
		return FEEDBACK_BAD_TIME;
	if (ref->ledger == LEDGER_SOCIAL && !reference_class(ref))
		return FEEDBACK_BAD_CLASS;
	if (ref->ledger != LEDGER_SOCIAL && !reference_score(ref))
		return FEEDBACK_BAD_SCORE;
	const struct json *comment = reference_find(ref, FEEDBACK_COMMENT);
	if (!reference_name(ref, FEEDBACK_TOUCHPOINT, ref->touchpoint, &ref->touchpoint_len))
		return FEEDBACK_BAD_TYPE;
	if (!reference_null(comment) && json_kind(comment) != JSON_KIND_TEXT)
		return FEEDBACK_BAD_TYPE;
	if (!reference_name(ref, FEEDBACK_COMMENT, ref->comment, &ref->comment_len))
		return FEEDBACK_BAD_TYPE;
	if (!reference_name(ref, FEEDBACK_CUSTOMER, ref->customer, &ref->customer_len))
		return FEEDBACK_BAD_TYPE;
	return reference_dims(ref) ? FEEDBACK_OK : FEEDBACK_BAD_TYPE;
}

/* Texts of up to 4096 bytes. Release ref->tree with json_destroy. */
static inline void reference_decode(struct reference *ref, const struct feedback_mapping *mapping, struct str text)
{
	struct err err = {0};
	ref->mapping = mapping;
	ref->undecided = ref->decimals = ref->syntax = ref->time_rough = ref->updated_rough = false;
	ref->tree = text.len && memchr(text.at, 0, text.len) ? NULL : json_parse(text, &err);
	if (ref->tree == NULL) {
		ref->syntax = true;
		ref->undecided = strstr(err.text, "too big") || strstr(err.text, "overflow") || strstr(err.text, "NUL byte in object key");
		return;
	}
	ref->reason = reference_judge(ref, text);
}

static inline bool reference_bytes(struct str got, const char *want, size_t len)
{
	return got.len == len && (len == 0 || memcmp(got.at, want, len) == 0);
}

static inline bool reference_dim_equal(struct feedback_dim got, struct str name, const struct json *value)
{
	char text[400];
	snprintf(text, sizeof text, "%.*s", (int)(got.value.len < 399 ? got.value.len : 399), got.value.at);
	if (!str_equal(got.name, name))
		return false;
	switch (json_kind(value)) {
	case JSON_KIND_TEXT: return str_equal(got.value, json_text(value));
	case JSON_KIND_BOOL: return str_is(got.value, json_bool(value) ? "true" : "false");
	case JSON_KIND_WHOLE: return strtoll(text, NULL, 10) == json_whole(value);
	default: return got.value.len > 399 || strtod(text, NULL) == json_number(value);
	}
}

static inline bool reference_near(int64_t got, int64_t want, bool rough)
{
	return got == want || (rough && llabs(got - want) <= 1);
}

/* NULL: both say the same of every field. */
static inline const char *reference_difference(const struct reference *ref, enum feedback_reason reason, const struct feedback *got)
{
	if (ref->undecided)
		return NULL;
	if (ref->syntax)
		return reason == FEEDBACK_NOT_JSON || reason == FEEDBACK_NOT_UTF8 || reason == FEEDBACK_TOO_DEEP ? NULL : "syntax";
	if (reason != ref->reason)
		return "reason";
	if (reason != FEEDBACK_OK)
		return NULL;
	if (!reference_bytes(got->id, ref->id, ref->id_len))
		return "id";
	if (!reference_near(got->updated_ms, ref->updated_ms, ref->updated_rough))
		return "updated";
	if (got->deletion != ref->deletion || got->ledger != ref->ledger)
		return "op or kind";
	if (got->deletion)
		return NULL;
	if (!reference_near(got->time_ms, ref->time_ms, ref->time_rough))
		return "time";
	if (got->bin != ref->bin)
		return "bin";
	if (!reference_bytes(got->touchpoint, ref->touchpoint, ref->touchpoint_len))
		return "touchpoint";
	if (!reference_bytes(got->comment, ref->comment, ref->comment_len))
		return "comment";
	if (!reference_bytes(got->customer, ref->customer, ref->customer_len))
		return "customer";
	if (got->dims_count != ref->dims_count)
		return "number of dims";
	for (unsigned i = 0; i < ref->dims_count; i++)
		if (!reference_dim_equal(got->dims[i], ref->dims[i].name, ref->dims[i].value))
			return "dims";
	return NULL;
}

/* Decodes with both; NULL if they agree, and if the tree written out again decodes to the same content. */
static inline const char *reference_disagrees(struct feedback_decoder *decoder, const struct feedback_mapping *mapping, struct str text)
{
	static struct reference ref;
	struct feedback got, again;
	char *exact = malloc(text.len ? text.len : 1);   /* so that ASan sees a read behind the message */
	memcpy(exact, text.at, text.len);
	enum feedback_reason reason = feedback_decode(decoder, (struct str){exact, text.len}, &got);
	reference_decode(&ref, mapping, text);
	const char *difference = reference_difference(&ref, reason, &got);
	bool minus_zero = memmem(text.at, text.len, "-0", 2) != NULL;   /* jansson writes it as 0, a dim keeps it as it came */
	if (!difference && !ref.undecided && !ref.decimals && !minus_zero && ref.tree && reason == FEEDBACK_OK) {
		size_t len;
		char *dump = json_dump(ref.tree, &len);
		if (len <= 4096) {
			reason = feedback_decode(decoder, (struct str){dump, len}, &again);
			if (reason != FEEDBACK_OK || again.content != got.content || again.time_ms != got.time_ms)
				difference = "content of the same tree written again";
		}
		free(dump);
	}
	json_destroy(ref.tree);
	free(exact);
	return difference;
}

/* The shapes under test: our own, and a nested one with mapped members inside the dims. */
static inline const struct feedback_mapping *reference_mapping(unsigned which)
{
	static const struct feedback_mapping own = {.bytes_max = 4096};
	static const struct feedback_mapping nested = {
		.bytes_max = 4096, .depth_max = 5, .ledger = LEDGER_SOCIAL,
		.path = {[FEEDBACK_ID] = "d.id", [FEEDBACK_TIME] = "d.at", [FEEDBACK_SCORE] = "d.answers.nps.value", [FEEDBACK_DIMS] = "d.h",
			 [FEEDBACK_TOUCHPOINT] = "d.h.where", [FEEDBACK_CUSTOMER] = "d.h.who.id", [FEEDBACK_COMMENT] = "d.answers.why",
			 [FEEDBACK_UPDATED] = "-"},
	};
	return which % 2 ? &nested : &own;
}

#endif
