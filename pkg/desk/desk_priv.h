#ifndef DESK_PRIV_H
#define DESK_PRIV_H

#include "desk/desk.h"

#define DESK_NEVER   INT64_MAX
#define DESK_HOUR_MS (3600 * 1000LL)
/* What is over is remembered for as long as it may be reopened, and the hour that its reopening may be late. */
#define DESK_KEEP_MS (ALERT_REOPEN_MS + DESK_HOUR_MS)

/* An incident: what is so (event, open, acked) and what was told of it (sent). */
struct entry {
	struct alert_event event;              /* the newest; texts in `text` */
	char *text;
	uint64_t parents[ALERT_PARENTS_MAX];   /* keys of its parents' incidents of the same ledger and kind */
	struct desk_sent sent;
	int64_t fired_ms;                      /* log time at which it was raised, or reopened last */
	int64_t arrived_ms;                    /* and when that came here: its wait begins */
	int64_t over_ms;                       /* when its end came here */
	int64_t recount_ms;                    /* of the desk's own, given back: when to count its members anew */
	uint64_t collected_by;                 /* incident; 0: not collected */
	uint64_t members_told, members_most;   /* of the desk's own: as of its newest event; most at once */
	int64_t ack_ms;                        /* when the acknowledgement heard last was given; 0: none */
	bool open, acked, made;                /* made: of the desk's own making */
	bool restored;                         /* and not judged since */
	enum alert_severity acked_severity;
	enum desk_state state;
};

/* What is looked for, side by side in memory: the searches are linear, and tens of thousands of incidents are few. */
struct line {
	uint64_t id;
	uint64_t key;        /* place_key(touchpoint, ledger, kind) */
	uint64_t touchpoint; /* hashes of names; 0: none */
	uint64_t group;      /* the nearest parent */
	uint64_t source;
	int64_t wake_ms;     /* when to look at it again */
	int64_t told_ms;     /* when its opening was told; INT64_MIN: not */
	struct entry *entry;
};

struct mute {
	char *pattern;
	int64_t until_ms;
	bool mentioned;
};

struct source {
	uint64_t name;
	uint64_t active;
};

struct desk {
	struct desk_options options;   /* its texts are not used: quiet and fixed are */
	struct quiet {
		bool any;
		int from, to;          /* minutes of the local day, [from, to) */
	} quiet;
	const struct zone *zone;
	struct line *lines;
	size_t count, room;
	struct mute *fixed, *mutes;    /* of the settings; of people */
	size_t fixed_count, mutes_count;
	struct source *sources;
	size_t sources_count;
	uint64_t *set;                 /* scratch of count_distinct */
	size_t set_room;
};

/* ---- hindrances.c: what stands in the way of a touchpoint or of the hour ---- */

bool quiet_parse(struct str, struct quiet *);
int64_t quiet_until(const struct desk *, int64_t now_ms);                    /* 0: these are no quiet hours */
int64_t muted_until(const struct desk *, struct str touchpoint, int64_t now_ms);   /* 0: not muted */

/* ---- table.c ---- */

uint64_t name_hash(struct str);   /* 0: empty */
uint64_t place_key(struct str touchpoint, enum ledger, enum alert_kind);
struct line *line_of(const struct desk *, uint64_t id);      /* NULL */
struct line *open_line(const struct desk *, uint64_t key);   /* the open incident of a key; NULL */
struct line *line_add(struct desk *, const struct alert_event *, uint64_t key);
void line_remove(struct desk *, struct line *);
void entry_tell(struct entry *, const struct alert_event *);   /* a copy of it becomes the newest */
void wake(struct line *, int64_t now_ms);
void wake_all(struct desk *, int64_t now_ms);
void wake_children(struct desk *, uint64_t key, int64_t now_ms);

/* Which entries a count or a list is of. */
typedef bool line_filter(const struct line *, const void *context);
uint64_t count_distinct(struct desk *, line_filter *, const void *context);   /* touchpoints */

/* ---- made.c: the desk's own incidents ---- */

/* Something was raised or is over: is its source suspect now, or no more? Before the entry's own line is judged. */
void suspect_look(struct desk *, const struct line *of, int64_t now_ms);
struct line *suspect_of(const struct desk *, const struct line *);   /* that takes it; NULL */
void collect(struct desk *, uint64_t id, int64_t now_ms);            /* lines may move */
void collected_look(struct desk *, uint64_t id, int64_t now_ms);     /* a member of it changed */
void made_recount(struct desk *, uint64_t id, int64_t now_ms);
uint64_t made_key(const struct alert_event *);
bool is_member(const struct line *, const void *made);               /* of what this line's incident stands for */

#endif
