/*
 * The delivery workers as qmgr sees them: links, and what is under way there.
 */
#ifndef QMGR_AGENT_H
#define QMGR_AGENT_H

#include "qmgr/message.h"

struct site;
struct route;

/* A link to a delivery worker, LOCAL or REMOTE; fd is taken. */
void agent_new(struct qmgr *q, enum role role, int fd);

/*
 * Give recipient `rcpt` of m to the worker with the least to do. NULL: there
 * is none now, or all have enough. `batch`: it may share its flush with others
 * of m, which agent_batch_end() ends.
 */
struct agent *agent_deliver(struct message *m, size_t rcpt, bool batch);
void agent_batch_end(const struct message *m);

/* Some recipients of a message, SCHEDULE_GROUP at most. */
struct agent_group {
	const size_t *rcpts;
	size_t n;
};

/*
 * Give them to a remote worker, as a job for that site whose end comes by
 * schedule_ended(). False: there is none now, or all have enough.
 */
bool agent_relay(struct message *m, struct site *site,
    const struct route *route, const struct agent_group *group);

/* What all workers of that role could take now. */
struct agent_room {
	size_t jobs;
	size_t rcpts;
};
struct agent_room agent_room(const struct qmgr *q, enum role role);

/*
 * Has a remote worker told, before m was loaded, that an attempt for the qmgr
 * before us has succeeded? Says so once; *dsn as in MSG_RELAYED.
 */
bool agent_settled(struct message *m, size_t rcpt, bool *dsn);

/* Is there a worker of that role, however much it has to do? */
bool agent_exists(const struct qmgr *q, enum role role);
/* Attempts under way, over all workers. */
size_t agent_underway(const struct qmgr *q);

#endif
