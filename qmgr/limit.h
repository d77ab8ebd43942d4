/*
 * Limits of those who send: limits.login_recipients.
 */
#ifndef QMGR_LIMIT_H
#define QMGR_LIMIT_H

#include "qmgr/qmgr.h"

/*
 * May this login send to so many more? Then they are counted. RC_TEMP 4.7.1,
 * or RC_PERM 5.7.1 when no hour would do: of the first of these in an hour the
 * account and postmaster are told, by letters about the message `id`. Whoever
 * has no login has no limit here.
 */
enum rc limit_check(struct qmgr *q, const struct msg_commit *c, const char *id,
    struct why *why);

#endif
