/*
 * log - talk for the person who runs this: one line each, on stderr, as text or JSON.
 *
 *   2026-05-04T10:00:00.123Z warn kafka: broker 2 is gone: connection refused
 *   {"time":"2026-05-04T10:00:00.123Z","level":"warn","module":"kafka","message":"broker 2 is gone:
 * connection refused"}
 *
 * The module is the folder of the calling file. Any thread may log; a line is one write(), so lines never
 * mix. A place in the code that repeats itself is let through LOG_BURST times in LOG_PERIOD_MS, then it is
 * silent and says how many lines it left out. Errors about single messages do not belong here: those are
 * counters and dead letters. Secrets are told to log_hide() when they are read and never get out again,
 * whoever formats them.
 */
#ifndef LOG_H
#define LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/must.h"
#include "base/option.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_options {
	int level;  /* enum log_level */
	int format; /* enum log_format */
};
extern const struct option_row log_options[];

void log_setup(const struct log_options *); /* may be called again at any time; before it: info, text */
void log_to(int fd);			    /* default 2 */
void log_hide(const char *secret); /* from now on "***" in every line; shorter than 4 bytes: ignored, it would
				      garble all */

#define LOG_BURST     10
#define LOG_PERIOD_MS 10000

/* A place that logs: its own repetitions are counted, not those of others. */
struct log_limit {
	_Atomic int64_t period_ms; /* start of the current period */
	atomic_uint said, left_out;
};

/* May it speak? If yes, *left_out is what it swallowed since it last spoke. Pure but for the limit itself. */
bool log_limit_pass(struct log_limit *, int64_t now_ms, unsigned *left_out);

struct log_site {
	enum log_level level;
	const char *file;
	struct log_limit limit;
};
void log_write(struct log_site *, const char *format, ...) PRINTF(2, 3);

#define LOG_AT(at_level, ...)                                                                                \
	do {                                                                                                 \
		static struct log_site log_site_ = {.level = (at_level), .file = __FILE__};                  \
		log_write(&log_site_, __VA_ARGS__);                                                          \
	} while (0)

#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
