/*
 * Who sends: a login; without one the client, as the envelope has it
 * ("[192.0.2.1]", "uid:1000"; this host's own mail is one party). Parties share
 * what other hosts take, and the room to wait for it: a mailing holds up no
 * letter of somebody else's.
 */
#ifndef QMGR_PARTY_H
#define QMGR_PARTY_H

#include "qmgr/envelope.h"
#include "qmgr/qmgr.h"

struct party {
	TAILQ_ENTRY(party) next; /* in its bucket */
	char *name;
	size_t n_visits; /* messages that wait, at all destinations */
	size_t here;     /* likewise, at the one that is being looked at */
	struct visit_list visits; /* the newest last */
};

void party_init(struct qmgr *q);

/* Whose mail it is: made when there is none of that name. */
struct party *party_of(struct qmgr *q, const struct envelope *e);
/* Forget it unless something of it waits. */
void party_release(struct qmgr *q, struct party *p);

/* The one with the most that waits; NULL: nothing does. */
struct party *party_most(const struct qmgr *q);

#endif
