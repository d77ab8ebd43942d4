/*
 * One POP3 connection at the front: see front.h. Owns both streams. Lines
 * before log-in are wiped when they are used up, since each may hold a
 * password.
 */
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/ev/peer.h"
#include "lib/log/log.h"
#include "pop3d/front.h"
#include "pop3d/front_cmd.h"
#include "pop3d/front_reply.h"
#include "lib/base/banned.h"

#define INPUT_MAX  65536
#define FRONT_LINE 12288 /* RFC 4954's, which is what clients have for AUTH */
#define ERRORS_MAX 20

bool
front_may_login(const struct front *f)
{
	return stream_tls(f->client) != NULL ||
	       f->server->w->conf->auth.allow_plaintext;
}

void
front_close(struct front *f)
{
	f->state = FRONT_CLOSED;
	f->auth_id = 0;
	io_close(&f->session_fd);
	stream_pause(f->client, false);
	stream_finish(f->client);
}

void
front_error(struct front *f)
{
	if (f->state == FRONT_CLOSED || ++f->errors <= ERRORS_MAX)
		return;
	f->errors = 0; /* or this reply would count too */
	front_reply(f, FRONT_REPLY_TOO_MANY_ERRORS, SPAN_NONE);
	front_close(f);
}

void
front_stop(struct front *f)
{
	if (f->state == FRONT_CLOSED)
		return;
	if (f->state == FRONT_PIPE) {
		/* RFC 1939: without QUIT nothing is removed */
		front_free(f);
		return;
	}
	front_reply(f, FRONT_REPLY_STOPPING, SPAN_NONE);
	front_close(f);
}

static void
take_line(struct front *f, struct span text)
{
	if (f->state == FRONT_SASL)
		front_cmd_sasl(f, text);
	else
		front_cmd_dispatch(f, text);
}

static void
too_long(struct front *f)
{
	if (f->state == FRONT_SASL)
		f->state = FRONT_GREETED;
	front_reply(f, FRONT_REPLY_TOO_LONG, SPAN_NONE);
}

static void
on_input(void *ctx)
{
	struct front *f = ctx;

	while ((f->state & (FRONT_COMMANDS | FRONT_SASL)) != 0) {
		struct span text, in = stream_input(f->client);
		size_t used;
		enum line_kind kind = line_next(&f->line, in, &text, &used);

		if (kind == LINE_WHOLE)
			take_line(f, text);
		else if (kind == LINE_TOO_LONG)
			too_long(f);
		/* after STLS what was there is gone already */
		if (stream_input(f->client).n >= used)
			stream_consume_secret(f->client, used);
		if (kind == LINE_NONE)
			return;
	}
	if (f->state == FRONT_PIPE)
		front_pipe_input(f);
}

static void
on_drained(void *ctx)
{
	struct front *f = ctx;

	if (f->state == FRONT_PIPE)
		front_pipe_drained(f);
}

static void
on_secured(void *ctx)
{
	struct front *f = ctx;
	SSL *ssl = stream_tls(f->client);

	LOG(POP3_TLS, log_text(id_span(&f->sid)), log_str(SSL_get_version(ssl)),
	    log_str(SSL_get_cipher_name(ssl)));
	if (f->implicit_tls && f->state == FRONT_GREETED)
		front_reply(f, FRONT_REPLY_GREETING,
		    span_of(f->server->w->conf->hostname));
}

static void
on_closed(void *ctx, const struct why *why)
{
	struct front *f = ctx;

	LOG(POP3_CLOSE, log_text(id_span(&f->sid)),
	    log_str(why == NULL ? "closed" : why->text));
	if (f->session != NULL)
		front_pipe_closed(f);
	else
		front_free(f);
}

static const struct stream_ops ops = {.on_input = on_input,
    .on_drained = on_drained,
    .on_secured = on_secured,
    .on_closed = on_closed};

static void
greet(struct front *f)
{
	struct front_server *server = f->server;

	if (f->implicit_tls && server->tls == NULL) {
		front_close(f);
	} else if (server->w->stopping && !f->implicit_tls) {
		front_stop(f);
	} else if (server->n_fronts > server->w->conf->pop3.max_sessions ||
		   server->w->stopping) {
		/* a handshake to say so would cost what is short */
		if (!f->implicit_tls)
			front_reply(f, FRONT_REPLY_TOO_MANY, SPAN_NONE);
		front_close(f);
	} else if (f->implicit_tls) {
		stream_start_tls(f->client, server->tls);
	} else {
		front_reply(f, FRONT_REPLY_GREETING,
		    span_of(server->w->conf->hostname));
	}
}

void
front_new(struct front_server *server, bool implicit_tls, int fd)
{
	struct front *f = mem_alloc(sizeof(*f));

	f->server = server;
	f->implicit_tls = implicit_tls;
	f->state = FRONT_GREETED;
	f->session_fd = -1;
	f->line.max = FRONT_LINE;
	f->sid = id_new();
	f->address = peer_address(fd);
	f->client = stream_new(server->w->base, fd, INPUT_MAX, &ops, f);
	TAILQ_INSERT_TAIL(&server->fronts, f, next);
	server->n_fronts++;
	LOG(POP3_CONNECT, log_text(id_span(&f->sid)), log_str(f->address),
	    log_str(implicit_tls ? "pop3s" : "pop3"));
	/* for all that comes before the log-in, handshakes and authd too */
	stream_deadline(f->client, server->w->conf->pop3.login_timeout);
	greet(f);
}

void
front_free(struct front *f)
{
	struct front_server *server = f->server;

	TAILQ_REMOVE(&server->fronts, f, next);
	server->n_fronts--;
	stream_free(&f->client);
	stream_free(&f->session);
	io_close(&f->session_fd);
	free(f->address);
	free(f->user);
	free(f);
	if (server->w->draining && server->n_fronts == 0)
		worker_done(server->w);
}
