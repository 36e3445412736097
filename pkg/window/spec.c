#include "window/window.h"

#define MINUTES_MAX ((int64_t)90 * 24 * 60)

static int64_t minutes_of_unit(char unit)
{
	switch (unit) {
	case 'm': return 1;
	case 'h': return 60;
	case 'd': return 24 * 60;
	default: return 0;
	}
}

bool window_spec_parse(struct str text, struct window_spec *spec, struct err *err)
{
	*spec = (struct window_spec){0};
	if (str_is(text, "today")) {
		memcpy(spec->name, "today", sizeof "today");
		return true;
	}
	int64_t number = 0;
	size_t digits = 0;
	while (digits < text.len && digits < 9 && text.at[digits] >= '0' && text.at[digits] <= '9')
		number = number * 10 + (text.at[digits++] - '0');
	int64_t unit = digits > 0 && digits + 1 == text.len ? minutes_of_unit(text.at[digits]) : 0;
	if (unit == 0) {
		err_set(err,
			"'%.*s' is no window: write 'today' or a whole number of minutes, hours or days such "
			"as 5m, 24h or 7d",
			(int)(text.len < 60 ? text.len : 60), text.at ? text.at : "");
		return false;
	}
	if (number < 1 || number * unit > MINUTES_MAX) {
		err_set(err, "a window of '%.*s' is out of range: 1m to 90d, or 'today'", (int)text.len,
			text.at);
		return false;
	}
	memcpy(spec->name, text.at, text.len);
	spec->length_s = number * unit * 60;
	return true;
}

int64_t window_spec_reach_s(const struct window_spec *spec)
{
	return spec->length_s ? spec->length_s : 25 * 3600;
}
