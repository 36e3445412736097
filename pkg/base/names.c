#include "base/names.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "base/must.h"

#define SLOTS_FIRST 16

/* A lookup touches two cache lines, the slot and the text: with ten thousand names in random order that is what it costs. Texts lie
 * one behind the other in address space that is reserved for the most that may come and filled by the system page by page. */
struct text {
	uint32_t number, len;
	char bytes[];
};

/* As many as there are names for, and no more: they double in an array made for the most, so that those of ten thousand names stay in the
 * cache (and the rest out of memory) where a million may come. */
struct slot {
	uint32_t tag; /* high half of the hash */
	uint32_t text; /* its place in units of 8 bytes + 1; 0: free */
};

struct names {
	uint32_t count, count_max, mask;
	size_t name_bytes_max;
	uint64_t *hashes; /* by number */
	uint32_t *places; /* by number */
	struct slot *slots; /* never more than half full */
	char *texts;
	size_t used, reserved; /* bytes */
};

static size_t text_bytes(size_t len)
{
	return (sizeof(struct text) + len + 7) & ~(size_t)7;
}

struct names *names_create(uint32_t count_max, size_t name_bytes_max)
{
	struct names *names = must_alloc(sizeof *names);
	uint32_t slots = SLOTS_FIRST;
	must(name_bytes_max >= NAMES_TAIL && name_bytes_max <= NAMES_BYTES_MAX);
	while (slots < 2 * (uint64_t)count_max)
		slots *= 2;
	names->count_max = count_max;
	names->name_bytes_max = name_bytes_max;
	names->mask = SLOTS_FIRST - 1;
	names->hashes = must_array(count_max, sizeof *names->hashes);
	names->places = must_array(count_max, sizeof *names->places);
	names->slots = must_array(slots, sizeof *names->slots);
	names->reserved = (count_max + (size_t)1) * text_bytes(name_bytes_max);
	must(names->reserved / 8 < UINT32_MAX);
	names->texts = mmap(NULL, names->reserved, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	must(names->texts != MAP_FAILED);
	return names;
}

void names_destroy(struct names *names)
{
	if (names == NULL)
		return;
	munmap(names->texts, names->reserved);
	free(names->hashes);
	free(names->places);
	free(names->slots);
	free(names);
}

static struct text *text_at(const struct names *names, uint32_t place)
{
	return (struct text *)(names->texts + (size_t)(place - 1) * 8);
}

static struct slot *slot_of(const struct names *names, struct str name, uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32);
	for (uint32_t i = (uint32_t)hash & names->mask;; i = (i + 1) & names->mask) {
		struct slot *slot = &names->slots[i];
		if (slot->text == 0)
			return slot;
		if (slot->tag != tag)
			continue;
		const struct text *known = text_at(names, slot->text);
		if (known->len == name.len && memcmp(known->bytes, name.at, name.len) == 0)
			return slot;
	}
}

static void double_slots(struct names *names)
{
	names->mask = 2 * names->mask + 1;
	memset(names->slots, 0, ((size_t)names->mask + 1) * sizeof *names->slots);
	for (uint32_t number = 0; number < names->count; number++) {
		uint32_t i = (uint32_t)names->hashes[number] & names->mask;
		while (names->slots[i].text)
			i = (i + 1) & names->mask;
		names->slots[i] =
			(struct slot){(uint32_t)(names->hashes[number] >> 32), names->places[number]};
	}
}

static uint32_t keep(struct names *names, struct str name)
{
	uint32_t place = (uint32_t)(names->used / 8) + 1;
	struct text *text = text_at(names, place);
	names->used += text_bytes(name.len);
	must(names->used <= names->reserved);
	text->number = names->count;
	text->len = (uint32_t)name.len;
	if (name.len)
		memcpy(text->bytes, name.at, name.len);
	return place;
}

/* Two names that begin alike stay two: what is cut off lives on as the hash of the whole. Cut between code points: a
 * continuation byte (10xxxxxx) never starts what is left out. */
static struct str cut(char *out, struct str name, size_t bytes_max)
{
	static const char hex[] = "0123456789ABCDEF";
	uint64_t hash = hash_bytes(name);
	size_t len = bytes_max - NAMES_TAIL;
	while (len > 0 && ((unsigned char)name.at[len] & 0xC0) == 0x80)
		len--;
	memcpy(out, name.at, len);
	out[len++] = '~';
	for (int shift = 60; shift >= 0; shift -= 4)
		out[len++] = hex[hash >> shift & 15];
	return (struct str){out, len};
}

static struct str wanted(const struct names *names, struct str name, char out[NAMES_BYTES_MAX])
{
	return name.len <= names->name_bytes_max ? name : cut(out, name, names->name_bytes_max);
}

uint32_t names_intern(struct names *names, struct str name)
{
	char room[NAMES_BYTES_MAX];
	name = wanted(names, name, room);
	uint64_t hash = hash_bytes(name);
	struct slot *slot = slot_of(names, name, hash);
	if (slot->text)
		return text_at(names, slot->text)->number;
	if (names->count == names->count_max)
		return NAMES_FULL;
	if (2 * (uint64_t)names->count > names->mask) {
		double_slots(names);
		slot = slot_of(names, name, hash);
	}
	*slot = (struct slot){(uint32_t)(hash >> 32), keep(names, name)};
	names->hashes[names->count] = hash;
	names->places[names->count] = slot->text;
	return names->count++;
}

uint32_t names_find(const struct names *names, struct str name)
{
	char room[NAMES_BYTES_MAX];
	name = wanted(names, name, room);
	const struct slot *slot = slot_of(names, name, hash_bytes(name));
	return slot->text ? text_at(names, slot->text)->number : NAMES_FULL;
}

void names_prefetch(const struct names *names, struct str name)
{
	if (name.len <= names->name_bytes_max) /* one that has to be cut may wait */
		__builtin_prefetch(&names->slots[(uint32_t)hash_bytes(name) & names->mask]);
}

uint32_t names_count(const struct names *names)
{
	return names->count;
}

struct str names_get(const struct names *names, uint32_t number)
{
	must(number < names->count);
	const struct text *text = text_at(names, names->places[number]);
	return (struct str){text->bytes, text->len};
}

uint64_t names_hash(const struct names *names, uint32_t number)
{
	must(number < names->count);
	return names->hashes[number];
}
