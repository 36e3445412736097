/*
 * write - an event as JSON: the public contract. No tree and no allocation: members are written in their
 * order.
 */
#include "alert/alert_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/must.h"
#include "base/number.h"

struct writer {
	char *out;
	size_t len, max;
	bool full;
	bool first; /* of the object or list that is open */
};

static void put(struct writer *w, const char *bytes, size_t len)
{
	w->full = w->full || w->max - w->len <= len; /* and a NUL */
	if (w->full)
		return;
	memcpy(w->out + w->len, bytes, len);
	w->len += len;
}

static void put_plain(struct writer *w, const char *text)
{
	put(w, text, strlen(text));
}

/* Names come from outside: what is no UTF-8 becomes U+FFFD, so that every reader takes it. */
static void put_text(struct writer *w, struct str text)
{
	put_plain(w, "\"");
	for (size_t i = 0; i < text.len && !w->full;) {
		unsigned char c = (unsigned char)text.at[i];
		size_t bytes = alert_character(text, i);
		char escape[8];
		if (bytes == 0)
			put_plain(w, "\ufffd");
		else if (c == '"' || c == '\\')
			put(w, (char[]){'\\', (char)c}, 2);
		else if (c < 0x20 || c == 0x7f)
			put(w, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
		else
			put(w, text.at + i, bytes);
		i += bytes ? bytes : 1;
	}
	put_plain(w, "\"");
}

static void open_as(struct writer *w, const char *bracket)
{
	put_plain(w, bracket);
	w->first = true;
}

static void close_as(struct writer *w, const char *bracket)
{
	put_plain(w, bracket);
	w->first = false;
}

static void put_comma(struct writer *w)
{
	if (!w->first)
		put_plain(w, ",");
	w->first = false;
}

static void put_name(struct writer *w, const char *name)
{
	put_comma(w);
	put_text(w, str_of(name));
	put_plain(w, ":");
}

/* ---- members ---- */

static void put_string(struct writer *w, const char *name, struct str value)
{
	if (value.len == 0)
		return;
	put_name(w, name);
	put_text(w, value);
}

static void put_whole(struct writer *w, const char *name, int64_t value)
{
	char digits[NUMBER_BYTES];
	put_name(w, name);
	put(w, digits, number_whole(digits, value));
}

static void put_decimal(struct writer *w, const char *name, double value)
{
	char digits[NUMBER_BYTES];
	if (!isfinite(value))
		return;
	put_name(w, name);
	put(w, digits, number_decimal(digits, value));
}

static void put_bool(struct writer *w, const char *name, bool value)
{
	put_name(w, name);
	put_plain(w, value ? "true" : "false");
}

static void put_list(struct writer *w, const char *name, const struct str *items, unsigned count)
{
	put_name(w, name);
	open_as(w, "[");
	for (unsigned i = 0; i < count; i++) {
		put_comma(w);
		put_text(w, items[i]);
	}
	close_as(w, "]");
}

/* ---- the event ---- */

static void put_identity(struct writer *w, const struct alert_event *e)
{
	char id[ALERT_ID_BYTES + 1];
	snprintf(id, sizeof id, "%016" PRIx64, e->incident);
	put_whole(w, "version", ALERT_VERSION);
	put_string(w, "incident", str_of(id));
	put_string(w, "event", str_of(alert_type_name(e->type)));
	put_whole(w, "number", (int64_t)(e->number > INT64_MAX ? INT64_MAX : e->number));
	put_string(w, "kind", str_of(alert_kind_name(e->kind)));
	put_string(w, "severity", str_of(alert_severity_name(e->severity)));
	put_string(w, "touchpoint", e->touchpoint);
	put_string(w, "label", e->label);
	put_string(w, "ledger", str_of(ledger_name(e->ledger)));
	put_string(w, "source", e->source);
	put_string(w, "team", e->team);
	put_string(w, "journey", e->journey);
	put_string(w, "stage", e->stage);
	put_bool(w, "moment_of_truth", e->moment_of_truth);
	if (e->partition >= 0)
		put_whole(w, "partition", e->partition);
	put_whole(w, "at_ms", e->at_ms);
	put_whole(w, "raised_ms", e->raised_ms);
}

static void put_figures(struct writer *w, const struct alert_event *e)
{
	const struct alert_figures *f = &e->figures;
	const struct alert_words *words = alert_words(e->kind, e->ledger);
	put_whole(w, "onset_ms", f->onset_ms);
	put_decimal(w, "baseline_rate", f->baseline_rate);
	put_decimal(w, "rate", f->rate);
	put_decimal(w, "rate_low", f->rate_low);
	put_decimal(w, "rate_high", f->rate_high);
	put_whole(w, words->all, f->responses);
	put_whole(w, words->those, f->detractors);
	put_decimal(w, "evidence_days", f->evidence_days);
	put_decimal(w, words->before, f->nps_before);
	put_decimal(w, words->now, f->nps_now);
}

/* As many parents and children as asked for. */
static size_t write_event(struct writer *w, const struct alert_event *e, struct str summary, unsigned parents,
			  unsigned children)
{
	unsigned firing = alert_firing(e);
	*w = (struct writer){.out = w->out, .max = w->max};
	open_as(w, "{");
	put_identity(w, e);
	if (!e->collected) /* it has no figures of its own */
		put_figures(w, e);
	put_list(w, "parents", e->parents, parents);
	put_list(w, "children", e->children, children);
	if (firing > children || e->collected)
		put_whole(w, "firing", firing);
	if (e->collected)
		put_bool(w, "collected", true);
	put_list(w, "dims", NULL, 0);
	put_list(w, "themes", NULL, 0);
	put_list(w, "verbatims", NULL, 0);
	put_name(w, "links");
	open_as(w, "{");
	put_string(w, "dashboard", e->dashboard);
	put_string(w, "runbook", e->runbook);
	put_string(w, "ack", e->ack);
	close_as(w, "}");
	put_string(w, "summary", summary);
	put_bool(w, "test", e->test);
	close_as(w, "}");
	return w->full ? 0 : w->len;
}

size_t alert_json(char *out, size_t max, const struct alert_event *event, int64_t utc_offset_s)
{
	must(event->parents_count <= ALERT_PARENTS_MAX && event->children_count <= ALERT_CHILDREN_MAX);
	char summary[ALERT_SUMMARY_MAX + 1];
	struct str said = {summary, alert_summary(summary, event, utc_offset_s)};
	struct writer w = {.out = out, .max = max};
	unsigned parents = event->parents_count, children = event->children_count;
	size_t len = 0;
	while ((len = write_event(&w, event, said, parents, children)) == 0 && parents + children > 0) {
		if (children > 0)
			children--;
		else
			parents--;
	}
	if (len > 0)
		out[len] = '\0';
	return len;
}
