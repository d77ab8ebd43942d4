/*
 * Memory behind a burst of handshakes: each takes some 40 kB while it goes on,
 * and the heap keeps what a thousand at a time have taken, long after. When it
 * is quiet again it is given back to the system.
 */
#ifndef LIB_TLS_BURST_H
#define LIB_TLS_BURST_H

#include <event2/event.h>

/* One more handshake has ended on that loop, the only one of the process. */
void tls_burst_note(struct event_base *base);

#endif
