/*
 * Deliveries under way: each has one job from MSG_DELIVER until its outcome,
 * whatever happens to the link it came by. The outcome goes to the link that
 * asked last. Without a link it is dropped: a qmgr that comes later reads its
 * queue and attempts with `again`, which finds what was done.
 *
 * Those of one message that come with `batch` share a flush: each is written
 * and named by itself, and when all have been, one flush of the file system
 * makes them a promise. After a second it is made for those that are written:
 * a mailbox that hangs holds up no other.
 */
#ifndef DELIVERY_JOB_H
#define DELIVERY_JOB_H

#include <sys/queue.h>

#include "lib/ev/pool.h"
#include "lib/maildir/deliver.h"
#include "lib/proto/proto.h"

struct batch;
struct job;
struct users; /* users.h */
TAILQ_HEAD(job_list, job);
TAILQ_HEAD(batch_list, batch);

/* One worker's jobs; embedded in its owner. */
struct job_desk {
	struct event_base *base;
	struct maildir_root mail;
	/* all goes into this one mailbox (absolute path), of the account that
	 * Delivered-To names; or NULL */
	const char *maildir;
	const char *account;
	/* in a thread: what is done instead of putting it into a mailbox, as
	 * maildir_deliver() has it; or NULL */
	enum rc (*deliver)(void *deliver_ctx, const struct maildir_deliver *d,
	    struct maildir_delivered *out, struct why *why);
	void *deliver_ctx;
	/* where all that succeeds goes on to besides: FORWARD says it instead
	 * of DELIVERED (lib/directory/forward.h); or empty */
	struct span forward;
	/* users of the system and actions are served by it; NULL: they are
	 * not here */
	struct users *users;
	struct pool *pool;
	struct ipc_link *qmgr; /* the newest link; NULL: none */
	struct job_list jobs;
	struct batch_list batches; /* that are not yet being flushed */
	bool hurry;                /* nothing waits for more to come */
	/* those of a batch that are written wait no longer for the others */
	unsigned patience_ms;
	uint64_t delivered;
	uint64_t failed;
	/* a job has ended and been answered: perhaps it was the last */
	void (*on_end)(void *ctx);
	void *ctx;
};

/* Before all else; what it leaves empty the owner fills in. */
void job_desk_init(struct job_desk *desk);

/*
 * Take up a delivery: m->file is taken, text is copied. An attempt that is
 * under way already is not begun again: its one outcome answers both.
 */
void job_start(
    struct job_desk *desk, struct ipc_link *link, struct msg_deliver *m);

/* No more of that message's are to come with `batch`: its flush may begin. */
void job_batch_end(struct job_desk *desk, struct span qid);

/* From now on no flush waits for more to come: the worker is to finish. */
void job_desk_hurry(struct job_desk *desk);

/* The link is about to be freed: nobody hears of its jobs' outcomes. */
void job_desk_left(struct job_desk *desk, const struct ipc_link *link);

/*
 * A new qmgr is there: desk->qmgr becomes `link`, which is told what is under
 * way. Whatever the link before had not yet delivered must never be read.
 */
void job_desk_greet(struct job_desk *desk, struct ipc_link *link);

#endif
