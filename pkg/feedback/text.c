#include "feedback/feedback_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "feedback/kernel_priv.h"

#define BLOCK_BYTES (64u << 10)

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at p; -1: there are none. Stops at the first other byte, so never beyond the end. */
static int hex4(const char *p)
{
	int unit = 0;
	for (int i = 0; i < 4; i++) {
		int digit = hex(p[i]);
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/*
 * \u0041 or \ud83d\ude00
 * ^ p: at the backslash. Half a surrogate pair is grammar to RFC 8259 but no text in UTF-8; jansson refuses it too.
 */
static const char *escaped_unit(struct feedback_decoder *d, const char *p)
{
	int unit = hex4(p + 2);
	if (unit < 0) {
		d->fault = FEEDBACK_NOT_JSON;
		return NULL;
	}
	if (unit < 0xd800 || unit > 0xdfff)
		return p + 6;
	int low = unit < 0xdc00 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8) : -1;
	if (low < 0xdc00 || low > 0xdfff) {
		d->fault = FEEDBACK_NOT_UTF8;
		return NULL;
	}
	return p + 12;
}

static const char *escape(struct feedback_decoder *d, const char *p)
{
	switch (p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't': return p + 2;
	case 'u': return escaped_unit(d, p);
	default: d->fault = FEEDBACK_NOT_JSON; return NULL;
	}
}

static bool tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The end of one sequence of two to four bytes (Unicode 15, table 3-7: no overlong form, no surrogate, nothing above U+10FFFF). */
static inline const char *sequence(const char *p)
{
	unsigned char lead = (unsigned char)p[0], second = (unsigned char)p[1];
	if (lead < 0xe0)
		return lead >= 0xc2 && tail(p[1]) ? p + 2 : NULL;
	if (!tail(p[1]) || !tail(p[2]))
		return NULL;
	if (lead < 0xf0)
		return (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ? NULL : p + 3;
	if (lead > 0xf4 || !tail(p[3]) || (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
		return NULL;
	return p + 4;
}

const char *text_rare(struct feedback_decoder *d, const char *p, enum token *token)
{
	for (;;) {
		if ((unsigned char)*p >= 0x80) {
			p = sequence(p);
			if (p == NULL) {
				d->fault = FEEDBACK_NOT_UTF8;
				return NULL;
			}
		} else if (*p == '\\') {
			*token = TOKEN_ESCAPED;
			p = escape(d, p);
			if (p == NULL)
				return NULL;
		} else if ((unsigned char)*p < 0x20) {
			d->fault = FEEDBACK_NOT_JSON;
			return NULL;
		} else {
			return p;
		}
	}
}

static struct block *block_create(size_t size)
{
	struct block *block = must_alloc(sizeof *block + size);
	block->size = size;
	return block;
}

void scratch_init(struct feedback_decoder *d)
{
	d->first = d->current = block_create(BLOCK_BYTES);
}

static char *scratch(struct feedback_decoder *d, size_t bytes)
{
	while (d->current->size - d->current->used < bytes) {
		if (d->current->next == NULL)
			d->current->next = block_create(bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES);
		d->current = d->current->next;
	}
	char *at = d->current->bytes + d->current->used;
	d->current->used += bytes;
	return at;
}

static char *put_code_point(char *to, uint32_t code)
{
	if (code < 0x80) {
		*to++ = (char)code;
	} else if (code < 0x800) {
		*to++ = (char)(0xc0 | code >> 6);
		*to++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*to++ = (char)(0xe0 | code >> 12);
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	} else {
		*to++ = (char)(0xf0 | code >> 18);
		*to++ = (char)(0x80 | (code >> 12 & 0x3f));
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	}
	return to;
}

/* One escape, which the scan found sound. */
static char *put_escape(char *to, const char **from)
{
	const char *p = *from;
	uint32_t unit;
	*from = p + 2;
	switch (p[1]) {
	case 'b': *to++ = '\b'; break;
	case 'f': *to++ = '\f'; break;
	case 'n': *to++ = '\n'; break;
	case 'r': *to++ = '\r'; break;
	case 't': *to++ = '\t'; break;
	case 'u':
		unit = (uint32_t)hex4(p + 2);
		*from = p + 6;
		if (unit >= 0xd800 && unit <= 0xdfff) {
			unit = 0x10000 + ((unit - 0xd800) << 10) + ((uint32_t)hex4(p + 8) - 0xdc00);
			*from = p + 12;
		}
		return put_code_point(to, unit);
	default: *to++ = p[1]; break;
	}
	return to;
}

/* Decoding never lengthens, so raw.len bytes are room enough; what is left is given back. */
struct str text_decode(struct feedback_decoder *d, struct str raw)
{
	const char *p = raw.at, *end = raw.at + raw.len;
	char *text = scratch(d, raw.len + PAD), *to = text;
	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		size_t run = (size_t)((slash ? slash : end) - p);
		memcpy(to, p, run);
		to += run;
		p += run;
		if (p < end)
			to = put_escape(to, &p);
	}
	memset(to, 0, PAD);
	d->current->used -= raw.len - (size_t)(to - text);
	return (struct str){text, (size_t)(to - text)};
}

void feedback_reset(struct feedback_decoder *d)
{
	for (struct block *block = d->first; block; block = block->next)
		block->used = 0;
	d->current = d->first;
}
