#include "log/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"
#include "os/os.h"

#define MESSAGE_MAX 2048 /* a longer message is cut; librdkafka's longest are about 1 KiB */
#define LINE_END    16 /* room for the longest escape and what closes a line */
#define SECRETS_MAX 64
#define SECRET_MAX  512

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const formats[] = {"text", "json", NULL};

const struct option_row log_options[] = {
	{"level", OPTION_CHOICE, offsetof(struct log_options, level), "info", 0, 0, levels,
	 "how much is said: this and what is graver", 1},
	{"format", OPTION_CHOICE, offsetof(struct log_options, format), "text", 0, 0, formats,
	 "lines for people, or JSON for machines", 1},
	{0},
};

static atomic_int level = LOG_LEVEL_INFO, format = LOG_FORMAT_TEXT, out_fd = 2;

static pthread_mutex_t secrets_lock = PTHREAD_MUTEX_INITIALIZER;
static char secrets[SECRETS_MAX][SECRET_MAX];
static atomic_uint secrets_count; /* entries below it never change, so readers need no lock */

void log_setup(const struct log_options *options)
{
	level = options->level;
	format = options->format;
}

void log_to(int fd)
{
	out_fd = fd;
}

void log_hide(const char *secret)
{
	size_t len = secret != NULL ? strlen(secret) : 0;
	if (len < 4 || len >= SECRET_MAX)
		return;
	pthread_mutex_lock(&secrets_lock);
	unsigned count = secrets_count, i = 0;
	while (i < count && strcmp(secrets[i], secret) != 0)
		i++;
	if (i == count && count < SECRETS_MAX) {
		memcpy(secrets[count], secret, len + 1);
		secrets_count = count + 1;
	}
	pthread_mutex_unlock(&secrets_lock);
}

static void mask(char *text)
{
	unsigned count = secrets_count;
	for (unsigned i = 0; i < count; i++) {
		size_t len = strlen(secrets[i]);
		for (char *at = text; (at = strstr(at, secrets[i])) != NULL; at += 3) {
			memcpy(at, "***", 3);
			memmove(at + 3, at + len, strlen(at + len) + 1);
		}
	}
}

bool log_limit_pass(struct log_limit *limit, int64_t now_ms, unsigned *left_out)
{
	int64_t start = atomic_load(&limit->period_ms);
	bool over = start == 0 || now_ms - start >= LOG_PERIOD_MS || now_ms < start;
	*left_out = 0;
	if (over && atomic_compare_exchange_strong(&limit->period_ms, &start, now_ms)) {
		*left_out = atomic_exchange(&limit->left_out, 0);
		atomic_store(&limit->said, 1);
		return true;
	}
	if (atomic_fetch_add(&limit->said, 1) < LOG_BURST)
		return true;
	atomic_fetch_add(&limit->left_out, 1);
	return false;
}

/* "pkg/kafka/producer.c" -> "kafka" */
static struct str module_of(const char *file)
{
	const char *end = strrchr(file, '/');
	if (end == NULL)
		return STR("corridor");
	const char *at = end;
	while (at > file && at[-1] != '/')
		at--;
	return (struct str){at, (size_t)(end - at)};
}

struct line {
	char at[2 * MESSAGE_MAX + 256];
	size_t len;
};

static void put(struct line *line, const char *at, size_t len)
{
	size_t room = sizeof line->at - line->len;
	len = len < room ? len : room;
	memcpy(line->at + line->len, at, len);
	line->len += len;
}

static void put_text(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

/* Control bytes would break the line (or the terminal), bytes that are not UTF-8 would break the JSON. */
static void put_escaped(struct line *line, const char *text, bool json)
{
	const unsigned char *at = (const unsigned char *)text;
	for (size_t left = strlen(text); left > 0 && line->len + LINE_END < sizeof line->at;) {
		size_t len = utf8_length((const char *)at, left);
		char escape[8];
		if (len == 0)
			put_text(line, "\xEF\xBF\xBD"); /* U+FFFD */
		else if (*at < 0x20 || *at == 0x7F) {
			snprintf(escape, sizeof escape, json ? "\\u%04x" : "\\x%02x", *at);
			put_text(line, escape);
		} else {
			if (json && (*at == '"' || *at == '\\'))
				put(line, "\\", 1);
			put(line, (const char *)at, len);
		}
		at += len ? len : 1;
		left -= len ? len : 1;
	}
}

static void put_time(struct line *line, int64_t now_ms)
{
	char text[40];
	time_t second = (time_t)(now_ms / 1000);
	struct tm utc;
	gmtime_r(&second, &utc);
	size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + len, sizeof text - len, ".%03dZ", (int)(now_ms % 1000));
	put_text(line, text);
}

static void write_line(const struct log_site *site, const char *message)
{
	struct line line = {.len = 0};
	struct str module = module_of(site->file);
	bool json = format == LOG_FORMAT_JSON;
	put_text(&line, json ? "{\"time\":\"" : "");
	put_time(&line, os_wall_ms());
	put_text(&line, json ? "\",\"level\":\"" : " ");
	put_text(&line, levels[site->level]);
	put_text(&line, json ? "\",\"module\":\"" : " ");
	put(&line, module.at, module.len);
	put_text(&line, json ? "\",\"message\":\"" : ": ");
	put_escaped(&line, message, json);
	put_text(&line, json ? "\"}\n" : "\n");
	while (write(out_fd, line.at, line.len) < 0 && errno == EINTR)
		;
}

/* Masks first and cuts then: a secret that is cut in two would not be found. */
static void cut(char *message, size_t formatted, size_t room)
{
	size_t len = strlen(message);
	if (formatted >= room)
		len -= len < SECRET_MAX ? len : SECRET_MAX; /* the end may be the beginning of a secret */
	if (len >= MESSAGE_MAX)
		len = MESSAGE_MAX;
	if (message[len] != '\0')
		strcpy(message + len, "...");
}

void log_write(struct log_site *site, const char *text, ...)
{
	int saved = errno; /* logging between a failed call and its report does no harm */
	unsigned left_out;
	if ((int)site->level > level || !log_limit_pass(&site->limit, os_monotonic_ns() / 1000000, &left_out))
		return;
	char message[MESSAGE_MAX + SECRET_MAX + 100];
	size_t room = sizeof message - 100;
	va_list args;
	va_start(args, text);
	int len = vsnprintf(message, room, text, args);
	va_end(args);
	mask(message);
	cut(message, len > 0 ? (size_t)len : 0, room);
	if (left_out > 0)
		snprintf(message + strlen(message), 100, " (%u more like this were left out)", left_out);
	write_line(site, message);
	errno = saved;
}
