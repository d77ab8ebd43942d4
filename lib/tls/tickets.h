/*
 * Session tickets (RFC 5077, RFC 8446 4.6.1): a client that comes back need not
 * do all of the handshake, and the server keeps nothing of it. The keys are
 * master's: one set for all processes of a service, which it changes each hour.
 */
#ifndef LIB_TLS_TICKETS_H
#define LIB_TLS_TICKETS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "lib/base/span.h"

#define TLS_TICKETS_KEY 80 /* bytes of a key: name, cipher's, MAC's */
#define TLS_TICKETS_MAX 4
/* tickets are taken for so long at least, and at most one more */
#define TLS_TICKETS_HOURS 2

/*
 * The keys of this process, the newest first: with it tickets are made, with
 * each they are taken. False, and as before, when it is no list of them.
 */
bool tls_tickets_set(struct span keys);
/* Let a context make and take tickets, if there are keys. */
void tls_tickets_use(SSL_CTX *ctx);

#endif
