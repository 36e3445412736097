#include "http/http.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "http/link_priv.h"

bool http_check_public_url(const char *url, struct err *err)
{
	bool web = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
	if (web && strpbrk(url, " \"'<>?#\\") == NULL && strlen(url) < HTTP_LINK_MAX / 2)
		return true;
	err_set(err,
		"http.public_url: `%.200s` is not http://HOST or https://HOST, with a port or path if need "
		"be",
		url);
	return false;
}

bool http_secret_read(struct http_secret *secret, const char *path, struct err *err)
{
	*secret = (struct http_secret){""};
	if (path == NULL)
		return true;
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		err_set(err, "http.token_file: %s: %s", path, strerror(errno));
		return false;
	}
	char line[sizeof secret->token + 2] = "";
	if (fgets(line, sizeof line, file) == NULL)
		line[0] = '\0';
	fclose(file);
	size_t len = strcspn(line, "\r\n");
	bool good = len >= 16 && len < sizeof secret->token;
	for (size_t i = 0; i < len; i++)
		good = good && isgraph((unsigned char)line[i]);
	if (good)
		memcpy(secret->token, line, len);
	else
		err_set(err,
			"http.token_file: %s: its first line must be 16 to 255 characters without spaces; "
			"`openssl "
			"rand -hex 32` makes a good one",
			path);
	explicit_bzero(line, sizeof line);
	return good;
}

/* The words in front keep a signature of ours from meaning anything else. */
void http_sign(const struct http_secret *secret, uint64_t incident, int64_t expires_s,
	       char out[HTTP_SIGN_BYTES])
{
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;
	char text[80];
	int len = snprintf(text, sizeof text, "corridor ack %016" PRIx64 " %" PRId64, incident, expires_s);
	crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret->token, strlen(secret->token));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, (unsigned long long)len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2hex(out, HTTP_SIGN_BYTES, mac, sizeof mac);
}

/* Their hashes are compared, so that neither the content nor the length of what differs shows in the time. */
bool http_same(const char *a, const char *b)
{
	unsigned char ha[32], hb[32];
	crypto_generichash(ha, sizeof ha, (const unsigned char *)a, strlen(a), NULL, 0);
	crypto_generichash(hb, sizeof hb, (const unsigned char *)b, strlen(b), NULL, 0);
	return sodium_memcmp(ha, hb, sizeof ha) == 0;
}

size_t http_ack_link(char out[HTTP_LINK_MAX], const struct http_secret *secret, const char *base_url,
		     uint64_t incident, int64_t expires_ms)
{
	char sig[HTTP_SIGN_BYTES];
	size_t base = base_url ? strlen(base_url) : 0;
	out[0] = '\0';
	if (secret->token[0] == '\0' || base == 0)
		return 0;
	while (base && base_url[base - 1] == '/')
		base--;
	http_sign(secret, incident, expires_ms / 1000, sig);
	int len = snprintf(out, HTTP_LINK_MAX, "%.*s/alerts/%016" PRIx64 "/ack?expires=%" PRId64 "&sig=%s",
			   (int)base, base_url, incident, expires_ms / 1000, sig);
	if (len < HTTP_LINK_MAX)
		return (size_t)len;
	out[0] = '\0';
	return 0;
}
