/*
 * check_live - the last messages of each input, judged as `corridor run` would, with nothing written anywhere.
 */
#ifndef CHECK_LIVE_H
#define CHECK_LIVE_H

#include "config/config.h"

/* Prints per topic: accepted, reject reasons with an example, ids seen in two partitions, clocks. False: Kafka or a right is missing. */
NODISCARD bool check_live(const struct config *, int64_t last, struct err *);

#endif
