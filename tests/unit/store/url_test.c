#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "store/store_priv.h"

static void same(const char *is, const char *want, const char *of)
{
	if (is != want && (is == NULL || want == NULL || strcmp(is, want) != 0))
		fail_msg("%s: `%s`, not `%s`", of, is ? is : "(none)", want ? want : "(none)");
}

static void urls_are_read(void **state)
{
	static const struct {
		const char *text, *host, *path, *user, *password;
		int port, db;
		bool tls;
		const char *address;
	} rows[] = {
		{"redis://h", "h", NULL, NULL, NULL, 6379, 0, false, "h:6379, database 0"},
		{"redis://h/", "h", NULL, NULL, NULL, 6379, 0, false, "h:6379, database 0"},
		{"redis://h:1/15", "h", NULL, NULL, NULL, 1, 15, false, "h:1, database 15"},
		{"redis://h?db=3", "h", NULL, NULL, NULL, 6379, 3, false, "h:6379, database 3"},
		{"redis://:pw@h:6380/2", "h", NULL, NULL, "pw", 6380, 2, false, "h:6380, database 2"},
		{"redis://me:pw@h", "h", NULL, "me", "pw", 6379, 0, false, "h:6379, database 0"},
		{"rediss://me:p%40%2F%3a%25w@redis.example:6380", "redis.example", NULL, "me", "p@/:%w", 6380,
		 0, true, "redis.example:6380, database 0"},
		{"redis://me:a@b@h", "h", NULL, "me", "a@b", 6379, 0, false, "h:6379, database 0"},
		{"redis://me:a:b@h", "h", NULL, "me", "a:b", 6379, 0, false, "h:6379, database 0"},
		{"redis://[::1]:7/1", "::1", NULL, NULL, NULL, 7, 1, false, "[::1]:7, database 1"},
		{"redis://me@h", "h", NULL, "me", NULL, 6379, 0, false, "h:6379, database 0"},
		{"unix:///run/r.sock", NULL, "/run/r.sock", NULL, NULL, 0, 0, false,
		 "/run/r.sock, database 0"},
		{"unix:///a%20b?db=4&user=u%26&password=p%3D", NULL, "/a b", "u&", "p=", 0, 4, false,
		 "/a b, database 4"},
		{"unix://u:p@/s", NULL, "/s", "u", "p", 0, 0, false, "/s, database 0"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_url url;
		struct err err = {.set = false};
		if (!store_url_parse(&url, rows[i].text, &err))
			fail_msg("%s: %s", rows[i].text, err.text);
		same(url.host, rows[i].host, rows[i].text);
		same(url.path, rows[i].path, rows[i].text);
		same(url.user, rows[i].user, rows[i].text);
		same(url.password, rows[i].password, rows[i].text);
		same(url.address, rows[i].address, rows[i].text);
		assert_int_equal(url.port, rows[i].port);
		assert_int_equal(url.db, rows[i].db);
		assert_int_equal(url.tls, rows[i].tls);
		store_url_release(&url);
	}
}

static void every_mistake_is_named(void **state)
{
	static const struct {
		const char *text, *says[3];
	} rows[] = {
		{"", {"must begin with redis://"}},
		{"localhost:6379", {"must begin with redis://"}},
		{"http://h", {"must begin with redis://"}},
		{"redis://", {"no host"}},
		{"redis://:pw@", {"no host"}},
		{"redis://h:0", {"port"}},
		{"redis://h:65536", {"port"}},
		{"redis://h:port", {"port"}},
		{"redis://h:", {"port"}},
		{"redis://[::1", {"no ]"}},
		{"redis://[::1]6379", {"port"}},
		{"redis://h/one", {"must be a number, not `one`"}},
		{"redis://h/99999999999", {"must be a number"}},
		{"redis://h:x/y", {"port", "must be a number, not `y`"}},
		{"redis://u:%zz@h:x/y", {"password: a %", "port", "must be a number, not `y`"}},
		{"redis://u:%00@h", {"password: a %"}},
		{"redis://u:50%@h", {"password: a %"}},
		{"redis://u:@h", {"password is empty"}},
		{"redis://h?name=x", {"only db=N"}},
		{"redis://h/1#x", {"`#`"}},
		{"unix://run/x", {"must be absolute"}},
		{"unix://", {"must be absolute"}},
		{"unix:///x?db=a", {"must be a number"}},
		{"unix:///x?password=", {"only db=N"}},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {.set = false};
		if (store_check_url(rows[i].text, &err))
			fail_msg("`%s` was taken", rows[i].text);
		for (int k = 0; k < 3 && rows[i].says[k]; k++) {
			if (strstr(err.text, rows[i].says[k]) == NULL)
				fail_msg("`%s`: `%s` does not say `%s`", rows[i].text, err.text,
					 rows[i].says[k]);
		}
	}
}

/* A password that was not percent-encoded spills into host, port, database and parameters. */
static void no_mistake_quotes_the_password(void **state)
{
	static const char *const rows[] = {
		"redis://me:/hunter2@h:6379/0", "redis://me:x/hunter2@h",     "redis://me:x?hunter2@h/x",
		"redis://me:x#hunter2@h/1",	"redis://me:%hunter2@h",      "redis://:hunter2@h:port/x",
		"unix:///s?password=%hunter2",	"unix://me:hunter2@relative", "http://me:hunter2@h",
		"redis://me:x?db=hunter2@h",	"unix:///s?db=hunter2@",
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err err = {.set = false};
		assert_false(store_check_url(rows[i], &err));
		if (strstr(err.text, "hunter2"))
			fail_msg("%s: %s", rows[i], err.text);
	}
}

static void creating_checks_what_it_is_given(void **state)
{
	static const char *const windows[] = {"5m", NULL};
	static const struct {
		const char *url, *prefix, *password_file, *says;
	} rows[] = {
		{"redis://me@h", "corridor", NULL, "a user without a password"},
		{"redis://h", "", NULL, "redis.prefix"},
		{"redis://h", "a{b}", NULL, "redis.prefix"},
		{"redis://h", "corridor", "/nonexistent/password", "/nonexistent/password"},
		{"redis://h", "corridor", "/dev/null", "first line is empty"},
		{"redis://me:pw@h", "corridor", "/etc/hostname", "remove one of them"},
#ifndef HAVE_HIREDIS_SSL
		{"rediss://h", "corridor", NULL, "needs TLS in hiredis"},
#else
		{"rediss://h", "corridor", NULL, NULL},
#endif
		{"redis://h", "corridor", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct store_options options = {.url = rows[i].url,
						.prefix = rows[i].prefix,
						.password_file = rows[i].password_file,
						.timeout_ms = 100,
						.retention_ms = 1000,
						.windows = windows};
		struct err err = {.set = false};
		struct store *store = store_create(&options, &err);
		if ((store == NULL) != (rows[i].says != NULL) ||
		    (store == NULL && strstr(err.text, rows[i].says) == NULL))
			fail_msg("%s: %s", rows[i].url, err.set ? err.text : "taken");
		store_destroy(store);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_read),
		cmocka_unit_test(every_mistake_is_named),
		cmocka_unit_test(no_mistake_quotes_the_password),
		cmocka_unit_test(creating_checks_what_it_is_given),
	};
	return cmocka_run_group_tests_name("store/url", tests, NULL, NULL);
}
