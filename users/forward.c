/*
 * ~/.forward of one user: see forward.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/directory/forward.h"
#include "users/forward.h"
#include "lib/base/banned.h"

#define STATUS "4.3.5"

struct forward_file {
	char *path;
	bool heeded; /* users.forward; else the rest is as of no file */
	int error;   /* of stat, 0: there is one */
	struct stat st;
	struct why why; /* RC_OK: it is good, or there is none */
	struct forward says;
};

/* Whoever else could write to it would get the user's mail, and rights. */
static enum rc
check_owner(const struct stat *st, const struct user *u, struct why *why)
{
	if (!S_ISREG(st->st_mode))
		return why_set(why, RC_TEMP, STATUS, "not a regular file");
	if (st->st_uid != u->uid && st->st_uid != 0)
		return why_set(
		    why, RC_TEMP, STATUS, "belongs to somebody else");
	if ((st->st_mode & S_IWOTH) != 0 ||
	    ((st->st_mode & S_IWGRP) != 0 && st->st_gid != u->gid))
		return why_set(why, RC_TEMP, STATUS, "others may write to it");
	return RC_OK;
}

static enum rc
read_text(int fd, const struct user *u, struct buf *text, struct why *why)
{
	char chunk[FORWARD_FILE_MAX + 1];
	size_t got;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return why_sys(why, RC_TEMP, STATUS, "fstat");
	if (check_owner(&st, u, why) != RC_OK)
		return RC_TEMP;
	if (!io_pread_all(fd, chunk, sizeof(chunk), 0, &got))
		return why_sys(why, RC_TEMP, STATUS, "read");
	(void)buf_put(text, chunk, got); /* there is room */
	return RC_OK;
}

static enum rc
read_file(struct forward_file *f, const struct conf *conf, const struct user *u,
    struct why *why)
{
	/* a pipe must not be waited for */
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct forward_who who = {.name = u->name,
	    .domains = conf->users.domains.v,
	    .n = conf->users.domains.n,
	    .actions = conf->users.forward == CONF_FORWARD_ALL};
	struct buf text;
	enum rc rc;

	if (fd < 0)
		return why_sys(why, RC_TEMP, STATUS, "open");
	buf_init(&text, FORWARD_FILE_MAX + 1);
	rc = read_text(fd, u, &text, why);
	io_close(&fd);
	if (rc == RC_OK)
		rc = forward_read(&f->says, buf_span(&text), &who, why);
	buf_fini(&text);
	return rc;
}

static int
look(const struct forward_file *f, struct stat *st)
{
	return stat(f->path, st) == 0 ? 0 : errno;
}

struct forward_file *
forward_file_new(const struct conf *conf, const struct user *u)
{
	struct forward_file *f = mem_alloc(sizeof(*f));
	struct why why = {.rc = RC_OK};
	struct buf path;
	enum rc rc = RC_OK;

	forward_init(&f->says);
	f->heeded = conf->users.forward != CONF_FORWARD_NONE;
	if (!f->heeded)
		return f;
	buf_init(&path, 8192);
	(void)buf_putf(&path, "%s/.forward", u->home); /* over: no such path */
	f->path = span_dup(buf_span(&path));
	buf_fini(&path);
	/* first: one that is changed while it is read is seen as changed */
	f->error = errno = look(f, &f->st);
	if (f->error == 0)
		rc = read_file(f, conf, u, &why);
	else if (f->error != ENOENT)
		rc = why_sys(&why, RC_TEMP, STATUS, "stat");
	if (rc != RC_OK)
		(void)why_set(&f->why, RC_TEMP, STATUS, "~/.forward of %s: %s",
		    u->name, why.text);
	return f;
}

void
forward_file_free(struct forward_file *f)
{
	forward_fini(&f->says);
	free(f->path);
	free(f);
}

enum rc
forward_file_check(const struct forward_file *f, struct why *why)
{
	if (f->why.rc != RC_OK)
		*why = f->why;
	return f->why.rc;
}

bool
forward_file_changed(const struct forward_file *f)
{
	struct stat st;
	int error = f->heeded ? look(f, &st) : 0;

	if (!f->heeded)
		return false;
	if (error != 0 || f->error != 0)
		return error != f->error;
	return st.st_ino != f->st.st_ino || st.st_dev != f->st.st_dev ||
	       st.st_size != f->st.st_size ||
	       st.st_ctim.tv_sec != f->st.st_ctim.tv_sec ||
	       st.st_ctim.tv_nsec != f->st.st_ctim.tv_nsec;
}

bool
forward_file_own(const struct forward_file *f)
{
	return f->says.own;
}

struct span
forward_file_targets(const struct forward_file *f)
{
	return buf_span(&f->says.targets);
}

bool
forward_file_has(const struct forward_file *f, struct span action)
{
	return forward_has(&f->says, action);
}
