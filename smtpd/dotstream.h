/*
 * The octets after DATA, RFC 5321 4.5.2: ended by CRLF.CRLF and nothing else,
 * dots unstuffed; and those of BDAT, RFC 3030, in which a dot is a dot. Only
 * CRLF ends a line. Pure, fuzzed.
 */
#ifndef SMTPD_DOTSTREAM_H
#define SMTPD_DOTSTREAM_H

#include "lib/base/buf.h"

enum dotstream_fault {
	DOTSTREAM_BARE_CR = 1,
	DOTSTREAM_BARE_LF = 2,
	DOTSTREAM_NUL = 4,
};

struct dotstream {
	enum dotstream_state {
		DOTSTREAM_START, /* of a line */
		DOTSTREAM_DOT,   /* a dot at the start */
		DOTSTREAM_DOT_CR,
		DOTSTREAM_LINE,
		DOTSTREAM_CR,
		DOTSTREAM_DONE,
	} state;
	unsigned faults; /* enum dotstream_fault: refuse at the end */
	bool eight_bit;  /* octets above 127 were seen */
};

/*
 * Read from `in` until it is used up or the end has come (state becomes
 * DOTSTREAM_DONE); the content is appended to out, which must have room for
 * in.n + 1 bytes. Returns how much of `in` was used.
 */
size_t dotstream_feed(struct dotstream *d, struct span in, struct buf *out);

/*
 * The same for octets that are counted: all of `in` is content. Behind the
 * last of them dotstream_end() makes it DONE.
 */
void dotstream_chunk(struct dotstream *d, struct span in, struct buf *out);
void dotstream_end(struct dotstream *d, struct buf *out);

#endif
