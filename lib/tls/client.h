/*
 * The client side's TLS context: authorities, protocol versions.
 */
#ifndef LIB_TLS_CLIENT_H
#define LIB_TLS_CLIENT_H

#include <openssl/ssl.h>

#include "lib/base/why.h"

/*
 * A context that trusts the authorities in the PEM file (opened here; ""
 * trusts nobody, so that no certificate can be verified). Whether one is
 * verified is said for each connection. TLS 1.2 and newer. NULL with *why set
 * when the file cannot be read. Owned by the caller: SSL_CTX_free().
 */
SSL_CTX *tls_client_new(const char *authorities, struct why *why);

#endif
