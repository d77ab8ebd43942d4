/*
 * Strings of IMAP responses (RFC 3501 section 9). Pure, fuzzed.
 */
#ifndef LIB_MIME_PUT_H
#define LIB_MIME_PUT_H

#include "lib/base/buf.h"

/* a longer string is sent as a literal */
#define MIME_QUOTED_MAX 1000

/*
 * Append a string: quoted when it is 7-bit, without CR, LF and NUL, and short;
 * else a literal, with NUL as 0x80. `over` of the buffer tells that it did not
 * fit.
 */
void mime_put_string(struct buf *b, struct span s);
/* The same, or NIL when s.p is NULL. */
void mime_put_nstring(struct buf *b, struct span s);

#endif
