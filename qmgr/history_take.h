/*
 * A run over the history's files: old days go, and what the index has not is
 * taken in, the newest day first, a piece at a time.
 */
#ifndef QMGR_HISTORY_TAKE_H
#define QMGR_HISTORY_TAKE_H

#include "qmgr/history.h"
#include "qmgr/history_file.h"

struct history_take {
	struct history_job job;
	/* before each step */
	bool all;        /* look at all days, not only at the newest two */
	uint32_t oldest; /* days before it are removed */
	uint32_t today;
	uint64_t lines; /* the caller's: how many were written by then */
	/* behind it */
	bool newest_taken; /* all of `today` is in, as it was then */
	bool ended;        /* nothing is left to do */
	/* its own */
	bool listed;
	struct history_file_days list;
	size_t left; /* days of the list that may have something new */
};

struct history_take *history_take_new(void);
/* Takes NULL. */
void history_take_free(struct history_take **t);
/* In a thread, with t->job.index and t->job.folder. t->job.rc says how. */
void history_take_step(struct history_take *t);

#endif
