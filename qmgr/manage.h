/*
 * steadctl's questions about the queue, over links that master made after it
 * had checked the caller. A caller asks one thing at a time; what is listed
 * or shown goes out as fast as he reads, and a bounded piece of it is here.
 */
#ifndef QMGR_MANAGE_H
#define QMGR_MANAGE_H

#include "qmgr/idle.h"
#include "qmgr/message.h"

/* A link to a steadctl; fd is taken. */
void manage_new(struct qmgr *q, int fd);

/* ---- between the files of this module ---- */

struct manage_ask;

/* What a kind of question does. */
struct manage_ops {
	/* A turn of the event loop is its own: send, scan, or begin a job. */
	void (*turn)(struct manage_ask *a);
	/* Release what is behind the struct. */
	void (*fini)(struct manage_ask *a);
};

/* A question under way; first member of each kind's struct. */
struct manage_ask {
	const struct manage_ops *ops;
	struct qmgr *q;
	struct ipc_link *link; /* NULL: the caller has gone */
	uint64_t id;
	bool in_pool; /* its job comes back: it may not be freed */
	struct event *timer;
};

/*
 * A question of that size (with struct manage_ask in front), whose first turn
 * comes soon; NULL: refused, and answered.
 */
void *manage_ask_new(
    void *caller, size_t size, const struct manage_ops *ops, uint64_t id);
/* Another turn after so long, if the caller has read by then; else later. */
void manage_again(struct manage_ask *a, uint64_t ms);
void manage_row(struct manage_ask *a, struct span text);
/* Run `work` in a thread; `back` has to begin with manage_back(). */
void manage_submit(struct manage_ask *a, pool_work *work, pool_done *back);
/* False: nobody waits any more, and the question has been freed. */
bool manage_back(struct manage_ask *a);
/* The same on the index; `job` is part of a. */
void manage_submit_idle(struct manage_ask *a, struct idle_job *job,
    pool_work *work, pool_done *back);
/* Likewise on the history's index. */
struct history_job;
void manage_submit_history(struct manage_ask *a, struct history_job *job,
    pool_work *work, pool_done *back);
/* Answer and free. */
void manage_end(struct manage_ask *a, enum rc rc, const char *text);

/* Is it (to be) on disk, so that an administrator may hear of it? */
bool manage_is_queued(const struct message *m);
/* What memory, or the index, knows of a message. */
struct manage_view {
	const char *state; /* "active", "deferred", "held" */
	unsigned rounds;
	bool waits; /* for its time: next_ms from now */
	uint64_t next_ms;
	const char *reason; /* of the last failure; "": none is known */
};
/* `held`: so says its file. Borrowed from m, or r. */
struct manage_view manage_view_memory(const struct message *m, bool held);
struct manage_view manage_view_record(
    const struct qmgr *q, const struct record *r, bool held);
/* " attempts=2 next_s=17 reason=..."; appended. */
void manage_put_view(struct buf *b, const struct manage_view *v);
/* " arrived=... sender=... recipients=2 todo=1 size=4321 domains=...";
 * appended. Domains: of those still to do, with a comma between,
 * MANAGE_DOMAINS_MAX at most, then "...". */
#define MANAGE_DOMAINS_MAX 20
void manage_put_envelope(struct buf *b, const struct envelope *e);

ipc_handler manage_on_list, manage_on_show, manage_on_flush, manage_on_hold,
    manage_on_release, manage_on_delete, manage_on_bounce, manage_on_trace;

#endif
