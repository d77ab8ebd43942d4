/*
 * File descriptors: see io.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

#define READ_STEP 16384

void
io_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd); /* the descriptor is gone either way */
	*fd = -1;
	errno = saved;
}

bool
io_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return false;
		p += w;
		n -= (size_t)w;
	}
	return true;
}

bool
io_pread_all(int fd, void *p, size_t n, off_t at, size_t *got)
{
	*got = 0;
	while (*got < n) {
		ssize_t r =
		    pread(fd, (char *)p + *got, n - *got, at + (off_t)*got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return false;
		if (r == 0)
			break;
		*got += (size_t)r;
	}
	return true;
}

enum rc
io_read_file(int fd, struct buf *b, struct why *why)
{
	off_t at = 0;

	for (;;) {
		size_t want = b->max - b->n, got;
		char *to;

		if (want > READ_STEP)
			want = READ_STEP;
		to = buf_reserve(b, want);
		if (to == NULL)
			bug("room was asked for what is allowed");
		if (!io_pread_all(fd, to, want, at, &got))
			return why_sys(why, RC_TEMP, "4.3.0", "read");
		b->n += got;
		at += (off_t)got;
		if (got < want)
			return RC_OK;
		if (b->n == b->max)
			return why_set(why, RC_TEMP, "4.3.0",
			    "file larger than %zu bytes", b->max);
	}
}

bool
io_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

int
io_memfd(const char *name)
{
	return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int
io_open_read(int dirfd, const char *name)
{
	struct stat st;
	int fd = openat(dirfd, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	errno = EINVAL;
	io_close(&fd);
	return -1;
}

void
io_random(void *data, size_t n)
{
	char *p = data;

	while (n > 0) {
		ssize_t r = getrandom(p, n, 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			bug("getrandom");
		p += r;
		n -= (size_t)r;
	}
}
