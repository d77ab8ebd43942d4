/*
 * A letter of the server's own, to somebody of this host: from the null
 * reverse-path, queued as any other message.
 */
#ifndef QMGR_LETTER_H
#define QMGR_LETTER_H

#include "qmgr/qmgr.h"

struct letter {
	const char *to;      /* an address, or "postmaster" */
	const char *subject; /* one line */
	struct span text;    /* lines end with LF */
	const char *about;   /* queue ID of the message that it is about */
};

/* The postmaster's address, as people see it; appended. */
void letter_put_postmaster(struct buf *out, const struct conf *conf);

/* Send it. That it cannot be sent is logged: nobody else would hear of it. */
void letter_send(struct qmgr *q, const struct letter *l);

#endif
