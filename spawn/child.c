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
#include "lib/maildir/place.h"
#include "lib/worker/workers.h"
#include "spawn/child.h"
#include "lib/base/banned.h"

#define PATHS_MAX 8192
#define LINK_FD   3
#define LINGER_S  5 /* a client that comes again soon finds it warm */

static struct {
	const struct service *service;
	const char *account;
	struct db_boot boot;
	void *state;
	struct event_base *base;
	struct ipc_link *link;
	struct event *linger;
} child;

/* Absolute ones of this account. */
struct paths {
	struct buf home; /* the folder of its mail */
	struct buf maildir;
	struct buf index; /* empty: the service has none */
};

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
	/* taken from here on: if this process dies, the front sees the end */
	proto_send_session_taken(
	    link, &(struct msg_session_taken){msg->session_take.id});
	child.service->take(child.state, fd, watch);
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	(void)ctx;
	(void)why; /* spawn is gone, or its generation: serve to the end */
	ipc_link_free(&link);
	child.link = NULL;
	if (child.service->connections(child.state) == 0)
		finish();
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_SESSION_TAKE] = on_take,
};

/* The folder `name` below the open one, made if need be; no links. */
static int
folder(int above, const char *name, bool make)
{
	int fd = -1;

	if (!make || mkdirat(above, name, 0700) == 0 || errno == EEXIST)
		fd = openat(above, name,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		struct why why;

		why_sys(&why, RC_TEMP, "4.3.0", "folder %s", name);
		fail(&why);
	}
	return fd;
}

static void
put_path(struct buf *b, const char *top, const struct maildir_place *place)
{
	if (!buf_putf(b, "%s/%s/%s", top, place->domain, place->local))
		bug("no room for a path");
}

static void
make_maildir(
    const char *top, const struct maildir_place *place, struct paths *paths)
{
	struct maildir_folders folders;
	struct why why;
	int mail = folder(AT_FDCWD, top, false);

	if (maildir_place_open(mail, place, true, &folders, &why) != RC_OK)
		fail(&why);
	maildir_place_close(&folders);
	io_close(&mail);
	put_path(&paths->home, top, place);
	buf_puts(&paths->maildir, top);
	buf_putc(&paths->maildir, '/');
	if (!maildir_place_path(place, &paths->maildir))
		bug("no room for a path");
}

/* What is in it can be made again: nothing is flushed. */
static void
make_index(
    const char *top, const struct maildir_place *place, struct paths *paths)
{
	int fd[3] = {folder(AT_FDCWD, top, false), -1, -1};

	fd[1] = folder(fd[0], place->domain, true);
	fd[2] = folder(fd[1], place->local, true);
	for (size_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		io_close(&fd[i]);
	put_path(&paths->index, top, place);
}

/* Make the folders while spawn's rights are still there. */
static void
account_paths(const struct worker *w, struct paths *paths)
{
	struct maildir_place place;
	struct why why;

	buf_init(&paths->home, PATHS_MAX);
	buf_init(&paths->maildir, PATHS_MAX);
	buf_init(&paths->index, PATHS_MAX);
	if (maildir_place_of(span_of(child.account), &place, &why) != RC_OK)
		fail(&why);
	make_maildir(worker_path(w, "mail"), &place, paths);
	if (child.service->has_index)
		make_index(worker_path(w, "index"), &place, paths);
}

static void
enter(struct paths *own, const struct conf *conf)
{
	const char *const homes[WORKERS_SESSION_PATHS] = {buf_cstr(&own->home),
	    own->index.n > 0 ? buf_cstr(&own->index) : NULL};
	struct sandbox_path paths[WORKERS_SESSION_PATHS];
	struct sandbox_setup setup;
	struct sandbox_report report;
	struct why why;

	workers_session(homes, conf, paths, &setup);
	if (sandbox_enter(&setup, &report, &why) != RC_OK)
		fail(&why);
}

static void
open_service(const struct worker *w, struct paths *paths)
{
	struct service_env env = {.base = child.base,
	    .conf = w->conf,
	    .account = child.account,
	    .maildir = buf_cstr(&paths->maildir),
	    .index = paths->index.n > 0 ? buf_cstr(&paths->index) : NULL,
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
child_run(const struct worker *w, const struct service *service,
    const char *account, int link)
{
	struct paths paths;

	/* nothing of spawn's and of other accounts stays open; its event loop
	 * is a descriptor among them, and is not touched again */
	if (link != LINK_FD && dup3(link, LINK_FD, O_CLOEXEC) < 0)
		_exit(1);
	(void)close_range(LINK_FD + 1, ~0U, 0); /* cannot fail so */
	child.service = service;
	child.account = account;
	account_paths(w, &paths);
	enter(&paths, w->conf);
	child.base = event_base_new();
	child.linger = child.base == NULL
			   ? NULL
			   : evtimer_new(child.base, on_linger, NULL);
	if (child.linger == NULL)
		bug("no event loop");
	open_service(w, &paths);
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
