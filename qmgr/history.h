/*
 * The history: what happened to each message and each refused attempt, as text
 * (history_line.h, history_file.h), and an index of it (history_index.h). Here
 * is the event loop's side. Lines are gathered for a moment and written by a
 * thread, in their order; nobody waits for them, and where they cannot be
 * written mail goes on: what no longer fits in memory is counted, and a line
 * says so afterwards. A thread takes what was written into the index, and days
 * that are older than history.keep away. Both threads are the history's own.
 */
#ifndef QMGR_HISTORY_H
#define QMGR_HISTORY_H

#include "qmgr/history_index.h"
#include "qmgr/history_line.h"
#include "qmgr/qmgr.h"

struct history;

/* Once, when q->w is there; `folder` is its own, `cache` the index's. */
void history_start(struct qmgr *q, const char *folder, const char *cache,
    const struct db_boot *boot);
/* Every few seconds: open what could not be opened, look at old days. */
void history_check(struct qmgr *q);
/*
 * It stops: true when all is written that can be, and the index is closed. Ask
 * again.
 */
bool history_stopped(struct qmgr *q);
/* Release; nothing is under way any more. Takes NULL. */
void history_free(struct history **h);
/* Append "key=value" pairs for `steadctl status`. */
void history_status(const struct qmgr *q, struct buf *b);

/*
 * Write a line: whole, with its end, and with the time `real_us` in it. Never
 * blocks, never fails. Nothing without a history (q->history is NULL).
 */
void history_add(struct qmgr *q, uint64_t real_us, const struct buf *line);

/* ---- for those who ask ---- */

/* A job on the index and the files. */
struct history_job {
	STAILQ_ENTRY(history_job) next;
	struct history *history;
	void *ctx;       /* the caller's */
	pool_work *work; /* in a thread; gets the job, as `done` does */
	pool_done *done;
	struct history_index *index; /* for `work`; NULL: there is none now */
	int folder;                  /* likewise, -1: likewise */
	enum rc rc;                  /* of `work`; RC_TEMP when there is none */
	struct why why;
};

/* After all jobs so far; a job without an index is not run. */
void history_submit(
    struct qmgr *q, struct history_job *job, pool_work *work, pool_done *done);
/* Write and take in what has been gathered, up to so many lines, now. */
void history_hurry(struct qmgr *q, uint64_t lines);
/* How many lines there have been so far. */
uint64_t history_lines(const struct qmgr *q);
/* Are so many of them in the index? */
bool history_is_taken(const struct qmgr *q, uint64_t lines);
/* Is all in the index that is in the files? */
bool history_is_whole(const struct qmgr *q);

#endif
