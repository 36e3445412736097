/*
 * utf8 - whether a stranger's bytes are text (RFC 3629: no surrogates, nothing longer than needed).
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

/* The length of the sequence that `at` begins with, 1 to 4; 0: it is none, or `left` ends before it does. */
size_t utf8_length(const char *at, size_t left);
bool utf8_valid(struct str);

#endif
