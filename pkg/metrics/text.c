#include "metrics/metrics_priv.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>

#include "base/must.h"
#include "base/number.h"
#include "os/os.h"

static void head(FILE *out, const char *name, const char *help, const char *type)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* `labels` without braces, "" for none. */
static void sample(FILE *out, const char *name, const char *labels, double value)
{
	char text[NUMBER_BYTES];
	number_decimal(text, value);
	fprintf(out, labels[0] ? "%s{%s} %s\n" : "%s%s %s\n", name, labels, text);
}

static void histogram(FILE *out, struct metrics *metrics, enum metric m)
{
	const struct descriptor *d = metrics_descriptor(m);
	unsigned at = metrics->first[m];
	double count = 0;
	head(out, d->name, d->help, "histogram");
	for (unsigned i = 0; i < BUCKETS; i++) {
		char edge[NUMBER_BYTES] = "+Inf";
		if (i < BUCKETS - 1)
			number_decimal(edge, (double)metrics_bucket_us[i] / 1e6);
		count += metrics_sum(metrics, at + i, false);
		fprintf(out, "%s_bucket{le=\"%s\"} %.0f\n", d->name, edge, count);
	}
	fprintf(out, "%s_sum %.6f\n", d->name, metrics_sum(metrics, at + BUCKETS, false) / 1e6);
	fprintf(out, "%s_count %.0f\n", d->name, count);
}

/* A metric none of whose labels has a value yet is left out, as is a label of that kind. */
static void plain(FILE *out, struct metrics *metrics, enum metric m)
{
	const struct descriptor *d = metrics_descriptor(m);
	bool gauge = d->kind == KIND_GAUGE, begun = false;
	unsigned count = metrics_run_time_labels(d) ? atomic_load(&metrics->labels[m].count) : d->values;
	for (unsigned i = 0; i < count; i++) {
		char fixed[128] = "";
		const char *labels = fixed;
		double value = metrics_sum(metrics, metrics->first[m] + i, gauge);
		if (isnan(value) || (d->value && d->value(i) == NULL))
			continue;
		if (d->value)
			snprintf(fixed, sizeof fixed, "%s=\"%s\"", d->labels[0], d->value(i));
		else if (d->labels[0])
			labels = metrics->labels[m].text[i];
		if (!begun)
			head(out, d->name, d->help, gauge ? "gauge" : "counter");
		begun = true;
		sample(out, d->name, labels, value);
	}
}

static void one(FILE *out, const char *name, const char *help, const char *type, double value)
{
	head(out, name, help, type);
	sample(out, name, "", value);
}

static int open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = -3; /* . and .. and the folder itself */
	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count < 0 ? 0 : count;
}

char *metrics_text(struct metrics *metrics, size_t *len)
{
	char *text = NULL, labels[96];
	FILE *out = open_memstream(&text, len);
	must(out != NULL);
	head(out, "corridor_build_info", "The program's version.", "gauge");
	snprintf(labels, sizeof labels, "version=\"%s\"", metrics->version);
	sample(out, "corridor_build_info", labels, 1);
	for (int m = 0; m < METRIC_COUNT; m++) {
		if (metrics_descriptor((enum metric)m)->kind == KIND_HISTOGRAM)
			histogram(out, metrics, (enum metric)m);
		else
			plain(out, metrics, (enum metric)m);
	}
	one(out, "process_cpu_seconds_total", "CPU time used, user and system.", "counter",
	    (double)os_cpu_process_ns() / 1e9);
	one(out, "process_resident_memory_bytes", "Memory that is in RAM.", "gauge", (double)os_rss_bytes());
	one(out, "process_start_time_seconds", "When the program started.", "gauge",
	    (double)metrics->started_ms / 1e3);
	one(out, "process_open_fds", "Open files and sockets.", "gauge", open_files());
	fclose(out);
	must(text != NULL);
	return text;
}
