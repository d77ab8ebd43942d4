/*
 * Links to smtpd: commits come in, promises go out.
 */
#ifndef QMGR_INTAKE_H
#define QMGR_INTAKE_H

#include "qmgr/message.h"

/* A link to an smtpd; fd is taken. */
void intake_new(struct qmgr *q, int fd);
/* The answer to a commit; RC_OK is the promise. */
void intake_answer(
    struct intake *in, uint64_t txn, const char *name, const struct why *why);
/* One that was taken up, of so many bytes, has its answer. */
void intake_ended(struct intake *in, uint64_t size);
/* Tell all smtpds whether mail is taken; why NULL: yes. */
void intake_announce(struct qmgr *q, const struct why *why);
/* Every few seconds: tell the history what it was not told one by one. */
void intake_check(struct qmgr *q);
size_t intake_count(const struct qmgr *q);

#endif
