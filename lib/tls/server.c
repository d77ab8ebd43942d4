/*
 * The server side's TLS context: see server.h. The key is in this process's
 * memory only, its text is wiped.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/log/log.h"
#include "lib/tls/server.h"
#include "lib/tls/tickets.h"
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

/* Contexts of the further pairs; they belong to that of the first. */
struct others {
	size_t n;
	SSL_CTX **v;
};

static void free_others(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index,
    long argl, void *argp);

/* Where a context keeps them. */
static int
others_index(void)
{
	static int index = -1;

	if (index < 0)
		index =
		    SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_others);
	return index;
}

/* OpenSSL's signature: */
/* NOLINTBEGIN(readability-function-size) */
static void
free_others(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
    void *argp)
{
	struct others *o = ptr;

	(void)parent;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	for (size_t i = 0; o != NULL && i < o->n; i++)
		SSL_CTX_free(o->v[i]);
	if (o != NULL)
		free(o->v);
	free(o);
}
/* NOLINTEND(readability-function-size) */

static bool
is_for(const SSL_CTX *ctx, const char *name)
{
	return X509_check_host(
		   SSL_CTX_get0_certificate(ctx), name, 0, 0, NULL) == 1;
}

/* SSL_CTX_set_tlsext_servername_callback(3) */
static int
on_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct others *o = arg;

	(void)alert;
	/* a name that none is for gets the first: clients decide */
	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	for (size_t i = 0; !is_for(SSL_get_SSL_CTX(ssl), name) && i < o->n; i++)
		if (is_for(o->v[i], name))
			(void)SSL_set_SSL_CTX(ssl, o->v[i]); /* as below */
	return SSL_TLSEXT_ERR_OK;
}

static enum rc
use_pair(SSL_CTX *ctx, const struct tls_pair *pair, struct why *why)
{
	enum rc rc =
	    with_pem(ctx, pair->certificate, "tls.certificate", use_chain, why);

	return rc != RC_OK ? rc
			   : with_pem(ctx, pair->key, "tls.key", use_key, why);
}

static SSL_CTX *
new_context(const struct tls_pair *pair, unsigned oldest, struct why *why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL) {
		why_set(why, RC_TEMP, "4.3.0", "TLS cannot be set up");
		return NULL;
	}
	/* what is older than 1.2 signs with SHA-1, which the default forbids */
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION + (int)oldest) !=
		1 ||
	    (oldest < 2 &&
		SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0") != 1)) {
		why_set(why, RC_PERM, "5.3.5", "tls.min_version");
	} else if (use_pair(ctx, pair, why) == RC_OK) {
		/* no renegotiation: nothing needs it and it costs much */
		SSL_CTX_set_options(ctx,
		    SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
		SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
					  SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		tls_tickets_use(ctx);
		return ctx;
	}
	SSL_CTX_free(ctx);
	return NULL;
}

static enum rc
add_others(SSL_CTX *ctx, const struct tls_server_args *args, struct why *why)
{
	struct others *o = mem_alloc(sizeof(*o));

	/* from here on they are freed with ctx */
	if (SSL_CTX_set_ex_data(ctx, others_index(), o) != 1) {
		free(o);
		return why_set(why, RC_TEMP, "4.3.0", "TLS cannot be set up");
	}
	o->v = mem_array(args->n - 1, sizeof(void *));
	for (size_t i = 1; i < args->n; i++) {
		o->v[o->n] = new_context(&args->pairs[i], args->oldest, why);
		if (o->v[o->n] == NULL)
			return why->rc;
		o->n++;
	}
	SSL_CTX_set_tlsext_servername_callback(ctx, on_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, o);
	return RC_OK;
}

SSL_CTX *
tls_server_new(const struct tls_server_args *args, struct why *why)
{
	SSL_CTX *ctx = new_context(&args->pairs[0], args->oldest, why);

	if (ctx != NULL && args->n > 1 && add_others(ctx, args, why) != RC_OK) {
		SSL_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

enum rc
tls_server_renew(
    SSL_CTX **slot, const struct tls_server_args *args, struct why *why)
{
	SSL_CTX *ctx = tls_server_new(args, why);

	if (ctx == NULL && *slot == NULL)
		return why->rc;
	if (ctx == NULL) {
		LOG(TLS_KEPT, log_str(why->text));
		return RC_OK;
	}
	LOG(TLS_CERTIFICATES, log_num(args->n), log_num(tls_server_until(ctx)));
	/* connections that have the old one keep it */
	SSL_CTX_free(*slot);
	*slot = ctx;
	return RC_OK;
}

static uint64_t
ends(const SSL_CTX *ctx)
{
	const X509 *cert = SSL_CTX_get0_certificate(ctx);
	struct tm tm = {0};
	time_t t = -1;

	if (cert != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1)
		t = timegm(&tm);
	return t < 0 ? 0 : (uint64_t)t;
}

uint64_t
tls_server_until(const SSL_CTX *ctx)
{
	const struct others *o = SSL_CTX_get_ex_data(ctx, others_index());
	uint64_t first = ends(ctx);

	for (size_t i = 0; o != NULL && i < o->n; i++)
		if (ends(o->v[i]) < first)
			first = ends(o->v[i]);
	return first;
}
