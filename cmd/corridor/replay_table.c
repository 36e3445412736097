#include "replay_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "terminal/terminal.h"

struct table {
	struct terminal_row *rows;
	unsigned count, room;
};

static bool collect(void *context, const struct replay_row *row)
{
	struct table *table = context;
	struct terminal_row *last = table->rows + table->count - (table->count > 0);
	if (table->count == 0 || last->ledger != row->ledger ||
	    !str_equal(last->touchpoint, row->touchpoint)) {
		if (table->count == table->room) {
			table->room = table->room ? table->room * 2 : 64;
			table->rows = realloc(table->rows, table->room * sizeof *table->rows);
			must(table->rows != NULL);
		}
		last = &table->rows[table->count++];
		*last = (struct terminal_row){.touchpoint = row->touchpoint,
					      .ledger = row->ledger,
					      .windows = must_array(WINDOWS_MAX, sizeof *last->windows)};
	}
	((struct window_reading *)last->windows)[row->which] = row->reading;
	return true;
}

void replay_table_print(struct replay *replay, const struct config *config)
{
	struct table table = {0};
	struct terminal_page page = {.every_window = true, .windows_count = config->windows_count};
	replay_rows(replay, collect, &table);
	for (unsigned w = 0; w < page.windows_count; w++)
		page.windows[w] = config->windows[w].name;
	page.rows = table.rows;
	page.rows_count = table.count;
	terminal_print(stdout, &page);
	for (unsigned i = 0; i < table.count; i++)
		free((void *)table.rows[i].windows);
	free(table.rows);
}
