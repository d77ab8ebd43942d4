/*
 * After a start: every file of the queue gets a record in the index if it has
 * none, and a record without a file goes. Only names are read, some at a time;
 * whether a file is whole is found when it is loaded. With an index of before
 * this changes next to nothing, with a new one it makes it.
 */
#ifndef QMGR_RECOVER_H
#define QMGR_RECOVER_H

#include "qmgr/qmgr.h"

/*
 * List new/ and cur/ against the index (idle.h), which is open. None is under
 * way. When it ends q->recover is NULL again; if it cannot, it is begun anew
 * after some seconds.
 */
void recover_start(struct qmgr *q);

/* For `steadctl status`: " recovering=no", or how many files were looked at so
 * far, and how many of them had no record. */
void recover_status(const struct qmgr *q, struct buf *b);

#endif
