#include "feed/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"

bool feed_parse_mix(const char *text, double mix[LEDGERS], struct err *err)
{
	double parsed[LEDGERS] = {0};
	for (const char *at = text; *at;) {
		size_t name = strcspn(at, "=,");
		enum ledger ledger;
		char *end;
		if (at[name] != '=' || !ledger_from((struct str){at, name}, &ledger)) {
			err_set(err, "must be like survey=60,relationship=10,social=25,review=5");
			return false;
		}
		parsed[ledger] = strtod(at + name + 1, &end);
		if (end == at + name + 1 || (*end != ',' && *end != '\0') ||
		    !(parsed[ledger] >= 0 && parsed[ledger] <= 1e9)) {
			err_set(err, "the weight of %.*s is no number", (int)name, at);
			return false;
		}
		at = *end ? end + 1 : end;
	}
	memcpy(mix, parsed, sizeof parsed);
	return true;
}

bool feed_parse_incident(const char *text, struct feed_incident *incident, struct err *err)
{
	size_t name = strcspn(text, ":"), start = text[name] ? strcspn(text + name + 1, ":") : 0;
	const char *start_at = text + name + 1, *length_at = start_at + start + 1;
	size_t length = text[name] && start_at[start] ? strcspn(length_at, ":") : 0;
	char *end = NULL;
	*incident = (struct feed_incident){0};
	if (name > 0 && name < sizeof incident->touchpoint && length > 0 && length_at[length] == ':' &&
	    units_duration((struct str){start_at, start}, &incident->start_ms) &&
	    units_duration((struct str){length_at, length}, &incident->length_ms)) {
		memcpy(incident->touchpoint, text, name);
		incident->detractors = strtod(length_at + length + 1, &end);
		if (end != length_at + length + 1 && *end == '\0' && incident->detractors >= 0 &&
		    incident->detractors <= 1)
			return true;
	}
	err_set(err, "must be TOUCHPOINT:START:LENGTH:SHARE, like delivery:10m:15m:0.7 (durations with ms, "
		     "s, m, h or d)");
	return false;
}
