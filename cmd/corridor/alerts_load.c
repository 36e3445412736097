#include "alerts.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"

#define NAMED_MAX 5 /* ids in an error */

int alerts_failed(const struct alerts_job *job, struct err *err)
{
	err_set(err, "%s", store_error(job->store));
	return EXIT_WORLD;
}

static bool take_incident(void *context, const struct store_incident *incident)
{
	struct alerts_incidents *all = context;
	struct alerts_incident one = {.open = incident->open};
	if (!alert_read(&one.event, incident->json, &all->pool))
		return true;
	one.event.incident = incident->id;
	one.json = option_keep(&all->pool, incident->json);
	if (all->count == all->room) {
		all->room = all->room ? 2 * all->room : 64;
		all->at = realloc(all->at, all->room * sizeof *all->at);
		must(all->at != NULL);
	}
	all->at[all->count++] = one;
	return true;
}

static int newest_first(const void *a, const void *b)
{
	const struct alert_event *x = &((const struct alerts_incident *)a)->event;
	const struct alert_event *y = &((const struct alerts_incident *)b)->event;
	if (x->raised_ms != y->raised_ms)
		return x->raised_ms < y->raised_ms ? 1 : -1;
	return (x->incident > y->incident) - (x->incident < y->incident);
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct alerts_incident *)a)->event.incident;
	uint64_t y = ((const struct alerts_incident *)b)->event.incident;
	return (x > y) - (x < y);
}

/* While they are in the order of ids. */
static struct alerts_incident *incident_of(const struct alerts_incidents *all, uint64_t id)
{
	struct alerts_incident key = {.event.incident = id};
	return all->count ? bsearch(&key, all->at, all->count, sizeof key, by_id) : NULL;
}

static void take_ack(void *context, const struct store_ack *ack)
{
	struct alerts_incidents *all = context;
	struct alerts_incident *of = incident_of(all, ack->incident);
	if (of == NULL)
		return;
	of->acked = true;
	of->acked_ms = ack->at_ms;
	of->acked_by = option_keep(&all->pool, ack->by);
}

static void take_closing(void *context, const struct store_closing *closing)
{
	struct alerts_incident *of = incident_of(context, closing->incident);
	if (of == NULL)
		return;
	of->closed = true;
	of->as = closing->as;
}

bool alerts_load(struct alerts_job *job, struct alerts_incidents *all, struct err *err)
{
	*all = (struct alerts_incidents){0};
	if (!store_alerts_all(job->store, take_incident, all))
		return alerts_failed(job, err) == EXIT_FINE;
	if (all->count)
		qsort(all->at, all->count, sizeof *all->at, by_id);
	if (!store_acks(job->store, take_ack, all) || !store_closings(job->store, take_closing, all))
		return alerts_failed(job, err) == EXIT_FINE;
	if (all->count)
		qsort(all->at, all->count, sizeof *all->at, newest_first);
	return true;
}

void alerts_release(struct alerts_incidents *all)
{
	free(all->at);
	option_pool_release(&all->pool);
}

/* ---- by id ---- */

static void name_of(const struct alerts_incident *incident, char out[ALERT_ID_BYTES + 1])
{
	snprintf(out, ALERT_ID_BYTES + 1, "%016" PRIx64, incident->event.incident);
}

/* ", " between ids, at most so many; the rest is counted. */
struct names {
	char text[NAMED_MAX * (ALERT_ID_BYTES + 2) + 40];
	unsigned count;
};

static void add_name(struct names *names, const char *id)
{
	size_t used = strlen(names->text);
	if (names->count++ < NAMED_MAX)
		snprintf(names->text + used, sizeof names->text - used, "%s%s", used ? ", " : "", id);
	else if (names->count == NAMED_MAX + 1)
		snprintf(names->text + used, sizeof names->text - used, " ...");
}

static void unknown(const struct alerts_incidents *all, const char *id, struct err *err)
{
	struct names near = {.count = 0}, newest = {.count = 0};
	for (unsigned i = 0; i < all->count; i++) {
		char name[ALERT_ID_BYTES + 1];
		name_of(&all->at[i], name);
		if (nearest_distance(str_of(id), str_of(name)) != NEAREST_NONE)
			add_name(&near, name);
		else if (newest.count < 3)
			add_name(&newest, name);
	}
	if (near.count)
		err_set(err, "there is no incident %s; did you mean %s?", id, near.text);
	else if (newest.count)
		err_set(err, "there is no incident %s (any more); the newest ones are %s", id, newest.text);
	else
		err_set(err, "there is no incident %s: there are none at all", id);
}

const struct alerts_incident *alerts_find(const struct alerts_incidents *all, const char *id, struct err *err)
{
	const struct alerts_incident *found = NULL;
	struct names names = {.count = 0};
	char lower[ALERT_ID_BYTES + 2] = "";
	for (size_t i = 0; id[i] && i < sizeof lower - 1; i++)
		lower[i] = (char)tolower((unsigned char)id[i]);
	for (unsigned i = 0; i < all->count; i++) {
		char name[ALERT_ID_BYTES + 1];
		name_of(&all->at[i], name);
		if (strncmp(name, lower, strlen(lower)) != 0)
			continue;
		found = &all->at[i];
		add_name(&names, name);
	}
	if (names.count == 1)
		return found;
	if (names.count > 1)
		err_set(err, "%u incidents begin with %s: %s", names.count, id, names.text);
	else
		unknown(all, lower, err);
	return NULL;
}
