/*
 * checkpoint - a touchpoint's state as versioned bytes, and back.
 *
 *   0        4        8        16       24       32                      len-8
 *   "CKPT"   version  log_ms   offset   last_ms  sections ...            xxh3 of all before
 *   section: kind (4), length (4), bytes
 *
 * Little-endian, whole. Each module that has state owns a kind and its bytes; a reader skips kinds that it does not know, so a newer
 * program's checkpoint is readable as far as we understand it. What is broken is refused whole: the state is rebuilt from the log.
 */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define CHECKPOINT_VERSION 1
#define CHECKPOINT_WINDOWS 16   /* kind of ledger l's windows: CHECKPOINT_WINDOWS + l */
#define CHECKPOINT_JUDGED  32   /* ... and of what its detectors know */
#define CHECKPOINT_SOURCE  40   /* of a touchpoint: the name of the source of its newest responses */
#define CHECKPOINT_GROUPS  48   /* of a partition, in a field without a name: what its touchpoints have in common */

struct checkpoint_head {
	int64_t log_ms, offset;   /* the position that this state comes from */
	int64_t last_ms;          /* time of the newest response */
};

struct checkpoint_writer {
	unsigned char *out;
	size_t len, max;
	bool full;
};
void checkpoint_begin(struct checkpoint_writer *, unsigned char *out, size_t max, const struct checkpoint_head *);
void checkpoint_section(struct checkpoint_writer *, uint32_t kind, const unsigned char *bytes, size_t len);
size_t checkpoint_finish(struct checkpoint_writer *);   /* the length; 0: max was too small */

typedef bool checkpoint_on_section(void *context, uint32_t kind, const unsigned char *bytes, size_t len);
/* Checks all of it, then calls back per section, in order. False: it can't be read, or a callback said so. */
bool checkpoint_read(struct str bytes, struct checkpoint_head *, checkpoint_on_section *, void *context);

#endif
