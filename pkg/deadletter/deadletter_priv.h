#ifndef DEADLETTER_PRIV_H
#define DEADLETTER_PRIV_H

#include "deadletter/deadletter.h"

#define DEADLETTER_TIMEOUT_MS 30000
#define DEADLETTER_BATCH      500

/* Which letters were sent back: a set of (partition, offset). */
struct marks {
	uint64_t *slots;   /* 0: free */
	size_t count, room;
};

void marks_release(struct marks *);
void marks_add(struct marks *, int32_t partition, int64_t offset);
bool marks_has(const struct marks *, int32_t partition, int64_t offset);

/* One pass over the topic up to what is written now. `take` false ends it early, with the error if one is set. */
struct pass {
	const struct kafka_options *options;
	const struct deadletter_watch *watch;
	struct deadletter_counts *counts;
	bool (*take)(void *context, const struct kafka_record *, struct err *);
	bool (*batch_end)(void *context, struct err *);   /* may be NULL */
	void *context;
};
bool pass_run(const struct pass *, struct err *);

bool marks_load(const struct kafka_options *, const struct deadletter_watch *, struct marks *, struct err *);
#define DEADLETTER_MARK "redriven"
/* false: it is a mark, or the filter leaves it out. */
bool letter_of(const struct kafka_record *, const struct deadletter_filter *, const struct marks *, struct deadletter_counts *,
               struct deadletter *);

#endif
