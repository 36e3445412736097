#include "sink/sink_priv.h"

#include <stdio.h>

#define QUOTED_MAX 160 /* of a receiver's own words */

/* Slack says most errors with a status of 200: https://api.slack.com/methods/chat.postMessage#errors */
static const struct {
	const char *error;
	enum verdict verdict;
	const char *advice;
} slack_errors[] = {
	{"ratelimited", VERDICT_AGAIN, NULL},
	{"rate_limited", VERDICT_AGAIN, NULL},
	{"message_limit_exceeded", VERDICT_AGAIN, NULL},
	{"internal_error", VERDICT_AGAIN, NULL},
	{"fatal_error", VERDICT_AGAIN, NULL},
	{"service_unavailable", VERDICT_AGAIN, NULL},
	{"request_timeout", VERDICT_AGAIN, NULL},
	{"team_added_to_org", VERDICT_AGAIN, NULL},
	{"thread_not_found", VERDICT_LOST, NULL},
	{"message_not_found", VERDICT_LOST, NULL},
	{"cant_update_message", VERDICT_LOST, NULL},
	{"edit_window_closed", VERDICT_LOST, NULL},
	{"invalid_auth", VERDICT_FINAL, "token_file holds no valid token"},
	{"not_authed", VERDICT_FINAL, "token_file holds no valid token"},
	{"token_revoked", VERDICT_FINAL, "the token was revoked: make a new one"},
	{"token_expired", VERDICT_FINAL, "the token has expired: make a new one"},
	{"account_inactive", VERDICT_FINAL, "the token's user or workspace is gone"},
	{"missing_scope", VERDICT_FINAL, "the token needs the scope chat:write"},
	{"channel_not_found", VERDICT_FINAL, "no such channel, or the bot may not see it"},
	{"not_in_channel", VERDICT_FINAL, "invite the bot to the channel"},
	{"is_archived", VERDICT_FINAL, "the channel is archived"},
};

/* What the receiver says, on one line and without anything but plain text. */
static void quote(struct str body, char out[QUOTED_MAX])
{
	size_t len = 0;
	for (size_t i = 0; i < body.len && len + 1 < QUOTED_MAX; i++) {
		const char c = body.at[i];
		if (c > ' ' && c <= '~')
			out[len++] = c;
		else if (len && out[len - 1] != ' ')
			out[len++] = ' ';
	}
	while (len && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
}

static enum verdict judge_slack(const struct webclient_answer *answer, char reason[REASON_BYTES])
{
	struct err err = {0};
	struct json *json = json_parse(answer->body, &err);
	enum verdict verdict = VERDICT_AGAIN;
	char error[64];
	if (json == NULL || json_kind(json) != JSON_KIND_OBJECT) {
		snprintf(reason, REASON_BYTES, "its answer is no JSON object");
	} else if (json_bool(json_get(json, "ok"))) {
		verdict = VERDICT_DONE;
	} else {
		struct str text = json_text(json_get(json, "error"));
		snprintf(error, sizeof error, "%.*s", (int)text.len, text.at ? text.at : "");
		verdict = VERDICT_FINAL;
		snprintf(reason, REASON_BYTES, "it says %s", error);
		for (unsigned i = 0; i < sizeof slack_errors / sizeof *slack_errors; i++) {
			if (strcmp(error, slack_errors[i].error) != 0)
				continue;
			verdict = slack_errors[i].verdict;
			if (slack_errors[i].advice)
				snprintf(reason, REASON_BYTES, "it says %s: %s", error,
					 slack_errors[i].advice);
		}
	}
	json_destroy(json);
	return verdict;
}

static const char *advice(enum sink_type type, unsigned status)
{
	if (status == 401 || status == 403)
		return type == SINK_WEBHOOK ? ": it refuses us; does it know the secret?"
					    : ": it refuses us; is the secret right?";
	if (status == 404 || status == 405)
		return ": is the url right?";
	if (status >= 300 && status < 400)
		return ": redirects are not followed, give the url that it leads to";
	return "";
}

enum verdict judge(enum sink_type type, bool token, const struct webclient_answer *answer,
		   char reason[REASON_BYTES])
{
	unsigned status = answer->status;
	char said[QUOTED_MAX];
	reason[0] = '\0';
	if (status == 0) {
		snprintf(reason, REASON_BYTES, "%s", answer->error);
		return VERDICT_AGAIN;
	}
	if (status >= 200 && status < 300)
		return type == SINK_SLACK && token ? judge_slack(answer, reason) : VERDICT_DONE;
	quote(answer->body, said);
	snprintf(reason, REASON_BYTES, "it answers %u%s%s%s%s", status, advice(type, status),
		 said[0] ? " (" : "", said, said[0] ? ")" : "");
	if (status == 410)
		return VERDICT_GONE;
	return status >= 500 || status == 408 || status == 425 || status == 429 ? VERDICT_AGAIN
										: VERDICT_FINAL;
}
