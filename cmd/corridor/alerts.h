/* alerts - what the files of `corridor alerts` share: the job, and the incidents as they stand in Redis. */
#ifndef ALERTS_H
#define ALERTS_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/alert.h"
#include "commands.h"
#include "config/config.h"
#include "store/store.h"

struct alerts_job {
	const char *verb, *config_path, *name;   /* name: what the verb is about, an id or a touchpoint; NULL */
	const char *by, *as, *mute_for, *sink;
	bool open_only, json;
	int64_t limit, weeks, now_ms;
	struct config *config;
	struct store *store;
};

/* One verb each; err is set where it fails. */
int alerts_list(struct alerts_job *, struct err *);
int alerts_follow(struct alerts_job *, struct err *);
int alerts_ack(struct alerts_job *, struct err *);
int alerts_close(struct alerts_job *, struct err *);
int alerts_mute(struct alerts_job *, struct err *);
int alerts_unmute(struct alerts_job *, struct err *);
int alerts_report(struct alerts_job *, struct err *);
int alerts_test(struct alerts_job *, struct err *);   /* has no store: Redis is not needed */

/* ---- alerts_load.c ---- */

struct alerts_incident {
	struct alert_event event;   /* the newest */
	const char *json;           /* as it is in Redis */
	bool open, acked, closed;   /* closed: somebody said what it was */
	int64_t acked_ms;
	const char *acked_by;
	enum store_verdict as;
};

struct alerts_incidents {
	struct alerts_incident *at;   /* newest raise first */
	unsigned count, room;
	struct option_pool pool;
};

NODISCARD bool alerts_load(struct alerts_job *, struct alerts_incidents *, struct err *);
void alerts_release(struct alerts_incidents *);
/* The one whose id begins so; NULL: err names those that are near, or all that begin so. */
const struct alerts_incident *alerts_find(const struct alerts_incidents *, const char *id, struct err *);
int alerts_failed(const struct alerts_job *, struct err *);   /* Redis: err says what the store says; EXIT_WORLD */

/* ---- alerts_print.c ---- */

#define ALERTS_TIME_BYTES 24
const char *alerts_time(int64_t ms, char out[ALERTS_TIME_BYTES]);   /* "2026-01-05 09:30Z" */
/* Strangers' bytes, shortened and padded to `columns` (0: neither); what a terminal would act on becomes '?'. */
void alerts_put(struct str text, unsigned columns);

#endif
