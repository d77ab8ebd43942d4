/*
 * After log-in: bytes between the client and its session, in both directions,
 * as fast as the slower side takes them. No time-out of its own: the session
 * has one.
 */
#include "lib/front/front.h"
#include "lib/base/banned.h"

#define INPUT_MAX 65536
#define PIPE_MAX  131072 /* bytes that wait before the other side is paused */

/* Hand on all that `from` has; pause it when `to` has enough. */
static void
hand_on(struct stream *from, struct stream *to)
{
	struct span in = stream_input(from);

	stream_write(to, in);
	stream_consume(from, in.n);
	if (stream_pending(to) > PIPE_MAX)
		stream_pause(from, true);
}

static void
on_input(void *ctx)
{
	struct front *f = ctx;

	if (f->client != NULL)
		hand_on(f->session, f->client);
}

static void
on_drained(void *ctx)
{
	struct front *f = ctx;

	if (f->client != NULL)
		stream_pause(f->client, false);
}

static void
on_closed(void *ctx, const struct why *why)
{
	struct front *f = ctx;

	(void)why; /* the session has logged it */
	stream_free(&f->session);
	if (f->client == NULL)
		front_free(f);
	else
		front_close(f);
}

static const struct stream_ops ops = {
    .on_input = on_input, .on_drained = on_drained, .on_closed = on_closed};

void
front_pipe_start(struct front *f, int fd)
{
	f->phase = FRONT_PIPE;
	f->session = stream_new(f->server->w->base, fd, INPUT_MAX, &ops, f);
	evtimer_del(f->timer);
	/* what came behind the password is the session's */
	stream_pause(f->client, false);
}

void
front_pipe_input(struct front *f)
{
	if (f->session != NULL)
		hand_on(f->client, f->session);
}

void
front_pipe_drained(struct front *f)
{
	if (f->session != NULL)
		stream_pause(f->session, false);
}

void
front_pipe_closed(struct front *f)
{
	stream_free(&f->client);
	stream_pause(f->session, false);
	stream_finish(f->session);
}
