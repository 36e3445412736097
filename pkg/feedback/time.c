#include "feedback/feedback_priv.h"

#include <string.h>

#include "feedback/kernel_priv.h"

#define END_MS 9246182400000   /* 2263-01-01T00:00:00Z */

static bool keep(int64_t value_ms, int64_t *ms)
{
	*ms = value_ms;
	return value_ms >= 0 && value_ms < END_MS;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int two(const char *p)
{
	return is_digit(p[0]) && is_digit(p[1]) ? (p[0] - '0') * 10 + p[1] - '0' : -1;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. Years begin in March, so that the leap day is a year's last. */
static int64_t days_from_civil(int year, int month, int day)
{
	static const short before[12] = {306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275};
	year -= month <= 2;
	return (int64_t)year * 365 + year / 4 - year / 100 + year / 400 + before[month - 1] + day - 1 - 719468;
}

static int days_in_month(int year, int month)
{
	static const char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return days[month - 1] + (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/*
 * 2026-03-01T09:30
 * sixteen bytes, checked at once: a digit's distance from '0' is at most 9, a separator's from itself 0.
 */
static bool date_and_minute(const char *p, int64_t *minutes)
{
	static const unsigned char shape[17] = "0000-00-00T00:00";
	static const unsigned char most[16] = {9, 9, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9};
	unsigned char d[16];
	simde__m128i off = simde_mm_xor_si128(load16(p), load16(shape));
	simde__m128i good = simde_mm_cmpeq_epi8(simde_mm_min_epu8(off, load16(most)), off);
	/* RFC 3339 also allows a lower-case t and, for people, a space. */
	int needed = p[10] == 't' || p[10] == ' ' ? 0xfbff : 0xffff;
	if ((simde_mm_movemask_epi8(good) & needed) != needed)
		return false;
	memcpy(d, &off, sizeof d);
	int year = d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3];
	int month = d[5] * 10 + d[6], day = d[8] * 10 + d[9], hour = d[11] * 10 + d[12], minute = d[14] * 10 + d[15];
	if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59)
		return false;
	if (day > 28 && day > days_in_month(year, month))
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

static bool rfc3339(const char *p, size_t len, int64_t *ms)
{
	const char *end = p + len;
	int64_t minutes;
	int offset, millis = 0, second = two(p + 17);
	if (!date_and_minute(p, &minutes) || p[16] != ':' || second < 0 || second > 60)
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
