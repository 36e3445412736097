#include "config/config.h"

#include <stdarg.h>
#include <stdlib.h>

void config_report_add(struct config_report *report, unsigned line, const char *format, ...)
{
	if (report->count == CONFIG_MISTAKES_MAX) {
		report->left_out++;
		return;
	}
	if (report->at == NULL)
		report->at = must_array(CONFIG_MISTAKES_MAX, sizeof *report->at);
	char text[700];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	unsigned at = report->count++;
	for (; at > 0 && report->at[at - 1].line > line; at--)
		report->at[at] = report->at[at - 1];
	report->at[at] = (struct config_mistake){line, option_keep(&report->pool, str_of(text))};
}

void config_report_print(const struct config_report *report, const char *file, FILE *out)
{
	for (unsigned i = 0; i < report->count; i++) {
		if (report->at[i].line > 0)
			fprintf(out, "%s:%u: %s\n", file, report->at[i].line, report->at[i].text);
		else
			fprintf(out, "%s: %s\n", file, report->at[i].text);
	}
	if (report->left_out > 0)
		fprintf(out, "%s: and %u more\n", file, report->left_out);
}

void config_report_release(struct config_report *report)
{
	free(report->at);
	option_pool_release(&report->pool);
	*report = (struct config_report){0};
}
