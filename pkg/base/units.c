#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* From large to small: formatting takes the first that divides the value. */
static const struct unit durations[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
					{"s", 1000},	 {"ms", 1},	 {NULL, 0}};
static const struct unit sizes[] = {
	{"GiB", 1LL << 30}, {"MiB", 1LL << 20}, {"KiB", 1LL << 10}, {"", 1}, {NULL, 0}};
static const struct unit decimal_sizes[] = {{"GB", 1000000000}, {"MB", 1000000}, {"kB", 1000},
					    {"KB", 1000},	{"B", 1},	 {NULL, 0}};

static const struct unit *unit_named(const struct unit *units, struct str name)
{
	for (; units->name != NULL; units++)
		if (str_is(name, units->name))
			return units;
	return NULL;
}

static void unit_format(const struct unit *units, int64_t value, char *out, size_t max)
{
	while (value % units->factor != 0 || (value == 0 && units->factor != 1))
		units++;
	snprintf(out, max, "%" PRId64 "%s", value / units->factor, units->name);
}

/* Digits with an optional point, then a unit: "1.5h". Whole numbers of the smallest unit only. */
static bool read_with_unit(struct str text, const struct unit *units, const struct unit *more, int64_t *out)
{
	int64_t whole = 0, scale = 1;
	size_t i = 0, digits = 0;
	bool point = false;
	for (; i < text.len && ((text.at[i] >= '0' && text.at[i] <= '9') || (text.at[i] == '.' && !point));
	     i++) {
		if (text.at[i] == '.') {
			point = true;
			continue;
		}
		if (++digits > 15 || __builtin_mul_overflow(scale, point ? 10 : 1, &scale))
			return false;
		whole = whole * 10 + (text.at[i] - '0');
	}
	while (i < text.len && text.at[i] == ' ')
		i++;
	struct str name = {text.at + i, text.len - i};
	const struct unit *unit = unit_named(units, name);
	if (unit == NULL && more != NULL)
		unit = unit_named(more, name);
	if (unit == NULL && (name.len > 0 || whole != 0)) /* only a duration of 0 needs no unit */
		return false;
	int64_t product;
	if (digits == 0 || __builtin_mul_overflow(whole, unit != NULL ? unit->factor : 1, &product) ||
	    product % scale != 0)
		return false;
	*out = product / scale;
	return true;
}

bool units_duration(struct str text, int64_t *ms)
{
	return read_with_unit(text, durations, NULL, ms);
}

bool units_bytes(struct str text, int64_t *bytes)
{
	return read_with_unit(text, sizes, decimal_sizes, bytes);
}

void units_duration_text(int64_t ms, char *out, size_t max)
{
	unit_format(durations, ms, out, max);
}

void units_bytes_text(int64_t bytes, char *out, size_t max)
{
	unit_format(sizes, bytes, out, max);
}
