#include "base/option.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"
#include "base/number.h"
#include "base/units.h"

#define QUOTED_MAX 60 /* bytes of a wrong value that an error repeats */

struct option_block {
	struct option_block *next;
	_Alignas(max_align_t) char bytes[];
};

void *option_pool_take(struct option_pool *pool, size_t bytes)
{
	struct option_block *block = must_alloc(sizeof *block + bytes);
	block->next = pool->blocks;
	pool->blocks = block;
	return block->bytes;
}

const char *option_keep(struct option_pool *pool, struct str text)
{
	char *copy = option_pool_take(pool, text.len + 1);
	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	return copy;
}

void option_pool_release(struct option_pool *pool)
{
	while (pool->blocks != NULL) {
		struct option_block *next = pool->blocks->next;
		free(pool->blocks);
		pool->blocks = next;
	}
}

static struct str trimmed(struct str text)
{
	while (text.len > 0 && strchr(" \t\r\n", text.at[0]) != NULL)
		text = (struct str){text.at + 1, text.len - 1};
	while (text.len > 0 && strchr(" \t\r\n", text.at[text.len - 1]) != NULL)
		text.len--;
	return text;
}

/* ---- single values ---- */

static bool read_whole(struct str text, int64_t *out)
{
	bool negative = text.len > 0 && text.at[0] == '-';
	int64_t value = 0;
	if (text.len == (negative ? 1 : 0))
		return false;
	for (size_t i = negative; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, text.at[i] - '0', &value))
			return false;
	}
	if (!negative && value == INT64_MIN)
		return false;
	*out = negative ? value : -value;
	return true;
}

static bool read_number(struct str text, double *out)
{
	char copy[64];
	if (text.len == 0 || text.len >= sizeof copy)
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	if (strspn(copy, "0123456789+-.eE") < text.len) /* strtod knows "inf", "nan" and hexadecimal too */
		return false;
	char *end;
	*out = strtod(copy, &end);
	return end == copy + text.len && isfinite(*out);
}

static int choice_index(const char *const *choices, struct str text)
{
	for (int i = 0; choices[i] != NULL; i++)
		if (str_is(text, choices[i]))
			return i;
	return -1;
}

static void choices_text(const char *const *choices, char *out, size_t max)
{
	size_t at = 0;
	out[0] = '\0';
	for (int i = 0; choices[i] != NULL && at < max; i++) {
		const char *joint = i == 0 ? "" : choices[i + 1] == NULL ? " or " : ", ";
		at += (size_t)snprintf(out + at, max - at, "%s%s", joint, choices[i]);
	}
}

static bool wrong_choice(const struct option_row *row, struct str text, struct err *err)
{
	char all[200];
	choices_text(row->choices, all, sizeof all);
	const char *near = nearest_word(text, row->choices);
	err_set(err, "must be %s, not '%.*s'%s%s%s", all,
		(int)(text.len < QUOTED_MAX ? text.len : QUOTED_MAX), text.at, near ? "; did you mean '" : "",
		near ? near : "", near ? "'?" : "");
	return false;
}

static bool bounded(const struct option_row *row)
{
	return row->min != 0 || row->max != 0;
}

static bool in_range(const struct option_row *row, double value)
{
	return !bounded(row) || (value >= row->min && value <= row->max);
}

static void bound_text(const struct option_row *row, double value, char *out, size_t max)
{
	char digits[NUMBER_BYTES];
	if (row->type == OPTION_DURATION)
		units_duration_text((int64_t)value, out, max);
	else if (row->type == OPTION_BYTES)
		units_bytes_text((int64_t)value, out, max);
	else {
		number_decimal(digits, value);
		snprintf(out, max, "%s", digits);
	}
}

static bool wrong(const struct option_row *row, struct str text, struct err *err)
{
	static const char *const kinds[] = {
		[OPTION_BOOL] = "true or false",
		[OPTION_INT] = "a whole number",
		[OPTION_BYTES] = "a size such as 65536, 512KiB or 1MiB",
		[OPTION_DURATION] = "a duration such as 100ms, 10s, 5m, 24h or 7d",
		[OPTION_NUMBER] = "a number",
	};
	char low[40], high[40], range[100] = "";
	if (bounded(row)) {
		bound_text(row, row->min, low, sizeof low);
		bound_text(row, row->max, high, sizeof high);
		snprintf(range, sizeof range, " from %s to %s", low, high);
	}
	err_set(err, "must be %s%s, not '%.*s'", kinds[row->type], range,
		(int)(text.len < QUOTED_MAX ? text.len : QUOTED_MAX), text.at);
	return false;
}

static void *field(const struct option_row *row, void *into)
{
	return (char *)into + row->offset;
}

static const void *field_of(const struct option_row *row, const void *from)
{
	return (const char *)from + row->offset;
}

static bool set_whole(const struct option_row *row, struct str text, void *into, struct err *err)
{
	int64_t value;
	bool read = row->type == OPTION_INT	? read_whole(text, &value)
		    : row->type == OPTION_BYTES ? units_bytes(text, &value)
						: units_duration(text, &value);
	if (!read || !in_range(row, (double)value))
		return wrong(row, text, err);
	*(int64_t *)field(row, into) = value;
	return true;
}

static bool set_number(const struct option_row *row, struct str text, void *into, struct err *err)
{
	double value;
	if (!read_number(text, &value) || !in_range(row, value))
		return wrong(row, text, err);
	*(double *)field(row, into) = value;
	return true;
}

static bool set_bool(const struct option_row *row, struct str text, void *into, struct err *err)
{
	if (!str_is(text, "true") && !str_is(text, "false"))
		return wrong(row, text, err);
	*(bool *)field(row, into) = str_is(text, "true");
	return true;
}

static bool set_choice(const struct option_row *row, struct str text, void *into, struct err *err)
{
	int index = choice_index(row->choices, text);
	if (index < 0)
		return wrong_choice(row, text, err);
	*(int *)field(row, into) = index;
	return true;
}

/* "[a, b]", "a, b" and "a" are lists of two, two and one. */
static bool set_list_text(const struct option_row *row, struct str text, void *into, struct option_pool *pool,
			  struct err *err)
{
	enum { ITEMS_MAX = 64 };
	struct str items[ITEMS_MAX];
	size_t count = 0;
	text = trimmed(text);
	if (text.len >= 2 && text.at[0] == '[' && text.at[text.len - 1] == ']')
		text = trimmed((struct str){text.at + 1, text.len - 2});
	while (text.len > 0) {
		const char *comma = memchr(text.at, ',', text.len);
		size_t len = comma != NULL ? (size_t)(comma - text.at) : text.len;
		if (count == ITEMS_MAX) {
			err_set(err, "must have at most %d items", ITEMS_MAX);
			return false;
		}
		items[count++] = trimmed((struct str){text.at, len});
		size_t used = comma != NULL ? len + 1 : len;
		text = (struct str){text.at + used, text.len - used};
	}
	return option_set_list(row, items, count, into, pool, err);
}

bool option_set_list(const struct option_row *row, const struct str *items, size_t count, void *into,
		     struct option_pool *pool, struct err *err)
{
	must(row->type == OPTION_LIST);
	for (size_t i = 0; i < count; i++) {
		if (items[i].len == 0) {
			err_set(err, "must have no empty item");
			return false;
		}
		if (row->choices != NULL && choice_index(row->choices, items[i]) < 0)
			return wrong_choice(row, items[i], err);
	}
	const char **at = option_pool_take(pool, count * sizeof *at);
	for (size_t i = 0; i < count; i++)
		at[i] = option_keep(pool, items[i]);
	*(struct option_list *)field(row, into) = (struct option_list){at, count};
	return true;
}

bool option_set(const struct option_row *row, struct str text, void *into, struct option_pool *pool,
		struct err *err)
{
	switch (row->type) {
	case OPTION_BOOL: return set_bool(row, text, into, err);
	case OPTION_INT:
	case OPTION_BYTES:
	case OPTION_DURATION: return set_whole(row, text, into, err);
	case OPTION_NUMBER: return set_number(row, text, into, err);
	case OPTION_CHOICE: return set_choice(row, text, into, err);
	case OPTION_LIST: return set_list_text(row, text, into, pool, err);
	case OPTION_TEXT: *(const char **)field(row, into) = option_keep(pool, text); return true;
	}
	must(!"a known type");
	return false;
}

static void set_nothing(const struct option_row *row, void *into)
{
	switch (row->type) {
	case OPTION_BOOL: *(bool *)field(row, into) = false; break;
	case OPTION_INT:
	case OPTION_BYTES:
	case OPTION_DURATION: *(int64_t *)field(row, into) = 0; break;
	case OPTION_NUMBER: *(double *)field(row, into) = 0; break;
	case OPTION_CHOICE: *(int *)field(row, into) = 0; break;
	case OPTION_LIST: *(struct option_list *)field(row, into) = (struct option_list){0}; break;
	case OPTION_TEXT: *(const char **)field(row, into) = NULL; break;
	}
}

void option_defaults(const struct option_row *rows, void *into, struct option_pool *pool)
{
	for (; rows->key != NULL; rows++) {
		struct err err = {0};
		set_nothing(rows, into);
		if (rows->preset != NULL && !option_set(rows, str_of(rows->preset), into, pool, &err)) {
			err_prefix(&err, "the default of %s", rows->key);
			must_failed(err.text, __FILE__, __LINE__);
		}
	}
}

/* ---- back to text ---- */

static void format_list(const struct option_list *list, char *out, size_t max)
{
	size_t at = (size_t)snprintf(out, max, "[");
	for (size_t i = 0; i < list->count && at < max; i++)
		at += (size_t)snprintf(out + at, max - at, "%s%s", i ? ", " : "", list->at[i]);
	if (at < max)
		snprintf(out + at, max - at, "]");
}

void option_format(const struct option_row *row, const void *from, char *out, size_t max)
{
	const void *at = field_of(row, from);
	char digits[NUMBER_BYTES];
	switch (row->type) {
	case OPTION_BOOL: snprintf(out, max, "%s", *(const bool *)at ? "true" : "false"); break;
	case OPTION_INT: snprintf(out, max, "%" PRId64, *(const int64_t *)at); break;
	case OPTION_BYTES: units_bytes_text(*(const int64_t *)at, out, max); break;
	case OPTION_DURATION: units_duration_text(*(const int64_t *)at, out, max); break;
	case OPTION_NUMBER:
		number_decimal(digits, *(const double *)at);
		snprintf(out, max, "%s", digits);
		break;
	case OPTION_CHOICE: snprintf(out, max, "%s", row->choices[*(const int *)at]); break;
	case OPTION_LIST: format_list(at, out, max); break;
	case OPTION_TEXT:
		snprintf(out, max, "%s", *(const char *const *)at ? *(const char *const *)at : "");
		break;
	}
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_list(const struct option_list *a, const struct option_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->at[i], b->at[i]) != 0)
			return false;
	return true;
}

bool option_same(const struct option_row *row, const void *a, const void *b)
{
	const void *x = field_of(row, a), *y = field_of(row, b);
	switch (row->type) {
	case OPTION_BOOL: return *(const bool *)x == *(const bool *)y;
	case OPTION_INT:
	case OPTION_BYTES:
	case OPTION_DURATION: return *(const int64_t *)x == *(const int64_t *)y;
	case OPTION_NUMBER: return *(const double *)x == *(const double *)y;
	case OPTION_CHOICE: return *(const int *)x == *(const int *)y;
	case OPTION_LIST: return same_list(x, y);
	case OPTION_TEXT: return same_text(*(const char *const *)x, *(const char *const *)y);
	}
	must(!"a known type");
	return false;
}
