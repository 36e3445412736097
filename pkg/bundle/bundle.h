/*
 * bundle - the wire forms of our own two topics: tallies (intake -> watch) and the journal (intake -> intake after a
 * restart).
 *
 * protobuf (protobuf-c, this module is its only user), columns packed, versioned, a bundle split into parts of at most 512
 * KiB. Newer fields of a newer program are tolerated, a newer `version` major or bytes that can't be read are refused: a
 * dead letter, never a crash. Reading and writing allocate nothing after warm-up (an arena that is reset per message).
 */
#ifndef BUNDLE_H
#define BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/names.h"
#include "base/str.h"
#include "response/response.h"
#include "tally/tally.h"

#define BUNDLE_VERSION   1
#define BUNDLE_BYTES_MAX (512 * 1024)   /* of a message as written; one of four times that is still read */
#define BUNDLE_NAME_MAX  1024           /* bytes of a touchpoint's or an instance's name; longer is a bug here, refused there */

/* Which source a touchpoint's newest response came from. */
struct bundle_sources {
	const struct str *names;   /* at most BUNDLE_NAME_MAX bytes each; those beyond BUNDLE_SOURCES_BYTES together are left out */
	uint32_t count;
	const uint16_t *of;        /* by touchpoint: its place + 1; 0: not known */
};
#define BUNDLE_SOURCES_BYTES 32768

struct bundle_head {
	uint32_t version;      /* filled in by the writer */
	uint32_t shards;       /* partitions of corridor.tallies when it was created: a touchpoint's partition is hash % shards */
	int64_t clock_ms;      /* the intake's clock when the bundle was closed */
	bool behind;           /* the intake is far behind its input: no silence may be judged */
	struct str instance;
	const struct bundle_sources *sources;   /* of the writer only; NULL: not told */
	uint32_t journals;     /* partitions of corridor.responses when it was created: an input partition's is hash % journals; 0: not known */
};

/* ---- writing ---- */
struct bundle_writer;

struct bundle_writer *bundle_writer_create(uint32_t touchpoints_max);
void bundle_writer_destroy(struct bundle_writer *);

/* Called with each finished message; the bytes are the writer's, gone after the call. A part applies on its own: a
 * touchpoint whose cells do not fit is simply named again in the next. */
typedef bool bundle_emit(void *context, uint32_t shard, struct str bytes);

/* Every cell of the tally, by the shard of its touchpoint; with `tick` each shard gets at least one message, empty if need
 * be. False as soon as emit says false. */
bool bundle_write(struct bundle_writer *, const struct bundle_head *, const struct names *, struct tally *, bool tick,
		  bundle_emit *, void *context);

/* The journal of one input partition and commit: call add for each changed entry, which is borrowed until finish, then finish (false:
 * emit said so). Without an entry nothing is emitted. Memory grows to the most entries that a commit has had. */
void bundle_journal_begin(struct bundle_writer *, int64_t clock_ms, uint64_t key_print);
void bundle_journal_add(struct bundle_writer *, const struct response_entry *);
bool bundle_journal_finish(struct bundle_writer *, const struct names *, uint32_t shard, bundle_emit *, void *context);

/* ---- reading ---- */
struct bundle_reader;

struct bundle_reader *bundle_reader_create(void);
void bundle_reader_destroy(struct bundle_reader *);

/* Cells come grouped by touchpoint. Borrowed until the next read. */
struct bundle_group {
	struct str touchpoint;
	struct str source;     /* empty: not known */
	uint32_t count;
	const struct tally_cell *cells;   /* .touchpoint is the group's index */
};
struct bundle {
	struct bundle_head head;
	uint32_t groups_count;
	const struct bundle_group *groups;
};
/* False: can't be read (not protobuf, a newer version, columns that don't match, a second, ledger, bin or name that can't
 * be). What is true is safe to apply: clock_ms 0..2^32 s, shards > 0, ledger < LEDGERS, bin one of its ledger. */
bool bundle_read(struct bundle_reader *, struct str bytes, struct bundle *out);

struct bundle_journal {
	int64_t clock_ms;                       /* also each entry's `seen` */
	uint64_t key_print;                     /* hash_key_print() of the key that the entries' keys were hashed under; 0: not known */
	uint32_t names_count;
	const struct str *names;
	uint32_t entries_count;
	const struct response_entry *entries;   /* .fact.touchpoint is an index into names: translate it before refill; a tomb has none */
};
bool bundle_read_journal(struct bundle_reader *, struct str bytes, struct bundle_journal *out);

#endif
