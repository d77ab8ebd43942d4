/*
 * What failed for good goes back to the sender, who hears of a delay, too, and
 * of a success where that was asked for (RFC 3461). A notice is a queue file of
 * its own, durable before the recipients' words are written. Its ID is made
 * from the message's and the recipients' numbers, so that a repetition after a
 * crash finds it and goes on.
 */
#ifndef QMGR_NOTICE_H
#define QMGR_NOTICE_H

#include "qmgr/message.h"

/* Is there anything to tell of any recipient? */
bool notice_due(const struct message *m);

/*
 * Make one notice (m is BOUNCING), of failures, successes or delays: ends in
 * message_noticed(), at once or later; another kind may be due then. Mail from
 * the null reverse-path is dropped with a log line, RFC 5321 6.1, and so is
 * what has a sender whom nobody here is, or who did not want to hear.
 */
void notice_start(struct message *m);

/*
 * m is about to wait for so long: how long at most, so that a delay is told of
 * when it should be.
 */
uint64_t notice_before(const struct message *m, uint64_t ms);

#endif
