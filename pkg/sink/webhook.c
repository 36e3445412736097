#include "sink/sink_priv.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* Standard Webhooks: {"type", "timestamp", "data"} and three headers; the body's bytes are signed. */

static const char *type_of(const struct sink_message *message)
{
	switch (message->what) {
	case SINK_UPDATE: return message->event.type == ALERT_REOPENED ? "reopened" : "updated";
	case SINK_ACKNOWLEDGE: return "acknowledged";
	case SINK_RESOLVE: return "resolved";
	case SINK_TRIGGER:
	case SINK_SKIP: break;
	}
	return message->event.type == ALERT_REOPENED ? "reopened" : "raised";
}

/* ALERT_JSON_MAX is enough for links and names of usual length; theirs may be of any. */
static struct str write_event(const struct sink_message *message, char **made)
{
	size_t len = 0;
	for (size_t max = ALERT_JSON_MAX; len == 0; max *= 2) {
		must(max <= 64 << 20);
		free(*made);
		*made = must_alloc(max);
		len = alert_json(*made, max, &message->event, message->utc_offset_s);
	}
	return (struct str){*made, len};
}

char *webhook_body(const struct sink_message *message, int64_t now_ms, size_t *len)
{
	char *made = NULL, time[TIME_BYTES];
	struct str event = message->json;
	if (event.len == 0)
		event = write_event(message, &made);
	size_t max = event.len + 160;
	char *body = must_alloc(max);
	time_text(now_ms, time);
	*len = (size_t)snprintf(body, max, "{\"type\":\"corridor.alert.%s\",\"timestamp\":\"%s\",%s\"data\":",
				type_of(message), time, message->event.test ? "\"test\":true," : "");
	memcpy(body + *len, event.at, event.len);
	*len += event.len;
	body[(*len)++] = '}';
	free(made);
	return body;
}

/* The same at every attempt, another for all else that is told and for other receivers. No full stop: that
 * separates what is signed. */
void webhook_id(const struct sink_message *message, const char *sink, char out[WEBHOOK_ID_BYTES])
{
	snprintf(out, WEBHOOK_ID_BYTES, "alert_%016" PRIx64 "_%" PRIu64 "_%s_%s", message->event.incident,
		 message->event.number, type_of(message), sink);
}

void webhook_sign(struct str key, const char *id, int64_t seconds, struct str body, char out[SIGNATURE_BYTES])
{
	crypto_auth_hmacsha256_state state;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	char before[WEBHOOK_ID_BYTES + 32];
	int len = snprintf(before, sizeof before, "%s.%" PRId64 ".", id, seconds);
	crypto_auth_hmacsha256_init(&state, (const unsigned char *)key.at, key.len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)before, (unsigned long long)len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.at, body.len);
	crypto_auth_hmacsha256_final(&state, mac);
	memcpy(out, "v1,", 3);
	sodium_bin2base64(out + 3, SIGNATURE_BYTES - 3, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL);
	sodium_memzero(&state, sizeof state);
}
