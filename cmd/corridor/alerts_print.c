#include "alerts.h"

#include <stdio.h>
#include <time.h>

#include "base/utf8.h"
#include "terminal/terminal.h"

const char *alerts_time(int64_t ms, char out[ALERTS_TIME_BYTES])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	strftime(out, ALERTS_TIME_BYTES, "%Y-%m-%d %H:%MZ", gmtime_r(&s, &tm));
	return out;
}

/* The next character and whether it may be shown: neither control bytes nor C1 (U+0080 to U+009F). */
static struct str character(struct str text, size_t i)
{
	size_t len = utf8_length(text.at + i, text.len - i);
	unsigned char c = (unsigned char)text.at[i];
	bool control =
		c < 0x20 || c == 0x7f || (c == 0xc2 && len == 2 && (unsigned char)text.at[i + 1] < 0xa0);
	return len && !control ? (struct str){text.at + i, len} : STR("?");
}

void alerts_put(struct str text, unsigned columns)
{
	unsigned used = 0;
	for (size_t i = 0; i < text.len;) {
		struct str c = character(text, i);
		size_t len = utf8_length(text.at + i, text.len - i);
		unsigned width = terminal_width(c);
		if (columns && used + width > columns - (i + c.len < text.len)) {
			putchar('~');
			used++;
			break;
		}
		fwrite(c.at, 1, c.len, stdout);
		used += width;
		i += len ? len : 1;
	}
	for (; used < columns; used++)
		putchar(' ');
}
