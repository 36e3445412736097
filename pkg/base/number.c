#include "base/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

static size_t put_digits(char *out, uint64_t value)
{
	char digits[24];
	size_t n = 0, len = 0;
	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		out[len++] = digits[--n];
	return len;
}

size_t number_whole(char out[NUMBER_BYTES], int64_t value)
{
	size_t len = 0;
	if (value < 0)
		out[len++] = '-';
	len += put_digits(out + len, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
	out[len] = '\0';
	return len;
}

/* ---- decimals ---- */

/* 15 digits always survive text -> double -> text, 17 always survive double -> text -> double. The program never calls
 * setlocale(LC_NUMERIC), so the point is a point. */
static size_t by_trying(char out[NUMBER_BYTES], double value)
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, NUMBER_BYTES, "%.*g", digits, value);
		if (strtod(out, NULL) == value)
			break;
	}
	return strlen(out);
}

typedef unsigned __int128 wide;

static const uint64_t powers[] = {1,
				  10,
				  100,
				  1000,
				  10000,
				  100000,
				  1000000,
				  10000000,
				  100000000,
				  1000000000,
				  10000000000,
				  100000000000,
				  1000000000000,
				  10000000000000,
				  100000000000000,
				  1000000000000000,
				  10000000000000000,
				  100000000000000000,
				  1000000000000000000,
				  10000000000000000000u};

static wide power(unsigned k)
{
	return k < 20 ? (wide)powers[k] : (wide)powers[19] * powers[k - 19];
}

/* m / 2^shift as `digits` / 10^k, correctly rounded; does that read back as m / 2^shift? It does if it is nearer than half a step of m
 * (at a power of two the step below is half as wide). Everything in units of 1 / (2^shift 10^k), exact in 128 bits:
 * m < 2^53 and 10^k < 2^67. */
static bool rounds_back(uint64_t m, unsigned shift, unsigned k, uint64_t *digits)
{
	wide scaled = (wide)m * power(k), rest = scaled & (((wide)1 << shift) - 1),
	     half = (wide)1 << (shift - 1);
	uint64_t d = (uint64_t)(scaled >> shift);
	if (rest > half || (rest == half && (d & 1)))
		d++;
	wide back = (wide)d << shift;
	wide off = back > scaled ? back - scaled : scaled - back;
	wide steps = m == (uint64_t)1 << 52 && back < scaled ? 4 : 2;
	*digits = d;
	return off * steps < power(k) || (off * steps == power(k) && (m & 1) == 0);
}

static size_t put_decimal(char *out, uint64_t digits, unsigned k)
{
	while (k && digits % 10 == 0) {
		digits /= 10;
		k--;
	}
	if (k == 0)
		return put_digits(out, digits);
	uint64_t whole = k < 20 ? digits / powers[k] : 0; /* digits < 10^18 */
	uint64_t fraction = k < 20 ? digits % powers[k] : digits;
	size_t len = put_digits(out, whole);
	out[len++] = '.';
	for (unsigned i = k; i-- > 0; fraction /= 10)
		out[len + i] = (char)('0' + fraction % 10);
	return len + k;
}

/* Scores, rates and intervals, some eight of them in each published hash, are of this size: printf and strtod would be half the cost
 * of publishing. */
static size_t of_middle_size(char *out, double value)
{
	int exponent;
	uint64_t m = (uint64_t)(frexp(value, &exponent) * 9007199254740992.0); /* 2^53: exact */
	unsigned shift = (unsigned)(53 - exponent);
	int whole_digits = value < 0.001 ? -3 : value < 0.01 ? -2 : value < 0.1 ? -1 : 0;
	for (double bound = 1; value >= bound; bound *= 10)
		whole_digits++;
	uint64_t digits = 0;
	unsigned k = 0;
	for (int precision = 15; precision <= 17; precision++) {
		k = (unsigned)(precision - whole_digits);
		if (rounds_back(m, shift, k, &digits))
			break;
	}
	return put_decimal(out, digits, k);
}

size_t number_decimal(char out[NUMBER_BYTES], double value)
{
	must(isfinite(value));
	if (fabs(value) < 1e15 && value == (double)(int64_t)value)
		return number_whole(out, (int64_t)value);
	double size = fabs(value);
	if (size < 1e-4 || size >= 1e7)
		return by_trying(out, value);
	size_t len = value < 0;
	out[0] = '-';
	len += of_middle_size(out + len, size);
	out[len] = '\0';
	return len;
}
