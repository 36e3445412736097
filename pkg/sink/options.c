#include "sink/sink_priv.h"

#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>

#include "log/log.h"

#define AT(member) offsetof(struct sink_options, member)

static const char *const types[] = {"alertmanager", "pagerduty", "slack", "webhook", NULL};
static const char *const severities[] = {"ticket", "page", NULL};
static const char *const kinds[] = {"detractor_spike", "silence", "promoter_rise", "source_suspect", NULL};

const struct option_row sink_option_rows[] = {
	{"name", OPTION_TEXT, AT(name), NULL, 0, 0, NULL,
	 "the receiver's name in metrics and message ids: letters, digits, _ and -; it should stay", 0},
	{"type", OPTION_CHOICE, AT(type), "webhook", 0, 0, types, "whose language it speaks", 0},
	{"url", OPTION_TEXT, AT(url), NULL, 0, 0, NULL,
	 "where it is; an Alertmanager's address without /api; absent: PagerDuty's or Slack's own", 0},
	{"url_file", OPTION_TEXT, AT(url_file), NULL, 0, 0, NULL,
	 "a file whose first line is the url, where that is a secret (Slack's incoming webhooks)", 0},
	{"secret_file", OPTION_TEXT, AT(secret_file), NULL, 0, 0, NULL,
	 "a file with PagerDuty's routing key, or the secret that signs a webhook (whsec_...)", 0},
	{"token_file", OPTION_TEXT, AT(token_file), NULL, 0, 0, NULL,
	 "a file with Slack's bot token (xoxb-...), or an Alertmanager's bearer token", 0},
	{"channel", OPTION_TEXT, AT(channel), NULL, 0, 0, NULL,
	 "Slack with a token: the channel's id, or its name with #", 0},
	{"severity", OPTION_CHOICE, AT(severity), "ticket", 0, 0, severities, "this and graver is sent", 0},
	{"kinds", OPTION_LIST, AT(kinds), "[detractor_spike, silence, source_suspect]", 0, 0, kinds,
	 "what is sent: detractor_spike, silence, promoter_rise, source_suspect", 0},
	{"private_addresses", OPTION_BOOL, AT(private_addresses), "false", 0, 0, NULL,
	 "whether its address may be private or this machine's: what the url names is asked in your network",
	 0},
	{"timeout", OPTION_DURATION, AT(timeout_ms), "10s", 100, 60000, NULL, "how long its answer may take",
	 0},
	{0},
};

/* The first line of a secret's file. From now on no log line shows it. */
static void read_file(const char *path, const char *key, char *out, size_t max, struct err *m)
{
	out[0] = '\0';
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		err_add(m, "%s: %.120s: %s", key, path, strerror(errno));
		return;
	}
	char line[2048] = "";
	bool read = fgets(line, sizeof line, file) != NULL;
	fclose(file);
	size_t len = strcspn(line, "\r\n");
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	line[len] = '\0';
	if (!read || len == 0)
		err_add(m, "%s: %.120s: its first line is empty", key, path);
	else if (len >= max)
		err_add(m, "%s: %.120s: its first line is longer than %zu bytes", key, path, max - 1);
	else
		memcpy(out, line, len + 1);
	log_hide(line);
	explicit_bzero(line, sizeof line);
}

static bool printable(const char *text)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

static void read_webhook_key(struct credentials *read, struct err *m)
{
	const char *text = read->text;
	if (strncmp(text, "whsec_", 6) != 0) {
		read->key_len = strlen(text);
		memcpy(read->key, text, read->key_len);
	} else if (sodium_base642bin(read->key, sizeof read->key, text + 6, strlen(text + 6), NULL,
				     &read->key_len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
		err_add(m, "secret_file: what follows whsec_ must be base64");
		return;
	}
	if (read->key_len < 16 && text[0])
		err_add(m,
			"secret_file: a secret of less than 16 bytes protects nothing; make one with: echo "
			"whsec_$(head -c 32 /dev/urandom | base64)");
	log_hide(text + (strncmp(text, "whsec_", 6) == 0 ? 6 : 0));
}

static void check_url(const struct sink_options *options, struct credentials *read, struct err *m)
{
	static const char *const presets[] = {
		[SINK_PAGERDUTY] = "https://events.pagerduty.com/v2/enqueue",
		[SINK_SLACK] = "https://slack.com/api",
		[SINK_WEBHOOK] = NULL,
	};
	bool hook = options->type == SINK_SLACK && options->token_file == NULL;
	const char *key = options->url_file ? "url_file" : "url";
	if (options->url && options->url_file)
		err_add(m, "url and url_file: one of them is enough");
	else if (options->url_file)
		read_file(options->url_file, "url_file", read->url, sizeof read->url - 40, m);
	else if (options->url)
		snprintf(read->url, sizeof read->url - 40, "%s", options->url);
	else if (hook)
		err_add(m, "a slack sink needs token_file and channel, or the url (better: url_file) of an "
			   "incoming "
			   "webhook");
	else if (presets[options->type] == NULL)
		err_add(m, "url: a sink of type %s needs one", types[options->type]);
	else
		snprintf(read->url, sizeof read->url, "%s", presets[options->type]);
	if (options->url && strlen(options->url) >= sizeof read->url - 40)
		err_add(m, "url: longer than %zu bytes", sizeof read->url - 41);
	if (read->url[0] == '\0')
		return;
	struct err err = {0};
	if (!webclient_check_url(read->url, options->private_addresses, key, &err))
		err_add(m, "%s", err.text);
	else if (strncasecmp(read->url, "http:", 5) == 0 && options->type != SINK_WEBHOOK &&
		 (options->type != SINK_ALERTMANAGER || options->token_file) && !options->private_addresses)
		err_add(m, "%s: must be https, or whoever listens on the way has the %s", key,
			options->type == SINK_PAGERDUTY ? "routing key"
			: hook				? "webhook's address"
							: "token");
	size_t len = strlen(read->url);
	while (options->type != SINK_WEBHOOK && len > 0 && read->url[len - 1] == '/')
		read->url[--len] = '\0';
}

static void check_secrets(const struct sink_options *options, struct credentials *read, struct err *m)
{
	enum sink_type type = (enum sink_type)options->type;
	bool wants_secret = type == SINK_PAGERDUTY || type == SINK_WEBHOOK;
	const char *token = options->token_file;
	if (wants_secret && options->secret_file == NULL)
		err_add(m, "secret_file: a %s sink needs one, with %s", types[type],
			type == SINK_PAGERDUTY ? "the integration's routing key"
					       : "the secret that signs its requests");
	if (!wants_secret && options->secret_file)
		err_add(m, "secret_file: only for pagerduty and webhook");
	if (wants_secret && token)
		err_add(m, "token_file: only for slack and alertmanager");
	if (type == SINK_SLACK && token && (options->channel == NULL || options->channel[0] == '\0'))
		err_add(m, "channel: a slack sink with a token needs one");
	if (options->channel && (type != SINK_SLACK || token == NULL))
		err_add(m, "channel: only for slack with a token; a webhook of Slack's has its own");
	if (wants_secret && options->secret_file)
		read_file(options->secret_file, "secret_file", read->text, sizeof read->text, m);
	else if (!wants_secret && token)
		read_file(token, "token_file", read->text, sizeof read->text, m);
	if (!printable(read->text))
		err_add(m, "%s: its first line holds spaces or bytes that are no ASCII",
			wants_secret ? "secret_file" : "token_file");
	else if (type == SINK_PAGERDUTY && read->text[0] && strlen(read->text) != 32)
		err_add(m, "secret_file: a routing key has 32 characters, this has %zu", strlen(read->text));
	else if (type == SINK_WEBHOOK)
		read_webhook_key(read, m);
}

static void check_name(const struct sink_options *options, struct err *m)
{
	const char *name = options->name;
	if (name == NULL || name[0] == '\0') {
		err_add(m, "name: every sink needs one");
		return;
	}
	for (const char *at = name; *at; at++) {
		if (!isalnum((unsigned char)*at) && *at != '_' && *at != '-') {
			err_add(m, "name: letters, digits, _ and - only");
			break;
		}
	}
	if (strlen(name) > 60)
		err_add(m, "name: at most 60 characters");
}

bool read_sink(const struct sink_options *options, struct credentials *into, struct err *err)
{
	struct credentials read = {0};
	struct err m = {0};
	check_name(options, &m);
	check_url(options, &read, &m);
	check_secrets(options, &read, &m);
	if (options->kinds.count == 0)
		err_add(&m, "kinds: an empty list sends nothing; leave it out or name some");
	if (m.set)
		err_set(err, "%s", m.text);
	else if (into)
		*into = read;
	explicit_bzero(&read, sizeof read);
	return !m.set;
}

bool sink_check(const struct sink_options *options, struct err *err)
{
	return read_sink(options, NULL, err);
}
