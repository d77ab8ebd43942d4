/*
 * The mechanisms of several messages that a front offers on a connection; what
 * they mean only authd knows. PLAIN and LOGIN are each front's own.
 */
#ifndef LIB_SASL_OFFER_H
#define LIB_SASL_OFFER_H

#include <openssl/ssl.h>

#include "lib/conf/conf.h"

#define SASL_OFFER_MAX    4
#define SASL_BINDING_SIZE 32

/*
 * Their names, strongest first; how many. `ssl` is NULL without TLS: then, and
 * where the connection has no tls-exporter, none ends in -PLUS. Static.
 */
size_t sasl_offer(
    const struct conf *conf, SSL *ssl, struct span names[SASL_OFFER_MAX]);
/* Is `mechanism`, in any case, one of them? */
bool sasl_is_offered(const struct conf *conf, SSL *ssl, struct span mechanism);
/* Is one of them a -PLUS? */
bool sasl_offers_plus(const struct conf *conf, SSL *ssl);
/* Each with `before` in front of it, appended. */
void sasl_offer_put(
    struct buf *b, const struct conf *conf, SSL *ssl, const char *before);

/*
 * The channel binding tls-exporter (RFC 9266) into out, which the result
 * points to; empty without TLS 1.3: older versions export what a man in the
 * middle can know, unless both ends take care (RFC 9266 3).
 */
struct span sasl_binding(SSL *ssl, unsigned char out[SASL_BINDING_SIZE]);

#endif
