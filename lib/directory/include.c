/*
 * Included files: see include.h. Each step of the path is opened from the one
 * before, without following links, and what has been opened is looked at: so
 * nobody changes the path between the look and the reading.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/directory/include.h"
#include "lib/base/banned.h"

#define DEPTH_MAX 64
#define STATUS    "5.3.5"

struct walk {
	int fd;                 /* of the folder reached */
	uid_t owner[DEPTH_MAX]; /* of each but root's */
	size_t n;
	bool open_to_all; /* the last one, with the sticky bit */
};

static enum rc
refuse(struct why *why, struct span path, const char *text)
{
	return why_set(
	    why, RC_PERM, STATUS, SPAN_FMT " %s", SPAN_ARG(path), text);
}

static enum rc
note(struct walk *w, const struct stat *st, struct span path, struct why *why)
{
	w->open_to_all = false;
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		if (!S_ISDIR(st->st_mode) || (st->st_mode & S_ISVTX) == 0)
			return refuse(why, path, "may be written to by others");
		w->open_to_all = true;
	}
	if (st->st_uid == 0)
		return RC_OK;
	if (w->n == DEPTH_MAX)
		return refuse(why, path, "is nested too deeply");
	w->owner[w->n++] = st->st_uid;
	return RC_OK;
}

/* The next step; `path` is all up to it. */
static enum rc
step(struct walk *w, struct span path, struct span name, bool last,
    struct why *why)
{
	int flags = last ? O_PATH : O_PATH | O_DIRECTORY;
	struct stat st;
	char text[256];
	enum rc rc;
	int fd;

	if (!span_copy(name, text, sizeof(text)) ||
	    span_eq(name, SPAN_LIT("..")))
		return refuse(why, path, "is no plain path");
	if (last && w->open_to_all)
		return refuse(why, path, "is in a folder of everybody's");
	fd = openat(w->fd, text, flags | O_NOFOLLOW | O_CLOEXEC);
	io_close(&w->fd);
	w->fd = fd;
	if (fd < 0)
		return why_sys(why, RC_PERM, STATUS, SPAN_FMT, SPAN_ARG(path));
	if (fstat(fd, &st) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", SPAN_FMT, SPAN_ARG(path));
	if (last && !S_ISREG(st.st_mode))
		return refuse(why, path, "is no regular file");
	rc = note(w, &st, path, why);
	for (size_t i = 0; rc == RC_OK && last && i < w->n; i++)
		if (w->owner[i] != st.st_uid)
			rc = refuse(
			    why, path, "is in a folder of somebody else's");
	return rc;
}

/* Only now, when it is known to be a regular file, is it opened for reading:
 * devices do things then. */
static int
reopen(int path_fd)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
	return open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static enum rc
read_all(int fd, struct span path, struct buf *out, struct why *why)
{
	struct why inner;
	struct buf text;
	enum rc rc = RC_OK;

	if (fd < 0)
		return why_sys(why, RC_TEMP, "4.3.0", SPAN_FMT, SPAN_ARG(path));
	buf_init(&text, INCLUDE_MAX + 65536);
	if (io_read_file(fd, &text, &inner) != RC_OK && !text.over)
		rc = why_set(why, RC_TEMP, "4.3.0", SPAN_FMT ": %s",
		    SPAN_ARG(path), inner.text);
	else if (text.n > INCLUDE_MAX || !buf_put_span(out, buf_span(&text)))
		rc = refuse(why, path, "is too large");
	buf_fini(&text);
	return rc;
}

enum rc
include_read(struct span path, struct buf *out, struct why *why)
{
	struct walk w = {.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
	struct span rest = span_from(path, 1);
	enum rc rc = RC_OK;

	while (rc == RC_OK && rest.p != NULL) {
		struct span name = span_cut(&rest, '/');

		if (name.n == 0 || span_eq(name, SPAN_LIT(".")))
			rc = refuse(why, path, "is no plain path");
		else
			rc = step(&w,
			    span_head(path, (size_t)(name.p - path.p) + name.n),
			    name, rest.p == NULL, why);
	}
	if (rc == RC_OK && path.n < 2)
		rc = refuse(why, path, "is no plain path");
	if (rc == RC_OK) {
		int fd = reopen(w.fd);

		rc = read_all(fd, path, out, why);
		io_close(&fd);
	}
	io_close(&w.fd);
	return rc;
}
