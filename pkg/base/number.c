#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

size_t number_whole(char out[NUMBER_BYTES], int64_t value)
{
	char digits[24];
	size_t n = 0, len = 0;
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do {
		digits[n++] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		out[len++] = '-';
	while (n)
		out[len++] = digits[--n];
	out[len] = '\0';
	return len;
}

/* 15 digits always survive text -> double -> text, 17 always survive double -> text -> double; most of our values (rates, points)
 * need 16 or 17, so 17 is the last try and not the rule. The program never calls setlocale(LC_NUMERIC), so the point is a point. */
size_t number_decimal(char out[NUMBER_BYTES], double value)
{
	must(isfinite(value));
	if (value == 0)
		return number_whole(out, 0);
	if (fabs(value) < 1e15 && value == (double)(int64_t)value)
		return number_whole(out, (int64_t)value);
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, NUMBER_BYTES, "%.*g", digits, value);
		if (strtod(out, NULL) == value)
			break;
	}
	return strlen(out);
}
