#include "feedback/feedback_priv.h"

#include "base/must.h"

static const char *const ledgers[LEDGERS] = {"survey", "relationship", "social", "review"};

static const char *const fields[FEEDBACK_FIELDS] = {
	"id",	 "time",      "updated", "kind",     "touchpoint", "score",
	"class", "sentiment", "comment", "customer", "dims",	   "op",
};

static const struct {
	const char *code, *sentence;
} reasons[FEEDBACK_REASONS] = {
	[FEEDBACK_OK] = {"ok", "The message was read."},
	[FEEDBACK_NOT_JSON] = {"not_json",
			       "The message is not valid JSON (RFC 8259), or more bytes follow its value."},
	[FEEDBACK_NOT_UTF8] = {"not_utf8",
			       "The text is not valid UTF-8, or escapes half of a surrogate pair."},
	[FEEDBACK_TOO_DEEP] = {"too_deep", "Objects and arrays are nested deeper than the limit."},
	[FEEDBACK_TOO_LARGE] = {"too_large", "The message has more bytes than the limit."},
	[FEEDBACK_NOT_OBJECT] = {"not_object", "The message is JSON, but not an object."},
	[FEEDBACK_NO_ID] = {"no_id", "The response has no id: the member is absent, null or empty."},
	[FEEDBACK_BAD_TYPE] =
		{"bad_type",
		 "A mapped member is of a type that its field can't have, such as an object for the id."},
	[FEEDBACK_NO_TIME] = {"no_time", "The response does not say when it was given."},
	[FEEDBACK_BAD_TIME] = {"bad_time",
			       "`time` or `updated` is neither RFC 3339 with an offset nor epoch seconds, "
			       "milliseconds or microseconds, or lies outside the years 1970 to 2262."},
	[FEEDBACK_BAD_KIND] = {"bad_kind",
			       "The kind is none of survey, transactional, relationship, social and review."},
	[FEEDBACK_BAD_SCORE] = {"bad_score",
				"The score is no whole number from 0 to 10, or for reviews from 1 to 5."},
	[FEEDBACK_BAD_CLASS] =
		{"bad_class",
		 "`class` is none of positive, neutral and negative, or `sentiment` no number from -1 to 1."},
	[FEEDBACK_BAD_OP] = {"bad_op", "The op is neither upsert nor delete."},
	[FEEDBACK_LATE] = {"late", "The time is further back than the longest window reaches."},
	[FEEDBACK_FUTURE] = {"future", "`time` or `updated` is too far ahead of the clock."},
	[FEEDBACK_BAD_BUNDLE] = {"bad_bundle", "A record of Corridor's own topics can't be read."},
};

const char *ledger_name(enum ledger ledger)
{
	must(ledger < LEDGERS);
	return ledgers[ledger];
}

bool ledger_from(struct str name, enum ledger *out)
{
	for (int i = 0; i < LEDGERS; i++) {
		if (str_is(name, ledgers[i])) {
			*out = (enum ledger)i;
			return true;
		}
	}
	return false;
}

const char *feedback_field_name(enum feedback_field field)
{
	must(field < FEEDBACK_FIELDS);
	return fields[field];
}

const char *feedback_reason_code(enum feedback_reason reason)
{
	must(reason < FEEDBACK_REASONS);
	return reasons[reason].code;
}

const char *feedback_reason_sentence(enum feedback_reason reason)
{
	must(reason < FEEDBACK_REASONS);
	return reasons[reason].sentence;
}
