/*
 * BODY and BODYSTRUCTURE (RFC 3501 7.4.2 and 9) of a message. Names and values
 * stand as the message has them: parameters of RFC 2231 are not joined (as
 * Dovecot and others, and as RFC 3501 clients expect); a text part without a
 * charset is given us-ascii (RFC 2045 5.2). Content-Transfer-Encoding is its
 * first word, "7bit" without one.
 */
#ifndef LIB_MIME_STRUCTURE_H
#define LIB_MIME_STRUCTURE_H

#include "lib/mime/message.h"

/*
 * Append the structure of the whole message, with the extension data if
 * `extensible` (BODYSTRUCTURE). b->over tells that it did not fit.
 */
void mime_structure_put(
    struct buf *b, const struct mime_message *m, bool extensible);

#endif
