/*
 * A message as it goes behind DATA (RFC 5321 4.5.2): a dot in front of dots
 * that begin a line, and every line ended by CRLF, so that nothing in a
 * message can be its end. Pure, fuzzed.
 */
#ifndef DELIVERY_CLIENT_DOT_H
#define DELIVERY_CLIENT_DOT_H

#include "lib/base/buf.h"

/* Zeroed: at a message's beginning. */
struct client_dot {
	bool in_line; /* bytes of a line have been put, its end has not */
	bool cr;      /* a CR has come: what it is shows with the next byte */
};

/*
 * Append the next piece, at most 2 * in.n + 2 bytes. A bare CR or LF, which
 * RFC 5321 2.3.8 forbids to send, becomes a line's end.
 */
void client_dot_put(struct client_dot *d, struct span in, struct buf *out);
/* Append the end of the last line, if it is missing, and the dot. */
void client_dot_end(struct client_dot *d, struct buf *out);

#endif
