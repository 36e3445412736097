#include "sink/sink_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void time_text(int64_t ms, char out[TIME_BYTES])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t len = strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + len, TIME_BYTES - len, ".%03dZ", (int)(ms % 1000));
}

void incident_text(uint64_t incident, char out[INCIDENT_BYTES])
{
	snprintf(out, INCIDENT_BYTES, "%016" PRIx64, incident);
}

struct str headline(const struct sink_message *message, char out[HEADLINE_BYTES])
{
	const struct alert_event *event = &message->event;
	char made[ALERT_SUMMARY_MAX + 1];
	struct str summary = event->summary;
	if (summary.len == 0)
		summary = (struct str){made, alert_summary(made, event, message->utc_offset_s)};
	int len = snprintf(out, HEADLINE_BYTES, "%s%.*s", event->test ? "TEST: " : "",
			   (int)(summary.len < ALERT_SUMMARY_MAX ? summary.len : ALERT_SUMMARY_MAX),
			   summary.at);
	return (struct str){out, (size_t)len};
}

/* Text that grows to a limit; what is too long is left out whole. */
struct words {
	char *at;
	size_t len, max;
};

PRINTF(2, 3) static void say(struct words *words, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(words->at + words->len, words->max - words->len, format, args);
	va_end(args);
	if (len > 0 && (size_t)len < words->max - words->len)
		words->len += (size_t)len;
	words->at[words->len] = '\0';
}

struct str also_firing(const struct alert_event *event, char out[ALSO_BYTES])
{
	struct words words = {out, 0, ALSO_BYTES};
	out[0] = '\0';
	for (unsigned i = 0; i < event->children_count; i++)
		say(&words, "%s%.*s", i ? ", " : "", (int)event->children[i].len, event->children[i].at);
	unsigned more = event->firing > event->children_count ? event->firing - event->children_count : 0;
	if (more)
		say(&words, "%s%u more", event->children_count ? " and " : "", more);
	return (struct str){out, words.len};
}

static void say_measured(struct words *words, const struct alert_event *event)
{
	const struct alert_figures *figures = &event->figures;
	char onset[TIME_BYTES];
	time_text(figures->onset_ms, onset);
	if (event->kind == ALERT_SILENCE) {
		say(words, "%lld answers were expected since %s, %lld of them are missing.",
		    (long long)figures->responses, onset, (long long)figures->detractors);
		return;
	}
	if (event->kind == ALERT_SOURCE_SUSPECT) {
		say(words, "%lld of its %lld active touchpoints fire at once.",
		    (long long)figures->detractors, (long long)figures->responses);
		return;
	}
	const char *who = event->kind == ALERT_PROMOTER_RISE ? "promoters" : "detractors";
	if (isfinite(figures->baseline_rate))
		say(words, "Normally %.0f %% are %s. ", 100 * figures->baseline_rate, who);
	say(words, "Since %s: %lld %s of %lld answers", onset, (long long)figures->detractors, who,
	    (long long)figures->responses);
	if (isfinite(figures->rate_low) && isfinite(figures->rate_high))
		say(words, ", a rate of %.0f to %.0f %%", 100 * figures->rate_low, 100 * figures->rate_high);
	say(words, ".");
	if (isfinite(figures->nps_before) && isfinite(figures->nps_now))
		say(words, " NPS %.0f before, %.0f now.", figures->nps_before, figures->nps_now);
}

struct str describe(const struct alert_event *event, char out[DESCRIPTION_BYTES])
{
	struct words words = {out, 0, DESCRIPTION_BYTES};
	char also[ALSO_BYTES];
	out[0] = '\0';
	if (event->test)
		say(&words, "Sent by hand to see that it arrives; nothing is wrong.");
	else if (event->figures.responses > 0)
		say_measured(&words, event);
	if (also_firing(event, also).len)
		say(&words, "%sFiring as well: %s.", words.len ? " " : "", also);
	return (struct str){out, words.len};
}

struct str place_of(const struct alert_event *event)
{
	return event->touchpoint.len ? event->touchpoint
	       : event->source.len   ? event->source
	       : event->label.len    ? event->label
				     : STR("corridor");
}

/* Bytes of the valid UTF-8 character that begins here; 0: it is none. */
static size_t character(const unsigned char *at, size_t left)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = at[0] < 0x80 ? 1 : at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	if (len == 1)
		return 1;
	if (at[0] < 0xc0 || at[0] > 0xf4 || len > left)
		return 0;
	uint32_t code = at[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	return code < smallest[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : len;
}

/* Names that people typed and texts that were cut may hold half a character: it becomes a question mark. */
void put_text(struct json *object, const char *name, struct str text)
{
	if (text.len == 0)
		return;
	char *clean = must_alloc(text.len);
	memcpy(clean, text.at, text.len);
	for (size_t i = 0, len; i < text.len; i += len) {
		len = character((const unsigned char *)clean + i, text.len - i);
		if (len == 0) {
			clean[i] = '?';
			len = 1;
		}
	}
	json_put(object, name, json_new_text((struct str){clean, text.len}));
	free(clean);
}

void put_number(struct json *object, const char *name, double number)
{
	if (isfinite(number))
		json_put(object, name, json_new_number(number));
}

enum sink_what sink_what_of(enum alert_type type)
{
	switch (type) {
	case ALERT_UPDATED: return SINK_UPDATE;
	case ALERT_RESOLVED: return SINK_RESOLVE;
	case ALERT_RAISED:
	case ALERT_REOPENED: break;
	}
	return SINK_TRIGGER;
}
