#include "sink/sink_priv.h"

/*
 * Slack: the first message of an incident always shows its present state (chat.update); what happened in
 * between stands in its thread. `&`, `<` and `>` are what Slack reads as more than text (mentions,
 * links); customers' and touchpoints' names never reach it unescaped.
 */
#define TEXT_BYTES 16000

struct words {
	char at[TEXT_BYTES];
	size_t len;
};

static void say(struct words *words, const char *text)
{
	size_t len = strlen(text);
	if (words->len + len < TEXT_BYTES) {
		memcpy(words->at + words->len, text, len + 1);
		words->len += len;
	}
}

static void say_escaped(struct words *words, struct str text)
{
	for (size_t i = 0; i < text.len && words->len + 8 < TEXT_BYTES; i++) {
		const char c = text.at[i];
		if (c == '&' || c == '<' || c == '>')
			say(words, c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;");
		else
			words->at[words->len++] = c;
	}
	words->at[words->len] = '\0';
}

/* <URL|text>; what would end the URL early is percent-encoded. */
static void say_link(struct words *words, struct str url, const char *text)
{
	if (url.len == 0 || url.len > 2000)
		return;
	say(words, words->len && words->at[words->len - 1] == '>' ? "  <" : "\n<");
	for (size_t i = 0; i < url.len; i++) {
		const char c = url.at[i];
		if (c == '|' || c == '<' || c == '>')
			say(words, c == '|' ? "%7C" : c == '<' ? "%3C" : "%3E");
		else
			say_escaped(words, (struct str){&c, 1});
	}
	say(words, "|");
	say(words, text);
	say(words, ">");
}

static void say_state(struct words *words, const struct sink_message *message)
{
	const struct alert_event *event = &message->event;
	if (message->what == SINK_RESOLVE) {
		say(words, ":white_check_mark: *Over*  ");
	} else if (message->what == SINK_ACKNOWLEDGE) {
		say(words, ":eyes: *Seen");
		say(words, message->actor.len ? " by " : "");
		say_escaped(words, message->actor);
		say(words, "*  ");
	} else if (event->kind == ALERT_PROMOTER_RISE)
		say(words, ":large_green_circle: *Good news*  ");
	else
		say(words, event->severity == ALERT_PAGE ? ":red_circle: *Page*  "
							 : ":large_orange_circle: *Ticket*  ");
}

static void say_context(struct words *words, const struct alert_event *event)
{
	const struct {
		const char *name;
		struct str value;
	} rows[] = {{"team", event->team}, {"journey", event->journey}, {"stage", event->stage}};
	const char *before = "\n_";
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].value.len == 0)
			continue;
		say(words, before);
		say(words, rows[i].name);
		say(words, " ");
		say_escaped(words, rows[i].value);
		before = ", ";
	}
	if (event->moment_of_truth) {
		say(words, before);
		say(words, "moment of truth");
		before = ", ";
	}
	if (before[0] == ',')
		say(words, "_");
}

static void write_text(struct words *words, const struct sink_message *message, enum slack_call call)
{
	char line[HEADLINE_BYTES], more[DESCRIPTION_BYTES];
	say_state(words, message);
	say_escaped(words, headline(message, line));
	if (call == SLACK_REPLY)
		return;
	if (message->what != SINK_RESOLVE && describe(&message->event, more).len) {
		say(words, "\n");
		say_escaped(words, str_of(more));
	}
	say_context(words, &message->event);
	say_link(words, message->event.dashboard, "Dashboard");
	say_link(words, message->event.runbook, "Runbook");
	if (message->what != SINK_RESOLVE)
		say_link(words, message->event.ack, "Acknowledge");
}

char *slack_body(const struct sink_message *message, enum slack_call call, const struct slack_place *place,
		 size_t *len)
{
	struct words words = {.len = 0};
	write_text(&words, message, call);
	struct json *body = json_new_object();
	put_text(body, "channel", place->channel);
	if (call == SLACK_REPLY) {
		put_text(body, "thread_ts", place->ts);
		json_put(body, "reply_broadcast", json_new_bool(place->loud));
	} else if (call == SLACK_STATE)
		put_text(body, "ts", place->ts);
	put_text(body, "text", (struct str){words.at, words.len});
	if (call != SLACK_STATE) {
		json_put(body, "unfurl_links", json_new_bool(false));
		json_put(body, "unfurl_media", json_new_bool(false));
	}
	char *text = json_dump(body, len);
	json_destroy(body);
	return text;
}
