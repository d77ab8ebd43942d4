/*
 * Which messages of the queue are meant, as it is said behind a command.
 */
#ifndef CTL_QUEUE_FILTER_H
#define CTL_QUEUE_FILTER_H

#include "ctl/command.h"
#include "ctl/server.h"
#include "lib/base/buf.h"

struct queue_filter {
	struct msg_queue_list question; /* with id 1; limit 0 */
	struct buf sender;              /* what the question points to */
	struct buf recipient;           /* likewise */
	bool any;                       /* something was asked for */
};

/*
 * Take the filters out of the call's arguments; what is left is moved to their
 * front. False: one makes no sense, and that has been said. Either way
 * queue_filter_fini() it; texts are borrowed from argv.
 */
bool queue_filter_take(struct command_call *call, struct queue_filter *f);
void queue_filter_fini(struct queue_filter *f);

/*
 * The IDs of all that are meant, each followed by NUL, appended; *n: how many.
 * An exit status: what went wrong has been said.
 */
int queue_filter_ids(
    struct server *s, const struct queue_filter *f, struct buf *ids, size_t *n);

#endif
