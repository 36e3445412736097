/*
 * summary - one plain sentence per event. What was measured comes first into a tail of bounded length, then
 * the label gets the room that is left.
 */
#include "alert/alert_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/must.h"

#define TAIL_MAX    160 /* the longest tail there is, so that a label has 40 bytes at least */
#define DAY_S	    86400
#define HOUR_MS	    3600000
#define LONG_AGO_MS (20 * (int64_t)HOUR_MS) /* from here on a clock time alone is misread */

/* What a ledger calls its answers, and what is bad and good among them. */
static const struct {
	const char *one, *many, *bad, *good;
} words[LEDGERS] = {
	[LEDGER_SURVEY] = {"answer", "answers", "detractors", "promoters"},
	[LEDGER_RELATIONSHIP] = {"relationship answer", "relationship answers", "detractors", "promoters"},
	[LEDGER_SOCIAL] = {"post", "posts", "negative posts", "positive posts"},
	[LEDGER_REVIEW] = {"review", "reviews", "1-2 star reviews", "4-5 star reviews"},
};

struct sentence {
	const struct alert_event *event;
	int64_t utc_offset_s;
	size_t len;
	char text[TAIL_MAX];
};

static void PRINTF(2, 3) say(struct sentence *s, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(s->text + s->len, sizeof s->text - s->len, format, args);
	va_end(args);
	must(n >= 0);
	s->len += (size_t)n < sizeof s->text - s->len ? (size_t)n : sizeof s->text - s->len - 1;
}

/* ---- parts ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Day of the month and month of a day since 1970, in the proleptic Gregorian calendar: H. Hinnant,
 * "chrono-compatible low-level date algorithms", civil_from_days. */
static void civil(int64_t days, int *day, int *month)
{
	days += 719468;
	int64_t of_era = days - floor_div(days, 146097) * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100), shifted = (5 * of_year + 2) / 153;
	*day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
	*month = (int)(shifted < 10 ? shifted + 2 : shifted - 10);
}

static void say_since(struct sentence *s)
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int64_t onset_ms = s->event->figures.onset_ms, local = floor_div(onset_ms, 1000) + s->utc_offset_s;
	int64_t minute = (local - floor_div(local, DAY_S) * DAY_S) / 60;
	say(s, " since ");
	if (s->event->at_ms - onset_ms >= LONG_AGO_MS) {
		int day, month;
		civil(floor_div(local, DAY_S), &day, &month);
		say(s, "%d %s ", day, months[month]);
	}
	say(s, "%02d:%02d", (int)(minute / 60), (int)(minute % 60));
}

/* After 43 min, 7 h, 3 days. */
static void say_length(struct sentence *s)
{
	int64_t minutes = (s->event->at_ms - s->event->figures.onset_ms + 30000) / 60000;
	if (minutes < 1)
		minutes = 1;
	if (minutes < 120)
		say(s, "%" PRId64 " min", minutes);
	else if (minutes < 48 * 60)
		say(s, "%" PRId64 " h", (minutes + 30) / 60);
	else
		say(s, "%" PRId64 " days", (minutes + 720) / 1440);
}

/* Evidence in days as people count time; none of it beyond what anybody can imagine. */
static void say_chance(struct sentence *s)
{
	double days = s->event->figures.evidence_days;
	if (!(days > 0))
		return;
	say(s, "; by chance once in ");
	if (days < 2)
		say(s, "%.0f h", fmax(1, round(days * 24)));
	else if (days < 730)
		say(s, "%.0f days", days);
	else if (days < 365000)
		say(s, "%.0f years", days / 365);
	else
		say(s, "over 1000 years");
}

static void say_count(struct sentence *s, int64_t n)
{
	say(s, "%" PRId64 " %s", n, n == 1 ? words[s->event->ledger].one : words[s->event->ledger].many);
}

/* Percent without a decimal, unless two rates would look alike or like nothing. */
static int decimals(double rate, double normal)
{
	bool fine = isfinite(normal) && (fabs(rate - normal) < 0.02 || fmin(rate, normal) < 0.01);
	return fine || (rate > 0 && rate < 0.01);
}

static void say_rate(struct sentence *s, const char *what)
{
	double rate = s->event->figures.rate, normal = s->event->figures.baseline_rate;
	if (s->event->type == ALERT_RESOLVED) /* which has no normal beside it */
		normal = NAN;
	if (isfinite(rate))
		say(s, "%.*f %% %s", decimals(rate, normal), rate * 100, what);
	else
		say(s, "%s", what);
}

/* Answers a day, in the unit in which they are a number that one can picture. */
static void say_pace(struct sentence *s)
{
	double a_day = s->event->figures.baseline_rate;
	if (!(a_day > 0))
		return;
	double pace = a_day >= 24 * 60 * 10 ? a_day / (24 * 60) : a_day >= 48 ? a_day / 24 : a_day;
	const char *unit = a_day >= 24 * 60 * 10 ? "a minute" : a_day >= 48 ? "an hour" : "a day";
	if (a_day < 2) {
		pace = a_day * 7;
		unit = "a week";
	}
	say(s, ", normally %.0f %s", fmax(1, pace), unit);
}

/* ---- sentences ---- */

static void say_spike(struct sentence *s)
{
	const struct alert_event *event = s->event;
	bool rise = event->kind == ALERT_PROMOTER_RISE;
	const char *what = rise ? words[event->ledger].good : words[event->ledger].bad;
	if (event->type == ALERT_RESOLVED) {
		say(s, "over after ");
		say_length(s);
		say(s, ": ");
		say_rate(s, what);
		say(s, ", ");
		say_count(s, event->figures.responses);
		return;
	}
	say(s, "%s", event->type == ALERT_REOPENED ? "again " : "");
	say_rate(s, what);
	double normal = event->figures.baseline_rate;
	if (isfinite(normal))
		say(s, " (normal %.*f %%)", decimals(event->figures.rate, normal), normal * 100);
	say(s, ", ");
	say_count(s, event->figures.responses);
	say_since(s);
	say_chance(s);
}

static void say_silence(struct sentence *s)
{
	int64_t came = s->event->figures.responses - s->event->figures.detractors;
	const char *many = words[s->event->ledger].many;
	if (s->event->type == ALERT_RESOLVED) {
		say(s, "%s again after ", many);
		say_length(s);
		say_pace(s);
		return;
	}
	say(s, "%s", s->event->type == ALERT_REOPENED ? "again " : "");
	if (came > 0) {
		say(s, "only ");
		say_count(s, came);
	} else
		say(s, "no %s", many);
	say_since(s);
	say_pace(s);
	say_chance(s);
}

static void say_source(struct sentence *s)
{
	const struct alert_figures *figures = &s->event->figures;
	if (s->event->type == ALERT_RESOLVED) {
		say(s, "over, after ");
		say_length(s);
		say(s, " %" PRId64 " of %" PRId64 " touchpoints still fire", figures->detractors,
		    figures->responses);
		return;
	}
	say(s, "%s%" PRId64 " of %" PRId64 " touchpoints fire at once",
	    s->event->type == ALERT_REOPENED ? "again " : "", figures->detractors, figures->responses);
	say_since(s);
	say(s, "; is its scale reversed or its mapping broken?");
}

unsigned alert_firing(const struct alert_event *e)
{
	return e->firing > e->children_count ? e->firing : e->children_count;
}

static void say_collected(struct sentence *s)
{
	unsigned n = alert_firing(s->event);
	if (s->event->type == ALERT_RESOLVED)
		say(s, "none of its other touchpoints fires any more");
	else
		say(s, "%u more of its touchpoints %s", n, n == 1 ? "fires" : "fire");
}

static void say_tail(struct sentence *s)
{
	if (s->event->collected)
		say_collected(s);
	else if (s->event->kind == ALERT_SOURCE_SUSPECT)
		say_source(s);
	else if (s->event->kind == ALERT_SILENCE)
		say_silence(s);
	else
		say_spike(s);
}

/* ---- text of others ---- */

size_t alert_character(struct str text, size_t i)
{
	const unsigned char *p = (const unsigned char *)text.at + i;
	size_t left = text.len - i, bytes = p[0] < 0x80	  ? 1
					    : p[0] < 0xc2 ? 0
					    : p[0] < 0xe0 ? 2
					    : p[0] < 0xf0 ? 3
					    : p[0] < 0xf5 ? 4
							  : 0;
	if (bytes > left)
		return 0;
	for (size_t k = 1; k < bytes; k++)
		if ((p[k] & 0xc0) != 0x80)
			return 0;
	/* overlong, surrogates, beyond U+10FFFF */
	bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		   (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
	return bytes > 1 && bad ? 0 : bytes;
}

static bool is_control(const unsigned char *p, size_t bytes)
{
	return (bytes == 1 && (p[0] < 0x20 || p[0] == 0x7f)) || (bytes == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

/* At most max bytes of it; what is longer ends in "...", as one character. */
static size_t put_label(char *out, size_t max, struct str text)
{
	static const char more[] = "\u2026";
	size_t len = 0, keep = 0; /* keep: the last end of a character that leaves room for `more` */
	for (size_t i = 0; i < text.len;) {
		size_t bytes = alert_character(text, i), step = bytes ? bytes : 1;
		bool plain = bytes && !is_control((const unsigned char *)text.at + i, bytes);
		size_t grown = len + (plain ? bytes : 1);
		if (grown > max) {
			memcpy(out + keep, more, sizeof more - 1);
			return keep + sizeof more - 1;
		}
		if (plain)
			memcpy(out + len, text.at + i, bytes);
		else
			out[len] = bytes ? ' ' : '?';
		len = grown;
		if (len + sizeof more - 1 <= max)
			keep = len;
		i += step;
	}
	return len;
}

size_t alert_summary(char out[ALERT_SUMMARY_MAX + 1], const struct alert_event *event, int64_t utc_offset_s)
{
	must(event->ledger < LEDGERS);
	struct sentence s = {.event = event, .utc_offset_s = utc_offset_s};
	bool source = event->kind == ALERT_SOURCE_SUSPECT && !event->collected;
	struct str label = source && event->source.len ? event->source
			   : event->label.len	       ? event->label
						       : event->touchpoint;
	const char *head = event->test ? (source ? "TEST: Source " : "TEST: ") : source ? "Source " : "";
	say_tail(&s);
	size_t len = strlen(head);
	memcpy(out, head, len);
	if (label.len) {
		len += put_label(out + len, ALERT_SUMMARY_MAX - len - s.len - 2, label);
		out[len++] = ':';
		out[len++] = ' ';
	}
	memcpy(out + len, s.text, s.len);
	out[len + s.len] = '\0';
	return len + s.len;
}
