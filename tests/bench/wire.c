/*
 * See wire.h.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "tests/bench/wire.h"
#include "lib/base/banned.h"

static struct {
	SSL_CTX *ctx;
	char name[80];
} t;

static SSL_CTX *
context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	/* one version, one cipher, one group: the same work for each server */
	if (ctx == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384") != 1 ||
	    SSL_CTX_set1_groups_list(ctx, "X25519") != 1)
		fatal("no TLS 1.3 here");
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
					SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					SSL_MODE_RELEASE_BUFFERS);
	return ctx;
}

void
wire_open(struct wire *w, const struct sockaddr_in *to)
{
	int on = 1;

	w->ssl = NULL;
	w->wants_out = true; /* when it is connected it can write */
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0 ||
	    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		fatal("socket: %s", strerrorname_np(errno));
	if (connect(w->fd, (const struct sockaddr *)to, sizeof(*to)) < 0 &&
	    errno != EINPROGRESS)
		fatal("connect: %s", strerrorname_np(errno));
}

void
wire_start_tls(struct wire *w)
{
	if (t.ctx == NULL)
		t.ctx = context();
	w->ssl = SSL_new(t.ctx);
	if (w->ssl == NULL || SSL_set_fd(w->ssl, w->fd) != 1)
		fatal("SSL_new");
	SSL_set_connect_state(w->ssl);
}

/* What a call of OpenSSL's returned, as wire_read() says it. */
static ssize_t
result(struct wire *w, int n)
{
	if (n > 0) {
		if (t.name[0] == '\0')
			(void)snprintf(t.name, sizeof(t.name), "%s %s",
			    SSL_get_version(w->ssl),
			    SSL_get_cipher_name(w->ssl)); /* both are short */
		return n;
	}
	switch (SSL_get_error(w->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_WANT_WRITE:
		w->wants_out = true;
		return 0;
	default:
		ERR_clear_error();
		return -1;
	}
}

ssize_t
wire_read(struct wire *w, void *p, size_t n)
{
	ssize_t got;

	if (w->ssl != NULL)
		return result(w, SSL_read(w->ssl, p, (int)n));
	got = read(w->fd, p, n);
	if (got < 0 && errno == EAGAIN)
		return 0;
	return got > 0 ? got : -1;
}

bool
wire_write(struct wire *w, struct buf *b)
{
	ssize_t n;

	w->wants_out = false;
	while (b->n > 0) {
		if (w->ssl != NULL) {
			n = result(w, SSL_write(w->ssl, b->p, (int)b->n));
		} else {
			n = write(w->fd, b->p, b->n);
			w->wants_out = n < 0 && errno == EAGAIN;
			if (w->wants_out)
				n = 0;
		}
		if (n <= 0)
			return n == 0;
		buf_drop(b, (size_t)n);
	}
	return true;
}

void
wire_close(struct wire *w)
{
	SSL_free(w->ssl);
	w->ssl = NULL;
	io_close(&w->fd);
}

const char *
wire_tls_name(void)
{
	return t.name;
}
