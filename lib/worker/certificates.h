/*
 * What a worker does with the certificates and ticket keys that master sends,
 * at the start and whenever they change: see lib/tls/server.h, tickets.h.
 */
#ifndef LIB_WORKER_CERTIFICATES_H
#define LIB_WORKER_CERTIFICATES_H

#include <openssl/ssl.h>

#include "lib/worker/worker.h"

/*
 * Such a worker has these as its worker_ops.handlers, and says before
 * worker_main() where its context is to be: NULL there as long as there is
 * none.
 */
extern ipc_handler *const certificates_handlers[MSG_COUNT];
void certificates_serve(SSL_CTX **slot);

/* "tls=yes tls_until=2027-02-26 " or "tls=no ", for worker_ops.on_status. */
void certificates_status(struct buf *b);

#endif
