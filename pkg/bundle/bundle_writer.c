#include "bundle/bundle_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/must.h"

struct bundle_writer *bundle_writer_create(uint32_t touchpoints_max)
{
	struct bundle_writer *w = must_alloc(sizeof *w);
	w->touchpoints_max = touchpoints_max;
	w->names_text = must_alloc(BUNDLE_BYTES_MAX);
	w->packed = must_alloc(BUNDLE_BYTES_MAX);
	w->kinds = must_alloc(ROWS_MAX);
	w->keys = must_alloc(BUNDLE_BYTES_MAX);
	w->name_lengths = must_array(ROWS_MAX, sizeof *w->name_lengths);
	w->counts = must_array(ROWS_MAX, sizeof *w->counts);
	w->sources = must_array(ROWS_MAX, sizeof *w->sources);
	w->source_text = must_alloc(BUNDLE_SOURCES_BYTES);
	w->source_lengths = must_array(BUNDLE_SOURCES_BYTES, sizeof *w->source_lengths);
	w->touchpoints = must_array(ROWS_MAX, sizeof *w->touchpoints);
	w->contents = must_array(ROWS_MAX, sizeof *w->contents);
	w->seconds = must_array(ROWS_MAX, sizeof *w->seconds);
	w->deltas = must_array(ROWS_MAX, sizeof *w->deltas);
	w->versions = must_array(ROWS_MAX, sizeof *w->versions);
	w->order = must_array(touchpoints_max, sizeof *w->order);
	w->shard_of = must_array(touchpoints_max, sizeof *w->shard_of);
	w->place = must_array(touchpoints_max, sizeof *w->place);
	w->stamp = must_array(touchpoints_max, sizeof *w->stamp);
	return w;
}

void bundle_writer_destroy(struct bundle_writer *w)
{
	if (w == NULL)
		return;
	void *all[] = {w->names_text, w->packed,      w->kinds,	   w->keys,	   w->name_lengths,
		       w->counts,     w->touchpoints, w->contents, w->seconds,	   w->deltas,
		       w->versions,   w->order,	      w->place,	   w->stamp,	   w->from,
		       w->entries,    w->shard_of,    w->sources,  w->source_text, w->source_lengths};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		free(all[i]);
	free(w);
}

void part_begin(struct bundle_writer *w, int64_t clock_ms, size_t head_bytes)
{
	must(clock_ms >= 0 && clock_ms / 1000 <= UINT32_MAX);
	w->bytes = head_bytes;
	w->rows = w->names = 0;
	w->names_bytes = 0;
	w->ones = true;
	w->versioned = false;
	w->second = clock_ms / 1000;
	if (++w->part == 0) { /* stamps of 2^32 parts ago must not look like this one's */
		memset(w->stamp, 0, w->touchpoints_max * sizeof *w->stamp);
		w->part = 1;
	}
}

void part_name(struct bundle_writer *w, struct str name)
{
	must(name.len <= BUNDLE_NAME_MAX);
	if (name.len)
		memcpy(w->names_text + w->names_bytes, name.at, name.len);
	w->names_bytes += name.len;
	w->name_lengths[w->names] = (uint32_t)name.len;
	w->sources[w->names] = 0;
	w->counts[w->names++] = 0;
	w->bytes += name.len + varint_bytes(name.len);
}

/* Counting sort, stable: touchpoints keep their order of first touch within a shard. */
static void sort_by_shard(struct bundle_writer *w, const struct names *names, struct tally *tally,
			  uint32_t shards)
{
	uint32_t count = tally_touchpoints(tally);
	must(count <= w->touchpoints_max && shards > 0);
	if (shards > w->shards) {
		free(w->from);
		w->from = must_array((uint64_t)shards + 2, sizeof *w->from);
		w->shards = shards;
	}
	/* from[s + 2] counts shard s, then from[s + 1] is where its next one goes, and ends as where the next shard begins. */
	memset(w->from, 0, ((size_t)shards + 2) * sizeof *w->from);
	for (uint32_t i = 0; i < count; i++) {
		w->shard_of[i] = hash_shard(names_hash(names, tally_touchpoint(tally, i)), shards);
		w->from[w->shard_of[i] + 2]++;
	}
	for (uint32_t s = 2; s < shards + 2; s++)
		w->from[s] += w->from[s - 1];
	for (uint32_t i = 0; i < count; i++)
		w->order[w->from[w->shard_of[i] + 1]++] = i;
}

struct output {
	const struct bundle_head *head;
	uint32_t shard;
	bool sent; /* something went to this shard */
	bundle_emit *emit;
	void *context;
};

static void begin(struct bundle_writer *w, const struct output *out)
{
	part_begin(w, out->head->clock_ms,
		   HEAD_BYTES + out->head->instance.len + w->source_bytes + 2 * (size_t)w->source_count);
}

static bool flush(struct bundle_writer *w, struct output *out)
{
	Corridor__Bundle message = CORRIDOR__BUNDLE__INIT;
	message.version = BUNDLE_VERSION;
	message.shards = out->head->shards;
	message.journals = out->head->journals;
	message.clock_ms = out->head->clock_ms;
	message.behind = out->head->behind;
	message.instance = (ProtobufCBinaryData){out->head->instance.len, (uint8_t *)out->head->instance.at};
	message.names = (ProtobufCBinaryData){w->names_bytes, w->names_text};
	message.n_name_lengths = message.n_cells = w->names;
	message.name_lengths = w->name_lengths;
	message.cells = w->counts;
	message.source_names = (ProtobufCBinaryData){w->source_bytes, w->source_text};
	message.n_source_lengths = w->source_count;
	message.source_lengths = w->source_lengths;
	message.n_sources = w->source_count ? w->names : 0;
	message.sources = w->sources;
	message.n_seconds = w->rows;
	message.seconds = w->seconds;
	message.kinds = (ProtobufCBinaryData){w->rows, w->kinds};
	message.n_deltas = w->ones ? 0 : w->rows;
	message.deltas = w->deltas;
	must(corridor__bundle__get_packed_size(&message) <= BUNDLE_BYTES_MAX);
	size_t len = corridor__bundle__pack(&message, w->packed);
	begin(w, out);
	out->sent = true;
	return out->emit(out->context, out->shard, (struct str){(const char *)w->packed, len});
}

static void put_cell(struct bundle_writer *w, const struct tally_cell *cell, int64_t step)
{
	w->second = cell->second;
	w->seconds[w->rows] = step;
	w->kinds[w->rows] = (uint8_t)(cell->ledger << 4 | cell->bin);
	w->deltas[w->rows++] = cell->delta;
	w->ones &= cell->delta == 1;
}

static bool write_touchpoint(struct bundle_writer *w, struct str name, const struct tally *tally,
			     uint32_t place, struct output *out)
{
	bool named = false;
	uint32_t count;
	const struct tally_cell *cells = tally_cells(tally, place, &count);
	const struct bundle_sources *sources = out->head->sources;
	uint32_t source = sources ? sources->of[tally_touchpoint(tally, place)] : 0;
	/* A group's count is a varint of 3 bytes at most, its length one of 2, its source one of 3. */
	size_t name_bytes = name.len + 8;
	for (const struct tally_cell *cell = cells; cell < cells + count; cell++) {
		int64_t step = (int64_t)cell->second - w->second;
		size_t cost = varint_bytes(zigzag(step)) + 1 + varint_bytes(zigzag(cell->delta));
		if (w->bytes + cost + (named ? 0 : name_bytes) > BUNDLE_BYTES_MAX) {
			if (!flush(w, out))
				return false;
			named = false;
			step = (int64_t)cell->second - w->second;
			cost = varint_bytes(zigzag(step)) + 1 + varint_bytes(zigzag(cell->delta));
		}
		if (!named) {
			part_name(w, name);
			w->bytes += 6;
			w->sources[w->names - 1] = source <= w->source_count ? source : 0;
			named = true;
		}
		w->bytes += cost;
		w->counts[w->names - 1]++;
		put_cell(w, cell, step);
	}
	return true;
}

static void take_sources(struct bundle_writer *w, const struct bundle_sources *sources)
{
	w->source_count = w->source_bytes = 0;
	for (uint32_t i = 0; sources && i < sources->count; i++) {
		struct str name = sources->names[i];
		if (name.len > BUNDLE_NAME_MAX || w->source_bytes + name.len > BUNDLE_SOURCES_BYTES)
			return;
		memcpy(w->source_text + w->source_bytes, name.at, name.len);
		w->source_bytes += (uint32_t)name.len;
		w->source_lengths[w->source_count++] = (uint32_t)name.len;
	}
}

bool bundle_write(struct bundle_writer *w, const struct bundle_head *head, const struct names *names,
		  struct tally *tally, bool tick, bundle_emit *emit, void *context)
{
	struct output out = {.head = head, .emit = emit, .context = context};
	must(head->instance.len <= BUNDLE_NAME_MAX);
	sort_by_shard(w, names, tally, head->shards);
	take_sources(w, head->sources);
	for (; out.shard < head->shards; out.shard++) {
		out.sent = false;
		begin(w, &out);
		for (uint32_t i = w->from[out.shard]; i < w->from[out.shard + 1]; i++) {
			struct str name = names_get(names, tally_touchpoint(tally, w->order[i]));
			if (!write_touchpoint(w, name, tally, w->order[i], &out))
				return false;
		}
		if ((w->rows > 0 || (tick && !out.sent)) && !flush(w, &out))
			return false;
	}
	return true;
}
