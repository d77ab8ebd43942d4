/*
 * Deliveries under way: each has one job from MSG_DELIVER until its outcome,
 * whatever happens to the link it came by. Outcomes go to the newest link.
 * Without a link they are dropped: a qmgr that comes later reads its queue
 * and attempts with `again`, which finds what was done.
 */
#ifndef DELIVERY_JOB_H
#define DELIVERY_JOB_H

#include <sys/queue.h>

#include "lib/ev/pool.h"
#include "lib/proto/proto.h"

struct job;
TAILQ_HEAD(job_list, job);

/* One worker's jobs; embedded in its owner. */
struct job_desk {
	int mail; /* the folder of all mailboxes */
	struct pool *pool;
	struct ipc_link *qmgr; /* the newest link; NULL: none */
	struct job_list jobs;
	uint64_t delivered;
	uint64_t failed;
	/* a job has ended and been answered: perhaps it was the last */
	void (*on_end)(void *ctx);
	void *ctx;
};

/*
 * Take up a delivery: m->file is taken, text is copied. An attempt that is
 * under way already is not begun again: its one outcome answers both.
 */
void job_start(struct job_desk *desk, struct msg_deliver *m);

/*
 * A new qmgr is there: desk->qmgr becomes `link`, which is told what is under
 * way. Whatever the link before had not yet delivered must never be read.
 */
void job_desk_greet(struct job_desk *desk, struct ipc_link *link);

#endif
