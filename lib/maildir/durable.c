/*
 * Making a file durable under its name: see durable.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/maildir/durable.h"
#include "lib/base/banned.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

int
durable_sync(int fd)
{
#ifdef MAILSTEAD_NOSYNC
	(void)fd;
	return 0;
#else
	return fsync(fd);
#endif
}

/*
 * Have the data written, not flushed. A name that is committed, by anybody's
 * fsync, before the data is written shows a file of the right size and full of
 * zeros after a power cut: ext4 gives blocks and size to the journal when the
 * data is on its way, and marks them written when it has come (dioread_nolock,
 * the default). Measured: of 80 cuts under load 4 showed such files, and one
 * repetition took such a file for a letter already delivered.
 */
static int
write_out(int fd)
{
#ifdef MAILSTEAD_NOSYNC
	(void)fd;
	return 0;
#else
	return sync_file_range(fd, 0, 0,
	    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
		SYNC_FILE_RANGE_WAIT_AFTER);
#endif
}

enum rc
durable_init(struct durable *d, int dir, int tmp, struct why *why)
{
	struct statfs fs;

	d->dir = dir;
	d->tmp = tmp;
	if (fstatfs(dir, &fs) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "statfs");
	/* measured to keep name and data with one fsync; tmpfs keeps nothing
	 * over a power cut in any order */
	d->by_name = (unsigned long)fs.f_type == EXT4_SUPER_MAGIC ||
		     (unsigned long)fs.f_type == XFS_SUPER_MAGIC ||
		     (unsigned long)fs.f_type == BTRFS_SUPER_MAGIC ||
		     (unsigned long)fs.f_type == TMPFS_MAGIC;
	return RC_OK;
}

static enum rc
no_room(struct why *why, const char *what)
{
	bool full = errno == ENOSPC || errno == EDQUOT;

	return why_sys(why, RC_TEMP, full ? "4.3.1" : "4.3.0", "%s", what);
}

enum rc
durable_create(const struct durable *d, const char *name,
    struct durable_file *f, struct why *why)
{
	*f = (struct durable_file){.fd = -1};
	if (d->by_name) {
		f->unnamed = true;
		f->fd =
		    openat(d->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		return f->fd >= 0 ? RC_OK : no_room(why, "new file");
	}
	if (snprintf(f->tmp_name, sizeof(f->tmp_name), "%.100s.%d", name,
		(int)getpid()) >= (int)sizeof(f->tmp_name))
		return why_set(why, RC_PERM, "5.3.0", "name too long");
	/* left by a process of our number that was killed: nobody uses it */
	(void)unlinkat(d->tmp, f->tmp_name, 0);
	f->fd = openat(d->tmp, f->tmp_name,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return f->fd >= 0 ? RC_OK : no_room(why, "new file in tmp");
}

enum rc
durable_found(const struct durable *d, int dir, int fd, struct why *why)
{
	if (durable_sync(fd) < 0 || (!d->by_name && durable_sync(dir) < 0))
		return why_sys(why, RC_TEMP, "4.3.0", "fsync");
	return RC_OK;
}

/* The name is taken: by an earlier run of ourselves, perhaps not flushed. */
static enum rc
sync_existing(const struct durable *d, const char *name, struct why *why)
{
	int fd = io_open_read(d->dir, name);
	enum rc rc = RC_OK;

	if (fd < 0)
		rc = why_sys(why, RC_TEMP, "4.3.0", "open %s", name);
	else
		rc = durable_found(d, d->dir, fd, why);
	io_close(&fd);
	return rc;
}

enum rc
durable_name(const struct durable *d, const struct durable_file *f,
    const char *name, bool *existed, struct why *why)
{
	char path[64];

	*existed = false;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	if (write_out(f->fd) < 0)
		return no_room(why, "write out");
	if (linkat(AT_FDCWD, path, d->dir, name, AT_SYMLINK_FOLLOW) < 0) {
		if (errno != EEXIST)
			return no_room(why, "link");
		*existed = true;
		return sync_existing(d, name, why);
	}
	return RC_OK;
}

void
durable_unname(int dir, const char *name)
{
	(void)unlinkat(dir, name, 0);
}

enum rc
durable_all(int fd, struct why *why)
{
#ifdef MAILSTEAD_NOSYNC
	(void)fd;
	(void)why;
	return RC_OK;
#else
	return syncfs(fd) == 0 ? RC_OK : no_room(why, "syncfs");
#endif
}

static enum rc
commit_unnamed(const struct durable *d, const struct durable_file *f,
    const char *name, bool *existed, struct why *why)
{
	enum rc rc = durable_name(d, f, name, existed, why);

	/* name first, then one fsync: data and name in one journal commit */
	if (rc != RC_OK || *existed || durable_sync(f->fd) == 0)
		return rc;
	rc = no_room(why, "fsync");
	durable_unname(d->dir, name);
	return rc;
}

static enum rc
commit_temporary(const struct durable *d, const struct durable_file *f,
    const char *name, bool *existed, struct why *why)
{
	enum rc rc = RC_OK;

	if (durable_sync(f->fd) < 0) {
		rc = no_room(why, "fsync");
	} else if (linkat(d->tmp, f->tmp_name, d->dir, name, 0) < 0) {
		*existed = errno == EEXIST;
		rc = *existed ? sync_existing(d, name, why)
			      : no_room(why, "link");
	} else if (durable_sync(d->dir) < 0) {
		rc = no_room(why, "fsync of the folder");
		(void)unlinkat(d->dir, name, 0); /* not promised */
	}
	/* a left-over in tmp/ is no message */
	(void)unlinkat(d->tmp, f->tmp_name, 0);
	return rc;
}

enum rc
durable_commit(const struct durable *d, struct durable_file *f,
    const char *name, bool *existed, struct why *why)
{
	*existed = false;
	return f->unnamed ? commit_unnamed(d, f, name, existed, why)
			  : commit_temporary(d, f, name, existed, why);
}

void
durable_abort(const struct durable *d, struct durable_file *f)
{
	if (f->fd >= 0 && !f->unnamed)
		(void)unlinkat(d->tmp, f->tmp_name, 0); /* only tmp/ */
	io_close(&f->fd);
}

enum rc
durable_replace(int dir, const char *name, struct span text, struct why *why)
{
	char tmp[128];
	enum rc rc = RC_OK;
	int fd;

	if (snprintf(tmp, sizeof(tmp), "%s.new", name) >= (int)sizeof(tmp))
		return why_set(why, RC_PERM, "5.3.0", "name too long");
	/* left by one that was killed */
	(void)unlinkat(dir, tmp, 0);
	fd = openat(
	    dir, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return no_room(why, tmp);
	if (!io_write_all(fd, text.p, text.n))
		rc = no_room(why, tmp);
	else if (durable_sync(fd) < 0)
		rc = no_room(why, "fsync");
	else if (renameat(dir, tmp, dir, name) < 0)
		rc = no_room(why, name);
	else if (durable_sync(dir) < 0)
		/* either of them may be there after a crash: so says the
		 * caller's failure too */
		rc = no_room(why, "fsync of the folder");
	if (rc != RC_OK)
		(void)unlinkat(dir, tmp, 0); /* not used */
	io_close(&fd);
	return rc;
}
