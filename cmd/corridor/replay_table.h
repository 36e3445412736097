/* The windows that a replay ends with, as the table that people read. */
#ifndef REPLAY_TABLE_H
#define REPLAY_TABLE_H

#include "config/config.h"
#include "replay/replay.h"

void replay_table_print(struct replay *, const struct config *);   /* to stdout */

#endif
