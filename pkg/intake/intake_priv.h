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

#endif
