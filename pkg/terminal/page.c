#include "terminal/terminal_priv.h"

#include <stdio.h>
#include <string.h>

#include "nps/nps.h"

static const struct words {
	const char *title, *score, *rate;
} words_of[LEDGERS] = {{"SURVEYS", "NPS", "detractors"},
		       {"RELATIONSHIP SURVEYS", "NPS", "detractors"},
		       {"SOCIAL POSTS", "net", "negative"},
		       {"STAR REVIEWS", "net", "1-2 stars"}};

static bool any_series(const struct terminal_page *page)
{
	for (unsigned i = 0; i < page->rows_count; i++)
		if (page->rows[i].series)
			return true;
	return false;
}

/* Adds what fits, the most telling first. */
static struct layout lay_out(const struct terminal_page *page, unsigned columns)
{
	struct layout l = {.name = NAME_MIN};
	for (unsigned i = 0; i < page->rows_count; i++) {
		unsigned width = terminal_width(page->rows[i].touchpoint);
		if (width > l.name)
			l.name = width < NAME_MAX ? width : NAME_MAX;
	}
	if (l.name > columns / 4 && l.name > NAME_MIN)
		l.name = columns / 4 > NAME_MIN ? columns / 4 : NAME_MIN;
	l.window = page->every_window ? WINDOW_WIDE : 0;
	unsigned used = 1 + l.name + l.window + N_WIDE + SCORE_WIDE + CHANGE_WIDE + RATE_WIDE;
	unsigned rates = page->every_window ? 1 : page->windows_count, fit = 1;
	if (used + INTERVAL_WIDE <= columns)
		l.interval = true, used += INTERVAL_WIDE;
	while (fit < rates && used + RATE_WIDE <= columns)
		fit++, used += RATE_WIDE;
	l.rates = fit > 1 ? fit : 0;
	if (used + 2 + BAR_MIN <= columns)
		l.bar = BAR_MIN, used += 2 + BAR_MIN;
	if (l.bar && any_series(page) && used + 3 + TREND <= columns)
		l.trend = true, used += 3 + TREND;
	while (l.bar && l.bar < 41 && used + 2 <= columns) /* stays odd, so that 0 has a column of its own */
		l.bar += 2, used += 2;
	return l;
}

/* ---- lines ---- */

static void row_line(struct canvas *c, const struct layout *l, const struct terminal_page *page,
		     const struct terminal_row *row, unsigned window, bool named)
{
	const struct window_reading *shown = &row->windows[window];
	struct nps_counts counts = nps_of_bins(row->ledger, shown->bins);
	struct nps_counts most = counts;
	for (unsigned w = 0; w < page->windows_count; w++) {
		struct nps_counts other = nps_of_bins(row->ledger, row->windows[w].bins);
		most = nps_n(other) > nps_n(most) ? other : most;
	}
	canvas_to(c, 1);
	canvas_left(c, INK_PLAIN, l->name, named ? row->touchpoint : (struct str){0});
	if (l->window)
		canvas_right(c, INK_DIM, l->window, page->windows[window]);
	cell_score(c, l, counts);
	if (l->bar)
		cell_bar(c, l, counts);
	cell_change(c, counts, shown->before);
	if (l->rates == 0)
		cell_rate(c, counts, most);
	else
		for (unsigned w = 0; w < l->rates; w++)
			cell_rate(c, nps_of_bins(row->ledger, row->windows[w].bins), most);
	if (l->trend)
		cell_trend(c, row, shown);
	canvas_end(c);
}

/* Which ledger and window, and what the columns of rates are. */
static unsigned rates_wide(const struct layout *l)
{
	return (l->rates ? l->rates : 1) * RATE_WIDE;
}

static void section_title(struct canvas *c, const struct layout *l, const struct terminal_page *page,
			  const struct words *words)
{
	char last[48];
	canvas_to(c, 1);
	canvas_text(c, INK_BOLD, words->title);
	if (!page->every_window) {
		bool today = strcmp(page->windows[page->shown], "today") == 0;
		snprintf(last, sizeof last, "  %s%s", today ? "" : "last ", page->windows[page->shown]);
		canvas_text(c, INK_DIM, last);
	}
	unsigned rates_at = 1 + l->name + l->window + N_WIDE + SCORE_WIDE +
			    (l->interval ? INTERVAL_WIDE : 0) + (l->bar ? l->bar + 2 : 0) + CHANGE_WIDE;
	unsigned word = (unsigned)strlen(words->rate), wide = rates_wide(l);
	unsigned rate_at = wide > word + 2 ? rates_at + 2 : rates_at + wide - word;
	if (c->column + 1 < rate_at) {
		canvas_to(c, rate_at);
		canvas_text(c, INK_DIM, words->rate);
	}
	canvas_end(c);
}

static void section_head(struct canvas *c, const struct layout *l, const struct terminal_page *page,
			 enum ledger ledger)
{
	const struct words *words = &words_of[ledger];
	section_title(c, l, page, words);
	canvas_to(c, 1);
	canvas_left(c, INK_DIM, l->name, STR("touchpoint"));
	if (l->window)
		canvas_right(c, INK_DIM, l->window, "window");
	canvas_right(c, INK_DIM, N_WIDE, "n");
	canvas_right(c, INK_DIM, SCORE_WIDE, words->score);
	if (l->interval)
		canvas_right(c, INK_DIM, INTERVAL_WIDE, "95% interval");
	if (l->bar) {
		unsigned start = c->column + 2;
		canvas_to(c, start);
		canvas_text(c, INK_DIM, "-100");
		canvas_to(c, start + l->bar / 2);
		canvas_text(c, INK_DIM, "0");
		canvas_to(c, start + l->bar - 3);
		canvas_text(c, INK_DIM, "100");
	}
	canvas_right(c, INK_DIM, CHANGE_WIDE, "change  ");
	if (l->rates == 0)
		canvas_right(c, INK_DIM, RATE_WIDE, page->every_window ? "rate" : page->windows[page->shown]);
	for (unsigned w = 0; w < l->rates; w++)
		canvas_right(c, INK_DIM, RATE_WIDE, page->windows[w]);
	if (l->trend)
		canvas_text(c, INK_DIM, "   trend");
	canvas_end(c);
}

static void title_line(struct canvas *c, const struct terminal_page *page)
{
	char clock[40] = "";
	if (page->now_ms) {
		unsigned s = (unsigned)(page->now_ms / 1000 % 86400);
		snprintf(clock, sizeof clock, "%02u:%02u:%02u UTC", s / 3600, s / 60 % 60, s % 60);
	}
	canvas_to(c, 1);
	canvas_put(c, INK_BOLD, page->title);
	unsigned right = c->style->columns - 1 - (unsigned)strlen(clock);
	if (page->subtitle.len && c->column + 3 < right) {
		canvas_text(c, INK_PLAIN, "  ");
		canvas_left(c, INK_DIM,
			    right - c->column - 1 < terminal_width(page->subtitle)
				    ? right - c->column - 1
				    : terminal_width(page->subtitle),
			    page->subtitle);
	}
	if (clock[0]) {
		canvas_to(c, right);
		canvas_text(c, INK_DIM, clock);
	}
	canvas_end(c);
}

static unsigned status_lines(const struct terminal_page *page)
{
	unsigned n = 0;
	for (unsigned i = 0; i < sizeof page->status / sizeof *page->status; i++)
		n += page->status[i].len > 0;
	return n;
}

static bool is_shown(const struct terminal_page *page, const struct terminal_row *row, unsigned window)
{
	if (!page->every_window)
		return window == page->shown;
	return nps_n(nps_of_bins(row->ledger, row->windows[window].bins)) +
		       nps_n(row->windows[window].before) >
	       0;
}

static unsigned row_lines(const struct terminal_page *page, const struct terminal_row *row)
{
	unsigned lines = 0;
	for (unsigned w = 0; w < page->windows_count; w++)
		lines += is_shown(page, row, w);
	return lines;
}

static unsigned lines_needed(const struct terminal_page *page)
{
	bool seen[LEDGERS] = {false};
	unsigned lines = 0;
	for (unsigned i = 0; i < page->rows_count; i++) {
		lines += row_lines(page, &page->rows[i]);
		lines += seen[page->rows[i].ledger] ? 0 : 3; /* a blank line and the head */
		seen[page->rows[i].ledger] = true;
	}
	return lines;
}

/* The ledgers one after another; rows that find no place are counted. */
static void sections(struct canvas *c, const struct layout *l, const struct terminal_page *page,
		     unsigned lines_max)
{
	unsigned left_out = 0;
	if (c->lines + lines_needed(page) <= lines_max)
		lines_max = 0;
	for (int ledger = 0; ledger < LEDGERS; ledger++) {
		bool head = false;
		for (unsigned i = 0; i < page->rows_count; i++) {
			if ((int)page->rows[i].ledger != ledger)
				continue;
			unsigned lines = row_lines(page, &page->rows[i]);
			if (lines_max && c->lines + (head ? 0 : 3) + lines + 1 >
						 lines_max) { /* one line is kept for "more" */
				left_out++;
				continue;
			}
			if (!head) {
				canvas_end(c);
				section_head(c, l, page, (enum ledger)ledger);
				head = true;
			}
			for (unsigned w = 0, named = 1; w < page->windows_count; w++)
				if (is_shown(page, &page->rows[i], w)) {
					row_line(c, l, page, &page->rows[i], w, named);
					named = 0;
				}
		}
	}
	if (left_out) {
		char text[64];
		snprintf(text, sizeof text, "... %u more rows: make the window higher", left_out);
		canvas_to(c, 1);
		canvas_text(c, INK_DIM, text);
		canvas_end(c);
	}
}

size_t terminal_page_text(char *out, size_t max, const struct terminal_page *page,
			  const struct terminal_style *wanted)
{
	struct terminal_style style = *wanted;
	style.columns = style.columns < 40 ? 40 : style.columns;
	struct canvas c = {.out = out, .max = max, .style = &style};
	unsigned status = status_lines(page), below = status ? status + 1 : 0;
	out[0] = '\0';
	if (page->title.len)
		title_line(&c, page);
	if (page->windows_count) {
		struct layout l = lay_out(page, style.columns);
		sections(&c, &l, page, style.lines > below + 1 ? style.lines - below : style.lines);
	}
	if (status)
		canvas_end(&c);
	for (unsigned i = 0; i < sizeof page->status / sizeof *page->status; i++) {
		if (page->status[i].len == 0)
			continue;
		canvas_to(&c, 1);
		canvas_put(&c, INK_DIM, page->status[i]);
		canvas_end(&c);
	}
	return c.len;
}
