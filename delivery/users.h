/*
 * Deliveries to users of the system, and to programs and files behind aliases:
 * handed on, as qmgr sent them, to a process with the user's rights, which the
 * worker `users` makes when it is asked. One such process serves all that comes
 * for its user or action, and a few seconds more.
 */
#ifndef DELIVERY_USERS_H
#define DELIVERY_USERS_H

#include "lib/maildir/deliver.h"
#include "lib/worker/worker.h"

struct users;

struct users *users_new(struct worker *w);

/* Deliveries that are handed on, and not yet ended. */
size_t users_pending(const struct users *u);

/* A link to the worker `users` (taken); the newest is asked. */
void users_link(struct users *u, int fd);

/* The suite is being stopped: actions have a few seconds more. */
void users_hurry(struct users *u);

/*
 * With RC_OK `name` is that of the file, or `forward` is not empty: where the
 * user's ~/.forward sends it (lib/directory/forward.h), and whether the mailbox
 * keeps it as well. All is borrowed.
 */
struct users_outcome {
	struct why why;
	struct span name;
	struct span forward;
	bool kept;
};
typedef void users_done(void *ctx, const struct users_outcome *o);

/*
 * Deliver *d (account: the user's name or the action), which lives until
 * `done` is called, once, perhaps at once: with the outcome, as
 * maildir_deliver() has it, or RC_TEMP when there is no such process to be had,
 * for which it waits a while when it is the worker `users` that is not there.
 * One that dies is replaced once, and told that an attempt may have succeeded.
 */
void users_deliver(struct users *u, const struct maildir_deliver *d,
    users_done *done, void *ctx);

#endif
