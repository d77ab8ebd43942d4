/*
 * Small changes of a queue file that nobody waits for: each in a thread, none
 * flushed. What is lost of them, recovery finds to be done again.
 */
#ifndef QMGR_ERRAND_H
#define QMGR_ERRAND_H

#include "qmgr/qmgr.h"

/* Write a recipient's word to the file open at fd, which is borrowed. */
void errand_word(struct qmgr *q, int fd, const struct envelope_rcpt *r);
/* Remove the file of that name. */
void errand_remove(struct qmgr *q, const char *file);

#endif
