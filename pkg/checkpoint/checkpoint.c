#include "checkpoint/checkpoint.h"

#include <string.h>

#include "base/hash.h"

enum { MAGIC = 0x54504b43, HEAD = 32, SECTION = 8, SUM = 8 };

static void put(struct checkpoint_writer *w, const void *bytes, size_t len)
{
	w->full = w->full || w->max - w->len < len;
	if (w->full)
		return;
	if (len)
		memcpy(w->out + w->len, bytes, len);
	w->len += len;
}

/* Both machines that Debian's librdkafka serves in earnest (amd64, arm64) are little-endian; the byte order is still written out. */
static void put_whole(struct checkpoint_writer *w, uint64_t value, unsigned bytes)
{
	unsigned char out[8];
	for (unsigned i = 0; i < bytes; i++)
		out[i] = (unsigned char)(value >> 8 * i);
	put(w, out, bytes);
}

static uint64_t get_whole(const unsigned char *at, unsigned bytes)
{
	uint64_t value = 0;
	for (unsigned i = bytes; i-- > 0;)
		value = value << 8 | at[i];
	return value;
}

void checkpoint_begin(struct checkpoint_writer *w, unsigned char *out, size_t max,
		      const struct checkpoint_head *head)
{
	*w = (struct checkpoint_writer){out, 0, max, false};
	put_whole(w, MAGIC, 4);
	put_whole(w, CHECKPOINT_VERSION, 4);
	put_whole(w, (uint64_t)head->log_ms, 8);
	put_whole(w, (uint64_t)head->offset, 8);
	put_whole(w, (uint64_t)head->last_ms, 8);
}

void checkpoint_section(struct checkpoint_writer *w, uint32_t kind, const unsigned char *bytes, size_t len)
{
	put_whole(w, kind, 4);
	put_whole(w, len, 4);
	put(w, bytes, len);
}

size_t checkpoint_finish(struct checkpoint_writer *w)
{
	put_whole(w, w->full ? 0 : hash_bytes((struct str){(const char *)w->out, w->len}), SUM);
	return w->full ? 0 : w->len;
}

/* Sections must fill the space between head and sum exactly. */
static bool sections_fit(const unsigned char *at, size_t len)
{
	while (len >= SECTION) {
		size_t n = get_whole(at + 4, 4);
		if (n > len - SECTION)
			return false;
		at += SECTION + n;
		len -= SECTION + n;
	}
	return len == 0;
}

bool checkpoint_read(struct str bytes, struct checkpoint_head *head, checkpoint_on_section *on_section,
		     void *context)
{
	const unsigned char *at = (const unsigned char *)bytes.at;
	if (bytes.len < HEAD + SUM || get_whole(at, 4) != MAGIC || get_whole(at + 4, 4) != CHECKPOINT_VERSION)
		return false;
	size_t sum_at = bytes.len - SUM;
	if (hash_bytes((struct str){bytes.at, sum_at}) != get_whole(at + sum_at, SUM) ||
	    !sections_fit(at + HEAD, sum_at - HEAD))
		return false;
	*head = (struct checkpoint_head){(int64_t)get_whole(at + 8, 8), (int64_t)get_whole(at + 16, 8),
					 (int64_t)get_whole(at + 24, 8)};
	for (size_t i = HEAD; i < sum_at;) {
		size_t len = get_whole(at + i + 4, 4);
		if (!on_section(context, (uint32_t)get_whole(at + i, 4), at + i + SECTION, len))
			return false;
		i += SECTION + len;
	}
	return true;
}
