/*
 * Small changes of a queue file that nobody waits for: each in a thread, none
 * flushed. What is lost of them, recovery finds to be done again.
 */
#ifndef QMGR_ERRAND_H
#define QMGR_ERRAND_H

#include "qmgr/message.h"

/* Write a recipient's word to the file open at fd, which is borrowed. */
void errand_word(struct qmgr *q, int fd, const struct envelope_rcpt *r);
/*
 * Nothing of m is to do any more, and the caller ends it: remove its file; m's
 * descriptor is taken. Where another program has renamed it, or it cannot be
 * removed, the words are written instead, so that it is not attempted again,
 * and the queue's files are listed anew.
 */
void errand_remove(struct message *m);

#endif
