/*
 * One connection at a front: see front.h. Owns both streams. Nothing of a
 * client's input is kept here: the protocol takes it and wipes it, since each
 * command may hold a password.
 */
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/ev/peer.h"
#include "lib/front/front.h"
#include "lib/tls/burst.h"
#include "lib/base/banned.h"

#define ERRORS_MAX 20

bool
front_may_login(const struct front *f)
{
	return stream_tls(f->client) != NULL ||
	       f->server->w->conf->auth.allow_plaintext;
}

bool
front_may_start_tls(const struct front *f)
{
	return f->server->tls != NULL && stream_tls(f->client) == NULL;
}

void
front_close(struct front *f)
{
	front_sasl_cancel(f);
	f->phase = FRONT_CLOSED;
	f->auth_id = 0;
	io_close(&f->session_fd);
	evtimer_del(f->timer);
	stream_pause(f->client, false);
	stream_finish(f->client);
}

void
front_error(struct front *f)
{
	if (f->phase == FRONT_CLOSED || ++f->errors <= ERRORS_MAX)
		return;
	f->errors = 0; /* or this reply would count too */
	f->server->ops->say(f, FRONT_TOO_MANY_ERRORS, SPAN_NONE);
	front_close(f);
}

void
front_stop(struct front *f)
{
	if (f->phase == FRONT_CLOSED)
		return;
	if (f->phase == FRONT_PIPE || (f->implicit_tls && !f->greeted)) {
		/* RFC 1939: without QUIT nothing is removed */
		front_free(f);
		return;
	}
	f->server->ops->say(f, FRONT_STOPPING, SPAN_NONE);
	front_close(f);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct front *f = arg;

	(void)fd;
	(void)what;
	if (f->implicit_tls && !f->greeted) {
		/* still in the handshake: nothing can be said */
		LOG_EVENT(f->server->ops->close, log_text(id_span(&f->sid)),
		    log_str("timeout"));
		front_free(f);
		return;
	}
	f->server->ops->say(f, FRONT_TIMED_OUT, SPAN_NONE);
	front_close(f);
}

static void
on_input(void *ctx)
{
	struct front *f = ctx;

	while (f->phase == FRONT_TALK)
		if (!f->server->ops->command(f))
			return;
	if (f->phase == FRONT_PIPE)
		front_pipe_input(f);
}

static void
on_drained(void *ctx)
{
	struct front *f = ctx;

	if (f->phase == FRONT_PIPE)
		front_pipe_drained(f);
}

static void
say_hello(struct front *f)
{
	f->greeted = true;
	f->server->ops->say(
	    f, FRONT_GREETING, span_of(f->server->w->conf->hostname));
}

static void
on_secured(void *ctx)
{
	struct front *f = ctx;
	SSL *ssl = stream_tls(f->client);

	LOG_EVENT(f->server->ops->tls, log_text(id_span(&f->sid)),
	    log_str(SSL_get_version(ssl)), log_str(SSL_get_cipher_name(ssl)));
	tls_burst_note(f->server->w->base);
	if (!f->greeted && f->phase == FRONT_TALK)
		say_hello(f);
}

static void
on_closed(void *ctx, const struct why *why)
{
	struct front *f = ctx;

	LOG_EVENT(f->server->ops->close, log_text(id_span(&f->sid)),
	    log_str(why == NULL ? "closed" : why->text));
	if (f->session != NULL)
		front_pipe_closed(f);
	else
		front_free(f);
}

static const struct stream_ops stream_ops = {.on_input = on_input,
    .on_drained = on_drained,
    .on_secured = on_secured,
    .on_closed = on_closed};

/* Is it turned away, and with which words? */
static bool
is_unwelcome(struct front *f, enum front_word *word)
{
	struct front_server *server = f->server;
	struct worker *w = server->w;

	*word = FRONT_TOO_MANY;
	if (w->stopping ||
	    server->n_fronts > server->ops->max_sessions(w->conf))
		return true;
	switch (gate_enter(&server->gate, span_of(f->address), &f->ticket)) {
	case CENSUS_WELCOME:
		return false;
	case CENSUS_TOO_MANY:
		*word = FRONT_TOO_MANY_OF_CLIENT;
		break;
	case CENSUS_TOO_OFTEN:
		*word = FRONT_TOO_OFTEN;
		break;
	}
	return true;
}

static void
greet(struct front *f)
{
	struct front_server *server = f->server;
	struct worker *w = server->w;
	enum front_word word;

	if (f->implicit_tls && server->tls == NULL) {
		front_close(f);
	} else if (w->stopping && !f->implicit_tls) {
		front_stop(f);
	} else if (is_unwelcome(f, &word)) {
		/* a handshake to say so would cost what is short */
		if (!f->implicit_tls)
			server->ops->say(f, word, SPAN_NONE);
		front_close(f);
	} else if (f->implicit_tls) {
		stream_start_tls(f->client, server->tls);
	} else {
		say_hello(f);
	}
}

void
front_new(
    struct front_server *server, bool implicit_tls, int fd, const char *address)
{
	const struct front_ops *ops = server->ops;
	uint64_t ms = ops->login_timeout(server->w->conf);
	struct timeval tv = {(time_t)(ms / 1000), (int)(ms % 1000) * 1000};
	struct front *f = mem_alloc(ops->size);

	f->server = server;
	f->implicit_tls = implicit_tls;
	f->session_fd = -1;
	f->sid = id_new();
	f->address = address != NULL ? mem_dup(address) : peer_address(fd);
	f->timer = evtimer_new(server->w->base, on_timer, f);
	if (f->timer == NULL || evtimer_add(f->timer, &tv) < 0)
		bug("evtimer");
	f->client =
	    stream_new(server->w->base, fd, ops->input_max, &stream_ops, f);
	ops->init(f);
	TAILQ_INSERT_TAIL(&server->fronts, f, next);
	server->n_fronts++;
	LOG_EVENT(ops->connect, log_text(id_span(&f->sid)), log_str(f->address),
	    log_str(implicit_tls ? ops->tls_service : ops->service));
	greet(f);
}

void
front_settle(struct front_server *server)
{
	if (server->w->draining && server->n_fronts == 0 && server->door.n == 0)
		worker_done(server->w);
}

void
front_free(struct front *f)
{
	struct front_server *server = f->server;

	TAILQ_REMOVE(&server->fronts, f, next);
	server->n_fronts--;
	front_sasl_cancel(f);
	gate_leave(&server->gate, &f->ticket);
	gate_leave(&server->gate, &f->login_ticket);
	server->ops->fini(f);
	event_free(f->timer);
	stream_free(&f->client);
	stream_free(&f->session);
	io_close(&f->session_fd);
	free(f->address);
	free(f);
	front_settle(server);
}
