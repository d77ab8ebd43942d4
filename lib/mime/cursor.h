/*
 * Lines of a range of a source, in order, each byte read once. A line ends
 * with LF; a CR right before the LF belongs to the line end, any other CR is
 * content. A line may be longer than what is kept of it: its length is right
 * all the same. At most 2 * MIME_LINE_MAX bytes of memory.
 */
#ifndef LIB_MIME_CURSOR_H
#define LIB_MIME_CURSOR_H

#include <stdbool.h>

#include "lib/mime/source.h"

/* bytes of a line that are shown; a header field keeps no more either */
#define MIME_LINE_MAX 65536

struct mime_cursor {
	const struct mime_source *source;
	uint64_t at;  /* file offset of buf[pos] */
	uint64_t end; /* nothing at or behind it is read */
	size_t pos;   /* buf[pos..n) is still to be read */
	size_t n;
	size_t cap;
	char *buf;
	bool failed; /* the source failed: errno as it left it */
};

struct mime_line {
	struct span text; /* content, cut at MIME_LINE_MAX; until next call */
	uint64_t at;      /* file offset of the first byte */
	uint64_t len;     /* content in bytes, without the line end */
	uint64_t end;     /* file offset behind the line end */
	unsigned eol;     /* bytes of line end in the file: 0 (last), 1, 2 */
};

/* Bytes of a line with its end as IMAP sees it. */
static inline uint64_t
mime_line_size(const struct mime_line *l)
{
	return l->len + (l->eol == 0 ? 0 : 2);
}

/* Lines of the file's range [at, end); the source is borrowed. */
void mime_cursor_init(struct mime_cursor *c, const struct mime_source *source,
    uint64_t at, uint64_t end);
void mime_cursor_fini(struct mime_cursor *c);
/* The next line; false at the end or when the source failed. */
bool mime_cursor_line(struct mime_cursor *c, struct mime_line *line);
/* The next line's first byte, or -1 at the end. Keeps no line's text. */
int mime_cursor_peek(struct mime_cursor *c);

#endif
