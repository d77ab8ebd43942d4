/*
 * Handing deliveries on: see users.h. A box is one user's process, as long as
 * there is something for it and IDLE_S longer; a parcel is one delivery.
 */
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "delivery/users.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/directory/action.h"
#include "lib/base/banned.h"

#define IDLE_S    5
#define TRIES_MAX 2
/* A user can stop such a process, or hang the file system under it: so there
 * is an end to what waits for one user, in number and in time, whichever
 * process it waits for. */
#define PARCELS_MAX 64
#define SILENT_MAX  4 /* of one whose processes said nothing for SILENT_MS */
#define SILENT_MS   5000
#define ALL_MAX     256 /* of all users: the rest is for virtual accounts */
#define PATIENCE_S  20  /* less than a stop may take */
#define HURRY_S     5   /* of a program, when the suite is being stopped */
/* then it is asked anew who is behind the name: the same process, unless that
 * may have changed */
#define BOX_MS 5000

struct parcel {
	TAILQ_ENTRY(parcel) next;
	struct box *box; /* NULL: in none */
	bool waits;      /* for the worker `users`, in its list */
	struct event *patience;
	struct users *users;
	const struct maildir_deliver *d;
	unsigned tries;
	users_done *done;
	void *ctx;
};
TAILQ_HEAD(parcel_list, parcel);

struct box {
	TAILQ_ENTRY(box) next;
	struct users *u;
	char *account;
	uint64_t id; /* of the request for its process */
	struct ipc_link *link;
	struct event *idle;
	struct parcel_list parcels;
	unsigned n_parcels;
	uint64_t born_ms;
	uint64_t
	    heard_ms; /* when it last answered, or its user began to wait */
};

struct users {
	struct worker *w;
	struct ipc_link *link; /* NULL: there is no such worker now */
	uint64_t last_id;
	unsigned n_parcels; /* in boxes, and those that wait */
	struct parcel_list waiting;
	bool hurry;
	TAILQ_HEAD(, box) boxes;
};

static void send_parcel(struct users *u, struct parcel *p);

struct users *
users_new(struct worker *w)
{
	struct users *u = mem_alloc(sizeof(*u));

	u->w = w;
	TAILQ_INIT(&u->boxes);
	TAILQ_INIT(&u->waiting);
	return u;
}

static void
end(struct parcel *p, const struct users_outcome *o)
{
	p->done(p->ctx, o);
	event_free(p->patience);
	free(p);
}

/* That it waits is over, one way or the other. */
static void
wait_no_more(struct users *u, struct parcel *p)
{
	TAILQ_REMOVE(&u->waiting, p, next);
	u->n_parcels--;
	p->waits = false;
}

static void
take_out(struct parcel *p)
{
	struct timeval tv = {IDLE_S, 0};
	struct box *b = p->box;

	TAILQ_REMOVE(&b->parcels, p, next);
	b->u->n_parcels--;
	if (--b->n_parcels == 0)
		evtimer_add(b->idle, &tv);
	p->box = NULL;
}

/* Its process has gone, or is let go. What is in it stays in `left`. */
static void
box_free(struct box *b, struct parcel_list *left)
{
	struct parcel *p;

	TAILQ_REMOVE(&b->u->boxes, b, next);
	while ((p = TAILQ_FIRST(&b->parcels)) != NULL) {
		take_out(p);
		TAILQ_INSERT_TAIL(left, p, next);
	}
	ipc_link_free(&b->link);
	event_free(b->idle);
	free(b->account);
	free(b);
}

static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	struct parcel_list none = TAILQ_HEAD_INITIALIZER(none);

	(void)fd;
	(void)what;
	box_free(arg, &none);
}

static void
end_failed(struct parcel *p, const struct why *why)
{
	end(p, &(struct users_outcome){.why = *why});
}

/* The user's process could say anything; it is the user's mail alone. */
static void
outcome(struct why *why, const struct msg_delivered *m)
{
	bool known = m->rc == RC_OK || m->rc == RC_PERM;

	why_set(why, known ? (enum rc)m->rc : RC_TEMP, "4.3.0", SPAN_FMT,
	    SPAN_ARG(m->text));
	if (!span_copy(m->status, why->status, sizeof(why->status)))
		(void)span_copy(
		    SPAN_LIT("4.3.0"), why->status, sizeof(why->status));
}

/* One has ended in its process: taken out, or NULL. */
static struct parcel *
take_ended(struct box *b, struct span qid, uint32_t rcpt)
{
	struct parcel *p;

	TAILQ_FOREACH (p, &b->parcels, next)
		if (p->d->rcpt == rcpt && span_eq(p->d->qid, qid))
			break;
	if (p == NULL)
		return NULL;
	take_out(p);
	b->heard_ms = clock_mono_ms();
	return p;
}

static void
on_delivered(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_delivered *m = &msg->delivered;
	struct parcel *p = take_ended(ctx, m->qid, m->rcpt);
	struct users_outcome o = {.name = SPAN_NONE};

	(void)link;
	if (p == NULL)
		return;
	outcome(&o.why, m);
	if (o.why.rc == RC_OK)
		o.name = m->text;
	end(p, &o);
}

static void
on_forward(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_forward *m = &msg->forward;
	struct parcel *p = take_ended(ctx, m->qid, m->rcpt);
	struct users_outcome o = {.forward = m->targets, .kept = m->kept != 0};

	(void)link;
	if (p == NULL)
		return;
	if (m->targets.n > 0)
		(void)why_set(&o.why, RC_OK, "2.0.0", "forwarded");
	else
		(void)why_set(&o.why, RC_TEMP, "4.3.0", "forwarded nowhere");
	end(p, &o);
}

/* A process that died may have delivered: the next one looks. */
static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct parcel_list left = TAILQ_HEAD_INITIALIZER(left);
	struct box *b = ctx;
	struct users *u = b->u;
	struct parcel *p;

	worker_link_closed(u->w, link, why);
	box_free(b, &left);
	while ((p = TAILQ_FIRST(&left)) != NULL) {
		TAILQ_REMOVE(&left, p, next);
		send_parcel(u, p);
	}
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_DELIVERED] = on_delivered,
    [MSG_FORWARD] = on_forward,
};

/* NULL: no process can be asked for. */
static struct box *
box_new(struct users *u, struct span account)
{
	struct msg_session_open m = {.id = ++u->last_id,
	    .service =
		action_is(account) ? SPAN_LIT("action") : SPAN_LIT("deliver"),
	    .account = account,
	    .watch = -1};
	struct box *b;
	int pair[2];
	bool sent;

	if (u->link == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair) < 0)
		return NULL;
	m.socket = pair[1];
	sent = proto_send_session_open(u->link, &m);
	io_close(&pair[1]);
	if (!sent) {
		io_close(&pair[0]);
		return NULL;
	}
	b = mem_alloc(sizeof(*b));
	b->u = u;
	b->id = m.id;
	b->born_ms = clock_mono_ms(); /* which is no answer yet */
	b->account = span_dup(account);
	TAILQ_INIT(&b->parcels);
	b->idle = evtimer_new(u->w->base, on_idle, b);
	if (b->idle == NULL)
		bug("evtimer_new");
	b->link = worker_link_new(
	    u->w, ROLE_SESSION, pair[0], handlers, on_closed, b);
	TAILQ_INSERT_TAIL(&u->boxes, b, next);
	return b;
}

static struct box *
box_of(struct users *u, struct span account)
{
	struct box *b;

	TAILQ_FOREACH (b, &u->boxes, next)
		if (span_eq(span_of(b->account), account) &&
		    clock_mono_ms() - b->born_ms < BOX_MS)
			return b;
	return box_new(u, account);
}

static void
fail(struct parcel *p, const char *text)
{
	struct why why;

	why_set(&why, RC_TEMP, "4.3.0", "%s", text);
	end_failed(p, &why);
}

static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct parcel *p = arg;

	(void)fd;
	(void)what;
	if (p->waits) {
		wait_no_more(p->users, p);
		fail(p, "no process can be had for that delivery");
		return;
	}
	take_out(p);
	/* if it is delivered after all, the next attempt meets its name */
	fail(p, "that takes too long");
}

/* May one more wait for b's user? */
static bool
has_room(struct users *u, struct box *b)
{
	uint64_t now_ms = clock_mono_ms(), heard_ms = 0;
	unsigned n = 0;
	struct box *other;

	TAILQ_FOREACH (other, &u->boxes, next) {
		if (!span_eq(span_of(other->account), span_of(b->account)))
			continue;
		n += other->n_parcels;
		if (other->heard_ms > heard_ms)
			heard_ms = other->heard_ms;
	}
	if (n == 0)
		b->heard_ms = heard_ms = now_ms;
	return u->n_parcels < ALL_MAX &&
	       n < (now_ms - heard_ms < SILENT_MS ? PARCELS_MAX : SILENT_MAX);
}

/* A program's is its own time, and that of its end. */
static void
start_patience(const struct users *u, struct parcel *p)
{
	struct timeval tv = {PATIENCE_S, 0};
	bool program = action_is(p->d->account);

	if (u->hurry && (p->waits || program))
		tv.tv_sec = HURRY_S;
	else if (program && !p->waits)
		tv.tv_sec +=
		    (time_t)(u->w->conf->delivery.program_timeout / 1000);
	if (evtimer_add(p->patience, &tv) < 0)
		bug("a timer");
}

/* The worker `users` comes later than we at a start, and comes again when it
 * has died: for so long its mail is not deferred. */
static bool
waits_for_worker(struct users *u, struct parcel *p)
{
	if (u->link != NULL || p->tries >= TRIES_MAX || u->n_parcels >= ALL_MAX)
		return false;
	TAILQ_INSERT_TAIL(&u->waiting, p, next);
	u->n_parcels++;
	p->waits = true;
	start_patience(u, p);
	return true;
}

static void
send_parcel(struct users *u, struct parcel *p)
{
	const struct maildir_deliver *d = p->d;
	struct box *b = p->tries < TRIES_MAX ? box_of(u, d->account) : NULL;

	if (b == NULL && waits_for_worker(u, p))
		return;
	if (b == NULL) {
		fail(p, p->tries < TRIES_MAX
			    ? "no process can be had for that delivery"
			    : "that delivery's process ends at once: see the "
			      "log");
		return;
	}
	if (!has_room(u, b)) {
		fail(p, "too many deliveries like that one wait");
		return;
	}
	evtimer_del(b->idle);
	TAILQ_INSERT_TAIL(&b->parcels, p, next);
	b->n_parcels++;
	u->n_parcels++;
	p->box = b;
	/* if it cannot be sent, on_closed comes and tries again */
	(void)proto_send_deliver(b->link, &(struct msg_deliver){.qid = d->qid,
					      .rcpt = d->rcpt,
					      .again = d->again || p->tries > 0,
					      .account = d->account,
					      .sender = d->sender,
					      .trace = d->trace,
					      .arrived = d->arrived_us,
					      .offset = d->offset,
					      .size = d->size,
					      .file = d->file});
	p->tries++;
}

size_t
users_pending(const struct users *u)
{
	return u->n_parcels;
}

void
users_hurry(struct users *u)
{
	struct parcel *p;
	struct box *b;

	u->hurry = true;
	TAILQ_FOREACH (b, &u->boxes, next)
		TAILQ_FOREACH (p, &b->parcels, next)
			if (action_is(p->d->account))
				start_patience(u, p);
	TAILQ_FOREACH (p, &u->waiting, next)
		start_patience(u, p);
}

void
users_deliver(struct users *u, const struct maildir_deliver *d,
    users_done *done, void *ctx)
{
	struct parcel *p = mem_alloc(sizeof(*p));

	p->d = d;
	p->users = u;
	p->patience = evtimer_new(u->w->base, on_patience, p);
	if (p->patience == NULL)
		bug("a timer");
	start_patience(u, p);
	p->done = done;
	p->ctx = ctx;
	send_parcel(u, p);
}

/* ---- the worker that makes the processes ---- */

/* Told why there is none; its end of the socket pair is shut as well. */
static void
on_opened(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_session_opened *m = &msg->session_opened;
	struct parcel_list left = TAILQ_HEAD_INITIALIZER(left);
	struct users *u = ctx;
	struct parcel *p;
	struct why why;
	struct box *b;

	(void)link;
	TAILQ_FOREACH (b, &u->boxes, next)
		if (b->id == m->id)
			break;
	if (b == NULL || m->rc == RC_OK)
		return;
	why_set(&why, RC_TEMP, "4.3.0", SPAN_FMT, SPAN_ARG(m->text));
	box_free(b, &left);
	while ((p = TAILQ_FIRST(&left)) != NULL) {
		TAILQ_REMOVE(&left, p, next);
		end_failed(p, &why);
	}
}

static ipc_handler *const users_handlers[MSG_COUNT] = {
    [MSG_SESSION_OPENED] = on_opened,
};

/* The processes live on. */
static void
on_users_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct users *u = ctx;

	worker_link_closed(u->w, link, why);
	ipc_link_free(&u->link);
}

void
users_link(struct users *u, int fd)
{
	struct parcel_list left = TAILQ_HEAD_INITIALIZER(left);
	struct parcel *p;

	ipc_link_free(&u->link);
	u->link = worker_link_new(
	    u->w, ROLE_USERS, fd, users_handlers, on_users_closed, u);
	while ((p = TAILQ_FIRST(&u->waiting)) != NULL) {
		wait_no_more(u, p);
		TAILQ_INSERT_TAIL(&left, p, next);
	}
	while ((p = TAILQ_FIRST(&left)) != NULL) {
		TAILQ_REMOVE(&left, p, next);
		start_patience(u, p);
		send_parcel(u, p);
	}
}
