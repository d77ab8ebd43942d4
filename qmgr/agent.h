/*
 * The delivery workers as qmgr sees them: links, and what is under way there.
 */
#ifndef QMGR_AGENT_H
#define QMGR_AGENT_H

#include "qmgr/message.h"

/* A link to a local delivery worker; fd is taken. */
void agent_new(struct qmgr *q, int fd);

/*
 * Give recipient `rcpt` of m to the worker with the least to do. NULL: there
 * is none now, or all have enough.
 */
struct agent *agent_deliver(struct message *m, size_t rcpt);

/* Attempts under way, over all workers. */
size_t agent_underway(const struct qmgr *q);

#endif
