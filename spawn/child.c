/*
 * The process of one account and service: see child.h. Owns an event loop of
 * its own; spawn's is closed, not used.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/worker/workers.h"
#include "spawn/child.h"
#include "spawn/program.h"
#include "lib/base/banned.h"

#define PATHS_MAX 8192
#define LINK_FD   3
#define LINGER_S  5 /* a client that comes again soon finds it warm */

static struct {
	const struct service *service;
	const char *account;
	char *directory; /* or NULL */
	struct db_boot boot;
	void *state;
	struct event_base *base;
	struct ipc_link *link;
	struct event *linger;
	bool taken; /* a connection, once */
} child;

static void
fail(const struct why *why)
{
	LOG(SESSION_ERROR, log_str(child.account), log_str(child.service->name),
	    log_str(why->text));
	_exit(1);
}

static void
finish(void)
{
	if (child.service->close != NULL)
		child.service->close(child.state);
	_exit(0);
}

static void
arm_linger(void *ctx)
{
	struct timeval tv = {LINGER_S, 0};

	(void)ctx;
	/* without the parent nobody else can come */
	if (child.link == NULL || (child.service->once && child.taken))
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
		finish();
}

static void
on_take(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	int fd = msg->session_take.socket, watch = msg->session_take.watch;

	(void)ctx;
	msg->session_take.socket = msg->session_take.watch = -1;
	if (fd < 0) {
		io_close(&watch);
		return;
	}
	evtimer_del(child.linger);
	child.taken = true;
	/* taken from here on: if this process dies, the front sees the end */
	proto_send_session_taken(
	    link, &(struct msg_session_taken){msg->session_take.id});
	child.service->take(child.state, fd, watch);
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	(void)ctx;
	(void)why; /* the parent is gone, or its generation: serve to the end */
	ipc_link_free(&link);
	child.link = NULL;
	if (child.service->connections(child.state) == 0)
		finish();
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_SESSION_TAKE] = on_take,
};

static void
enter(struct home *own, const struct conf *conf)
{
	const char *const homes[WORKERS_SESSION_PATHS] = {buf_cstr(&own->mail),
	    own->index.n > 0 ? buf_cstr(&own->index) : NULL};
	struct sandbox_path paths[WORKERS_SESSION_PATHS];
	struct sandbox_setup setup;
	struct sandbox_report report;
	struct why why;

	workers_session(child.service->role, homes, conf, paths, &setup);
	if (sandbox_enter(&setup, &report, &why) != RC_OK)
		fail(&why);
}

static void
confine(const struct worker *w, struct home *home)
{
	struct why why;

	if (child.service->as_root)
		return;
	if (home_open(w, child.service, child.account, home, &why) != RC_OK)
		fail(&why);
	enter(home, w->conf);
}

static const char *
path_or_null(struct buf *b)
{
	return b->n > 0 ? buf_cstr(b) : NULL;
}

static void
open_service(const struct worker *w, struct home *home)
{
	struct service_env env = {.base = child.base,
	    .conf = w->conf,
	    .account = child.account,
	    .maildir = path_or_null(&home->maildir),
	    .index = path_or_null(&home->index),
	    .directory = child.directory,
	    .forward = home->forward,
	    .boot = child.boot,
	    .on_idle = arm_linger};
	struct why why;

	child.state = child.service->open(&env, &why);
	if (child.state == NULL)
		fail(&why);
}

void
child_prepare(void)
{
	db_boot_read(&child.boot);
}

void
child_directory(const char *path)
{
	free(child.directory);
	child.directory = mem_dup(path);
}

void
child_run(const struct worker *w, const struct service *service,
    const char *account, int link)
{
	struct home home = {.forward = NULL};

	/* nothing of spawn's and of other accounts stays open; its event loop
	 * is a descriptor among them, and is not touched again */
	if (link != LINK_FD && dup3(link, LINK_FD, O_CLOEXEC) < 0)
		_exit(1);
	(void)close_range(LINK_FD + 1, ~0U, 0); /* cannot fail so */
	child.service = service;
	child.account = account;
	buf_init(&home.mail, PATHS_MAX);
	buf_init(&home.maildir, PATHS_MAX);
	buf_init(&home.index, PATHS_MAX);
	confine(w, &home);
	child.base = event_base_new();
	child.linger = child.base == NULL
			   ? NULL
			   : evtimer_new(child.base, on_linger, NULL);
	if (child.linger == NULL)
		bug("no event loop");
	open_service(w, &home);
	child.link = ipc_link_new(&(struct ipc_link_args){.base = child.base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .fd = LINK_FD,
	    .self = ROLE_SESSION,
	    .peer = w->ops->role,
	    .phase = IPC_RUN});
	arm_linger(NULL);
	(void)event_base_dispatch(child.base); /* ends by _exit */
	_exit(1);
}
