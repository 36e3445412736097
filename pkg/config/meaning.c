/*
 * meaning - what the settings of alerts come to, in the user's words: how often each touchpoint may be
 * falsely alerted of, and how long a real rise goes on before it is told.
 */
#include "config/config_priv.h"

#include <math.h>

#define NORMAL_RATE 0.15 /* detractors among survey responses: usual */

unsigned config_ledgers_read(const struct config *config)
{
	bool read[LEDGERS] = {false};
	unsigned count = 0;
	for (unsigned i = 0; i < config->sources_count; i++) {
		bool *ledger = &read[config->sources[i].kind];
		count += !*ledger;
		*ledger = true;
	}
	return count > 0 ? count : 1;
}

static unsigned parents_of(const struct config *config)
{
	unsigned count = 0;
	for (unsigned i = 0; i < registry_names(config->registry); i++)
		count += registry_is_parent(config->registry, registry_name(config->registry, i));
	return count;
}

/* "6 h", "40 days", "767 years" */
static void span_text(double days, char *out, size_t max)
{
	static const struct {
		double below, days;
		const char *unit;
	} units[] = {{1.0 / 24, 1.0 / 1440, "min"},
		     {2, 1.0 / 24, "h"},
		     {1000, 1, "days"},
		     {INFINITY, 365.25, "years"}};
	unsigned i = 0;
	while (days >= units[i].below)
		i++;
	double value = days / units[i].days;
	snprintf(out, max, value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[i].unit);
}

/* ---- budgets ---- */

static void print_budget(FILE *out, const char *what, double per_week, int64_t every_ms, double days)
{
	char each[40];
	if (isinf(days)) {
		fprintf(out, "  %-8s none: %ss_per_week is 0\n", what, what);
		return;
	}
	span_text(every_ms > 0 ? (double)every_ms / 86400000 : days, each, sizeof each);
	if (every_ms > 0)
		fprintf(out, "  %-8s at most one false %s for each touchpoint and ledger in %s\n", what, what,
			each);
	else
		fprintf(out,
			"  %-8s at most %g false %s%s a week in all: once in %s for each touchpoint, "
			"ledger and kind\n",
			what, per_week, what, per_week == 1 ? "" : "s", each);
}

static void print_budgets(const struct alert_options *alerts, const struct alert_budget *budget, FILE *out)
{
	print_budget(out, "page", alerts->pages_per_week, alerts->page_every_ms, budget->page_days);
	if (budget->ticket_days < budget->page_days)
		print_budget(out, "ticket", alerts->tickets_per_week, alerts->ticket_every_ms,
			     budget->ticket_days);
	else
		fputs("  ticket   none: a page may come as often, so all alerts are pages\n", out);
}

/* They share a fifth of what is so many a week; what is so often for each is the same for them. */
static void print_parents(double parents, const struct alert_budget *budget, FILE *out)
{
	const double days[] = {budget->page_days, budget->ticket_days};
	static const char *const what[] = {"page", "ticket"};
	fprintf(out, "  parents  a fifth of a week's is kept for the %g of them", parents);
	for (int i = 0; i < 2; i++) {
		char each[40];
		span_text(days[i], each, sizeof each);
		if (!isinf(days[i]))
			fprintf(out, "%s a false %s once in %s", i ? "," : ": for each", what[i], each);
	}
	fputs("\n", out);
}

/* ---- how soon ---- */

static const struct {
	const char *text;
	double per_day;
} traffic[] = {{"1 an hour", 24}, {"10 an hour", 240}, {"1 a minute", 1440}, {"1 a second", 86400}};
static const double rises[] = {1.5, 2, 3};

static void print_delays(const struct alert_options *alerts, double per_day, double budget_days, FILE *out)
{
	for (size_t i = 0; i < sizeof rises / sizeof *rises; i++) {
		struct alert_rise rise = {NORMAL_RATE, rises[i], per_day, alerts->rise_min};
		double responses = alert_expected_responses(&rise, budget_days);
		char span[40], cell[80] = "seldom";
		span_text(responses / per_day, span, sizeof span);
		if (!isinf(responses))
			snprintf(cell, sizeof cell, "%.0f, %s", responses, span);
		fprintf(out, "%18s", cell);
	}
	fputs("\n", out);
}

static void print_table(const struct alert_options *alerts, const struct alert_budget *budget, FILE *out)
{
	bool pages = !isinf(budget->page_days), tickets = budget->ticket_days < budget->page_days;
	fprintf(out,
		"\nHow soon: when detractors rise from %.0f %%, half of such rises are told within so many "
		"responses, in "
		"this time\n  %-12s%-8s%18s%18s%18s\n",
		100 * NORMAL_RATE, "responses", "", "to 1.5 times", "to twice", "to 3 times");
	for (size_t i = 0; i < sizeof traffic / sizeof *traffic; i++) {
		if (tickets) {
			fprintf(out, "  %-12s%-8s", traffic[i].text, "ticket");
			print_delays(alerts, traffic[i].per_day, budget->ticket_days, out);
		}
		if (pages) {
			fprintf(out, "  %-12s%-8s", tickets ? "" : traffic[i].text, "page");
			print_delays(alerts, traffic[i].per_day, budget->page_days, out);
		}
	}
	fputs("  Estimates for a touchpoint whose normal rate is known; seldom: most such rises are taken "
	      "for the new "
	      "normal first.\n  A parent sees the responses of all its children, so it sees sooner what "
	      "befalls them "
	      "all.\n",
	      out);
}

void config_print_alerts(const struct config *config, const struct config_load_assumed *assumed, FILE *out)
{
	const struct alert_options *alerts = &config->alerts;
	double touchpoints =
		assumed->touchpoints > 0 ? assumed->touchpoints : (double)config->intake.touchpoints_max;
	unsigned ledgers = config_ledgers_read(config);
	double parents = parents_of(config) * ledgers;
	struct alert_budget budget = alert_budget(alerts, touchpoints * ledgers, parents, false),
			    of_parents = alert_budget(alerts, touchpoints * ledgers, parents, true);
	if (!alerts->enabled) {
		fputs("\nAlerts: none (alerts.enabled is false)\n", out);
		return;
	}
	fprintf(out, "\nAlerts, for %g touchpoints with %u ledger%s each (--touchpoints)\n", touchpoints,
		ledgers, ledgers == 1 ? "" : "s");
	print_budgets(alerts, &budget, out);
	if (parents > 0)
		print_parents(parents, &of_parents, out);
	if (!isinf(budget.ticket_days))
		print_table(alerts, &budget, out);
}
