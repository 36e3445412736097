#include "json/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/number.h"

/* struct json is jansson's json_t: never defined, only cast, so that its header stays out of everybody else's files. */
static json_t *inner(const struct json *json)
{
	return (json_t *)json;
}

static struct json *made(json_t *value)
{
	must(value != NULL);
	return (struct json *)value;
}

struct json *json_parse(struct str text, struct err *err)
{
	json_error_t error;
	json_t *value = json_loadb(text.at, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (value == NULL)
		err_set(err, "line %d, column %d: %s", error.line, error.column, error.text);
	return (struct json *)value;
}

void json_destroy(struct json *json)
{
	json_decref(inner(json));
}

enum json_kind json_kind(const struct json *json)
{
	switch (json_typeof(inner(json))) {
	case JSON_NULL: return JSON_KIND_NULL;
	case JSON_TRUE:
	case JSON_FALSE: return JSON_KIND_BOOL;
	case JSON_INTEGER: return JSON_KIND_WHOLE;
	case JSON_REAL: return JSON_KIND_DECIMAL;
	case JSON_STRING: return JSON_KIND_TEXT;
	case JSON_ARRAY: return JSON_KIND_ARRAY;
	case JSON_OBJECT: return JSON_KIND_OBJECT;
	}
	must(!"a type that jansson has not");
}

struct str json_text(const struct json *json)
{
	if (!json_is_string(inner(json)))
		return (struct str){"", 0};
	return (struct str){json_string_value(inner(json)), json_string_length(inner(json))};
}

int64_t json_whole(const struct json *json)
{
	return json_integer_value(inner(json));
}

double json_number(const struct json *json)
{
	return json_number_value(inner(json));
}

bool json_bool(const struct json *json)
{
	return json_is_true(inner(json));
}

size_t json_count(const struct json *json)
{
	return json_is_array(inner(json)) ? json_array_size(inner(json)) : json_object_size(inner(json));
}

const struct json *json_get(const struct json *json, const char *name)
{
	return (const struct json *)json_object_get(inner(json), name);
}

const struct json *json_at(const struct json *json, size_t index)
{
	return (const struct json *)json_array_get(inner(json), index);
}

void *json_first(const struct json *object)
{
	return json_object_iter(inner(object));
}

void *json_next(const struct json *object, void *at)
{
	return json_object_iter_next(inner(object), at);
}

struct str json_name(void *at)
{
	return str_of(json_object_iter_key(at));
}

const struct json *json_member(void *at)
{
	return (const struct json *)json_object_iter_value(at);
}

struct json *json_new_object(void)
{
	return made(json_object());
}

struct json *json_new_array(void)
{
	return made(json_array());
}

struct json *json_new_null(void)
{
	return made(json_null());
}

struct json *json_new_bool(bool value)
{
	return made(json_boolean(value));
}

struct json *json_new_whole(int64_t value)
{
	return made(json_integer(value));
}

struct json *json_new_number(double value)
{
	return made(json_real(value));
}

struct json *json_new_text(struct str text)
{
	return made(json_stringn(text.at, text.len));
}

void json_put(struct json *object, const char *name, struct json *take)
{
	must(json_object_set_new(inner(object), name, inner(take)) == 0);
}

void json_push(struct json *array, struct json *take)
{
	must(json_array_append_new(inner(array), inner(take)) == 0);
}

/* jansson would write 0.1 as 0.10000000000000001: its own dump has no shortest form, so the tree is written here. */
static void write_text(FILE *to, struct str text)
{
	fputc('"', to);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		if (c == '"' || c == '\\')
			fprintf(to, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", to);
		else if (c < 0x20)
			fprintf(to, "\\u%04x", c);
		else
			fputc(c, to);
	}
	fputc('"', to);
}

static void write_value(FILE *to, const struct json *json);

static void write_members(FILE *to, const struct json *object)
{
	fputc('{', to);
	for (void *at = json_first(object), *first = at; at; at = json_next(object, at)) {
		if (at != first)
			fputc(',', to);
		write_text(to, json_name(at));
		fputc(':', to);
		write_value(to, json_member(at));
	}
	fputc('}', to);
}

static void write_elements(FILE *to, const struct json *array)
{
	fputc('[', to);
	for (size_t i = 0; i < json_count(array); i++) {
		if (i)
			fputc(',', to);
		write_value(to, json_at(array, i));
	}
	fputc(']', to);
}

static void write_value(FILE *to, const struct json *json)
{
	char digits[NUMBER_BYTES];
	switch (json_kind(json)) {
	case JSON_KIND_NULL: fputs("null", to); break;
	case JSON_KIND_BOOL: fputs(json_bool(json) ? "true" : "false", to); break;
	case JSON_KIND_WHOLE: fwrite(digits, 1, number_whole(digits, json_whole(json)), to); break;
	case JSON_KIND_DECIMAL: fwrite(digits, 1, number_decimal(digits, json_number(json)), to); break;
	case JSON_KIND_TEXT: write_text(to, json_text(json)); break;
	case JSON_KIND_ARRAY: write_elements(to, json); break;
	case JSON_KIND_OBJECT: write_members(to, json); break;
	}
}

char *json_dump(const struct json *json, size_t *len)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	must(to != NULL);
	write_value(to, json);
	must(fclose(to) == 0);
	if (len)
		*len = size;
	return text;
}
