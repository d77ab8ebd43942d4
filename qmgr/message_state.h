/*
 * Inside of message*.c: the changes of a message that they share. message.c
 * has the message itself, message_file.c its queue file being written and read,
 * message_round.c what follows from its attempts. Every change of m->state is
 * in one of them.
 */
#ifndef QMGR_MESSAGE_STATE_H
#define QMGR_MESSAGE_STATE_H

#include "qmgr/message.h"

/* One of that name, with nothing in it; the caller gives it its state. */
struct message *message_make(struct qmgr *q, struct span name);
/* It has its envelope and descriptor, both taken, and attempts. */
void message_load(struct message *m, struct envelope *env, int fd);
/* They are released, if it has them; attempts are not waited for. */
void message_unload(struct message *m);
/* Tell smtpd, if it still waits for one. */
void message_answer(struct message *m, const struct why *why);
/*
 * Out of memory, until m->due_ms unless it is held; but first its words go to
 * its file. m may be gone then.
 */
void message_rest(struct message *m);
/* One in memory that was at rest is due: another round. m may be gone then. */
void message_again(struct message *m);
/* All attempts of the direct path have ended. m may be gone then. */
void message_finish_direct(struct message *m);

#endif
