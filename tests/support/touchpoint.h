/*
 * touchpoint - a publication made by hand, for tests of what Redis holds.
 */
#ifndef SUPPORT_TOUCHPOINT_H
#define SUPPORT_TOUCHPOINT_H

#include "view/view.h"

extern const char *const touchpoint_windows[];   /* "5m", "1h", "today", NULL */

/* All windows of all ledgers, each with a series. Owns nothing: copy it nowhere, publication.windows
 * points into it. */
struct touchpoint {
	struct window_pane panes[4];
	struct publication_window windows[LEDGERS * 3];
	struct publication publication;
};

/* scores: how many responses of each bin (bins that a ledger doesn't have are left out). */
void touchpoint_make(struct touchpoint *, struct str name, int64_t log_ms, int64_t offset, const int64_t scores[BINS]);
void touchpoint_empty(struct touchpoint *);   /* nothing is left of it */

#endif
