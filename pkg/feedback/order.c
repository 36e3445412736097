#include "feedback/feedback_priv.h"

#include <string.h>

#define REST_FIRST 30 /* messages */
#define REST_MAX   960

/* Put in before `step`, not in its stead: what a message leaves out the next may have again. So what is
 * remembered comes to hold the members of every shape of message that a source sends, each behind those
 * that it follows. */
const struct step *node_learn(struct node *node, const struct step *before, const char *from, const char *to,
			      const struct member *member)
{
	struct step *step = node->steps + (before - node->steps);
	size_t len = (size_t)(to - from);
	if (len > sizeof step->text)
		return step;
	if (node->steps_count < STEPS) {
		node->steps_count++;
		memmove(step + 1, step, (size_t)(node->steps + node->steps_count - step) * sizeof *step);
	} else if (step == node->steps + STEPS) {
		return step;
	}
	memcpy(step->text, from, sizeof step->text);
	step->mask = ((uint64_t)1 << len) - 1;
	step->len = (uint8_t)len;
	step->target = (uint16_t)member->target;
	step->name_at = (uint8_t)(member->name.at - from);
	step->name_len = (uint8_t)member->name.len;
	step->name_mark = member->name_mark;
	return step + 1;
}

/* Two messages in a row in which most members were not where they had been: the source shuffles, and
 * remembering costs more than it brings. It is tried again, from nothing, after a rest; each time in vain
 * doubles the next one. */
void node_judge(struct node *node, unsigned members, unsigned missed)
{
	if (missed == 0)
		node->rest_last = 0;
	if (missed * 2 <= members) {
		node->strikes = 0;
	} else if (++node->strikes == 2) {
		node->rest_last = node->rest_last ? node->rest_last * 2 : REST_FIRST;
		node->rest_last = node->rest_last < REST_MAX ? node->rest_last : REST_MAX;
		node->rest = node->rest_last;
		node->strikes = 0;
		node->steps_count = 0;
		node->steps[0].mask = NEVER;
	}
}
