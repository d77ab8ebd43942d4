/*
 * Messages that wait: on disk and in the index, not in memory. Here is the
 * event loop's side of the index: what is to be written is collected, jobs on
 * it follow each other in a thread, one timer serves the earliest due, and what
 * is due is loaded some at a time. A message in memory counts, whatever the
 * index says of it. Where the index cannot be used, messages stay in memory
 * with timers of their own, and files are listed again when it can.
 */
#ifndef QMGR_IDLE_H
#define QMGR_IDLE_H

#include "qmgr/index.h"
#include "qmgr/message.h"

/* A job on the index. */
struct idle_job {
	STAILQ_ENTRY(idle_job) next;
	struct idle *idle;
	void *ctx;       /* the caller's */
	pool_work *work; /* in a thread; gets the job, as `done` does */
	pool_done *done;
	struct index *index; /* for `work`; NULL: there is none now */
	enum rc rc;          /* of `work`; RC_TEMP when there is none */
	struct why why;
};

/*
 * Open the index in that folder, then list the queue's files against it. Once,
 * when the pool and the store are there.
 */
void idle_start(struct qmgr *q, const char *folder, const struct db_boot *boot);
/* Every few seconds: open it again, list again, where that is due. */
void idle_check(struct qmgr *q);
/* It stops: true when all is written and the index is closed. Ask again. */
bool idle_stopped(struct qmgr *q);
/* Release; nothing is under way any more. Takes NULL. */
void idle_free(struct idle **idle);

/* After all jobs and changes so far; a job without an index is not run. */
void idle_submit(
    struct qmgr *q, struct idle_job *job, pool_work *work, pool_done *done);

/* Milliseconds since 1970 that no change of the host's clock moves. */
uint64_t idle_now(const struct qmgr *q);
/* Messages: those in memory, and those in the index only. */
uint64_t idle_messages(const struct qmgr *q);

/* Records in the index. */
uint64_t idle_records(const struct qmgr *q);

/* m has become IDLE: it is freed once it is in the index. */
void idle_put(struct message *m);
/* m has ended for good: so has its record. */
void idle_forget(struct message *m);
/* It has a record. */
void idle_mark(struct message *m);
/* Is so much loaded that nobody should wait in memory? */
bool idle_crowded(const struct qmgr *q);
/* A message has been loaded, or something has changed: load what is due. */
void idle_run(struct qmgr *q);
/* A file has no record, or its name has gone: list again, soon. */
void idle_relist(struct qmgr *q);

/* A file that was found: due at once if it is new to the index. */
void idle_add(struct qmgr *q, const struct record *r);
/* Its file has gone. */
void idle_drop(struct qmgr *q, const char *name);
/* Some in the index have become due: it was asked to hurry. */
void idle_hurried(struct qmgr *q);
/* If it waits for its time: before all others. */
void idle_first(struct qmgr *q, const char *name);

#endif
