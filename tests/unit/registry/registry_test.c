#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "registry/registry.h"

#define MOST 12

static unsigned count_of(const struct registry_touchpoint *declared)
{
	unsigned count = 0;
	while (declared[count].name != NULL)
		count++;
	return count;
}

static struct registry *made(const struct registry_touchpoint *declared)
{
	struct err err = {0};
	unsigned line = 0;
	struct registry *r = registry_create(declared, count_of(declared), &line, &err);
	if (r == NULL)
		fail_msg("line %u: %s", line, err.text);
	return r;
}

/* till and door of a shop in a region that is declared late, of a company that is not declared at all. */
static const struct registry_touchpoint shops[] = {
	{.name = "till", .parent = "shop", .label = "The till", .team = "front", .line = 2},
	{.name = "door", .parent = "shop", .line = 3},
	{.name = "web", .parent = "all", .journey = "buy", .stage = "order", .line = 4},
	{.name = "shop", .parent = "north", .line = 5},
	{.name = "north", .parent = "all", .line = 6},
	{.name = "alone", .parent = "", .moment_of_truth = true, .runbook = "https://w/a", .line = 7},
	{0},
};

static void ancestors_are_nearest_first(void **state)
{
	(void)state;
	static const struct {
		const char *name, *ancestors;
		bool declared, parent;
	} rows[] = {
		{"till", "shop north all", true, false},
		{"door", "shop north all", true, false},
		{"web", "all", true, false},
		{"shop", "north all", true, true},
		{"north", "all", true, true},
		{"all", "", false, true},
		{"alone", "", true, false},
		{"nobody", "", false, false},
		{"", "", false, false},
	};
	struct registry *r = made(shops);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct str name = str_of(rows[i].name), ancestors[REGISTRY_DEPTH_MAX];
		char text[200] = "";
		unsigned n = registry_ancestors(r, name, ancestors);
		for (unsigned a = 0; a < n; a++)
			snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s", a ? " " : "",
				 (int)ancestors[a].len, ancestors[a].at);
		assert_string_equal(text, rows[i].ancestors);
		assert_int_equal(registry_find(r, name) != NULL, rows[i].declared);
		assert_int_equal(registry_is_parent(r, name), rows[i].parent);
	}
	assert_string_equal(registry_find(r, STR("till"))->label, "The till");
	assert_int_equal(registry_count(r), 6);
	assert_string_equal(registry_at(r, 3)->name, "shop");
	assert_int_equal(registry_names(r), 7);
	assert_int_equal(registry_depth(r), 3);
	registry_destroy(r);
}

static void nobody_declared_anything(void **state)
{
	(void)state;
	struct str ancestors[REGISTRY_DEPTH_MAX];
	struct registry *empty = made(&(struct registry_touchpoint){0});
	struct registry *rows[] = {NULL, empty};
	for (int i = 0; i < 2; i++) {
		size_t len;
		char *text = registry_json(rows[i], NULL, &len);
		assert_string_equal(text, "[]");
		free(text);
		assert_null(registry_find(rows[i], STR("till")));
		assert_int_equal(registry_ancestors(rows[i], STR("till"), ancestors), 0);
		assert_false(registry_is_parent(rows[i], STR("till")));
		assert_int_equal(registry_count(rows[i]), 0);
		assert_int_equal(registry_names(rows[i]), 0);
		assert_int_equal(registry_depth(rows[i]), 0);
		registry_destroy(rows[i]);
	}
}

static void mistakes_have_a_line(void **state)
{
	(void)state;
	static const struct {
		struct registry_touchpoint declared[MOST];
		unsigned line;
		const char *text;
	} rows[] = {
		{{{.name = "a", .line = 1}, {.name = "b", .line = 2}, {.name = "a", .line = 3}},
		 3,
		 "touchpoint a is declared twice, first in line 1"},
		{{{.name = "a", .parent = "a", .line = 1}},
		 1,
		 "touchpoint a is its own ancestor: parents must not go in a circle"},
		{{{.name = "x", .line = 1},
		  {.name = "a", .parent = "b", .line = 2},
		  {.name = "b", .parent = "c", .line = 3},
		  {.name = "c", .parent = "a", .line = 4}},
		 2,
		 "touchpoint a is its own ancestor: parents must not go in a circle"},
		/* who hangs on a circle is not to blame */
		{{{.name = "x", .parent = "a", .line = 1},
		  {.name = "a", .parent = "b", .line = 2},
		  {.name = "b", .parent = "a", .line = 3}},
		 2,
		 "touchpoint a is its own ancestor: parents must not go in a circle"},
		{{{.name = "9", .parent = "8", .line = 1},
		  {.name = "8", .parent = "7", .line = 2},
		  {.name = "7", .parent = "6", .line = 3},
		  {.name = "6", .parent = "5", .line = 4},
		  {.name = "5", .parent = "4", .line = 5},
		  {.name = "4", .parent = "3", .line = 6},
		  {.name = "3", .parent = "2", .line = 7},
		  {.name = "2", .parent = "1", .line = 8},
		  {.name = "1", .parent = "0", .line = 9}},
		 1,
		 "touchpoint 9 has more than 8 ancestors"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {0};
		unsigned line = 0;
		assert_null(registry_create(rows[i].declared, count_of(rows[i].declared), &line, &err));
		assert_string_equal(err.text, rows[i].text);
		assert_int_equal(line, rows[i].line);
	}
}

static void the_most_ancestors_are_fine(void **state)
{
	(void)state;
	struct registry_touchpoint declared[REGISTRY_DEPTH_MAX + 1] = {0};
	char names[REGISTRY_DEPTH_MAX + 1][2];
	for (int i = 0; i <= REGISTRY_DEPTH_MAX; i++) {
		snprintf(names[i], sizeof names[i], "%d", i);
		if (i < REGISTRY_DEPTH_MAX)
			declared[i].name = names[i];
		if (i > 0)
			declared[i - 1].parent = names[i];
	}
	struct registry *r = made(declared);
	assert_int_equal(registry_depth(r), REGISTRY_DEPTH_MAX);
	registry_destroy(r);
}

static void the_text_has_what_was_said(void **state)
{
	(void)state;
	static const char *const zones[] = {NULL, NULL, "Europe/Berlin", NULL, NULL, NULL};
	struct registry *r = made(shops);
	size_t len;
	char *text = registry_json(r, zones, &len);
	assert_string_equal(
		text,
		"[{\"touchpoint\":\"till\",\"label\":\"The till\",\"parent\":\"shop\",\"team\":\"front\"},"
		"{\"touchpoint\":\"door\",\"parent\":\"shop\"},"
		"{\"touchpoint\":\"web\",\"parent\":\"all\",\"journey\":\"buy\",\"stage\":\"order\","
		"\"zone\":\"Europe/Berlin\"},"
		"{\"touchpoint\":\"shop\",\"parent\":\"north\"},"
		"{\"touchpoint\":\"north\",\"parent\":\"all\"},"
		"{\"touchpoint\":\"alone\",\"moment_of_truth\":true,\"runbook\":\"https://w/a\"}]");
	assert_int_equal(len, strlen(text));
	free(text);
	registry_destroy(r);
}

/* Intake knows a name of over 200 bytes only as it was cut. */
static void a_long_name_is_found_as_it_is_cut(void **state)
{
	(void)state;
	char name[301];
	memset(name, 'n', 300);
	name[300] = '\0';
	struct registry_touchpoint declared[] = {{.name = name, .parent = "all"}, {0}};
	struct registry *r = made(declared);
	struct str cut = registry_name(r, 0), ancestors[REGISTRY_DEPTH_MAX];
	assert_int_equal(cut.len, REGISTRY_NAME_MAX);
	assert_int_equal(registry_ancestors(r, cut, ancestors), 1);
	assert_int_equal(registry_ancestors(r, str_of(name), ancestors), 1);
	assert_non_null(registry_find(r, cut));
	registry_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ancestors_are_nearest_first),
		cmocka_unit_test(nobody_declared_anything),
		cmocka_unit_test(mistakes_have_a_line),
		cmocka_unit_test(the_most_ancestors_are_fine),
		cmocka_unit_test(the_text_has_what_was_said),
		cmocka_unit_test(a_long_name_is_found_as_it_is_cut),
	};
	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
