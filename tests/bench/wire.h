/*
 * A client's connection, in clear or by TLS 1.3: one for each session of the
 * load. Never blocks.
 */
#ifndef TESTS_BENCH_WIRE_H
#define TESTS_BENCH_WIRE_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/buf.h"

struct wire {
	int fd; /* -1: none */
	SSL *ssl;
	bool wants_out; /* what it could not write it can when there is room */
};

/* Begins to connect; ends the process when there are no sockets. */
void wire_open(struct wire *w, const struct sockaddr_in *to);

/* From now on TLS: the handshake goes on with every read and write. No
 * session is resumed, and no certificate checked. */
void wire_start_tls(struct wire *w);

/* Bytes read; 0 when there are none yet, -1 when there will be none. */
ssize_t wire_read(struct wire *w, void *p, size_t n);

/* Writes of b what the connection takes; false when it is broken. */
bool wire_write(struct wire *w, struct buf *b);

void wire_close(struct wire *w);

/* Version and cipher of the first handshake that was made; "" before. */
const char *wire_tls_name(void);

#endif
