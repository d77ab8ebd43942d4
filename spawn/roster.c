/*
 * The living session processes: see roster.h. A connection counts as given
 * only when the process has said so: one that ends at that moment loses none.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "spawn/child.h"
#include "spawn/program.h"
#include "spawn/roster.h"
#include "lib/base/banned.h"

#define TRIES_MAX   3
#define WAITING_MAX 16 /* connections that one process has not yet taken */

struct handover {
	TAILQ_ENTRY(handover) next;
	uint64_t id;    /* the asker's */
	uint64_t token; /* ours */
	int fd;
	int watch; /* or -1 */
	unsigned tries;
	roster_done *done; /* NULL: nobody listens */
	void *ctx;
};

struct entry {
	TAILQ_ENTRY(entry) next;
	struct worker *w;
	const struct service *service;
	char *account;
	uint64_t version; /* of its home */
	pid_t pid;
	struct ipc_link *link; /* NULL: it takes nothing more */
	TAILQ_HEAD(, handover) waiting;
};

static struct {
	TAILQ_HEAD(, entry) entries;
	uint64_t tokens;
	size_t n;
} roster = {.entries = TAILQ_HEAD_INITIALIZER(roster.entries)};

static void give(struct worker *w, const struct service *service,
    const char *account, struct handover *h);

static void
finish(struct handover *h, const struct why *why)
{
	if (h->done != NULL)
		h->done(h->ctx, h->id, why);
	io_close(&h->fd);
	io_close(&h->watch);
	free(h);
}

static void
on_taken(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct why ok = {.rc = RC_OK};
	struct entry *e = ctx;
	struct handover *h;

	(void)link;
	TAILQ_FOREACH (h, &e->waiting, next)
		if (h->token == msg->session_taken.id)
			break;
	if (h == NULL)
		return;
	TAILQ_REMOVE(&e->waiting, h, next);
	finish(h, &ok);
}

/* It is ending: what it has not taken goes to a new one. */
static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct entry *e = ctx;
	struct handover *h;

	worker_link_closed(e->w, link, why);
	ipc_link_free(&e->link);
	/* without a link this entry is chosen no more */
	while ((h = TAILQ_FIRST(&e->waiting)) != NULL) {
		TAILQ_REMOVE(&e->waiting, h, next);
		give(e->w, e->service, e->account, h);
	}
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_SESSION_TAKEN] = on_taken,
};

static struct entry *
start(struct worker *w, const struct service *service, const char *account,
    struct why *why)
{
	struct entry *e;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, fds) < 0) {
		why_sys(why, RC_TEMP, "4.3.0", "socketpair");
		return NULL;
	}
	pid = fork();
	if (pid == 0)
		child_run(w, service, account, fds[1]);
	io_close(&fds[1]);
	if (pid < 0) {
		why_sys(why, RC_TEMP, "4.3.0", "fork");
		io_close(&fds[0]);
		return NULL;
	}
	e = mem_alloc(sizeof(*e));
	e->w = w;
	e->service = service;
	e->account = mem_dup(account);
	e->version = home_version();
	e->pid = pid;
	TAILQ_INIT(&e->waiting);
	e->link =
	    worker_link_new(w, ROLE_SESSION, fds[0], handlers, on_closed, e);
	TAILQ_INSERT_TAIL(&roster.entries, e, next);
	roster.n++;
	LOG(SESSION_START, log_str(account), log_str(service->name),
	    log_num((uint64_t)pid));
	return e;
}

/* The process that takes what comes for the account, or NULL. One that has the
 * name of somebody before is left with those who are with it. */
static struct entry *
find(const struct service *service, const char *account)
{
	uint64_t version = home_version();
	struct entry *e;

	if (service->once)
		return NULL;
	TAILQ_FOREACH (e, &roster.entries, next)
		if (e->link != NULL && e->service == service &&
		    e->version == version &&
		    span_eq(span_of(e->account), span_of(account)))
			break;
	return e;
}

/* A process may be stopped, or hang: what waits for it has an end. */
static bool
is_stuck(const struct entry *e)
{
	const struct handover *h;
	unsigned n = 0;

	TAILQ_FOREACH (h, &e->waiting, next)
		n++;
	return n >= WAITING_MAX;
}

static bool
is_full(const struct service *service)
{
	const struct entry *e;
	size_t n = 0;

	if (service->processes_max == 0)
		return false;
	TAILQ_FOREACH (e, &roster.entries, next)
		n += e->service == service;
	return n >= service->processes_max;
}

static void
give(struct worker *w, const struct service *service, const char *account,
    struct handover *h)
{
	struct entry *e;
	struct why why;

	if (h->tries++ == TRIES_MAX) {
		why_set(&why, RC_TEMP, "4.3.0",
		    "the mailbox's session ends "
		    "at once: see the log");
		finish(h, &why);
		return;
	}
	e = find(service, account);
	if (e != NULL && is_stuck(e)) {
		why_set(&why, RC_TEMP, "4.3.2",
		    "the account's process does not answer");
		finish(h, &why);
		return;
	}
	if (e == NULL && is_full(service))
		why_set(&why, RC_TEMP, "4.3.2", "too many processes for %s",
		    service->name);
	else if (e == NULL)
		e = start(w, service, account, &why);
	if (e == NULL) {
		finish(h, &why);
		return;
	}
	TAILQ_INSERT_TAIL(&e->waiting, h, next);
	/* if it cannot be sent, on_closed comes and tries again */
	(void)proto_send_session_take(
	    e->link, &(struct msg_session_take){h->token, h->fd, h->watch});
}

void
roster_open(const struct roster_asker *asker, struct msg_session_open *open)
{
	const struct service *service = service_find(open->service);
	struct handover *h = mem_alloc(sizeof(*h));
	struct why why;
	char *account;

	h->id = open->id;
	h->token = ++roster.tokens;
	h->fd = open->socket;
	h->watch = open->watch;
	open->socket = open->watch = -1;
	h->done = asker->done;
	h->ctx = asker->ctx;
	/* whoever delivers has no business in a mailbox that stands */
	if (service == NULL || service->asker != asker->role || h->fd < 0) {
		why_set(&why, RC_PERM, "5.3.0", "no such service");
		finish(h, &why);
		return;
	}
	account = span_dup(open->account);
	give(asker->w, service, account, h);
	free(account);
}

void
roster_forget(const void *ctx)
{
	struct handover *h;
	struct entry *e;

	TAILQ_FOREACH (e, &roster.entries, next)
		TAILQ_FOREACH (h, &e->waiting, next)
			if (h->ctx == ctx)
				h->done = NULL;
}

static void
reaped(struct entry *e, int status)
{
	bool by_signal = WIFSIGNALED(status);
	int code = by_signal ? WTERMSIG(status) : WEXITSTATUS(status);

	LOG(SESSION_END, log_str(e->account), log_str(e->service->name),
	    log_num((uint64_t)e->pid), log_str(by_signal ? "signal" : "exit"),
	    log_num((uint64_t)code));
	/* its socket is closed by now, whether the loop has seen it or not */
	if (e->link != NULL)
		on_closed(e, e->link, NULL);
	TAILQ_REMOVE(&roster.entries, e, next);
	roster.n--;
	free(e->account);
	free(e);
}

void
roster_reap(void)
{
	struct entry *e;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		TAILQ_FOREACH (e, &roster.entries, next)
			if (e->pid == pid)
				break;
		if (e != NULL)
			reaped(e, status);
	}
}

size_t
roster_count(void)
{
	return roster.n;
}
