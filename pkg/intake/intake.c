#include "intake/intake_priv.h"

#include <stdlib.h>
#include <string.h>

#define OFFSET(member) offsetof(struct intake_options, member)

const struct option_row intake_options[] = {
	{"lanes", OPTION_INT, OFFSET(lanes), "1", 1, 64, NULL,
	 "threads that read feedback; each reads its share of the input partitions", 0},
	{"commit_interval", OPTION_DURATION, OFFSET(commit_interval_ms), "100ms", 10, 10000, NULL,
	 "how often what was read is committed; most of the delay from Kafka to Redis", 0},
	{"max_future_skew", OPTION_DURATION, OFFSET(max_future_skew_ms), "60s", 0, 600e3, NULL,
	 "feedback dated further ahead of our clock than this, 10m at most, goes to the dead letters", 0},
	{"id_key_file", OPTION_TEXT, OFFSET(id_key_file), NULL, 0, 0, NULL,
	 "a file with the secret under which ids are hashed, the same for all instances and for ever "
	 "(`openssl rand -hex 32`)",
	 0},
	{0},
};

const struct option_row intake_touchpoint_options[] = {
	{"max", OPTION_INT, OFFSET(touchpoints_max), "20000", 1, 5e6, NULL,
	 "how many touchpoints are told apart; feedback of further ones is counted under _overflow", 0},
	{0},
};

/* What one commit holds at most. At 100 ms a commit these are ten times what a lane can read in that time. */
enum {
	JOURNAL_MAX = 1 << 17,
	CHANGE_ADDS = 2, /* an edit takes one back and puts one in, at the touchpoint and at each ancestor */
};

/* Messages whose bytes are asked for ahead, and how much of each. */
enum { AHEAD = 4, FETCH_BYTES = 512 };

struct intake {
	int64_t reach_ms, clock_ms;
	struct hash_key id_key;
	unsigned sources_count;
	struct str *source_names;
	struct feedback_decoder **decoders;
	struct touchpoints touchpoints;
	struct response_table *table;
	struct tally *tally;
	struct response_entry *journal;
	uint16_t *journal_slots;
	unsigned journal_count;
	struct letters letters;
	struct intake_counts open, closed;
	bool is_closed;
	uint32_t *refill_names; /* translation of one journal message's names */
	uint32_t refill_names_max;
	uint16_t *source_of; /* by touchpoint: the source of its newest event, + 1 */
};

void intake_counts_add(struct intake_counts *to, const struct intake_counts *from)
{
	_Static_assert(sizeof *to % sizeof(uint64_t) == 0, "all counts are uint64_t");
	uint64_t *a = (uint64_t *)to;
	const uint64_t *b = (const uint64_t *)from;
	for (size_t i = 0; i < sizeof *to / sizeof *a; i++)
		a[i] += b[i];
}

static bool open_decoders(struct intake *in, const struct intake_setup *setup, struct err *err)
{
	in->decoders = must_array(setup->sources_count, sizeof *in->decoders);
	in->source_names = must_array(setup->sources_count, sizeof *in->source_names);
	for (; in->sources_count < setup->sources_count; in->sources_count++) {
		const struct intake_source *source = &setup->sources[in->sources_count];
		in->source_names[in->sources_count] = str_of(source->name);
		in->decoders[in->sources_count] = feedback_create(&source->mapping, err);
		if (in->decoders[in->sources_count] == NULL) {
			err_prefix(err, "source %s", source->name);
			return false;
		}
	}
	return true;
}

struct intake *intake_create(const struct intake_setup *setup, struct err *err)
{
	struct intake *in = must_alloc(sizeof *in);
	in->reach_ms = setup->reach_ms;
	in->clock_ms = INT64_MIN;
	in->id_key = setup->id_key;
	if (!open_decoders(in, setup, err) || !touchpoints_open(&in->touchpoints, setup, err)) {
		intake_destroy(in);
		return NULL;
	}
	in->table = response_create(&setup->responses, 2 * JOURNAL_MAX);
	in->tally = tally_create(CHANGE_ADDS * JOURNAL_MAX * in->touchpoints.levels,
				 intake_names_max(&setup->options));
	in->source_of = must_array(intake_names_max(&setup->options), sizeof *in->source_of);
	in->journal = must_array(JOURNAL_MAX, sizeof *in->journal);
	in->journal_slots = must_array(JOURNAL_MAX, sizeof *in->journal_slots);
	letters_open(&in->letters);
	return in;
}

void intake_destroy(struct intake *in)
{
	if (in == NULL)
		return;
	for (unsigned i = 0; i < in->sources_count; i++)
		feedback_destroy(in->decoders[i]);
	free(in->decoders);
	free(in->source_names);
	touchpoints_close(&in->touchpoints);
	response_destroy(in->table);
	tally_destroy(in->tally);
	free(in->journal);
	free(in->journal_slots);
	letters_close(&in->letters);
	free(in->refill_names);
	free(in->source_of);
	free(in);
}

unsigned intake_partition_open(struct intake *in)
{
	return response_open(in->table);
}

void intake_partition_drop(struct intake *in, unsigned slot)
{
	response_drop(in->table, slot);
}

void intake_refill(struct intake *in, unsigned slot, int64_t now_ms, const struct bundle_journal *journal)
{
	if (journal->names_count > in->refill_names_max) {
		in->refill_names_max = journal->names_count * 2;
		free(in->refill_names);
		in->refill_names = must_array(in->refill_names_max, sizeof *in->refill_names);
	}
	for (uint32_t i = 0; i < journal->names_count; i++)
		in->refill_names[i] = touchpoint_of(&in->touchpoints, journal->names[i], UINT32_MAX);
	for (uint32_t i = 0; i < journal->entries_count; i++) {
		struct response_entry entry = journal->entries[i];
		entry.fact.touchpoint = entry.fact.touchpoint < journal->names_count
						? in->refill_names[entry.fact.touchpoint]
						: INTAKE_UNMAPPED; /* a deletion that came first has none */
		response_refill(in->table, slot, (uint32_t)(now_ms / 1000), &entry);
	}
}

bool intake_room(const struct intake *in, unsigned records)
{
	return !tally_full(in->tally, CHANGE_ADDS * in->touchpoints.levels * records) &&
	       in->journal_count + records <= JOURNAL_MAX && letters_room(&in->letters, records) &&
	       !response_undo_full(in->table, records);
}

static int64_t now_of(const struct intake *in, const struct intake_clock *clock)
{
	return clock->follows_events && in->clock_ms > clock->now_ms ? in->clock_ms : clock->now_ms;
}

/* Late and future: once, here. A deletion has no time to be late by. */
static enum feedback_reason judge_time(struct intake *in, const struct feedback *f,
				       const struct intake_clock *clock)
{
	if (f->updated_ms != FEEDBACK_NO_VERSION && f->updated_ms > clock->future_after_ms)
		return FEEDBACK_FUTURE;
	if (f->deletion)
		return FEEDBACK_OK;
	if (f->time_ms > clock->future_after_ms)
		return FEEDBACK_FUTURE;
	if (f->time_ms > in->clock_ms)
		in->clock_ms = f->time_ms;
	return f->time_ms < now_of(in, clock) - in->reach_ms ? FEEDBACK_LATE : FEEDBACK_OK;
}

static bool left_out(const struct feedback *f, const struct intake_clock *clock)
{
	return (!f->deletion && f->time_ms > clock->leave_out_after_ms) ||
	       (f->updated_ms != FEEDBACK_NO_VERSION && f->updated_ms > clock->leave_out_after_ms);
}

/* What is under way of a batch. */
struct taken {
	struct response_event event;
	struct str touchpoint; /* the decoder's, until it is reset */
	unsigned slot;
	uint32_t seen; /* the clock when it was decoded, s */
	uint16_t source;
};

/* One message to an event of the response table, but for its touchpoint's number; false: it goes no further. */
static bool read_one(struct intake *in, const struct intake_record *record, const struct intake_clock *clock,
		     struct taken *out)
{
	struct feedback f;
	enum feedback_reason reason = feedback_decode(in->decoders[record->source], record->bytes, &f);
	if (reason == FEEDBACK_OK && left_out(&f, clock)) {
		in->open.left_out++;
		return false;
	}
	if (reason == FEEDBACK_OK)
		reason = judge_time(in, &f, clock);
	if (reason != FEEDBACK_OK) {
		letters_add(&in->letters, record, reason);
		in->open.rejected[reason]++;
		return false;
	}
	int64_t now_ms = now_of(in, clock);
	out->slot = record->slot;
	out->source = (uint16_t)(record->source + 1);
	out->seen = now_ms < 0 ? 0 : (uint32_t)(now_ms / 1000);
	out->touchpoint = f.touchpoint;
	out->event.key = hash_keyed(&in->id_key, in->source_names[record->source], f.id);
	out->event.updated_ms = f.updated_ms;
	out->event.deletion = f.deletion;
	out->event.content = f.content;
	out->event.fact = f.deletion ? (struct response_fact){0, 0, 0, BIN_NONE}
				     : (struct response_fact){0, (uint32_t)(f.time_ms / 1000),
							      (uint8_t)f.ledger, f.bin};
	response_prefetch(in->table, out->event.key);
	names_prefetch(in->touchpoints.names, f.touchpoint);
	return true;
}

static void find_touchpoint(struct intake *in, const struct taken *taken, struct response_fact *fact)
{
	fact->touchpoint = touchpoint_of(&in->touchpoints, taken->touchpoint, in->touchpoints.max);
	if (in->source_of[fact->touchpoint] != taken->source)
		in->source_of[fact->touchpoint] = taken->source;
	in->open.unmapped += fact->touchpoint == INTAKE_UNMAPPED;
	in->open.overflowed += fact->touchpoint == INTAKE_OVERFLOW;
	in->open.unread += fact->ledger == LEDGER_SOCIAL && fact->bin == BIN_UNREAD;
	if (fact->bin >= 0)
		tally_prefetch(in->tally, fact->touchpoint);
}

static void count_outcome(struct intake_counts *counts, const struct response_verdict *v)
{
	switch (v->outcome) {
	case RESPONSE_NEW: break;
	case RESPONSE_EDITED: counts->edits++; break;
	case RESPONSE_DUPLICATE: counts->duplicates++; break;
	case RESPONSE_SUPERSEDED: counts->superseded++; break;
	case RESPONSE_DELETED: counts->deletions++; break;
	}
	counts->unscored += v->unscored;
}

/* At the touchpoint and at each of its ancestors. */
static inline void count_fact(struct intake *in, const struct response_fact *fact, int32_t delta)
{
	tally_add(in->tally, fact->touchpoint, fact->ledger, fact->second, (uint8_t)fact->bin, delta);
	if (in->touchpoints.parents == NULL)
		return;
	for (uint32_t at = in->touchpoints.parents[fact->touchpoint]; at != NOBODY;
	     at = in->touchpoints.parents[at])
		tally_add(in->tally, at, fact->ledger, fact->second, (uint8_t)fact->bin, delta);
}

static void apply(struct intake *in, unsigned slot, const struct response_verdict *v)
{
	count_outcome(&in->open, v);
	if (v->moved && v->was.bin >= 0)
		count_fact(in, &v->was, -1);
	if (v->moved && v->now.bin >= 0) {
		count_fact(in, &v->now, +1);
		in->open.tallied[v->now.ledger]++;
	}
	if (v->journal) {
		in->journal[in->journal_count] = v->entry;
		in->journal_slots[in->journal_count++] = (uint16_t)slot;
	}
}

/* Another thread wrote the message. Long ones are read in order, which the processor foresees. */
static inline void fetch_bytes(struct str bytes)
{
	size_t len = bytes.len < FETCH_BYTES ? bytes.len : FETCH_BYTES;
	for (size_t at = 0; at < len; at += 64)
		__builtin_prefetch(bytes.at + at);
}

/* Three passes, so that cache lines are on their way while the rest of the batch is worked on: those of the response table and of the
 * names while it is decoded, those of the tally while touchpoints are looked up. Waiting for them one by one was half of the time. */
static void take_batch(struct intake *in, const struct intake_record *records, unsigned count,
		       const struct intake_clock *clock)
{
	struct taken taken[INTAKE_BATCH];
	unsigned n = 0;
	for (unsigned i = 0; i < count; i++) {
		if (i + AHEAD < count)
			fetch_bytes(records[i + AHEAD].bytes);
		n += read_one(in, &records[i], clock, &taken[n]);
	}
	for (unsigned i = 0; i < n; i++)
		if (!taken[i].event.deletion)
			find_touchpoint(in, &taken[i], &taken[i].event.fact);
	for (unsigned i = 0; i < n; i++) {
		struct response_verdict verdict;
		response_judge(in->table, taken[i].slot, taken[i].seen, &taken[i].event, &verdict);
		apply(in, taken[i].slot, &verdict);
	}
	for (unsigned i = 0; i < in->sources_count; i++)
		feedback_reset(in->decoders[i]);
}

void intake_take(struct intake *in, const struct intake_record *records, unsigned count,
		 const struct intake_clock *clock)
{
	in->open.consumed += count;
	for (unsigned done = 0; done < count; done += INTAKE_BATCH)
		take_batch(in, records + done, count - done < INTAKE_BATCH ? count - done : INTAKE_BATCH,
			   clock);
}

int64_t intake_clock_ms(const struct intake *in)
{
	return in->clock_ms;
}

const struct names *intake_names(const struct intake *in)
{
	return in->touchpoints.names;
}

struct bundle_sources intake_sources(const struct intake *in)
{
	return (struct bundle_sources){in->source_names, in->sources_count, in->source_of};
}

struct tally *intake_tally(struct intake *in)
{
	return in->tally;
}

unsigned intake_letters(const struct intake *in)
{
	return in->letters.count;
}

struct intake_letter intake_letter(const struct intake *in, unsigned i)
{
	return letters_at(&in->letters, i);
}

unsigned intake_journal(const struct intake *in)
{
	return in->journal_count;
}

const struct response_entry *intake_journal_entry(const struct intake *in, unsigned i, unsigned *slot)
{
	must(i < in->journal_count);
	*slot = in->journal_slots[i];
	return &in->journal[i];
}

bool intake_idle(const struct intake *in)
{
	return in->open.consumed == 0;
}

static void empty_open(struct intake *in)
{
	tally_clear(in->tally);
	in->journal_count = 0;
	letters_clear(&in->letters);
	in->open = (struct intake_counts){0};
}

void intake_close(struct intake *in)
{
	must(!in->is_closed);
	in->closed = in->open;
	in->is_closed = true;
	response_mark(in->table);
	empty_open(in);
}

void intake_commit(struct intake *in, struct intake_counts *total)
{
	must(in->is_closed);
	in->is_closed = false;
	response_commit(in->table);
	intake_counts_add(total, &in->closed);
}

void intake_rollback(struct intake *in)
{
	in->is_closed = false;
	response_rollback(in->table);
	empty_open(in);
}

struct response_stats intake_stats(const struct intake *in)
{
	return response_stats(in->table);
}
