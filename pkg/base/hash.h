/*
 * hash - xxh3 for what we choose ourselves, keyed SipHash for what strangers choose.
 *
 * The only user of xxhash; with `sink` and `http` the only user of libsodium. xxh3 is 3.5 ns for a short name but anyone can construct
 * collisions, so ids and customers, which come from outside, go through SipHash-2-4-128 under a secret key.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

#include "base/str.h"

struct hash_key {
	unsigned char bytes[16];
};

struct hash128 {
	uint64_t lo, hi;
};

uint64_t hash_bytes(struct str);                        /* xxh3_64, seed 0: part of the wire contract (touchpoint -> shard) */
uint64_t hash_join(uint64_t seed, struct str);          /* xxh3_64 with a seed: chain several fields */
struct hash128 hash_keyed(const struct hash_key *, struct str a, struct str b);   /* of (a, b), unambiguous */
uint64_t hash_key_print(const struct hash_key *);           /* tells keys apart, says nothing of them; never 0 */
void hash_key_from(struct hash_key *, struct str secret);   /* any secret's bytes to a key (BLAKE2b) */

/* The partition of `corridor.tallies` that holds a touchpoint. */
static inline uint32_t hash_shard(uint64_t name_hash, uint32_t shards)
{
	return (uint32_t)(name_hash % shards);
}

#endif
