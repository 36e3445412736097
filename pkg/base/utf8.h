/*
 * utf8 - is it text? For bytes that come from where nobody checked them: the environment, a log line's arguments.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

/* Bytes of the UTF-8 sequence that begins here; 0: none does (overlong forms and surrogates included). left > 0. */
size_t utf8_length(const unsigned char *at, size_t left);
bool utf8_valid(struct str);

#endif
