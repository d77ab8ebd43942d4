/*
 * Whose turn it is among the recipients at other hosts. Each destination (next
 * hop) has a queue of its own: in it those who send take turns (party.h), their
 * messages one behind the other, a bounded group of recipients at a time; and
 * destinations take turns for the workers. One that
 * is in trouble again and again is left alone for a while, as a whole.
 */
#ifndef QMGR_SCHEDULE_H
#define QMGR_SCHEDULE_H

#include "qmgr/message.h"

#define SCHEDULE_GROUP 50   /* recipients of one job */
#define SCHEDULE_WAITS 200  /* messages that wait for one destination */
#define SCHEDULE_ALL   2000 /* and for all: each has a file open */

struct site;

/* How a job ended for its destination. */
enum schedule_verdict {
	SCHEDULE_FINE,    /* somebody there spoke with us */
	SCHEDULE_TROUBLE, /* nobody did */
	SCHEDULE_UNKNOWN, /* the worker died */
};

void schedule_init(struct qmgr *q);
/* Forget all destinations; nothing waits or is under way any more. */
void schedule_fini(struct qmgr *q);

/*
 * Put into their queues all recipients of m at other hosts that are to do, were
 * not tried in this round and are not there yet. Those whose destination is
 * left alone count as tried, with its trouble as the outcome; where there is
 * no room to wait, m->crowded is set. Of a party that has clearly more there
 * than m's, the newest gives way: other messages may be kicked, and be gone.
 */
void schedule_add(struct message *m);
/* Take m's recipients out again. */
void schedule_cancel(struct message *m);
/* Give out what may go now. */
void schedule_run(struct qmgr *q);
/* A worker has taken a job there, of n recipients (agent_relay's word). */
void schedule_given(struct site *site, size_t n);
/* n of them have their outcome, or never will. */
void schedule_heard(struct site *site, size_t n);
/* A job that schedule_run gave out has ended; `why`: of TROUBLE. */
void schedule_ended(struct qmgr *q, struct site *site,
    enum schedule_verdict verdict, const struct why *why);

/* The administrator knows better: no destination is left alone any more. */
void schedule_forgive(struct qmgr *q);

/* The configuration has changed: rates are those of now. */
void schedule_reloaded(struct qmgr *q);

/* For `steadctl status`: messages that wait, destinations left alone. */
size_t schedule_waiting(const struct qmgr *q);
size_t schedule_left_alone(const struct qmgr *q);
/* "smtp.example.net as joe: what it said": the destination that is longest in
 * trouble, appended; nothing when there is none. */
void schedule_put_trouble(const struct qmgr *q, struct buf *b);

#endif
