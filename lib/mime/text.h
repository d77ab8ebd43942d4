/*
 * The text of a part as UTF-8, for SEARCH: its body read through the view, its
 * transfer encoding and charset taken off, a piece at a time. Pure, fuzzed.
 */
#ifndef LIB_MIME_TEXT_H
#define LIB_MIME_TEXT_H

#include "lib/mime/charset.h"
#include "lib/mime/reader.h"
#include "lib/mime/transfer.h"

struct mime_text {
	struct mime_range range;
	struct mime_ranges ranges;
	struct mime_reader reader;
	struct mime_transfer transfer;
	struct mime_charset charset;
	bool done;
};

/* Does the part's body hold text (text of any kind)? */
bool mime_text_is(const struct mime_message *m, const struct mime_part *part);
/* The part's body; message and source are borrowed. *t must not move. */
void mime_text_init(struct mime_text *t, const struct mime_message *m,
    const struct mime_part *part, const struct mime_source *source);
void mime_text_fini(struct mime_text *t);
/*
 * Append the next piece, of about 16 kB of the view (it may be empty): `out`
 * needs MIME_TEXT_PIECE of room. t->done tells that it was the last. RC_TEMP
 * as mime_reader_read.
 */
enum rc mime_text_read(struct mime_text *t, struct buf *out, struct why *why);

#define MIME_TEXT_PIECE ((size_t)128 << 10)

#endif
