/*
 * Acts on files outside the worker's own: see probe.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/sandbox/probe.h"
#include "lib/base/banned.h"

#define PATH_ROOM 512

static const char *
path_of(const struct sandbox_probe *probe, const char *name)
{
	static char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "%s/%s", probe->outside,
	    name); /* too long: the control fails */
	return path;
}

/* "plain" exists, with three bytes in it; "fresh" does not. */
static int
arrange_files(struct sandbox_probe *probe)
{
	(void)unlinkat(probe->dir, "fresh", 0);            /* may not exist */
	(void)unlinkat(probe->dir, "fresh", AT_REMOVEDIR); /* the same */
	probe->fd = openat(
	    probe->dir, "plain", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (probe->fd < 0 || fchmod(probe->fd, 0644) < 0)
		return -1;
	return io_write_all(probe->fd, "abc", 3) ? 0 : -1;
}

static int
try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int
try_read(struct sandbox_probe *probe)
{
	return try_open(path_of(probe, "plain"), O_RDONLY);
}

static int
try_read_below(struct sandbox_probe *probe)
{
	int fd = openat(probe->dir, "plain", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

static int
try_list(struct sandbox_probe *probe)
{
	return try_open(probe->outside, O_RDONLY | O_DIRECTORY);
}

static int
try_write(struct sandbox_probe *probe)
{
	return try_open(path_of(probe, "plain"), O_WRONLY);
}

static int
try_create(struct sandbox_probe *probe)
{
	return try_open(path_of(probe, "fresh"), O_WRONLY | O_CREAT | O_EXCL);
}

static int
try_tmpfile(struct sandbox_probe *probe)
{
	return try_open(probe->outside, O_RDWR | O_TMPFILE);
}

static int
try_truncate(struct sandbox_probe *probe)
{
	return truncate(path_of(probe, "plain"), 0);
}

static int
try_open_truncate(struct sandbox_probe *probe)
{
	return try_open(path_of(probe, "plain"), O_RDONLY | O_TRUNC);
}

static int
try_unlink(struct sandbox_probe *probe)
{
	return unlinkat(AT_FDCWD, path_of(probe, "plain"), 0);
}

static int
try_mkdir(struct sandbox_probe *probe)
{
	return mkdirat(AT_FDCWD, path_of(probe, "fresh"), 0700);
}

static int
try_rename(struct sandbox_probe *probe)
{
	return renameat(probe->dir, "plain", probe->dir, "fresh");
}

static int
try_link(struct sandbox_probe *probe)
{
	return linkat(probe->dir, "plain", probe->dir, "fresh", 0);
}

static int
try_symlink(struct sandbox_probe *probe)
{
	return symlinkat("plain", AT_FDCWD, path_of(probe, "fresh"));
}

static int
try_mkfifo(struct sandbox_probe *probe)
{
	return mkfifoat(AT_FDCWD, path_of(probe, "fresh"), 0600);
}

static int
try_chmod(struct sandbox_probe *probe)
{
	return fchmodat(AT_FDCWD, path_of(probe, "plain"), 0666, 0);
}

static int
try_fchmod(struct sandbox_probe *probe)
{
	return fchmod(probe->fd, 0666);
}

static int
try_chown(struct sandbox_probe *probe)
{
	return fchown(probe->fd, (uid_t)-1, (gid_t)-1);
}

static int
try_handle(struct sandbox_probe *probe)
{
	struct {
		struct file_handle head;
		char room[MAX_HANDLE_SZ];
	} h = {.head.handle_bytes = MAX_HANDLE_SZ};
	int mount;

	return (int)syscall(
	    SYS_name_to_handle_at, probe->fd, "", &h, &mount, AT_EMPTY_PATH);
}

static int
try_lease(struct sandbox_probe *probe)
{
	int fd = probe->fd;

	return fcntl(fd, F_SETLEASE, F_WRLCK);
}

static int
try_watch(struct sandbox_probe *probe)
{
	int fd = inotify_init1(IN_CLOEXEC);

	(void)probe; /* the instance alone is too much */
	return fd < 0 ? -1 : close(fd);
}

static int
try_environ(struct sandbox_probe *probe)
{
	char path[32];

	(void)probe; /* the prover's own */
	(void)snprintf(
	    path, sizeof(path), "/proc/%d/environ", (int)getppid()); /* fits */
	return try_open(path, O_RDONLY);
}

void
sandbox_probe_tidy(const char *outside)
{
	static const char *const names[] = {"plain", "fresh", "socket"};
	int dir = open(outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(dir, names[i], 0);   /* may not exist */
	(void)unlinkat(dir, "fresh", AT_REMOVEDIR); /* the same */
	io_close(&dir);
}

/* open nothing at all; a sanitizer reads its own maps */
#if defined(__SANITIZE_ADDRESS__)
#define CALLERS 0U
#else
#define CALLERS SANDBOX_CALLERS
#endif
#define HELD (SANDBOX_BY_CHROOT | SANDBOX_BY_LANDLOCK)
#define ALL  SANDBOX_CONFINED
/* open nothing, or only for reading; and watch, which finds folders */
#define READERS (SANDBOX_READERS | SANDBOX_CALLERS | SANDBOX_OF(WATCH))
/* and authd, whose one file is only ever replaced */
#define FEW      (READERS | SANDBOX_OF(AUTHD))
#define ANY_FILE arrange_files

const struct sandbox_act sandbox_probe_files[] = {
    {"read a file", ANY_FILE, try_read, CALLERS, HELD},
    /* a chroot does not hold who has a folder open from before */
    {"read below an open folder", ANY_FILE, try_read_below, CALLERS,
	SANDBOX_BY_LANDLOCK},
    {"list a folder", ANY_FILE, try_list, FEW & ~SANDBOX_OF(WATCH), HELD},
    {"open for writing", ANY_FILE, try_write, READERS, HELD | SANDBOX_BY_IDS},
    {"create a file", ANY_FILE, try_create, READERS, HELD | SANDBOX_BY_IDS},
    {"create an unnamed file", ANY_FILE, try_tmpfile, FEW,
	HELD | SANDBOX_BY_IDS},
    {"truncate by name", ANY_FILE, try_truncate, ALL, 0},
    {"truncate by open", ANY_FILE, try_open_truncate, FEW,
	HELD | SANDBOX_BY_IDS},
    {"unlink", ANY_FILE, try_unlink, READERS, HELD | SANDBOX_BY_IDS},
    {"make a folder", ANY_FILE, try_mkdir, FEW, HELD | SANDBOX_BY_IDS},
    {"rename", ANY_FILE, try_rename, READERS,
	SANDBOX_BY_LANDLOCK | SANDBOX_BY_IDS},
    {"link", ANY_FILE, try_link, FEW, SANDBOX_BY_LANDLOCK | SANDBOX_BY_IDS},
    {"make a symbolic link", ANY_FILE, try_symlink, ALL, 0},
    {"make a fifo", ANY_FILE, try_mkfifo, ALL, 0},
    {"chmod", ANY_FILE, try_chmod, ALL, 0},
    {"chmod an open file", ANY_FILE, try_fchmod, ALL, 0},
    {"chown an open file", ANY_FILE, try_chown, ALL, 0},
    {"name a file by handle", ANY_FILE, try_handle, ALL, 0},
    {"lease a file", ANY_FILE, try_lease, ALL, 0},
    {"watch files", NULL, try_watch, ALL & ~SANDBOX_OF(WATCH), 0},
    {"read another's environment", NULL, try_environ, CALLERS,
	HELD | SANDBOX_BY_IDS},
    {.name = NULL},
};
