#include "base/utf8.h"

#include <stdint.h>

size_t utf8_length(const unsigned char *at, size_t left)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	if (at[0] < 0x80)
		return 1;
	size_t len = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
	if (at[0] < 0xC2 || at[0] > 0xF4 || len > left)
		return 0;
	uint32_t point = at[0] & (0x7Fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xC0) != 0x80)
			return 0;
		point = point << 6 | (at[i] & 0x3F);
	}
	return point < smallest[len] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000) ? 0 : len;
}

bool utf8_valid(struct str text)
{
	size_t len = 1;
	for (size_t at = 0; at < text.len && len > 0; at += len)
		len = utf8_length((const unsigned char *)text.at + at, text.len - at);
	return len > 0;
}
