#include "feedback/feedback_priv.h"

#include <string.h>

#include "feedback/kernel_priv.h"

#define END_MS 9246182400000 /* 2263-01-01T00:00:00Z */

static bool keep(int64_t value_ms, int64_t *ms)
{
	*ms = value_ms;
	return value_ms >= 0 && value_ms < END_MS;
}

static int two(const char *p)
{
	return is_digit(p[0]) && is_digit(p[1]) ? (p[0] - '0') * 10 + p[1] - '0' : -1;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. Years begin in March, so that the leap day is a year's last. */
static inline int64_t days_from_civil(unsigned year, unsigned month, unsigned day)
{
	static const short before[12] = {306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275};
	year = year + 400 - (month <= 2); /* an era more, so that there is one before the year 0 */
	unsigned century = year / 100;
	return (int64_t)(year * 365 + year / 4 - century + century / 4 + day) + before[month - 1] - 1 -
	       719468 - 146097;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return (unsigned)days[month - 1] +
	       (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/* Byte i becomes ten times itself and the byte behind it: what two digits that begin there are worth. */
static uint64_t pairs(uint64_t digits)
{
	return digits * 10 + (digits >> 8);
}

static unsigned byte_of(uint64_t word, int i)
{
	return word >> (8 * i) & 0xff;
}

/*
 * 2026-03-01T09:30
 * sixteen bytes, checked at once: a digit's distance from '0' is at most 9, a separator's from itself 0.
 */
static inline bool date_and_minute(const char *p, int64_t *minutes)
{
	static const unsigned char shape[17] = "0000-00-00T00:00";
	static const unsigned char most[16] = {9, 9, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9};
	simde__m128i off = simde_mm_xor_si128(load16(p), load16(shape));
	simde__m128i good = simde_mm_cmpeq_epi8(simde_mm_min_epu8(off, load16(most)), off);
	int faults = simde_mm_movemask_epi8(good) ^ 0xffff;
	/* RFC 3339 also allows a lower-case t and, for people, a space. */
	if (unlikely(faults) && (faults != 1 << 10 || (p[10] != 't' && p[10] != ' ')))
		return false;
	uint64_t first = pairs((uint64_t)simde_mm_cvtsi128_si64(off));
	uint64_t second = (uint64_t)simde_mm_cvtsi128_si64(simde_mm_unpackhi_epi64(off, off));
	second = pairs(second & ~(uint64_t)0xff0000); /* a t for a T is no part of the hour */
	unsigned year = byte_of(first, 0) * 100 + byte_of(first, 2), month = byte_of(first, 5);
	unsigned day = byte_of(second, 0), hour = byte_of(second, 3), minute = byte_of(second, 6);
	if (unlikely((month - 1 > 11) | (day < 1) | (hour > 23) | (minute > 59)))
		return false;
	if (unlikely(day > 28) && day > days_in_month(year, month))
		return false;
	*minutes = days_from_civil(year, month, day) * 1440 + hour * 60 + minute;
	return true;
}

/* Z, z, +hh:mm, -hh:mm; also +hhmm, which Java's libraries write. */
static bool offset_minutes(const char *p, const char *end, int *minutes)
{
	*minutes = 0;
	if (end - p == 1)
		return *p == 'Z' || *p == 'z';
	if ((end - p != 6 || p[3] != ':') && end - p != 5)
		return false;
	int hours = two(p + 1), rest = two(end - 2);
	if ((*p != '+' && *p != '-') || hours < 0 || hours > 23 || rest < 0 || rest > 59)
		return false;
	*minutes = (hours * 60 + rest) * (*p == '-' ? -1 : 1);
	return true;
}

/* :15.250Z is the most usual end of all: checked at once as the date is. */
static inline bool second_and_millis(const char *p, int *second, int *millis)
{
	uint64_t off = load8(p) ^ load8(":00.000Z");
	/* 127 - the most that a byte may be off: a byte that is further off gets its highest bit. */
	if ((off | (off + 0x7f7676767f76767f)) & 0x8080808080808080)
		return false;
	*second = (int)byte_of(pairs(off), 1);
	*millis = (int)(byte_of(pairs(off), 4) * 10 + byte_of(off, 6));
	return true;
}

static bool rfc3339(const char *p, size_t len, int64_t *ms)
{
	const char *end = p + len;
	int64_t minutes;
	int offset, millis = 0, second;
	if (unlikely(!date_and_minute(p, &minutes)))
		return false;
	if (likely(len == 24 && second_and_millis(p + 16, &second, &millis) && second < 60))
		return keep((minutes * 60 + second) * 1000 + millis, ms);
	second = two(p + 17);
	millis = 0;
	if (p[16] != ':' || second < 0 || second > 60)
		return false;
	p += 19;
	if (*p == '.') {
		int weight = 100;
		if (++p == end || !is_digit(*p))
			return false;
		for (; p < end && is_digit(*p); p++, weight /= 10)
			millis += weight * (*p - '0');
	}
	if (!offset_minutes(p, end, &offset))
		return false;
	minutes -= offset;
	/* A leap second is the last of a UTC day; counted as the first second of the next, as POSIX does. */
	if (second == 60 && (minutes % 1440 != 1439))
		return false;
	return keep((minutes * 60 + second) * 1000 + millis, ms);
}

/* The size says the unit. What is finer than a millisecond is cut. */
static bool by_size(int64_t whole, int millis, int64_t *ms)
{
	if (whole < 100000000000)
		return keep(whole * 1000 + millis, ms);
	return keep(whole < 100000000000000 ? whole : whole / 1000, ms);
}

/* Digits and perhaps a fraction. */
static bool epoch(const char *p, size_t len, int64_t *ms)
{
	const char *end = p + len, *first = p;
	int64_t whole = 0;
	int millis = 0;
	for (; p < end && is_digit(*p); p++) {
		if (whole > INT64_MAX / 100)
			return false;
		whole = whole * 10 + (*p - '0');
	}
	if (p == first)
		return false;
	if (p < end) {
		if (*p != '.' || end - p == 1)
			return false;
		int weight = 100;
		for (p++; p < end && is_digit(*p); p++, weight /= 10)
			millis += weight * (*p - '0');
		if (p < end)
			return false;
	}
	return by_size(whole, millis, ms);
}

/* Nothing is read beyond the text: rfc3339 begins with 20 bytes and has them. */
bool feedback_time(struct str text, int64_t *ms)
{
	if (text.len >= 20 && text.at[4] == '-')
		return rfc3339(text.at, text.len, ms);
	return epoch(text.at, text.len, ms);
}

/* A JSON number with an exponent as its first digits and the place of the point: 0.d[0]d[1]... x 10^point. */
struct decimal {
	char digits[24];
	int used;
	long point;
};

static void decimal_from(struct decimal *out, const char *p, const char *end)
{
	bool fraction = false, down;
	long power = 0;
	*out = (struct decimal){.used = 0};
	for (; p < end && (*p | 0x20) != 'e'; p++) {
		if (*p == '.') {
			fraction = true;
			continue;
		}
		bool counts = out->used || *p != '0';
		out->point += counts && !fraction;
		out->point -= !counts && fraction;
		if (counts && out->used < (int)sizeof out->digits)
			out->digits[out->used++] = (char)(*p - '0');
	}
	if (p == end)
		return;
	down = *++p == '-';
	for (p += *p == '-' || *p == '+'; p < end; p++)
		power = power > 99999999 ? power : power * 10 + (*p - '0');
	out->point += down ? -power : power;
}

bool time_number(struct str text, int64_t *ms)
{
	struct decimal number;
	int64_t whole = 0;
	int millis = 0, minus = text.at[0] == '-';
	decimal_from(&number, text.at + minus, text.at + text.len);
	if (number.used == 0)
		return keep(0, ms);
	if (minus || number.point > 17)
		return false;
	for (long i = 0; i < number.point + 3; i++) {
		int digit = i < number.used ? number.digits[i] : 0;
		if (i < number.point)
			whole = whole * 10 + digit;
		else
			millis += digit * (i == number.point ? 100 : i == number.point + 1 ? 10 : 1);
	}
	return by_size(whole, millis, ms);
}
