#include "terminal/terminal_priv.h"

#include <stdio.h>
#include <string.h>

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

void cell_score(struct canvas *c, const struct layout *l, struct nps_counts counts)
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
void cell_bar(struct canvas *c, const struct layout *l, struct nps_counts counts)
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
void cell_change(struct canvas *c, struct nps_counts now, struct nps_counts before)
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
void cell_rate(struct canvas *c, struct nps_counts counts, struct nps_counts most)
{
	double rate, usual;
	struct nps_interval interval;
	char text[16];
	if (!nps_detractor_rate(counts, &rate)) {
		canvas_right(c, INK_DIM, RATE_WIDE, "-");
		return;
	}
	bool high = nps_detractor_rate(most, &usual) &&
		    nps_rate_interval(counts.d, nps_n(counts), 3, &interval) && interval.low > usual;
	snprintf(text, sizeof text, "%.0f%%", rate * 100);
	canvas_right(c, high ? INK_BAD_BOLD : INK_PLAIN, RATE_WIDE, text);
}

/* The shown window in equal parts; the scale is the same for every row: -60 and below is the lowest, 80 and above the highest step. */
void cell_trend(struct canvas *c, const struct terminal_row *row, const struct window_reading *reading)
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
			canvas_text(c, points < 0 ? INK_BAD : INK_DIM,
				    (c->style->unicode ? steps : plain)[step < 0 ? 0 : step]);
	}
}
