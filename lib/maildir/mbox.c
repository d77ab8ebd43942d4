/*
 * Appending to a file of many messages: see mbox.h. What is to be appended is
 * made ready in memory, so that the lock is held for the writing only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/maildir/mbox.h"
#include "lib/base/banned.h"

#define CHUNK   65536U
#define LOCK_MS 30000
#define POLL_MS 50
#define TRIES   10 /* of a file that others replace while we wait for it */

void
mbox_put_from(struct buf *b, const struct maildir_deliver *d)
{
	time_t at = (time_t)(d->arrived_us / 1000000);
	struct tm tm = {0};
	char when[40];

	(void)gmtime_r(&at, &tm);
	if (strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &tm) == 0)
		bug("strftime");
	buf_puts(b, "From ");
	/* a canonical address has no line end, and spaces in quotes only */
	buf_put_span(
	    b, d->sender.n > 0 ? d->sender : SPAN_LIT("MAILER-DAEMON"));
	buf_putf(b, " %s\n", when);
}

static enum rc
failed(const char *path, struct why *why)
{
	const char *status = errno == ENOSPC   ? "4.3.1"
			     : errno == EDQUOT ? "4.2.2"
					       : "4.3.0";

	return why_sys(why, RC_TEMP, status, "%s", path);
}

struct quoting {
	int to;
	struct buf out;
	bool within; /* a line */
	char last;
};

static bool
put_quoted(struct quoting *q, struct span s)
{
	while (s.n > 0) {
		const char *lf = memchr(s.p, '\n', s.n);
		size_t n = lf == NULL ? s.n : (size_t)(lf - s.p) + 1;

		if (!q->within && span_starts(s, SPAN_LIT("From ")))
			buf_putc(&q->out, '>');
		buf_put_span(&q->out, span_head(s, n));
		q->within = lf == NULL;
		q->last = s.p[n - 1];
		s = span_from(s, n);
	}
	if (!io_write_all(q->to, q->out.p, q->out.n))
		return false;
	buf_clear(&q->out);
	return true;
}

/*
 * The text of `from` into `to`, quoted. What a chunk has of its last line waits
 * for the next one, which is all there, since reads of memory are: so that the
 * beginning of a line comes in one piece.
 */
static bool
quote(int from, int to)
{
	struct quoting q = {.to = to, .last = '\n'};
	struct buf in;
	bool ok = true;
	ssize_t got = 1;

	buf_init(&in, 2 * CHUNK);
	buf_init(&q.out, 8 * CHUNK);
	while (ok && got > 0) {
		char *room = buf_reserve(&in, CHUNK);
		size_t whole;

		got = read(from, room, CHUNK);
		if (got < 0 && errno == EINTR) {
			got = 1;
			continue;
		}
		ok = got >= 0;
		in.n += got > 0 ? (size_t)got : 0;
		whole = span_rfind(buf_span(&in), '\n');
		whole = got == 0 || whole == in.n ? in.n : whole + 1;
		ok = ok && put_quoted(&q, span_head(buf_span(&in), whole));
		buf_drop(&in, whole);
	}
	buf_putc(&q.out, '\n');
	if (q.last != '\n')
		buf_putc(&q.out, '\n');
	ok = ok && io_write_all(to, q.out.p, q.out.n);
	buf_fini(&in);
	buf_fini(&q.out);
	return ok;
}

/* All that is to be appended, from its beginning; -1 with *why set. */
static int
make_text(const struct maildir_deliver *d, struct why *why)
{
	int plain = io_memfd("message"), fd = io_memfd("mbox");
	bool ok = plain >= 0 && fd >= 0;
	struct buf from;

	buf_init(&from, d->sender.n + 64);
	mbox_put_from(&from, d);
	if (ok && maildir_deliver_text(d, plain, why) != RC_OK) {
		io_close(&fd);
	} else if (!ok || !io_write_all(fd, from.p, from.n) ||
		   lseek(plain, 0, SEEK_SET) < 0 || !quote(plain, fd)) {
		(void)failed("memory for the message", why);
		io_close(&fd);
	}
	buf_fini(&from);
	io_close(&plain);
	return fd;
}

static bool
is_null_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* Locks of fcntl(2) as other programs take them, but of this descriptor. */
static bool
lock(int fd)
{
	const struct timespec pause = {0, POLL_MS * 1000000L};
	uint64_t until = clock_mono_ms() + LOCK_MS;
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	while (fcntl(fd, F_OFD_SETLK, &l) < 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return false;
		if (clock_mono_ms() >= until) {
			errno = EAGAIN;
			return false;
		}
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

/* Is it still what stands under that name? */
static bool
is_there(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Open and locked, or *null: it takes everything. -1 with *why set. */
static int
open_locked(const char *path, bool *null, struct why *why)
{
	const int flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW |
			  O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	for (int i = 0; i < TRIES; i++) {
		int fd = open(path, flags, 0600);
		struct stat st;

		if (fd < 0 || fstat(fd, &st) < 0) {
			(void)failed(path, why);
			io_close(&fd);
			return -1;
		}
		*null = is_null_device(&st);
		if (*null)
			return fd;
		if (!S_ISREG(st.st_mode)) {
			why_set(
			    why, RC_TEMP, "4.3.0", "%s: no regular file", path);
			io_close(&fd);
			return -1;
		}
		if (!lock(fd)) {
			(void)why_sys(why, RC_TEMP, "4.3.0", "lock %s", path);
			io_close(&fd);
			return -1;
		}
		if (is_there(fd, path))
			return fd;
		io_close(&fd);
	}
	why_set(why, RC_TEMP, "4.3.0", "%s: replaced again and again", path);
	return -1;
}

static bool
copy(int from, int to)
{
	char *chunk = mem_array(CHUNK, 1);
	ssize_t got;
	bool ok;

	do {
		got = read(from, chunk, CHUNK);
		ok = got >= 0 || errno == EINTR;
		if (got > 0)
			ok = io_write_all(to, chunk, (size_t)got);
	} while (ok && got != 0);
	free(chunk);
	return ok;
}

/* What another program left without an end does not run into ours. */
static bool
end_last(int fd, off_t size)
{
	char c = '\n';

	if (size > 0 && pread(fd, &c, 1, size - 1) != 1)
		return false;
	return c == '\n' || io_write_all(fd, "\n\n", 2);
}

/* An empty file may be a new one, whose name has to be durable as well. */
static bool
flush(int fd, const char *path, bool is_new)
{
	char *folder = mem_dup(path), *slash = strrchr(folder, '/');
	bool ok = fsync(fd) == 0;
	int dir = -1;

	slash[slash == folder] = '\0';
	if (ok && is_new)
		dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* who may write to a file need not be able to read its folder */
	ok = ok && (dir < 0 || fsync(dir) == 0);
	io_close(&dir);
	free(folder);
	return ok;
}

enum rc
mbox_append(const char *path, const struct maildir_deliver *d, struct why *why)
{
	int text = make_text(d, why), fd;
	enum rc rc = RC_OK;
	bool null = false;
	off_t size;

	if (text < 0)
		return RC_TEMP;
	fd = open_locked(path, &null, why);
	if (fd < 0) {
		io_close(&text);
		return RC_TEMP;
	}
	size = null ? 0 : lseek(fd, 0, SEEK_END);
	if (!null &&
	    (size < 0 || !end_last(fd, size) || lseek(text, 0, SEEK_SET) < 0 ||
		!copy(text, fd) || !flush(fd, path, size == 0))) {
		rc = failed(path, why);
		/* so that a repetition does not stand behind a part of it */
		if (size >= 0 && ftruncate(fd, size) < 0)
			rc = why_sys(why, RC_TEMP, "4.3.0",
			    "%s: a part of the message is left in it", path);
	}
	io_close(&text);
	io_close(&fd);
	return rc;
}
