#include "demo.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_MAX = 256 };

/* One ledger of one touchpoint. */
struct cell {
	char name[VIEW_NAME_MAX];
	size_t name_len;
	enum ledger ledger;
	struct window_reading windows[WINDOWS_MAX];
	struct window_pane series[WINDOW_PANES_MAX];
	unsigned series_count;
};

struct demo_board {
	pthread_mutex_t lock;
	const struct config *config;
	struct cell cells[CELLS_MAX], shown[CELLS_MAX];
	unsigned count, shown_count;
	struct terminal_row rows[CELLS_MAX];
	char sentence[ALERT_SUMMARY_MAX + 40]; /* of the newest event */
	unsigned raised, resolved;
};

struct demo_board *demo_board_create(const struct config *config)
{
	struct demo_board *board = must_alloc(sizeof *board);
	pthread_mutex_init(&board->lock, NULL);
	board->config = config;
	return board;
}

void demo_board_destroy(struct demo_board *board)
{
	if (board == NULL)
		return;
	pthread_mutex_destroy(&board->lock);
	free(board);
}

static struct cell *cell_of(struct demo_board *board, struct str name, enum ledger ledger)
{
	for (unsigned i = 0; i < board->count; i++) {
		struct cell *c = &board->cells[i];
		if (c->ledger == ledger && str_equal((struct str){c->name, c->name_len}, name))
			return c;
	}
	if (board->count == CELLS_MAX || name.len > VIEW_NAME_MAX)
		return NULL;
	struct cell *c = &board->cells[board->count++];
	memcpy(c->name, name.at, name.len);
	c->name_len = name.len;
	c->ledger = ledger;
	return c;
}

void demo_board_published(void *context, const struct publication *list, unsigned count)
{
	struct demo_board *board = context;
	pthread_mutex_lock(&board->lock);
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < list[i].windows_count; k++) {
			const struct publication_window *w = &list[i].windows[k];
			struct cell *c = cell_of(board, list[i].touchpoint, w->ledger);
			if (c == NULL)
				continue;
			c->windows[w->which] = w->reading;
			if (w->which == 0 && w->panes) {
				memcpy(c->series, w->panes, w->panes_count * sizeof *w->panes);
				c->series_count = w->panes_count;
			}
		}
	pthread_mutex_unlock(&board->lock);
}

void demo_board_told(void *context, const struct watch_alert *alert)
{
	struct demo_board *board = context;
	struct option_pool pool = {0};
	struct alert_event event;
	if (!alert_read(&event, alert->json, &pool))
		return;
	pthread_mutex_lock(&board->lock);
	board->raised += alert->type == ALERT_RAISED || alert->type == ALERT_REOPENED;
	board->resolved += alert->type == ALERT_RESOLVED;
	snprintf(board->sentence, sizeof board->sentence, "%s %s: %.*s",
		 alert->severity == ALERT_PAGE ? "PAGE" : "ticket", alert_type_name(alert->type),
		 (int)event.summary.len, event.summary.at);
	pthread_mutex_unlock(&board->lock);
	option_pool_release(&pool);
}

size_t demo_board_sentence(struct demo_board *board, char *out, size_t size, unsigned *raised,
			   unsigned *resolved)
{
	pthread_mutex_lock(&board->lock);
	size_t len = (size_t)snprintf(out, size, "%s", board->sentence);
	*raised = board->raised;
	*resolved = board->resolved;
	pthread_mutex_unlock(&board->lock);
	return len < size ? len : size - 1;
}

static int by_ledger_and_name(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;
	if (x->ledger != y->ledger)
		return x->ledger < y->ledger ? -1 : 1;
	size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;
	int order = memcmp(x->name, y->name, n);
	return order ? order : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

void demo_board_page(struct demo_board *board, struct terminal_page *page)
{
	pthread_mutex_lock(&board->lock);
	board->shown_count = board->count;
	memcpy(board->shown, board->cells, board->count * sizeof *board->cells);
	pthread_mutex_unlock(&board->lock);
	qsort(board->shown, board->shown_count, sizeof *board->shown, by_ledger_and_name);
	for (unsigned i = 0; i < board->shown_count; i++) {
		const struct cell *c = &board->shown[i];
		board->rows[i] = (struct terminal_row){
			{c->name, c->name_len}, c->ledger, c->windows, c->series, c->series_count};
	}
	page->rows = board->rows;
	page->rows_count = board->shown_count;
	page->windows_count = board->config->windows_count;
	for (unsigned i = 0; i < page->windows_count; i++)
		page->windows[i] = board->config->windows[i].name;
}
