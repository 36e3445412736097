/*
 * value - one YAML node to one option.
 */
#include "config/config_priv.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/utf8.h"

#define ITEMS_MAX 64

unsigned node_line(const yaml_node_t *node)
{
	return (unsigned)node->start_mark.line + 1;
}

static struct str scalar_text(const yaml_node_t *node)
{
	return (struct str){(const char *)node->data.scalar.value, node->data.scalar.length};
}

bool node_absent(const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	struct str text = scalar_text(node);
	return text.len == 0 || str_is(text, "~") || str_is(text, "null");
}

/* ---- the environment ---- */

struct text_buffer {
	char *at;
	size_t len, room;
};

static void append(struct text_buffer *buffer, struct str text)
{
	if (buffer->len + text.len + 1 > buffer->room) {
		buffer->room = 2 * (buffer->len + text.len) + 64;
		buffer->at = realloc(buffer->at, buffer->room);
		must(buffer->at != NULL);
	}
	if (text.len > 0)
		memcpy(buffer->at + buffer->len, text.at, text.len);
	buffer->len += text.len;
	buffer->at[buffer->len] = '\0';
}

static bool variable_name(struct str name)
{
	if (name.len == 0 || isdigit((unsigned char)name.at[0]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!isalnum((unsigned char)name.at[i]) && name.at[i] != '_')
			return false;
	return true;
}

/* `inside` is what stands between ${ and }: NAME or NAME:-default, used when NAME is unset or empty, as in a
 * shell. */
static bool substitute(struct str inside, struct text_buffer *out, struct err *err)
{
	const char *dash = memmem(inside.at, inside.len, ":-", 2);
	struct str name = {inside.at, dash != NULL ? (size_t)(dash - inside.at) : inside.len};
	if (!variable_name(name) || name.len >= KEY_BYTES) {
		err_set(err,
			"holds '${%.*s}', which names no environment variable; write ${NAME}, "
			"${NAME:-default}, or $${ for a plain ${",
			(int)(inside.len < 60 ? inside.len : 60), inside.at);
		return false;
	}
	char copy[KEY_BYTES];
	memcpy(copy, name.at, name.len);
	copy[name.len] = '\0';
	const char *value = getenv(copy);
	if (value != NULL && !utf8_valid(str_of(value)))
		err_set(err, "needs UTF-8 text in the environment variable %s", copy);
	else if (dash != NULL && (value == NULL || *value == '\0'))
		append(out, (struct str){dash + 2, (size_t)(inside.at + inside.len - dash - 2)});
	else if (value != NULL)
		append(out, str_of(value));
	else
		err_set(err,
			"needs the environment variable %s, which is not set; ${%s:-default} would give it a "
			"default",
			copy, copy);
	return !err->set;
}

static bool expand(struct str text, struct text_buffer *out, struct err *err)
{
	append(out, (struct str){text.at, 0});
	while (text.len > 0) {
		const char *dollar = memchr(text.at, '$', text.len);
		size_t plain = dollar != NULL ? (size_t)(dollar - text.at) : text.len, used = plain + 1;
		append(out, (struct str){text.at, plain});
		if (dollar == NULL)
			return true;
		size_t left = text.len - plain;
		if (left >= 3 && dollar[1] == '$' && dollar[2] == '{') {
			append(out, STR("${"));
			used = plain + 3;
		} else if (left >= 2 && dollar[1] == '{') {
			const char *end = memchr(dollar, '}', left);
			if (end == NULL) {
				err_set(err, "holds '${' without '}'; write $${ for a plain ${");
				return false;
			}
			if (!substitute((struct str){dollar + 2, (size_t)(end - dollar - 2)}, out, err))
				return false;
			used = (size_t)(end - text.at) + 1;
		} else
			append(out, STR("$"));
		text = (struct str){text.at + used, text.len - used};
	}
	return true;
}

const char *node_text(struct loader *loader, const char *key, const yaml_node_t *node)
{
	struct text_buffer buffer = {0};
	struct err err = {0};
	const char *text = NULL;
	if (node->type != YAML_SCALAR_NODE)
		err_set(&err, "must be a single value, not a %s",
			node->type == YAML_MAPPING_NODE ? "map" : "list");
	else if (node_absent(node))
		err_set(&err, "has no value; leave the key out to get its default");
	else if (memchr(node->data.scalar.value, '\0', node->data.scalar.length) != NULL)
		err_set(&err, "must not hold a NUL byte");
	else if (expand(scalar_text(node), &buffer, &err))
		text = option_keep(&loader->config->pool, (struct str){buffer.at, buffer.len});
	free(buffer.at);
	if (text == NULL)
		config_report_add(loader->report, node_line(node), "%s %s", key, err.text);
	return text;
}

/* ---- rows ---- */

static void set_from_sequence(struct loader *loader, const struct option_row *row, const char *key,
			      const yaml_node_t *node, void *into)
{
	struct str items[ITEMS_MAX];
	size_t count = 0;
	struct err err = {0};
	for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
	     item++) {
		const char *text = node_text(loader, key, yaml_document_get_node(loader->yaml, *item));
		if (text == NULL)
			return;
		if (count == ITEMS_MAX) {
			config_report_add(loader->report, node_line(node), "%s must have at most %d items",
					  key, ITEMS_MAX);
			return;
		}
		items[count++] = str_of(text);
	}
	if (!option_set_list(row, items, count, into, &loader->config->pool, &err))
		config_report_add(loader->report, node_line(node), "%s %s", key, err.text);
}

/* What came from the environment may be a secret, and so may a literal value of a key that holds one. */
static bool repeatable(const char *key, const yaml_node_t *node)
{
	struct str text = scalar_text(node);
	return !key_secret(key) && memmem(text.at, text.len, "${", 2) == NULL;
}

void node_set_row(struct loader *loader, const struct option_row *row, const char *key,
		  const yaml_node_t *node, void *into)
{
	if (row->type == OPTION_LIST && node->type == YAML_SEQUENCE_NODE) {
		set_from_sequence(loader, row, key, node, into);
		return;
	}
	struct err err = {0};
	const char *text = node_text(loader, key, node);
	if (text == NULL || option_set(row, str_of(text), into, &loader->config->pool, &err))
		return;
	char *value = strstr(err.text, ", not '");
	if (value != NULL && !repeatable(key, node))
		snprintf(value, sizeof err.text - (size_t)(value - err.text),
			 ", and is not after ${...} was filled in");
	config_report_add(loader->report, node_line(node), "%s %s", key, err.text);
}
