#include "webclient/webclient_priv.h"

#include <arpa/inet.h>
#include <stdio.h>

bool webclient_public_text(const char *address, bool *literal)
{
	char bare[INET6_ADDRSTRLEN + 64];
	size_t len = strcspn(address[0] == '[' ? address + 1 : address, "]%");
	snprintf(bare, sizeof bare, "%.*s", (int)len, address[0] == '[' ? address + 1 : address);
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	*literal = true;
	if (inet_pton(AF_INET, bare, &four.sin_addr) == 1)
		return webclient_public((struct sockaddr *)&four);
	if (inet_pton(AF_INET6, bare, &six.sin6_addr) == 1)
		return webclient_public((struct sockaddr *)&six);
	*literal = false;
	return true;
}

/* By libcurl's own parser, so that what is checked is what is used: it turns 0x7f.1 into 127.0.0.1. */
static bool check_parts(CURLU *parts, const char *url, bool allow_private, const char *what, struct err *err)
{
	char *scheme = NULL, *host = NULL, *user = NULL;
	bool literal;
	if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		err_set(err, "%s: not a URL like https://host/path", what);
	else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		err_set(err, "%s: must begin with http:// or https://, not %.20s://", what, scheme);
	else if (curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		err_set(err, "%s: there is no host in it", what);
	else if (curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK)
		err_set(err, "%s: user and password may not be in it", what);
	else if (!allow_private && !webclient_public_text(host, &literal))
		err_set(err, "%s: %.80s is no public address: that needs private_addresses: true", what,
			host);
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	return !err->set;
}

bool webclient_check_url(const char *url, bool allow_private, const char *what, struct err *err)
{
	CURLU *parts = curl_url();
	must(parts != NULL);
	struct err found = {0};
	bool good = check_parts(parts, url, allow_private, what, &found);
	curl_url_cleanup(parts);
	if (!good)
		err_set(err, "%s", found.text);
	return good;
}
