#include "alerts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/units.h"
#include "json/json.h"

#define DAY_MS	(24LL * 3600 * 1000)
#define WEEK_MS (7 * DAY_MS)

/* 1970-01-01 was a Thursday; weeks begin on Monday, UTC. */
static int64_t week_of(int64_t ms)
{
	int64_t since = ms + 3 * DAY_MS;
	return since - since % WEEK_MS - 3 * DAY_MS;
}

/* One week of one team. */
struct line {
	int64_t week_ms;
	struct str team;
	unsigned raised, acked, as[STORE_VERDICTS];
	int64_t median_ms; /* from raise to acknowledgement; -1: none */
};

/* Newest week first, teams by name: incidents in this order make lines one after the other. */
static int by_line(const void *a, const void *b)
{
	const struct alert_event *x = &((const struct alerts_incident *)a)->event;
	const struct alert_event *y = &((const struct alerts_incident *)b)->event;
	int64_t xw = week_of(x->raised_ms), yw = week_of(y->raised_ms);
	if (xw != yw)
		return xw < yw ? 1 : -1;
	size_t len = x->team.len < y->team.len ? x->team.len : y->team.len;
	int order = len ? memcmp(x->team.at, y->team.at, len) : 0;
	return order ? order : (x->team.len > y->team.len) - (x->team.len < y->team.len);
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static int64_t median(int64_t *list, unsigned n)
{
	if (n == 0)
		return -1;
	qsort(list, n, sizeof *list, by_number);
	return n % 2 ? list[n / 2] : list[n / 2 - 1] + (list[n / 2] - list[n / 2 - 1]) / 2;
}

/* The line that begins at this incident; `took` has room for all. Returns how many are in it. */
static unsigned count_line(const struct alerts_incident *from, unsigned n, struct line *line, int64_t *took)
{
	unsigned i = 0;
	*line = (struct line){.week_ms = week_of(from->event.raised_ms), .team = from->event.team};
	for (; i < n && by_line(from, &from[i]) == 0; i++) {
		const struct alerts_incident *one = &from[i];
		int64_t ms = one->acked_ms - one->event.raised_ms;
		line->raised++;
		if (one->acked)
			took[line->acked++] = ms > 0 ? ms : 0;
		if (one->closed)
			line->as[one->as]++;
	}
	line->median_ms = median(took, line->acked);
	return i;
}

static void date_of(int64_t ms, char out[16])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	strftime(out, 16, "%Y-%m-%d", gmtime_r(&s, &tm));
}

static void print_json(const struct line *line)
{
	char date[16];
	date_of(line->week_ms, date);
	struct json *object = json_new_object();
	json_put(object, "week", json_new_text(str_of(date)));
	if (line->team.len)
		json_put(object, "team", json_new_text(line->team));
	json_put(object, "raised", json_new_whole(line->raised));
	json_put(object, "acknowledged", json_new_whole(line->acked));
	for (int i = 0; i < STORE_VERDICTS; i++)
		json_put(object, store_verdict_name((enum store_verdict)i), json_new_whole(line->as[i]));
	if (line->median_ms >= 0)
		json_put(object, "median_ack_ms", json_new_whole(line->median_ms));
	char *text = json_dump(object, NULL);
	puts(text);
	free(text);
	json_destroy(object);
}

static void print_line(const struct line *line)
{
	char date[16], took[32] = "-";
	int64_t s = line->median_ms / 1000;
	date_of(line->week_ms, date);
	if (line->median_ms >= 0 && s < 120)
		snprintf(took, sizeof took, "%" PRId64 " s", s);
	else if (line->median_ms >= 0 && s < 7200)
		snprintf(took, sizeof took, "%" PRId64 " min", s / 60);
	else if (line->median_ms >= 0)
		snprintf(took, sizeof took, "%.1f h", (double)s / 3600);
	printf("%s  ", date);
	alerts_put(line->team.len ? line->team : STR("-"), 20);
	printf(" %6u %6u %5u %6u %6u   %s\n", line->raised, line->acked, line->as[STORE_REAL],
	       line->as[STORE_FALSE], line->as[STORE_KNOWN], took);
}

int alerts_report(struct alerts_job *job, struct err *err)
{
	struct alerts_incidents all;
	int64_t from_ms = week_of(job->now_ms) - (job->weeks - 1) * WEEK_MS;
	bool fine = alerts_load(job, &all, err);
	unsigned n = 0;
	for (unsigned i = 0; fine && i < all.count; i++) {
		if (all.at[i].event.raised_ms >= from_ms && !all.at[i].event.test)
			all.at[n++] = all.at[i];
	}
	if (fine && !job->json)
		printf("%-11s %-20s %6s %6s %5s %6s %6s   %s\n", "week of", "team", "raised", "acked", "real",
		       "false", "known", "median time to ack");
	int64_t *took = must_array(n + 1, sizeof *took);
	struct line line;
	if (n)
		qsort(all.at, n, sizeof *all.at, by_line);
	for (unsigned i = 0; i < n;) {
		i += count_line(&all.at[i], n - i, &line, took);
		(job->json ? print_json : print_line)(&line);
	}
	free(took);
	alerts_release(&all);
	return fine ? EXIT_FINE : EXIT_WORLD;
}
