#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void must_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "corridor: bug: %s:%d: %s\n", file, line, condition);
	abort();
}

static void *checked(void *at, size_t bytes)
{
	if (at == NULL) {
		fprintf(stderr, "corridor: out of memory (%zu bytes asked for)\n", bytes);
		abort();
	}
	return at;
}

void *must_alloc(unsigned long bytes)
{
	return checked(calloc(1, bytes ? bytes : 1), bytes);
}

void *must_array(unsigned long n, unsigned long size)
{
	return checked(calloc(n ? n : 1, size ? size : 1), n);
}

char *must_copy(const char *text)
{
	return checked(strdup(text), strlen(text));
}
