/*
 * The 16-byte kernel: SSE2 as it is on x86, through SIMDe on anything else. Wider registers brought nothing on messages of this size.
 */
#ifndef FEEDBACK_KERNEL_PRIV_H
#define FEEDBACK_KERNEL_PRIV_H

#include <simde/x86/sse2.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are taken apart from their lowest byte");

static inline uint64_t load8(const void *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof word);
	return word;
}

static inline simde__m128i load16(const void *at)
{
	return simde_mm_loadu_si128((const simde__m128i *)at);
}

/* Bit i: byte i of both is the same. */
static inline uint32_t same16(const void *a, const void *b)
{
	return (uint32_t)simde_mm_movemask_epi8(simde_mm_cmpeq_epi8(load16(a), load16(b)));
}

/* The first byte of a string that needs a look: a quote, a backslash, a control byte, or the first of a non-ASCII sequence.
 * Bytes are compared as signed, so one comparison with ' ' finds control bytes and those from 0x80 on. */
static inline const char *text_stop(const char *p)
{
	for (;; p += 16) {
		simde__m128i bytes = load16(p);
		simde__m128i quote = simde_mm_cmpeq_epi8(bytes, simde_mm_set1_epi8('"'));
		simde__m128i slash = simde_mm_cmpeq_epi8(bytes, simde_mm_set1_epi8('\\'));
		simde__m128i other = simde_mm_cmplt_epi8(bytes, simde_mm_set1_epi8(' '));
		int stops = simde_mm_movemask_epi8(simde_mm_or_si128(simde_mm_or_si128(quote, slash), other));
		if (stops)
			return p + __builtin_ctz((unsigned)stops);
	}
}

/* How many of the 16 bytes at p are digits before the first that is none. */
static inline unsigned digits_run(const char *p)
{
	simde__m128i offset = simde_mm_sub_epi8(load16(p), simde_mm_set1_epi8('0'));
	simde__m128i digit = simde_mm_cmpeq_epi8(simde_mm_min_epu8(offset, simde_mm_set1_epi8(9)), offset);
	return (unsigned)__builtin_ctz(~(unsigned)simde_mm_movemask_epi8(digit));
}

/* Value of eight digits, the first one in the lowest byte: three multiplications instead of eight. */
static inline uint64_t digits8(uint64_t word)
{
	word = (word & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
	word = (word & 0x00ff00ff00ff00ff) * 6553601 >> 16;
	return (word & 0x0000ffff0000ffff) * 42949672960001 >> 32;
}

#endif
