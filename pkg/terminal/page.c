#include "terminal/terminal_priv.h"

#include <stdio.h>
#include <string.h>

#include "nps/nps.h"

/*
 *  touchpoint       n     NPS      95 % from..to  -100       0       100     change    5m    1h   24h   trend
 *  |name|      |n    ||score ||interval        ||bar                   ||change ||rate ||rate|..      |trend|
 */
enum { N_WIDE = 8, SCORE_WIDE = 8, INTERVAL_WIDE = 15, CHANGE_WIDE = 11, RATE_WIDE = 6, BAR_MIN = 13, TREND = 14, NAME_MIN = 10, NAME_MAX = 30 };

struct layout {
	unsigned name, bar;      /* widths; 0: not shown */
	bool interval, trend;
	unsigned rates;          /* so many windows, from the first */
	bool rate_of_shown_only;
};

static const struct words {
	const char *title, *score, *rate;
} words_of[LEDGERS] = {{"SURVEYS", "NPS", "detractors"},
		       {"RELATIONSHIP SURVEYS", "NPS", "detractors"},
		       {"SOCIAL POSTS", "net", "negative"},
		       {"STAR REVIEWS", "net", "1-2 stars"}};

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
	unsigned used = 1 + l.name + N_WIDE + SCORE_WIDE + RATE_WIDE;
	unsigned rates = page->windows_count ? page->windows_count : 1;
	l.rates = 1;
	used += CHANGE_WIDE;
	if (used + INTERVAL_WIDE <= columns)
		l.interval = true, used += INTERVAL_WIDE;
	while (l.rates < rates && used + RATE_WIDE <= columns)
		l.rates++, used += RATE_WIDE;
	l.rate_of_shown_only = l.rates == 1;
	if (used + 2 + BAR_MIN <= columns)
		l.bar = BAR_MIN, used += 2 + BAR_MIN;
	if (l.bar && used + 3 + TREND <= columns)
		l.trend = true, used += 3 + TREND;
	while (l.bar && l.bar < 41 && used + 2 <= columns)   /* stays odd, so that 0 has a column of its own */
		l.bar += 2, used += 2;
	return l;
}

/* ---- cells ---- */

static void amount(char out[16], int64_t n)
{
	if (n < 10000000 && n >= 1000000)
		snprintf(out, 16, "%.2fM", (double)n / 1e6);
	else if (n >= 10000000)
		snprintf(out, 16, "%.0fM", (double)n / 1e6);
	else if (n >= 100000)
		snprintf(out, 16, "%.0fk", (double)n / 1e3);
	else if (n >= 1000)
		snprintf(out, 16, "%d,%03d", (int)(n / 1000), (int)(n % 1000));
	else
		snprintf(out, 16, "%d", (int)n);
}

static enum ink ink_of(double points)
{
	return points >= 30 ? INK_GOOD : points >= 0 ? INK_FAIR : INK_BAD;
}

/* "+34.2", "-5.0", and "0.0" without a sign. */
static void signed_text(char out[16], double value, int digits)
{
	snprintf(out, 16, "%+.*f", digits, value);
	if (strspn(out + 1, "0.") == strlen(out + 1))
		memmove(out, out + 1, strlen(out));
}

static void score_cells(struct canvas *c, const struct layout *l, struct nps_counts counts)
{
	char text[48];
	double points;
	struct nps_interval interval;
	bool any = nps_score(counts, &points) && nps_interval(counts, &interval);
	amount(text, nps_n(counts));
	canvas_right(c, any ? INK_PLAIN : INK_DIM, N_WIDE, text);
	if (any)
		signed_text(text, points, 1);
	canvas_right(c, any ? ink_of(points) : INK_DIM, SCORE_WIDE, any ? text : "-");
	if (!l->interval)
		return;
	text[0] = '\0';
	if (any) {
		char low[16], high[16];
		signed_text(low, interval.low, 0);
		signed_text(high, interval.high, 0);
		snprintf(text, sizeof text, "%s .. %s", low, high);
	}
	canvas_right(c, INK_DIM, INTERVAL_WIDE, text);
}

static unsigned place(double points, unsigned wide)
{
	double at = (points + 100) / 200 * (wide - 1) + 0.5;
	return at < 0 ? 0 : at >= wide ? wide - 1 : (unsigned)at;
}

/* -100 at the left end, 100 at the right, the interval as a line, the NPS on it. */
static void bar_cell(struct canvas *c, const struct layout *l, struct nps_counts counts)
{
	double points;
	struct nps_interval interval;
	bool any = nps_score(counts, &points) && nps_interval(counts, &interval), fine = c->style->unicode;
	canvas_to(c, c->column + 2);
	for (unsigned i = 0; i < l->bar; i++) {
		if (any && i == place(points, l->bar))
			canvas_text(c, ink_of(points), fine ? "●" : "o");
		else if (any && i >= place(interval.low, l->bar) && i <= place(interval.high, l->bar))
			canvas_text(c, ink_of(points), fine ? "━" : "=");
		else if (i == l->bar / 2)
			canvas_text(c, INK_DIM, fine ? "│" : "|");
		else if (i == 0 || i == l->bar - 1)
			canvas_text(c, INK_DIM, fine ? "·" : ".");
		else
			canvas_text(c, INK_PLAIN, " ");
	}
}

/* A star and bold: unlikely (p < 0.05) to be chance. Else dim: look, but don't act. */
static void change_cell(struct canvas *c, struct nps_counts now, struct nps_counts before)
{
	double is, was, p = 1;
	char text[32];
	if (!nps_score(now, &is) || !nps_score(before, &was)) {
		canvas_right(c, INK_DIM, CHANGE_WIDE, "");
		return;
	}
	bool sure = nps_change_p(now, before, &p) && p < 0.05, fine = c->style->unicode;
	double change = is - was;
	const char *arrow = change >= 0.05 ? (fine ? "▲" : "+") : change <= -0.05 ? (fine ? "▼" : "-") : " ";
	snprintf(text, sizeof text, "%s%5.1f%s", arrow, change < 0 ? -change : change, sure ? " *" : "  ");
	canvas_right(c, !sure ? INK_DIM : change < 0 ? INK_BAD_BOLD : INK_GOOD_BOLD, CHANGE_WIDE, text);
}

/* Red: higher than usual by more than chance (Wilson's lower bound; z = 3, since many cells are looked at). Usual is the rate of the
 * window that holds the most. */
static void rate_cell(struct canvas *c, struct nps_counts counts, struct nps_counts most)
{
	double rate, usual;
	struct nps_interval interval;
	char text[16];
	if (!nps_detractor_rate(counts, &rate)) {
		canvas_right(c, INK_DIM, RATE_WIDE, "-");
		return;
	}
	bool high = nps_detractor_rate(most, &usual) && nps_rate_interval(counts.d, nps_n(counts), 3, &interval) &&
		    interval.low > usual;
	snprintf(text, sizeof text, "%.0f%%", rate * 100);
	canvas_right(c, high ? INK_BAD_BOLD : INK_PLAIN, RATE_WIDE, text);
}

/* The shown window in equal parts; the scale is the same for every row: -60 and below is the lowest, 80 and above the highest step. */
static void trend_cell(struct canvas *c, const struct terminal_row *row, const struct window_reading *reading)
{
	static const char *const steps[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const plain[] = {"_", ".", ".", "-", "-", "=", "^", "^"};
	struct nps_counts parts[TREND] = {0};
	int64_t span = reading->to_ms - reading->from_ms;
	for (unsigned i = 0; row->series && span > 0 && i < row->series_count; i++) {
		int64_t after = row->series[i].start_ms - reading->from_ms;
		if (after < 0 || after >= span)
			continue;
		struct nps_counts *part = &parts[after * TREND / span];
		part->p += row->series[i].counts.p;
		part->q += row->series[i].counts.q;
		part->d += row->series[i].counts.d;
	}
	canvas_to(c, c->column + 3);
	for (unsigned i = 0; i < TREND; i++) {
		double points;
		int step = nps_score(parts[i], &points) ? (int)((points + 60) / 140 * 8) : -1;
		step = step > 7 ? 7 : step;
		if (!nps_score(parts[i], &points))
			canvas_text(c, INK_PLAIN, " ");
		else
			canvas_text(c, points < 0 ? INK_BAD : INK_DIM, (c->style->unicode ? steps : plain)[step < 0 ? 0 : step]);
	}
}

/* ---- lines ---- */

static void row_line(struct canvas *c, const struct layout *l, const struct terminal_page *page, const struct terminal_row *row)
{
	const struct window_reading *shown = &row->windows[page->shown];
	struct nps_counts counts = nps_of_bins(row->ledger, shown->bins);
	struct nps_counts most = counts;
	for (unsigned w = 0; w < page->windows_count; w++) {
		struct nps_counts other = nps_of_bins(row->ledger, row->windows[w].bins);
		most = nps_n(other) > nps_n(most) ? other : most;
	}
	canvas_to(c, 1);
	canvas_left(c, INK_PLAIN, l->name, row->touchpoint);
	score_cells(c, l, counts);
	if (l->bar)
		bar_cell(c, l, counts);
	change_cell(c, counts, shown->before);
	if (l->rate_of_shown_only)
		rate_cell(c, counts, most);
	else
		for (unsigned w = 0; w < l->rates; w++)
			rate_cell(c, nps_of_bins(row->ledger, row->windows[w].bins), most);
	if (l->trend)
		trend_cell(c, row, shown);
	canvas_end(c);
}

/* Which ledger and window, and what the columns of rates are. */
static void section_title(struct canvas *c, const struct layout *l, const struct terminal_page *page, const struct words *words)
{
	char last[48];
	canvas_to(c, 1);
	canvas_text(c, INK_BOLD, words->title);
	snprintf(last, sizeof last, strcmp(page->windows[page->shown], "today") == 0 ? "  %s" : "  last %s", page->windows[page->shown]);
	canvas_text(c, INK_DIM, last);
	unsigned rates_at = 1 + l->name + N_WIDE + SCORE_WIDE + (l->interval ? INTERVAL_WIDE : 0) + (l->bar ? l->bar + 2 : 0) + CHANGE_WIDE;
	unsigned rate_word = (unsigned)strlen(words->rate), rates_wide = l->rates * RATE_WIDE;
	unsigned rate_at = rates_at + rates_wide > rate_word ? rates_at + rates_wide - rate_word : rates_at;
	if (rates_wide > rate_word + 2)
		rate_at = rates_at + 2;
	if (c->column + 1 < rate_at) {
		canvas_to(c, rate_at);
		canvas_text(c, INK_DIM, words->rate);
	}
	canvas_end(c);
}

static void section_head(struct canvas *c, const struct layout *l, const struct terminal_page *page, enum ledger ledger)
{
	const struct words *words = &words_of[ledger];
	section_title(c, l, page, words);
	canvas_to(c, 1);
	canvas_left(c, INK_DIM, l->name, STR("touchpoint"));
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
	for (unsigned w = 0; w < l->rates; w++)
		canvas_right(c, INK_DIM, RATE_WIDE, page->windows[l->rate_of_shown_only ? page->shown : w]);
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
		canvas_left(c, INK_DIM, right - c->column - 1 < terminal_width(page->subtitle) ? right - c->column - 1
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

static unsigned lines_needed(const struct terminal_page *page)
{
	bool seen[LEDGERS] = {false};
	unsigned lines = page->rows_count;
	for (unsigned i = 0; i < page->rows_count; i++) {
		lines += seen[page->rows[i].ledger] ? 0 : 3;   /* a blank line and the head */
		seen[page->rows[i].ledger] = true;
	}
	return lines;
}

/* The ledgers one after another; rows that find no place are counted. */
static void sections(struct canvas *c, const struct layout *l, const struct terminal_page *page, unsigned lines_max)
{
	unsigned left_out = 0;
	if (c->lines + lines_needed(page) <= lines_max)
		lines_max = 0;
	for (int ledger = 0; ledger < LEDGERS; ledger++) {
		bool head = false;
		for (unsigned i = 0; i < page->rows_count; i++) {
			if ((int)page->rows[i].ledger != ledger)
				continue;
			if (lines_max && c->lines + (head ? 1 : 4) + 1 > lines_max) {   /* one line is kept for "more" */
				left_out++;
				continue;
			}
			if (!head) {
				canvas_end(c);
				section_head(c, l, page, (enum ledger)ledger);
				head = true;
			}
			row_line(c, l, page, &page->rows[i]);
		}
	}
	if (left_out) {
		char text[48];
		snprintf(text, sizeof text, "... %u more rows: make the window higher", left_out);
		canvas_to(c, 1);
		canvas_text(c, INK_DIM, text);
		canvas_end(c);
	}
}

size_t terminal_page_text(char *out, size_t max, const struct terminal_page *page, const struct terminal_style *wanted)
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
