/*
 * Lines: see cursor.h. What is unread moves to the front of the buffer only
 * when it is less than a line, and a byte is searched for LF once: linear
 * whatever the line lengths and however little the source gives at a time.
 */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/mime/cursor.h"
#include "lib/base/banned.h"

#define CAP_MAX ((size_t)2 * MIME_LINE_MAX)

void
mime_cursor_init(struct mime_cursor *c, const struct mime_source *source,
    uint64_t at, uint64_t end)
{
	uint64_t want = end > at ? end - at : 0;

	*c = (struct mime_cursor){.source = source, .at = at, .end = end};
	c->cap = want < CAP_MAX ? (size_t)want + 1 : CAP_MAX;
	c->buf = mem_alloc(c->cap);
}

void
mime_cursor_fini(struct mime_cursor *c)
{
	free(c->buf);
	c->buf = NULL;
}

/* Append to the buffer, at `at` of the file. False: no more. */
static bool
fill(struct mime_cursor *c, uint64_t at)
{
	size_t room = c->cap - c->n;
	ssize_t got;

	if (at >= c->end || c->failed)
		return false;
	if (room > c->end - at)
		room = (size_t)(c->end - at);
	got = c->source->read(c->source->arg, at, c->buf + c->n, room);
	if (got < 0)
		c->failed = true;
	/* a file that became shorter ends here, for good */
	if (got == 0)
		c->end = at;
	if (got > 0)
		c->n += (size_t)got;
	return got > 0;
}

static void
to_front(struct mime_cursor *c)
{
	if (c->pos > 0) {
		memmove(c->buf, c->buf + c->pos, c->n - c->pos);
		c->n -= c->pos;
		c->pos = 0;
	}
}

/* The buffer begins with the line and is full of it: go on behind the text
 * that is kept. `lost` counts content that is in the buffer no more. */
static bool
skip_rest(struct mime_cursor *c, uint64_t *lost, size_t *lf)
{
	bool more = true;
	const char *nl = NULL;

	while (nl == NULL && more) {
		/* the last byte stays: it may be the line end's CR */
		size_t drop = c->n - 1 - MIME_LINE_MAX;

		c->buf[MIME_LINE_MAX] = c->buf[c->n - 1];
		c->n -= drop;
		*lost += drop;
		more = fill(c, c->at + *lost + c->n);
		nl = memchr(c->buf + MIME_LINE_MAX, '\n', c->n - MIME_LINE_MAX);
	}
	*lf = nl == NULL ? c->n : (size_t)(nl - c->buf);
	return nl != NULL;
}

bool
mime_cursor_line(struct mime_cursor *c, struct mime_line *line)
{
	uint64_t lost = 0;
	bool found = false;
	size_t lf = c->pos; /* no LF in front of it */

	for (;;) {
		const char *nl = memchr(c->buf + lf, '\n', c->n - lf);

		found = nl != NULL;
		lf = found ? (size_t)(nl - c->buf) : c->n;
		if (found)
			break;
		lf -= c->pos;
		to_front(c);
		if (c->n == c->cap && c->cap == CAP_MAX) {
			found = skip_rest(c, &lost, &lf);
			break;
		}
		if (!fill(c, c->at + c->n))
			break;
	}
	if (c->failed || (!found && lf == c->pos))
		return false;
	*line = (struct mime_line){.at = c->at};
	line->len = lost + lf - c->pos;
	line->eol = found ? 1 : 0;
	if (found && lf > c->pos && c->buf[lf - 1] == '\r') {
		line->len--;
		line->eol = 2;
	}
	line->end = line->at + line->len + line->eol;
	line->text = span_make(c->buf + c->pos,
	    line->len < MIME_LINE_MAX ? (size_t)line->len : MIME_LINE_MAX);
	c->pos = found ? lf + 1 : lf;
	c->at = line->end;
	return true;
}

int
mime_cursor_peek(struct mime_cursor *c)
{
	if (c->pos == c->n) {
		to_front(c);
		if (!fill(c, c->at))
			return -1;
	}
	return (unsigned char)c->buf[c->pos];
}
