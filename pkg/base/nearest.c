#include "base/nearest.h"

#include <ctype.h>

#define WORD_MAX 64

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int letter(struct str word, size_t at)
{
	return tolower((unsigned char)word.at[at]);
}

/* Optimal string alignment: three rows of the table are enough, a swap looks two rows back. */
unsigned nearest_distance(struct str a, struct str b)
{
	unsigned rows[3][WORD_MAX + 1];
	size_t longer = a.len > b.len ? a.len : b.len;
	if (a.len > WORD_MAX || b.len > WORD_MAX)
		return NEAREST_NONE;
	for (size_t j = 0; j <= b.len; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.len; j++) {
			int x = letter(a, i - 1), y = letter(b, j - 1);
			unsigned changed = above[j - 1] + (x != y);
			row[j] = least(changed, least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && x == letter(b, j - 2) && y == letter(a, i - 2))
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	unsigned distance = rows[a.len % 3][b.len];
	return distance * 3 > longer + 1 ? NEAREST_NONE : distance; /* + 1: "lgo" is "log" */
}

const char *nearest_word(struct str word, const char *const *known)
{
	const char *best = NULL;
	unsigned best_distance = NEAREST_NONE;
	for (; *known != NULL; known++) {
		unsigned distance = nearest_distance(word, str_of(*known));
		if (distance < best_distance) {
			best = *known;
			best_distance = distance;
		}
	}
	return best;
}
