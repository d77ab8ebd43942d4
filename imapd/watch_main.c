/*
 * mailstead-watch: tells idling sessions of changes. Takes accounts from authd
 * alone, looks at folders' events, never at what is in a file.
 */
#include <fcntl.h>

#include "imapd/watch.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/worker/worker.h"
#include "lib/base/banned.h"

#define FILES_MAX 4096

static struct {
	struct watch watch;
	unsigned n_authds;
} main_ = {.watch = {.mail = -1}};

static void
end_if_drained(struct worker *w)
{
	/* the sessions look by themselves when all stops */
	if (w->draining && (w->stopping || (main_.n_authds == 0 &&
					       main_.watch.n_clients == 0)))
		worker_done(w);
}

static void
on_watch_open(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	int fd = msg->watch_open.socket;

	(void)ctx;
	(void)link;
	msg->watch_open.socket = -1;
	watch_open(&main_.watch, msg->watch_open.account, fd);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_WATCH_OPEN] = on_watch_open,
};

static void
on_authd_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct worker *w = ctx;

	worker_link_closed(w, link, why);
	ipc_link_free(&link);
	main_.n_authds--;
	end_if_drained(w);
}

static void
on_link(struct worker *w, enum role peer, int fd)
{
	if (peer != ROLE_AUTHD) {
		io_close(&fd);
		return;
	}
	main_.n_authds++;
	(void)worker_link_new(
	    w, peer, fd, handlers, on_authd_closed, w); /* freed when closed */
}

static void
on_session_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	worker_link_closed(ctx, link, why);
}

static void
on_session_free(void *ctx)
{
	end_if_drained(ctx);
}

static void
on_start(struct worker *w)
{
	const char *path = worker_path(w, "mail");
	struct watch *watch = &main_.watch;
	struct why why;

	watch->base = w->base;
	watch->on_closed = on_session_closed;
	watch->on_free = on_session_free;
	watch->ctx = w;
	watch->mail = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (watch->mail < 0) {
		why_sys(&why, RC_TEMP, "4.3.0", "%s", path);
		worker_fatal(w, &why);
	}
	if (watch_start(watch, &why) != RC_OK)
		worker_fatal(w, &why);
}

static void
on_status(struct worker *w, struct buf *b)
{
	(void)w;
	buf_putf(b, "connections=%u mailboxes=%u told=%llu",
	    main_.watch.n_clients, main_.watch.n_boxes,
	    (unsigned long long)main_.watch.n_told);
}

int
main(int argc, char **argv)
{
	static const struct worker_ops ops = {.role = ROLE_WATCH,
	    .on_start = on_start,
	    .on_link = on_link,
	    .on_drain = end_if_drained,
	    .on_status = on_status,
	    .files_max = FILES_MAX};

	return worker_main(&ops, argc, argv);
}
