/*
 * What a user's ~/.forward sends on (MSG_FORWARD): a message of its own, with
 * the same envelope but for the recipients, and "Delivered-To: user" before its
 * header, by which it is known when it comes back: such a one is not sent on
 * again, and goes back (5.4.6) unless the user's mailbox keeps it.
 */
#ifndef QMGR_FORWARD_H
#define QMGR_FORWARD_H

#include "qmgr/message.h"

/*
 * That recipient's attempt at the worker has ended so: `said` is borrowed. Ends
 * in message_outcome(), at once or later: RC_OK when the new message is
 * durable. 4.3.5: the targets make no sense.
 */
void forward_start(
    struct message *m, size_t rcpt, const struct msg_forward *said);

/* Does this header (and perhaps more) say that the message was delivered to
 * that address before? Pure. */
bool forward_is_loop(struct span header, struct span address);

#endif
