#include "desk/desk_priv.h"

#include "base/must.h"

#define DAY_MINUTES 1440
#define MINUTE_MS   60000

/* ---- quiet hours ---- */

/* "7:00", "07:00"; 24:00 is the end of the day. -1: no clock time. */
static int minute_of(struct str text)
{
	int number[2] = {0, 0}, part = 0;
	size_t digits = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == ':' && part == 0 && digits > 0) {
			part = 1;
			digits = 0;
		} else if (c >= '0' && c <= '9' && digits < 2) {
			number[part] = number[part] * 10 + (c - '0');
			digits++;
		} else
			return -1;
	}
	int minute = number[0] * 60 + number[1];
	return part == 1 && digits == 2 && number[1] < 60 && minute <= DAY_MINUTES ? minute : -1;
}

bool quiet_parse(struct str text, struct quiet *out)
{
	const char *dash = text.len ? memchr(text.at, '-', text.len) : NULL;
	if (dash == NULL)
		return false;
	int from = minute_of((struct str){text.at, (size_t)(dash - text.at)});
	int to = minute_of((struct str){dash + 1, text.len - (size_t)(dash + 1 - text.at)});
	if (from < 0 || to < 0 || from % DAY_MINUTES == to % DAY_MINUTES)
		return false;
	*out = (struct quiet){true, from % DAY_MINUTES, to % DAY_MINUTES};
	return true;
}

bool desk_check_quiet_hours(struct str text, struct err *err)
{
	struct quiet quiet;
	if (quiet_parse(text, &quiet))
		return true;
	err_set(err,
		"must be two different clock times such as 22:00-07:00, from the first up to the second, not "
		"'%.*s'",
		(int)(text.len < 60 ? text.len : 60), text.at ? text.at : "");
	return false;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t local_minutes(const struct desk *d, int64_t at_ms)
{
	int64_t offset_s = d->zone ? zone_offset_s(d->zone, at_ms) : 0;
	return floor_div(at_ms + offset_s * 1000, MINUTE_MS);
}

/* When the clock is changed meanwhile, the end is an hour off at most, and judged again then. */
int64_t quiet_until(const struct desk *d, int64_t now_ms)
{
	const struct quiet *q = &d->quiet;
	if (!q->any)
		return 0;
	int64_t local = local_minutes(d, now_ms);
	int minute = (int)(local - floor_div(local, DAY_MINUTES) * DAY_MINUTES);
	bool in = q->from < q->to ? minute >= q->from && minute < q->to : minute >= q->from || minute < q->to;
	if (!in)
		return 0;
	int left = (q->to - minute + DAY_MINUTES) % DAY_MINUTES;
	int64_t end_ms = (floor_div(now_ms, MINUTE_MS) + left) * MINUTE_MS;
	end_ms -= (local_minutes(d, end_ms) - local - left) * MINUTE_MS;
	return end_ms > now_ms ? end_ms : now_ms + MINUTE_MS;
}

/* ---- mutes ---- */

bool desk_check_mute(struct str pattern, struct err *err)
{
	const char *star = pattern.len ? memchr(pattern.at, '*', pattern.len) : NULL;
	if (pattern.len > 0 && (star == NULL || star == pattern.at + pattern.len - 1))
		return true;
	err_set(err,
		"must be a touchpoint's name, or its begin and a * at the end such as store-*, not '%.*s'",
		(int)(pattern.len < 60 ? pattern.len : 60), pattern.at ? pattern.at : "");
	return false;
}

static bool matches(const char *pattern, struct str name)
{
	size_t len = strlen(pattern);
	if (len > 0 && pattern[len - 1] == '*')
		return name.len >= len - 1 && memcmp(name.at, pattern, len - 1) == 0;
	return str_is(name, pattern);
}

int64_t muted_until(const struct desk *d, struct str touchpoint, int64_t now_ms)
{
	int64_t until_ms = 0;
	if (touchpoint.len == 0)
		return 0;
	for (size_t i = 0; i < d->fixed_count; i++)
		if (matches(d->fixed[i].pattern, touchpoint))
			return DESK_NEVER;
	for (size_t i = 0; i < d->mutes_count; i++)
		if (d->mutes[i].until_ms > now_ms && d->mutes[i].until_ms > until_ms &&
		    matches(d->mutes[i].pattern, touchpoint))
			until_ms = d->mutes[i].until_ms;
	return until_ms;
}
