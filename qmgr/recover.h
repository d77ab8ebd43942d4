/*
 * After a start: what is on disk becomes the queue again.
 */
#ifndef QMGR_RECOVER_H
#define QMGR_RECOVER_H

#include "qmgr/message.h"

/*
 * List new/ and cur/ in a thread; each file becomes an IDLE message that is
 * woken at once, and checked then. New mail is served meanwhile.
 */
void recover_start(struct qmgr *q);

#endif
