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
	size_t n;           /* bytes of a piece */
	uint64_t body_size; /* all of it, for a look */
	struct client_dot dot;
	bool last;
	bool looks; /* nothing is sent of it, all of it is looked at */
	struct client_body_look look;
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
	client_body_fn *on_piece;
	client_body_look_fn *on_look;
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

/* Where the header ends: behind an empty line. */
struct header_end {
	bool behind;
	size_t line; /* octets of the line so far, without its end */
};

static void
look_at(struct span s, struct header_end *h, struct client_body_look *look)
{
	for (size_t i = 0; i < s.n && !h->behind; i++) {
		char c = s.p[i];

		look->header |= (c & 0x80) != 0;
		if (c == '\n' && h->line == 0)
			h->behind = true;
		h->line = c == '\n' ? 0 : h->line + (c != '\r');
		if (h->behind)
			s = span_from(s, i + 1);
	}
	if (h->behind && !span_is_ascii(s))
		look->body = true;
}

static void
look_work(void *arg)
{
	struct piece *p = arg;
	char *raw = mem_alloc(CLIENT_BODY_PIECE);
	struct header_end h = {.behind = false};
	uint64_t left = p->body_size;
	size_t got = 1;

	while (left > 0 && got > 0 && p->err == 0) {
		size_t n =
		    left < CLIENT_BODY_PIECE ? (size_t)left : CLIENT_BODY_PIECE;

		if (!io_pread_all(p->fd, raw, n, (off_t)p->at, &got))
			p->err = errno;
		look_at(span_make(raw, got), &h, &p->look);
		p->at += got;
		left -= got;
	}
	p->short_file = p->err == 0 && left > 0;
	free(raw);
}

static void
tell(const struct piece *p, struct client_body *b)
{
	struct why why = {.rc = RC_OK};

	errno = p->err;
	if (p->err != 0)
		why_sys(&why, RC_TEMP, "4.3.0", "queue file");
	else if (p->short_file)
		why_set(&why, RC_TEMP, "4.3.0",
		    "the queue file is shorter than it was");
	if (p->looks)
		b->on_look(b->ctx, &p->look, why.rc != RC_OK ? &why : NULL);
	else
		b->on_piece(b->ctx, buf_span(&p->out), p->last,
		    why.rc != RC_OK ? &why : NULL);
}

static void
done(void *arg)
{
	struct piece *p = arg;
	struct client_body *b = p->body;

	/* the copy of the descriptor was this reading's */
	io_close(&p->fd);
	if (b != NULL) {
		b->under_way = NULL;
		if (!p->looks) {
			b->done += p->n;
			b->dot = p->dot;
		}
		tell(p, b);
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
	b->offset = offset;
	b->size = size;
	return b;
}

void
client_body_rewind(struct client_body *b)
{
	if (b->under_way != NULL)
		b->under_way->body = NULL;
	b->under_way = NULL;
	b->done = 0;
	b->dot = (struct client_dot){0};
}

void
client_body_next(struct client_body *b, client_body_fn *on_piece, void *ctx)
{
	uint64_t left = b->size - b->done;
	struct piece *p;

	if (b->under_way != NULL)
		return;
	p = mem_alloc(sizeof(*p));
	p->body = b;
	p->fd = -1;
	p->at = b->offset + b->done;
	p->n = left < CLIENT_BODY_PIECE ? (size_t)left : CLIENT_BODY_PIECE;
	p->last = p->n == left;
	p->dot = b->dot;
	buf_init(&p->out, 2 * CLIENT_BODY_PIECE + 16);
	b->under_way = p;
	b->on_piece = on_piece;
	b->ctx = ctx;
	if (work_now(p, b->fd)) {
		pool_later(b->pool, done, p);
		return;
	}
	p->fd = fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
	pool_submit(b->pool, work, done, p);
}

void
client_body_look(struct client_body *b, client_body_look_fn *on_look, void *ctx)
{
	struct piece *p;

	if (b->under_way != NULL)
		return;
	p = mem_alloc(sizeof(*p));
	p->body = b;
	p->looks = true;
	p->at = b->offset;
	p->body_size = b->size;
	p->fd = fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
	b->under_way = p;
	b->on_look = on_look;
	b->ctx = ctx;
	pool_submit(b->pool, look_work, done, p);
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
	io_close(&b->fd);
	free(b);
}
