/*
 * The bytes of a checkpoint: what goes into the next batch, and what comes back after a restart. Taken at a steady rate, so that ten
 * thousand busy touchpoints are spread over the interval.
 */
#include "watch/watch_priv.h"

#include "checkpoint/checkpoint.h"

enum { QUIET_MS = 60000, GROUPS_BYTES = 64 * 1024 };

static size_t encode(struct watch *w, uint32_t i, unsigned char *out, size_t max)
{
	struct touch *t = &w->touches[i];
	struct checkpoint_writer writer;
	checkpoint_begin(&writer, out, max,
			 &(struct checkpoint_head){w->position.log_ms, w->position.offset, t->last_ms});
	for (unsigned l = 0; l < LEDGERS; l++) {
		if (t->slot[l] == NOBODY)
			continue;
		size_t len = windows_save(w->windows, t->slot[l], w->scratch, SAVE_BYTES_MAX);
		must(len > 0);
		checkpoint_section(&writer, CHECKPOINT_WINDOWS + l, w->scratch, len);
		if (w->slots[t->slot[l]].judged == NULL)
			continue;
		len = judge_save(judge_open(w, i, (enum ledger)l), w->scratch, SAVE_BYTES_MAX);
		must(len > 0);
		checkpoint_section(&writer, CHECKPOINT_JUDGED + l, w->scratch, len);
	}
	struct str source = watch_source(w, i);
	if (source.len)
		checkpoint_section(&writer, CHECKPOINT_SOURCE, (const unsigned char *)source.at, source.len);
	return checkpoint_finish(&writer);
}

/* What the touchpoints of a partition have in common, in a field without a name. It goes with each write, so it is never older than a
 * touchpoint's. */
static size_t encode_groups(struct watch *w, unsigned char *out, size_t max)
{
	struct checkpoint_writer writer;
	checkpoint_begin(&writer, out, max,
			 &(struct checkpoint_head){w->position.log_ms, w->position.offset, 0});
	size_t len = judge_groups_save(w, w->scratch, SAVE_BYTES_MAX);
	must(len > 0);
	checkpoint_section(&writer, CHECKPOINT_GROUPS, w->scratch, len);
	return checkpoint_finish(&writer);
}

/* How many are to go now: as many as keep the pace over the interval, and whoever has waited for all of it. While nothing changes
 * one touchpoint a minute goes all the same: it carries `low` on, so that a restart does not read a quiet night again. */
static unsigned share(struct watch *w, int64_t now_ms)
{
	int64_t interval_ms = w->setup.options.checkpoint_ms;
	int64_t since_ms = w->saved_ms ? now_ms - w->saved_ms : 0;
	w->saved_ms = now_ms;
	w->save_credit += (double)w->save_count * (double)since_ms / (double)interval_ms;
	if (w->save_credit > w->save_count)
		w->save_credit = w->save_count;
	if (w->save_first == NOBODY && now_ms - w->filled_ms > QUIET_MS && names_count(w->names) > 0)
		watch_save_last(w, w->save_turn++ % names_count(w->names), w->position);
	else if (w->save_first != NOBODY && w->save_credit < 1 &&
		 now_ms - w->touches[w->save_first].unsaved_since_ms < interval_ms)
		return 0;
	return w->save_credit < 1 ? 1 : (unsigned)w->save_credit;
}

static struct watch_position low_of(const struct watch *w)
{
	struct watch_position low = w->position;
	if (w->save_first != NOBODY && w->touches[w->save_first].before.offset < low.offset)
		low = w->touches[w->save_first].before;
	return low;
}

static void fill_groups(struct watch *w, struct watch_batch *b, size_t used)
{
	if (!w->groups_begun)
		return;
	size_t len = encode_groups(w, b->bytes + used, WATCH_FIELDS_BYTES - used);
	must(len > 0); /* touchpoints leave room for it */
	b->fields[b->fields_count] = (struct watch_field){.at = used, .len = len};
	b->field_touchpoints[b->fields_count++] = NOBODY;
}

/* False: the batch is full. */
static bool fill_one(struct watch *w, uint32_t i, struct watch_batch *b, size_t *used)
{
	struct touch *t = &w->touches[i];
	if (!t->unsaved)
		return true;
	bool gone = watch_touchpoint_empty(w, t) && !judge_remembers(w, t);
	if (b->fields_count >= WATCH_FIELDS - 1)
		return false;
	size_t len = gone ? 0 : encode(w, i, b->bytes + *used, WATCH_FIELDS_BYTES - GROUPS_BYTES - *used);
	if (len == 0 && !gone)
		return false;
	b->before[b->fields_count] = t->before;
	b->field_touchpoints[b->fields_count] = i;
	b->fields[b->fields_count++] =
		(struct watch_field){names_get(w->names, i), *used, len, t->of_rewrite};
	*used += len;
	watch_save_remove(w, i);
	return true;
}

/* While events of others wait for Kafka. */
static bool may_save_one(const struct watch *w, const struct watch_batch *b, uint32_t touchpoint)
{
	for (unsigned i = b->alerts_count; i < w->told_count; i++)
		if (w->told[i].touchpoint == touchpoint)
			return false;
	return w->position.offset >= 0 && !w->replace_next;
}

/* An event and the state behind it are written as one: what is in the stream is never derived again, whatever changes meanwhile
 * (settings, how many touchpoints are known, this program). */
void watch_fill_checkpoint(struct watch *w, int64_t now_ms, bool all, struct watch_batch *b)
{
	b->fields_count = 0;
	bool may_save = told_fill(w, b) && w->position.offset >= 0;
	unsigned n = !may_save ? 0 : all ? w->save_count : share(w, now_ms);
	size_t used = 0;
	b->replace = w->replace_next && may_save;
	for (unsigned i = 0; i < b->alerts_count; i++)
		if (may_save || may_save_one(w, b, w->told[i].touchpoint))
			fill_one(w, w->told[i].touchpoint, b, &used);
	while (n-- > 0 && w->save_first != NOBODY && fill_one(w, w->save_first, b, &used))
		w->save_credit -= w->save_credit > 1 ? 1 : w->save_credit;
	b->position = w->position;
	b->low_known = b->fields_count && w->rewrite_left == 0;
	b->low = low_of(w);
	if (b->fields_count) {
		fill_groups(w, b, used);
		w->replace_next = false;
		w->filled_ms = now_ms;
	}
}

/* ---- restart ---- */

struct restoring {
	struct watch *w;
	uint32_t touchpoint;
};

static bool restore_judged(struct watch *w, uint32_t i, enum ledger ledger, const unsigned char *bytes,
			   size_t len)
{
	struct judged *j = judge_open(w, i, ledger);
	if (j == NULL) /* alerts were turned off */
		return true;
	if (!judge_load(j, bytes, len))
		return false;
	for (unsigned k = 0; k < JUDGED_KINDS; k++)
		w->incidents += j->incidents[k].open;
	return true;
}

static bool restore_groups(void *context, uint32_t kind, const unsigned char *bytes, size_t len)
{
	return kind != CHECKPOINT_GROUPS || judge_groups_load(context, bytes, len);
}

static bool restore_section(void *context, uint32_t kind, const unsigned char *bytes, size_t len)
{
	const struct restoring *to = context;
	if (kind >= CHECKPOINT_JUDGED && kind < CHECKPOINT_JUDGED + LEDGERS)
		return restore_judged(to->w, to->touchpoint, (enum ledger)(kind - CHECKPOINT_JUDGED), bytes,
				      len);
	if (kind == CHECKPOINT_SOURCE)
		watch_set_source(to->w, to->touchpoint, (struct str){(const char *)bytes, len});
	if (kind < CHECKPOINT_WINDOWS || kind >= CHECKPOINT_WINDOWS + LEDGERS)
		return true;
	uint32_t slot = watch_open_slot(to->w, to->touchpoint, (enum ledger)(kind - CHECKPOINT_WINDOWS));
	if (!windows_load(to->w->windows, slot, bytes, len))
		return false;
	watch_changed(to->w, to->touchpoint, slot);
	return true;
}

bool watch_restore(struct watch *w, struct str touchpoint, struct str bytes)
{
	struct checkpoint_head head;
	if (touchpoint.len == 0) {
		bool good = checkpoint_read(bytes, &head, restore_groups, w);
		w->groups_offset = good ? head.offset : w->groups_offset;
		return good;
	}
	if (names_find(w->names, touchpoint) == NAMES_FULL &&
	    names_count(w->names) >= w->setup.touchpoints_max + 2)
		return false; /* it would share the name of those beyond the limit: rebuilt, they add up as they should */
	struct restoring to = {w, watch_open_touchpoint(w, touchpoint)};
	if (!checkpoint_read(bytes, &head, restore_section, &to))
		return false;
	struct touch *t = &w->touches[to.touchpoint];
	t->seen_offset = head.offset;
	t->last_ms = head.last_ms;
	t->shown = true;
	return true;
}

void watch_restored(struct watch *w, struct watch_position low)
{
	w->position = w->before = low;
	w->looked_s = low.log_ms / 1000;
}

void watch_log_anew(struct watch *w)
{
	for (uint32_t i = 0; i < names_count(w->names); i++)
		w->touches[i].seen_offset = -1;
	w->position.offset = w->before.offset = w->groups_offset = -1;
	watch_checkpoint_rewrite(w);
}
