#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "json/json.h"

static void what_is_read_is_written_the_same(void **state)
{
	static const char *const rows[] = {
		"null",
		"true",
		"[]",
		"{}",
		"[1,-2,0.1,1e+300,\"a\"]",
		"{\"b\":1,\"a\":{\"c\":[null,false]}}",
		"\"quote \\\" slash \\\\ line \\n nul \\u0000 \xC3\xA9\"",
		"9223372036854775807",
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		size_t len;
		struct json *json = json_parse(str_of(rows[i]), &err);
		assert_non_null(json);
		char *text = json_dump(json, &len);
		assert_string_equal(text, rows[i]);
		assert_int_equal(len, strlen(rows[i]));
		free(text);
		json_destroy(json);
	}
}

static void a_mistake_is_named_with_its_place(void **state)
{
	(void)state;
	struct err err = {0};
	assert_null(json_parse(STR("{\n  \"a\": 1,\n  \"b\" 2\n}"), &err));
	assert_non_null(strstr(err.text, "line 3, column "));
	err_clear(&err);
	assert_null(json_parse(STR(""), &err));
	assert_true(err.set);
}

static void members_are_found_and_the_last_wins(void **state)
{
	(void)state;
	struct err err = {0};
	struct json *json = json_parse(STR("{\"a\":1,\"b\":[true,\"x\"],\"a\":2.5}"), &err);
	assert_int_equal(json_kind(json), JSON_KIND_OBJECT);
	assert_int_equal(json_count(json), 2);
	assert_true(json_number(json_get(json, "a")) == 2.5);
	assert_null(json_get(json, "c"));
	const struct json *b = json_get(json, "b");
	assert_int_equal(json_count(b), 2);
	assert_true(json_bool(json_at(b, 0)));
	assert_true(str_is(json_text(json_at(b, 1)), "x"));
	assert_null(json_at(b, 2));
	assert_null(json_get(b, "a"));
	void *at = json_first(json);
	assert_true(str_is(json_name(at), "a"));
	at = json_next(json, at);
	assert_true(json_member(at) == b);
	assert_null(json_next(json, at));
	json_destroy(json);
}

static void a_tree_is_built(void **state)
{
	(void)state;
	struct json *object = json_new_object(), *array = json_new_array();
	json_push(array, json_new_whole(-7));
	json_push(array, json_new_number(0.3));
	json_push(array, json_new_number(9));
	json_push(array, json_new_text((struct str){"a\0b", 3}));
	json_put(object, "list", array);
	json_put(object, "yes", json_new_bool(true));
	json_put(object, "none", json_new_null());
	char *text = json_dump(object, NULL);
	assert_string_equal(text, "{\"list\":[-7,0.3,9,\"a\\u0000b\"],\"yes\":true,\"none\":null}");
	free(text);
	json_destroy(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_written_the_same),
		cmocka_unit_test(a_mistake_is_named_with_its_place),
		cmocka_unit_test(members_are_found_and_the_last_wins),
		cmocka_unit_test(a_tree_is_built),
	};
	return cmocka_run_group_tests_name("json/json", tests, NULL, NULL);
}
