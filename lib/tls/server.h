/*
 * The server side's TLS context: certificate, key, protocol versions.
 */
#ifndef LIB_TLS_SERVER_H
#define LIB_TLS_SERVER_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "lib/base/why.h"

/*
 * A context with the PEM chain and the PEM key behind the two descriptors
 * (borrowed; read from their beginning, 1 MB at most). NULL with *why set
 * when they do not parse or do not belong together. tls13_only: TLS 1.3 and
 * newer, else 1.2 and newer. Owned by the caller: SSL_CTX_free().
 */
SSL_CTX *tls_server_new(
    int certificate, int key, bool tls13_only, struct why *why);

#endif
