#include "base/names.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/must.h"

/* Texts live in blocks that are added as needed at interning a *new* name: bounded by count_max, so warm paths never allocate. */
struct block {
	struct block *next;
	size_t used, size;
	char bytes[];
};

struct name {
	uint64_t hash;
	const char *at;
	uint32_t len;
};

struct names {
	uint32_t count, count_max, mask;
	size_t name_bytes_max;
	struct name *list;
	uint32_t *slots;   /* number + 1; 0 = free. Never more than half full. */
	struct block *blocks;
};

struct names *names_create(uint32_t count_max, size_t name_bytes_max)
{
	struct names *names = must_alloc(sizeof *names);
	uint32_t slots = 16;
	while (slots < 2 * (uint64_t)count_max)
		slots *= 2;
	names->count_max = count_max;
	names->name_bytes_max = name_bytes_max;
	names->mask = slots - 1;
	names->list = must_array(count_max, sizeof *names->list);
	names->slots = must_array(slots, sizeof *names->slots);
	return names;
}

void names_destroy(struct names *names)
{
	if (names == NULL)
		return;
	for (struct block *b = names->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(names->list);
	free(names->slots);
	free(names);
}

static uint32_t *slot_of(const struct names *names, struct str name, uint64_t hash)
{
	uint32_t i = (uint32_t)(hash >> 32) & names->mask;
	for (;; i = (i + 1) & names->mask) {
		uint32_t *slot = &names->slots[i];
		if (*slot == 0)
			return slot;
		const struct name *known = &names->list[*slot - 1];
		if (known->hash == hash && known->len == name.len && memcmp(known->at, name.at, name.len) == 0)
			return slot;
	}
}

static const char *keep(struct names *names, struct str name)
{
	struct block *b = names->blocks;
	if (b == NULL || b->size - b->used < name.len) {
		size_t size = name.len > 16384 ? name.len : 16384;
		b = must_alloc(sizeof *b + size);
		b->size = size;
		b->next = names->blocks;
		names->blocks = b;
	}
	char *at = b->bytes + b->used;
	if (name.len)
		memcpy(at, name.at, name.len);
	b->used += name.len;
	return at;
}

/* Cut between code points: a continuation byte (10xxxxxx) never starts what is left out. */
static struct str cut(struct str name, size_t bytes_max)
{
	if (name.len <= bytes_max)
		return name;
	size_t len = bytes_max;
	while (len > 0 && ((unsigned char)name.at[len] & 0xC0) == 0x80)
		len--;
	return (struct str){name.at, len};
}

uint32_t names_intern(struct names *names, struct str name)
{
	name = cut(name, names->name_bytes_max);
	uint64_t hash = hash_bytes(name);
	uint32_t *slot = slot_of(names, name, hash);
	if (*slot)
		return *slot - 1;
	if (names->count == names->count_max)
		return NAMES_FULL;
	names->list[names->count] = (struct name){hash, keep(names, name), (uint32_t)name.len};
	*slot = ++names->count;
	return names->count - 1;
}

uint32_t names_find(const struct names *names, struct str name)
{
	name = cut(name, names->name_bytes_max);
	uint32_t slot = *slot_of(names, name, hash_bytes(name));
	return slot ? slot - 1 : NAMES_FULL;
}

uint32_t names_count(const struct names *names)
{
	return names->count;
}

struct str names_get(const struct names *names, uint32_t number)
{
	must(number < names->count);
	return (struct str){names->list[number].at, names->list[number].len};
}

uint64_t names_hash(const struct names *names, uint32_t number)
{
	must(number < names->count);
	return names->list[number].hash;
}
