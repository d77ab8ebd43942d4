/*
 * What failed for good goes back to the sender: a notice is a queue file of its
 * own, durable before the recipients' words are written. Its ID is made from
 * the message's and the recipients' numbers, so that a repetition after a
 * crash finds it and goes on.
 */
#ifndef QMGR_NOTICE_H
#define QMGR_NOTICE_H

#include "qmgr/message.h"

/* Has any recipient failed for good, or for longer than mail is kept? */
bool notice_due(const struct message *m);

/*
 * Make the notice (m is BOUNCING): ends in message_noticed(), at once or
 * later. Mail from the null reverse-path is dropped with a log line, RFC 5321
 * 6.1, and so is what has a sender whom nobody here is.
 */
void notice_start(struct message *m);

#endif
