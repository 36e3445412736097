#include "store/store_priv.h"

/* HAVE_HIREDIS_SSL is set by the build where hiredis_ssl and OpenSSL are installed (Debian 13). */
#ifdef HAVE_HIREDIS_SSL

#include <arpa/inet.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct store_tls {
	SSL_CTX *context;
};

static void explain(struct err *err, const char *what, const char *path)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());
	err_set(err, "TLS to Redis: %s %s: %s", what, path ? path : "(the system's)",
		why ? why : "can't be used");
	ERR_clear_error();
}

struct store_tls *store_tls_create(const struct store_options *options, struct err *err)
{
	redisInitOpenSSL();
	struct store_tls *tls = must_alloc(sizeof *tls);
	tls->context = SSL_CTX_new(TLS_client_method());
	must(tls->context != NULL);
	SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	bool ca = options->tls_ca ? SSL_CTX_load_verify_locations(tls->context, options->tls_ca, NULL) == 1
				  : SSL_CTX_set_default_verify_paths(tls->context) == 1;
	const char *key = options->tls_key ? options->tls_key : options->tls_cert;
	if (!ca)
		explain(err, "the CA certificates", options->tls_ca);
	else if (options->tls_cert &&
		 SSL_CTX_use_certificate_chain_file(tls->context, options->tls_cert) != 1)
		explain(err, "the certificate", options->tls_cert);
	else if (key && SSL_CTX_use_PrivateKey_file(tls->context, key, SSL_FILETYPE_PEM) != 1)
		explain(err, "the key", key);
	if (!err->set)
		return tls;
	store_tls_destroy(tls);
	return NULL;
}

void store_tls_destroy(struct store_tls *tls)
{
	if (tls)
		SSL_CTX_free(tls->context);
	free(tls);
}

/* With an SSL of our own, because hiredis checks the chain of a certificate but not whose it is. */
bool store_tls_start(struct store_tls *tls, redisContext *redis, const char *host, struct err *err)
{
	SSL *ssl = SSL_new(tls->context);
	must(ssl != NULL);
	unsigned char address[16];
	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	} else {
		SSL_set1_host(ssl, host);
		SSL_set_tlsext_host_name(ssl, host);
	}
	if (redisInitiateSSL(redis, ssl) == REDIS_OK) /* owns ssl from here, also when it fails */
		return true;
	err_set(err, "TLS: %s", redis->errstr);
	return false;
}

#else

struct store_tls *store_tls_create(const struct store_options *options, struct err *err)
{
	err_set(err, "Redis URL: rediss:// needs TLS in hiredis, which this build lacks (libhiredis 1.x with "
		     "libhiredis_ssl, "
		     "Debian 13); use redis:// or unix://, or a TLS tunnel");
	return NULL;
}

void store_tls_destroy(struct store_tls *tls)
{
	must(tls == NULL);
}

bool store_tls_start(struct store_tls *tls, redisContext *redis, const char *host, struct err *err)
{
	must(tls != NULL);
	return false;
}

#endif
