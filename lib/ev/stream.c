/*
 * One connection to the outside: see stream.h. Owns the socket, the TLS state
 * and both buffers. Invariant: no callback of the owner runs inside a call
 * that the owner makes; they run from the event loop only.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/ev/stream.h"
#include "lib/base/banned.h"

#define READ_STEP 16384
#define FINISH_MS 10000 /* for the last reply to be taken */
#define LINGER_MS 2000  /* for the other end to close then */

struct stream {
	const struct stream_ops *ops;
	void *ctx;
	int fd;
	SSL *ssl;
	SSL *tls_due; /* start TLS when the output is out */
	struct buf in;
	size_t in_off; /* consumed */
	struct buf out;
	struct event *ev_read;
	struct event *ev_write;
	struct event *ev_turn; /* things to do from the loop */
	struct event *timer;
	bool client; /* of TLS */
	bool connecting;
	bool handshaking;
	bool paused;
	bool finishing;
	bool lingering; /* all is said: waits for the other end */
	bool input_due; /* tell of kept input again */
	bool over;
	bool failed;
	bool in_turn;
	bool freed;
	struct why why;
};

static void
destroy(struct stream *s)
{
	SSL_free(s->ssl);
	SSL_free(s->tls_due);
	event_free(s->ev_read);
	event_free(s->ev_write);
	event_free(s->ev_turn);
	event_free(s->timer);
	buf_fini(&s->in);
	buf_fini(&s->out);
	io_close(&s->fd);
	free(s);
}

/* The owner hears of the end from the loop. */
static void
end(struct stream *s, const struct why *why)
{
	if (s->over)
		return;
	s->over = true;
	if (why != NULL) {
		s->failed = true;
		s->why = *why;
	}
	event_del(s->ev_read);
	event_del(s->ev_write);
	event_active(s->ev_turn, EV_TIMEOUT, 0);
}

static void
fail(struct stream *s, const char *what)
{
	struct why why;

	why_set(&why, RC_TEMP, "4.4.2", "%s", what);
	end(s, &why);
}

/* What the other side's certificate lacks, or that it broke off. */
static void
fail_tls(struct stream *s)
{
	long verdict = SSL_get_verify_result(s->ssl);
	struct why why;

	if (!s->handshaking)
		why_set(&why, RC_TEMP, "4.4.2", "TLS error");
	else if (SSL_get_verify_mode(s->ssl) != SSL_VERIFY_NONE &&
		 verdict != X509_V_OK)
		why_set(&why, RC_TEMP, "4.7.5", "TLS handshake failed: %s",
		    X509_verify_cert_error_string(verdict));
	else
		why_set(&why, RC_TEMP, "4.7.5", "TLS handshake failed");
	end(s, &why);
}

/* >0 bytes, 0 try later, -1 over */
static ssize_t
tls_result(struct stream *s, int r)
{
	int err = SSL_get_error(s->ssl, r);

	if (err == SSL_ERROR_WANT_READ)
		return 0;
	if (err == SSL_ERROR_WANT_WRITE) {
		event_add(s->ev_write, NULL);
		return 0;
	}
	/* many clients close without close-notify: an end like any other */
	if (err == SSL_ERROR_ZERO_RETURN || err == SSL_ERROR_SYSCALL ||
	    ERR_GET_REASON(ERR_peek_error()) ==
		SSL_R_UNEXPECTED_EOF_WHILE_READING)
		end(s, NULL);
	else
		fail_tls(s);
	return -1;
}

static ssize_t
read_some(struct stream *s, char *to, size_t n)
{
	ssize_t r;

	if (s->ssl != NULL) {
		ERR_clear_error();
		r = SSL_read(s->ssl, to, (int)n);
		return r > 0 ? r : tls_result(s, (int)r);
	}
	do
		r = recv(s->fd, to, n, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	if (r > 0)
		return r;
	if (r < 0 && errno == EAGAIN)
		return 0;
	if (r == 0)
		end(s, NULL);
	else
		fail(s, "connection reset");
	return -1;
}

static ssize_t
write_some(struct stream *s, const char *p, size_t n)
{
	ssize_t r;

	if (s->ssl != NULL) {
		ERR_clear_error();
		r = SSL_write(s->ssl, p, n > READ_STEP ? READ_STEP : (int)n);
		return r > 0 ? r : tls_result(s, (int)r);
	}
	do
		r = send(s->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	if (r >= 0)
		return r;
	if (errno == EAGAIN)
		return 0;
	fail(s, "connection reset");
	return -1;
}

static void
handshake(struct stream *s)
{
	int r;

	ERR_clear_error();
	r = s->client ? SSL_connect(s->ssl) : SSL_accept(s->ssl);
	if (r != 1) {
		(void)tls_result(s, r); /* sets over where it is */
		return;
	}
	s->handshaking = false;
	if (s->ops->on_secured != NULL)
		s->ops->on_secured(s->ctx);
}

static void
begin_tls(struct stream *s)
{
	s->ssl = s->tls_due;
	s->tls_due = NULL;
	if (SSL_set_fd(s->ssl, s->fd) != 1) {
		fail(s, "TLS cannot be set up");
		return;
	}
	s->handshaking = true;
	/* a client speaks first; in a turn of its own */
	if (s->client)
		event_active(s->ev_turn, EV_TIMEOUT, 0);
	if (!s->paused)
		event_add(s->ev_read, NULL);
}

/*
 * A socket that is closed with unread input is reset, and the reset overtakes
 * the last reply. So the other end is given time to close first, and what it
 * still says is thrown away.
 */
static void
linger(struct stream *s)
{
	struct timeval tv = {LINGER_MS / 1000, 0};

	if (s->over || s->lingering)
		return;
	if (s->ssl != NULL)
		(void)SSL_shutdown(s->ssl); /* best effort */
	if (shutdown(s->fd, SHUT_WR) < 0) {
		end(s, NULL);
		return;
	}
	s->lingering = true;
	event_add(s->timer, &tv);
	event_add(s->ev_read, NULL);
}

static void
discard(struct stream *s)
{
	char waste[4096];
	ssize_t r = recv(s->fd, waste, sizeof(waste), MSG_DONTWAIT);

	if (r == 0 || (r < 0 && errno != EAGAIN && errno != EINTR))
		end(s, NULL);
}

static void
flush(struct stream *s)
{
	size_t done = 0;

	if (s->over || s->handshaking || s->connecting)
		return;
	while (done < s->out.n) {
		ssize_t w = write_some(s, s->out.p + done, s->out.n - done);

		if (w <= 0)
			break;
		done += (size_t)w;
	}
	buf_drop(&s->out, done);
	if (s->over)
		return;
	if (s->out.n > 0) {
		event_add(s->ev_write, NULL);
		return;
	}
	buf_fini(&s->out);
	if (s->tls_due != NULL)
		begin_tls(s);
	if (done > 0 && s->ops->on_drained != NULL)
		s->ops->on_drained(s->ctx);
	/* said just now: in another turn, so that others come to theirs */
	if (!s->over && s->out.n > 0)
		event_add(s->ev_write, NULL);
	if (s->finishing && s->out.n == 0)
		linger(s);
}

static void
tell_input(struct stream *s)
{
	size_t before;

	do {
		before = s->in.n - s->in_off;
		if (before == 0 || s->paused || s->over || s->freed ||
		    s->tls_due != NULL || s->finishing)
			break;
		s->ops->on_input(s->ctx);
	} while (!s->freed && s->in.n - s->in_off < before);
	if (s->freed)
		return;
	buf_drop(&s->in, s->in_off);
	s->in_off = 0;
	if (s->in.n == 0)
		buf_fini(&s->in);
}

/* The socket is writable: it is connected, or never will be. */
static void
connected(struct stream *s)
{
	socklen_t n = sizeof(int);
	struct why why;
	int err = 0;

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
		err = errno;
	if (err != 0) {
		errno = err;
		why_sys(&why, RC_TEMP, "4.4.1", "no connection");
		end(s, &why);
		return;
	}
	s->connecting = false;
	if (!s->paused)
		event_add(s->ev_read, NULL);
	if (s->ops->on_connected != NULL)
		s->ops->on_connected(s->ctx);
}

/* Everything that the loop does with the stream happens in one such turn. */
static void
turn(struct stream *s, bool readable)
{
	if (s->lingering) {
		discard(s);
		return;
	}
	s->in_turn = true;
	if (s->handshaking)
		handshake(s);
	/* before the end may be read behind it */
	if (s->input_due && !s->freed) {
		s->input_due = false;
		tell_input(s);
	}
	while (readable && !s->over && !s->freed && !s->paused &&
	       !s->handshaking && s->tls_due == NULL && !s->finishing) {
		size_t room = s->in.max - s->in.n;
		char *to;
		ssize_t r;

		if (room > READ_STEP)
			room = READ_STEP;
		if (room == 0) {
			fail(s, "input is not understood");
			break;
		}
		to = buf_reserve(&s->in, room);
		r = read_some(s, to, room);
		if (r > 0)
			s->in.n += (size_t)r;
		if (r <= 0)
			break;
		tell_input(s);
		/* in clear one read a turn, so that others come to theirs;
		 * TLS may hold decrypted bytes that no event tells of */
		if (s->freed || s->ssl == NULL || SSL_pending(s->ssl) == 0)
			break;
	}
	if (!s->freed)
		flush(s);
	s->in_turn = false;
	if (s->freed)
		destroy(s);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	/* most pauses end before anything comes: it is not worth two system
	 * calls to stop listening for all of them */
	if (s->paused && !s->lingering)
		event_del(s->ev_read);
	else
		turn(s, true);
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	if (s->connecting) {
		s->in_turn = true;
		connected(s);
		s->in_turn = false;
		if (s->freed) {
			destroy(s);
			return;
		}
	}
	turn(s, false);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	if (s->over) {
		s->ops->on_closed(s->ctx, s->failed ? &s->why : NULL);
		return;
	}
	if (s->connecting)
		return;
	/* decrypted bytes may wait where no event tells of them */
	turn(s,
	    s->ssl != NULL && !s->handshaking && SSL_has_pending(s->ssl) == 1);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	if (s->finishing)
		end(s, NULL);
	else if (s->ops->on_timeout != NULL && !s->over)
		s->ops->on_timeout(s->ctx);
	else
		fail(s, "timed out");
}

/* Without a socket yet when it is -1. */
static struct stream *
make(struct event_base *base, int fd, size_t in_max)
{
	struct stream *s = mem_alloc(sizeof(*s));

	s->fd = fd;
	buf_init(&s->in, in_max);
	buf_init(&s->out, STREAM_OUT_MAX);
	s->ev_read = event_new(base, fd, EV_READ | EV_PERSIST, on_read, s);
	s->ev_write = event_new(base, fd, EV_WRITE, on_write, s);
	s->ev_turn = event_new(base, -1, 0, on_turn, s);
	s->timer = evtimer_new(base, on_timer, s);
	if (s->ev_read == NULL || s->ev_write == NULL || s->ev_turn == NULL ||
	    s->timer == NULL)
		bug("event_new");
	return s;
}

struct stream *
stream_new(struct event_base *base, int fd, size_t in_max,
    const struct stream_ops *ops, void *ctx)
{
	struct stream *s = make(base, fd, in_max);

	s->ops = ops;
	s->ctx = ctx;
	event_add(s->ev_read, NULL);
	return s;
}

/* The port is chosen at connect(2), when it is known to whom: so that there
 * are as many for each of them. */
static bool
bind_source(int fd, const struct stream_peer *peer)
{
	int on = 1;

	if (peer->source_len == 0)
		return true;
	return setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
		   sizeof(on)) == 0 &&
	       bind(fd, peer->source, peer->source_len) == 0;
}

struct stream *
stream_connect(struct event_base *base, const struct stream_peer *peer,
    const struct stream_ops *ops, void *ctx)
{
	int fd = socket(peer->address->sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stream *s = make(base, fd, peer->in_max);
	struct why why;
	int on = 1;

	s->ops = ops;
	s->ctx = ctx;
	s->connecting = true;
	/* fails on sockets that are not TCP, which do not need it */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fd >= 0 && !bind_source(fd, peer)) {
		why_sys(&why, RC_TEMP, "4.4.1", "source address");
		end(s, &why);
		return s;
	}
	if (fd >= 0 && (connect(fd, peer->address, peer->len) == 0 ||
			   errno == EINPROGRESS)) {
		event_add(s->ev_write, NULL);
		return s;
	}
	why_sys(&why, RC_TEMP, "4.4.1", "no connection");
	end(s, &why);
	return s;
}

void
stream_free(struct stream **stream)
{
	struct stream *s = *stream;

	*stream = NULL;
	if (s == NULL)
		return;
	s->freed = true;
	s->over = true;
	if (!s->in_turn)
		destroy(s);
}

struct span
stream_input(const struct stream *s)
{
	return (struct span){s->in.p + s->in_off, s->in.n - s->in_off};
}

void
stream_consume(struct stream *s, size_t n)
{
	if (n > s->in.n - s->in_off)
		bug("more consumed than there was");
	s->in_off += n;
}

void
stream_consume_secret(struct stream *s, size_t n)
{
	size_t at = s->in_off;

	stream_consume(s, n);
	secret_wipe(s->in.p + at, n);
}

void
stream_write(struct stream *s, struct span text)
{
	if (s->over)
		return;
	if (!buf_put_span(&s->out, text)) {
		fail(s, "the other end does not read");
		return;
	}
	if (!s->in_turn)
		event_active(s->ev_turn, EV_TIMEOUT, 0);
}

size_t
stream_pending(const struct stream *s)
{
	return s->out.n;
}

static void
start_tls(struct stream *s, SSL *ssl)
{
	if (s->ssl != NULL || s->tls_due != NULL || s->over) {
		SSL_free(ssl);
		return;
	}
	buf_fini(&s->in);
	s->in_off = 0;
	s->input_due = false;
	s->tls_due = ssl;
	event_del(s->ev_read);
	if (!s->in_turn)
		event_active(s->ev_turn, EV_TIMEOUT, 0);
}

void
stream_start_tls(struct stream *s, SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);

	if (ssl == NULL)
		bug("SSL_new");
	start_tls(s, ssl);
}

void
stream_start_tls_client(struct stream *s, SSL *ssl)
{
	s->client = true;
	start_tls(s, ssl);
}

SSL *
stream_tls(const struct stream *s)
{
	return s->handshaking ? NULL : s->ssl;
}

void
stream_pause(struct stream *s, bool paused)
{
	if (s->paused == paused || s->over)
		return;
	s->paused = paused;
	if (paused || s->connecting)
		return;
	event_add(s->ev_read, NULL);
	s->input_due = true;
	event_active(s->ev_turn, EV_TIMEOUT, 0);
}

void
stream_deadline(struct stream *s, uint64_t ms)
{
	struct timeval tv = {(time_t)(ms / 1000), (int)(ms % 1000) * 1000};

	if (s->finishing)
		return;
	if (ms == 0)
		event_del(s->timer);
	else
		event_add(s->timer, &tv);
}

void
stream_finish(struct stream *s)
{
	struct timeval tv = {FINISH_MS / 1000, 0};

	if (s->over || s->finishing)
		return;
	s->finishing = true;
	event_add(s->timer, &tv);
	if (!s->in_turn)
		event_active(s->ev_turn, EV_TIMEOUT, 0);
}
