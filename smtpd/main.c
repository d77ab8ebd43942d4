/*
 * mailstead-smtpd: SMTP, submission. Owns the listening sockets' events, the
 * TLS context, the snapshot and the links to qmgr and authd; has no files and
 * cannot open, connect or exec.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/worker/certificates.h"
#include "lib/worker/workers.h"
#include "smtpd/command.h"
#include "smtpd/session.h"
#include "smtpd/txn.h"
#include "lib/base/banned.h"

/* connections taken in one turn: the other workers want some too */
#define ACCEPT_TURN   8
#define LISTENERS_MAX 64

struct listener {
	struct server *server;
	enum service service;
	int fd;
	struct event *ev;
};

static struct {
	struct server server;
	size_t n_listeners;
	struct listener listeners[LISTENERS_MAX];
} smtpd;

static struct session *
by_txn(struct server *server, uint64_t id)
{
	struct session *s;

	TAILQ_FOREACH (s, &server->sessions, next)
		if (s->state == ST_COMMIT && s->txn->id == id)
			return s;
	return NULL;
}

static void
on_committed(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct session *s = by_txn(ctx, msg->committed.txn);

	(void)link;
	/* the client may have gone: the message is safe all the same */
	if (s != NULL)
		cmd_data_committed(s, &msg->committed);
}

static void
on_queue_state(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct server *server = ctx;

	(void)link;
	server->queue_open = msg->queue_state.rc == RC_OK;
	(void)span_copy(
	    span_head(msg->queue_state.text, sizeof(server->queue_text) - 1),
	    server->queue_text, sizeof(server->queue_text));
}

/* Who waits for authd to answer this; or NULL. */
static struct session *
asker(struct server *server, uint64_t id)
{
	struct session *s;

	TAILQ_FOREACH (s, &server->sessions, next)
		if (s->auth_id != 0 && s->auth_id == id)
			break;
	return s;
}

static void
on_auth_result(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct session *s = asker(ctx, msg->auth_result.id);

	(void)link;
	if (s != NULL)
		cmd_auth_result(s, &msg->auth_result);
}

static void
on_sasl_challenge(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	uint64_t id = msg->sasl_challenge.id;
	struct session *s = asker(ctx, id);

	if (s != NULL)
		cmd_auth_challenge(s, &msg->sasl_challenge);
	else /* it has gone; a closed link is seen by on_closed */
		(void)proto_send_sasl_cancel(
		    link, &(struct msg_sasl_cancel){id});
}

static ipc_handler *const qmgr_handlers[MSG_COUNT] = {
    [MSG_COMMITTED] = on_committed,
    [MSG_QUEUE_STATE] = on_queue_state,
};

static ipc_handler *const authd_handlers[MSG_COUNT] = {
    [MSG_AUTH_RESULT] = on_auth_result,
    [MSG_SASL_CHALLENGE] = on_sasl_challenge,
};

static void
on_qmgr_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct server *server = ctx;
	struct session *s, *after;

	worker_link_closed(server->w, link, why);
	ipc_link_free(&link);
	server->qmgr = NULL;
	server->queue_open = false;
	/* no answer is no promise: the clients try again */
	for (s = TAILQ_FIRST(&server->sessions); s != NULL; s = after) {
		after = TAILQ_NEXT(s, next);
		if (s->state == ST_COMMIT)
			cmd_data_committed(s, NULL);
	}
}

static void
on_authd_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct server *server = ctx;
	struct session *s, *after;

	worker_link_closed(server->w, link, why);
	ipc_link_free(&link);
	server->authd = NULL;
	for (s = TAILQ_FIRST(&server->sessions); s != NULL; s = after) {
		after = TAILQ_NEXT(s, next);
		cmd_auth_lost(s);
		if (s->auth_id != 0)
			cmd_auth_result(s, NULL);
	}
}

static void
on_link(struct worker *w, enum role peer, int fd)
{
	struct server *server = &smtpd.server;
	struct ipc_link **link =
	    peer == ROLE_QMGR ? &server->qmgr : &server->authd;

	if (peer != ROLE_QMGR && peer != ROLE_AUTHD) {
		io_close(&fd);
		return;
	}
	/* the old one may not have been seen to end yet */
	if (*link != NULL && peer == ROLE_QMGR)
		on_qmgr_closed(server, *link, NULL);
	else if (*link != NULL)
		on_authd_closed(server, *link, NULL);
	if (peer == ROLE_QMGR)
		*link = worker_link_new(
		    w, peer, fd, qmgr_handlers, on_qmgr_closed, server);
	else
		*link = worker_link_new(
		    w, peer, fd, authd_handlers, on_authd_closed, server);
}

/* 1 taken, 0 nobody there */
static int
accept_one(struct listener *l)
{
	int fd;

	do
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd < 0)
		return 0;
	if (l->service == SERVICE_LOCAL)
		session_new(l->server, l->service, fd, NULL);
	else
		proxy_enter(&l->server->door, fd, l);
	return 1;
}

static void
on_entered(void *ctx, int fd, const char *address)
{
	struct listener *l = ctx;

	if (fd >= 0)
		session_new(l->server, l->service, fd, address);
	else
		session_settle(l->server);
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < ACCEPT_TURN; i++)
		if (accept_one(arg) == 0)
			break;
}

static void
on_listener(struct worker *w, struct span service, int fd)
{
	enum service which = SERVICE_SMTP;
	struct listener *l;

	if (span_eq(service, SPAN_LIT("submission")))
		which = SERVICE_SUBMISSION;
	else if (span_eq(service, SPAN_LIT("submissions")))
		which = SERVICE_SUBMISSIONS;
	else if (span_eq(service, SPAN_LIT("lmtp")))
		which = SERVICE_LMTP;
	else if (span_eq(service, SPAN_LIT(WORKER_LOCAL_SERVICE)))
		which = SERVICE_LOCAL;
	if (smtpd.n_listeners == LISTENERS_MAX) {
		io_close(&fd);
		return;
	}
	l = &smtpd.listeners[smtpd.n_listeners++];
	*l = (struct listener){&smtpd.server, which, fd,
	    event_new(w->base, fd, EV_READ | EV_PERSIST, on_accept, l)};
	if (l->ev == NULL)
		bug("event_new");
}

static void
on_file(struct worker *w, struct span name, int fd)
{
	if (span_eq(name, SPAN_LIT(WORKER_CENSUS)))
		gate_take(&smtpd.server.gate, fd, w->conf, w->conf->limits.smtp,
		    "smtpd");
	else
		io_close(&fd);
}

static void
on_directory(struct worker *w, const char *name)
{
	struct server *server = &smtpd.server;
	struct directory *d = NULL;
	struct why why;
	struct buf path;

	buf_init(&path, 4096);
	buf_putf(&path, "%s/%s", worker_path(w, "directory"), name);
	if (directory_open(buf_cstr(&path), &d, &why) == RC_OK) {
		directory_close(&server->directory);
		server->directory = d;
	} else {
		/* the old snapshot is better than none */
		LOG(WORKER_ERROR, log_str("smtpd"), log_str(why.text));
	}
	buf_fini(&path);
}

static void
on_start(struct worker *w)
{
	struct server *server = &smtpd.server;

	server->w = w;
	server->door = (struct proxy_door){.base = w->base,
	    .networks = w->conf->proxies.v,
	    .n_networks = w->conf->proxies.n,
	    .done = on_entered,
	    .max = (unsigned)w->conf->smtpd.max_sessions};
	TAILQ_INIT(&server->door.waits);
	for (size_t i = 0; i < smtpd.n_listeners; i++)
		event_add(smtpd.listeners[i].ev, NULL);
}

static void
on_drain(struct worker *w)
{
	struct server *server = &smtpd.server;
	struct session *s, *after;

	for (size_t i = 0; i < smtpd.n_listeners; i++) {
		struct listener *l = &smtpd.listeners[i];

		/* when all stops, those who are connected are told so */
		while (w->stopping && l->fd >= 0 && accept_one(l) > 0)
			continue;
		if (l->ev != NULL)
			event_free(l->ev);
		l->ev = NULL;
		io_close(&l->fd);
	}
	for (s = TAILQ_FIRST(&server->sessions); s != NULL; s = after) {
		after = TAILQ_NEXT(s, next);
		if (w->stopping)
			session_drain(s);
	}
	if (w->stopping)
		proxy_close(&server->door);
	session_settle(server);
}

static void
on_status(struct worker *w, struct buf *b)
{
	(void)w;
	certificates_status(b);
	buf_putf(b, "sessions=%u accepted=%llu qmgr=%s",
	    smtpd.server.n_sessions,
	    (unsigned long long)smtpd.server.n_accepted,
	    smtpd.server.qmgr != NULL ? "yes" : "no");
}

int
main(int argc, char **argv)
{
	static const struct worker_ops ops = {.role = ROLE_SMTPD,
	    .on_listener = on_listener,
	    .on_start = on_start,
	    .on_file = on_file,
	    .on_link = on_link,
	    .on_directory = on_directory,
	    .on_drain = on_drain,
	    .on_status = on_status,
	    .handlers = certificates_handlers};

	TAILQ_INIT(&smtpd.server.sessions);
	certificates_serve(&smtpd.server.tls);
	return worker_main(&ops, argc, argv);
}
