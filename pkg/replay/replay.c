#include "replay/replay.h"

#include <stdlib.h>

struct replay {
	struct intake *intake;
	struct watch *watch;
	struct bundle_writer *writer;
	struct intake_clock clock;
	struct intake_counts counts;
	struct window_options windows;
	unsigned slot;
	int64_t at_ms, offset;
	replay_letter *letter;
	bool (*alert)(void *context, const struct watch_alert *);
	void *alert_context;
	int64_t flushed_s; /* with alerts: the second up to which the watch has seen it all */
	void *context;
	uint32_t *sorted; /* touchpoints of the watch by name */
};

static int64_t reach_ms(const struct window_options *windows)
{
	int64_t longest_s = 0;
	for (unsigned i = 0; i < windows->count; i++)
		if (window_spec_reach_s(&windows->specs[i]) > longest_s)
			longest_s = window_spec_reach_s(&windows->specs[i]);
	return longest_s * 1000;
}

struct replay *replay_create(const struct replay_setup *setup, replay_letter *letter, void *context,
			     struct err *err)
{
	struct replay *r = must_alloc(sizeof *r);
	struct intake_setup intake = setup->intake;
	intake.reach_ms = reach_ms(&setup->watch.windows);
	r->windows = setup->watch.windows;
	r->at_ms = setup->at_ms;
	r->letter = letter;
	r->alert = setup->watch.alerts.enabled ? setup->alert : NULL;
	r->alert_context = setup->alert_context;
	r->context = context;
	r->clock = (struct intake_clock){
		.now_ms = INT64_MIN / 2, /* no floor: far from where a difference could overflow */
		.future_after_ms = setup->machine_ms,
		.follows_events = true,
		.leave_out_after_ms = setup->at_ms == INT64_MIN ? INT64_MAX : setup->at_ms};
	r->intake = intake_create(&intake, err);
	if (r->intake == NULL) {
		replay_destroy(r);
		return NULL;
	}
	r->slot = intake_partition_open(r->intake);
	r->watch = watch_create(&setup->watch, 0);
	r->writer = bundle_writer_create(intake_names_max(&intake.options));
	return r;
}

void replay_destroy(struct replay *r)
{
	if (r == NULL)
		return;
	intake_destroy(r->intake);
	watch_destroy(r->watch);
	bundle_writer_destroy(r->writer);
	free(r->sorted);
	free(r);
}

/* Windows end at the next whole second after this. It never goes beyond `at`, though an event may be dated just then. */
static int64_t window_clock_ms(const struct replay *r)
{
	int64_t clock_ms = intake_clock_ms(r->intake);
	return r->at_ms != INT64_MIN && clock_ms >= r->at_ms ? r->at_ms - 1 : clock_ms;
}

static bool to_watch(void *context, uint32_t shard, struct str bytes)
{
	struct replay *r = context;
	bool read = watch_apply(r->watch, bytes, intake_clock_ms(r->intake), r->offset++);
	must(read); /* our own writer's bytes */
	return true;
}

static bool hand_out(struct replay *r)
{
	const struct watch_alert *alert;
	while (r->alert && (alert = watch_alert_next(r->watch)) != NULL)
		if (!r->alert(r->alert_context, alert))
			return false;
	watch_alerts_settle(r->watch);
	return true;
}

static bool tick_to_watch(void *context, uint32_t shard, struct str bytes)
{
	struct replay *r = context;
	bool read = watch_apply(r->watch, bytes, r->at_ms, r->offset++);
	must(read);
	return true;
}

/* What a commit does in the live program: letters out, tally to the watch, and on. */
static bool flush(struct replay *r)
{
	for (unsigned i = 0; i < intake_letters(r->intake); i++) {
		struct intake_letter letter = intake_letter(r->intake, i);
		if (!r->letter(r->context, letter.tag, letter.reason, letter.bytes))
			return false;
	}
	if (tally_count(intake_tally(r->intake)) > 0) {
		struct bundle_sources sources = intake_sources(r->intake);
		struct bundle_head head = {.shards = 1,
					   .clock_ms = intake_clock_ms(r->intake),
					   .instance = STR("replay"),
					   .sources = &sources};
		watch_advance(r->watch, window_clock_ms(r));
		bundle_write(r->writer, &head, intake_names(r->intake), intake_tally(r->intake), false,
			     to_watch, r);
	}
	intake_close(r->intake);
	intake_commit(r->intake, &r->counts);
	return hand_out(r);
}

/* What is judged goes by the clock, so a second is no longer than a second: the live program commits as often. */
static bool take_by_seconds(struct replay *r, const struct intake_record *records, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		intake_take(r->intake, &records[i], 1, &r->clock);
		int64_t second = intake_clock_ms(r->intake) / 1000;
		if (second > r->flushed_s && !flush(r))
			return false;
		r->flushed_s = second;
	}
	return true;
}

bool replay_take(struct replay *r, const struct replay_line *lines, unsigned count)
{
	struct intake_record records[INTAKE_BATCH];
	must(count <= INTAKE_BATCH);
	if (!intake_room(r->intake, INTAKE_BATCH) && !flush(r))
		return false;
	for (unsigned i = 0; i < count; i++)
		records[i] = (struct intake_record){
			.bytes = lines[i].text, .slot = r->slot, .tag = lines[i].number};
	if (r->alert)
		return take_by_seconds(r, records, count);
	intake_take(r->intake, records, count, &r->clock);
	return true;
}

static int by_name(const void *a, const void *b, void *watch)
{
	struct str x = watch_touchpoint(watch, *(const uint32_t *)a),
		   y = watch_touchpoint(watch, *(const uint32_t *)b);
	size_t shorter = x.len < y.len ? x.len : y.len;
	int order = shorter ? memcmp(x.at, y.at, shorter) : 0;
	return order ? order : (x.len > y.len) - (x.len < y.len);
}

/* Responses may have stopped before `at`: a record without any carries the log's time there. */
static bool look_at_the_end(struct replay *r)
{
	struct bundle_head head = {.shards = 1, .clock_ms = r->at_ms, .instance = STR("replay")};
	if (r->at_ms <= intake_clock_ms(r->intake))
		return true;
	bundle_write(r->writer, &head, intake_names(r->intake), intake_tally(r->intake), true, tick_to_watch,
		     r);
	return hand_out(r);
}

bool replay_finish(struct replay *r)
{
	if (!flush(r))
		return false;
	if (r->alert && !look_at_the_end(r))
		return false;
	if (r->at_ms != INT64_MIN)
		watch_advance(r->watch, r->at_ms - 1);
	else if (intake_clock_ms(r->intake) != INT64_MIN)
		watch_advance(r->watch, intake_clock_ms(r->intake));
	uint32_t n = watch_touchpoints(r->watch);
	free(r->sorted);
	r->sorted = must_array(n, sizeof *r->sorted);
	for (uint32_t i = 0; i < n; i++)
		r->sorted[i] = i;
	qsort_r(r->sorted, n, sizeof *r->sorted, by_name, r->watch);
	return true;
}

const struct intake_counts *replay_counts(const struct replay *r)
{
	return &r->counts;
}

struct response_stats replay_stats(const struct replay *r)
{
	return intake_stats(r->intake);
}

static bool holds_anything(const struct window_reading *reading)
{
	int64_t total = nps_n(reading->before);
	for (int i = 0; i < BINS; i++)
		total += reading->bins[i];
	return total > 0;
}

bool replay_rows(struct replay *r, replay_emit_row *emit, void *context)
{
	for (uint32_t i = 0; i < watch_touchpoints(r->watch); i++)
		for (int ledger = 0; ledger < LEDGERS; ledger++) {
			uint32_t touchpoint = r->sorted[i];
			if (!watch_has(r->watch, touchpoint, (enum ledger)ledger))
				continue;
			for (unsigned w = 0; w < r->windows.count; w++) {
				struct replay_row row = {.touchpoint = watch_touchpoint(r->watch, touchpoint),
							 .ledger = (enum ledger)ledger,
							 .window = r->windows.specs[w].name,
							 .which = w};
				watch_read(r->watch, touchpoint, row.ledger, w, &row.reading);
				if (holds_anything(&row.reading) && !emit(context, &row))
					return false;
			}
		}
	return true;
}
