#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "feedback/feedback.h"

#define SAME(got, want)                                                                                      \
	do {                                                                                                 \
		if (!str_is(got, want))                                                                      \
			fail_msg("\"%.*s\" instead of \"%s\"", (int)(got).len, (got).at, want);              \
	} while (0)

static struct feedback_decoder *decoder_of(const struct feedback_mapping *mapping)
{
	struct err err = {0};
	struct feedback_decoder *decoder = feedback_create(mapping, &err);
	if (decoder == NULL)
		fail_msg("%s", err.text);
	return decoder;
}

static const struct feedback_mapping delighted = {
	.path = {[FEEDBACK_ID] = "event_data.id",
		 [FEEDBACK_TIME] = "event_data.created_at",
		 [FEEDBACK_UPDATED] = "event_data.updated_at",
		 [FEEDBACK_SCORE] = "event_data.score",
		 [FEEDBACK_COMMENT] = "event_data.comment",
		 [FEEDBACK_CUSTOMER] = "event_data.person.id",
		 [FEEDBACK_DIMS] = "event_data.person_properties",
		 [FEEDBACK_TOUCHPOINT] = "event_data.person_properties.touchpoint",
		 [FEEDBACK_KIND] = "-",
		 [FEEDBACK_OP] = "-"},
	.ledger = LEDGER_RELATIONSHIP,
};

static void a_nested_shape_is_read(void **state)
{
	(void)state;
	struct feedback_decoder *decoder = decoder_of(&delighted);
	struct feedback got;
	struct str text = STR("{\"event_type\":\"survey_response.updated\",\"kind\":\"nonsense\",\"op\":7,"
			      "\"event_data\":{\"id\":\"32\",\"person\":"
			      "{\"id\":\"9\",\"email\":\"x@example.com\"},\"survey_type\":\"nps\",\"score\":"
			      "7,\"comment\":\"Fine\",\"created_at\":"
			      "1772357415,\"updated_at\":1772357416,\"person_properties\":{\"store\":\"Ulm\","
			      "\"touchpoint\":\"Till\",\"lane\":3},"
			      "\"notes\":[],\"tags\":[{\"id\":\"not this\"}]}}");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(feedback_decode(decoder, text, &got), FEEDBACK_OK);
		SAME(got.id, "32");
		assert_int_equal(got.time_ms, 1772357415000);
		assert_int_equal(got.updated_ms, 1772357416000);
		assert_int_equal(got.ledger, LEDGER_RELATIONSHIP);
		assert_int_equal(got.bin, 7);
		SAME(got.comment, "Fine");
		SAME(got.customer, "9");
		SAME(got.touchpoint, "Till");
		assert_int_equal(got.dims_count, 2); /* what is a field of its own is no dim */
		SAME(got.dims[0].name, "store");
		SAME(got.dims[1].value, "3");
	}
	feedback_destroy(decoder);
}

/* The last duplicate wins as a whole: what an earlier parent held is forgotten, though the last one lacks it or is no object. */
static void the_last_parent_wins_as_a_whole(void **state)
{
	static const struct feedback_mapping mapping = {
		.path = {[FEEDBACK_SCORE] = "answers.nps.value", [FEEDBACK_COMMENT] = "answers.why"},
	};
	static const struct {
		const char *members;
		int bin;
		const char *comment;
	} rows[] = {
		{"\"answers\":{\"nps\":{\"value\":9},\"why\":\"a\"}", 9, "a"},
		{"\"answers\":{\"nps\":{\"value\":9},\"why\":\"a\"},\"answers\":{\"nps\":{\"value\":3}}", 3,
		 ""},
		{"\"answers\":{\"nps\":{\"value\":9},\"why\":\"a\"},\"answers\":{}", BIN_NONE, ""},
		{"\"answers\":{\"nps\":{\"value\":9},\"why\":\"a\"},\"answers\":null", BIN_NONE, ""},
		{"\"answers\":{\"nps\":{\"value\":9},\"why\":\"a\"},\"answers\":[{\"why\":\"b\"}]", BIN_NONE,
		 ""},
		{"\"answers\":{\"nps\":{\"value\":9},\"why\":\"a\",\"nps\":7}", BIN_NONE, "a"},
		{"\"answers\":{\"nps\":{\"value\":9},\"nps\":{\"value\":1},\"why\":\"a\",\"why\":\"b\"}", 1,
		 "b"},
		{"\"answers\":7,\"answers\":{\"nps\":{\"value\":9}}", 9, ""},
		{"\"answers\":\"\",\"value\":4,\"nps\":{\"value\":5},\"why\":\"not this\"", BIN_NONE, ""},
		{"\"\\u0061nswers\":{\"\\u006eps\":{\"valu\\u0065\":6}}", 6, ""},
		{"\"answers\": {\"nps\" :\n {\"value\"\t: 6 } } ", 6, ""},
	};
	(void)state;
	struct feedback_decoder *decoder = decoder_of(&mapping);
	for (size_t round = 0; round < 3 * sizeof rows / sizeof *rows; round++) {
		size_t i = round * 5 % (sizeof rows / sizeof *rows);
		char text[300];
		struct feedback got;
		int len = snprintf(text, sizeof text, "{\"id\":1,\"time\":1,%s}", rows[i].members);
		enum feedback_reason reason = feedback_decode(decoder, (struct str){text, (size_t)len}, &got);
		if (reason != FEEDBACK_OK || got.bin != rows[i].bin || !str_is(got.comment, rows[i].comment))
			fail_msg("%s: %s, bin %d, comment %.*s", text, feedback_reason_code(reason), got.bin,
				 (int)got.comment.len, got.comment.at);
	}
	feedback_destroy(decoder);
}

static void dots_and_backslashes_in_names_are_written_escaped(void **state)
{
	static const struct feedback_mapping mapping = {
		.path = {[FEEDBACK_SCORE] = "a\\.b.c\\\\d",
			 [FEEDBACK_COMMENT] = "gr\xC3\xBC\xC3\x9F"
					      "e",
			 [FEEDBACK_CUSTOMER] = "a member whose name is far longer than the thirty-two bytes "
					       "that are remembered of it"},
	};
	(void)state;
	struct feedback_decoder *decoder = decoder_of(&mapping);
	struct feedback got;
	struct str text = STR("{\"id\":1,\"time\":1,\"a.b\":{\"c\\\\d\":8},\"gr\\u00fc\xC3\x9F"
			      "e\":\"hi\","
			      "\"a member whose name is far longer than the thirty-two bytes that are "
			      "remembered of it\":\"me\","
			      "\"a member whose name is far longer than the thirty-two bytes that are "
			      "remembered of me\":\"no\"}");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(feedback_decode(decoder, text, &got), FEEDBACK_OK);
		assert_int_equal(got.bin, 8);
		SAME(got.comment, "hi");
		SAME(got.customer, "me");
	}
	feedback_destroy(decoder);
}

/* Names that no hash of their beginnings parts. */
static void names_that_begin_alike_are_told_apart(void **state)
{
	static const struct feedback_mapping mapping = {
		.path = {[FEEDBACK_SCORE] = "question-a",
			 [FEEDBACK_COMMENT] = "question-b",
			 [FEEDBACK_CUSTOMER] = "question-c",
			 [FEEDBACK_TOUCHPOINT] = "question"},
	};
	(void)state;
	struct feedback_decoder *decoder = decoder_of(&mapping);
	struct feedback got;
	struct str text = STR("{\"question-d\":[],\"question-c\":\"c\",\"question-a\":7,\"id\":1,"
			      "\"question\":\"t\",\"question-b\":\"b\","
			      "\"time\":1,\"question-\":{},\"questio\":0}");
	assert_int_equal(feedback_decode(decoder, text, &got), FEEDBACK_OK);
	assert_int_equal(got.bin, 7);
	SAME(got.comment, "b");
	SAME(got.customer, "c");
	SAME(got.touchpoint, "t");
	feedback_destroy(decoder);
}

/* Members in another order in each message, hundreds of them: also while nothing is remembered, and when order comes back. */
static void any_order_at_any_time(void **state)
{
	static const char *const members[] = {"\"id\":1", "\"time\":1", "\"score\":7", "\"comment\":\"c\"",
					      "\"customer\":\"me\""};
	(void)state;
	struct feedback_decoder *decoder = decoder_of(&(struct feedback_mapping){0});
	for (unsigned i = 0; i < 500; i++) {
		char text[200];
		struct feedback got;
		unsigned first = i % 100 < 60 ? i * 7 % 5 : 0, stride = i % 100 < 60 ? 1 + i % 4 : 1;
		size_t len = (size_t)sprintf(text, "{");
		for (unsigned k = 0; k < 5; k++)
			len += (size_t)sprintf(text + len, "%s%s", k ? "," : "",
					       members[(first + k * stride) % 5]);
		len += (size_t)sprintf(text + len, "}");
		assert_int_equal(feedback_decode(decoder, (struct str){text, len}, &got), FEEDBACK_OK);
		assert_int_equal(got.bin, 7);
		SAME(got.comment, "c");
		SAME(got.customer, "me");
	}
	feedback_destroy(decoder);
}

static void a_mapping_that_cannot_be_is_refused(void **state)
{
	static const struct {
		struct feedback_mapping mapping;
		const char *named; /* what the error must say */
	} rows[] = {
		{{.path = {[FEEDBACK_SCORE] = "comment"}}, "`score`"},
		{{.path = {[FEEDBACK_SCORE] = "a.b", [FEEDBACK_COMMENT] = "a.b"}}, "`score`"},
		{{.path = {[FEEDBACK_SCORE] = "a", [FEEDBACK_COMMENT] = "a.b"}}, "`score`"},
		{{.path = {[FEEDBACK_SCORE] = "a.b.c", [FEEDBACK_COMMENT] = "a.b"}}, "`score`"},
		{{.path = {[FEEDBACK_DIMS] = "comment"}}, "`comment`"},
		{{.path = {[FEEDBACK_SCORE] = "a..b"}}, "score"},
		{{.path = {[FEEDBACK_SCORE] = "a."}}, "score"},
		{{.path = {[FEEDBACK_SCORE] = ".a"}}, "score"},
		{{.path = {[FEEDBACK_SCORE] = ""}}, "score"},
		{{.path = {[FEEDBACK_SCORE] = "a\\nb"}}, "backslash"},
		{{.path = {[FEEDBACK_SCORE] = "a\\"}}, "backslash"},
		{{.path = {[FEEDBACK_SCORE] = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"}}, "16"},
		{{.path = {[FEEDBACK_ID] = "-"}}, "id"},
		{{.path = {[FEEDBACK_TIME] = "-"}}, "time"},
		{{.bytes_max = 17 << 20}, "bytes"},
		{{.depth_max = 1000}, "deep"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		assert_null(feedback_create(&rows[i].mapping, &err));
		assert_true(err.set);
		if (strstr(err.text, rows[i].named) == NULL)
			fail_msg("row %zu: %s", i, err.text);
	}
}

/* 12 fields with paths of two names each, and dims: nothing that fits the rules runs out of room. */
static void many_paths_fit(void **state)
{
	(void)state;
	char paths[FEEDBACK_FIELDS][300];
	struct feedback_mapping mapping = {0};
	for (int i = 0; i < FEEDBACK_FIELDS; i++) {
		size_t len = 0;
		for (int k = 0; k < 15; k++)
			len += (size_t)sprintf(paths[i] + len, "outer%d-%d.", i, k);
		sprintf(paths[i] + len, "x");
		mapping.path[i] = paths[i];
	}
	feedback_destroy(decoder_of(&mapping));
}

/* Counts what is asked of the C library; under ASan, which has a malloc of its own, there is nothing to count. */
static unsigned allocations;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *at, size_t size)
{
	allocations++;
	return __libc_realloc(at, size);
}
#endif

static void no_memory_is_taken_per_message(void **state)
{
	(void)state;
	struct feedback_decoder *decoder = decoder_of(&(struct feedback_mapping){.bytes_max = 4096});
	struct feedback got;
	unsigned before = allocations;
	for (int i = 0; i < 20000; i++) {
		char text[300];
		int len = snprintf(text, sizeof text,
				   "{\"%s\":1,\"time\":%d.5e0,\"score\":\"%d\",\"comment\":\"line\\nline "
				   "%d\",\"dims\":{\"a\\u0062\":\"\\t\"}}",
				   i % 3 ? "id" : "\\u0069d", i, i % 11, i);
		if (feedback_decode(decoder, (struct str){text, (size_t)len}, &got) != FEEDBACK_OK)
			fail();
		if (i % 64 == 0)
			feedback_reset(decoder);
	}
	assert_int_equal(allocations, before);
	feedback_destroy(decoder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nested_shape_is_read),
		cmocka_unit_test(the_last_parent_wins_as_a_whole),
		cmocka_unit_test(dots_and_backslashes_in_names_are_written_escaped),
		cmocka_unit_test(names_that_begin_alike_are_told_apart),
		cmocka_unit_test(any_order_at_any_time),
		cmocka_unit_test(a_mapping_that_cannot_be_is_refused),
		cmocka_unit_test(many_paths_fit),
		cmocka_unit_test(no_memory_is_taken_per_message),
	};
	return cmocka_run_group_tests_name("feedback/mapping", tests, NULL, NULL);
}
