/*
 * Pieces of a message: see client_body.h. A read owns what its thread touches
 * until it is back in the loop; who does not want it any more lets it run out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "delivery/client_body.h"
#include "delivery/client_dot.h"
#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

/* One reading, in a thread. */
struct piece {
	struct client_body *body; /* NULL: nobody waits for it */
	int fd;
	uint64_t at;
	size_t n;
	struct client_dot dot;
	bool last;
	bool short_file;
	int err;
	struct buf out;
};

struct client_body {
	struct pool *pool;
	int fd;
	uint64_t offset;
	uint64_t size;
	uint64_t done; /* bytes read */
	struct client_dot dot;
	struct piece *under_way;
	struct client_look_job *look; /* under way; NULL: none */
	int seven;           /* what is sent instead of it; -1: nothing */
	uint64_t seven_size; /* of that */
	client_body_fn *on_piece;
	client_look_fn *on_look;
	void *ctx;
};

static void
take(struct piece *p, struct span raw)
{
	client_dot_put(&p->dot, raw, &p->out);
	if (p->last)
		client_dot_end(&p->dot, &p->out);
}

static void
work(void *arg)
{
	struct piece *p = arg;
	char *raw = mem_alloc(p->n);
	size_t got = 0;

	if (!io_pread_all(p->fd, raw, p->n, (off_t)p->at, &got))
		p->err = errno;
	else if (got != p->n)
		p->short_file = true;
	else
		take(p, span_make(raw, got));
	free(raw);
}

/* Without the disk. False: it is not all there, or nobody can say. */
static bool
work_now(struct piece *p, int fd)
{
	char *raw = mem_alloc(p->n);
	const struct iovec all = {raw, p->n};
	bool there =
	    preadv2(fd, &all, 1, (off_t)p->at, RWF_NOWAIT) == (ssize_t)p->n;

	if (there)
		take(p, span_make(raw, p->n));
	free(raw);
	return there;
}

static void
done(void *arg)
{
	struct piece *p = arg;
	struct client_body *b = p->body;
	struct why why;

	/* the copy of the descriptor was this reading's */
	io_close(&p->fd);
	if (b != NULL) {
		b->under_way = NULL;
		b->done += p->n;
		b->dot = p->dot;
		errno = p->err;
		if (p->err != 0)
			why_sys(&why, RC_TEMP, "4.3.0", "queue file");
		else if (p->short_file)
			why_set(&why, RC_TEMP, "4.3.0",
			    "the queue file is shorter than it was");
		b->on_piece(b->ctx, buf_span(&p->out), p->last,
		    p->err != 0 || p->short_file ? &why : NULL);
	}
	buf_fini(&p->out);
	free(p);
}

struct client_body *
client_body_new(struct pool *pool, int fd, uint64_t offset, uint64_t size)
{
	struct client_body *b = mem_alloc(sizeof(*b));

	b->pool = pool;
	b->fd = fd;
	b->seven = -1;
	b->offset = offset;
	b->size = size;
	return b;
}

static void
looked(void *ctx, struct client_look *look, const struct why *why)
{
	struct client_body *b = ctx;

	b->look = NULL;
	b->on_look(b->ctx, look, why);
}

uint64_t
client_body_size(const struct client_body *b)
{
	return b->size;
}

void
client_body_rewind(struct client_body *b)
{
	if (b->under_way != NULL)
		b->under_way->body = NULL;
	b->under_way = NULL;
	client_look_forget(&b->look);
	b->done = 0;
	b->dot = (struct client_dot){0};
}

void
client_body_look(
    struct client_body *b, bool seven, client_look_fn *on_look, void *ctx)
{
	const struct client_look_at at = {b->fd, b->offset, b->size, seven};

	client_look_forget(&b->look);
	b->on_look = on_look;
	b->ctx = ctx;
	b->look = client_look_start(b->pool, &at, looked, b);
}

void
client_body_use(struct client_body *b, int seven, uint64_t size)
{
	client_body_rewind(b);
	io_close(&b->seven);
	b->seven = seven;
	b->seven_size = size;
}

void
client_body_next(struct client_body *b, client_body_fn *on_piece, void *ctx)
{
	uint64_t left = (b->seven < 0 ? b->size : b->seven_size) - b->done;
	int fd = b->seven < 0 ? b->fd : b->seven;
	struct piece *p;

	if (b->under_way != NULL)
		return;
	p = mem_alloc(sizeof(*p));
	p->body = b;
	p->fd = -1;
	p->at = (b->seven < 0 ? b->offset : 0) + b->done;
	p->n = left < CLIENT_BODY_PIECE ? (size_t)left : CLIENT_BODY_PIECE;
	p->last = p->n == left;
	p->dot = b->dot;
	buf_init(&p->out, 2 * CLIENT_BODY_PIECE + 16);
	b->under_way = p;
	b->on_piece = on_piece;
	b->ctx = ctx;
	if (work_now(p, fd)) {
		pool_later(b->pool, done, p);
		return;
	}
	p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	pool_submit(b->pool, work, done, p);
}

void
client_body_free(struct client_body **body)
{
	struct client_body *b = *body;

	*body = NULL;
	if (b == NULL)
		return;
	if (b->under_way != NULL)
		b->under_way->body = NULL;
	client_look_forget(&b->look);
	io_close(&b->fd);
	io_close(&b->seven);
	free(b);
}
