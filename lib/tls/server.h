/*
 * The server side's TLS context: certificates, keys, protocol versions.
 */
#ifndef LIB_TLS_SERVER_H
#define LIB_TLS_SERVER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/why.h"

/* Descriptors of a PEM chain and of its PEM key, 1 MB each at most. */
struct tls_pair {
	int certificate;
	int key;
};

/* How old a protocol may be: the minor version, as in "TLS 1.2". */
struct tls_server_args {
	const struct tls_pair *pairs; /* borrowed; read from their beginning */
	size_t n;                     /* one or more */
	unsigned oldest;              /* 0 to 3 */
};

/*
 * A context with the first pair, and by the name that a client asks for (SNI,
 * RFC 6066 section 3) with the first of the pairs whose certificate is for it.
 * Where there are keys for them (tickets.h), sessions are resumed. NULL with
 * *why set when a pair does not parse or does not belong together. Owned by the
 * caller: SSL_CTX_free().
 */
SSL_CTX *tls_server_new(const struct tls_server_args *args, struct why *why);

/*
 * The same into *slot, in the place of what is there. When it cannot be made,
 * what is there stays and goes on serving, and that is logged; if there was
 * none, RC_PERM or RC_TEMP.
 */
enum rc tls_server_renew(
    SSL_CTX **slot, const struct tls_server_args *args, struct why *why);

/* When the first of its certificates ends, in seconds since 1970. */
uint64_t tls_server_until(const SSL_CTX *ctx);

#endif
