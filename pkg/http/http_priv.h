/* http_priv - what the files of `http` share. */
#ifndef HTTP_PRIV_H
#define HTTP_PRIV_H

#include <microhttpd.h>

#include "http/http.h"

struct http {
	struct MHD_Daemon *daemon;
	struct http_callbacks callbacks;
	struct http_secret secret;
	unsigned port;
};

/* ---- http.c ---- */

enum MHD_Result http_answer(struct MHD_Connection *, unsigned status, const char *type, struct str body,
			    enum MHD_ResponseMemoryMode);
enum MHD_Result http_answer_text(struct MHD_Connection *, unsigned status, const char *text);
enum MHD_Result http_not_allowed(struct MHD_Connection *, const char *allow);   /* "GET, HEAD" */

/* ---- ack.c ---- */

struct http_form;   /* the body of a POST as it comes */

bool http_ack_path(const char *path, uint64_t *incident);   /* "/alerts/<16 hex digits>/ack" */
struct http_form *http_form_create(struct MHD_Connection *);
void http_form_add(struct http_form *, const char *bytes, size_t len);
void http_form_destroy(struct http_form *);   /* NULL is fine */
enum MHD_Result http_ack_respond(const struct http *, struct MHD_Connection *, const char *method, uint64_t incident,
				 const struct http_form *);

#endif
