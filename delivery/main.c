/*
 * mailstead-delivery: puts mail into the virtual mailboxes, and hands on what
 * is for users of the system (users.c). Owns the link to qmgr and the end of
 * the process; what is done in a mailbox is in lib/maildir, in threads, so that
 * a slow one holds up no other.
 *
 * Draining. When the suite stops: until nothing is under way and qmgr has
 * closed its link, since it may have more to give out. For a new generation:
 * until the first moment at which nothing is under way; after DRAIN_SERVE_S
 * seconds nothing new is read any more, so that this moment comes. What qmgr
 * sent too late is then known to it as an attempt without an outcome, and
 * given to another worker with `again`. The link is not closed before: that
 * would make qmgr repeat what is still under way here.
 */
#include <fcntl.h>
#include <unistd.h>

#include "delivery/job.h"
#include "delivery/users.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/worker/worker.h"
#include "lib/base/banned.h"

#define DRAIN_SERVE_S 2
/* 512 jobs wait with a descriptor each, 64 threads have up to ten open */
#define FILES_MAX 4096

static struct {
	struct worker *w;
	struct job_desk desk;
	struct event *drain; /* pending: still reading while draining */
} delivery;

static void
on_deliver(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	job_start(&delivery.desk, link, &msg->deliver);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_DELIVER] = on_deliver,
};

static void
end_if_drained(void *ctx)
{
	const struct job_desk *desk = &delivery.desk;
	struct worker *w = ctx;

	if (!w->draining || !TAILQ_EMPTY(&desk->jobs))
		return;
	if (desk->qmgr == NULL ||
	    (!w->stopping && ipc_link_flushed(desk->qmgr)))
		worker_done(w);
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	worker_link_closed(ctx, link, why);
	job_desk_left(&delivery.desk, link);
	ipc_link_free(&link);
	delivery.desk.qmgr = NULL;
	/* what runs goes on: only its own end ends an attempt */
	end_if_drained(ctx);
}

static void
on_link(struct worker *w, enum role peer, int fd)
{
	if (peer == ROLE_USERS) {
		users_link(delivery.desk.users, fd);
		return;
	}
	if (peer != ROLE_QMGR) {
		io_close(&fd);
		return;
	}
	/* the qmgr before is gone; a job of its, read from now on, would be
	 * under way without the new one's knowledge */
	job_desk_left(&delivery.desk, delivery.desk.qmgr);
	ipc_link_free(&delivery.desk.qmgr);
	job_desk_greet(&delivery.desk,
	    worker_link_new(w, peer, fd, handlers, on_closed, w));
}

static void
on_start(struct worker *w)
{
	const char *path = worker_path(w, "mail");
	struct job_desk *desk = &delivery.desk;
	struct why why;

	delivery.w = w;
	desk->on_end = end_if_drained;
	desk->ctx = w;
	desk->mail = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (desk->mail < 0) {
		why_sys(&why, RC_TEMP, "4.3.0", "%s", path);
		worker_fatal(w, &why);
	}
	desk->users = users_new(w);
	desk->pool = pool_new(w->base, (unsigned)w->conf->delivery.threads);
}

/* Served long enough: only what is under way is finished. */
static void
on_drain_timer(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	if (delivery.desk.qmgr != NULL && !w->stopping)
		ipc_link_pause(delivery.desk.qmgr, true);
	/* flushed meanwhile? */
	event_add(delivery.drain, &(struct timeval){0, 100000});
	end_if_drained(w);
}

static void
on_drain(struct worker *w)
{
	/* it stops while draining for a new generation */
	if (w->stopping && delivery.desk.qmgr != NULL)
		ipc_link_pause(delivery.desk.qmgr, false);
	if (delivery.drain == NULL) {
		delivery.drain = evtimer_new(w->base, on_drain_timer, w);
		if (delivery.drain == NULL)
			bug("evtimer_new");
		event_add(delivery.drain, &(struct timeval){DRAIN_SERVE_S, 0});
	}
	end_if_drained(w);
}

static void
on_status(struct worker *w, struct buf *b)
{
	const struct job_desk *desk = &delivery.desk;

	(void)w;
	buf_putf(b, "jobs=%zu delivered=%llu failed=%llu",
	    desk->pool == NULL ? 0 : pool_pending(desk->pool),
	    (unsigned long long)desk->delivered,
	    (unsigned long long)desk->failed);
}

int
main(int argc, char **argv)
{
	static const struct worker_ops ops = {.role = ROLE_LOCAL,
	    .on_start = on_start,
	    .on_link = on_link,
	    .on_drain = on_drain,
	    .on_status = on_status,
	    .files_max = FILES_MAX};

	TAILQ_INIT(&delivery.desk.jobs);
	return worker_main(&ops, argc, argv);
}
