#include "store/store_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"

void args_init(struct args *args, size_t scratch_size)
{
	*args = (struct args){.room = 1024, .scratch_size = scratch_size};
	args->at = must_array((unsigned long)args->room, sizeof *args->at);
	args->len = must_array((unsigned long)args->room, sizeof *args->len);
	args->scratch = must_alloc(scratch_size);
}

void args_release(struct args *args)
{
	free(args->at);
	free(args->len);
	free(args->scratch);
	free(args->wire);
}

void args_begin(struct args *args)
{
	args->count = 0;
	args->scratch_used = 0;
	args->bytes = 0;
}

void args_bytes(struct args *args, struct str borrowed)
{
	if (args->count == args->room) {
		args->room *= 2;
		args->at = realloc(args->at, (size_t)args->room * sizeof *args->at);
		args->len = realloc(args->len, (size_t)args->room * sizeof *args->len);
		must(args->at != NULL && args->len != NULL);
	}
	args->at[args->count] = borrowed.at ? borrowed.at : "";
	args->len[args->count++] = borrowed.len;
	args->bytes += borrowed.len;
}

void args_text(struct args *args, const char *borrowed)
{
	args_bytes(args, str_of(borrowed));
}

static char *scratch(struct args *args, size_t len)
{
	must(args->scratch_size - args->scratch_used >= len);
	char *at = args->scratch + args->scratch_used;
	args->scratch_used += len;
	return at;
}

void args_format(struct args *args, const char *format, ...)
{
	char *at = args->scratch + args->scratch_used;
	va_list list;
	va_start(list, format);
	int len = vsnprintf(at, args->scratch_size - args->scratch_used, format, list);
	va_end(list);
	must(len >= 0);
	scratch(args, (size_t)len + 1);
	args_bytes(args, (struct str){at, (size_t)len});
}

void args_copy(struct args *args, struct str prefix, struct str rest)
{
	char *at = scratch(args, prefix.len + rest.len);
	memcpy(at, prefix.at, prefix.len);
	if (rest.len)
		memcpy(at + prefix.len, rest.at, rest.len);
	args_bytes(args, (struct str){at, prefix.len + rest.len});
}

void args_whole(struct args *args, int64_t number)
{
	char *at = scratch(args, NUMBER_BYTES);
	args_bytes(args, (struct str){at, number_whole(at, number)});
}

void args_wholes(struct args *args, int64_t a, int64_t b, int64_t c)
{
	char *at = scratch(args, (size_t)3 * NUMBER_BYTES);
	size_t len = number_whole(at, a);
	at[len++] = ',';
	len += number_whole(at + len, b);
	at[len++] = ',';
	len += number_whole(at + len, c);
	args_bytes(args, (struct str){at, len});
}

int args_later(struct args *args)
{
	args_bytes(args, STR(""));
	return args->count - 1;
}

void args_set(struct args *args, int place, int64_t number)
{
	char *at = scratch(args, NUMBER_BYTES);
	args->at[place] = at;
	args->len[place] = number_whole(at, number);
	args->bytes += args->len[place];
}

static char *put_count(char *at, char kind, size_t count)
{
	*at++ = kind;
	at += number_whole(at, (int64_t)count);
	*at++ = '\r';
	*at++ = '\n';
	return at;
}

/* hiredis' own way (redisAppendCommandArgv) formats each length with printf's like into a string that grows: half of our cost of a hash. */
struct str args_wire(struct args *args)
{
	size_t most = args->bytes + ((size_t)args->count + 1) * (NUMBER_BYTES + 8);
	if (most > args->wire_size) {
		free(args->wire);
		args->wire_size = most * 2;
		args->wire = must_alloc(args->wire_size);
	}
	char *at = put_count(args->wire, '*', (size_t)args->count);
	for (int i = 0; i < args->count; i++) {
		at = put_count(at, '$', args->len[i]);
		memcpy(at, args->at[i], args->len[i]);
		at += args->len[i];
		*at++ = '\r';
		*at++ = '\n';
	}
	return (struct str){args->wire, (size_t)(at - args->wire)};
}
