/*
 * deadletter - reading PREFIX.dead-letters, and sending letters back to where they came from, once.
 *
 * A letter's value is the raw bytes as they came, its key the original key; headers say topic, partition, offset, reason and a sentence.
 * Beside letters the topic holds marks: a record without a value whose header `redriven` names a letter by its offset in the same partition.
 * A letter is sent back in the transaction that writes its mark, under a transactional id that all redrives of a group share; so it goes back
 * once, whatever filters are used, whoever runs it, and however it is interrupted. A mark is younger than its letter and outlives it.
 *
 * A letter goes to the partition it came from, since all events of a response must share one; by its key if that partition is no more.
 */
#ifndef DEADLETTER_H
#define DEADLETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "kafka/kafka.h"

struct deadletter {
	int32_t partition;             /* in the dead letters, with offset: its name */
	int64_t offset, written_ms;
	struct str topic;              /* where it came from; empty: not said */
	int32_t from_partition;        /* -1: not said */
	int64_t from_offset;
	struct str reason, sentence;
	struct str key, raw;
	bool redriven;
	bool cut;                      /* header `bytes`: raw or key is only the beginning of what came */
};

struct deadletter_filter {
	const char *reason, *topic;    /* NULL: any */
	int64_t since_ms;              /* written at or after */
	int64_t max;                   /* the oldest so many of those that match; 0: all */
	int32_t partition;             /* with one_offset >= 0: this letter only */
	int64_t one_offset;            /* -1: any */
};

struct deadletter_counts {
	uint64_t letters;              /* in the topic */
	uint64_t matched;              /* by the filter */
	uint64_t redriven_before;      /* of the matched ones */
	uint64_t sent;
	uint64_t cut;                  /* only their beginning was kept: they stay */
	uint64_t homeless;             /* their topic does not exist, or the letter does not say it */
};

/* What is asked for while it goes on. Any may be NULL. */
struct deadletter_watch {
	void (*letter)(void *context, const struct deadletter *);                /* each one that matches; valid in the call */
	void (*progress)(void *context, int64_t done, int64_t total, uint64_t letters);
	void *context;
};

/* All letters that are there now and match, oldest first within a partition. */
NODISCARD bool deadletter_list(const struct kafka_options *, const struct deadletter_filter *, const struct deadletter_watch *,
                               struct deadletter_counts *, struct err *);

/* Sends back those that match and were not sent back before. false: what was sent so far is remembered, so run it again. */
NODISCARD bool deadletter_redrive(const struct kafka_options *, const struct deadletter_filter *, const struct deadletter_watch *,
                                  struct deadletter_counts *, struct err *);

#endif
