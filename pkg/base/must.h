/*
 * must - a bug stops the program at once, in every build.
 *
 * The world (a socket, a file) fails with `struct err`, a bad message is an outcome with a reason code; only what can't happen
 * unless this program is wrong goes through must().
 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#define NODISCARD           __attribute__((warn_unused_result))
#define PRINTF(at, args_at) __attribute__((format(printf, at, args_at)))

#define must(condition)                                                                                              \
	do {                                                                                                         \
		if (__builtin_expect(!(condition), 0))                                                               \
			must_failed(#condition, __FILE__, __LINE__);                                                 \
	} while (0)

_Noreturn void must_failed(const char *condition, const char *file, int line);

/* malloc and friends that abort when memory is out: sizes come from options at create, so running out is a set-up error. */
void *must_alloc(unsigned long bytes);   /* zeroed; release with free() */
void *must_array(unsigned long n, unsigned long size);
char *must_copy(const char *text);

#endif
