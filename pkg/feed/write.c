#include "feed/feed_priv.h"

#include <string.h>

#include "base/number.h"

#define ANY (-1)
/* 2199 is beyond every machine's own date for some time. */
#define FAR_AHEAD "\"2199-01-01T00:00:00Z\""

const struct fault feed_faults[] = {
	{FEEDBACK_NOT_JSON, FAULT_CUT, 0, NULL, ANY},
	{FEEDBACK_NOT_JSON, FAULT_BEHIND, 0, "}", ANY},
	{FEEDBACK_NOT_JSON, FAULT_WHOLE, 0, "good service, will come again", ANY},
	{FEEDBACK_NOT_JSON, FAULT_WHOLE, 0, "{'id':'resp-1','score':9}", ANY},
	{FEEDBACK_NOT_JSON, FAULT_MEMBER, FEEDBACK_COMMENT, "\"a raw \x01 byte\"", ANY},
	{FEEDBACK_NOT_JSON, FAULT_MEMBER, FEEDBACK_SCORE, "09", LEDGER_SURVEY},
	{FEEDBACK_NOT_JSON, FAULT_MEMBER, FEEDBACK_SCORE, "NaN", LEDGER_SURVEY},
	{FEEDBACK_NOT_UTF8, FAULT_MEMBER, FEEDBACK_COMMENT, "\"caf\xE9\"", ANY},
	{FEEDBACK_NOT_UTF8, FAULT_MEMBER, FEEDBACK_COMMENT, "\"half a pair \xED\xA0\x80\"", ANY},
	{FEEDBACK_NOT_UTF8, FAULT_MEMBER, FEEDBACK_COMMENT, "\"overlong \xC0\xAF\"", ANY},
	{FEEDBACK_TOO_DEEP, FAULT_DEEP, FEEDBACK_DIMS, NULL, ANY},
	{FEEDBACK_NOT_OBJECT, FAULT_WHOLE, 0, "[{\"id\":\"resp-1\",\"score\":9}]", ANY},
	{FEEDBACK_NOT_OBJECT, FAULT_WHOLE, 0, "42", ANY},
	{FEEDBACK_NO_ID, FAULT_LEFT_OUT, FEEDBACK_ID, NULL, ANY},
	{FEEDBACK_NO_ID, FAULT_MEMBER, FEEDBACK_ID, "null", ANY},
	{FEEDBACK_NO_ID, FAULT_MEMBER, FEEDBACK_ID, "\"\"", ANY},
	{FEEDBACK_BAD_TYPE, FAULT_MEMBER, FEEDBACK_ID, "{\"value\":7}", ANY},
	{FEEDBACK_BAD_TYPE, FAULT_MEMBER, FEEDBACK_TOUCHPOINT, "[\"order\"]", ANY},
	{FEEDBACK_NO_TIME, FAULT_LEFT_OUT, FEEDBACK_TIME, NULL, ANY},
	{FEEDBACK_BAD_TIME, FAULT_MEMBER, FEEDBACK_TIME, "\"yesterday\"", ANY},
	{FEEDBACK_BAD_TIME, FAULT_MEMBER, FEEDBACK_TIME, "\"2026-02-30T10:00:00Z\"", ANY},
	{FEEDBACK_BAD_TIME, FAULT_MEMBER, FEEDBACK_UPDATED, "\"soon\"", ANY},
	{FEEDBACK_BAD_KIND, FAULT_MEMBER, FEEDBACK_KIND, "\"gossip\"", ANY},
	{FEEDBACK_BAD_SCORE, FAULT_MEMBER, FEEDBACK_SCORE, "6.5", LEDGER_SURVEY},
	{FEEDBACK_BAD_SCORE, FAULT_MEMBER, FEEDBACK_SCORE, "11", LEDGER_SURVEY},
	{FEEDBACK_BAD_SCORE, FAULT_MEMBER, FEEDBACK_SCORE, "-1", LEDGER_RELATIONSHIP},
	{FEEDBACK_BAD_SCORE, FAULT_MEMBER, FEEDBACK_SCORE, "null", LEDGER_SURVEY},
	{FEEDBACK_BAD_SCORE, FAULT_MEMBER, FEEDBACK_SCORE, "\"ten\"", LEDGER_SURVEY},
	{FEEDBACK_BAD_SCORE, FAULT_MEMBER, FEEDBACK_SCORE, "0", LEDGER_REVIEW},
	{FEEDBACK_BAD_SCORE, FAULT_MEMBER, FEEDBACK_SCORE, "6", LEDGER_REVIEW},
	{FEEDBACK_BAD_CLASS, FAULT_MEMBER, FEEDBACK_CLASS, "\"angry\"", LEDGER_SOCIAL},
	{FEEDBACK_BAD_CLASS, FAULT_MEMBER, FEEDBACK_SENTIMENT, "3.5", LEDGER_SOCIAL},
	{FEEDBACK_BAD_OP, FAULT_MEMBER, FEEDBACK_OP, "\"merge\"", ANY},
	{FEEDBACK_FUTURE, FAULT_MEMBER, FEEDBACK_TIME, FAR_AHEAD, ANY},
	{FEEDBACK_FUTURE, FAULT_MEMBER, FEEDBACK_UPDATED, FAR_AHEAD, ANY},
};
const unsigned feed_faults_count = sizeof feed_faults / sizeof *feed_faults;

struct writer {
	char *at;
	const struct fault *fault;
	bool first;
};

static void bytes(struct writer *w, const void *from, size_t len)
{
	memcpy(w->at, from, len);
	w->at += len;
}

static void text(struct writer *w, const char *t)
{
	bytes(w, t, strlen(t));
}

static void digits(struct writer *w, uint64_t value, int width)
{
	for (int i = width - 1; i >= 0; i--, value /= 10)
		w->at[i] = (char)('0' + value % 10);
	w->at += width;
}

/* Days since 1970 to a date: years are counted from March, so that the leap day comes last. */
static void date(struct writer *w, int64_t days)
{
	int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
		doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153, month = mp < 10 ? mp + 3 : mp - 9;
	digits(w, (uint64_t)(yoe + era * 400 + (month <= 2)), 4);
	text(w, "-");
	digits(w, (uint64_t)month, 2);
	text(w, "-");
	digits(w, (uint64_t)(doy - (153 * mp + 2) / 5 + 1), 2);
}

static void instant(struct writer *w, int64_t ms)
{
	uint64_t of_day = (uint64_t)(ms % 86400000);
	text(w, "\"");
	date(w, ms / 86400000);
	text(w, "T");
	digits(w, of_day / 3600000, 2);
	text(w, ":");
	digits(w, of_day / 60000 % 60, 2);
	text(w, ":");
	digits(w, of_day / 1000 % 60, 2);
	text(w, ".");
	digits(w, of_day % 1000, 3);
	text(w, "Z\"");
}

static void name(struct writer *w, enum feedback_field field)
{
	static const char *const names[FEEDBACK_FIELDS] = {"id",	 "time",     "updated", "kind",
							   "touchpoint", "score",    "class",	"sentiment",
							   "comment",	 "customer", "dims",	"op"};
	text(w, w->first ? "{\"" : ",\"");
	w->first = false;
	text(w, names[field]);
	text(w, "\":");
}

/* True: write the sound value now. The fault's own member is written here, whether the message has it or not. */
static bool member(struct writer *w, enum feedback_field field, bool present)
{
	const struct fault *fault = w->fault;
	bool faulty = fault && fault->field == field;
	if (faulty && fault->way == FAULT_MEMBER) {
		name(w, field);
		text(w, fault->text);
		return false;
	}
	if (faulty && fault->way == FAULT_DEEP) {
		name(w, field);
		memset(w->at, '[', 300);
		memset(w->at + 300, ']', 300);
		w->at += 600;
		return false;
	}
	if (!present || (faulty && fault->way == FAULT_LEFT_OUT))
		return false;
	name(w, field);
	return true;
}

size_t feed_write_id(char *out, uint64_t id)
{
	struct writer w = {out, NULL, false};
	text(&w, "resp-");
	digits(&w, id, 12);
	return (size_t)(w.at - out);
}

static const char *class_of(int bin)
{
	return bin == BIN_NEGATIVE ? "\"negative\"" : bin == BIN_POSITIVE ? "\"positive\"" : "\"neutral\"";
}

static void opinion(struct writer *w, const struct plan *plan)
{
	bool social = plan->ledger == LEDGER_SOCIAL,
	     read = social && plan->bin >= 0 && plan->bin != BIN_UNREAD;
	bool number = read && plan->words % 5 == 0; /* one reader in five gives a number */
	if (member(w, FEEDBACK_SCORE, !social && plan->bin >= 0)) {
		char digits_of[NUMBER_BYTES];
		bytes(w, digits_of, number_whole(digits_of, plan->bin));
	}
	if (member(w, FEEDBACK_CLASS, read && !number))
		text(w, class_of(plan->bin));
	if (member(w, FEEDBACK_SENTIMENT, read && number))
		text(w, plan->bin == BIN_NEGATIVE ? "-0.82" : plan->bin == BIN_POSITIVE ? "0.91" : "0");
	if (member(w, FEEDBACK_COMMENT, plan->flags & PLAN_COMMENT)) {
		static const uint8_t faces[LEDGERS][BINS] = {{0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2},
							     {0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2},
							     {0, 1, 2, 1},
							     {0, 0, 0, 1, 2, 2}};
		text(w, "\"");
		w->at += feed_comment(w->at, plan->theme, faces[plan->ledger][plan->felt], plan->words,
				      social);
		text(w, "\"");
	}
}

/* Who answered and what it was about follows from the id, so that all versions of a response agree. */
static void transaction(struct writer *w, const struct plan *plan)
{
	static const char *const channels[] = {"web", "app", "phone", "store"};
	static const char *const segments[] = {"home", "business", "student"};
	static const char *const products[] = {"fibre-100", "fibre-500", "mobile-m", "mobile-xl", "tv-basic"};
	uint64_t who = dice_mix(plan->id);
	bool upsert = !(plan->flags & PLAN_DELETION);
	if (member(w, FEEDBACK_CUSTOMER, upsert)) {
		text(w, "\"c-");
		digits(w, who % 1000000, 7);
		text(w, "\"");
	}
	if (member(w, FEEDBACK_DIMS, upsert && plan->ledger != LEDGER_SOCIAL)) {
		text(w, "{\"store\":\"store-");
		digits(w, who / 7 % 120, 3);
		text(w, "\",\"team\":\"team-");
		digits(w, who / 11 % 12, 2);
		text(w, "\",\"channel\":\"");
		text(w, channels[who / 13 % 4]);
		text(w, "\",\"product\":\"");
		text(w, products[who / 17 % 5]);
		text(w, "\",\"segment\":\"");
		text(w, segments[who / 19 % 3]);
		text(w, "\"}");
	}
	if (member(w, FEEDBACK_OP, !upsert))
		text(w, "\"delete\"");
}

static void sound(struct writer *w, const struct plan *plan, struct str touchpoint)
{
	bool upsert = !(plan->flags & PLAN_DELETION);
	if (member(w, FEEDBACK_ID, true)) {
		text(w, "\"");
		w->at += feed_write_id(w->at, plan->id);
		text(w, "\"");
	}
	if (member(w, FEEDBACK_TIME, upsert))
		instant(w, plan->time_ms);
	if (member(w, FEEDBACK_UPDATED, plan->updated_ms != FEEDBACK_NO_VERSION))
		instant(w, plan->updated_ms);
	if (member(w, FEEDBACK_KIND, upsert)) {
		text(w, "\"");
		text(w, ledger_name(plan->ledger));
		text(w, "\"");
	}
	if (member(w, FEEDBACK_TOUCHPOINT, upsert && touchpoint.len)) {
		text(w, "\"");
		bytes(w, touchpoint.at, touchpoint.len);
		text(w, "\"");
	}
	if (upsert)
		opinion(w, plan);
	transaction(w, plan);
	text(w, "}");
}

size_t feed_write(char out[FEED_MESSAGE_MAX], const struct plan *plan, struct str touchpoint)
{
	const struct fault *fault = plan->fault ? &feed_faults[plan->fault - 1] : NULL;
	bool by_member = fault && (fault->way == FAULT_MEMBER || fault->way == FAULT_LEFT_OUT ||
				   fault->way == FAULT_DEEP);
	struct writer w = {out, by_member ? fault : NULL, true};
	if (fault && fault->way == FAULT_WHOLE) {
		text(&w, fault->text);
		return (size_t)(w.at - out);
	}
	sound(&w, plan, touchpoint);
	if (fault && fault->way == FAULT_BEHIND)
		text(&w, fault->text);
	if (fault && fault->way == FAULT_CUT)
		return 1 + plan->words % (size_t)(w.at - out - 1); /* never all, never nothing */
	return (size_t)(w.at - out);
}
