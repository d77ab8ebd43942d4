/*
 * The server side's TLS context: see server.h. The key is in this process's
 * memory only, its text is wiped.
 */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/base/io.h"
#include "lib/base/secret.h"
#include "lib/tls/server.h"
#include "lib/base/banned.h"

#define PEM_MAX 1048576

/* an encrypted key must not ask for its password on a terminal */
static int
no_password(char *to, int size, int writing, void *arg)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static enum rc
use_chain(SSL_CTX *ctx, BIO *pem, struct why *why)
{
	X509 *cert = PEM_read_bio_X509_AUX(pem, NULL, no_password, NULL);
	bool ok = cert != NULL && SSL_CTX_use_certificate(ctx, cert) == 1;

	X509_free(cert);
	if (!ok)
		return why_set(why, RC_PERM, "5.3.5",
		    "tls.certificate: no PEM certificate in it");
	while (
	    (cert = PEM_read_bio_X509(pem, NULL, no_password, NULL)) != NULL) {
		if (SSL_CTX_add0_chain_cert(ctx, cert) == 1)
			continue;
		X509_free(cert);
		return why_set(
		    why, RC_PERM, "5.3.5", "tls.certificate: bad chain");
	}
	ERR_clear_error(); /* the end of the file is an error to OpenSSL */
	return RC_OK;
}

static enum rc
use_key(SSL_CTX *ctx, BIO *pem, struct why *why)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL);
	bool read = key != NULL;
	bool ok = read && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
		  SSL_CTX_check_private_key(ctx) == 1;

	EVP_PKEY_free(key);
	if (!read)
		return why_set(why, RC_PERM, "5.3.5",
		    "tls.key: no PEM key without a password in it");
	if (!ok)
		return why_set(why, RC_PERM, "5.3.5",
		    "tls.key does not belong to tls.certificate");
	return RC_OK;
}

static enum rc
with_pem(SSL_CTX *ctx, int fd, const char *what,
    enum rc (*use)(SSL_CTX *, BIO *, struct why *), struct why *why)
{
	struct buf b;
	BIO *bio = NULL;
	enum rc rc;

	buf_init(&b, PEM_MAX);
	rc = io_read_file(fd, &b, why);
	if (rc == RC_OK) {
		bio = BIO_new_mem_buf(b.p, (int)b.n);
		rc = bio == NULL
			 ? why_set(why, RC_TEMP, "4.3.0", "%s: no memory", what)
			 : use(ctx, bio, why);
	}
	BIO_free(bio);
	secret_wipe(b.p, b.n);
	buf_fini(&b);
	return rc;
}

SSL_CTX *
tls_server_new(int certificate, int key, bool tls13_only, struct why *why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL) {
		why_set(why, RC_TEMP, "4.3.0", "TLS cannot be set up");
		return NULL;
	}
	if (SSL_CTX_set_min_proto_version(
		ctx, tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION) != 1)
		why_set(why, RC_PERM, "5.3.5", "tls.min_version");
	else if (with_pem(ctx, certificate, "tls.certificate", use_chain,
		     why) == RC_OK &&
		 with_pem(ctx, key, "tls.key", use_key, why) == RC_OK) {
		/* no renegotiation: nothing needs it and it costs much */
		SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
					     SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_NO_TICKET);
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		/* nor those of TLS 1.3, which name what is not kept */
		(void)SSL_CTX_set_num_tickets(ctx, 0);
		SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
					  SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		return ctx;
	}
	SSL_CTX_free(ctx);
	return NULL;
}
