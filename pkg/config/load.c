#include "config/config_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (4 << 20) /* a thousand sources need 200 KiB */

/* ---- YAML ---- */

static unsigned line_of_byte(struct str text, size_t at)
{
	unsigned line = 1;
	for (size_t i = 0; i < at && i < text.len; i++)
		line += text.at[i] == '\n';
	return line;
}

static void report_syntax(const yaml_parser_t *parser, struct str text, struct config_report *report)
{
	const char *problem = parser->problem ? parser->problem : "can't be read";
	if (parser->error == YAML_READER_ERROR)
		config_report_add(report, line_of_byte(text, parser->problem_offset), "not UTF-8 text: %s",
				  problem);
	else
		config_report_add(report, (unsigned)parser->problem_mark.line + 1,
				  "not YAML: %s%s%s, column %zu", parser->context ? parser->context : "",
				  parser->context ? ": " : "", problem, parser->problem_mark.column + 1);
}

static bool no_second_document(yaml_parser_t *parser, struct str text, struct config_report *report)
{
	yaml_document_t second;
	if (!yaml_parser_load(parser, &second)) {
		report_syntax(parser, text, report);
		return false;
	}
	const yaml_node_t *root = yaml_document_get_root_node(&second);
	if (root != NULL)
		config_report_add(report, node_line(root),
				  "a second document begins here; a configuration is one");
	yaml_document_delete(&second);
	return root == NULL;
}

bool document_parse(struct str text, yaml_document_t *document, struct config_report *report)
{
	yaml_parser_t parser;
	must(yaml_parser_initialize(&parser));
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.at, text.len);
	bool parsed = yaml_parser_load(&parser, document);
	if (!parsed)
		report_syntax(&parser, text, report);
	else if (yaml_document_get_root_node(document) != NULL &&
		 !no_second_document(&parser, text, report)) {
		yaml_document_delete(document);
		parsed = false;
	}
	yaml_parser_delete(&parser);
	return parsed;
}

/* ---- life cycle ---- */

static struct config *create(void)
{
	struct config *config = must_alloc(sizeof *config);
	config->places = option_pool_take(&config->pool, sizeof *config->places);
	for (const struct section *s = config_sections; s->rows != NULL; s++)
		option_defaults(s->rows, (char *)config + s->offset, &config->pool);
	return config;
}

void config_destroy(struct config *config)
{
	if (config == NULL)
		return;
	registry_destroy(config->registry);
	option_pool_release(&config->pool);
	free(config);
}

/* The password of redis://user:password@host/ */
static void hide_url_password(const char *url, struct option_pool *pool)
{
	const char *start = url != NULL ? strstr(url, "://") : NULL;
	if (start == NULL)
		return;
	size_t authority = strcspn(start + 3, "/?");
	const char *at = memrchr(start + 3, '@', authority), *colon = memchr(start + 3, ':', authority);
	if (at != NULL && colon != NULL && colon < at)
		log_hide(option_keep(pool, (struct str){colon + 1, (size_t)(at - colon - 1)}));
}

static void hide_secrets(struct config *config)
{
	hide_url_password(config->redis.url, &config->pool);
	for (size_t i = 0; i < config->kafka.properties_count; i++)
		if (key_secret(config->kafka.properties[i].name))
			log_hide(config->kafka.properties[i].value);
}

unsigned config_line(const struct config *config, const char *key)
{
	char path[KEY_BYTES];
	snprintf(path, sizeof path, "%s", key);
	for (;;) {
		for (unsigned i = 0; i < config->places->count; i++)
			if (strcmp(config->places->at[i].key, path) == 0)
				return config->places->at[i].line;
		char *dot = strrchr(path, '.');
		if (dot == NULL)
			return 1;
		*dot = '\0';
	}
}

struct config *config_read(struct str yaml, enum config_use use, struct config_report *report)
{
	unsigned before = report->count;
	yaml_document_t document;
	if (!document_parse(yaml, &document, report))
		return NULL;
	struct config *config = create();
	struct loader loader = {&document, config, report};
	document_walk(&loader);
	yaml_document_delete(&document);
	config_check(config, use, report);
	hide_secrets(config);
	if (report->count == before)
		return config;
	config_destroy(config);
	return NULL;
}

static char *read_file(const char *path, size_t *len, struct err *err)
{
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		err_set(err, "can't be opened: %s", strerror(errno));
		return NULL;
	}
	char *text = must_alloc(FILE_BYTES_MAX + 1);
	*len = fread(text, 1, FILE_BYTES_MAX + 1, file);
	if (ferror(file))
		err_set(err, "can't be read: %s", strerror(errno));
	else if (*len > FILE_BYTES_MAX)
		err_set(err, "is larger than %d MiB: this is no configuration", FILE_BYTES_MAX >> 20);
	fclose(file);
	if (!err->set)
		return text;
	free(text);
	return NULL;
}

struct config *config_load(const char *path, enum config_use use, struct config_report *report)
{
	struct err err = {0};
	size_t len;
	char *text = read_file(path, &len, &err);
	if (text == NULL) {
		config_report_add(report, 0, "%s", err.text);
		return NULL;
	}
	struct config *config = config_read((struct str){text, len}, use, report);
	free(text);
	return config;
}
