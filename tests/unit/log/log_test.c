#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"

static int sink;
static char got[200000];

static int catch (void **state)
{
	log_setup(&(struct log_options){LOG_LEVEL_INFO, LOG_FORMAT_TEXT});
	char name[] = "/tmp/log_test.XXXXXX";
	sink = mkstemp(name);
	unlink(name);
	log_to(sink);
	return sink < 0;
}

static int let_go(void **state)
{
	log_to(2);
	close(sink);
	return 0;
}

static const char *caught(void)
{
	ssize_t n = pread(sink, got, sizeof got - 1, 0);
	got[n > 0 ? n : 0] = '\0';
	ftruncate(sink, 0);
	lseek(sink, 0, SEEK_SET);
	return got;
}

static const char *after_time(const char *line)
{
	return strlen(line) > 25 ? line + 25 : "";
}

static void a_line_says_when_how_bad_where_and_what(void **state)
{
	errno = ENOENT;
	log_warn("broker %d is gone", 2);
	assert_int_equal(errno, ENOENT);
	const char *line = caught();
	assert_string_equal(after_time(line),
			    "warn log: broker 2 is gone\n"); /* this file's folder is "log" */
	assert_true(line[4] == '-' && line[10] == 'T' && line[23] == 'Z');
}

static void levels_hold_back(void **state)
{
	static const struct {
		int level, lines;
	} rows[] = {{LOG_LEVEL_ERROR, 1}, {LOG_LEVEL_WARN, 2}, {LOG_LEVEL_INFO, 3}, {LOG_LEVEL_DEBUG, 4}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		log_setup(&(struct log_options){rows[i].level, LOG_FORMAT_TEXT});
		log_error("x");
		log_warn("x");
		log_info("x");
		log_debug("x");
		int lines = 0;
		for (const char *at = caught(); (at = strchr(at, '\n')) != NULL; at++)
			lines++;
		assert_int_equal(lines, rows[i].lines);
	}
}

static void any_text_is_one_line_of_valid_json(void **state)
{
	static const struct {
		const char *text, *read;
	} rows[] = {
		{"plain", "plain"},
		{"a \"b\" \\ c", "a \"b\" \\ c"},
		{"two\nlines\t\x01\x7F", "two\nlines\t\x01\x7F"},
		{"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x99\x82", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x99\x82"},
		{"bad \xFF \xC0\x80 \xED\xA0\x80 \xE2\x82",
		 "bad \xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD "
		 "\xEF\xBF\xBD\xEF\xBF\xBD"},
	};
	log_setup(&(struct log_options){LOG_LEVEL_INFO, LOG_FORMAT_JSON});
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		log_info("%s", rows[i].text);
		json_t *line = json_loads(caught(), 0, NULL);
		assert_non_null(line);
		assert_string_equal(json_string_value(json_object_get(line, "message")), rows[i].read);
		assert_string_equal(json_string_value(json_object_get(line, "level")), "info");
		assert_string_equal(json_string_value(json_object_get(line, "module")), "log");
		json_decref(line);
	}
}

static void a_very_long_message_is_cut_and_stays_valid(void **state)
{
	char text[9000];
	for (int control = 0; control < 2; control++) {
		log_setup(&(struct log_options){LOG_LEVEL_INFO, LOG_FORMAT_JSON});
		memset(text, control ? 1 : 'x', sizeof text - 1);
		text[sizeof text - 1] = '\0';
		log_info("%s", text);
		json_t *line = json_loads(caught(), 0, NULL);
		assert_non_null(line);
		assert_true(json_string_length(json_object_get(line, "message")) > 500);
		json_decref(line);
	}
}

static void secrets_never_get_out(void **state)
{
	log_hide("hunter2-password");
	log_hide("abc"); /* too short to hide */
	log_hide(NULL);
	log_info("redis://user:%s@host, again %s, and abc", "hunter2-password", "hunter2-password");
	assert_string_equal(after_time(caught()), "info log: redis://user:***@host, again ***, and abc\n");
	char text[4000];
	for (size_t lead = 2000; lead < 2700;
	     lead++) { /* wherever the message is cut, no half of it is left */
		memset(text, 'x', lead);
		strcpy(text + lead, "hunter2-passwordhunter2-password");
		log_setup(&(struct log_options){LOG_LEVEL_INFO, LOG_FORMAT_TEXT});
		static struct log_site site = {.level = LOG_LEVEL_INFO, .file = "pkg/x/y.c"};
		site.limit = (struct log_limit){0};
		log_write(&site, "%s", text);
		assert_null(strstr(caught(), "hunt"));
	}
}

static void a_place_that_repeats_itself_is_held_back(void **state)
{
	struct log_limit limit = {0};
	unsigned left_out, passed = 0;
	for (int i = 0; i < 100; i++)
		passed += log_limit_pass(&limit, 1000 + i, &left_out);
	assert_int_equal(passed, LOG_BURST);
	assert_false(log_limit_pass(&limit, 1000 + LOG_PERIOD_MS - 1, &left_out));
	assert_true(log_limit_pass(&limit, 1000 + LOG_PERIOD_MS, &left_out));
	assert_int_equal(left_out, 100 - LOG_BURST + 1);
	assert_true(log_limit_pass(&limit, 1001 + LOG_PERIOD_MS, &left_out));
	assert_int_equal(left_out, 0);
	for (int i = 0; i < 50; i++)
		log_info("again");
	int lines = 0;
	for (const char *at = caught(); (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, LOG_BURST);
}

static void *talk(void *arg)
{
	static struct log_site site = {.level = LOG_LEVEL_INFO, .file = "pkg/talk/talk.c"};
	for (int i = 0; i < 200; i++) {
		atomic_store(&site.limit.period_ms, 0);
		log_write(&site, "%s", (const char *)arg);
	}
	return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
	static char *const texts[] = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbb"};
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, talk, texts[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	int lines = 0;
	caught();
	for (char *rest = got, *line; (line = strsep(&rest, "\n")) != NULL && *line; lines++) {
		char *end = strstr(line, " (");
		if (end != NULL)
			*end = '\0';
		const char *text = after_time(line) + strlen("info talk: ");
		assert_true(strcmp(text, texts[0]) == 0 || strcmp(text, texts[1]) == 0);
	}
	assert_true(lines > 10);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, catch, let_go)
	const struct CMUnitTest tests[] = {
		TEST(a_line_says_when_how_bad_where_and_what),
		TEST(levels_hold_back),
		TEST(any_text_is_one_line_of_valid_json),
		TEST(a_very_long_message_is_cut_and_stays_valid),
		TEST(secrets_never_get_out),
		TEST(a_place_that_repeats_itself_is_held_back),
		TEST(threads_do_not_mix_their_lines),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
