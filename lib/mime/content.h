/*
 * Values of Content-Type, -Disposition, -Transfer-Encoding and -Language
 * (RFC 2045 5.1 and 6.1, RFC 2183, RFC 3282) with their parameters, read
 * leniently from unfolded text. Pure, fuzzed.
 */
#ifndef LIB_MIME_CONTENT_H
#define LIB_MIME_CONTENT_H

#include "lib/mime/lex.h"

/* a charset's name as a C string; longer ones are unknown */
#define MIME_CHARSET_MAX 48

/*
 * "type/subtype" at the cursor, which ends behind it. False when it is
 * neither: the whole field then counts as absent (RFC 2045 5.2).
 */
bool mime_content_type(
    struct mime_lex *x, struct span *type, struct span *subtype);
/* One token ("attachment", "base64"); false when there is none. */
bool mime_content_word(struct mime_lex *x, struct span *word);
/*
 * The next parameter: its name borrowed from the text, its value in `value`
 * (cleared first) without quotes. A value that is not quoted may hold any
 * byte but ';' and ends before white space at its end or a comment. What is
 * no parameter is skipped. False at the end.
 */
bool mime_content_param(
    struct mime_lex *x, struct span *name, struct buf *value);
/*
 * Parameter `name` of a whole value (type or disposition first), appended to
 * `out`: the pieces of RFC 2231 (name*0, name*1*, name*) put together and
 * percent-decoded, else the plain one. `charset` gets the charset that RFC 2231
 * names, or "". False when there is no such parameter.
 */
bool mime_content_find(struct span text, struct span name, struct buf *out,
    char charset[MIME_CHARSET_MAX]);

#endif
