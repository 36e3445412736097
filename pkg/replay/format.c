#include "replay/replay.h"

#include <stdio.h>

#include "base/number.h"
#include "view/view.h"

struct writer {
	char *out;
	size_t len;
};

static void put(struct writer *w, const char *at, size_t len)
{
	must(w->len + len <= REPLAY_TEXT_MAX);
	memcpy(w->out + w->len, at, len);
	w->len += len;
}

static void put_text(struct writer *w, const char *text)
{
	put(w, text, strlen(text));
}

/* ---- JSON ---- */

static void put_string(struct writer *w, struct str s)
{
	put_text(w, "\"");
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		char escape[8];
		if (c == '"' || c == '\\')
			put(w, (char[]){'\\', (char)c}, 2);
		else if (c < 0x20)
			put(w, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
		else
			put(w, s.at + i, 1);
	}
	put_text(w, "\"");
}

size_t replay_json(char out[REPLAY_TEXT_MAX], const struct replay_row *row)
{
	struct writer w = {out, 0};
	struct view_fields fields;
	view_fields(&fields, row->ledger, &row->reading);
	put_text(&w, "{\"touchpoint\":");
	put_string(&w, row->touchpoint);
	put_text(&w, ",\"ledger\":");
	put_string(&w, str_of(ledger_name(row->ledger)));
	put_text(&w, ",\"window\":");
	put_string(&w, str_of(row->window));
	for (unsigned i = 0; i < fields.count; i++) {
		bool text = strcmp(fields.at[i].name, "histogram") ==
			    0; /* numbers as numbers; this one is a list in Redis's form */
		put_text(&w, ",\"");
		put_text(&w, fields.at[i].name);
		put_text(&w, text ? "\":\"" : "\":");
		put(&w, fields.at[i].value, fields.at[i].len);
		put_text(&w, text ? "\"" : "");
	}
	put_text(&w, "}\n");
	return w.len;
}

/* ---- CSV ---- */

/* All ledgers' fields, each once, in order of first mention. */
static unsigned columns(const char *names[64])
{
	unsigned n = 0;
	for (int ledger = 0; ledger < LEDGERS; ledger++)
		for (const char *const *name = view_field_names((enum ledger)ledger); *name; name++) {
			unsigned i = 0;
			while (i < n && strcmp(names[i], *name) != 0)
				i++;
			if (i == n) {
				must(n < 64);
				names[n++] = *name;
			}
		}
	return n;
}

static void put_cell(struct writer *w, struct str s)
{
	bool quote = false;
	for (size_t i = 0; i < s.len; i++)
		quote = quote || s.at[i] == ',' || s.at[i] == '"' || s.at[i] == '\r' || s.at[i] == '\n';
	if (!quote) {
		put(w, s.at, s.len);
		return;
	}
	put_text(w, "\"");
	for (size_t i = 0; i < s.len; i++)
		put(w, s.at[i] == '"' ? "\"\"" : s.at + i, s.at[i] == '"' ? 2 : 1);
	put_text(w, "\"");
}

size_t replay_csv_head(char out[REPLAY_TEXT_MAX])
{
	struct writer w = {out, 0};
	const char *names[64];
	unsigned n = columns(names);
	put_text(&w, "touchpoint,ledger,window");
	for (unsigned i = 0; i < n; i++) {
		put_text(&w, ",");
		put_text(&w, names[i]);
	}
	put_text(&w, "\r\n");
	return w.len;
}

size_t replay_csv(char out[REPLAY_TEXT_MAX], const struct replay_row *row)
{
	struct writer w = {out, 0};
	struct view_fields fields;
	const char *names[64];
	unsigned n = columns(names);
	view_fields(&fields, row->ledger, &row->reading);
	put_cell(&w, row->touchpoint);
	put_text(&w, ",");
	put_cell(&w, str_of(ledger_name(row->ledger)));
	put_text(&w, ",");
	put_cell(&w, str_of(row->window));
	for (unsigned i = 0; i < n; i++) {
		put_text(&w, ",");
		for (unsigned f = 0; f < fields.count; f++)
			if (strcmp(fields.at[f].name, names[i]) == 0)
				put_cell(&w, (struct str){fields.at[f].value, fields.at[f].len});
	}
	put_text(&w, "\r\n");
	return w.len;
}

/* ---- dead letters ---- */

/* RFC 4648, three bytes to four letters; `len` is a multiple of 3 but for the last piece. */
static size_t base64(char *out, const unsigned char *in, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;
	for (size_t i = 0; i < len; i += 3) {
		unsigned left = len - i < 3 ? (unsigned)(len - i) : 3;
		uint32_t bits = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
				(left > 2 ? in[i + 2] : 0);
		out[n++] = alphabet[bits >> 18];
		out[n++] = alphabet[bits >> 12 & 63];
		out[n++] = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		out[n++] = left > 2 ? alphabet[bits & 63] : '=';
	}
	return n;
}

bool replay_letter_json(uint64_t line, enum feedback_reason reason, struct str bytes, replay_emit_text *emit,
			void *context)
{
	char text[REPLAY_TEXT_MAX], digits[NUMBER_BYTES];
	struct writer w = {text, 0};
	put_text(&w, "{\"line\":");
	put(&w, digits, number_whole(digits, (int64_t)line));
	put_text(&w, ",\"reason\":");
	put_string(&w, str_of(feedback_reason_code(reason)));
	put_text(&w, ",\"detail\":");
	put_string(&w, str_of(feedback_reason_sentence(reason)));
	put_text(&w, ",\"raw\":\"");
	if (!emit(context, (struct str){text, w.len}))
		return false;
	enum { PIECE = 3 * 2048 };
	for (size_t at = 0; at < bytes.len; at += PIECE) {
		size_t len = bytes.len - at < PIECE ? bytes.len - at : PIECE;
		len = base64(text, (const unsigned char *)bytes.at + at, len);
		if (!emit(context, (struct str){text, len}))
			return false;
	}
	return emit(context, STR("\"}\n"));
}
