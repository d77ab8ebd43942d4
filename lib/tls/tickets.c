/*
 * Session tickets: see tickets.h. Owns the keys of the process.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "lib/base/io.h"
#include "lib/base/secret.h"
#include "lib/tls/tickets.h"
#include "lib/base/banned.h"

#define HOUR_S 3600

struct key {
	unsigned char name[16];
	unsigned char cipher[32];
	unsigned char mac[32];
};

_Static_assert(sizeof(struct key) == TLS_TICKETS_KEY, "a key has no holes");

static struct key keys[TLS_TICKETS_MAX];
static size_t n_keys;

bool
tls_tickets_set(struct span text)
{
	if (text.n == 0 || text.n % sizeof(struct key) != 0 ||
	    text.n > sizeof(keys))
		return false;
	secret_wipe(keys, sizeof(keys));
	memcpy(keys, text.p, text.n);
	n_keys = text.n / sizeof(struct key);
	return true;
}

static bool
set_mac(EVP_MAC_CTX *mac, struct key *key)
{
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(
		OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
	    OSSL_PARAM_construct_utf8_string(
		OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
	    OSSL_PARAM_construct_end()};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static struct key *
find(const unsigned char *name)
{
	for (size_t i = 0; i < n_keys; i++)
		if (memcmp(name, keys[i].name, sizeof(keys[i].name)) == 0)
			return &keys[i];
	return NULL;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3). OpenSSL's signature: */
/* NOLINTBEGIN(readability-function-size) */
static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int making)
{
	struct key *key = making ? &keys[0] : find(name);
	int ok;

	(void)ssl;
	if (key == NULL || n_keys == 0)
		return 0; /* a handshake in full */
	if (making) {
		memcpy(name, key->name, sizeof(key->name));
		io_random(iv, EVP_MAX_IV_LENGTH);
	}
	ok = EVP_CipherInit_ex(
	    cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, making);
	if (ok != 1 || !set_mac(mac, key))
		return -1;
	return key == &keys[0] ? 1 : 2; /* 2: by an older key, make it anew */
}
/* NOLINTEND(readability-function-size) */

void
tls_tickets_use(SSL_CTX *ctx)
{
	static const unsigned char context[] = "mailstead";

	/* nothing is kept here */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(ctx, n_keys > 0 ? 1 : 0);
	if (n_keys == 0) {
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		return;
	}
	(void)SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
	/* these fail for arguments that are none */
	(void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
	(void)SSL_CTX_set_session_id_context(ctx, context, sizeof(context) - 1);
	(void)SSL_CTX_set_timeout(ctx, (TLS_TICKETS_HOURS + 1) * HOUR_S);
}
