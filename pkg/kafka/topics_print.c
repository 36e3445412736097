#include "kafka/kafka.h"

#include "kafka/kafka_priv.h"

/* The commands that an administrator runs where the program itself may create nothing. */

static void create_print(const struct kafka_options *options, enum kafka_topic topic, FILE *out)
{
	struct kafka_property settings[KAFKA_OWN_SETTINGS];
	char text[KAFKA_OWN_SETTINGS][32], name[KAFKA_TOPIC_NAME_BYTES];
	size_t count = kafka_own_settings(options, topic, settings, text);
	kafka_topic_name(options, topic, name);
	fprintf(out,
		"kafka-topics.sh --bootstrap-server %s --create --if-not-exists --topic %s --partitions %d",
		options->brokers, name, kafka_own_partitions(options, topic));
	if (options->replication > 0)
		fprintf(out, " --replication-factor %d", (int)options->replication);
	for (size_t i = 0; i < count; i++)
		fprintf(out, " --config %s=%s", settings[i].name, settings[i].value);
	fputc('\n', out);
}

static void acl_print(const struct kafka_options *options, const char *principal, const char *operations,
		      const char *resource, FILE *out)
{
	fprintf(out, "kafka-acls.sh --bootstrap-server %s --add --allow-principal %s %s %s\n",
		options->brokers, principal, operations, resource);
}

void kafka_topics_print(const struct kafka_options *options, const char *const *inputs, size_t inputs_count,
			const char *principal, FILE *out)
{
	char resource[600], ids[300];
	if (!kafka_transactional_id(ids, sizeof ids, options->group, "", NULL, 0))
		snprintf(ids, sizeof ids, "%.200s", options->group);
	if (principal == NULL)
		principal = "User:corridor";
	fprintf(out,
		"# The topics of our own. The count of partitions of %s.tallies is fixed from then on.\n",
		options->prefix);
	for (int i = 0; i < KAFKA_TOPICS; i++)
		create_print(options, (enum kafka_topic)i, out);

	fprintf(out, "\n# Rights of %s: input topics are only read.\n", principal);
	for (size_t i = 0; i < inputs_count; i++) {
		snprintf(resource, sizeof resource, "--topic '%s'", inputs[i]);
		acl_print(options, principal, "--operation Read --operation Describe", resource, out);
	}
	fprintf(out, "# Our own topics are read, written and checked. (Create is needed only if the program "
		     "shall create them itself.)\n");
	snprintf(resource, sizeof resource, "--topic '%s.' --resource-pattern-type prefixed",
		 options->prefix);
	acl_print(options, principal,
		  "--operation Read --operation Write --operation Describe --operation DescribeConfigs "
		  "--operation Create",
		  resource, out);
	fprintf(out, "# The consumer groups, and the transactional ids %sINSTANCE/LANE.\n", ids);
	snprintf(resource, sizeof resource, "--group '%s' --resource-pattern-type prefixed", options->group);
	acl_print(options, principal, "--operation Read --operation Describe", resource, out);
	snprintf(resource, sizeof resource, "--transactional-id '%s' --resource-pattern-type prefixed", ids);
	acl_print(options, principal, "--operation Write --operation Describe", resource, out);
	fprintf(out, "# `corridor dead-letters redrive` also writes to the input topics; give that right to "
		     "whoever runs it:\n");
	for (size_t i = 0; i < inputs_count; i++)
		fprintf(out, "#   --operation Write --topic '%s'\n", inputs[i]);
	fprintf(out, "# (IdempotentWrite on the cluster is needed only before Kafka 2.8. Where Kafka asks "
		     "for a name, add "
		     "--command-config FILE.)\n");
}
