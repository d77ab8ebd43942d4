/*
 * A file's octets as they go to the client: lines end in CRLF, a '.' at the
 * beginning of a line is doubled (RFC 1939 section 3), CRLF "." CRLF ends it.
 * Well-formed whatever the file holds, wherever it ends. Pure, fuzzed.
 */
#ifndef POP3D_WIRE_H
#define POP3D_WIRE_H

#include "lib/base/buf.h"

struct wire {
	bool top;       /* TOP: stop behind `lines` lines of the body */
	uint64_t lines; /* still to be sent */
	bool done;      /* no more is wanted */
	/* private: */
	bool body;   /* the empty line has been */
	bool inside; /* of a line */
	bool filled; /* more than a CR is in it */
	bool cr;     /* the last octet was CR */
};

/* At the beginning: whole messages (zero), or TOP with so many lines. */
void wire_init_top(struct wire *w, uint64_t lines);

/* Append the next octets of the file: at most 2 * in.n + 1. */
void wire_put(struct wire *w, struct span in, struct buf *out);

/* Append the end: at most WIRE_END_MAX. */
void wire_end(struct wire *w, struct buf *out);
#define WIRE_END_MAX 5

#endif
