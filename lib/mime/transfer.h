/*
 * Content-Transfer-Encodings (RFC 2045 6) taken off, piece by piece and
 * leniently: what is no base64 is passed over, padding may be missing or come
 * early (the data goes on behind it); in quoted-printable "=" that begins
 * nothing stands for itself, small letters count, white space at a line's end
 * goes. Pure, fuzzed.
 */
#ifndef LIB_MIME_TRANSFER_H
#define LIB_MIME_TRANSFER_H

#include <stdint.h>

#include "lib/base/buf.h"

enum mime_encoding {
	MIME_7BIT, /* 8bit, binary and unknown ones as well: as it is */
	MIME_BASE64,
	MIME_QUOTED_PRINTABLE,
};

/* Of a Content-Transfer-Encoding field's value. */
enum mime_encoding mime_transfer_encoding(struct span value);

struct mime_transfer {
	enum mime_encoding encoding;
	uint32_t bits; /* base64: what is not yet a byte */
	unsigned bits_n;
	struct buf held; /* quoted-printable: white space, or a begun "=" */
};

void mime_transfer_init(struct mime_transfer *t, enum mime_encoding encoding);
void mime_transfer_fini(struct mime_transfer *t);
/*
 * Append what `in` decodes to: never more than in.n plus what was held back
 * (at most MIME_HELD_MAX). How the input is cut into pieces does not matter.
 */
void mime_transfer_put(
    struct mime_transfer *t, struct span in, struct buf *out);
/* No more input comes: append what was held back. */
void mime_transfer_end(struct mime_transfer *t, struct buf *out);

/* white space in a row that is held back; a longer row is kept as text */
#define MIME_HELD_MAX 1000

#endif
