#include "feed/feed.h"

#include <stdlib.h>
#include <string.h>

/* By the definition and nothing cleverer: two sorts and one plain count per window. */

struct sent {
	uint64_t id, order;
	int64_t time_ms, updated_ms;
	struct str touchpoint;
	uint8_t ledger;
	int8_t bin;
	bool deletion;
};

struct fact {
	struct str touchpoint;
	int64_t time_ms;
	uint8_t ledger;
	int8_t bin;
};

struct feed_expect {
	struct feed_expect_options options;
	int64_t length_ms[16]; /* 0: today */
	int64_t reach_ms, clock_ms;
	struct sent *sent;
	size_t count, room;
	size_t facts_count;
	struct fact *facts;
};

static bool window_length(const char *name, int64_t *ms)
{
	char *end;
	long n = strtol(name, &end, 10);
	*ms = 0;
	if (strcmp(name, "today") == 0)
		return true;
	*ms = n * (strcmp(end, "m") == 0   ? 60000
		   : strcmp(end, "h") == 0 ? 3600000
		   : strcmp(end, "d") == 0 ? 86400000
					   : 0);
	return *ms > 0;
}

struct feed_expect *feed_expect_create(const struct feed_expect_options *options, struct err *err)
{
	struct feed_expect *x = must_alloc(sizeof *x);
	must(options->windows_count <= sizeof x->length_ms / sizeof *x->length_ms);
	x->options = *options;
	x->clock_ms = INT64_MIN;
	for (unsigned i = 0; i < options->windows_count; i++) {
		if (!window_length(options->windows[i], &x->length_ms[i])) {
			err_set(err, "'%s' is no window: write 5m, 1h, 7d or today", options->windows[i]);
			feed_expect_destroy(x);
			return NULL;
		}
		/* The longest local day has 25 hours. */
		int64_t reach_ms = x->length_ms[i] ? x->length_ms[i] : INT64_C(25) * 3600000;
		x->reach_ms = reach_ms > x->reach_ms ? reach_ms : x->reach_ms;
	}
	return x;
}

void feed_expect_destroy(struct feed_expect *x)
{
	if (x == NULL)
		return;
	free(x->sent);
	free(x->facts);
	free(x);
}

/* What a reader of the stream keeps out: broken messages, what is dated after `at`, what is late by the newest time so far. */
static bool counts(struct feed_expect *x, const struct feed_event *e)
{
	if (e->dead != FEEDBACK_OK)
		return false;
	if (x->options.at_ms != INT64_MIN &&
	    ((!e->deletion && e->time_ms > x->options.at_ms) || e->updated_ms > x->options.at_ms))
		return false;
	if (e->deletion)
		return true;
	if (e->time_ms > x->clock_ms)
		x->clock_ms = e->time_ms;
	return e->time_ms >= x->clock_ms - x->reach_ms;
}

void feed_expect_add(struct feed_expect *x, const struct feed_event *e)
{
	if (!counts(x, e))
		return;
	if (x->count == x->room) {
		x->room = x->room ? x->room * 2 : 65536;
		x->sent = realloc(x->sent, x->room * sizeof *x->sent);
		must(x->sent != NULL);
	}
	x->sent[x->count] = (struct sent){e->id,	 x->count,	     e->time_ms, e->updated_ms,
					  e->touchpoint, (uint8_t)e->ledger, e->bin,	 e->deletion};
	x->count++;
}

/* ---- the newest version of each response ---- */

static int by_id(const void *a, const void *b)
{
	const struct sent *x = a, *y = b;
	return x->id != y->id ? (x->id < y->id ? -1 : 1) : x->order < y->order ? -1 : 1;
}

struct version {
	enum { UNKNOWN, ALIVE, DELETED, GONE_FOR_GOOD } life;
	int64_t updated_ms;
	struct fact fact;
};

static void erase(struct version *v, const struct sent *s)
{
	if (s->updated_ms == FEEDBACK_NO_VERSION)
		v->life = GONE_FOR_GOOD;
	else if (v->life != GONE_FOR_GOOD && (v->life == UNKNOWN || s->updated_ms >= v->updated_ms)) {
		v->life = DELETED;
		v->updated_ms = s->updated_ms;
	}
}

static bool same_scale(int a, int b)
{
	return a == b || (a <= LEDGER_RELATIONSHIP && b <= LEDGER_RELATIONSHIP);
}

static void replace(struct version *v, const struct sent *s)
{
	/* Without `updated` it takes the highest version known; only a newer one revives what was deleted. */
	int64_t updated_ms =
		s->updated_ms == FEEDBACK_NO_VERSION && v->life != UNKNOWN ? v->updated_ms : s->updated_ms;
	if (v->life == GONE_FOR_GOOD || (v->life == ALIVE && updated_ms < v->updated_ms) ||
	    (v->life == DELETED && updated_ms <= v->updated_ms))
		return;
	int8_t bin = s->bin;
	if (bin == BIN_NONE && v->life == ALIVE && same_scale(v->fact.ledger, s->ledger))
		bin = v->fact.bin;
	*v = (struct version){ALIVE, updated_ms, {s->touchpoint, s->time_ms, s->ledger, bin}};
}

static void find_newest(struct feed_expect *x)
{
	if (x->count)
		qsort(x->sent, x->count, sizeof *x->sent, by_id);
	free(x->facts);
	x->facts = must_array(x->count, sizeof *x->facts);
	x->facts_count = 0;
	for (size_t i = 0; i < x->count;) {
		struct version v = {.life = UNKNOWN, .updated_ms = FEEDBACK_NO_VERSION};
		uint64_t id = x->sent[i].id;
		for (; i < x->count && x->sent[i].id == id; i++)
			x->sent[i].deletion ? erase(&v, &x->sent[i]) : replace(&v, &x->sent[i]);
		if (v.life == ALIVE && v.fact.bin != BIN_NONE) {
			if (v.fact.touchpoint.len == 0)
				v.fact.touchpoint = STR("_unmapped");
			x->facts[x->facts_count++] = v.fact;
		}
	}
}

/* ---- counting ---- */

static int by_place(const void *a, const void *b)
{
	const struct fact *x = a, *y = b;
	size_t shorter = x->touchpoint.len < y->touchpoint.len ? x->touchpoint.len : y->touchpoint.len;
	int order = memcmp(x->touchpoint.at, y->touchpoint.at, shorter);
	if (order == 0 && x->touchpoint.len != y->touchpoint.len)
		order = x->touchpoint.len < y->touchpoint.len ? -1 : 1;
	if (order == 0)
		order = (int)x->ledger - (int)y->ledger;
	return order ? order : (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
}

struct span {
	int64_t before_ms, from_ms, to_ms;
};

/* The edges that the contract defines: panes are a 60th of the window and begin at multiples of their width. */
static struct span span_of(const struct feed_expect *x, unsigned window)
{
	int64_t length = x->length_ms[window], at = x->options.at_ms;
	struct span span;
	span.to_ms = at != INT64_MIN ? (at + 999) / 1000 * 1000 : x->clock_ms / 1000 * 1000 + 1000;
	if (length == 0) {
		struct zone_day day = zone_day_of(x->options.zone, span.to_ms - 1);
		span.from_ms = day.start_ms;
		span.before_ms = zone_day_before(x->options.zone, day).start_ms;
		return span;
	}
	int64_t pane = length / 60;
	span.from_ms = (span.to_ms - length + pane - 1) / pane * pane;
	span.before_ms = span.from_ms - length;
	return span;
}

static bool report_window(const struct feed_expect *x, const struct fact *facts, size_t count,
			  unsigned window, feed_expect_emit *emit, void *context)
{
	struct span span = span_of(x, window);
	struct feed_expect_row row = {.touchpoint = facts->touchpoint,
				      .ledger = (enum ledger)facts->ledger,
				      .window = window,
				      .from_ms = span.from_ms,
				      .to_ms = span.to_ms};
	int64_t bins_before[BINS] = {0}, total = 0;
	for (size_t i = 0; i < count; i++) {
		int64_t at = facts[i].time_ms;
		if (at >= span.from_ms && at < span.to_ms) {
			row.bins[facts[i].bin]++;
			total++;
		} else if (at >= span.before_ms && at < span.from_ms) {
			bins_before[facts[i].bin]++;
		}
	}
	row.before = nps_of_bins(row.ledger, bins_before);
	return total + nps_n(row.before) == 0 || emit(context, &row);
}

bool feed_expect_report(struct feed_expect *x, feed_expect_emit *emit, void *context)
{
	find_newest(x);
	if (x->facts_count)
		qsort(x->facts, x->facts_count, sizeof *x->facts, by_place);
	for (size_t from = 0, to; from < x->facts_count; from = to) {
		const struct fact *first = &x->facts[from];
		for (to = from; to < x->facts_count && x->facts[to].ledger == first->ledger &&
				str_equal(x->facts[to].touchpoint, first->touchpoint);)
			to++;
		for (unsigned w = 0; w < x->options.windows_count; w++)
			if (!report_window(x, first, to - from, w, emit, context))
				return false;
	}
	return true;
}
