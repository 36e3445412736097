#include "dead_letters_json.h"

#include <inttypes.h>
#include <time.h>

/* The length of the UTF-8 sequence at `at` (RFC 3629: no surrogates, nothing longer than needed); 0: it is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
	size_t len = at[0] < 0x80		     ? 1
		     : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
		     : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
		     : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
						     : 0;
	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	bool wrong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0) ||
		     (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] >= 0x90);
	return wrong ? 0 : len;
}

/* Keys are a stranger's bytes: what is not UTF-8 becomes U+FFFD. */
static void put_text(FILE *out, const char *name, struct str text)
{
	fprintf(out, ",\"%s\":", name);
	if (text.at == NULL) {
		fputs("null", out);
		return;
	}
	fputc('"', out);
	for (size_t i = 0; i < text.len;) {
		const unsigned char *at = (const unsigned char *)text.at + i;
		size_t len = utf8_length(at, text.len - i);
		if (len == 0)
			fputs("\\ufffd", out);
		else if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(out, "\\u%04x", *at);
		else
			fwrite(at, 1, len, out);
		i += len ? len : 1;
	}
	fputc('"', out);
}

void dead_letter_json(FILE *out, const struct deadletter *letter)
{
	char written[40];
	time_t s = (time_t)(letter->written_ms / 1000);
	struct tm tm;
	strftime(written, sizeof written, "%Y-%m-%dT%H:%M:%S", gmtime_r(&s, &tm));
	fprintf(out, "{\"letter\":\"%" PRId32 ":%" PRId64 "\",\"time\":\"%s.%03dZ\"", letter->partition,
		letter->offset, written, (int)(letter->written_ms % 1000));
	put_text(out, "topic", letter->topic);
	if (letter->from_partition >= 0)
		fprintf(out, ",\"partition\":%" PRId32, letter->from_partition);
	if (letter->from_offset >= 0)
		fprintf(out, ",\"offset\":%" PRId64, letter->from_offset);
	put_text(out, "reason", letter->reason);
	put_text(out, "sentence", letter->sentence);
	put_text(out, "key", letter->key);
	fprintf(out, ",\"bytes\":%zu,\"cut\":%s,\"sent_back\":%s}\n", letter->raw.len,
		letter->cut ? "true" : "false", letter->redriven ? "true" : "false");
}
