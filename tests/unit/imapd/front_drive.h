/*
 * A front of IMAP at one end of a socket pair, with an authd that knows one
 * password and a session that says back what it hears. Says bytes at the other
 * end and keeps what comes back.
 */
#ifndef TESTS_UNIT_IMAPD_FRONT_DRIVE_H
#define TESTS_UNIT_IMAPD_FRONT_DRIVE_H

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "imapd/front.h"
#include "lib/base/io.h"

struct drive {
	struct event_base *base;
	struct conf conf;
	char hostname[2];
	struct worker_ops ops;
	struct worker w;
	struct front_server server;
	struct ipc_link *authd; /* its own end */
	int session;            /* what a log-in brought; -1: none */
	struct buf asked;       /* "authzid|login|password;" of each question */
};

static inline void
drive_on_auth(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct drive *d = ctx;
	struct msg_auth *m = &msg->auth;
	struct msg_auth_result r = {
	    .id = m->id, .rc = RC_PERM, .text = SPAN_LIT("No, no")};

	if (!span_eq(m->service, SPAN_LIT("imap")))
		abort();
	buf_put_span(&d->asked, m->authzid);
	buf_putc(&d->asked, '|');
	buf_put_span(&d->asked, m->login);
	buf_putc(&d->asked, '|');
	buf_put_span(&d->asked, m->password);
	buf_putc(&d->asked, ';');
	if (span_eq(m->password, SPAN_LIT("later")))
		r.rc = RC_TEMP;
	if (span_eq(m->password, SPAN_LIT("good"))) {
		r.rc = RC_OK;
		r.login = SPAN_LIT("u@d");
		io_close(&d->session);
		d->session = m->session;
		m->session = -1;
		if (!io_nonblock(d->session))
			abort();
	}
	(void)proto_send_auth_result(link, &r); /* a closed one: no matter */
}

static inline void
drive_on_result(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct front_server *server = ctx;
	struct front *f;

	(void)link;
	TAILQ_FOREACH (f, &server->fronts, next)
		if (f->auth_id != 0 && f->auth_id == msg->auth_result.id)
			break;
	if (f != NULL)
		front_answer(f, &msg->auth_result);
}

static inline void
drive_on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	(void)ctx;
	(void)link;
	(void)why;
	abort();
}

static ipc_handler *const drive_authd[MSG_COUNT] = {[MSG_AUTH] = drive_on_auth};
static ipc_handler *const drive_front[MSG_COUNT] = {
    [MSG_AUTH_RESULT] = drive_on_result};

static inline struct ipc_link *
drive_link(struct drive *d, int fd, bool front)
{
	return ipc_link_new(&(struct ipc_link_args){.base = d->base,
	    .schema = proto_schema(),
	    .handlers = front ? drive_front : drive_authd,
	    .on_closed = drive_on_closed,
	    .ctx = front ? (void *)&d->server : (void *)d,
	    .fd = fd,
	    .self = front ? ROLE_IMAPD : ROLE_AUTHD,
	    .peer = front ? ROLE_AUTHD : ROLE_IMAPD,
	    .phase = IPC_RUN});
}

static inline void
drive_init(struct drive *d)
{
	int fds[2];

	*d = (struct drive){.base = event_base_new(),
	    .hostname = "h",
	    .session = -1,
	    .ops = {.role = ROLE_IMAPD}};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, fds) < 0)
		abort();
	buf_init(&d->asked, 1 << 20);
	d->conf.hostname = d->hostname;
	d->conf.imap.max_sessions = 1000;
	d->conf.imap.timeout = d->conf.imap.login_timeout = 60000;
	d->w =
	    (struct worker){.ops = &d->ops, .base = d->base, .conf = &d->conf};
	d->server.ops = &front_ops;
	d->server.w = &d->w;
	TAILQ_INIT(&d->server.fronts);
	d->authd = drive_link(d, fds[0], false);
	d->server.authd = drive_link(d, fds[1], true);
}

/* The session's answer to each byte is that byte; its end is the front's. */
static inline void
drive_echo(struct drive *d)
{
	char chunk[4096];
	ssize_t n;

	if (d->session < 0)
		return;
	n = read(d->session, chunk, sizeof(chunk));
	if (n > 0 && !io_write_all(d->session, chunk, (size_t)n))
		abort();
	if (n == 0 || (n < 0 && errno != EAGAIN))
		io_close(&d->session);
}

/* All that is said to `in`, then to its end. */
static inline void
drive_say(struct drive *d, struct span in, struct buf *out)
{
	char chunk[4096];
	int pair[2];
	ssize_t n = 1;

	buf_clear(&d->asked);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
	    !io_write_all(pair[0], in.p, in.n) || !io_nonblock(pair[0]))
		abort();
	front_new(&d->server, false, pair[1], NULL);
	/* the answers first: a client that goes does not hear them all */
	for (int idle = 0; n != 0 && idle < 50; idle++) {
		(void)event_base_loop(d->base, EVLOOP_NONBLOCK);
		drive_echo(d);
		n = read(pair[0], chunk, sizeof(chunk));
		if (n > 0) {
			(void)buf_put(out, chunk, (size_t)n); /* cut: shown */
			idle = 0;
		}
	}
	(void)shutdown(pair[0], SHUT_WR); /* it may be closed already */
	while (n != 0) {
		(void)event_base_loop(d->base, EVLOOP_NONBLOCK);
		drive_echo(d);
		n = read(pair[0], chunk, sizeof(chunk));
		if (n > 0)
			(void)buf_put(out, chunk, (size_t)n); /* the same */
	}
	io_close(&pair[0]);
	while (d->server.n_fronts > 0) {
		(void)event_base_loop(d->base, EVLOOP_NONBLOCK);
		drive_echo(d);
	}
	io_close(&d->session);
}

#endif
