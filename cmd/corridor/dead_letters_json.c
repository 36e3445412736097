#include "dead_letters_json.h"

#include <inttypes.h>
#include <time.h>

#include "base/utf8.h"

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
		const char *at = text.at + i;
		size_t len = utf8_length(at, text.len - i);
		if (len == 0)
			fputs("\\ufffd", out);
		else if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if ((unsigned char)*at < 0x20 || *at == 0x7f)
			fprintf(out, "\\u%04x", (unsigned)*at);
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
