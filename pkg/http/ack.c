#include "http/http_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/link_priv.h"
#include "os/os.h"

#define BY_MAX	   100
#define FORM_BYTES 1024 /* of a body held at once; longer values come in pieces */

struct http_form {
	struct MHD_PostProcessor *reader;
	size_t by_len;
	char by[BY_MAX + 1];
};

/* ---- what is asked ---- */

bool http_ack_path(const char *path, uint64_t *incident)
{
	static const char begin[] = "/alerts/", end[] = "/ack";
	char *rest;
	if (strncmp(path, begin, sizeof begin - 1) != 0)
		return false;
	const char *id = path + sizeof begin - 1;
	if (strspn(id, "0123456789abcdef") != 16)
		return false;
	*incident = strtoull(id, &rest, 16);
	return strcmp(rest, end) == 0;
}

static enum MHD_Result form_value(void *context, enum MHD_ValueKind kind, const char *key,
				  const char *filename, const char *type, const char *encoding,
				  const char *data, uint64_t offset, size_t size)
{
	struct http_form *form = context;
	if (strcmp(key, "by") != 0)
		return MHD_YES;
	if (offset == 0)
		form->by_len = 0;
	size_t room = BY_MAX - form->by_len;
	memcpy(form->by + form->by_len, data, size < room ? size : room);
	form->by_len += size < room ? size : room;
	return MHD_YES;
}

struct http_form *http_form_create(struct MHD_Connection *connection)
{
	struct http_form *form = must_alloc(sizeof *form);
	/* NULL where the body is no form: then it says nothing to us. */
	form->reader = MHD_create_post_processor(connection, FORM_BYTES, form_value, form);
	return form;
}

void http_form_add(struct http_form *form, const char *bytes, size_t len)
{
	if (form->reader)
		MHD_post_process(form->reader, bytes, len);
}

void http_form_destroy(struct http_form *form)
{
	if (form == NULL)
		return;
	if (form->reader)
		MHD_destroy_post_processor(form->reader);
	free(form);
}

static const char *query(struct MHD_Connection *connection, const char *name)
{
	const char *value = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
	return value ? value : "";
}

static bool token_right(const struct http *http, struct MHD_Connection *connection)
{
	const char *header =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
	return header && strncasecmp(header, "Bearer ", 7) == 0 && http_same(header + 7, http->secret.token);
}

static bool link_right(const struct http *http, struct MHD_Connection *connection, uint64_t incident)
{
	char want[HTTP_SIGN_BYTES], *end;
	const char *expires = query(connection, "expires");
	int64_t expires_s = strtoll(expires, &end, 10);
	http_sign(&http->secret, incident, expires_s, want);
	return *expires && *end == '\0' && http_same(query(connection, "sig"), want) &&
	       os_wall_ms() / 1000 < expires_s;
}

/* ---- what is answered ---- */

static enum MHD_Result page(struct MHD_Connection *connection, unsigned status, const char *text, bool button)
{
	static const char form[] =
		"<form method=\"post\"><p><label>Your name <input name=\"by\" maxlength=\"100\" "
		"autocomplete=\"name\"></label> <button>Acknowledge</button></p></form>\n";
	char body[1024];
	int len =
		snprintf(body, sizeof body,
			 "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
			 "content=\"width=device-width\">\n<title>Corridor</title>\n<p>%s</p>\n%s",
			 text, button ? form : "");
	return http_answer(connection, status, "text/html; charset=utf-8", (struct str){body, (size_t)len},
			   MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result json(struct MHD_Connection *connection, unsigned status, uint64_t incident,
			    const char *outcome)
{
	char body[200];
	int len = snprintf(body, sizeof body, "{\"incident\":\"%016" PRIx64 "\",\"outcome\":\"%s\"}\n",
			   incident, outcome);
	return http_answer(connection, status, "application/json", (struct str){body, (size_t)len},
			   MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result acknowledge(const struct http *http, struct MHD_Connection *connection,
				   uint64_t incident, const struct http_form *form, bool program)
{
	static const struct {
		unsigned status;
		const char *outcome, *text;
	} rows[] = {
		[HTTP_ACK_DONE] = {MHD_HTTP_OK, "acknowledged",
				   "Acknowledged. Nobody is reminded until it gets worse or is over."},
		[HTTP_ACK_ALREADY] = {MHD_HTTP_OK, "already", "Somebody has acknowledged it already."},
		[HTTP_ACK_UNKNOWN] = {MHD_HTTP_NOT_FOUND, "unknown", "There is no such incident any more."},
		[HTTP_ACK_FAILED] = {MHD_HTTP_SERVICE_UNAVAILABLE, "failed",
				     "That did not work: the store can't be reached. Please try again."},
	};
	const char *by = form && form->by_len ? form->by : query(connection, "by");
	size_t len = strlen(by);
	enum http_ack done = http->callbacks.ack(http->callbacks.context, incident,
						 (struct str){by, len < BY_MAX ? len : BY_MAX});
	return program ? json(connection, rows[done].status, incident, rows[done].outcome)
		       : page(connection, rows[done].status, rows[done].text, done == HTTP_ACK_FAILED);
}

enum MHD_Result http_ack_respond(const struct http *http, struct MHD_Connection *connection,
				 const char *method, uint64_t incident, const struct http_form *form)
{
	bool post = strcmp(method, "POST") == 0;
	if (!post && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return http_not_allowed(connection, "GET, HEAD, POST");
	if (query(connection, "sig")[0] != '\0') {
		if (!link_right(http, connection, incident))
			return page(connection, MHD_HTTP_FORBIDDEN,
				    "This link is not valid, or it has expired.", false);
		if (post)
			return acknowledge(http, connection, incident, form, false);
		char text[100];
		snprintf(text, sizeof text, "Do you take care of incident %016" PRIx64 "?", incident);
		return page(connection, MHD_HTTP_OK, text, true);
	}
	if (!token_right(http, connection))
		return http_answer_text(connection, MHD_HTTP_UNAUTHORIZED,
					"wrong token: `Authorization: Bearer TOKEN` has to hold that of "
					"http.token_file\n");
	if (!post)
		return http_not_allowed(connection, "POST");
	return acknowledge(http, connection, incident, form, true);
}
