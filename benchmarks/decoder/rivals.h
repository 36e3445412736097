/* The same messages read by others. Each call reads one message whole and adds up what it read, so that nothing can be left out. */
#ifndef RIVALS_H
#define RIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* simdjson On-Demand, built for AVX2 where the machine has it (this program is built for plain x86-64). It has the message in padded
 * memory, as it wants. `members` walks the object as it comes; `ordered` asks for the members in the order in which it knows they
 * stand, its fastest way. Both take every field, look at every value (what nobody asks for On-Demand would not check), and do not
 * convert the time. 0: rejected. */
bool rival_simdjson_ready(void);   /* false: the machine lacks AVX2, so a comparison would be unfair */
uint64_t rival_simdjson_members(const char *message, size_t len, size_t allocated);
uint64_t rival_simdjson_ordered(const char *message, size_t len, size_t allocated);

/* jansson: a tree, the fields looked up in it. */
uint64_t rival_jansson(const char *message, size_t len, size_t allocated);

/* memchr for a byte that is not there: what touching every byte costs. */
uint64_t rival_memchr(const char *message, size_t len, size_t allocated);

#ifdef __cplusplus
}
#endif

#endif
