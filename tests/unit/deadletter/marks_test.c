#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "deadletter/deadletter_priv.h"

static void what_was_marked_is_known_and_nothing_else(void **state)
{
	struct marks marks = {0};
	assert_false(marks_has(&marks, 0, 0));
	for (int32_t p = 0; p < 4; p++)
		for (int64_t o = p; o < 20000; o += 3)
			marks_add(&marks, p, o);
	size_t count = marks.count;
	marks_add(&marks, 0, 0);
	assert_int_equal(marks.count, count);
	for (int32_t p = 0; p < 5; p++)
		for (int64_t o = 0; o < 20010; o++)
			assert_int_equal(marks_has(&marks, p, o),
					 p < 4 && o >= p && o < 20000 && (o - p) % 3 == 0);
	marks_release(&marks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_marked_is_known_and_nothing_else),
	};
	return cmocka_run_group_tests_name("deadletter/marks", tests, NULL, NULL);
}
