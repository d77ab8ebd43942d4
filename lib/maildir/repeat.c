/*
 * What earlier attempts left: see repeat.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/base/io.h"
#include "lib/base/num.h"
#include "lib/maildir/repeat.h"
#include "lib/base/banned.h"

/* a mailbox that is being read by its owner is searched again */
#define PASSES 4

enum rc
maildir_repeat_init(
    struct maildir_repeat *r, struct span qid, uint32_t rcpt, struct why *why)
{
	/* room for ".R4294967295" and ".9" */
	const size_t max = MAILDIR_REPEAT_BASE_MAX - 14;
	size_t n = 0;

	*r = (struct maildir_repeat){0};
	for (size_t i = 0; i < qid.n && n + 3 <= max; i++) {
		unsigned char c = (unsigned char)qid.p[i];
		bool odd = c <= 0x20 || c >= 0x7f || (i == 0 && c == '.') ||
			   span_find(SPAN_LIT(",:/%"), (char)c) < 4;

		n += (size_t)snprintf(
		    r->base + n, sizeof(r->base) - n, odd ? "%%%02x" : "%c", c);
	}
	if (qid.n == 0 || n + 3 > max)
		return why_set(why, RC_TEMP, "4.3.0",
		    "queue ID " SPAN_FMT " cannot name a file", SPAN_ARG(qid));
	(void)snprintf(r->base + n, sizeof(r->base) - n, ".R%u", rcpt);
	return RC_OK;
}

/* Number of the attempt whose base the name has, or -1; *rest: behind it. */
static int
attempt_of(const struct maildir_repeat *r, struct span name, struct span *rest)
{
	struct span base = span_of(r->base);
	size_t n = 0;
	int attempt = 0;

	while (n < name.n && name.p[n] != ',' && name.p[n] != ':')
		n++;
	*rest = span_from(name, n);
	name = span_head(name, n);
	if (!span_starts(name, base))
		return -1;
	name = span_from(name, base.n);
	if (name.n == 0)
		return 0;
	attempt = span_at(name, 1) - '0';
	if (name.n != 2 || name.p[0] != '.' || attempt < 1 ||
	    attempt > MAILDIR_REPEAT_LAST)
		return -1;
	return attempt;
}

/* The S= of ",S=4321,W=4400:2,S". */
static bool
size_of(struct span rest, uint64_t *size)
{
	struct span fields = span_cut(&rest, ':');

	while (fields.p != NULL) {
		struct span field = span_cut(&fields, ',');

		if (span_starts(field, SPAN_LIT("S=")))
			return num_u64(span_from(field, 2), size);
	}
	return false;
}

/* One reading of one folder. */
struct look {
	struct maildir_repeat *r;
	const struct durable *d;
	int folder;
	bool moved; /* a file went away between its name and its opening */
};

/*
 * Is it one of ours? What cannot be opened, but for what it is, may be
 * whole: nobody knows.
 */
static enum rc
inspect(struct look *l, const char *name, struct why *why)
{
	struct maildir_repeat *r = l->r;
	struct span rest;
	int attempt = attempt_of(r, span_of(name), &rest), fd;
	enum rc rc = RC_OK;
	uint64_t size;
	struct stat st;

	if (attempt < 0)
		return RC_OK;
	fd = io_open_read(l->folder, name);
	if (fd >= 0 && fstat(fd, &st) < 0) {
		rc = why_sys(why, RC_TEMP, "4.3.0", "stat %s", name);
	} else if (fd >= 0 && size_of(rest, &size) &&
		   size == (uint64_t)st.st_size) {
		rc = durable_found(l->d, l->folder, fd, why);
		r->whole = rc == RC_OK;
		r->size = size;
		(void)snprintf(r->name, sizeof(r->name), "%s", name);
	} else if (fd >= 0 || errno == ELOOP || errno == EINVAL ||
		   errno == ENXIO) {
		r->torn |= 1U << attempt;
	} else if (errno == ENOENT) {
		l->moved = true;
	} else {
		rc = why_sys(why, RC_TEMP, "4.3.0", "open %s", name);
	}
	io_close(&fd);
	return rc;
}

static enum rc
search(struct look *l, struct why *why)
{
	int fd = openat(l->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	enum rc rc = RC_OK;
	struct dirent *e;

	if (dir == NULL) {
		io_close(&fd);
		return why_sys(why, RC_TEMP, "4.3.0", "read folder");
	}
	while (rc == RC_OK && !l->r->whole) {
		errno = 0;
		e = readdir(dir);
		if (e != NULL)
			rc = inspect(l, e->d_name, why);
		else if (errno != 0)
			rc = why_sys(why, RC_TEMP, "4.3.0", "read folder");
		else
			break;
	}
	(void)closedir(dir); /* read only */
	return rc;
}

enum rc
maildir_repeat_find(struct maildir_repeat *r, const struct durable *d,
    const struct maildir_folders *f, struct why *why)
{
	struct look new = {r, d, f->new, false}, cur = {r, d, f->cur, false};
	struct stat before, after;

	r->whole = false;
	for (int i = 0; i < PASSES; i++) {
		r->torn = 0;
		new.moved = cur.moved = false;
		if (fstat(f->cur, &before) < 0)
			return why_sys(why, RC_TEMP, "4.3.0", "stat cur");
		if (search(&new, why) != RC_OK ||
		    (!r->whole && search(&cur, why) != RC_OK))
			return RC_TEMP;
		if (r->whole)
			return RC_OK;
		if (fstat(f->cur, &after) < 0)
			return why_sys(why, RC_TEMP, "4.3.0", "stat cur");
		/* a rename within cur/ can hide a file from one reading */
		if (!new.moved && !cur.moved &&
		    before.st_mtim.tv_sec ==
			after.st_mtim.tv_sec &&before.st_mtim.tv_nsec ==
			after.st_mtim.tv_nsec)
			return RC_OK;
	}
	return why_set(why, RC_TEMP, "4.3.0",
	    "the mailbox changes too fast to look for %s", r->base);
}
