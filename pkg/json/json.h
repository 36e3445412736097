/*
 * json - JSON off the hot path: files and answers read into a tree, trees written out. The only user of jansson.
 *
 * A message of an input topic never comes here; `feedback` reads those in one pass. Members keep their order, the last of two with
 * one name wins. Strings may hold NUL (\u0000), member names may not: that is jansson's limit, as are whole numbers of more than
 * 64 bits and decimals beyond a double, which are refused when read.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum json_kind { JSON_KIND_NULL, JSON_KIND_BOOL, JSON_KIND_WHOLE, JSON_KIND_DECIMAL, JSON_KIND_TEXT, JSON_KIND_ARRAY, JSON_KIND_OBJECT };

struct json;   /* a value; what was parsed or made is owned, what a query returns is borrowed from it */

/* Any JSON value. A mistake is named with its line and column, both from 1, columns in code points. */
NODISCARD struct json *json_parse(struct str text, struct err *);
void json_destroy(struct json *);   /* NULL is fine; only for what is owned */

enum json_kind json_kind(const struct json *);
struct str json_text(const struct json *);         /* of a text; empty for anything else */
int64_t json_whole(const struct json *);           /* of a whole number; 0 */
double json_number(const struct json *);           /* of a whole number or decimal; 0 */
bool json_bool(const struct json *);               /* of a bool; false */
size_t json_count(const struct json *);            /* elements or members; 0 */
const struct json *json_get(const struct json *, const char *name);   /* a member; NULL: none, or no object */
const struct json *json_at(const struct json *, size_t index);        /* an element; NULL */

/* Members in order: for (void *at = json_first(object); at; at = json_next(object, at)) */
void *json_first(const struct json *object);
void *json_next(const struct json *object, void *at);
struct str json_name(void *at);
const struct json *json_member(void *at);

/* Values to write; each is owned until it is put into an object or array, which takes it. Text must be UTF-8. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_null(void);
struct json *json_new_bool(bool);
struct json *json_new_whole(int64_t);
struct json *json_new_number(double);   /* finite; written as the shortest that reads back equal */
struct json *json_new_text(struct str);
void json_put(struct json *object, const char *name, struct json *take);
void json_push(struct json *array, struct json *take);

/* On one line, no spaces, members in order, everything but quotes, backslashes and control bytes as it is. NUL-terminated, to be
 * released with free(); `len` may be NULL. */
char *json_dump(const struct json *, size_t *len);

#endif
