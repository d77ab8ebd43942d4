/*
 * The calls that make mail durable, as the tests see them: each is noted in
 * `disk.said`, and may be made to fail. The file system can be made to look
 * like one of which nothing is known. Included by one file of a program.
 */
#ifndef TESTS_UNIT_LIB_MAILDIR_DISK_H
#define TESTS_UNIT_LIB_MAILDIR_DISK_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static struct disk {
	char said[2048];
	bool unknown;    /* fstatfs: a file system without a journal of ours */
	int fail_fsync;  /* this many from now: EIO; 0 none */
	int fail_link;   /* errno of the next linkat; 0: none */
	bool steal_name; /* the next linkat finds its name taken, torn */
} disk;

__attribute__((format(printf, 1, 2))) static inline void
disk_say(const char *fmt, ...)
{
	size_t n = strlen(disk.said);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(disk.said + n, sizeof(disk.said) - n, fmt, ap);
	va_end(ap);
}

int
fsync(int fd)
{
	char proc[64], path[512] = "";
	struct stat st;

	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	if (readlink(proc, path, sizeof(path) - 1) < 0 || fstat(fd, &st) < 0)
		return -1;
	disk_say(
	    "fsync:%s ", S_ISDIR(st.st_mode) ? strrchr(path, '/') + 1 : "file");
	if (disk.fail_fsync > 0 && --disk.fail_fsync == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

int
sync_file_range(int fd, off_t from, off_t to, unsigned flags)
{
	const unsigned all = SYNC_FILE_RANGE_WAIT_BEFORE |
			     SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

	disk_say(from == 0 && to == 0 && flags == all ? "out " : "part ");
	return (int)syscall(SYS_sync_file_range, fd, from, to, flags);
}

int
linkat(int fromfd, const char *from, int tofd, const char *to, int flags)
{
	disk_say("link ");
	if (disk.steal_name) {
		disk.steal_name = false;
		(void)close(openat(tofd, to, O_CREAT | O_WRONLY, 0600));
	}
	if (disk.fail_link != 0) {
		errno = disk.fail_link;
		return -1;
	}
	return (int)syscall(SYS_linkat, fromfd, from, tofd, to, flags);
}

int
mkdirat(int fd, const char *path, mode_t mode)
{
	disk_say("mkdir:%s ", path);
	return (int)syscall(SYS_mkdirat, fd, path, mode);
}

int
fstatfs(int fildes, struct statfs *buf)
{
	long rc = syscall(SYS_fstatfs, fildes, buf);

	if (disk.unknown)
		buf->f_type = 0x6969; /* NFS */
	return (int)rc;
}

#endif
