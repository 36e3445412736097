#include "bundle/bundle_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

void bundle_journal_begin(struct bundle_writer *w, int64_t clock_ms, uint64_t key_print)
{
	w->key_print = key_print;
	w->clock_ms = clock_ms;
	w->entries_count = 0;
}

void bundle_journal_add(struct bundle_writer *w, const struct response_entry *entry)
{
	if (w->entries_count == w->entries_size) {
		size_t size = w->entries_size ? 2 * w->entries_size : 4096;
		const struct response_entry **more = must_array(size, sizeof *more);
		if (w->entries_count)
			memcpy(more, w->entries, w->entries_count * sizeof *more);
		free(w->entries);
		w->entries = more;
		w->entries_size = size;
	}
	w->entries[w->entries_count++] = entry;
}

static void store_u64(uint8_t *at, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static uint8_t kind_of(const struct response_entry *e)
{
	uint8_t flags = (uint8_t)((e->flags & RESPONSE_TOMB ? 64 : 0) |
				  (e->flags & RESPONSE_TOMB_FOR_GOOD ? 128 : 0));
	if (e->flags & RESPONSE_TOMB)
		return flags;
	return (uint8_t)(flags | e->fact.ledger << 4 | (e->fact.bin + 1));
}

/* A deletion counts nowhere: it needs no touchpoint and repeats the second before. */
static void put_entry(struct bundle_writer *w, const struct names *names, const struct response_entry *e)
{
	bool tomb = e->flags & RESPONSE_TOMB;
	uint32_t touchpoint = e->fact.touchpoint, row = w->rows++;
	store_u64(w->keys + 16 * row, e->key.lo);
	store_u64(w->keys + 16 * row + 8, e->key.hi);
	w->touchpoints[row] = 0;
	w->seconds[row] = 0;
	if (!tomb) {
		must(touchpoint < w->touchpoints_max);
		if (w->stamp[touchpoint] != w->part) {
			w->stamp[touchpoint] = w->part;
			w->place[touchpoint] = w->names;
			part_name(w, names_get(names, touchpoint));
		}
		w->touchpoints[row] = w->place[touchpoint];
		w->seconds[row] = (int64_t)e->fact.second - w->second;
		w->second = e->fact.second;
	}
	bool versioned = e->updated_ms != RESPONSE_NO_VERSION;
	w->versions[row] = versioned ? 1 + zigzag(e->updated_ms - w->clock_ms) : 0;
	w->versioned |= versioned;
	w->kinds[row] = kind_of(e);
	w->contents[row] = e->content;
	w->bytes += 16 + 1 + 4 + varint_bytes(w->touchpoints[row]) + varint_bytes(zigzag(w->seconds[row])) +
		    varint_bytes(w->versions[row]);
}

static size_t pack_part(struct bundle_writer *w)
{
	Corridor__Journal message = CORRIDOR__JOURNAL__INIT;
	message.version = BUNDLE_VERSION;
	message.clock_ms = w->clock_ms;
	message.key_print = w->key_print;
	message.names = (ProtobufCBinaryData){w->names_bytes, w->names_text};
	message.n_name_lengths = w->names;
	message.name_lengths = w->name_lengths;
	message.keys = (ProtobufCBinaryData){16 * (size_t)w->rows, w->keys};
	message.n_touchpoints = message.n_seconds = message.n_contents = w->rows;
	message.touchpoints = w->touchpoints;
	message.seconds = w->seconds;
	message.kinds = (ProtobufCBinaryData){w->rows, w->kinds};
	message.contents = w->contents;
	message.n_versions = w->versioned ? w->rows : 0;
	message.versions = w->versions;
	must(corridor__journal__get_packed_size(&message) <= BUNDLE_BYTES_MAX);
	return corridor__journal__pack(&message, w->packed);
}

bool bundle_journal_finish(struct bundle_writer *w, const struct names *names, uint32_t shard,
			   bundle_emit *emit, void *context)
{
	/* key, kind, content; touchpoint, second and version at their longest; a name that may be new */
	const size_t entry_bytes = 16 + 1 + 4 + 4 + 5 + 7 + BUNDLE_NAME_MAX + 2;
	part_begin(w, w->clock_ms, HEAD_BYTES);
	for (size_t i = 0; i < w->entries_count; i++) {
		put_entry(w, names, w->entries[i]);
		if (w->bytes + entry_bytes <= BUNDLE_BYTES_MAX && i + 1 < w->entries_count)
			continue;
		size_t len = pack_part(w);
		part_begin(w, w->clock_ms, HEAD_BYTES);
		if (!emit(context, shard, (struct str){(const char *)w->packed, len}))
			return false;
	}
	return true;
}
