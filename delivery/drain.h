/*
 * How a delivery worker ends. When the suite stops: once nothing is under way
 * and qmgr has closed its link, since it may have more to give out. For a new
 * generation: qmgr is told (RETIRE), and gives out nothing more; then at the
 * first moment at which nothing is under way. After some seconds nothing new is
 * read any more, so that this moment comes even if qmgr does not keep to it.
 * What was sent too late is then known to qmgr as an attempt without an
 * outcome, and given to another worker. The link is not closed before: that
 * would make qmgr repeat what is still under way here.
 */
#ifndef DELIVERY_DRAIN_H
#define DELIVERY_DRAIN_H

#include "lib/worker/worker.h"

/* Embedded in its owner, who fills in all but the timer. */
struct drain {
	struct worker *w;
	struct ipc_link *const *qmgr; /* where the newest link is; NULL: none */
	bool (*is_idle)(void);        /* is nothing under way? */
	struct event *timer;
};

/* The worker is to finish (worker_ops.on_drain); again when the suite stops. */
void drain_begin(struct drain *d);
/* A new qmgr has been told what is under way here. */
void drain_greeted(const struct drain *d);
/* A job or a link has ended: end the worker, if that was the last. */
void drain_check(const struct drain *d);

#endif
