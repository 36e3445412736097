/* The fast decoder against a slow one over jansson: generated messages, whole and broken. SEED repeats a run. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "feedback/feedback_priv.h"
#include "support/feedback_reference.h"

#define MESSAGES 300000

static uint64_t seed, state;

static uint32_t roll(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 16) % below);
}

#define PICK(list) list[roll(sizeof list / sizeof *list)]

struct text {
	char at[4096];
	size_t len;
};

static void put(struct text *to, const char *text)
{
	size_t len = strlen(text);
	if (to->len + len > 2000)
		return;
	memcpy(to->at + to->len, text, len);
	to->len += len;
}

static void put_space(struct text *to)
{
	static const char *const spaces[] = {" ", "\n", "\t", "\r\n  ", "                                  "};
	if (roll(12) == 0)
		put(to, PICK(spaces));
}

static void put_value(struct text *to, int depth);

static void put_object(struct text *to, int depth)
{
	static const char *const names[] = {
		"id",
		"time",
		"updated",
		"kind",
		"touchpoint",
		"score",
		"class",
		"sentiment",
		"comment",
		"customer",
		"dims",
		"op",
		"d",
		"at",
		"answers",
		"nps",
		"value",
		"h",
		"where",
		"who",
		"why",
		"source",
		"a name of more than thirty-two bytes",
		"i\\u0064",
		"scor\\u0065",
		"",
		"i",
		"idd",
		"\\ud83d\\ude00",
		"\xC3\xBC",
		"touchpoint\\n",
		"sentiments",
		"\\/",
	};
	static const char *const likely[] = {
		"\"id\":\"r1\"",
		"\"id\":17",
		"\"id\" : \"\\u0069\"",
		"\"time\":1700000000",
		"\"time\":\"2024-02-29T23:59:60Z\"",
		"\"time\":\"2024-02-29T23:59:59.5+01:00\"",
		"\"updated\":1700000000123",
		"\"updated\":null",
		"\"kind\":\"social\"",
		"\"kind\":\"survey\"",
		"\"kind\":\"review\"",
		"\"kind\":null",
		"\"touchpoint\":\"Check-in\"",
		"\"touchpoint\":5",
		"\"score\":3",
		"\"score\":\"4\"",
		"\"score\":5.0",
		"\"class\":\"neutral\"",
		"\"sentiment\":-0.05",
		"\"op\":\"upsert\"",
		"\"comment\":\"Fine \\ud83d\\ude00, thanks\"",
		"\"comment\":\"sch\xC3\xB6n\"",
		"\"customer\":\"c-1\"",
		"\"customer\":0",
		"\"dims\":{\"store\":\"Ulm\",\"lane\":7}",
		"\"dims\":{\"a\":1,\"b\":true,\"c\":null,\"a\":\"\\t\"}",
		"\"at\":1700000000123",
		"\"d\":{\"id\":1}",
		"\"d\":{\"id\":1,\"at\":5,\"h\":{\"where\":\"x\",\"s\":\"t\",\"who\":{\"id\":9}}}",
		"\"d\":{\"at\":\"2024-02-29T23:59:59.5Z\",\"id\":\"x\",\"answers\":{\"why\":\"so\",\"nps\":{"
		"\"value\":9}}}",
	};
	put(to, "{");
	for (uint32_t i = roll(12), n = i; i > 0; i--) {
		if (i < n)
			put(to, ",");
		put_space(to);
		if (roll(8) != 0) {
			put(to, PICK(likely));
			continue;
		}
		put(to, "\"");
		put(to, PICK(names));
		put(to, "\"");
		put_space(to);
		put(to, ":");
		put_space(to);
		put_value(to, depth + 1);
		put_space(to);
	}
	put(to, "}");
}

static void put_array(struct text *to, int depth)
{
	put(to, "[");
	for (uint32_t i = roll(4), n = i; i > 0; i--) {
		if (i < n)
			put(to, ",");
		put_space(to);
		put_value(to, depth + 1);
	}
	put(to, "]");
}

static void put_value(struct text *to, int depth)
{
	static const char *const values[] = {
		"null",
		"true",
		"false",
		"0",
		"-0",
		"9",
		"10",
		"11",
		"-1",
		"6.5",
		"9.0",
		"9e0",
		"1E1",
		"90e-1",
		"0.05",
		"-0.05",
		"-1",
		"1",
		"-0.0499999",
		"1e-400",
		"1e400",
		"123456789012",
		"1700000000",
		"1700000000.25",
		"1700000000123",
		"1700000000123456",
		"1.7e9",
		"99999999999",
		"100000000000",
		"9246182399",
		"9246182400",
		"9223372036854775807",
		"9223372036854775808",
		"\"\"",
		"\"9\"",
		"\"10\"",
		"\"9.0\"",
		"\"09\"",
		"\" 9\"",
		"\"-1\"",
		"\"positive\"",
		"\"neutral\"",
		"\"negative\"",
		"\"survey\"",
		"\"social\"",
		"\"review\"",
		"\"relationship\"",
		"\"transactional\"",
		"\"delete\"",
		"\"upsert\"",
		"\"1700000000\"",
		"\"1700000000.123456\"",
		"\"1700000000123\"",
		"\"2024-02-29T12:00:00Z\"",
		"\"2023-02-29T12:00:00Z\"",
		"\"2024-01-01t00:00:00.5z\"",
		"\"2024-01-01 00:00:00.123456789+05:30\"",
		"\"2024-01-01T00:00:00-0800\"",
		"\"2024-12-31T23:59:60Z\"",
		"\"2024-06-30T18:59:60-05:00\"",
		"\"2024-01-01T24:00:00Z\"",
		"\"2262-12-31T23:59:59Z\"",
		"\"2263-01-01T00:00:00Z\"",
		"\"1970-01-01T00:00:00+00:01\"",
		"\"2024-01-01T00:00:00\"",
		"\"2024-01-01\"",
		"\"2024-01-01T00:00:00.Z\"",
		"\"\\u0039\"",
		"\"soc\\u0069al\"",
		"\"a\\nb\\\"c\\\\d\\/e\\b\\f\\r\\t\"",
		"\"\\ud83d\\ude00\"",
		"\"\\ud83d\"",
		"\"\\u0000\"",
		"\"Gr\xC3\xBC\xC3\x9Fle aus K\xC3\xB6ln, sehr sch\xC3\xB6n\"",
		"\"\xE3\x81\x82\xE3\x82\x8A\xE3\x81\x8C\xE3\x81\xA8\xE3\x81\x86\xF0\x9F\x98\x80\"",
		"\"The agent was friendly, the queue was long, and nobody told us why it took an hour.\"",
	};
	uint32_t kind = roll(depth > 6 ? 14 : 16);
	if (kind == 14 && roll(3) == 0)
		put_array(to, depth);
	else if (kind >= 14)
		put_object(to, depth);
	else
		put(to, PICK(values));
}

static void put_message(struct text *to)
{
	to->len = 0;
	put_space(to);
	if (roll(40) == 0)
		put_value(to, 0);
	else
		put_object(to, 0);
	put_space(to);
}

static void damage(struct text *text)
{
	static const char bytes[] = "{}[]\",:\\u0e+-.\x00\x1f\x80\xC3\xE0\xED\xF4\xFF tn9";
	for (uint32_t n = 1 + roll(3); n > 0 && text->len > 0; n--) {
		size_t at = roll((uint32_t)text->len);
		switch (roll(4)) {
		case 0: text->at[at] = bytes[roll(sizeof bytes - 1)]; break;
		case 1: text->at[at] ^= (char)(1 << roll(8)); break;
		case 2: text->len = at; break;
		default: memmove(text->at + at, text->at + at + 1, text->len - at - 1); text->len--;
		}
	}
}

static void both_decoders_agree(void **unused)
{
	(void)unused;
	struct err err = {0};
	/* Two shapes; as this machine decodes, and as any machine does. */
	struct feedback_decoder *decoders[4];
	struct feedback ignored;
	unsigned accepted = 0;
	static struct text text;
	for (unsigned i = 0; i < 4; i++)
		assert_non_null(decoders[i] = feedback_create(reference_mapping(i), &err));
	decoders[2]->decode = decoders[3]->decode = decode_message;
	for (unsigned i = 0; i < MESSAGES; i++) {
		unsigned which = (roll(4) == 0) + 2 * (i % 2);
		put_message(&text);
		if (roll(3) == 0)
			damage(&text);
		const char *difference = reference_disagrees(decoders[which], reference_mapping(which),
							     (struct str){text.at, text.len});
		if (difference)
			fail_msg("seed %llu, message %u, shape %u: they differ in %s: %.*s",
				 (unsigned long long)seed, i, which, difference, (int)text.len, text.at);
		accepted += feedback_decode(decoders[which], (struct str){text.at, text.len}, &ignored) ==
			    FEEDBACK_OK;
		feedback_reset(decoders[which]);
	}
	print_message("%u of %d messages accepted\n", accepted, MESSAGES);
	assert_in_range(accepted, MESSAGES / 10, MESSAGES);
	for (unsigned i = 0; i < 4; i++)
		feedback_destroy(decoders[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_decoders_agree),
	};
	seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : (uint64_t)time(NULL);
	state = seed * 0x9e3779b97f4a7c15u + 1;
	print_message("SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests_name("feedback/differential", tests, NULL, NULL);
}
