#include "touchpoint.h"

const char *const touchpoint_windows[] = {"5m", "1h", "today", NULL};

static void fill(struct window_reading *reading, enum ledger ledger, const int64_t scores[BINS])
{
	int last = ledger == LEDGER_SOCIAL ? BIN_UNREAD : ledger == LEDGER_REVIEW ? 5 : BINS - 1;
	for (int bin = ledger == LEDGER_REVIEW ? 1 : 0; bin <= last; bin++)
		reading->bins[bin] = scores[bin];
}

void touchpoint_make(struct touchpoint *t, struct str name, int64_t log_ms, int64_t offset,
		     const int64_t scores[BINS])
{
	*t = (struct touchpoint){
		.publication = {
			.touchpoint = name, .log_ms = log_ms, .offset = offset, .last_ms = log_ms - 500}};
	int64_t to_ms = log_ms / 1000 * 1000 + 1000;
	for (int i = 0; i < 4; i++)
		t->panes[i] = (struct window_pane){to_ms - 5000 * (5 - i), {i, 2 * i, 1}};
	for (unsigned i = 0; i < LEDGERS * 3; i++) {
		struct publication_window *w = &t->windows[i];
		*w = (struct publication_window){
			.ledger = (enum ledger)(i / 3), .which = i % 3, .panes = t->panes, .panes_count = 4};
		w->reading.from_ms = to_ms - 300000;
		w->reading.to_ms = to_ms;
		w->reading.before = (struct nps_counts){3, 2, 1};
		fill(&w->reading, w->ledger, scores);
	}
	t->publication.windows = t->windows;
	t->publication.windows_count = LEDGERS * 3;
}

void touchpoint_empty(struct touchpoint *t)
{
	t->publication.empty = true;
	for (unsigned i = 0; i < LEDGERS * 3; i++)
		t->windows[i].empty = true;
}
