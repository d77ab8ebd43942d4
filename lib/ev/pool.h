/*
 * A few threads for what blocks: calls on mail files, password hashes. Jobs
 * are given by the event loop and come back to it.
 */
#ifndef LIB_EV_POOL_H
#define LIB_EV_POOL_H

#include <event2/event.h>

struct pool;

/* In a thread: touches the job's own memory only, never the loop's. */
typedef void pool_work(void *job);
/* Back in the event loop. */
typedef void pool_done(void *job);

/* Threads start at once and live as long as the process. */
struct pool *pool_new(struct event_base *base, unsigned threads);
/* First come, first served; `done` runs in a later turn of the loop. */
void pool_submit(
    struct pool *pool, pool_work *work, pool_done *done, void *job);
/* The same for a job that needed no thread: `done` runs in a later turn. */
void pool_later(struct pool *pool, pool_done *done, void *job);
/* Jobs given and not yet come back. */
size_t pool_pending(const struct pool *pool);

#endif
