/*
 * The warm parent: see parent.h. One thread, few descriptors.
 */
#include <signal.h>
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "spawn/child.h"
#include "spawn/parent.h"
#include "spawn/roster.h"
#include "lib/base/banned.h"

/* a link to who asks; two while a new generation takes over */
struct asker {
	struct worker *w;
	struct ipc_link *link;
};

static unsigned n_askers;

static void
check_drained(struct worker *w)
{
	/* sessions live on by themselves */
	if (w->draining && n_askers == 0)
		worker_done(w);
}

static void
on_opened(void *ctx, uint64_t id, const struct why *why)
{
	struct asker *a = ctx;

	proto_send_session_opened(
	    a->link, &(struct msg_session_opened){id, (uint8_t)why->rc,
			 why->rc == RC_OK ? SPAN_LIT("") : span_of(why->text)});
}

static void
on_session_open(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct asker *a = ctx;

	roster_open(&(struct roster_asker){a->w, (enum role)ipc_link_peer(link),
			on_opened, a},
	    &msg->session_open);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_SESSION_OPEN] = on_session_open,
};

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct asker *a = ctx;
	struct worker *w = a->w;

	worker_link_closed(w, link, why);
	roster_forget(a);
	ipc_link_free(&a->link);
	free(a);
	n_askers--;
	check_drained(w);
}

static void
on_link(struct worker *w, enum role peer, int fd)
{
	struct asker *a;

	if (peer != ROLE_AUTHD && peer != ROLE_LOCAL) {
		io_close(&fd);
		return;
	}
	a = mem_alloc(sizeof(*a));
	a->w = w;
	a->link = worker_link_new(w, peer, fd, handlers, on_closed, a);
	n_askers++;
}

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	roster_reap();
}

static void
on_open(struct worker *w)
{
	(void)w;
	child_prepare();
}

static void
on_start(struct worker *w)
{
	struct event *ev = evsignal_new(w->base, SIGCHLD, on_child, w);

	if (ev == NULL || evsignal_add(ev, NULL) < 0)
		bug("evsignal");
}

/* Only what an alias in it leads to is run or written to. */
static void
on_directory(struct worker *w, const char *name)
{
	struct buf path;

	buf_init(&path, 8192);
	(void)buf_putf(&path, "%s/%s", worker_path(w, "directory"), name);
	child_directory(buf_cstr(&path)); /* cut: cannot be opened */
	buf_fini(&path);
}

static void
on_status(struct worker *w, struct buf *b)
{
	(void)w;
	buf_putf(b, "sessions=%zu", roster_count());
}

int
parent_main(enum role role, int argc, char **argv)
{
	static struct worker_ops ops = {.on_open = on_open,
	    .on_start = on_start,
	    .on_link = on_link,
	    .on_drain = check_drained,
	    .on_status = on_status};

	ops.role = role;
	ops.as_root = role == ROLE_USERS;
	ops.on_directory = role == ROLE_USERS ? on_directory : NULL;
	return worker_main(&ops, argc, argv);
}
