/*
 * The connections of sessions: see watch.h. Owns links and subscriptions; a
 * change is told once however often it comes, and only to who has read what
 * was told before.
 */
#include <stdlib.h>
#include <sys/inotify.h>

#include "imapd/watch.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

#define NAME_LEN_MAX 255
#define THREADS      2
#define SOON_US      5000   /* a delivery is several events */
#define LATER_US     200000 /* for those who do not read */

bool
watch_name_ok(struct span name)
{
	if (name.n == 0)
		return true;
	if (name.n > NAME_LEN_MAX || name.n < 2 || name.p[0] != '.' ||
	    span_find(name, '/') < name.n || span_find(name, '\0') < name.n)
		return false;
	for (size_t i = 1; i < name.n; i++)
		if (name.p[i - 1] == '.' && name.p[i] == '.')
			return false;
	return true;
}

static void
arm(struct watch *w, int us)
{
	struct timeval tv = {0, us};

	evtimer_add(w->tell, &tv);
}

void
watch_mark_dirty(struct watch_box *box)
{
	struct watch *w = box->w;
	struct watch_sub *s;

	TAILQ_FOREACH (s, &box->subs, in_box) {
		if (s->dirty)
			continue;
		s->dirty = true;
		TAILQ_INSERT_TAIL(&w->dirty, s, in_dirty);
	}
	/* once: more events do not put it off */
	if (TAILQ_EMPTY(&w->dirty) || w->soon)
		return;
	w->soon = true;
	arm(w, SOON_US);
}

static void
on_tell(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	struct watch_sub *s, *after;

	(void)fd;
	(void)what;
	w->soon = false;
	for (s = TAILQ_FIRST(&w->dirty); s != NULL; s = after) {
		after = TAILQ_NEXT(s, in_dirty);
		/* what would wait here would be told twice later */
		if (!ipc_link_flushed(s->client->link))
			continue;
		TAILQ_REMOVE(&w->dirty, s, in_dirty);
		s->dirty = false;
		w->n_told++;
		/* a closed link needs none: on_closed comes */
		(void)proto_send_watch_changed(s->client->link,
		    &(struct msg_watch_changed){span_of(s->box->name)});
	}
	if (!TAILQ_EMPTY(&w->dirty))
		arm(w, LATER_US);
}

static void
client_free(struct watch_client *c)
{
	struct watch *w = c->w;

	watch_box_leave(c);
	TAILQ_REMOVE(&w->clients, c, next);
	w->n_clients--;
	ipc_link_free(&c->link);
	free(c->account);
	free(c);
	if (w->on_free != NULL)
		w->on_free(w->ctx);
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct watch_client *c = ctx;

	if (c->w->on_closed != NULL)
		c->w->on_closed(c->w->ctx, link, why);
	client_free(c);
}

/* False: the client is gone. */
static bool
check_name(struct watch_client *c, struct span name)
{
	struct why why;

	if (watch_name_ok(name))
		return true;
	why_set(&why, RC_PERM, "5.5.0", "a name that no mailbox has");
	on_closed(c, c->link, &why);
	return false;
}

static void
on_add(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct watch_client *c = ctx;

	(void)link;
	if (!check_name(c, msg->watch_add.name) ||
	    watch_box_add(c, msg->watch_add.name) || c->full_told)
		return;
	c->full_told = true;
	LOG(WATCH_FULL, log_str(c->account), log_str("mailboxes"));
}

static void
on_remove(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct watch_client *c = ctx;

	(void)link;
	if (check_name(c, msg->watch_remove.name))
		watch_box_remove(c, msg->watch_remove.name);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_WATCH_ADD] = on_add,
    [MSG_WATCH_REMOVE] = on_remove,
};

void
watch_open(struct watch *w, struct span account, int fd)
{
	struct watch_client *c;

	if (fd < 0)
		return;
	if (w->n_clients >= WATCH_LINKS_MAX) {
		/* it sees the end of its link, and looks by itself */
		LOG(WATCH_FULL, log_text(account), log_str("connections"));
		io_close(&fd);
		return;
	}
	c = mem_alloc(sizeof(*c));
	c->w = w;
	c->account = span_dup(account);
	TAILQ_INIT(&c->subs);
	TAILQ_INSERT_TAIL(&w->clients, c, next);
	w->n_clients++;
	c->link = ipc_link_new(&(struct ipc_link_args){.base = w->base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .ctx = c,
	    .fd = fd,
	    .self = ROLE_WATCH,
	    .peer = ROLE_SESSION,
	    .phase = IPC_RUN});
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	watch_box_read(arg);
}

enum rc
watch_start(struct watch *w, struct why *why)
{
	struct event_base *base = w->base;

	TAILQ_INIT(&w->boxes);
	TAILQ_INIT(&w->clients);
	TAILQ_INIT(&w->dirty);
	w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->inotify < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "inotify");
	w->pool = pool_new(base, THREADS);
	w->tell = evtimer_new(base, on_tell, w);
	w->readable =
	    event_new(base, w->inotify, EV_READ | EV_PERSIST, on_readable, w);
	if (w->tell == NULL || w->readable == NULL ||
	    event_add(w->readable, NULL) < 0)
		bug("event_new");
	return RC_OK;
}
