#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "replay/replay.h"

static const struct replay_row survey = {
	.touchpoint = {"say \"hi\", \\ caf\xC3\xA9\x01", 18},
	.ledger = LEDGER_SURVEY,
	.window = "5m",
	.reading = {.from_ms = 1000,
		    .to_ms = 301000,
		    .bins = {[0] = 1, [7] = 1, [10] = 1},
		    .before = {1, 0, 0}},
};
static const struct replay_row social = {.touchpoint = {"line\nbreak", 10},
					 .ledger = LEDGER_SOCIAL,
					 .window = "5m",
					 .reading = {.bins = {1, 2, 3, 4}}};

static void json_is_json_with_the_contracts_names(void **state)
{
	(void)state;
	char text[REPLAY_TEXT_MAX];
	size_t len = replay_json(text, &survey);
	assert_true(text[len - 1] == '\n' && memchr(text, '\n', len - 1) == NULL);
	json_t *json = json_loadb(text, len, 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "touchpoint")),
			    "say \"hi\", \\ caf\xC3\xA9\x01");
	assert_string_equal(json_string_value(json_object_get(json, "ledger")), "survey");
	assert_string_equal(json_string_value(json_object_get(json, "window")), "5m");
	assert_string_equal(json_string_value(json_object_get(json, "histogram")), "1,0,0,0,0,0,0,1,0,0,1");
	assert_int_equal(json_integer_value(json_object_get(json, "responses")), 3);
	assert_int_equal(json_integer_value(json_object_get(json, "previous_nps")), 100);
	assert_true(json_real_value(json_object_get(json, "detractor_rate")) == 1.0 / 3);
	assert_int_equal(json_integer_value(json_object_get(json, "to_ms")), 301000);
	json_decref(json);

	json = json_loadb(text, replay_json(text, &social), 0, NULL);
	assert_non_null(json);
	assert_null(json_object_get(json, "nps"));
	assert_int_equal(json_integer_value(json_object_get(json, "unread")), 4);
	assert_null(json_object_get(json, "previous_net")); /* no value is no member */
	json_decref(json);
}

static void csv_is_rfc_4180(void **state)
{
	(void)state;
	char head[REPLAY_TEXT_MAX], text[REPLAY_TEXT_MAX + 1];
	size_t len = replay_csv_head(head);
	assert_memory_equal(head, "touchpoint,ledger,window,nps,nps_low,", 37);
	assert_memory_equal(head + len - 2, "\r\n", 2);
	unsigned columns = 1;
	for (size_t i = 0; i < len; i++)
		columns += head[i] == ',';
	const struct replay_row *rows[] = {&survey, &social};
	const char *begins[] = {"\"say \"\"hi\"\", \\ caf\xC3\xA9\x01\",survey,5m,0,",
				"\"line\nbreak\",social,5m,,,,"};
	for (int r = 0; r < 2; r++) {
		len = replay_csv(text, rows[r]);
		text[len] = '\0';
		assert_memory_equal(text, begins[r], strlen(begins[r]));
		unsigned cells = 1;
		bool quoted = false;
		for (size_t i = 0; i < len; i++) {
			quoted ^= text[i] == '"';
			cells += text[i] == ',' && !quoted;
		}
		assert_int_equal(cells, columns);
		assert_memory_equal(text + len - 2, "\r\n", 2);
	}
}

struct buffer {
	char bytes[100000];
	size_t len;
};

static bool gather(void *context, struct str piece)
{
	struct buffer *buffer = context;
	memcpy(buffer->bytes + buffer->len, piece.at, piece.len);
	buffer->len += piece.len;
	return true;
}

static void a_dead_letter_keeps_every_byte(void **state)
{
	(void)state;
	static char raw[30000];
	static struct buffer out;
	for (size_t i = 0; i < sizeof raw; i++)
		raw[i] = (char)(i * 7 + i / 256);
	static const size_t lengths[] = {0, 1, 2, 3, 4, 6143, 6144, 6145, 6146, 12288, 30000};
	for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		out.len = 0;
		assert_true(replay_letter_json(42, FEEDBACK_BAD_SCORE, (struct str){raw, lengths[i]}, gather,
					       &out));
		json_t *json = json_loadb(out.bytes, out.len, 0, NULL);
		assert_non_null(json);
		assert_int_equal(json_integer_value(json_object_get(json, "line")), 42);
		assert_string_equal(json_string_value(json_object_get(json, "reason")), "bad_score");
		assert_true(json_string_length(json_object_get(json, "detail")) > 10);
		const char *text = json_string_value(json_object_get(json, "raw"));
		unsigned char back[sizeof raw];
		size_t len;
		assert_int_equal(sodium_base642bin(back, sizeof back, text, strlen(text), NULL, &len, NULL,
						   sodium_base64_VARIANT_ORIGINAL),
				 0);
		assert_int_equal(len, lengths[i]);
		assert_memory_equal(back, raw, len);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_json_with_the_contracts_names),
		cmocka_unit_test(csv_is_rfc_4180),
		cmocka_unit_test(a_dead_letter_keeps_every_byte),
	};
	return cmocka_run_group_tests_name("replay/format", tests, NULL, NULL);
}
