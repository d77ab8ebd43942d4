/*
 * Deliveries under way: each has one job from MSG_DELIVER until its outcome,
 * whatever happens to the link it came by. The outcome goes to the link that
 * asked last. Without a link it is dropped: a qmgr that comes later reads its
 * queue and attempts with `again`, which finds what was done.
 */
#ifndef DELIVERY_JOB_H
#define DELIVERY_JOB_H

#include <sys/queue.h>

#include "lib/ev/pool.h"
#include "lib/maildir/place.h"
#include "lib/proto/proto.h"

struct job;
struct users; /* users.h */
TAILQ_HEAD(job_list, job);

/* One worker's jobs; embedded in its owner. */
struct job_desk {
	struct maildir_root mail;
	/* all goes into this one mailbox (absolute path), of the account that
	 * Delivered-To names; or NULL */
	const char *maildir;
	const char *account;
	/* users of the system are served by it; NULL: they are not here */
	struct users *users;
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
void job_start(
    struct job_desk *desk, struct ipc_link *link, struct msg_deliver *m);

/* The link is about to be freed: nobody hears of its jobs' outcomes. */
void job_desk_left(struct job_desk *desk, const struct ipc_link *link);

/*
 * A new qmgr is there: desk->qmgr becomes `link`, which is told what is under
 * way. Whatever the link before had not yet delivered must never be read.
 */
void job_desk_greet(struct job_desk *desk, struct ipc_link *link);

#endif
