#include "alert/alert_priv.h"

#include <math.h>
#include <stdio.h>

#include "base/must.h"

#define DAY_MS 86400000.0

/* ---- names ---- */

static const char *const kinds[ALERT_KINDS] = {"detractor_spike", "silence", "promoter_rise",
					       "source_suspect"};
static const char *const types[] = {"raised", "updated", "resolved", "reopened"};
static const char *const severities[] = {"ticket", "page"};
#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

const char *alert_kind_name(enum alert_kind kind)
{
	must((int)kind < COUNT(kinds));
	return kinds[kind];
}

const char *alert_type_name(enum alert_type type)
{
	must((int)type < COUNT(types));
	return types[type];
}

const char *alert_severity_name(enum alert_severity severity)
{
	must((int)severity < COUNT(severities));
	return severities[severity];
}

static int found(struct str name, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (str_is(name, names[i]))
			return i;
	return -1;
}

bool alert_kind_from(struct str name, enum alert_kind *out)
{
	int i = found(name, kinds, COUNT(kinds));
	if (i >= 0)
		*out = (enum alert_kind)i;
	return i >= 0;
}

bool alert_type_from(struct str name, enum alert_type *out)
{
	int i = found(name, types, COUNT(types));
	if (i >= 0)
		*out = (enum alert_type)i;
	return i >= 0;
}

bool alert_severity_from(struct str name, enum alert_severity *out)
{
	int i = found(name, severities, COUNT(severities));
	if (i >= 0)
		*out = (enum alert_severity)i;
	return i >= 0;
}

/* ---- settings ---- */

#define AT(member) offsetof(struct alert_options, member)

const struct option_row alert_options[] = {
	{"enabled", OPTION_BOOL, AT(enabled), "true", 0, 0, NULL,
	 "raise an alert when a touchpoint turns bad", 0},
	{"pages_per_week", OPTION_NUMBER, AT(pages_per_week), "1", 0, 1e6, NULL,
	 "how many pages a week may be false alarms, at most, over all touchpoints; 0: never page", 1},
	{"tickets_per_week", OPTION_NUMBER, AT(tickets_per_week), "7", 0, 1e6, NULL,
	 "how many tickets a week may be false alarms, at most, over all touchpoints; 0: pages only", 1},
	{"page_every", OPTION_DURATION, AT(page_every_ms), NULL, 3600e3, 36500 * DAY_MS, NULL,
	 "instead of pages_per_week: at most one false page per touchpoint in this time, such as 365d", 1},
	{"ticket_every", OPTION_DURATION, AT(ticket_every_ms), NULL, 3600e3, 36500 * DAY_MS, NULL,
	 "instead of tickets_per_week: at most one false ticket per touchpoint in this time, such as 30d", 1},
	{"rise_min", OPTION_NUMBER, AT(rise_min), "0", 0, 100, NULL,
	 "the smallest rise that matters: 0.2 is a fifth above normal; 0: any that is certain", 1},
	{"silence", OPTION_BOOL, AT(silence), "true", 0, 0, NULL,
	 "also alert when a touchpoint that has answers all the time has none", 1},
	{"promoter_rise", OPTION_BOOL, AT(promoter_rise), "false", 0, 0, NULL,
	 "also alert when a touchpoint has many more promoters than normal", 0},
	{"dashboard", OPTION_TEXT, AT(dashboard), NULL, 0, 0, NULL,
	 "URL that alerts link to; {touchpoint} and {ledger} in it are filled in", 1},
	{"runbook", OPTION_TEXT, AT(runbook), NULL, 0, 0, NULL,
	 "URL of what to do, for touchpoints without a runbook of their own", 1},
	{.key = NULL},
};

/* In what part of the time for all may one of `known` do it, when they share `share` of it. */
static double days_of(int64_t every_ms, double per_week, double known, double share)
{
	if (every_ms > 0)
		return (double)every_ms / DAY_MS;
	return per_week > 0 ? 7 * fmax(known, 1) / (per_week * share) : INFINITY;
}

struct alert_budget alert_budget(const struct alert_options *options, double known, double parents_known,
				 bool parent)
{
	double share = parent ? 0.2 : parents_known > 0 ? 0.8 : 1;
	double detectors = 1 + options->silence + options->promoter_rise; /* one for each kind */
	double sharing = parent ? parents_known : known;
	struct alert_budget budget = {
		.ticket_days = detectors *
			       days_of(options->ticket_every_ms, options->tickets_per_week, sharing, share),
		.page_days =
			detectors * days_of(options->page_every_ms, options->pages_per_week, sharing, share),
	};
	budget.ticket_days = fmin(budget.ticket_days, budget.page_days);
	return budget;
}

/* ---- links ---- */

/* The placeholder at text.at[i], NULL: none is known there. */
static const char *placeholder(struct str text, size_t i)
{
	static const char *const known[] = {"{touchpoint}", "{ledger}", NULL};
	for (const char *const *name = known; *name; name++)
		if (text.len - i >= strlen(*name) && memcmp(text.at + i, *name, strlen(*name)) == 0)
			return *name;
	return NULL;
}

static bool begins(struct str text, const char *with)
{
	return text.len > strlen(with) && memcmp(text.at, with, strlen(with)) == 0;
}

bool alert_check_link(struct str link, struct err *err)
{
	if (!begins(link, "http://") && !begins(link, "https://")) {
		err_set(err, "must be a URL that begins with http:// or https://, not '%.*s'",
			(int)(link.len < 60 ? link.len : 60), link.at ? link.at : "");
		return false;
	}
	for (size_t i = 0; i < link.len; i++) {
		const char *name = placeholder(link, i);
		if (name)
			i += strlen(name) - 1;
		else if (link.at[i] == '{' || link.at[i] == '}') {
			err_set(err,
				"must have no braces but {touchpoint} and {ledger}: write others as %%7B and "
				"%%7D");
			return false;
		} else if ((unsigned char)link.at[i] <= ' ' || link.at[i] == 0x7f) {
			err_set(err, "must be a URL without spaces: write a space as %%20");
			return false;
		}
	}
	return true;
}

/* RFC 3986: all but the unreserved characters, so that a name stays one segment or one value. */
static size_t put_encoded(char *out, size_t max, struct str text)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' ||
			     c == '.' || c == '_' || c == '~';
		if (len + 3 >= max)
			return max;
		if (plain)
			out[len++] = (char)c;
		else
			out[len++] = '%', out[len++] = hex[c >> 4], out[len++] = hex[c & 15];
	}
	return len;
}

size_t alert_link(char *out, size_t max, struct str link, struct str touchpoint, enum ledger ledger)
{
	size_t len = 0;
	for (size_t i = 0; i < link.len;) {
		const char *name = placeholder(link, i);
		if (len + 1 >= max)
			return 0;
		if (name == NULL) {
			out[len++] = link.at[i++];
			continue;
		}
		len += put_encoded(out + len, max - len,
				   name[1] == 't' ? touchpoint : str_of(ledger_name(ledger)));
		i += strlen(name);
	}
	if (len >= max)
		return 0;
	out[len] = '\0';
	return len;
}
