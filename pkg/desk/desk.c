#include "desk/desk_priv.h"

#include <stdlib.h>

#include "base/must.h"

/* ---- settings ---- */

static const char *const severities[] = {"ticket", "page", NULL};

#define AT(member) offsetof(struct desk_options, member)

const struct option_row desk_options[] = {
	{"quiet_hours", OPTION_TEXT, AT(quiet_hours), NULL, 0, 0, NULL,
	 "when alerts wait until the end of these hours, such as 22:00-07:00, local to `zone`", 1},
	{"quiet_severity", OPTION_CHOICE, AT(quiet_severity), "ticket", 0, 0, severities,
	 "what waits in quiet hours: tickets only, or pages as well", 1},
	{"mute", OPTION_LIST, AT(mute), NULL, 0, 0, NULL,
	 "touchpoints of which nobody is told anything; store-* are all that begin so", 1},
	{"group_wait", OPTION_DURATION, AT(group_wait_ms), "30s", 0, 3600e3, NULL,
	 "how long a ticket waits to see whether its parent fires too, which then speaks for both", 1},
	{"group_budget", OPTION_INT, AT(group_budget), "10", 0, 1000, NULL,
	 "new alerts of one parent's touchpoints an hour; one message tells of those beyond; 0: no limit", 1},
	{"give_up", OPTION_DURATION, AT(give_up_ms), "24h", 60e3, 30 * 86400e3, NULL,
	 "what could not be delivered for so long goes to the dead letters", 1},
	{.key = NULL},
};

static const char *const whats[] = {"trigger", "update", "acknowledge", "resolve"};

const char *desk_what_name(enum desk_what what)
{
	must(what <= DESK_RESOLVE);
	return whats[what];
}

/* ---- life ---- */

static void mutes_free(struct mute *mutes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(mutes[i].pattern);
	free(mutes);
}

static char *pattern_copy(struct str pattern)
{
	char *copy = must_alloc(pattern.len + 1);
	if (pattern.len)
		memcpy(copy, pattern.at, pattern.len);
	return copy;
}

static void take_options(struct desk *d, const struct desk_options *options)
{
	mutes_free(d->fixed, d->fixed_count);
	d->options = *options;
	d->quiet = (struct quiet){false, 0, 0};
	if (options->quiet_hours)
		must(quiet_parse(str_of(options->quiet_hours), &d->quiet));
	d->fixed_count = options->mute.count;
	d->fixed = must_array(d->fixed_count ? d->fixed_count : 1, sizeof *d->fixed);
	for (size_t i = 0; i < d->fixed_count; i++)
		d->fixed[i] = (struct mute){pattern_copy(str_of(options->mute.at[i])), DESK_NEVER, true};
	d->options.quiet_hours = NULL;
	d->options.mute = (struct option_list){NULL, 0};
}

struct desk *desk_create(const struct desk_options *options, const struct zone *zone)
{
	struct desk *d = must_alloc(sizeof *d);
	d->zone = zone;
	take_options(d, options);
	return d;
}

void desk_destroy(struct desk *d)
{
	if (d == NULL)
		return;
	while (d->count)
		line_remove(d, &d->lines[d->count - 1]);
	mutes_free(d->fixed, d->fixed_count);
	mutes_free(d->mutes, d->mutes_count);
	free(d->lines);
	free(d->sources);
	free(d->set);
	free(d);
}

void desk_set_options(struct desk *d, const struct desk_options *options, int64_t now_ms)
{
	take_options(d, options);
	wake_all(d, now_ms);
}

/* ---- what people say ---- */

/* Leaves out those that are over, and that of this pattern. */
static void drop_mutes(struct desk *d, struct str pattern, bool unmentioned, int64_t now_ms)
{
	size_t kept = 0;
	for (size_t i = 0; i < d->mutes_count; i++) {
		const struct mute *mute = &d->mutes[i];
		if (mute->until_ms <= now_ms || str_is(pattern, mute->pattern) ||
		    (unmentioned && !mute->mentioned))
			free(mute->pattern);
		else
			d->mutes[kept++] = *mute;
	}
	d->mutes_count = kept;
}

void desk_mute(struct desk *d, struct str pattern, int64_t until_ms, int64_t now_ms)
{
	for (size_t i = 0; i < d->mutes_count; i++)
		if (until_ms > now_ms && d->mutes[i].until_ms == until_ms &&
		    str_is(pattern, d->mutes[i].pattern)) {
			d->mutes[i].mentioned = true;
			return; /* known: nobody needs to be judged anew */
		}
	drop_mutes(d, pattern, false, now_ms);
	if (until_ms > now_ms) {
		struct mute *more = must_array(d->mutes_count + 1, sizeof *more);
		if (d->mutes_count)
			memcpy(more, d->mutes, d->mutes_count * sizeof *more);
		free(d->mutes);
		d->mutes = more;
		d->mutes[d->mutes_count++] = (struct mute){pattern_copy(pattern), until_ms, true};
	}
	wake_all(d, now_ms); /* also those whose parent was or is muted */
}

void desk_mutes_begin(struct desk *d)
{
	for (size_t i = 0; i < d->mutes_count; i++)
		d->mutes[i].mentioned = false;
}

void desk_mutes_end(struct desk *d, int64_t now_ms)
{
	size_t before = d->mutes_count;
	drop_mutes(d, STR(""), true, now_ms);
	if (d->mutes_count < before)
		wake_all(d, now_ms);
}

void desk_source(struct desk *d, struct str source, uint64_t active_touchpoints)
{
	uint64_t name = name_hash(source);
	for (size_t i = 0; i < d->sources_count; i++) {
		if (d->sources[i].name == name) {
			d->sources[i].active = active_touchpoints;
			return;
		}
	}
	struct source *more = must_array(d->sources_count + 1, sizeof *more);
	if (d->sources_count)
		memcpy(more, d->sources, d->sources_count * sizeof *more);
	free(d->sources);
	d->sources = more;
	d->sources[d->sources_count++] = (struct source){name, active_touchpoints};
}

/* ---- queries ---- */

enum desk_state desk_state(const struct desk *d, uint64_t incident)
{
	const struct line *line = line_of(d, incident);
	return line ? line->entry->state : DESK_UNKNOWN;
}

void desk_count(const struct desk *d, uint64_t counts[DESK_STATES])
{
	memset(counts, 0, DESK_STATES * sizeof *counts);
	for (size_t i = 0; i < d->count; i++)
		counts[d->lines[i].entry->state]++;
}

bool desk_sent(const struct desk *d, uint64_t incident, struct desk_sent *out)
{
	const struct line *line = line_of(d, incident);
	if (line)
		*out = line->entry->sent;
	return line != NULL;
}
