#include "bundle/bundle_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "feedback/feedback.h"

#define READ_BYTES_MAX (4 * (size_t)BUNDLE_BYTES_MAX)
/* protobuf-c takes up to 40 bytes or so for each member of two bytes: a hostile message ends here. */
#define ARENA_BYTES_MAX ((size_t)128 << 20)
#define ARENA_KEPT_MAX	((size_t)16 << 20)

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(16) unsigned char bytes[];
};

/* All that one message needs; reset joins the chunks to one that is large enough, so the next message of that size asks for nothing. */
struct bundle_reader {
	ProtobufCAllocator allocator;
	struct chunk *chunks;
	size_t total;
};

static void add_chunk(struct bundle_reader *reader, size_t size)
{
	struct chunk *chunk = must_alloc(sizeof *chunk + size);
	chunk->size = size;
	chunk->next = reader->chunks;
	reader->chunks = chunk;
	reader->total += size;
}

/* NULL (the message is refused) beyond the limit. */
static void *arena_alloc(void *context, size_t bytes)
{
	struct bundle_reader *reader = context;
	bytes = (bytes + 15) & ~(size_t)15;
	if (bytes > ARENA_BYTES_MAX)
		return NULL;
	if (reader->chunks->size - reader->chunks->used < bytes) {
		if (reader->total + bytes > ARENA_BYTES_MAX)
			return NULL;
		add_chunk(reader, bytes > reader->total ? bytes : reader->total);
	}
	void *at = reader->chunks->bytes + reader->chunks->used;
	reader->chunks->used += bytes;
	return at;
}

static void arena_free(void *context, void *at) {}

static void release(struct bundle_reader *reader)
{
	for (struct chunk *c = reader->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	reader->chunks = NULL;
	reader->total = 0;
}

static void reset(struct bundle_reader *reader)
{
	if (reader->chunks->next) {
		size_t size = reader->total < ARENA_KEPT_MAX ? reader->total : ARENA_KEPT_MAX;
		release(reader);
		add_chunk(reader, size);
	}
	reader->chunks->used = 0;
}

struct bundle_reader *bundle_reader_create(void)
{
	struct bundle_reader *reader = must_alloc(sizeof *reader);
	reader->allocator = (ProtobufCAllocator){arena_alloc, arena_free, reader};
	add_chunk(reader, BUNDLE_BYTES_MAX);
	return reader;
}

void bundle_reader_destroy(struct bundle_reader *reader)
{
	if (reader == NULL)
		return;
	release(reader);
	free(reader);
}

/* ---- what may be in a message ---- */

static bool bin_fits(unsigned ledger, unsigned bin)
{
	switch (ledger) {
	case LEDGER_SURVEY:
	case LEDGER_RELATIONSHIP: return bin < BINS;
	case LEDGER_SOCIAL: return bin <= BIN_UNREAD;
	case LEDGER_REVIEW: return bin >= 1 && bin <= 5;
	default: return false;
	}
}

static bool head_fits(uint32_t version, int64_t clock_ms)
{
	return version > 0 && version <= BUNDLE_VERSION && clock_ms >= 0 && clock_ms / 1000 <= UINT32_MAX;
}

/* Adds a step to the second before; the sum can't overflow, as both stay within 33 bits. */
static bool step_second(int64_t *second, int64_t step)
{
	if (step > UINT32_MAX || step < -(int64_t)UINT32_MAX)
		return false;
	*second += step;
	return *second >= 0 && *second <= UINT32_MAX;
}

/* The name at *at of `text`, which is moved behind it. */
static bool next_name(ProtobufCBinaryData text, size_t *at, uint32_t len, struct str *name)
{
	if (len > BUNDLE_NAME_MAX || len > text.len - *at)
		return false;
	*name = len ? (struct str){(const char *)text.data + *at, len} : STR("");
	*at += len;
	return true;
}

/* ---- bundles ---- */

static bool read_cells(const Corridor__Bundle *m, struct tally_cell *cells)
{
	int64_t second = m->clock_ms / 1000;
	for (size_t i = 0; i < m->n_seconds; i++) {
		uint8_t kind = m->kinds.data[i];
		if (!step_second(&second, m->seconds[i]) || !bin_fits(kind >> 4, kind & 15))
			return false;
		cells[i] = (struct tally_cell){.second = (uint32_t)second,
					       .delta = m->n_deltas ? m->deltas[i] : 1,
					       .ledger = kind >> 4,
					       .bin = kind & 15};
	}
	return true;
}

static bool read_groups(const Corridor__Bundle *m, struct tally_cell *cells, struct bundle_group *groups)
{
	size_t text = 0, cell = 0;
	for (size_t g = 0; g < m->n_cells; g++) {
		uint32_t count = m->cells[g];
		if (count > m->n_seconds - cell ||
		    !next_name(m->names, &text, m->name_lengths[g], &groups[g].touchpoint))
			return false;
		groups[g].count = count;
		groups[g].cells = cells + cell;
		for (uint32_t i = 0; i < count; i++)
			cells[cell++].touchpoint = (uint32_t)g;
	}
	return cell == m->n_seconds && text == m->names.len;
}

/* Whoever wrote it knew sources, or did not. */
static bool read_sources(struct bundle_reader *reader, const Corridor__Bundle *m, struct bundle_group *groups)
{
	if (m->n_sources != 0 && m->n_sources != m->n_cells)
		return false;
	struct str *names = arena_alloc(reader, (m->n_source_lengths + 1) * sizeof *names);
	size_t text = 0;
	if (names == NULL)
		return false;
	names[0] = (struct str){"", 0};
	for (size_t i = 0; i < m->n_source_lengths; i++)
		if (!next_name(m->source_names, &text, m->source_lengths[i], &names[i + 1]))
			return false;
	for (size_t g = 0; g < m->n_cells; g++) {
		uint32_t source = m->n_sources ? m->sources[g] : 0;
		if (source > m->n_source_lengths)
			return false;
		groups[g].source = names[source];
	}
	return text == m->source_names.len;
}

bool bundle_read(struct bundle_reader *reader, struct str bytes, struct bundle *out)
{
	reset(reader);
	if (bytes.len > READ_BYTES_MAX)
		return false;
	Corridor__Bundle *m =
		corridor__bundle__unpack(&reader->allocator, bytes.len, (const uint8_t *)bytes.at);
	if (m == NULL || !head_fits(m->version, m->clock_ms) || m->shards == 0 ||
	    m->instance.len > BUNDLE_NAME_MAX)
		return false;
	if (m->n_cells != m->n_name_lengths || m->kinds.len != m->n_seconds ||
	    (m->n_deltas && m->n_deltas != m->n_seconds))
		return false;
	struct tally_cell *cells = arena_alloc(reader, m->n_seconds * sizeof *cells);
	struct bundle_group *groups = arena_alloc(reader, m->n_cells * sizeof *groups);
	if (cells == NULL || groups == NULL || !read_cells(m, cells) || !read_groups(m, cells, groups) ||
	    !read_sources(reader, m, groups))
		return false;
	*out = (struct bundle){
		.head = {.version = m->version,
			 .shards = m->shards,
			 .clock_ms = m->clock_ms,
			 .behind = m->behind,
			 .instance = {(const char *)m->instance.data, m->instance.len},
			 .journals = m->journals},
		.groups_count = (uint32_t)m->n_cells,
		.groups = groups,
	};
	return true;
}

/* ---- the journal ---- */

static uint64_t load_u64(const uint8_t *at)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)at[i] << 8 * i;
	return v;
}

static bool read_version(uint64_t stored, int64_t clock_ms, int64_t *updated_ms)
{
	*updated_ms = RESPONSE_NO_VERSION;
	if (stored == 0)
		return true;
	int64_t step = unzigzag(stored - 1);
	if (step > RESPONSE_VERSION_MAX || step < -RESPONSE_VERSION_MAX)
		return false;
	*updated_ms = clock_ms + step;
	return *updated_ms >= 0 && *updated_ms <= RESPONSE_VERSION_MAX;
}

static bool read_fact(const Corridor__Journal *m, size_t i, int64_t second, struct response_entry *e)
{
	unsigned kind = m->kinds.data[i], ledger = kind >> 4 & 3, bin = kind & 15;
	if (kind & 64) {
		e->flags = (uint8_t)(RESPONSE_TOMB | (kind & 128 ? RESPONSE_TOMB_FOR_GOOD : 0));
		e->fact = (struct response_fact){.bin = BIN_NONE};
		return true;
	}
	e->flags = 0;
	e->fact = (struct response_fact){m->touchpoints[i], (uint32_t)second, (uint8_t)ledger,
					 (int8_t)((int)bin - 1)};
	return !(kind & 128) && m->touchpoints[i] < m->n_name_lengths &&
	       (bin == 0 || bin_fits(ledger, bin - 1));
}

static bool read_entries(const Corridor__Journal *m, struct response_entry *entries)
{
	int64_t second = m->clock_ms / 1000;
	for (size_t i = 0; i < m->kinds.len; i++) {
		struct response_entry *e = &entries[i];
		if (!step_second(&second, m->seconds[i]) || !read_fact(m, i, second, e) ||
		    !read_version(m->n_versions ? m->versions[i] : 0, m->clock_ms, &e->updated_ms))
			return false;
		e->key = (struct hash128){load_u64(m->keys.data + 16 * i),
					  load_u64(m->keys.data + 16 * i + 8)};
		e->content = m->contents[i];
		e->seen = (uint32_t)(m->clock_ms / 1000);
	}
	return true;
}

static bool journal_columns_match(const Corridor__Journal *m)
{
	size_t n = m->kinds.len;
	return m->keys.len == 16 * n && m->n_touchpoints == n && m->n_seconds == n && m->n_contents == n &&
	       (m->n_versions == 0 || m->n_versions == n);
}

bool bundle_read_journal(struct bundle_reader *reader, struct str bytes, struct bundle_journal *out)
{
	reset(reader);
	if (bytes.len > READ_BYTES_MAX)
		return false;
	Corridor__Journal *m =
		corridor__journal__unpack(&reader->allocator, bytes.len, (const uint8_t *)bytes.at);
	if (m == NULL || !head_fits(m->version, m->clock_ms) || !journal_columns_match(m))
		return false;
	struct response_entry *entries = arena_alloc(reader, m->kinds.len * sizeof *entries);
	struct str *names = arena_alloc(reader, m->n_name_lengths * sizeof *names);
	if (entries == NULL || names == NULL || !read_entries(m, entries))
		return false;
	size_t text = 0;
	for (size_t i = 0; i < m->n_name_lengths; i++)
		if (!next_name(m->names, &text, m->name_lengths[i], &names[i]))
			return false;
	*out = (struct bundle_journal){m->clock_ms, m->key_print,	    (uint32_t)m->n_name_lengths,
				       names,	    (uint32_t)m->kinds.len, entries};
	return text == m->names.len;
}
