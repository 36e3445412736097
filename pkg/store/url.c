#include "store/store_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/*
 *   redis://user:password@host:port/db
 *          ^ userinfo     ^        ^
 *   unix:///path?db=N&user=U&password=P
 *
 * All mistakes go into one text. What stands in the URL is quoted only where no password can be in it: a
 * forgotten %2F in a password makes the rest of it look like a host or a database, so nothing is quoted as
 * long as an @ follows.
 */
#define SOCKET_PATH_MAX 107 /* sun_path without its NUL */
#define DB_MAX		1000000

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *decode(struct str text, const char *what, struct err *m)
{
	char *out = must_alloc(text.len + 1);
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] != '%') {
			out[n++] = text.at[i];
			continue;
		}
		int high = i + 1 < text.len ? hex(text.at[i + 1]) : -1;
		int low = i + 2 < text.len ? hex(text.at[i + 2]) : -1;
		if (high < 0 || low < 0 || (high == 0 && low == 0)) {
			err_add(m,
				"%s: a %% must be followed by two hexadecimal digits, not 00 (a %% itself is "
				"%%25)",
				what);
			break;
		}
		out[n++] = (char)(high * 16 + low);
		i += 2;
	}
	return out;
}

/* Digits only; -1: not a number of 0..max. */
static int whole(struct str text, int max)
{
	long n = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (!isdigit((unsigned char)text.at[i]) || (n = n * 10 + (text.at[i] - '0')) > max)
			return -1;
	}
	return text.len ? (int)n : -1;
}

static struct str until(struct str text, const char *any)
{
	size_t len = 0;
	while (len < text.len && strchr(any, text.at[len]) == NULL)
		len++;
	return (struct str){text.at, len};
}

static struct str after(struct str text, size_t skip)
{
	return skip > text.len ? (struct str){text.at + text.len, 0}
			       : (struct str){text.at + skip, text.len - skip};
}

static bool holds_at(struct str text)
{
	return text.len && memchr(text.at, '@', text.len) != NULL;
}

static void replace(char **old, char *new)
{
	free(*old);
	*old = new;
}

static void parse_userinfo(struct store_url *url, struct str info, struct err *m)
{
	struct str user = until(info, ":");
	if (user.len)
		url->user = decode(user, "user", m);
	if (user.len < info.len)
		url->password = decode(after(info, user.len + 1), "password", m);
	if (url->password && url->password[0] == '\0')
		err_add(m, "the password is empty (leave the `:` away if there is none)");
}

static void parse_host(struct store_url *url, struct str host, struct err *m)
{
	struct str name, port;
	if (host.len && host.at[0] == '[') {
		struct str inside = until(after(host, 1), "]");
		name = inside;
		port = after(host, inside.len + 2);
		if (inside.len + 2 > host.len)
			err_add(m, "the address's [ has no ]");
	} else {
		name = until(host, ":");
		port = after(host, name.len);
	}
	if (name.len == 0)
		err_add(m, "no host (redis://HOST:PORT)");
	url->host = decode(name, "host", m);
	url->port = 6379;
	if (port.len == 0)
		return;
	url->port = port.at[0] == ':' ? whole(after(port, 1), 65535) : -1;
	if (url->port <= 0)
		err_add(m, "the port must be a number from 1 to 65535");
}

static void parse_db(struct store_url *url, struct str text, struct err *m)
{
	url->db = whole(text, DB_MAX);
	if (url->db >= 0)
		return;
	if (holds_at(text))
		err_add(m, "`/`, `?`, `#` and `@` in a user or password must be written %%2F, %%3F, %%23 and "
			   "%%40");
	else
		err_add(m, "the database must be a number, not `%.*s`", (int)(text.len < 40 ? text.len : 40),
			text.at);
}

static void parse_parameters(struct store_url *url, struct str query, struct err *m)
{
	while (query.len) {
		struct str pair = until(query, "&"), name = until(pair, "="),
			   value = after(pair, name.len + 1);
		query = after(query, pair.len + 1);
		if (str_is(name, "db"))
			parse_db(url, value, m);
		else if (str_is(name, "user") && value.len)
			replace(&url->user, decode(value, "user", m));
		else if (str_is(name, "password") && value.len)
			replace(&url->password, decode(value, "password", m));
		else
			err_add(m,
				"after `?` only db=N, user=NAME and password=TEXT, joined by `&`, are known");
	}
}

static void parse_unix(struct store_url *url, struct str rest, struct err *m)
{
	struct str path = until(rest, "?");
	for (size_t at = 0; at < path.len && path.at[at] != '/'; at++) {
		if (path.at[at] == '@') {
			parse_userinfo(url, (struct str){path.at, at}, m);
			path = after(path, at + 1);
			break;
		}
	}
	if (path.len == 0 || path.at[0] != '/')
		err_add(m, "the socket's path must be absolute (unix:///run/redis/redis.sock)");
	url->path = decode(path, "path", m);
	if (strlen(url->path) > SOCKET_PATH_MAX)
		err_add(m, "the socket's path has more than %d bytes", SOCKET_PATH_MAX);
	parse_parameters(url, after(rest, until(rest, "?").len + 1), m);
}

static void parse_tcp(struct store_url *url, struct str rest, struct err *m)
{
	struct str authority = until(rest, "/?#"), host = authority;
	for (size_t at = authority.len; at > 0; at--) {
		if (authority.at[at - 1] == '@') {
			parse_userinfo(url, (struct str){authority.at, at - 1}, m);
			host = after(authority, at);
			break;
		}
	}
	struct str tail = after(rest, authority.len);
	if (holds_at(tail)) {
		err_add(m, "`/`, `?`, `#` and `@` in a user or password must be written %%2F, %%3F, %%23 and "
			   "%%40");
		return;
	}
	parse_host(url, host, m);
	struct str db = until(after(tail, 1), "?#");
	if (tail.len && tail.at[0] == '/' && db.len)
		parse_db(url, db, m);
	tail = tail.len && tail.at[0] == '/' ? after(tail, 1 + db.len) : tail;
	if (tail.len && tail.at[0] == '#')
		err_add(m, "a `#` has no meaning here");
	else
		parse_parameters(url, after(tail, 1), m);
}

bool store_url_parse(struct store_url *url, const char *text, struct err *err)
{
	*url = (struct store_url){.port = 0};
	struct err m = {0};
	struct str all = str_of(text);
	if (strncmp(all.at, "unix://", 7) == 0) {
		parse_unix(url, after(all, 7), &m);
		snprintf(url->address, sizeof url->address, "%.200s, database %d", url->path, url->db);
	} else if (strncmp(all.at, "redis://", 8) == 0 || strncmp(all.at, "rediss://", 9) == 0) {
		url->tls = all.at[5] == 's';
		parse_tcp(url, after(all, url->tls ? 9 : 8), &m);
		snprintf(url->address, sizeof url->address,
			 strchr(url->host ? url->host : "", ':') ? "[%.200s]:%d, database %d"
								 : "%.200s:%d, database %d",
			 url->host ? url->host : "", url->port, url->db);
	} else {
		err_add(&m, "must begin with redis://, rediss:// or unix://");
	}
	if (!m.set)
		return true;
	err_set(err, "Redis URL: %s", m.text);
	store_url_release(url);
	return false;
}

static void forget(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void store_url_release(struct store_url *url)
{
	free(url->path);
	free(url->host);
	free(url->user);
	forget(url->password);
	url->path = url->host = url->user = url->password = NULL;
}

bool store_check_url(const char *text, struct err *err)
{
	struct store_url url;
	if (!store_url_parse(&url, text, err))
		return false;
	store_url_release(&url);
	return true;
}
