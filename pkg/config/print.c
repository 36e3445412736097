/*
 * print - the configuration as a commented file, made of the same rows that read it.
 */
#include "config/config_priv.h"

static const char head[] =
	"# Corridor's configuration: every key with its default. Only `sources` has none.\n"
	"#\n"
	"# Durations: 100ms, 10s, 5m, 24h, 7d. Sizes: 512KiB, 10MB. Values may hold ${NAME} or "
	"${NAME:-default} from\n"
	"# the environment, $${ is a plain ${. `corridor check` lists every mistake in a file like this "
	"one.\n\n";

/* What is no row, behind the section's rows. */
static const struct {
	const char *prefix, *text;
} specials[] = {
	{"touchpoints",
	 "  # time zones of single touchpoints, for the window `today`: `checkout-berlin: Europe/Berlin`\n"
	 "  zones: {}\n"},
	{"kafka", "  # librdkafka's properties, for example:\n"
		  "  # security.protocol: sasl_ssl\n"
		  "  # sasl.mechanism: SCRAM-SHA-512\n"
		  "  # sasl.username: corridor\n"
		  "  # sasl.password: ${KAFKA_PASSWORD}\n"},
};

/* A plain scalar that YAML would take for something else, or cut off, is quoted. */
static void print_value(const struct option_row *row, FILE *out)
{
	const char *value = row->preset;
	bool plain =
		row->type != OPTION_TEXT || (*value != '\0' && strpbrk(value, "#{}[],&*!|>'\"%@`") == NULL &&
					     strstr(value, ": ") == NULL && value[strlen(value) - 1] != ':');
	fprintf(out, plain ? "%s\n" : "'%s'\n", value);
}

static void print_row(const struct option_row *row, const char *indent, FILE *out)
{
	fprintf(out, "%s# %s", indent, row->prose);
	if (row->type == OPTION_CHOICE) {
		fputs(" (", out);
		for (int i = 0; row->choices[i] != NULL; i++)
			fprintf(out, "%s%s", i ? ", " : "", row->choices[i]);
		fputs(")", out);
	}
	fputs("\n", out);
	const char *key = strrchr(row->key, '.') ? strrchr(row->key, '.') + 1 : row->key;
	if (row->preset == NULL) {
		fprintf(out, "%s# %s:\n", indent, key);
		return;
	}
	fprintf(out, "%s%s: ", indent, key);
	print_value(row, out);
}

static void print_declared(FILE *out)
{
	fputs("  # what else there is to say of touchpoints, in the order of a customer's way; for example\n"
	      "  #   till-berlin:\n",
	      out);
	for (const struct section *s = touchpoint_sections; s->rows != NULL; s++)
		for (const struct option_row *row = s->rows; row->key != NULL; row++)
			fprintf(out, "  #     %s:%-*s # %s\n", row->key, 16 - (int)strlen(row->key), "",
				row->prose);
	fputs("  declared: {}\n", out);
}

static void print_section(const struct section *section, FILE *out)
{
	const char *indent = *section->prefix ? "  " : "";
	if (section->prose != NULL)
		fprintf(out, "\n# %s\n", section->prose);
	if (*section->prefix)
		fprintf(out, "%s:\n", section->prefix);
	for (const struct option_row *row = section->rows; row->key != NULL; row++)
		print_row(row, indent, out);
	for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
		if (strcmp(specials[i].prefix, section->prefix) == 0)
			fputs(specials[i].text, out);
	if (strcmp(section->prefix, "touchpoints") == 0)
		print_declared(out);
}

static void print_sources(FILE *out)
{
	fputs("\n# What is read: one item a topic.\n"
	      "sources:\n"
	      "  - topic: feedback\n",
	      out);
	for (const struct section *s = source_sections; s->rows != NULL; s++) {
		const char *indent = *s->prefix ? "      " : "    ";
		if (*s->prefix)
			fprintf(out,
				"    # Where a message holds each field: a path like answers.nps.value, or "
				"'-' for nowhere. What\n"
				"    # is not named here is looked for under its own name.\n"
				"    # %s:\n",
				s->prefix);
		for (const struct option_row *row = s->rows; row->key != NULL; row++) {
			if (strcmp(row->key, "topic") == 0)
				continue;
			if (*s->prefix)
				fprintf(out, "    #   %s: %-*s # %s\n", row->key, 24 - (int)strlen(row->key),
					row->key, row->prose);
			else
				print_row(row, indent, out);
		}
	}
}

static void print_sinks(FILE *out)
{
	fputs("\n# Who is told of alerts: one item a receiver.\n"
	      "sinks: []\n"
	      "#  - name: team-chat\n",
	      out);
	for (const struct option_row *row = sink_option_rows; row->key != NULL; row++)
		if (strcmp(row->key, "name") != 0)
			print_row(row, "#    ", out);
}

void config_print_defaults(FILE *out)
{
	fputs(head, out);
	for (const struct section *s = config_sections; s->rows != NULL; s++)
		print_section(s, out);
	print_sources(out);
	print_sinks(out);
}
