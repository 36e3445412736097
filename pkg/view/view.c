#include "view/view.h"

#include <string.h>

#include "base/hash.h"
#include "base/must.h"
#include "base/number.h"

/* What a ledger calls its values. A survey has an NPS; posts and stars have a net value under other
 * names, so that nobody averages them. */
struct words {
	const char *score, *low, *high, *p, *q, *d, *rate, *previous;
};
#define SURVEY_WORDS                                                                                         \
	{                                                                                                    \
		"nps", "nps_low", "nps_high", "promoters", "passives", "detractors", "detractor_rate",       \
			"previous_nps"                                                                       \
	}
#define NET_WORDS                                                                                            \
	{                                                                                                    \
		"net", "net_low", "net_high", "positive", "neutral", "negative", "negative_rate",            \
			"previous_net"                                                                       \
	}

static const struct words words_of[LEDGERS] = {[LEDGER_SURVEY] = SURVEY_WORDS,
					       [LEDGER_RELATIONSHIP] = SURVEY_WORDS,
					       [LEDGER_SOCIAL] = NET_WORDS,
					       [LEDGER_REVIEW] = NET_WORDS};

/* The bins of a ledger's histogram, in order. */
static const struct {
	uint8_t first, last;
} scale_of[LEDGERS] = {[LEDGER_SURVEY] = {0, 10},
		       [LEDGER_RELATIONSHIP] = {0, 10},
		       [LEDGER_SOCIAL] = {BIN_NEGATIVE, BIN_POSITIVE},
		       [LEDGER_REVIEW] = {1, 5}};

static const char *const survey_names[] = {"nps",
					   "nps_low",
					   "nps_high",
					   "responses",
					   "promoters",
					   "passives",
					   "detractors",
					   "detractor_rate",
					   "histogram",
					   "previous_nps",
					   "previous_responses",
					   "change",
					   "change_p",
					   "from_ms",
					   "to_ms",
					   NULL};
static const char *const social_names[] = {"net",
					   "net_low",
					   "net_high",
					   "responses",
					   "positive",
					   "neutral",
					   "negative",
					   "negative_rate",
					   "histogram",
					   "previous_net",
					   "previous_responses",
					   "change",
					   "change_p",
					   "from_ms",
					   "to_ms",
					   "unread",
					   NULL};
static const char *const review_names[] = {"net",
					   "net_low",
					   "net_high",
					   "responses",
					   "positive",
					   "neutral",
					   "negative",
					   "negative_rate",
					   "histogram",
					   "previous_net",
					   "previous_responses",
					   "change",
					   "change_p",
					   "from_ms",
					   "to_ms",
					   NULL};

const char *const *view_field_names(enum ledger ledger)
{
	must(ledger < LEDGERS);
	if (ledger == LEDGER_SOCIAL)
		return social_names;
	return ledger == LEDGER_REVIEW ? review_names : survey_names;
}

struct writer {
	struct view_fields *out;
	size_t used; /* bytes of out->text */
};

/* Room for one number at the end of the text. */
static char *room(struct writer *w)
{
	must(w->used + NUMBER_BYTES <= sizeof w->out->text);
	return w->out->text + w->used;
}

static void put(struct writer *w, const char *name, size_t len)
{
	must(w->out->count < VIEW_FIELDS_MAX);
	w->out->at[w->out->count++] = (struct view_field){name, w->out->text + w->used, len};
	w->used += len + 1;
}

static void put_whole(struct writer *w, const char *name, int64_t value)
{
	put(w, name, number_whole(room(w), value));
}

static void put_decimal(struct writer *w, const char *name, double value)
{
	put(w, name, number_decimal(room(w), value));
}

static void put_histogram(struct writer *w, enum ledger ledger, const int64_t bins[BINS])
{
	size_t start = w->used, len = 0;
	for (unsigned i = scale_of[ledger].first; i <= scale_of[ledger].last; i++) {
		if (len)
			w->out->text[start + len++] = ',';
		must(start + len + NUMBER_BYTES <= sizeof w->out->text);
		len += number_whole(w->out->text + start + len, bins[i]);
	}
	put(w, "histogram", len);
}

static void put_text(struct writer *w, const char *name, const char *text)
{
	size_t len = strlen(text);
	must(w->used + len + 1 <= sizeof w->out->text);
	memcpy(w->out->text + w->used, text, len + 1);
	put(w, name, len);
}

static void put_hex(struct writer *w, const char *name, uint64_t value)
{
	static const char digits[] = "0123456789abcdef";
	char text[ALERT_ID_BYTES + 1] = "";
	for (unsigned i = 0; i < ALERT_ID_BYTES; i++)
		text[i] = digits[value >> (60 - 4 * i) & 15];
	put_text(w, name, text);
}

void view_alert_fields(struct view_fields *out, const struct view_alert *a)
{
	struct writer w = {.out = out};
	out->count = 0;
	put_text(&w, "ledger", ledger_name(a->ledger));
	put_text(&w, "detector", a->ready ? "ready" : "learning");
	put_decimal(&w, "baseline_rate", a->baseline_rate);
	put_whole(&w, "learned_responses", a->learned_responses);
	if (a->incident == 0)
		return;
	put_hex(&w, "incident", a->incident);
	put_text(&w, "state", a->open ? "open" : "resolved");
	put_text(&w, "kind", alert_kind_name(a->kind));
	put_text(&w, "severity", alert_severity_name(a->severity));
	put_whole(&w, "raised_ms", a->raised_ms);
	put_whole(&w, "changed_ms", a->changed_ms);
	put_whole(&w, "onset_ms", a->onset_ms);
	if (!a->open || a->kind == ALERT_SILENCE)
		return;
	const struct words *words = &words_of[a->ledger];
	put_whole(&w, "responses", a->responses);
	put_whole(&w, a->kind == ALERT_PROMOTER_RISE ? words->p : words->d, a->counted);
	put_decimal(&w, "rate", a->rate);
	put_decimal(&w, "rate_low", a->rate_low);
	put_decimal(&w, "rate_high", a->rate_high);
}

void view_fields(struct view_fields *out, enum ledger ledger, const struct window_reading *reading)
{
	must(ledger < LEDGERS);
	const struct words *words = &words_of[ledger];
	struct nps_counts now = nps_of_bins(ledger, reading->bins), before = reading->before;
	struct nps_interval interval;
	double score, previous, value;
	bool any = nps_score(now, &score), any_before = nps_score(before, &previous);
	struct writer w = {.out = out};

	out->count = 0;
	if (any)
		put_decimal(&w, words->score, score);
	if (nps_interval(now, &interval)) {
		put_decimal(&w, words->low, interval.low);
		put_decimal(&w, words->high, interval.high);
	}
	put_whole(&w, "responses", nps_n(now));
	put_whole(&w, words->p, now.p);
	put_whole(&w, words->q, now.q);
	put_whole(&w, words->d, now.d);
	if (nps_detractor_rate(now, &value))
		put_decimal(&w, words->rate, value);
	put_histogram(&w, ledger, reading->bins);
	if (any_before)
		put_decimal(&w, words->previous, previous);
	put_whole(&w, "previous_responses", nps_n(before));
	if (any && any_before)
		put_decimal(&w, "change", score - previous);
	if (nps_change_p(now, before, &value))
		put_decimal(&w, "change_p", value);
	put_whole(&w, "from_ms", reading->from_ms);
	put_whole(&w, "to_ms", reading->to_ms);
	if (ledger == LEDGER_SOCIAL)
		put_whole(&w, "unread", reading->bins[BIN_UNREAD]);
}

static bool must_be_encoded(unsigned char c)
{
	return c == '%' || c == '{' || c == '}' || c < 0x20 || c == 0x7f;
}

/* Two names that are equal for 200 bytes are two touchpoints still: a cut name ends in '~' and the 16
 * hex digits of the whole one's hash. */
#define CUT_TAIL 17

static const char hex[] = "0123456789ABCDEF";

size_t view_key_name(char out[VIEW_NAME_MAX + 1], struct str touchpoint)
{
	size_t len = 0, keep = 0,
	       at = 0; /* keep: the last end of a whole character that leaves room for the tail */
	while (at < touchpoint.len) {
		char piece[3] = {touchpoint.at[at]};
		size_t piece_len = 1;
		if (must_be_encoded((unsigned char)piece[0])) {
			unsigned char c = (unsigned char)piece[0];
			piece[0] = '%', piece[1] = hex[c >> 4], piece[2] = hex[c & 15];
			piece_len = 3;
		}
		if (len + piece_len > VIEW_NAME_MAX)
			break;
		memcpy(out + len, piece, piece_len);
		len += piece_len;
		at++;
		bool whole = at == touchpoint.len || ((unsigned char)touchpoint.at[at] & 0xC0) != 0x80;
		if (whole && len + CUT_TAIL <= VIEW_NAME_MAX)
			keep = len;
	}
	if (at < touchpoint.len) {
		uint64_t hash = hash_bytes(touchpoint);
		len = keep;
		out[len++] = '~';
		for (int shift = 60; shift >= 0; shift -= 4)
			out[len++] = hex[hash >> shift & 15];
	}
	out[len] = '\0';
	return len;
}
