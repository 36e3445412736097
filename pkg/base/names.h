/*
 * names - a bounded dictionary: name <-> small number, never forgets.
 *
 * Touchpoint names arrive in every message; everything behind the decoder works with their number. Full is an outcome
 * (NAMES_FULL), the caller's policy decides (touchpoints go to `_overflow`). Numbers count up from 0 in order of arrival.
 * A name that is too long is cut and ends in '~' and the 16 hex digits of the whole one's hash: two that begin alike stay two.
 * Owned by one thread. No allocation after create.
 */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include <stdint.h>

#include "base/str.h"

#define NAMES_FULL      UINT32_MAX
#define NAMES_TAIL      17    /* bytes of a cut name that stand for what was cut off */
#define NAMES_BYTES_MAX 1024   /* the most that name_bytes_max may be */

struct names;

struct names *names_create(uint32_t count_max, size_t name_bytes_max);   /* longer names are cut to at most that */
void names_destroy(struct names *);
uint32_t names_intern(struct names *, struct str name);   /* its number, new or old; NAMES_FULL */
uint32_t names_find(const struct names *, struct str name);   /* NAMES_FULL: unknown */
void names_prefetch(const struct names *, struct str name);   /* will be looked up soon: a batch does not wait for memory, name by name */
uint32_t names_count(const struct names *);
struct str names_get(const struct names *, uint32_t number);       /* borrowed for the dictionary's life */
uint64_t names_hash(const struct names *, uint32_t number);        /* hash_bytes(name) */

#endif
