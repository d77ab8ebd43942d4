/*
 * Sources over files and memory: see source.h.
 */
#include <errno.h>
#include <unistd.h>

#include "lib/mime/source.h"
#include "lib/base/banned.h"

static ssize_t
read_fd(void *arg, uint64_t at, void *to, size_t n)
{
	const int *fd = arg;
	ssize_t got;

	do
		got = pread(*fd, to, n, (off_t)at);
	while (got < 0 && errno == EINTR);
	return got;
}

static ssize_t
read_span(void *arg, uint64_t at, void *to, size_t n)
{
	const struct span *bytes = arg;

	if (at >= bytes->n)
		return 0;
	if (n > bytes->n - at)
		n = bytes->n - (size_t)at;
	memcpy(to, bytes->p + at, n);
	return (ssize_t)n;
}

struct mime_source
mime_source_fd(int *fd)
{
	return (struct mime_source){read_fd, fd};
}

struct mime_source
mime_source_span(struct span *bytes)
{
	return (struct mime_source){read_span, bytes};
}
