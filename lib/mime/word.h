/*
 * Encoded words (RFC 2047) in header fields, as UTF-8 text. Pure, fuzzed.
 */
#ifndef LIB_MIME_WORD_H
#define LIB_MIME_WORD_H

#include "lib/base/buf.h"

/*
 * Append an unfolded value as UTF-8: each =?charset?B or Q?text?= decoded,
 * wherever it stands (in quotes too: mail is so) and however long, white space
 * between two of them taken out, a character that is cut by it made whole when
 * the charset is the same. What is none stays; a byte that is no UTF-8 becomes
 * U+FFFD. A language (RFC 2231 5) is passed over.
 */
void mime_word_decode(struct span value, struct buf *out);

#endif
