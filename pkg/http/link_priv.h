/* link_priv - signatures of links: known to what makes and what checks them. */
#ifndef HTTP_LINK_PRIV_H
#define HTTP_LINK_PRIV_H

#include "http/http.h"

#define HTTP_SIGN_BYTES 65   /* hex, with NUL */

void http_sign(const struct http_secret *, uint64_t incident, int64_t expires_s, char out[HTTP_SIGN_BYTES]);
bool http_same(const char *a, const char *b);   /* in the same time wherever they differ */

#endif
