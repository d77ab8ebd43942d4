/*
 * The message as IMAP sees it: every line end CRLF. An offset in that view
 * leads back to one in the file by way of a sparse index: a point each 64 kB
 * (of a message over 1 GB: 16,384 points), so that a reader that seeks scans
 * no more than that far.
 */
#ifndef LIB_MIME_INDEX_H
#define LIB_MIME_INDEX_H

#include "lib/mime/cursor.h"

/* The byte at `file` in the file is the one at `view` in the view, and no LF
 * whose CR stands before it. */
struct mime_point {
	uint64_t file;
	uint64_t view;
};

struct mime_index {
	struct mime_point *points; /* ascending; the first is 0, 0 */
	size_t n;
	size_t cap;
	uint64_t step;
};

/* For a file of about `size` bytes. */
void mime_index_init(struct mime_index *x, uint64_t size);
void mime_index_fini(struct mime_index *x);
/* Told each line in order; `view` is where the line begins in the view. */
void mime_index_line(
    struct mime_index *x, const struct mime_line *line, uint64_t view);
/* The last point at or before `view`. */
struct mime_point mime_index_find(const struct mime_index *x, uint64_t view);

#endif
