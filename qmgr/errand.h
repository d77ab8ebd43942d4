/*
 * Small changes of a queue file that nobody waits for: each in a thread, none
 * flushed. What is lost of them, recovery finds to be done again.
 */
#ifndef QMGR_ERRAND_H
#define QMGR_ERRAND_H

#include "qmgr/message.h"

/* Write a recipient's word to m's file; message_saved() says how it went. */
void errand_word(struct message *m, size_t rcpt);
/* The same, of all recipients that have one. */
void errand_words(struct message *m);
/* m is freed: what is under way for it has nobody to tell. */
void errand_forget(struct message *m);
/*
 * Nothing of m is to do any more, and the caller ends it: remove its file; m's
 * descriptor is taken. Where another program has renamed it, or it cannot be
 * removed, the words are written instead, so that it is not attempted again,
 * and the queue's files are listed anew.
 */
void errand_remove(struct message *m);

#endif
