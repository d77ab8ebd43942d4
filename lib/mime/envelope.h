/*
 * ENVELOPE (RFC 3501 7.4.2 and 9) of a message, from the fields that its
 * parse has kept. A text field that is not there is NIL, an empty one ""; an
 * address list without an address is NIL; Sender and Reply-To then are From.
 * Encoded words stay as they are. A mailbox without a domain has the host "":
 * NIL would make it a group. Several fields of one address list are joined.
 */
#ifndef LIB_MIME_ENVELOPE_H
#define LIB_MIME_ENVELOPE_H

#include "lib/mime/message.h"

/*
 * Append the envelope of the message whose root is `part`. b->over tells that
 * it did not fit.
 */
void mime_envelope_put(
    struct buf *b, const struct mime_message *m, const struct mime_part *part);

#endif
