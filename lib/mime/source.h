/*
 * Where a message's bytes come from: a callback that reads at an offset, so
 * that no message is ever held whole. Offsets here are those of the file; see
 * index.h for the offsets that IMAP sees.
 */
#ifndef LIB_MIME_SOURCE_H
#define LIB_MIME_SOURCE_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/base/span.h"

/*
 * Up to n bytes (n > 0) at `at` into `to`: their count, which may be less
 * than asked; 0 at the end; -1 with errno set.
 */
typedef ssize_t mime_source_read(void *arg, uint64_t at, void *to, size_t n);

struct mime_source {
	mime_source_read *read;
	void *arg; /* borrowed */
};

/* Over an open file; *fd is borrowed and read with pread(2). */
struct mime_source mime_source_fd(int *fd);
/* Over bytes in memory; *bytes is borrowed. */
struct mime_source mime_source_span(struct span *bytes);

#endif
