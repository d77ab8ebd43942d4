/*
 * The worker around the connections: listening sockets' events, the TLS
 * context, the link to authd, drain and stop. See front.h.
 */
#include <errno.h>
#include <sys/socket.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/front/front.h"
#include "lib/worker/certificates.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

/* connections taken in one turn: the other workers want some too */
#define ACCEPT_TURN   8
#define LISTENERS_MAX 64

struct listener {
	bool implicit_tls;
	int fd;
	struct event *ev;
};

static struct {
	struct front_server server;
	size_t n_listeners;
	struct listener listeners[LISTENERS_MAX];
} serve;

/* Whose question this was; or NULL. */
static struct front *
asker(struct front_server *server, uint64_t id)
{
	struct front *f;

	TAILQ_FOREACH (f, &server->fronts, next)
		if (f->auth_id != 0 && f->auth_id == id)
			break;
	return f;
}

static void
on_auth_result(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct front *f = asker(ctx, msg->auth_result.id);

	(void)link;
	/* else the client has gone: the session sees it by our end. Or it is to
	 * speak, and is told when it has: not in the midst */
	if (f != NULL && f->phase == FRONT_ASKED)
		front_answer(f, &msg->auth_result);
}

static void
on_sasl_challenge(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	uint64_t id = msg->sasl_challenge.id;
	struct front *f = asker(ctx, id);

	if (f != NULL && f->phase == FRONT_ASKED)
		front_challenge(f, &msg->sasl_challenge);
	else /* it has gone; a closed link is seen by on_closed */
		(void)proto_send_sasl_cancel(
		    link, &(struct msg_sasl_cancel){id});
}

static ipc_handler *const authd_handlers[MSG_COUNT] = {
    [MSG_AUTH_RESULT] = on_auth_result,
    [MSG_SASL_CHALLENGE] = on_sasl_challenge,
};

static void
on_authd_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct front_server *server = ctx;
	struct front *f;

	worker_link_closed(server->w, link, why);
	ipc_link_free(&link);
	server->authd = NULL;
	TAILQ_FOREACH (f, &server->fronts, next)
		if (f->auth_id != 0)
			front_answer(f, NULL);
}

static void
on_link(struct worker *w, enum role peer, int fd)
{
	struct front_server *server = &serve.server;

	if (peer != ROLE_AUTHD) {
		io_close(&fd);
		return;
	}
	/* the old one may not have been seen to end yet */
	if (server->authd != NULL)
		on_authd_closed(server, server->authd, NULL);
	server->authd = worker_link_new(
	    w, peer, fd, authd_handlers, on_authd_closed, server);
}

static bool
accept_one(const struct listener *l)
{
	int fd;

	do
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd >= 0)
		proxy_enter(&serve.server.door, fd, (void *)(uintptr_t)l);
	return fd >= 0;
}

static void
on_entered(void *ctx, int fd, const char *address)
{
	const struct listener *l = ctx;

	if (fd >= 0)
		front_new(&serve.server, l->implicit_tls, fd, address);
	else
		front_settle(&serve.server);
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < ACCEPT_TURN && accept_one(arg); i++)
		continue;
}

static void
on_listener(struct worker *w, struct span service, int fd)
{
	struct listener *l;

	if (serve.n_listeners == LISTENERS_MAX) {
		io_close(&fd);
		return;
	}
	l = &serve.listeners[serve.n_listeners++];
	l->implicit_tls =
	    span_eq(service, span_of(serve.server.ops->tls_service));
	l->fd = fd;
	l->ev = event_new(w->base, fd, EV_READ | EV_PERSIST, on_accept, l);
	if (l->ev == NULL)
		bug("event_new");
}

static void
on_file(struct worker *w, struct span name, int fd)
{
	struct front_server *server = &serve.server;

	if (span_eq(name, SPAN_LIT(WORKER_CENSUS)))
		gate_take(&server->gate, fd, w->conf,
		    server->ops->max_of_client(w->conf), server->ops->service);
	else
		io_close(&fd);
}

static void
on_start(struct worker *w)
{
	struct front_server *server = &serve.server;

	server->w = w;
	server->door = (struct proxy_door){.base = w->base,
	    .networks = w->conf->proxies.v,
	    .n_networks = w->conf->proxies.n,
	    .done = on_entered,
	    .max = (unsigned)server->ops->max_sessions(w->conf)};
	TAILQ_INIT(&server->door.waits);
	for (size_t i = 0; i < serve.n_listeners; i++)
		event_add(serve.listeners[i].ev, NULL);
}

/* A reload leaves those who are connected alone; a stop does not. */
static void
on_drain(struct worker *w)
{
	struct front_server *server = &serve.server;
	struct front *f, *after;

	for (size_t i = 0; i < serve.n_listeners; i++) {
		struct listener *l = &serve.listeners[i];

		/* when all stops, those who are connected are told so */
		while (w->stopping && l->fd >= 0 && accept_one(l))
			continue;
		if (l->ev != NULL)
			event_free(l->ev);
		l->ev = NULL;
		io_close(&l->fd);
	}
	for (f = TAILQ_FIRST(&server->fronts); f != NULL && w->stopping;
	     f = after) {
		after = TAILQ_NEXT(f, next);
		front_stop(f);
	}
	if (w->stopping)
		proxy_close(&server->door);
	front_settle(server);
}

static void
on_status(struct worker *w, struct buf *b)
{
	(void)w;
	certificates_status(b);
	buf_putf(b, "sessions=%u logins=%llu authd=%s", serve.server.n_fronts,
	    (unsigned long long)serve.server.n_logins,
	    serve.server.authd != NULL ? "yes" : "no");
}

int
front_serve(enum role role, const struct front_ops *ops, int argc, char **argv)
{
	struct worker_ops worker = {.role = role,
	    .on_listener = on_listener,
	    .on_start = on_start,
	    .on_file = on_file,
	    .on_link = on_link,
	    .on_drain = on_drain,
	    .on_status = on_status,
	    .handlers = certificates_handlers};

	serve.server.ops = ops;
	certificates_serve(&serve.server.tls);
	TAILQ_INIT(&serve.server.fronts);
	return worker_main(&worker, argc, argv);
}
