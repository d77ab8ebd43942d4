/*
 * PAM by way of `users`: see pam.h. A question's process is at the other end of
 * a socket pair of its own, so a password goes nowhere else.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "authd/pam.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/base/banned.h"

#define AT_ONCE  8
#define OF_USER  2  /* of one name: a module that hangs for it is its own */
#define ANSWER_S 40 /* the process itself gives up before */

struct pam {
	TAILQ_ENTRY(pam) next;
	struct authd *a;
	char *user;
	char *service;
	char *client;
	struct secret password;
	struct ipc_link *link; /* NULL: it waits in line */
	struct event *timer;
	pam_done *done;
	void *ctx;
};

static void begin_next(struct authd *a);

void
pam_cancel(struct pam **pam)
{
	struct pam *p = *pam;
	struct authd *a;

	*pam = NULL;
	if (p == NULL)
		return;
	a = p->a;
	TAILQ_REMOVE(&a->pams, p, next);
	if (p->link != NULL)
		a->n_pams--;
	ipc_link_free(&p->link);
	event_free(p->timer);
	secret_fini(&p->password);
	free(p->user);
	free(p->service);
	free(p->client);
	free(p);
	begin_next(a);
}

static void
end(struct pam *p, enum rc rc, const char *reason)
{
	pam_done *done = p->done;
	void *ctx = p->ctx;
	struct why why;

	why_set(&why, rc, rc == RC_PERM ? "5.7.8" : "4.7.0", "%s", reason);
	pam_cancel(&p);
	done(ctx, &why);
}

static void
on_answer(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct pam *p = ctx;
	struct why why;
	enum rc rc = RC_TEMP;

	(void)link;
	if (msg->pam_answer.rc == RC_OK || msg->pam_answer.rc == RC_PERM)
		rc = (enum rc)msg->pam_answer.rc;
	why_set(&why, rc, "4.7.0", "PAM: " SPAN_FMT,
	    SPAN_ARG(msg->pam_answer.text));
	end(p, rc, why.text);
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct pam *p = ctx;

	worker_link_closed(p->a->w, link, why);
	end(p, RC_TEMP, "PAM: its process has ended without an answer");
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end(arg, RC_TEMP, "PAM does not answer");
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_PAM_ANSWER] = on_answer,
};

/* Ask for a process, and send it the question. */
static bool
begin(struct pam *p)
{
	struct authd *a = p->a;
	struct timeval tv = {ANSWER_S, 0};
	struct msg_session_open m = {.id = ++a->last_id,
	    .service = SPAN_LIT("pam"),
	    .account = span_of(p->user),
	    .watch = -1};
	int pair[2];
	bool sent;

	if (a->users == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair) < 0)
		return false;
	m.socket = pair[1];
	sent = proto_send_session_open(a->users, &m);
	io_close(&pair[1]);
	if (!sent) {
		io_close(&pair[0]);
		return false;
	}
	p->link = worker_link_new(
	    a->w, ROLE_SESSION, pair[0], handlers, on_closed, p);
	a->n_pams++;
	evtimer_add(p->timer, &tv);
	/* if it cannot be sent, on_closed comes */
	(void)proto_send_pam_ask(p->link,
	    &(struct msg_pam_ask){span_of(p->service), span_of(p->client),
		span_make(p->password.p, p->password.n)});
	return true;
}

static bool
has_share(const struct authd *a, const char *user)
{
	const struct pam *p;
	unsigned n = 0;

	TAILQ_FOREACH (p, &a->pams, next)
		n +=
		    p->link != NULL && span_eq(span_of(p->user), span_of(user));
	return n >= OF_USER;
}

/* Those who wait, in their order. */
static void
begin_next(struct authd *a)
{
	struct timeval now = {0, 0};
	struct pam *p;

	TAILQ_FOREACH (p, &a->pams, next) {
		if (a->n_pams == AT_ONCE)
			return;
		/* told in a later turn of the loop */
		if (p->link == NULL && !has_share(a, p->user) && !begin(p))
			evtimer_add(p->timer, &now);
	}
}

enum rc
pam_ask(struct authd *a, const struct pam_question *q, struct pam **out,
    struct why *why)
{
	struct pam *p;
	size_t n = 0;

	*out = NULL;
	TAILQ_FOREACH (p, &a->pams, next)
		n++;
	if (n >= AT_ONCE + PAM_WAITING_MAX)
		return why_set(why, RC_TEMP, "4.7.0",
		    "too many passwords wait to be checked");
	if (a->users == NULL)
		return why_set(
		    why, RC_TEMP, "4.7.0", "no link to the worker for users");
	p = mem_alloc(sizeof(*p));
	p->a = a;
	p->user = span_dup(q->user);
	p->service = span_dup(q->service);
	p->client = span_dup(q->client);
	p->password = secret_of(q->password);
	p->timer = evtimer_new(a->w->base, on_timer, p);
	if (p->timer == NULL)
		bug("evtimer_new");
	p->done = q->done;
	p->ctx = q->ctx;
	TAILQ_INSERT_TAIL(&a->pams, p, next);
	*out = p;
	begin_next(a);
	return RC_WAIT;
}
