/*
 * The control socket: see control.h. Owns its callers; a caller's questions
 * are answered one at a time.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "master/channel.h"
#include "master/compile.h"
#include "master/control.h"
#include "master/listen.h"
#include "master/notify.h"
#include "master/reload.h"
#include "master/supervise.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

#define CALLERS_MAX 64
/* those without the right: enough to be told so, and not for long */
#define STRANGERS_MAX 8
#define STRANGER_S    5
#define STATUS_MS     1000 /* a worker that does not answer is shown without */

struct caller {
	TAILQ_ENTRY(caller) next;
	struct master *m;
	struct ipc_link *link;
	bool allowed;
	uint64_t asked;      /* id of the question under way */
	uint64_t status_id;  /* of its STATUS_ASK round */
	unsigned waiting;    /* answers of workers still to come */
	uint64_t compile_id; /* of the directory that is waited for; 0: none */
	struct event *timer;
};

struct control {
	int fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct event *ev;
	uint64_t status_id;
	uint64_t compile_id;
	unsigned n_callers;
	unsigned n_strangers;
	TAILQ_HEAD(, caller) callers;
};

static void
end(struct caller *c, uint64_t id, enum rc rc, struct span text)
{
	proto_send_ctl_end(
	    c->link, &(struct msg_ctl_end){id, (uint8_t)rc, text});
}

static bool
may(struct caller *c, uint64_t id)
{
	if (!c->allowed)
		end(c, id, RC_PERM,
		    SPAN_LIT("you have no right to control this server: be "
			     "root"));
	return c->allowed;
}

static void
caller_free(struct caller *c)
{
	struct control *ctl = c->m->control;

	reload_forget(c->m, c);
	TAILQ_REMOVE(&ctl->callers, c, next);
	if (c->allowed)
		ctl->n_callers--;
	else
		ctl->n_strangers--;
	ipc_link_free(&c->link);
	event_free(c->timer);
	free(c);
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	(void)link;
	(void)why; /* a caller's mistake concerns nobody else */
	caller_free(ctx);
}

static void
put_row(struct caller *c, const struct buf *b)
{
	proto_send_ctl_row(
	    c->link, &(struct msg_ctl_row){c->asked, buf_span(b)});
}

static void
put_worker(struct caller *c, const struct proc *p, struct span more)
{
	uint64_t age = (clock_mono_ms() - p->started_ms) / 1000;
	struct buf b;

	buf_init(&b, 8192);
	buf_putf(&b,
	    "kind=worker role=%s index=%u generation=%u state=%s pid=%d "
	    "deaths=%u age_s=%llu layers=%u landlock=%u ",
	    role_name(p->row->role), p->index, p->generation,
	    supervise_state_name(p->state), (int)p->pid, p->deaths,
	    (unsigned long long)age, p->layers, p->landlock_abi);
	buf_put_span(&b, more);
	put_row(c, &b);
	buf_fini(&b);
}

static void
put_listeners(struct caller *c)
{
	struct listener *l;
	struct buf b;

	buf_init(&b, 1024);
	TAILQ_FOREACH (l, &c->m->listeners, next) {
		buf_clear(&b);
		buf_putf(&b, "kind=listener service=%s address=", l->service);
		enc_line(&b, span_of(l->address));
		put_row(c, &b);
	}
	buf_fini(&b);
}

static void
put_mistakes(struct caller *c)
{
	struct span rest = compile_report(c->m);
	struct buf b;

	buf_init(&b, 4096);
	while (rest.n > 0) {
		buf_clear(&b);
		buf_puts(&b, "kind=mistake line=");
		enc_line(&b, span_cut(&rest, '\n'));
		put_row(c, &b);
	}
	buf_fini(&b);
}

static void
status_finish(struct caller *c)
{
	struct proc *p;

	c->status_id = 0;
	evtimer_del(c->timer);
	/* those that could not be asked, or did not answer */
	TAILQ_FOREACH (p, &c->m->procs, next)
		if (p->state != PROC_RUNNING)
			put_worker(c, p, SPAN_LIT(""));
	put_listeners(c);
	put_mistakes(c);
	end(c, c->asked, c->waiting == 0 ? RC_OK : RC_TEMP,
	    c->waiting == 0 ? SPAN_LIT("")
			    : SPAN_LIT("some workers did not answer"));
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct caller *c = arg;

	(void)fd;
	(void)what;
	if (c->allowed)
		status_finish(c);
	else
		caller_free(c);
}

static void
on_ctl_status(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct timeval patience = {0, STATUS_MS * 1000 - 1};
	struct caller *c = ctx;
	struct proc *p;
	struct buf b;

	(void)link;
	c->asked = msg->ctl_status.id;
	if (!may(c, c->asked) || c->status_id != 0)
		return;
	c->status_id = ++c->m->control->status_id;
	c->waiting = 0;
	buf_init(&b, 4096);
	buf_putf(&b,
	    "kind=server version=%s state=%s generation=%u uptime_s=%llu "
	    "hostname=",
	    PACKAGE_VERSION,
	    c->m->stopping ? "stopping"
	    : c->m->reload ? "reloading"
	    : c->m->ready  ? "running"
			   : "starting",
	    c->m->generation,
	    (unsigned long long)(clock_mono_ms() - c->m->start_ms) / 1000);
	enc_line(&b, span_of(c->m->conf->hostname));
	put_row(c, &b);
	buf_fini(&b);
	TAILQ_FOREACH (p, &c->m->procs, next)
		if (p->state == PROC_RUNNING &&
		    proto_send_status_ask(
			p->link, &(struct msg_status_ask){c->status_id}))
			c->waiting++;
	evtimer_add(c->timer, &patience);
	if (c->waiting == 0)
		status_finish(c);
}

void
control_on_status(struct proc *p, uint64_t id, struct span text)
{
	struct caller *c;

	if (p->m->control == NULL)
		return;
	TAILQ_FOREACH (c, &p->m->control->callers, next) {
		if (c->status_id != id || id == 0 || c->waiting == 0)
			continue;
		put_worker(c, p, text);
		if (--c->waiting == 0)
			status_finish(c);
		return;
	}
}

static void
on_reload_done(void *ctx, enum rc rc, struct span text)
{
	struct caller *c = ctx;
	struct buf b;

	buf_init(&b, IPC_FRAME_MAX / 2);
	buf_put_span(&b, text);
	if (rc == RC_OK)
		buf_puts(&b, "\n");
	if (rc == RC_OK)
		buf_put_span(&b, compile_report(c->m));
	end(c, c->asked, rc, buf_span(&b));
	buf_fini(&b);
}

static void
on_ctl_reload(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct caller *c = ctx;

	(void)link;
	c->asked = msg->ctl_reload.id;
	if (may(c, c->asked))
		(void)reload_start(c->m, on_reload_done, c); /* it answers */
}

static void
on_ctl_stop(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct caller *c = ctx;

	(void)link;
	if (!may(c, msg->ctl_stop.id))
		return;
	/* no end is sent: the caller waits for the socket to close */
	control_stop(c->m, "asked by steadctl");
}

static void
on_ctl_compile(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct caller *c = ctx;

	(void)link;
	if (!may(c, msg->ctl_compile.id))
		return;
	if (c->compile_id != 0 || !c->m->ready || c->m->stopping ||
	    !compile_start(c->m, ROLE_CTL, 0, c->m->control->compile_id + 1)) {
		end(c, msg->ctl_compile.id, RC_TEMP,
		    SPAN_LIT("not now: starting, stopping or busy"));
		return;
	}
	c->asked = msg->ctl_compile.id;
	c->compile_id = ++c->m->control->compile_id;
}

void
control_compiled(struct master *m, uint64_t id, bool ok)
{
	struct caller *c;

	if (m->control == NULL)
		return;
	TAILQ_FOREACH (c, &m->control->callers, next)
		if (c->compile_id == id)
			break;
	/* the caller may have gone */
	if (c == NULL)
		return;
	c->compile_id = 0;
	end(c, c->asked, ok ? RC_OK : RC_PERM,
	    ok ? compile_report(m)
	       : SPAN_LIT("the directory could not be compiled, the old one "
			  "is in use: see the log"));
}

static void
on_ctl_reach(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct caller *c = ctx;
	uint64_t id = msg->ctl_reach.id;
	struct proc *p;
	int fds[2];

	(void)link;
	if (!may(c, id))
		return;
	TAILQ_FOREACH (p, &c->m->procs, next)
		if (p->row->role == msg->ctl_reach.role &&
		    p->state == PROC_RUNNING &&
		    p->generation == c->m->generation)
			break;
	if (p == NULL || channel_pair(fds) < 0) {
		end(c, id, RC_TEMP, SPAN_LIT("that worker does not run now"));
		return;
	}
	proto_send_link(p->link, &(struct msg_link){ROLE_CTL, 0, fds[0]});
	proto_send_ctl_reached(c->link, &(struct msg_ctl_reached){id, fds[1]});
	io_close(&fds[0]);
	io_close(&fds[1]);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_CTL_STATUS] = on_ctl_status,
    [MSG_CTL_RELOAD] = on_ctl_reload,
    [MSG_CTL_STOP] = on_ctl_stop,
    [MSG_CTL_COMPILE] = on_ctl_compile,
    [MSG_CTL_REACH] = on_ctl_reach,
};

static void
caller_new(struct master *m, int fd, bool allowed)
{
	struct timeval patience = {STRANGER_S, 0};
	struct caller *c = mem_alloc(sizeof(*c));

	c->m = m;
	c->allowed = allowed;
	c->timer = evtimer_new(m->base, on_timer, c);
	c->link = ipc_link_new(&(struct ipc_link_args){.base = m->base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .ctx = c,
	    .fd = fd,
	    .self = ROLE_MASTER,
	    .peer = ROLE_CTL,
	    .phase = IPC_RUN});
	if (c->timer == NULL)
		bug("evtimer_new");
	if (!allowed)
		evtimer_add(c->timer, &patience);
	TAILQ_INSERT_TAIL(&m->control->callers, c, next);
}

static void
on_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct master *m = arg;
	struct control *ctl = m->control;
	struct ucred cred = {0};
	socklen_t n = sizeof(cred);
	int fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	unsigned *count;
	bool allowed;

	(void)what;
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0) {
		io_close(&fd);
		return;
	}
	allowed = cred.uid == 0 || cred.uid == geteuid();
	count = allowed ? &ctl->n_callers : &ctl->n_strangers;
	if (*count == (allowed ? CALLERS_MAX : STRANGERS_MAX)) {
		io_close(&fd);
		return;
	}
	++*count;
	caller_new(m, fd, allowed);
}

enum rc
control_open(struct master *m, struct why *why)
{
	struct control *ctl = mem_alloc(sizeof(*ctl));
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct buf b;
	bool fits;

	TAILQ_INIT(&ctl->callers);
	m->control = ctl;
	buf_init(&b, sizeof(a.sun_path) - 1);
	fits = buf_puts(&b, m->conf->paths.run) && buf_puts(&b, "/control") &&
	       span_copy(buf_span(&b), a.sun_path, sizeof(a.sun_path));
	memcpy(ctl->path, a.sun_path, sizeof(ctl->path));
	buf_fini(&b);
	if (!fits)
		return why_set(why, RC_PERM, "5.3.5",
		    "paths.run is too long for a socket in it");
	ctl->fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* ours, left by a master that was killed: the lock says so */
	(void)unlink(a.sun_path);
	if (ctl->fd < 0 || bind(ctl->fd, (void *)&a, sizeof(a)) < 0 ||
	    chmod(a.sun_path, 0666) < 0 || listen(ctl->fd, 1024) < 0)
		return why_sys(why, RC_PERM, "5.3.5", "%s", a.sun_path);
	ctl->ev =
	    event_new(m->base, ctl->fd, EV_READ | EV_PERSIST, on_accept, m);
	if (ctl->ev == NULL)
		bug("event_new");
	event_add(ctl->ev, NULL);
	return RC_OK;
}

void
control_close(struct master *m)
{
	struct control *ctl = m->control;

	if (ctl == NULL)
		return;
	(void)unlink(ctl->path); /* the next master would */
	while (!TAILQ_EMPTY(&ctl->callers))
		caller_free(TAILQ_FIRST(&ctl->callers));
	if (ctl->ev != NULL)
		event_free(ctl->ev);
	io_close(&ctl->fd);
	m->control = NULL;
	free(ctl);
}

void
control_stop(struct master *m, const char *reason)
{
	if (m->stopping)
		return;
	LOG(MASTER_STOP, log_str(reason));
	notify_state(m, "STOPPING=1");
	reload_drop(m);
	listen_stop(m);
	supervise_stop_all(m);
}
