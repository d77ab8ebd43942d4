/*
 * Looking at a message: see client_look.h. A job owns what its thread touches
 * until it is back in the loop; who does not want it any more lets it run out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "delivery/client_look.h"
#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/mime/seven.h"
#include "lib/base/banned.h"

#define PIECE 65536

struct client_look_job {
	bool forgotten;
	int fd;
	struct client_look_at at;
	client_look_fn *on_look;
	void *ctx;
	struct client_look look;
	/* its header ends behind an empty line */
	bool behind;
	size_t line; /* octets of the line so far, without its end */
	struct why why;
};

static void
look_at(struct client_look_job *j, struct span s)
{
	size_t i = 0;

	for (; i < s.n && !j->behind; i++) {
		char c = s.p[i];

		j->look.header |= (c & 0x80) != 0;
		j->behind = c == '\n' && j->line == 0;
		j->line = c == '\n' ? 0 : j->line + (c != '\r');
	}
	j->look.body |= !span_is_ascii(span_from(s, i));
}

static enum rc
read_all(struct client_look_job *j)
{
	char *raw = mem_alloc(PIECE);
	uint64_t done = 0;
	size_t got = 1;
	bool ok = true;

	while (ok && done < j->at.size && got > 0) {
		uint64_t left = j->at.size - done;

		ok = io_pread_all(j->fd, raw,
		    left < PIECE ? (size_t)left : PIECE,
		    (off_t)(j->at.offset + done), &got);
		look_at(j, span_make(raw, got));
		done += got;
	}
	free(raw);
	if (!ok)
		return why_sys(&j->why, RC_TEMP, "4.3.0", "queue file");
	if (done < j->at.size)
		return why_set(&j->why, RC_TEMP, "4.3.0",
		    "the queue file is shorter than it was");
	return RC_OK;
}

/* The message stands at an offset of its file. */
static ssize_t
read_at(void *arg, uint64_t at, void *to, size_t n)
{
	const struct client_look_job *j = arg;
	uint64_t left = at < j->at.size ? j->at.size - at : 0;
	size_t got;

	if (n > left)
		n = (size_t)left;
	if (n == 0)
		return 0;
	return io_pread_all(j->fd, to, n, (off_t)(j->at.offset + at), &got)
		   ? (ssize_t)got
		   : -1;
}

static bool
keep(void *ctx, struct span text)
{
	struct client_look_job *j = ctx;

	j->look.size += text.n;
	return io_write_all(j->look.seven, text.p, text.n);
}

static enum rc
convert(struct client_look_job *j)
{
	const struct mime_source source = {read_at, j};
	enum rc rc;

	j->look.seven = io_memfd("seven");
	if (j->look.seven < 0)
		return why_sys(&j->why, RC_TEMP, "4.3.0", "memory file");
	rc = mime_seven(&source, j->at.size, keep, j, &j->look.why);
	if (rc == RC_OK)
		return RC_OK;
	io_close(&j->look.seven);
	if (rc == RC_TEMP)
		j->why = j->look.why;
	return rc == RC_PERM ? RC_OK : rc;
}

static void
work(void *arg)
{
	struct client_look_job *j = arg;
	enum rc rc = read_all(j);

	if (rc == RC_OK && j->at.seven && j->look.body)
		rc = convert(j);
	j->why.rc = rc;
}

static void
done(void *arg)
{
	struct client_look_job *j = arg;

	/* the copy of the descriptor was this job's */
	io_close(&j->fd);
	if (!j->forgotten)
		j->on_look(
		    j->ctx, &j->look, j->why.rc != RC_OK ? &j->why : NULL);
	io_close(&j->look.seven);
	free(j);
}

struct client_look_job *
client_look_start(struct pool *pool, const struct client_look_at *at,
    client_look_fn *on_look, void *ctx)
{
	struct client_look_job *j = mem_alloc(sizeof(*j));

	j->at = *at;
	j->fd = fcntl(at->fd, F_DUPFD_CLOEXEC, 0);
	j->look.seven = -1;
	j->on_look = on_look;
	j->ctx = ctx;
	pool_submit(pool, work, done, j);
	return j;
}

void
client_look_forget(struct client_look_job **job)
{
	if (*job != NULL)
		(*job)->forgotten = true;
	*job = NULL;
}
