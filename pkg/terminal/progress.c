#include "terminal/terminal_priv.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 24, REDRAW_MS = 100 };

static void amount(char out[24], double n)
{
	static const char units[] = {' ', 'k', 'M', 'G'};
	unsigned unit = 0;
	for (; n >= 1000 && unit < sizeof units - 1; unit++)
		n /= 1000;
	if (unit == 0)
		snprintf(out, 24, "%.0f", n);
	else
		snprintf(out, 24, n < 10 ? "%.2f%c" : n < 100 ? "%.1f%c" : "%.0f%c", n, units[unit]);
}

static void bar(struct canvas *c, double share)
{
	bool fine = c->style->unicode;
	for (unsigned i = 0; i < BAR; i++) {
		bool full = i + 0.5 < share * BAR;
		canvas_text(c, full ? INK_GOOD : INK_DIM, fine ? (full ? "━" : "─") : full ? "=" : "-");
	}
}

size_t terminal_progress_text(char *out, size_t max, const struct terminal_style *style,
			      const struct terminal_work *work)
{
	struct canvas c = {.out = out, .max = max, .style = style};
	char count[24], rate[24], text[96];
	double share = work->total ? (double)work->done / (double)work->total : 0,
	       seconds = (double)work->elapsed_ms / 1000;
	share = share > 1 ? 1 : share;
	out[0] = '\0';
	canvas_text(&c, INK_PLAIN, work->what);
	canvas_text(&c, INK_PLAIN, "  ");
	if (work->total) {
		bar(&c, share);
		snprintf(text, sizeof text, "  %3.0f%%", share * 100);
		canvas_text(&c, INK_PLAIN, text);
	}
	amount(count, (double)work->items);
	amount(rate, seconds > 0 ? (double)work->items / seconds : 0);
	snprintf(text, sizeof text, "  %s lines  %s/s", count, rate);
	canvas_text(&c, INK_PLAIN, text);
	if (work->total && share > 0.01 && seconds >= 1) {
		int left = (int)(seconds / share * (1 - share) + 0.5);
		snprintf(text, sizeof text, "  %d:%02d left", left / 60, left % 60);
		canvas_text(&c, INK_DIM, text);
	}
	return c.len;
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void terminal_progress_begin(struct terminal_progress *progress, FILE *to, const char *what)
{
	*progress = (struct terminal_progress){.to = to, .live = isatty(fileno(to)), .started_ms = now_ms()};
	snprintf(progress->what, sizeof progress->what, "%s", what);
	progress->drawn_ms = progress->started_ms + 400; /* what is done within half a second needs no bar */
}

void terminal_progress_show(struct terminal_progress *progress, uint64_t done, uint64_t total, uint64_t items)
{
	if (!progress->live)
		return;
	int64_t now = now_ms();
	if (now - progress->drawn_ms < REDRAW_MS)
		return;
	char text[1024];
	struct terminal_style style = {.columns = 100, .unicode = terminal_speaks_utf8()};
	struct terminal_work work = {progress->what, done, total, items, now - progress->started_ms};
	terminal_progress_text(text, sizeof text, &style, &work);
	fprintf(progress->to, "\r%s\x1b[K", text);
	fflush(progress->to);
	progress->drawn_ms = now;
}

void terminal_progress_end(struct terminal_progress *progress)
{
	if (progress->live)
		fputs("\r\x1b[K", progress->to);
}
