/*
 * What the files of `bundle` share: the writer's columns. A part holds at most BUNDLE_BYTES_MAX bytes and each cell or
 * entry costs two bytes at least, so the columns have their full size from the start; memory that is never written to costs
 * nothing.
 */
#ifndef BUNDLE_PRIV_H
#define BUNDLE_PRIV_H

#include "bundle/bundle.h"
#include "bundle/bundle.pb-c.h"

#define ROWS_MAX   (BUNDLE_BYTES_MAX / 2)
/* Version, shards, clock, flag, and tag and length of each column, each at its largest. */
#define HEAD_BYTES 192

struct bundle_writer {
	uint32_t touchpoints_max;

	/* The part being filled. */
	size_t bytes;             /* no less than what it will be packed */
	uint32_t rows, names;
	size_t names_bytes;
	bool ones;                /* every delta so far is +1 */
	bool versioned;           /* some entry has a version */
	int64_t second;           /* of the row before */
	uint8_t *names_text, *kinds, *keys;
	uint32_t *name_lengths, *counts, *touchpoints, *contents;
	uint32_t *sources;        /* beside counts */
	uint8_t *source_text;     /* of this head: the names that fit, and their lengths */
	uint32_t *source_lengths;
	uint32_t source_count, source_bytes;
	int64_t *seconds;
	int32_t *deltas;
	uint64_t *versions;
	uint8_t *packed;          /* BUNDLE_BYTES_MAX */

	/* Touchpoints of a tally (their places in it) by shard: those of shard s are order[from[s]] to order[from[s + 1] - 1]. */
	uint32_t *order, *shard_of, *from, shards;

	/* The journal's entries until finish, and the place of a touchpoint in the part's names if its stamp is the part's. */
	const struct response_entry **entries;
	size_t entries_count, entries_size;
	int64_t clock_ms;
	uint64_t key_print;
	uint32_t *place, *stamp, part;
};

void part_begin(struct bundle_writer *, int64_t clock_ms, size_t head_bytes);
void part_name(struct bundle_writer *, struct str name);

static inline size_t varint_bytes(uint64_t v)
{
	return (size_t)(70 - __builtin_clzll(v | 1)) / 7;
}

static inline uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#endif
