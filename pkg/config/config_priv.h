#ifndef CONFIG_PRIV_H
#define CONFIG_PRIV_H

#include <yaml.h>

#include "config/config.h"

/* A module's rows under a name in the file, and where in a struct their values go. */
struct section {
	const char *prefix; /* "kafka"; "": the top */
	const struct option_row *rows;
	size_t offset; /* of the module's options struct */
	const char *prose;
};
extern const struct section config_sections[]; /* of struct config; ended by rows NULL */
extern const struct section source_sections[]; /* of struct config_source */
extern const struct section touchpoint_sections[]; /* of struct config_touchpoint */
extern const struct section sink_sections[]; /* of struct sink_options */
extern const char *const config_ledgers[]; /* enum ledger's names */

#define KEY_BYTES 128

/* "kafka" + "brokers" -> "kafka.brokers" */
void key_join(char out[KEY_BYTES], const char *prefix, const char *key);
bool key_secret(const char *key); /* its value is nobody's business */

/* Where each key was in the file, for checks that come later. */
struct config_places {
	unsigned count, room;
	struct place {
		const char *key;
		unsigned line;
	} * at;
};
unsigned config_line(const struct config *,
		     const char *key); /* of the key, or of what it would stand under; at least 1 */

struct loader {
	yaml_document_t *yaml;
	struct config *config;
	struct config_report *report;
};

unsigned node_line(const yaml_node_t *);
/* A scalar's text with the environment put in, kept by the configuration; NULL: reported. */
const char *node_text(struct loader *, const char *key, const yaml_node_t *);
bool node_absent(const yaml_node_t *); /* a key with nothing behind it */
void node_set_row(struct loader *, const struct option_row *, const char *key, const yaml_node_t *,
		  void *into);

bool document_parse(struct str text, yaml_document_t *, struct config_report *); /* true: delete it */
void document_walk(struct loader *);

/* One level of tables: the whole file, or one item of a list. */
struct scope {
	const struct section *sections;
	void *base; /* the struct that the sections' offsets are of */
	const char *of; /* " of a source" */
	bool top;
};
void document_map(struct loader *, const struct scope *, const char *path, const yaml_node_t *mapping);
/* A key that can be used, or NULL: reported. */
const char *document_key(struct loader *, const yaml_node_pair_t *, size_t max, const char *must_be);
/* Is there no pair with the same key before this one? Else reported. */
bool document_first(struct loader *, const yaml_node_t *mapping, const yaml_node_pair_t *, const char *path);

void list_sources(struct loader *, const yaml_node_t *);
void list_sinks(struct loader *, const yaml_node_t *);
void list_zones(struct loader *, const yaml_node_t *);
void list_declared(struct loader *, const yaml_node_t *);

void config_check(struct config *, enum config_use, struct config_report *); /* fills in what is derived */
/* Makes the registry, and adds the zones of declared touchpoints to those of all. */
void config_check_declared(struct config *, struct config_report *);
void config_check_links(const struct config *, struct config_report *);
void config_check_delivery(const struct config *, struct config_report *);
void config_check_sinks(struct config *, enum config_use, struct config_report *);
void config_check_zone(const char *name, unsigned line, const char *key, struct config_report *);

#endif
