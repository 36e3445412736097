#include "watch/watch_priv.h"

#include <stdio.h>
#include <stdlib.h>

const struct option_row watch_options[] = {
	{"refresh", OPTION_DURATION, offsetof(struct watch_options, refresh_ms), "10s", 1000, 600e3, NULL,
	 "how often all is written again, changed or not, per 10,000 touchpoints; mends what Redis lost", 0},
	{"checkpoint", OPTION_DURATION, offsetof(struct watch_options, checkpoint_ms), "30s", 100, 600e3,
	 NULL, "how often what changed is saved in Redis for a restart, which reads again what came later",
	 0},
	{"cpu_max", OPTION_NUMBER, offsetof(struct watch_options, cpu_max), "0.15", 0.01, 1, NULL,
	 "how much of one core publishing may take; where that is too little, all is published less often",
	 0},
	{0},
};

static uint32_t ticks_at_least(int64_t ms)
{
	return ms <= TICK_MS ? 1 : (uint32_t)((ms + TICK_MS - 1) / TICK_MS);
}

static void set_paces(struct watch *w)
{
	for (unsigned i = 0; i < w->setup.windows.count; i++) {
		int64_t length_s = w->setup.windows.specs[i].length_s;
		int64_t length_ms = (length_s ? length_s : 24 * 3600) * 1000; /* today is paced as a day */
		w->pace[i] = ticks_at_least(length_ms / 3600);
		w->series_pace[i] = ticks_at_least(length_ms / 60);
		if (w->setup.ttl_ms && w->series_pace[i] > ticks_at_least(w->setup.ttl_ms / 2))
			w->series_pace[i] = ticks_at_least(w->setup.ttl_ms / 2);
	}
}

static void name_zones(struct watch *w)
{
	w->sources = names_create(WATCH_SOURCES, VIEW_NAME_MAX);
	w->zone_names = names_create(w->setup.zones_count + 1, VIEW_NAME_MAX);
	for (unsigned i = 0; i < w->setup.zones_count; i++)
		names_intern(w->zone_names, str_of(w->setup.zones[i].touchpoint));
}

struct watch *watch_create(const struct watch_setup *setup, int64_t now_ms)
{
	struct watch *w = must_alloc(sizeof *w);
	uint32_t touchpoints =
		setup->touchpoints_max + 3; /* _unmapped, _overflow of the intakes and our own */
	w->setup = *setup;
	w->names = names_create(touchpoints, VIEW_NAME_MAX);
	w->touches = must_array(touchpoints, sizeof *w->touches);
	w->slots_max = touchpoints * LEDGERS;
	w->setup.windows.slots_max = w->slots_max;
	w->windows = windows_create(&w->setup.windows, now_ms);
	w->slots = must_array(w->slots_max, sizeof *w->slots);
	w->reader = bundle_reader_create();
	w->position = (struct watch_position){0, -1};
	w->before = w->position;
	w->start_ms = w->now_ms = now_ms;
	w->overflow = NOBODY;
	w->save_first = w->save_last = NOBODY;
	w->scratch = must_alloc(SAVE_BYTES_MAX);
	for (unsigned i = 0; i < WHEEL_SLOTS; i++)
		w->wheel[i] = NOBODY;
	set_paces(w);
	name_zones(w);
	judge_init(w);
	return w;
}

void watch_destroy(struct watch *w)
{
	if (w == NULL)
		return;
	names_destroy(w->names);
	names_destroy(w->zone_names);
	names_destroy(w->sources);
	free(w->touches);
	windows_destroy(w->windows);
	judge_release(w);
	told_release(w);
	free(w->slots);
	bundle_reader_destroy(w->reader);
	free(w->scratch);
	free(w);
}

static void begin_touchpoint(struct watch *w, uint32_t i)
{
	struct touch *t = &w->touches[i];
	for (unsigned l = 0; l < LEDGERS; l++)
		t->slot[l] = NOBODY;
	t->seen_offset = -1;
	t->due = UINT32_MAX;
	uint32_t zone = names_find(w->zone_names, names_get(w->names, i));
	t->zone = zone == NAMES_FULL ? w->setup.zone : w->setup.zones[zone].zone;
	judge_touchpoint(w, i);
}

/* More touchpoints than this partition may know: they share one name of the partition's own, so that no two writers share a key. */
static uint32_t overflow_of(struct watch *w)
{
	char name[32];
	int len = snprintf(name, sizeof name, "_overflow.%d", (int)w->setup.partition);
	w->overflow = names_intern(w->names, (struct str){name, (size_t)len});
	must(w->overflow != NAMES_FULL);
	return w->overflow;
}

uint32_t watch_open_touchpoint(struct watch *w, struct str name)
{
	uint32_t known = names_count(w->names);
	uint32_t i = names_find(w->names, name);
	if (i != NAMES_FULL)
		return i;
	bool reserve = w->overflow == NOBODY; /* the last place is kept for it */
	if (known + reserve < w->setup.touchpoints_max + 3)
		i = names_intern(w->names, name);
	else
		i = overflow_of(w);
	if (names_count(w->names) > known)
		begin_touchpoint(w, i);
	return i;
}

uint32_t watch_open_slot(struct watch *w, uint32_t touchpoint, enum ledger ledger)
{
	struct touch *t = &w->touches[touchpoint];
	if (t->slot[ledger] == NOBODY) {
		t->slot[ledger] = windows_open(w->windows, ledger, t->zone);
		must(t->slot[ledger] != WINDOW_FULL && t->slot[ledger] < w->slots_max);
	}
	return t->slot[ledger];
}

void watch_set_source(struct watch *w, uint32_t i, struct str name)
{
	if (name.len == 0)
		return;
	uint32_t source = names_intern(w->sources, name);
	w->touches[i].source = source == NAMES_FULL ? 0 : (uint16_t)(source + 1);
}

struct str watch_source(const struct watch *w, uint32_t i)
{
	return w->touches[i].source ? names_get(w->sources, w->touches[i].source - 1u) : (struct str){"", 0};
}

static void apply_group(struct watch *w, const struct bundle_group *group, int64_t offset)
{
	uint32_t i = watch_open_touchpoint(w, group->touchpoint);
	struct touch *t = &w->touches[i];
	if (offset <= t->seen_offset)
		return;
	watch_set_source(w, i, group->source);
	if (group->count)
		judge_prefetch(w, t, (enum ledger)group->cells[0].ledger);
	for (uint32_t c = 0; c < group->count; c++) {
		const struct tally_cell *cell = &group->cells[c];
		uint32_t slot = watch_open_slot(w, i, cell->ledger);
		windows_add(w->windows, slot, cell->second, cell->bin, cell->delta);
		int64_t at_ms = (int64_t)cell->second * 1000;
		if (cell->delta > 0 && at_ms > t->last_ms)
			t->last_ms = at_ms;
		watch_changed(w, i, slot);
	}
	if (!t->unsaved)
		watch_save_last(w, i, w->before);
	judge_group(w, i, group, offset <= w->groups_offset);
}

bool watch_apply(struct watch *w, struct str bytes, int64_t record_ms, int64_t offset)
{
	struct bundle bundle;
	if (offset <= w->position.offset)
		return true;
	bool readable = bundle_read(w->reader, bytes, &bundle);
	w->before = w->position;
	w->position.offset = offset;
	if (!readable)
		return false;
	int64_t log_ms = record_ms < bundle.head.clock_ms ? record_ms : bundle.head.clock_ms;
	if (log_ms > w->position.log_ms)
		w->position.log_ms = log_ms;
	judge_record(w, bundle.head.behind, bundle.head.shards);
	for (uint32_t g = 0; g < bundle.groups_count; g++)
		apply_group(w, &bundle.groups[g], offset);
	return true;
}

void watch_advance(struct watch *w, int64_t now_ms)
{
	if (now_ms > w->now_ms)
		w->now_ms = now_ms;
	windows_advance(w->windows, now_ms);
}

struct watch_position watch_position(const struct watch *w)
{
	return w->position;
}

uint32_t watch_touchpoints(const struct watch *w)
{
	return names_count(w->names);
}

struct str watch_touchpoint(const struct watch *w, uint32_t i)
{
	return names_get(w->names, i);
}

bool watch_has(const struct watch *w, uint32_t i, enum ledger ledger)
{
	must(i < names_count(w->names));
	return w->touches[i].slot[ledger] != NOBODY;
}

void watch_read(struct watch *w, uint32_t i, enum ledger ledger, unsigned which, struct window_reading *out)
{
	must(watch_has(w, i, ledger));
	windows_read(w->windows, w->touches[i].slot[ledger], which, out);
}

unsigned watch_series(struct watch *w, uint32_t i, enum ledger ledger, unsigned which,
		      struct window_pane out[WINDOW_PANES_MAX])
{
	must(watch_has(w, i, ledger));
	return windows_series(w->windows, w->touches[i].slot[ledger], which, out);
}

struct window_memory watch_memory(const struct watch *w)
{
	return windows_memory(w->windows);
}
