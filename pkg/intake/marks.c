#include "intake/intake.h"

enum { HOUR_MS = 3600 * 1000 };

void intake_mark(struct intake_marks *marks, int64_t seen_ms, int64_t offset)
{
	int64_t hour = seen_ms / HOUR_MS;
	unsigned last = (marks->first + marks->count + INTAKE_MARKS - 1) % INTAKE_MARKS;
	if (marks->count && marks->at[last].hour >= hour)
		return;
	if (marks->count == INTAKE_MARKS) {
		unsigned second = (marks->first + 1) % INTAKE_MARKS;
		marks->at[second].offset = marks->at[marks->first].offset;
		marks->first = second;
		marks->count--;
	}
	unsigned at = (marks->first + marks->count++) % INTAKE_MARKS;
	marks->at[at].hour = hour;
	marks->at[at].offset = offset;
}

/* The mark of the hour that holds now - horizon stays: entries of that hour may still be within it. */
int64_t intake_low_water(struct intake_marks *marks, int64_t now_ms, int64_t horizon_ms)
{
	int64_t oldest = (now_ms - horizon_ms) / HOUR_MS;
	while (marks->count > 1 && marks->at[(marks->first + 1) % INTAKE_MARKS].hour <= oldest) {
		marks->first = (marks->first + 1) % INTAKE_MARKS;
		marks->count--;
	}
	return marks->count ? marks->at[marks->first].offset : -1;
}
