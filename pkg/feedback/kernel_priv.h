/*
 * Many bytes at once: SSE2 as it is on x86, through SIMDe on anything else. Wider registers bring something
 * only where a whole message is gone through; names and numbers are short.
 */
#ifndef FEEDBACK_KERNEL_PRIV_H
#define FEEDBACK_KERNEL_PRIV_H

#include <simde/x86/sse2.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "feedback/feedback_priv.h"

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

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Copies 32 bytes; bit i: byte i ends a string or needs a look there: a quote, a backslash, a control byte,
 * one that is not ASCII. Bytes are compared as signed, so one comparison with ' ' finds control bytes and
 * those from 0x80 on. */
#if defined(__AVX2__)
static inline uint32_t stops32(const char *from, char *to)
{
	__m256i bytes = _mm256_loadu_si256((const __m256i *)from);
	_mm256_storeu_si256((__m256i *)to, bytes);
	__m256i quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
	__m256i slash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));
	__m256i other = _mm256_cmpgt_epi8(_mm256_set1_epi8(' '), bytes);
	return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, slash), other));
}
#else
static inline uint32_t stops16(const char *from, char *to)
{
	simde__m128i bytes = load16(from);
	simde_mm_storeu_si128((simde__m128i *)to, bytes);
	simde__m128i quote = simde_mm_cmpeq_epi8(bytes, simde_mm_set1_epi8('"'));
	simde__m128i slash = simde_mm_cmpeq_epi8(bytes, simde_mm_set1_epi8('\\'));
	simde__m128i other = simde_mm_cmplt_epi8(bytes, simde_mm_set1_epi8(' '));
	return (uint32_t)simde_mm_movemask_epi8(simde_mm_or_si128(simde_mm_or_si128(quote, slash), other));
}

static inline uint32_t stops32(const char *from, char *to)
{
	uint32_t high = stops16(from + 16, to + 16);
	return high << 16 | stops16(from, to);
}
#endif

static inline uint64_t stops64(const char *from, char *to)
{
	return (uint64_t)stops32(from + 32, to + 32) << 32 | stops32(from, to);
}

/* The message with a NUL behind it, and the map of its stops; the NUL is one. `to` has room for 64 bytes
 * more. The last 64 bytes are taken in one piece, over some of those before: nothing is read beyond the
 * message. */
static inline void copy_with_map(char *to, uint64_t *map, const char *from, size_t len)
{
	size_t rest = len % 64;
	if (unlikely(len < 64)) {
		if (len > 0)
			memcpy(to, from, len);
		memset(to + len, 0, 64 - len);
		*map = stops64(to, to);
		return;
	}
	for (const char *end = from + len - rest; from < end; from += 64, to += 64)
		*map++ = stops64(from, to);
	*map = (uint64_t)1 << rest;
	if (likely(rest > 0))
		*map |= stops64(from + rest - 64, to + rest - 64) >> (64 - rest);
	to[rest] = '\0';
}

/* The first stop from p on. `map` is where the map would begin were the copy at address 0. Read from the
 * byte that p's bit lies in, not from its word: 57 bits are enough for most strings. */
static inline const char *next_stop(uintptr_t map, const char *p)
{
	uintptr_t at = (uintptr_t)p;
	uint64_t stops = load8((const void *)(map + at / 8)) >> at % 8;
	while (unlikely(stops == 0)) {
		p += 64 - at % 8;
		at = (uintptr_t)p;
		stops = load8((const void *)(map + at / 8));
	}
	return p + __builtin_ctzll(stops);
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
