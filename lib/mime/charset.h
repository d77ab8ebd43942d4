/*
 * Text into UTF-8, piece by piece, by iconv(3); UTF-8, US-ASCII and ISO-8859-1
 * by ourselves. What is no character becomes U+FFFD, and what comes out is
 * always well-formed UTF-8. How the input is cut does not matter, but behind a
 * mistake in UTF-7. iconv opens its tables when it first meets a
 * charset: a process that may open no files calls mime_charset_preload before.
 */
#ifndef LIB_MIME_CHARSET_H
#define LIB_MIME_CHARSET_H

#include "lib/base/buf.h"

struct mime_charset {
	enum {
		MIME_CHARSET_UTF8, /* US-ASCII and unknown ones as well */
		MIME_CHARSET_LATIN1,
		MIME_CHARSET_ICONV,
	} how;
	void *iconv;
	char held[16]; /* a character that is not whole yet */
	size_t held_n;
};

/* `name` in any case; an unknown or empty one is taken for UTF-8. */
void mime_charset_init(struct mime_charset *c, struct span name);
void mime_charset_fini(struct mime_charset *c);
/* Append what `in` means; at most 6 bytes for each of it and of 16 held. */
void mime_charset_put(struct mime_charset *c, struct span in, struct buf *out);
/* No more comes: what is not whole becomes U+FFFD. */
void mime_charset_end(struct mime_charset *c, struct buf *out);
/* Load the tables of the charsets that mail has; they stay loaded. */
void mime_charset_preload(void);

#endif
