#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "feedback/feedback_priv.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define OWN_SHAPE   ((struct feedback_mapping){.bytes_max = 4096})

static struct feedback_decoder *decoder_of(struct feedback_mapping mapping)
{
	struct err err = {0};
	struct feedback_decoder *decoder = feedback_create(&mapping, &err);
	if (decoder == NULL)
		fail_msg("%s", err.text);
	return decoder;
}

/* The bytes go into a block of exactly their length, so that a read behind them is found. */
static enum feedback_reason decode(struct feedback_decoder *decoder, struct str text, struct feedback *out)
{
	static char *kept[64];
	static unsigned next;
	char **slot = &kept[next++ % COUNT(kept)];
	free(*slot);
	*slot = malloc(text.len ? text.len : 1);
	memcpy(*slot, text.at, text.len);
	return feedback_decode(decoder, (struct str){*slot, text.len}, out);
}

#define SAME(got, want)                                                                                      \
	do {                                                                                                 \
		if (!str_is(got, want))                                                                      \
			fail_msg("\"%.*s\" instead of \"%s\"", (int)(got).len, (got).at, want);              \
	} while (0)

static void a_whole_response_is_read(void **state)
{
	static const char text[] = "{\"id\":\"r-17\",\"time\":\"2026-03-01T09:30:15.250Z\",\"updated\":"
				   "1772357500,\"kind\":\"relationship\","
				   "\"touchpoint\":\"Check-in\",\"score\":9,\"comment\":\"Quick \\\"and\\\" "
				   "friendly\\n\\u00e9 \\ud83d\\ude00\","
				   "\"customer\":4711,\"dims\":{\"store\":\"Ulm\",\"lane\":7,\"loyal\":true,"
				   "\"agent\":null},\"source\":[{\"x\":[1,2.5e3]}]}";
	(void)state;
	struct feedback_decoder *decoder = decoder_of(OWN_SHAPE);
	struct feedback got;
	assert_int_equal(decode(decoder, str_of(text), &got), FEEDBACK_OK);
	SAME(got.id, "r-17");
	assert_int_equal(got.time_ms, 1772357415250);
	assert_int_equal(got.updated_ms, 1772357500000);
	assert_int_equal(got.ledger, LEDGER_RELATIONSHIP);
	assert_false(got.deletion);
	assert_int_equal(got.bin, 9);
	SAME(got.touchpoint, "Check-in");
	SAME(got.comment, "Quick \"and\" friendly\n\xC3\xA9 \xF0\x9F\x98\x80");
	SAME(got.customer, "4711");
	assert_int_equal(got.dims_count, 3);
	SAME(got.dims[0].name, "store");
	SAME(got.dims[0].value, "Ulm");
	SAME(got.dims[1].name, "lane");
	SAME(got.dims[1].value, "7");
	SAME(got.dims[2].name, "loyal");
	SAME(got.dims[2].value, "true");
	feedback_destroy(decoder);
}

static void every_reason_is_given(void **state)
{
	static const struct {
		const char *text;
		enum feedback_reason reason;
	} rows[] = {
		{"", FEEDBACK_NOT_JSON},
		{" ", FEEDBACK_NOT_JSON},
		{"{", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1}}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1} {}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,}", FEEDBACK_NOT_JSON},
		{"{\"id\":1 \"time\":1}", FEEDBACK_NOT_JSON},
		{"{\"id\" 1,\"time\":1}", FEEDBACK_NOT_JSON},
		{"{,\"id\":1,\"time\":1}", FEEDBACK_NOT_JSON},
		{"{id:1,\"time\":1}", FEEDBACK_NOT_JSON},
		{"{'id':1,\"time\":1}", FEEDBACK_NOT_JSON},
		{"{\"id\":01,\"time\":1}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":+1}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1.}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":.5}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1e}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":-}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":0x10}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":NaN}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":nul}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":truer}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":[1,]}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":[1}]", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":[1 2]}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":{\"a\"}}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":{\"a\":1,}}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":\"a", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":\"\\x\"}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":\"\\u12G4\"}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":\"tab\there\"}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1} // so", FEEDBACK_NOT_JSON},
		{"\xEF\xBB\xBF{\"id\":1,\"time\":1}", FEEDBACK_NOT_JSON},
		{"{\"id\":1,\"time\":1,\"x\":\"\\ud800\"}", FEEDBACK_NOT_UTF8},
		{"{\"id\":1,\"time\":1,\"x\":\"\\ude00\\ud83d\"}", FEEDBACK_NOT_UTF8},
		{"{\"id\":1,\"time\":1,\"x\":\"\\ud83d\\u0041\"}", FEEDBACK_NOT_UTF8},
		{"{\"id\":1,\"time\":1,\"x\":\"\xC0\xAF\"}", FEEDBACK_NOT_UTF8}, /* overlong / */
		{"{\"id\":1,\"time\":1,\"x\":\"\xE0\x80\xAF\"}", FEEDBACK_NOT_UTF8},
		{"{\"id\":1,\"time\":1,\"x\":\"\xF0\x80\x80\xAF\"}", FEEDBACK_NOT_UTF8},
		{"{\"id\":1,\"time\":1,\"x\":\"\xED\xA0\x80\"}", FEEDBACK_NOT_UTF8}, /* surrogate */
		{"{\"id\":1,\"time\":1,\"x\":\"\xF4\x90\x80\x80\"}", FEEDBACK_NOT_UTF8}, /* U+110000 */
		{"{\"id\":1,\"time\":1,\"x\":\"\x80\"}", FEEDBACK_NOT_UTF8},
		{"{\"id\":1,\"time\":1,\"x\":\"\xC3\"}", FEEDBACK_NOT_UTF8},
		{"{\"id\":1,\"time\":1,\"x\":\"\xFF\"}", FEEDBACK_NOT_UTF8},
		{"{\"\xC3\":1,\"id\":1,\"time\":1}", FEEDBACK_NOT_UTF8},
		{"[]", FEEDBACK_NOT_OBJECT},
		{"17", FEEDBACK_NOT_OBJECT},
		{" \"id\" ", FEEDBACK_NOT_OBJECT},
		{"null", FEEDBACK_NOT_OBJECT},
		{"[1", FEEDBACK_NOT_JSON},
		{"{}", FEEDBACK_NO_ID},
		{"{\"time\":1,\"score\":9}", FEEDBACK_NO_ID},
		{"{\"id\":null,\"time\":1}", FEEDBACK_NO_ID},
		{"{\"id\":\"\",\"time\":1}", FEEDBACK_NO_ID},
		{"{\"id\":1.5,\"time\":1}", FEEDBACK_BAD_TYPE},
		{"{\"id\":true,\"time\":1}", FEEDBACK_BAD_TYPE},
		{"{\"id\":{},\"time\":1}", FEEDBACK_BAD_TYPE},
		{"{\"id\":[\"a\"],\"time\":1}", FEEDBACK_BAD_TYPE},
		{"{\"id\":1,\"time\":1,\"touchpoint\":2.5}", FEEDBACK_BAD_TYPE},
		{"{\"id\":1,\"time\":1,\"touchpoint\":[]}", FEEDBACK_BAD_TYPE},
		{"{\"id\":1,\"time\":1,\"comment\":17}", FEEDBACK_BAD_TYPE},
		{"{\"id\":1,\"time\":1,\"customer\":false}", FEEDBACK_BAD_TYPE},
		{"{\"id\":1,\"time\":1,\"dims\":\"store\"}", FEEDBACK_BAD_TYPE},
		{"{\"id\":1,\"time\":1,\"dims\":[]}", FEEDBACK_BAD_TYPE},
		{"{\"id\":1,\"time\":1,\"dims\":{\"a\":{}}}", FEEDBACK_BAD_TYPE},
		{"{\"id\":1,\"time\":1,\"dims\":{\"a\":[1]}}", FEEDBACK_BAD_TYPE},
		{"{\"id\":1}", FEEDBACK_NO_TIME},
		{"{\"id\":1,\"time\":null}", FEEDBACK_NO_TIME},
		{"{\"id\":1,\"time\":\"\"}", FEEDBACK_BAD_TIME},
		{"{\"id\":1,\"time\":\"yesterday\"}", FEEDBACK_BAD_TIME},
		{"{\"id\":1,\"time\":-1}", FEEDBACK_BAD_TIME},
		{"{\"id\":1,\"time\":true}", FEEDBACK_BAD_TIME},
		{"{\"id\":1,\"time\":{}}", FEEDBACK_BAD_TIME},
		{"{\"id\":1,\"time\":1e400}", FEEDBACK_BAD_TIME},
		{"{\"id\":1,\"time\":1,\"updated\":\"\"}", FEEDBACK_BAD_TIME},
		{"{\"id\":1,\"time\":1,\"updated\":false}", FEEDBACK_BAD_TIME},
		{"{\"id\":1,\"op\":\"delete\",\"updated\":\"soon\"}", FEEDBACK_BAD_TIME},
		{"{\"id\":1,\"time\":1,\"kind\":\"nps\"}", FEEDBACK_BAD_KIND},
		{"{\"id\":1,\"time\":1,\"kind\":\"\"}", FEEDBACK_BAD_KIND},
		{"{\"id\":1,\"time\":1,\"kind\":0}", FEEDBACK_BAD_KIND},
		{"{\"id\":1,\"op\":\"delete\",\"kind\":\"nps\"}", FEEDBACK_BAD_KIND},
		{"{\"id\":1,\"time\":1,\"score\":11}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":-1}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":6.5}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":null}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":true}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":\"\"}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":\" 9\"}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":\"09\"}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":\"9 of 10\"}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":\"0x9\"}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":\"nine\"}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":99999999999999999999}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":1e400}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"score\":[9]}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"kind\":\"review\",\"score\":0}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"kind\":\"review\",\"score\":6}", FEEDBACK_BAD_SCORE},
		{"{\"id\":1,\"time\":1,\"kind\":\"social\",\"class\":\"good\"}", FEEDBACK_BAD_CLASS},
		{"{\"id\":1,\"time\":1,\"kind\":\"social\",\"class\":1}", FEEDBACK_BAD_CLASS},
		{"{\"id\":1,\"time\":1,\"kind\":\"social\",\"sentiment\":1.01}", FEEDBACK_BAD_CLASS},
		{"{\"id\":1,\"time\":1,\"kind\":\"social\",\"sentiment\":\"0.3\"}", FEEDBACK_BAD_CLASS},
		{"{\"id\":1,\"time\":1,\"op\":\"remove\"}", FEEDBACK_BAD_OP},
		{"{\"id\":1,\"time\":1,\"op\":3}", FEEDBACK_BAD_OP},
	};
	(void)state;
	struct feedback_decoder *decoder = decoder_of(OWN_SHAPE);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct feedback got;
		enum feedback_reason reason = decode(decoder, str_of(rows[i].text), &got);
		if (reason != rows[i].reason)
			fail_msg("%s: %s instead of %s", rows[i].text, feedback_reason_code(reason),
				 feedback_reason_code(rows[i].reason));
		feedback_reset(decoder);
	}
	feedback_destroy(decoder);
}

/* Syntax before content, then one fixed order: whoever mends a source sees the same reason until it is mended. */
static void the_first_fault_in_order_is_named(void **state)
{
	static const struct {
		const char *text;
		enum feedback_reason reason;
	} rows[] = {
		{"{\"score\":99,\"op\":1,\"time\":[],\"kind\":0,\"updated\":0.1x}", FEEDBACK_NOT_JSON},
		{"{\"score\":99,\"op\":1,\"time\":[],\"kind\":0,\"updated\":{}}", FEEDBACK_NO_ID},
		{"{\"score\":99,\"op\":1,\"time\":[],\"kind\":0,\"updated\":{},\"id\":1}", FEEDBACK_BAD_OP},
		{"{\"score\":99,\"time\":1,\"kind\":0,\"updated\":{},\"id\":1}", FEEDBACK_BAD_TIME},
		{"{\"score\":99,\"kind\":0,\"id\":1}", FEEDBACK_BAD_KIND},
		{"{\"score\":99,\"id\":1,\"dims\":1}", FEEDBACK_NO_TIME},
		{"{\"dims\":1,\"score\":99,\"id\":1,\"time\":1}", FEEDBACK_BAD_SCORE},
	};
	(void)state;
	struct feedback_decoder *decoder = decoder_of(OWN_SHAPE);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct feedback got;
		enum feedback_reason reason = decode(decoder, str_of(rows[i].text), &got);
		if (reason != rows[i].reason)
			fail_msg("%s: %s", rows[i].text, feedback_reason_code(reason));
	}
	feedback_destroy(decoder);
}

static void scores_and_classes_become_bins(void **state)
{
	static const struct {
		const char *members;
		enum ledger ledger;
		int bin;
	} rows[] = {
		{"\"score\":0", LEDGER_SURVEY, 0},
		{"\"score\":10", LEDGER_SURVEY, 10},
		{"\"score\":\"9\"", LEDGER_SURVEY, 9},
		{"\"score\":\"10\"", LEDGER_SURVEY, 10},
		{"\"score\":\"\\u0039\"", LEDGER_SURVEY, 9},
		{"\"score\":9.0", LEDGER_SURVEY, 9},
		{"\"score\":9e0", LEDGER_SURVEY, 9},
		{"\"score\":0.9E+1", LEDGER_SURVEY, 9},
		{"\"score\":100e-1", LEDGER_SURVEY, 10},
		{"\"score\":-0", LEDGER_SURVEY, 0},
		{"\"comment\":\"later\"", LEDGER_SURVEY, BIN_NONE},
		{"\"score\":3,\"score\":8", LEDGER_SURVEY, 8},
		{"\"kind\":\"transactional\",\"score\":8", LEDGER_SURVEY, 8},
		{"\"kind\":null,\"score\":8", LEDGER_SURVEY, 8},
		{"\"kind\":\"survey\",\"score\":8,\"class\":\"rude\",\"sentiment\":9", LEDGER_SURVEY, 8},
		{"\"kind\":\"relationship\",\"score\":7", LEDGER_RELATIONSHIP, 7},
		{"\"kind\":\"review\",\"score\":1", LEDGER_REVIEW, 1},
		{"\"kind\":\"review\",\"score\":\"5\"", LEDGER_REVIEW, 5},
		{"\"kind\":\"review\"", LEDGER_REVIEW, BIN_NONE},
		{"\"kind\":\"social\"", LEDGER_SOCIAL, BIN_UNREAD},
		{"\"kind\":\"social\",\"score\":99", LEDGER_SOCIAL, BIN_UNREAD},
		{"\"kind\":\"social\",\"class\":null,\"sentiment\":null", LEDGER_SOCIAL, BIN_UNREAD},
		{"\"kind\":\"social\",\"class\":\"positive\"", LEDGER_SOCIAL, BIN_POSITIVE},
		{"\"kind\":\"social\",\"class\":\"neutral\"", LEDGER_SOCIAL, BIN_NEUTRAL},
		{"\"kind\":\"social\",\"class\":\"negative\",\"sentiment\":0.9", LEDGER_SOCIAL, BIN_NEGATIVE},
		{"\"kind\":\"social\",\"sentiment\":0.05", LEDGER_SOCIAL, BIN_POSITIVE},
		{"\"kind\":\"social\",\"sentiment\":0.0499", LEDGER_SOCIAL, BIN_NEUTRAL},
		{"\"kind\":\"social\",\"sentiment\":-0.0499", LEDGER_SOCIAL, BIN_NEUTRAL},
		{"\"kind\":\"social\",\"sentiment\":-5e-2", LEDGER_SOCIAL, BIN_NEGATIVE},
		{"\"kind\":\"social\",\"sentiment\":-1", LEDGER_SOCIAL, BIN_NEGATIVE},
		{"\"kind\":\"social\",\"sentiment\":1.0", LEDGER_SOCIAL, BIN_POSITIVE},
	};
	(void)state;
	struct feedback_decoder *decoder = decoder_of(OWN_SHAPE);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[200];
		struct feedback got;
		int len = snprintf(text, sizeof text, "{\"id\":1,%s,\"time\":1}", rows[i].members);
		enum feedback_reason reason = decode(decoder, (struct str){text, (size_t)len}, &got);
		if (reason != FEEDBACK_OK || got.ledger != rows[i].ledger || got.bin != rows[i].bin)
			fail_msg("%s: %s, ledger %d, bin %d", text, feedback_reason_code(reason), got.ledger,
				 got.bin);
	}
	feedback_destroy(decoder);
}

static void a_deletion_needs_only_the_id(void **state)
{
	(void)state;
	struct feedback_decoder *decoder = decoder_of(OWN_SHAPE);
	struct feedback got;
	assert_int_equal(decode(decoder, STR("{\"op\":\"delete\",\"id\":12345678901234567890123}"), &got),
			 FEEDBACK_OK);
	assert_true(got.deletion);
	SAME(got.id, "12345678901234567890123");
	assert_true(got.updated_ms == FEEDBACK_NO_VERSION);
	struct str broken = STR("{\"op\":\"delete\",\"id\":\"a\",\"updated\":5,\"time\":[],\"score\":99,"
				"\"dims\":3,\"kind\":\"social\"}");
	assert_int_equal(decode(decoder, broken, &got), FEEDBACK_OK);
	assert_int_equal(got.updated_ms, 5000);
	assert_int_equal(got.ledger, LEDGER_SOCIAL);
	assert_int_equal(got.comment.len + got.touchpoint.len + got.customer.len + got.dims_count, 0);
	feedback_destroy(decoder);
}

static void absent_is_empty(void **state)
{
	(void)state;
	struct feedback_decoder *decoder = decoder_of(OWN_SHAPE);
	struct feedback got;
	struct str nulls = STR("{\"id\":-0,\"time\":1,\"updated\":null,\"touchpoint\":null,\"comment\":null,"
			       "\"customer\":null,"
			       "\"dims\":null,\"op\":null}");
	assert_int_equal(decode(decoder, nulls, &got), FEEDBACK_OK);
	SAME(got.id, "0");
	assert_true(got.updated_ms == FEEDBACK_NO_VERSION);
	assert_int_equal(got.touchpoint.len + got.comment.len + got.customer.len + got.dims_count, 0);
	assert_false(got.deletion);
	feedback_destroy(decoder);
}

/* Every way to write the same is the same; every change of what counts is not. `updated` is the version, not the content. */
static void content_is_what_makes_versions_equal(void **state)
{
	static const char *const same[] = {
		"{\"id\":1,\"time\":60,\"touchpoint\":\"T\",\"score\":9,\"comment\":\"a\xC3\xA9\","
		"\"customer\":\"c\",\"dims\":{\"x\":\"1\",\"y\":\"2\"}}",
		("{\"dims\":{\"y\":2,\"x\":1},\"comment\":\"\\u0061\\u00e9\",\"score\":\"9\",\"customer\":"
		 "\"c\",\"touchpoint\":\"T\","
		 "\"time\":\"1970-01-01T00:01:00Z\",\"id\":1,\"updated\":99}"),
		("{\"dims\":{\"x\":3,\"x\":1,\"y\":2,\"z\":null},\"comment\":\"a\xC3\xA9\",\"score\":9.0,"
		 "\"customer\":\"c\",\"touchpoint\":\"T\","
		 "\"time\":60,\"id\":1,\"other\":7}"),
	};
	static const char *const other[] = {
		"{\"id\":1,\"time\":61,\"touchpoint\":\"T\",\"score\":9,\"comment\":\"a\xC3\xA9\","
		"\"customer\":\"c\",\"dims\":{\"x\":\"1\",\"y\":\"2\"}}",
		"{\"id\":1,\"time\":60,\"touchpoint\":\"U\",\"score\":9,\"comment\":\"a\xC3\xA9\","
		"\"customer\":\"c\",\"dims\":{\"x\":\"1\",\"y\":\"2\"}}",
		"{\"id\":1,\"time\":60,\"touchpoint\":\"T\",\"score\":8,\"comment\":\"a\xC3\xA9\","
		"\"customer\":\"c\",\"dims\":{\"x\":\"1\",\"y\":\"2\"}}",
		"{\"id\":1,\"time\":60,\"touchpoint\":\"T\",\"comment\":\"a\xC3\xA9\",\"customer\":\"c\","
		"\"dims\":{\"x\":\"1\",\"y\":\"2\"}}",
		"{\"id\":1,\"time\":60,\"touchpoint\":\"T\",\"score\":9,\"customer\":\"c\",\"dims\":{\"x\":"
		"\"1\",\"y\":\"2\"}}",
		"{\"id\":1,\"time\":60,\"touchpoint\":\"T\",\"score\":9,\"comment\":\"a\xC3\xA9\",\"dims\":{"
		"\"x\":\"1\",\"y\":\"2\"}}",
		"{\"id\":1,\"time\":60,\"touchpoint\":\"T\",\"score\":9,\"comment\":\"a\xC3\xA9\","
		"\"customer\":\"c\",\"dims\":{\"x\":\"2\",\"y\":\"1\"}}",
		"{\"id\":1,\"time\":60,\"touchpoint\":\"T\",\"score\":9,\"comment\":\"a\xC3\xA9\","
		"\"customer\":\"c\",\"dims\":{\"x\":\"1\"}}",
		"{\"id\":1,\"time\":60,\"touchpoint\":\"T\",\"score\":9,\"comment\":\"c\",\"customer\":"
		"\"a\xC3\xA9\",\"dims\":{\"x\":\"1\",\"y\":\"2\"}}",
		("{\"id\":1,\"time\":60,\"kind\":\"relationship\",\"touchpoint\":\"T\",\"score\":9,"
		 "\"comment\":\"a\xC3\xA9\",\"customer\":\"c\","
		 "\"dims\":{\"x\":\"1\",\"y\":\"2\"}}"),
	};
	(void)state;
	struct feedback_decoder *decoder = decoder_of(OWN_SHAPE);
	struct feedback first, got;
	assert_int_equal(decode(decoder, str_of(same[0]), &first), FEEDBACK_OK);
	for (size_t i = 1; i < COUNT(same); i++) {
		assert_int_equal(decode(decoder, str_of(same[i]), &got), FEEDBACK_OK);
		assert_int_equal(got.content, first.content);
	}
	for (size_t i = 0; i < COUNT(other); i++) {
		assert_int_equal(decode(decoder, str_of(other[i]), &got), FEEDBACK_OK);
		if (got.content == first.content)
			fail_msg("same content as the first: %s", other[i]);
	}
	feedback_destroy(decoder);
}

static void more_dims_than_fit_are_dropped(void **state)
{
	(void)state;
	struct feedback_decoder *decoder = decoder_of(OWN_SHAPE);
	char text[1000];
	size_t len = (size_t)sprintf(text, "{\"id\":1,\"time\":1,\"dims\":{");
	for (int i = 0; i < 20; i++)
		len += (size_t)sprintf(text + len, "%s\"d%d\":\"v%d\"", i ? "," : "", i, i);
	len += (size_t)sprintf(text + len, ",\"d3\":\"again\",\"d18\":[]}}");
	struct feedback got;
	assert_int_equal(decode(decoder, (struct str){text, len}, &got), FEEDBACK_OK);
	assert_int_equal(got.dims_count, FEEDBACK_DIMS_MAX);
	SAME(got.dims[15].value, "v15");
	SAME(got.dims[3].value, "again");
	feedback_destroy(decoder);
}

static void limits_hold(void **state)
{
	(void)state;
	struct feedback_decoder *decoder =
		decoder_of((struct feedback_mapping){.bytes_max = 100, .depth_max = 3});
	struct feedback got;
	char text[101];
	memset(text, ' ', sizeof text);
	memcpy(text, "{\"id\":1,\"time\":1}", 17);
	assert_int_equal(decode(decoder, (struct str){text, 100}, &got), FEEDBACK_OK);
	assert_int_equal(decode(decoder, (struct str){text, 101}, &got), FEEDBACK_TOO_LARGE);
	assert_int_equal(decode(decoder, STR("{\"id\":1,\"time\":1,\"x\":[[]]}"), &got), FEEDBACK_OK);
	assert_int_equal(decode(decoder, STR("{\"id\":1,\"time\":1,\"x\":[[],[{}]]}"), &got),
			 FEEDBACK_TOO_DEEP);
	assert_int_equal(decode(decoder, STR("[[[[1]]]]"), &got), FEEDBACK_TOO_DEEP);
	feedback_destroy(decoder);
}

/* Where jansson leaves RFC 8259 the RFC stands: these four it would judge otherwise. */
static void the_rfc_stands_where_jansson_leaves_it(void **state)
{
	(void)state;
	struct feedback_decoder *decoder = decoder_of(OWN_SHAPE);
	struct feedback got;
	assert_int_equal(decode(decoder, STR("{\"id\":1,\"time\":1,\"x\":1e400}"), &got), FEEDBACK_OK);
	assert_int_equal(decode(decoder, STR("{\"id\":1,\"time\":1,\"x\":-99999999999999999999}"), &got),
			 FEEDBACK_OK);
	assert_int_equal(decode(decoder, STR("{\"id\":1,\"time\":1,\"\\u0000\":2}"), &got), FEEDBACK_OK);
	assert_int_equal(decode(decoder, (struct str){"17\0", 3}, &got), FEEDBACK_NOT_JSON);
	assert_int_equal(decode(decoder, (struct str){"{\"id\":1,\"time\":1}\0", 18}, &got),
			 FEEDBACK_NOT_JSON);
	assert_int_equal(decode(decoder, STR("{\"id\":\"a\\u0000b\",\"time\":1}"), &got), FEEDBACK_OK);
	assert_int_equal(got.id.len, 3);
	assert_memory_equal(got.id.at, "a\0b", 3);
	feedback_destroy(decoder);
}

/* What was remembered of the last message must never leak into the next: order, spacing, absent and doubled members. */
static void memory_of_the_last_message_changes_nothing(void **state)
{
	static const struct {
		const char *text;
		int score;
		const char *comment;
	} rows[] = {
		{"{\"id\":1,\"time\":1,\"score\":1,\"comment\":\"a\"}", 1, "a"},
		{"{\"id\":1,\"time\":1,\"score\":2,\"comment\":\"b\"}", 2, "b"},
		{"{\"id\":1,\"time\":1,\"comment\":\"c\"}", BIN_NONE, "c"},
		{"{\"comment\":\"d\",\"score\":4,\"id\":1,\"time\":1}", 4, "d"},
		{"{ \"id\": 1, \"time\": 1, \"score\": 5, \"comment\": \"e\" }", 5, "e"},
		{"{ \"id\": 1, \"time\": 1, \"score\": 6, \"comment\": \"f\" }", 6, "f"},
		{"{\"id\":1,\"time\":1,\"score\":7,\"score\":8,\"comment\":\"g\"}", 8, "g"},
		{"{\"id\":1,\"time\":1,\"scores\":7,\"commen\":\"h\"}", BIN_NONE, ""},
		{"{\"id\":1,\"time\":1,\"score\" :\n9,\"comment\":\t\"i\"\r\n}\n", 9, "i"},
		{"{\"id\":1,\"time\":1}", BIN_NONE, ""},
		{"{\"id\":1,\"\\u0074ime\":1,\"\\u0073core\":3,\"c\\u006fmment\":\"j\"}", 3, "j"},
	};
	(void)state;
	struct feedback_decoder *decoder = decoder_of(OWN_SHAPE);
	for (size_t round = 0; round < 2 * COUNT(rows) * COUNT(rows); round++) {
		size_t i = round % 2 ? round / 2 % COUNT(rows) : round / 2 / COUNT(rows);
		struct feedback got;
		enum feedback_reason reason = decode(decoder, str_of(rows[i].text), &got);
		if (reason != FEEDBACK_OK || got.bin != rows[i].score)
			fail_msg("round %zu, %s: %s, %d", round, rows[i].text, feedback_reason_code(reason),
				 got.bin);
		SAME(got.comment, rows[i].comment);
	}
	feedback_destroy(decoder);
}

/* The end of a string is found wherever it begins and however far away it is, and so is a fault there. */
static void strings_of_any_length_are_read_whole(void **state)
{
	static const char faults[] = {'\n', '\x80', '\\', '\0'};
	char text[600], spaces[65];
	(void)state;
	struct feedback_decoder *decoders[] = {decoder_of(OWN_SHAPE), decoder_of(OWN_SHAPE)};
	struct feedback got;
	decoders[1]->decode = decode_message; /* the code for any machine */
	memset(spaces, ' ', sizeof spaces);
	for (int from = 0; from < 65; from++) {
		for (int len = 0; len < 200; len++) {
			int n = sprintf(text, "{\"id\":%.*s1,\"time\":1,\"score\":9,\"comment\":\"", from,
					spaces);
			struct str message = {text, (size_t)(n + len) + 2};
			memset(text + n, 'x', (size_t)len);
			memcpy(text + n + len, "\"}", 2);
			for (unsigned which = 0; which < 2; which++) {
				assert_int_equal(decode(decoders[which], message, &got), FEEDBACK_OK);
				assert_int_equal(got.comment.len, len);
			}
			if (len == 0)
				continue;
			text[n + len - 1] = faults[(from + len) % 4];
			for (unsigned which = 0; which < 2; which++)
				assert_int_not_equal(decode(decoders[which], message, &got), FEEDBACK_OK);
		}
	}
	feedback_destroy(decoders[0]);
	feedback_destroy(decoders[1]);
}

/* What some messages leave out is found again in those that have it, in any mixture of shapes. */
static void members_may_come_and_go(void **state)
{
	static const char *const members[] = {",\"comment\":\"c\"", ",\"score\":9", ",\"touchpoint\":\"t\"",
					      ",\"customer\":\"u\"", ",\"dims\":{\"a\":\"1\"}"};
	char text[200];
	(void)state;
	struct feedback_decoder *decoder = decoder_of(OWN_SHAPE);
	struct feedback got;
	for (unsigned i = 0, shape = 1; i < 20000; i++, shape = shape * 1664525 + 1013904223) {
		unsigned has = shape >> 20 & 31;
		int n = sprintf(text, "{\"id\":\"i\",\"time\":1");
		for (unsigned k = 0; k < 5; k++)
			n += has >> k & 1 ? sprintf(text + n, "%s", members[k]) : 0;
		n += sprintf(text + n, "}");
		assert_int_equal(decode(decoder, (struct str){text, (size_t)n}, &got), FEEDBACK_OK);
		assert_int_equal(got.comment.len, has & 1);
		assert_int_equal(got.bin, has & 2 ? 9 : BIN_NONE);
		assert_int_equal(got.touchpoint.len, has >> 2 & 1);
		assert_int_equal(got.customer.len, has >> 3 & 1);
		assert_int_equal(got.dims_count, has >> 4 & 1);
	}
	feedback_destroy(decoder);
}

static void strings_live_until_reset(void **state)
{
	(void)state;
	struct feedback_decoder *decoder = decoder_of((struct feedback_mapping){.bytes_max = 1 << 20});
	enum { N = 300 };
	static struct feedback got[N];
	static char texts[N][600];
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < N; i++) {
			int len = sprintf(texts[i],
					  "{\"id\":\"\\u0069d-%d\",\"time\":1,\"comment\":\"%0500d\\n\"}", i,
					  i);
			assert_int_equal(
				feedback_decode(decoder, (struct str){texts[i], (size_t)len}, &got[i]),
				FEEDBACK_OK);
		}
		for (int i = 0; i < N; i++) {
			char want[20];
			sprintf(want, "id-%d", i);
			SAME(got[i].id, want);
			assert_int_equal(got[i].comment.len, 501);
			assert_int_equal(atoi(got[i].comment.at), i);
		}
		feedback_reset(decoder);
	}
	feedback_destroy(decoder);
}

/* What some message began with is remembered, brace and all: it is no member anywhere else. */
static void no_object_begins_in_the_middle(void **state)
{
	static const char *const rows[] = {
		"{\"id\":\"b1\",\"score\":3{\"score\":3,\"time\":1795639900}",
		"{\"score\":3{\"id\":\"b1\",\"time\":1795639900}",
		"{\"id\":\"b1\",\"time\":1795639900{}",
		"{\"score\":3,\"dims\":{\"a\":\"1\"{\"b\":\"2\"},\"id\":\"b1\",\"time\":1795639900}",
	};
	static const char *const taught[] = {
		"{\"id\":\"a1\",\"score\":3,\"time\":1795639900,\"dims\":{\"b\":\"2\"}}",
		"{\"score\":3,\"id\":\"a2\",\"time\":1795639900,\"dims\":{\"a\":\"1\"}}",
		"{}",
	};
	struct err err = {0};
	struct feedback got;
	struct feedback_decoder *d = feedback_create(&(struct feedback_mapping){0}, &err);
	for (unsigned i = 0; i < 300; i++) {
		(void)feedback_decode(d, str_of(taught[i % 3]), &got);
		assert_int_equal(feedback_decode(d, str_of(rows[i % 4]), &got), FEEDBACK_NOT_JSON);
		feedback_reset(d);
	}
	feedback_destroy(d);
}

static void reasons_have_stable_codes(void **state)
{
	static const char *const codes[FEEDBACK_REASONS] = {
		"ok",	     "not_json", "not_utf8", "too_deep", "too_large",  "not_object",
		"no_id",     "bad_type", "no_time",  "bad_time", "bad_kind",   "bad_score",
		"bad_class", "bad_op",	 "late",     "future",	 "bad_bundle",
	};
	(void)state;
	for (int reason = 0; reason < FEEDBACK_REASONS; reason++) {
		assert_string_equal(feedback_reason_code(reason), codes[reason]);
		assert_true(strlen(feedback_reason_sentence(reason)) > 15);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_response_is_read),
		cmocka_unit_test(every_reason_is_given),
		cmocka_unit_test(the_first_fault_in_order_is_named),
		cmocka_unit_test(scores_and_classes_become_bins),
		cmocka_unit_test(a_deletion_needs_only_the_id),
		cmocka_unit_test(absent_is_empty),
		cmocka_unit_test(content_is_what_makes_versions_equal),
		cmocka_unit_test(more_dims_than_fit_are_dropped),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(the_rfc_stands_where_jansson_leaves_it),
		cmocka_unit_test(memory_of_the_last_message_changes_nothing),
		cmocka_unit_test(strings_of_any_length_are_read_whole),
		cmocka_unit_test(members_may_come_and_go),
		cmocka_unit_test(strings_live_until_reset),
		cmocka_unit_test(no_object_begins_in_the_middle),
		cmocka_unit_test(reasons_have_stable_codes),
	};
	return cmocka_run_group_tests_name("feedback/decode", tests, NULL, NULL);
}
