/*
 * The process of one account and service: see child.h. Owns an event loop of
 * its own; spawn's is closed, not used.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/maildir/place.h"
#include "lib/worker/workers.h"
#include "spawn/child.h"
#include "lib/base/banned.h"

#define LINK_FD  3
#define LINGER_S 5 /* a client that comes again soon finds it warm */

static struct {
	const struct service *service;
	const char *account;
	void *state;
	struct event_base *base;
	struct ipc_link *link;
	struct event *linger;
} child;

static void
fail(const struct why *why)
{
	LOG(SESSION_ERROR, log_str(child.account), log_str(child.service->name),
	    log_str(why->text));
	_exit(1);
}

static void
arm_linger(void *ctx)
{
	struct timeval tv = {LINGER_S, 0};

	(void)ctx;
	/* without spawn nobody else can come */
	if (child.link == NULL)
		tv.tv_sec = 0;
	evtimer_add(child.linger, &tv);
}

static void
on_linger(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (child.service->connections(child.state) == 0)
		_exit(0);
}

static void
on_take(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	int fd = msg->session_take.socket;

	(void)ctx;
	msg->session_take.socket = -1;
	if (fd < 0)
		return;
	evtimer_del(child.linger);
	/* taken from here on: if this process dies, the front sees the end */
	proto_send_session_taken(
	    link, &(struct msg_session_taken){msg->session_take.id});
	child.service->take(child.state, fd);
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	(void)ctx;
	(void)why; /* spawn is gone, or its generation: serve to the end */
	ipc_link_free(&link);
	child.link = NULL;
	if (child.service->connections(child.state) == 0)
		_exit(0);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_SESSION_TAKE] = on_take,
};

/* Make the folders while spawn's rights are still there; "" on failure. */
static void
account_paths(const struct worker *w, struct buf *home, struct buf *maildir)
{
	struct maildir_folders folders;
	struct maildir_place place;
	struct why why;
	int mail = open(worker_path(w, "mail"),
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (mail < 0) {
		why_sys(&why, RC_TEMP, "4.3.0", "the folder of all mail");
		fail(&why);
	}
	if (maildir_place_of(span_of(child.account), &place, &why) != RC_OK ||
	    maildir_place_open(mail, &place, true, &folders, &why) != RC_OK)
		fail(&why);
	maildir_place_close(&folders);
	io_close(&mail);
	buf_puts(maildir, worker_path(w, "mail"));
	buf_putc(maildir, '/');
	if (!maildir_place_path(&place, maildir))
		bug("no room for a path");
	buf_put_span(home,
	    span_head(buf_span(maildir), span_rfind(buf_span(maildir), '/')));
}

static void
enter(const char *home, const struct conf *conf)
{
	struct sandbox_path path;
	struct sandbox_setup setup;
	struct sandbox_report report;
	struct why why;

	workers_session(home, conf, &path, &setup);
	if (sandbox_enter(&setup, &report, &why) != RC_OK)
		fail(&why);
}

static void
open_service(const struct worker *w, const char *maildir)
{
	struct service_env env = {.base = child.base,
	    .conf = w->conf,
	    .account = child.account,
	    .maildir = maildir,
	    .on_idle = arm_linger};
	struct why why;

	child.state = child.service->open(&env, &why);
	if (child.state == NULL)
		fail(&why);
}

void
child_run(const struct worker *w, const struct service *service,
    const char *account, int link)
{
	struct buf home, maildir;

	/* nothing of spawn's and of other accounts stays open; its event loop
	 * is a descriptor among them, and is not touched again */
	if (link != LINK_FD && dup3(link, LINK_FD, O_CLOEXEC) < 0)
		_exit(1);
	(void)close_range(LINK_FD + 1, ~0U, 0); /* cannot fail so */
	child.service = service;
	child.account = account;
	buf_init(&home, 8192);
	buf_init(&maildir, 8192);
	account_paths(w, &home, &maildir);
	enter(buf_cstr(&home), w->conf);
	child.base = event_base_new();
	child.linger = child.base == NULL
			   ? NULL
			   : evtimer_new(child.base, on_linger, NULL);
	if (child.linger == NULL)
		bug("no event loop");
	open_service(w, buf_cstr(&maildir));
	child.link = ipc_link_new(&(struct ipc_link_args){.base = child.base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .fd = LINK_FD,
	    .self = ROLE_SESSION,
	    .peer = ROLE_SPAWN,
	    .phase = IPC_RUN});
	arm_linger(NULL);
	(void)event_base_dispatch(child.base); /* ends by _exit */
	_exit(1);
}
