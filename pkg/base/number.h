/*
 * number - decimals as text: the shortest that read back equal.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define NUMBER_BYTES 32   /* enough for any double or 64-bit integer, with NUL */

size_t number_decimal(char out[NUMBER_BYTES], double);      /* finite; no locale; "-0" becomes "0"; returns the length */
size_t number_whole(char out[NUMBER_BYTES], int64_t);

#endif
