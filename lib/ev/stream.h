/*
 * One connection to the outside, plain or TLS alike: input, output, deadline,
 * pause. The protocol above sees bytes and an end, never a socket.
 */
#ifndef LIB_EV_STREAM_H
#define LIB_EV_STREAM_H

#include <event2/event.h>
#include <sys/socket.h>
#include <openssl/ssl.h>
#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/why.h"

struct stream;

struct stream_ops {
	/* There is new input; take from it with stream_consume(). */
	void (*on_input)(void *ctx);
	/* All output has gone to the kernel (may be NULL). */
	void (*on_drained)(void *ctx);
	/* The TLS handshake is done (may be NULL). */
	void (*on_secured)(void *ctx);
	/* It is connected (stream_connect only; may be NULL). */
	void (*on_connected)(void *ctx);
	/*
	 * The deadline has come; the owner says so to the other end, and ends
	 * it. NULL: it is over, told by on_closed.
	 */
	void (*on_timeout)(void *ctx);
	/*
	 * The connection is over: why is NULL when the other end closed it in
	 * order, else it says what happened (reset, deadline, bad TLS). Called
	 * once; the owner frees the stream.
	 */
	void (*on_closed)(void *ctx, const struct why *why);
};

/*
 * fd is taken; it does not block. Input that is not consumed is kept up to
 * in_max bytes; one who leaves more has not understood it, and it ends.
 */
struct stream *stream_new(struct event_base *base, int fd, size_t in_max,
    const struct stream_ops *ops, void *ctx);
/*
 * A TCP connection to an address (borrowed), begun here; whether it comes is
 * told by on_connected or on_closed. Output written before waits for it. How
 * long that may take is the caller's stream_deadline().
 */
struct stream_peer {
	const struct sockaddr *address;
	socklen_t len;
	const struct sockaddr *source; /* to go out from, its port 0 */
	socklen_t source_len;          /* 0: any */
	size_t in_max;
};
struct stream *stream_connect(struct event_base *base,
    const struct stream_peer *peer, const struct stream_ops *ops, void *ctx);
/* Closes at once; accepts NULL inside. Allowed in every callback. */
void stream_free(struct stream **s);

/* What has come and is not consumed; borrowed until the next call. */
struct span stream_input(const struct stream *s);
void stream_consume(struct stream *s, size_t n);
/* The same, and overwrite them: there was a password among them. */
void stream_consume_secret(struct stream *s, size_t n);

/*
 * Queue output; what is written within on_input goes out together behind it.
 * A peer that lets more than STREAM_OUT_MAX bytes wait is closed.
 */
void stream_write(struct stream *s, struct span text);
#define STREAM_OUT_MAX (1U << 20)
/* Bytes that wait to go out. */
size_t stream_pending(const struct stream *s);

/*
 * From here on TLS, as server. Unconsumed input is thrown away: it came in
 * clear and must not count as protected. Output queued before goes out first,
 * in clear. The context is referenced.
 */
void stream_start_tls(struct stream *s, SSL_CTX *ctx);
/*
 * The same as client, with a connection that knows whom it wants to find there
 * (lib/tls/client.h) and is taken. on_closed says why a handshake failed.
 */
void stream_start_tls_client(struct stream *s, SSL *ssl);
/* NULL while in clear. Borrowed. */
SSL *stream_tls(const struct stream *s);

/* Stop and go on reading. Input kept while paused is told again. */
void stream_pause(struct stream *s, bool paused);
/* on_timeout, or else on_closed with a reason, unless called again within ms;
 * 0: none. */
void stream_deadline(struct stream *s, uint64_t ms);
/*
 * Send what waits, then TLS close-notify and the end; on_closed(NULL) when the
 * other end has closed too, or a little later. Input is thrown away from here
 * on.
 */
void stream_finish(struct stream *s);

#endif
