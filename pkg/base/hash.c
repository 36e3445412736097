#include "base/hash.h"

#include <sodium.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/must.h"

uint64_t hash_bytes(struct str s)
{
	return XXH3_64bits(s.at, s.len);
}

uint64_t hash_join(uint64_t seed, struct str s)
{
	return XXH3_64bits_withSeed(s.at, s.len, seed);
}

/* The source's length goes in front, so that ("ab","c") and ("a","bc") differ. Two calls would cost twice; the copy of a short id does not. */
struct hash128 hash_keyed(const struct hash_key *key, struct str a, struct str b)
{
	unsigned char joined[512], out[16];
	struct hash128 h;
	uint32_t length = (uint32_t)a.len;
	if (4 + a.len + b.len > sizeof joined) {
		uint64_t folded[2] = {0};
		/* A long id is folded by BLAKE2b under the same key first: still keyed, no allocation. */
		crypto_generichash_state state;
		crypto_generichash_init(&state, key->bytes, sizeof key->bytes, sizeof folded);
		crypto_generichash_update(&state, (const unsigned char *)&length, sizeof length);
		crypto_generichash_update(&state, (const unsigned char *)a.at, a.len);
		crypto_generichash_update(&state, (const unsigned char *)b.at, b.len);
		crypto_generichash_final(&state, (unsigned char *)folded, sizeof folded);
		return (struct hash128){folded[0], folded[1]};
	}
	memcpy(joined, &length, 4);
	if (a.len)
		memcpy(joined + 4, a.at, a.len);
	if (b.len)
		memcpy(joined + 4 + a.len, b.at, b.len);
	crypto_shorthash_siphashx24(out, joined, 4 + a.len + b.len, key->bytes);
	memcpy(&h, out, sizeof h);
	return h;
}

void hash_key_from(struct hash_key *key, struct str secret)
{
	int rc = crypto_generichash(key->bytes, sizeof key->bytes, (const unsigned char *)secret.at,
				    secret.len, NULL, 0);
	must(rc == 0);
}

uint64_t hash_key_print(const struct hash_key *key)
{
	uint64_t print = hash_keyed(key, STR("corridor"), STR("key print")).lo;
	return print ? print : 1;
}
