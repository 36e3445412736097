#include "terminal/terminal_priv.h"

#include <string.h>

/* ---- how wide a character is ---- */

static const struct {
	uint32_t first, last;
	uint8_t width;
} widths[] = {
	/* The blocks that matter; a terminal's own table differs in the rest anyway. */
	{0x0300, 0x036F, 0},   {0x0483, 0x0489, 0},   {0x0591, 0x05BD, 0},   {0x0610, 0x061A, 0},
	{0x064B, 0x065F, 0},   {0x0E31, 0x0E31, 0},   {0x0E34, 0x0E3A, 0},   {0x0E47, 0x0E4E, 0},
	{0x1100, 0x115F, 2},   {0x1AB0, 0x1AFF, 0},   {0x1DC0, 0x1DFF, 0},   {0x200B, 0x200F, 0},
	{0x202A, 0x202E, 0},   {0x2060, 0x2064, 0},   {0x20D0, 0x20FF, 0},   {0x2E80, 0x303E, 2},
	{0x3041, 0x33FF, 2},   {0x3400, 0x4DBF, 2},   {0x4E00, 0x9FFF, 2},   {0xA000, 0xA4CF, 2},
	{0xAC00, 0xD7A3, 2},   {0xF900, 0xFAFF, 2},   {0xFE00, 0xFE0F, 0},   {0xFE20, 0xFE2F, 0},
	{0xFE30, 0xFE4F, 2},   {0xFEFF, 0xFEFF, 0},   {0xFF00, 0xFF60, 2},   {0xFFE0, 0xFFE6, 2},
	{0x1F300, 0x1F64F, 2}, {0x1F680, 0x1F6FF, 2}, {0x1F900, 0x1F9FF, 2}, {0x20000, 0x3FFFD, 2},
};

static unsigned width_of(uint32_t c)
{
	for (unsigned i = 0; i < sizeof widths / sizeof *widths; i++)
		if (c >= widths[i].first && c <= widths[i].last)
			return widths[i].width;
	return 1;
}

/* A byte that begins no character (a name cut by somebody) and a control byte are shown as '?': nothing reaches the terminal that
 * could steer it. */
unsigned canvas_glyph(struct str text, size_t at, unsigned *width)
{
	unsigned char c = (unsigned char)text.at[at];
	unsigned bytes = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 0;
	*width = 1;
	if (bytes == 1 && c >= 0x20 && c != 0x7F)
		return 1;
	if (bytes < 2 || at + bytes > text.len)
		return 0;
	uint32_t code = c & (0x7F >> bytes);
	for (unsigned i = 1; i < bytes; i++) {
		if (((unsigned char)text.at[at + i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | ((unsigned char)text.at[at + i] & 0x3F);
	}
	if (code < 0xA0) /* C1 controls */
		return 0;
	*width = width_of(code);
	return bytes;
}

unsigned terminal_width(struct str text)
{
	unsigned total = 0, width;
	for (size_t i = 0; i < text.len;) {
		unsigned bytes = canvas_glyph(text, i, &width);
		i += bytes ? bytes : 1;
		total += width;
	}
	return total;
}

/* ---- writing ---- */

static void raw(struct canvas *canvas, const char *at, size_t len)
{
	if (canvas->len + len + 1 > canvas->max) /* the caller's buffer is full: what is there stays whole */
		return;
	memcpy(canvas->out + canvas->len, at, len);
	canvas->len += len;
	canvas->out[canvas->len] = '\0';
}

static const char *const inks[] = {"",	       "\x1b[2m",  "\x1b[1m",	 "\x1b[32m",
				   "\x1b[33m", "\x1b[31m", "\x1b[1;31m", "\x1b[1;32m"};

void canvas_put(struct canvas *canvas, enum ink ink, struct str text)
{
	bool inked = ink != INK_PLAIN && canvas->style->color && text.len;
	if (inked)
		raw(canvas, inks[ink], strlen(inks[ink]));
	for (size_t i = 0; i < text.len;) {
		unsigned width, bytes = canvas_glyph(text, i, &width);
		if (canvas->column + width > canvas->style->columns)
			break;
		if (bytes == 0 || (bytes > 1 && !canvas->style->unicode))
			raw(canvas, "??", width);
		else
			raw(canvas, text.at + i, bytes);
		canvas->column += width;
		i += bytes ? bytes : 1;
	}
	if (inked)
		raw(canvas, "\x1b[0m", 4);
}

void canvas_text(struct canvas *canvas, enum ink ink, const char *text)
{
	canvas_put(canvas, ink, str_of(text));
}

void canvas_to(struct canvas *canvas, unsigned column)
{
	for (; canvas->column < column && canvas->column < canvas->style->columns; canvas->column++)
		raw(canvas, " ", 1);
}

void canvas_right(struct canvas *canvas, enum ink ink, unsigned width, const char *text)
{
	unsigned takes = terminal_width(str_of(text)), end = canvas->column + width;
	if (takes < width)
		canvas_to(canvas, end - takes);
	canvas_text(canvas, ink, text);
	canvas_to(canvas, end);
}

void canvas_left(struct canvas *canvas, enum ink ink, unsigned width, struct str text)
{
	unsigned end = canvas->column + width, kept = 0, glyph;
	if (terminal_width(text) > width) {
		size_t at = 0;
		unsigned room = width - (canvas->style->unicode ? 1 : 2);
		for (unsigned bytes; at < text.len; at += bytes ? bytes : 1, kept += glyph) {
			bytes = canvas_glyph(text, at, &glyph);
			if (kept + glyph > room)
				break;
		}
		canvas_put(canvas, ink, (struct str){text.at, at});
		canvas_text(canvas, ink, canvas->style->unicode ? "…" : "..");
	} else {
		canvas_put(canvas, ink, text);
	}
	canvas_to(canvas, end);
}

void canvas_end(struct canvas *canvas)
{
	while (canvas->len && canvas->out[canvas->len - 1] == ' ')
		canvas->len--;
	raw(canvas, "\n", 1);
	canvas->column = 0;
	canvas->lines++;
}
