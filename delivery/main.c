/*
 * mailstead-delivery: puts mail into the virtual mailboxes, and hands on what
 * is for users of the system (users.c). Owns the link to qmgr and the end of
 * the process; what is done in a mailbox is in lib/maildir, in threads, so that
 * a slow one holds up no other.
 */
#include <fcntl.h>
#include <unistd.h>

#include "delivery/drain.h"
#include "delivery/job.h"
#include "delivery/users.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/worker/worker.h"
#include "lib/base/banned.h"

/* 512 jobs wait with a descriptor each, 64 threads have up to ten open */
#define FILES_MAX 4096

static struct {
	struct job_desk desk;
	struct drain drain;
} delivery;

static void
on_deliver(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	job_start(&delivery.desk, link, &msg->deliver);
}

static void
on_batch_end(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	job_batch_end(&delivery.desk, msg->batch_end.qid);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_DELIVER] = on_deliver,
    [MSG_BATCH_END] = on_batch_end,
};

static bool
is_idle(void)
{
	return TAILQ_EMPTY(&delivery.desk.jobs);
}

static void
on_end(void *ctx)
{
	(void)ctx;
	drain_check(&delivery.drain);
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	worker_link_closed(ctx, link, why);
	job_desk_left(&delivery.desk, link);
	ipc_link_free(&link);
	delivery.desk.qmgr = NULL;
	/* what runs goes on: only its own end ends an attempt */
	drain_check(&delivery.drain);
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
	drain_greeted(&delivery.drain);
}

static void
on_start(struct worker *w)
{
	const char *path = worker_path(w, "mail");
	struct job_desk *desk = &delivery.desk;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct why why;

	delivery.drain =
	    (struct drain){.w = w, .qmgr = &desk->qmgr, .is_idle = is_idle};
	desk->base = w->base;
	desk->on_end = on_end;
	if (fd < 0) {
		why_sys(&why, RC_TEMP, "4.3.0", "%s", path);
		worker_fatal(w, &why);
	}
	if (maildir_root_init(&desk->mail, fd, &why) != RC_OK)
		worker_fatal(w, &why);
	desk->users = users_new(w);
	desk->pool = pool_new(w->base, (unsigned)w->conf->delivery.threads);
}

static void
on_drain(struct worker *w)
{
	job_desk_hurry(&delivery.desk);
	if (w->stopping && delivery.desk.users != NULL)
		users_hurry(delivery.desk.users);
	drain_begin(&delivery.drain);
}

static void
on_status(struct worker *w, struct buf *b)
{
	const struct job_desk *desk = &delivery.desk;

	(void)w;
	buf_putf(b, "jobs=%zu delivered=%llu failed=%llu for_users=%zu",
	    desk->pool == NULL ? 0 : pool_pending(desk->pool),
	    (unsigned long long)desk->delivered,
	    (unsigned long long)desk->failed,
	    desk->users == NULL ? 0 : users_pending(desk->users));
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

	job_desk_init(&delivery.desk);
	return worker_main(&ops, argc, argv);
}
