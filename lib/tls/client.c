/*
 * The client side of TLS: see client.h. The authorities are read at once: a
 * folder of them would be looked into at the handshake, where a confined
 * worker has no files.
 */
#include <openssl/x509v3.h>

#include "lib/tls/client.h"
#include "lib/base/banned.h"

SSL_CTX *
tls_client_new(const char *authorities, struct why *why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_dane_enable(ctx) != 1)
		why_set(why, RC_TEMP, "4.3.0", "TLS cannot be set up");
	else if (authorities[0] != '\0' &&
		 SSL_CTX_load_verify_file(ctx, authorities) != 1)
		why_set(why, RC_PERM, "5.3.5",
		    "%s: no PEM certificates of authorities", authorities);
	else {
		SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
					  SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		return ctx;
	}
	SSL_CTX_free(ctx);
	return NULL;
}

static bool
set_verify(SSL *ssl, const struct tls_client_peer *peer)
{
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	return peer->host != NULL && SSL_set1_host(ssl, peer->host) == 1;
}

static bool
set_dane(SSL *ssl, const struct tls_client_peer *peer)
{
	bool any = false;

	if (peer->host == NULL || SSL_dane_enable(ssl, peer->host) != 1)
		return false;
	/* RFC 7672 3.1.1: the record itself says whose the key is */
	(void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (size_t i = 0; i < peer->n; i++) {
		const struct tls_client_tlsa *t = &peer->tlsa[i];

		/* 1: taken; 0: of no use, as it is of a kind that is not known
		 * or malformed; others may be better */
		any |=
		    SSL_dane_tlsa_add(ssl, t->usage, t->selector, t->matching,
			(const unsigned char *)t->data.p, t->data.n) > 0;
	}
	if (any)
		SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	if (!any && peer->verify)
		return false;
	return peer->also == NULL || SSL_add1_host(ssl, peer->also) == 1;
}

SSL *
tls_client_connect(SSL_CTX *ctx, const struct tls_client_peer *peer)
{
	SSL *ssl = SSL_new(ctx);
	bool ready = ssl != NULL;

	if (ready) {
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		if (peer->n > 0)
			ready = set_dane(ssl, peer);
		else if (peer->verify)
			ready = set_verify(ssl, peer);
	}
	if (ready && peer->host != NULL)
		ready = SSL_set_tlsext_host_name(ssl, peer->host) == 1;
	if (ready)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

bool
tls_client_verified(const SSL *ssl)
{
	return SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE &&
	       SSL_get_verify_result(ssl) == X509_V_OK;
}

void
tls_client_show(SSL *ssl, struct buf *b)
{
	const char *how = "not verified";

	if (tls_client_verified(ssl))
		how = SSL_get0_dane_authority(ssl, NULL, NULL) >= 0
			  ? "verified by DANE"
			  : "verified";
	buf_putf(
	    b, "%s %s %s", SSL_get_version(ssl), SSL_get_cipher_name(ssl), how);
}
