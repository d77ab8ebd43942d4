/*
 * A message that is made of another: a notice about it (notice.h), or what a
 * user's ~/.forward sends on (forward.h). It is a queue file whose ID is made
 * from the other's, durable before the other's recipient has its word; so a
 * repetition after a crash meets it and goes on:
 *
 *   PARENT-f2             sent on for recipient 2
 *   PARENT-b2-1f0c2299    a notice of failures (s: successes, w: delays)
 */
#ifndef QMGR_CHILD_H
#define QMGR_CHILD_H

#include "qmgr/message.h"

/* Is it the queue ID of any of them? */
bool child_is(struct span name);
/* Of a notice: what stands behind the message's ID and the dash; or nothing.
 * What was sent on is a message itself. */
struct span child_notice(struct span name);

/*
 * In a thread: write the queue file w->name, with *env. One that is there
 * already is taken instead, and *env replaced by its own; a damaged one is put
 * aside. *fd is open for reading, the caller's.
 */
enum rc child_write(const struct store *s, struct store_write *w,
    struct envelope **env, int *fd, struct why *why);

/*
 * Back in the loop: a message of what was written. env and fd are taken. NULL:
 * it is here already, or has been. The caller kicks it.
 */
struct message *child_take(
    struct qmgr *q, const char *name, struct envelope **env, int *fd);

#endif
