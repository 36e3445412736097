#ifndef INTAKE_PRIV_H
#define INTAKE_PRIV_H

#include "intake/intake.h"

#define NOBODY UINT32_MAX

/* The touchpoints that a lane knows, and their parents. */
struct touchpoints {
	struct names *names;
	uint32_t max;       /* numbers that events may make */
	const struct registry *registry;
	uint32_t *parents;  /* by number: its parent's, or NOBODY. NULL: there are no parents at all */
	unsigned levels;    /* at which a response counts at most: its own and its ancestors' */
};

bool touchpoints_open(struct touchpoints *, const struct intake_setup *, struct err *);   /* also after an error: close it */
void touchpoints_close(struct touchpoints *);
/* Its number, new while fewer than names_max are known; else that of _overflow. No name: that of _unmapped. */
uint32_t touchpoint_of(struct touchpoints *, struct str name, uint32_t names_max);

/* The rejects of one commit, with their bytes. */
struct letter;

struct letters {
	struct letter *list;
	unsigned count;
	char *bytes;
	size_t used, size;
};

void letters_open(struct letters *);
void letters_close(struct letters *);
bool letters_room(const struct letters *, unsigned records);
void letters_add(struct letters *, const struct intake_record *, enum feedback_reason);
struct intake_letter letters_at(const struct letters *, unsigned i);   /* until something is added */
void letters_clear(struct letters *);

#endif
