#include "replay/replay.h"

#include <stdlib.h>

enum { ROOM_MIN = 1 << 20, BYTES_START = 4 << 20 };

/*
 *   bytes:  handed out ... | next line ... \n another ... \n half a l|  free
 *                          ^ at                                      ^ end      ^ size
 */
struct replay_lines {
	char *bytes;
	size_t at, end, size;
	size_t searched; /* no line end in [at, searched): a line that comes in many reads is not searched again and again */
	uint64_t number;
	bool ended;
};

struct replay_lines *replay_lines_create(void)
{
	struct replay_lines *lines = must_alloc(sizeof *lines);
	lines->size = BYTES_START;
	lines->bytes = malloc(lines->size); /* not zeroed: it is read into */
	must(lines->bytes != NULL);
	return lines;
}

void replay_lines_destroy(struct replay_lines *lines)
{
	if (lines == NULL)
		return;
	free(lines->bytes);
	free(lines);
}

char *replay_lines_room(struct replay_lines *lines, size_t *room)
{
	memmove(lines->bytes, lines->bytes + lines->at, lines->end - lines->at);
	lines->end -= lines->at;
	lines->searched -= lines->at;
	lines->at = 0;
	if (lines->end > REPLAY_LINE_MAX)
		return NULL;
	if (lines->size - lines->end < ROOM_MIN) {
		lines->size *= 2;
		lines->bytes = realloc(lines->bytes, lines->size);
		must(lines->bytes != NULL);
	}
	*room = lines->size - lines->end;
	return lines->bytes + lines->end;
}

void replay_lines_filled(struct replay_lines *lines, size_t bytes)
{
	must(bytes <= lines->size - lines->end);
	lines->end += bytes;
	lines->ended = bytes == 0;
}

/* A line with its end, or what is left when the input has ended. */
static bool cut(struct replay_lines *lines, struct str *line)
{
	char *from = lines->bytes + lines->at;
	char *lf = memchr(lines->bytes + lines->searched, '\n', lines->end - lines->searched);
	lines->searched = lines->end;
	if (lf == NULL && (!lines->ended || lines->at == lines->end))
		return false;
	*line = (struct str){from, (size_t)((lf ? lf : lines->bytes + lines->end) - from)};
	lines->at = lf ? (size_t)(lf - lines->bytes) + 1 : lines->end;
	lines->searched = lines->at;
	return true;
}

bool replay_lines_next(struct replay_lines *lines, struct replay_line *out)
{
	struct str line;
	while (cut(lines, &line)) {
		/* A byte order mark is how some Windows programs begin a file. */
		if (lines->number++ == 0 && line.len >= 3 && memcmp(line.at, "\xEF\xBB\xBF", 3) == 0)
			line = (struct str){line.at + 3, line.len - 3};
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		if (line.len) {
			*out = (struct replay_line){line, lines->number};
			return true;
		}
	}
	return false;
}
