/*
 * The client side of TLS: the context with its authorities and protocol
 * versions, and whom a connection wants to find at the other end.
 */
#ifndef LIB_TLS_CLIENT_H
#define LIB_TLS_CLIENT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/why.h"

/*
 * A context that trusts the authorities in the PEM file (opened here; ""
 * trusts nobody, so that without DANE no certificate can be verified). TLS 1.2
 * and newer. NULL with *why set when the file cannot be read. Owned by the
 * caller: SSL_CTX_free().
 */
SSL_CTX *tls_client_new(const char *authorities, struct why *why);

/* What the DNS says of a host's certificate: RFC 6698 2.1. */
struct tls_client_tlsa {
	uint8_t usage;
	uint8_t selector;
	uint8_t matching;
	struct span data;
};

struct tls_client_peer {
	const char *host; /* goes along as SNI; NULL: nothing */
	bool verify;      /* its certificate must be the host's, and lead to an
			     authority of the context */
	/* instead (RFC 7672 3): it must be what one of these says, and, where
	 * that names an authority, be for `host` or `also` (NULL: none). Where
	 * none of them is of use encryption has to do (2.2), but not to
	 * `verify` */
	size_t n;
	const struct tls_client_tlsa *tlsa;
	const char *also;
};

/*
 * A connection to it, for stream_start_tls_client(). NULL: there is nothing to
 * `verify` it by (no host, no TLSA of use), or memory is short.
 */
SSL *tls_client_connect(SSL_CTX *ctx, const struct tls_client_peer *peer);

/* Was the other end found to be whom we wanted? */
bool tls_client_verified(const SSL *ssl);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384 verified by DANE"; appended. */
void tls_client_show(SSL *ssl, struct buf *b);

#endif
