#include "rivals.h"

#include <string.h>

#include "json/json.h"

static uint64_t text(const struct json *tree, const char *name)
{
	struct str value = json_text(json_get(tree, name));
	return value.len + (value.len ? (unsigned char)value.at[0] : 0);
}

uint64_t rival_jansson(const char *message, size_t len, size_t allocated)
{
	struct err err = {0};
	struct json *tree = json_parse((struct str){message, len}, &err);
	if (tree == NULL)
		return 0;
	uint64_t sum = text(tree, "id") + text(tree, "time") + text(tree, "kind") + text(tree, "touchpoint") +
		       text(tree, "comment") + text(tree, "customer") +
		       (uint64_t)json_whole(json_get(tree, "score"));
	const struct json *dims = json_get(tree, "dims");
	for (void *at = json_first(dims); at; at = json_next(dims, at)) {
		struct str name = json_name(at), value = json_text(json_member(at));
		sum += name.len + value.len + (unsigned char)name.at[0] + (unsigned char)value.at[0];
	}
	json_destroy(tree);
	return sum;
}

uint64_t rival_memchr(const char *message, size_t len, size_t allocated)
{
	return memchr(message, '\x01', len) == NULL;
}
