/*
 * How a delivery worker ends: see drain.h.
 */
#include "delivery/drain.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

#define SERVE_S  2
#define AGAIN_US 100000

void
drain_check(const struct drain *d)
{
	if (!d->w->draining || !d->is_idle())
		return;
	if (*d->qmgr == NULL || (!d->w->stopping && ipc_link_flushed(*d->qmgr)))
		worker_done(d->w);
}

void
drain_greeted(const struct drain *d)
{
	if (d->w->draining && !d->w->stopping && *d->qmgr != NULL)
		/* if it fails the link closes; the next one is told */
		(void)proto_send_retire(*d->qmgr,
		    &(struct msg_retire){.generation = d->w->generation});
}

/* Served long enough: only what is under way is finished. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct drain *d = arg;

	(void)fd;
	(void)what;
	if (*d->qmgr != NULL && !d->w->stopping)
		ipc_link_pause(*d->qmgr, true);
	/* flushed meanwhile? */
	event_add(d->timer, &(struct timeval){0, AGAIN_US});
	drain_check(d);
}

void
drain_begin(struct drain *d)
{
	/* it may stop while draining for a new generation */
	if (d->w->stopping && *d->qmgr != NULL)
		ipc_link_pause(*d->qmgr, false);
	drain_greeted(d);
	if (d->timer == NULL) {
		d->timer = evtimer_new(d->w->base, on_timer, d);
		if (d->timer == NULL)
			bug("evtimer_new");
		event_add(d->timer, &(struct timeval){SERVE_S, 0});
	}
	drain_check(d);
}
