#include <stdlib.h>

#include "deadletter/deadletter_priv.h"

/* Never 0, since 0 is a free slot. Partitions of one topic stay far below 2^16, offsets below 2^47. */
static uint64_t mark_of(int32_t partition, int64_t offset)
{
	return (uint64_t)(partition + 1) << 47 | (uint64_t)offset;
}

static size_t slot_of(const struct marks *marks, uint64_t mark)
{
	size_t at = (size_t)(mark * 0x9E3779B97F4A7C15u >> 20) & (marks->room - 1);
	while (marks->slots[at] != 0 && marks->slots[at] != mark)
		at = (at + 1) & (marks->room - 1);
	return at;
}

static void grow(struct marks *marks)
{
	struct marks larger = {.count = marks->count, .room = marks->room ? marks->room * 2 : 1024};
	larger.slots = must_array(larger.room, sizeof *larger.slots);
	for (size_t i = 0; i < marks->room; i++)
		if (marks->slots[i] != 0)
			larger.slots[slot_of(&larger, marks->slots[i])] = marks->slots[i];
	free(marks->slots);
	*marks = larger;
}

void marks_add(struct marks *marks, int32_t partition, int64_t offset)
{
	if (marks->count * 2 >= marks->room)
		grow(marks);
	uint64_t mark = mark_of(partition, offset);
	size_t at = slot_of(marks, mark);
	marks->count += marks->slots[at] == 0;
	marks->slots[at] = mark;
}

bool marks_has(const struct marks *marks, int32_t partition, int64_t offset)
{
	return marks->room > 0 && marks->slots[slot_of(marks, mark_of(partition, offset))] != 0;
}

void marks_release(struct marks *marks)
{
	free(marks->slots);
	*marks = (struct marks){0};
}
