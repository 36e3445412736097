#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "feed/feed.h"

/* What was meant is what a reader reads: every message through the real decoder. */
static void messages_say_what_was_meant(void **state)
{
	(void)state;
	struct err err = {0};
	struct feedback_mapping ours = {.ledger = LEDGER_SURVEY, .bytes_max = 1 << 20};
	struct feedback_decoder *decoder = feedback_create(&ours, &err);
	struct feed_options options = feed_defaults;
	options.malformed = 0.2;
	options.edits = options.partial = options.deletions = 0.2;
	struct feed *feed = feed_create(&options, &err);
	assert_non_null(decoder);
	assert_non_null(feed);
	unsigned seen[FEEDBACK_REASONS] = {0};
	char text[FEED_MESSAGE_MAX];
	for (int i = 0; i < 50000; i++) {
		struct feed_event e;
		struct feedback f;
		feed_next(feed, text, &e);
		enum feedback_reason reason = feedback_decode(decoder, e.message, &f);
		if (reason == FEEDBACK_OK && e.dead == FEEDBACK_FUTURE) { /* the decoder knows no clock */
			assert_true(f.time_ms > INT64_C(7000000000000) ||
				    f.updated_ms > INT64_C(7000000000000));
			reason = FEEDBACK_FUTURE;
		}
		bool cut = reason == FEEDBACK_NOT_UTF8 &&
			   e.dead == FEEDBACK_NOT_JSON; /* a cut may hit the middle of a character */
		if (reason != e.dead && !cut)
			fail_msg("meant %s, read %s: %.*s", feedback_reason_code(e.dead),
				 feedback_reason_code(reason), (int)e.message.len, text);
		seen[e.dead]++;
		if (e.dead != FEEDBACK_OK)
			continue;
		assert_true(str_equal(f.id, e.key));
		assert_true(f.updated_ms == e.updated_ms);
		assert_int_equal(f.deletion, e.deletion);
		if (!e.deletion) {
			assert_true(f.time_ms == e.time_ms);
			assert_int_equal(f.ledger, e.ledger);
			assert_int_equal(f.bin, e.bin);
			assert_true(str_equal(f.touchpoint, e.touchpoint));
			assert_true(f.customer.len > 0);
		}
		feedback_reset(decoder);
	}
	for (int reason = FEEDBACK_OK; reason <= FEEDBACK_FUTURE; reason++)
		if (reason != FEEDBACK_TOO_LARGE && reason != FEEDBACK_LATE && seen[reason] == 0)
			fail_msg("no message for %s", feedback_reason_code((enum feedback_reason)reason));
	feed_destroy(feed);
	feedback_destroy(decoder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(messages_say_what_was_meant)};
	return cmocka_run_group_tests_name("feed/decode", tests, NULL, NULL);
}
