/*
 * Where an account's mail is: see place.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/maildir/durable.h"
#include "lib/maildir/place.h"
#include "lib/base/banned.h"

#define FOLDER "Maildir"

static bool
plain(char c, bool first)
{
	const struct span special = SPAN_LIT("%/<>=\"");

	if (c <= 0x20 || c >= 0x7f || (first && c == '.'))
		return false;
	return span_find(special, c) == special.n;
}

/* One name of a path: neither "", "." nor "..", and no '/' in it. */
static bool
encode(struct span s, char *to, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c - 'A' + 'a');
		if (n + (plain((char)c, i == 0) ? 1 : 3) >= size)
			return false;
		if (plain((char)c, i == 0)) {
			to[n++] = (char)c;
			continue;
		}
		to[n++] = '%';
		to[n++] = hex[c >> 4];
		to[n++] = hex[c & 15];
	}
	to[n] = '\0';
	return n > 0;
}

enum rc
maildir_place_of(struct span account, struct maildir_place *p, struct why *why)
{
	size_t at = span_rfind(account, '@');

	if (at == account.n ||
	    !encode(span_from(account, at + 1), p->domain, sizeof(p->domain)) ||
	    !encode(span_head(account, at), p->local, sizeof(p->local)))
		return why_set(why, RC_PERM, "5.1.1",
		    "no mailbox can belong to " SPAN_FMT, SPAN_ARG(account));
	return RC_OK;
}

void
maildir_place_home(struct maildir_place *p)
{
	p->domain[0] = p->local[0] = '\0';
}

static bool
is_home(const struct maildir_place *p)
{
	return p->domain[0] == '\0';
}

bool
maildir_place_path(const struct maildir_place *p, struct buf *b)
{
	if (is_home(p))
		return buf_puts(b, FOLDER);
	return buf_putf(b, "%s/%s/" FOLDER, p->domain, p->local);
}

static enum rc
failed(struct why *why, const char *what, const char *name)
{
	const char *status = errno == ENOSPC   ? "4.3.1"
			     : errno == EDQUOT ? "4.2.2"
					       : "4.3.0";

	return why_sys(why, RC_TEMP, status, "%s %s", what, name);
}

enum {
	MAKE = 1,  /* what is missing */
	FOLLOW = 2 /* a link */
};

static enum rc
open_at(int at, const char *name, unsigned how, int *fd, struct why *why)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC |
			  ((how & FOLLOW) != 0 ? 0 : O_NOFOLLOW);

	*fd = openat(at, name, flags);
	if (*fd < 0 && errno == ENOENT && (how & MAKE) != 0) {
		/* another thread may have been faster */
		if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
			return failed(why, "mkdir", name);
		*fd = openat(at, name, flags);
	}
	return *fd >= 0 ? RC_OK : failed(why, "folder", name);
}

static enum rc
open_folder(int at, const char *name, bool make, int *fd, struct why *why)
{
	return open_at(at, name, make ? MAKE : 0, fd, why);
}

/*
 * Without cur/ nobody has yet seen the folders above flushed, whoever made
 * them: another thread may be about to, a dead worker or a power cut may have
 * come between. Where one fsync of the message's file makes its whole path
 * durable (one journal, in order), that is enough.
 */
static enum rc
flush_path(const int *fds, size_t n, struct why *why)
{
	struct durable d;

	for (size_t i = 0; i < n; i++) {
		if (fds[i] < 0)
			continue;
		if (durable_init(&d, fds[i], -1, why) != RC_OK)
			return RC_TEMP;
		if (!d.by_name && durable_sync(fds[i]) < 0)
			return failed(why, "fsync of", "a new folder");
	}
	return RC_OK;
}

static bool
open_all(struct maildir_folders *f, bool make, struct why *why)
{
	return open_folder(f->top, "tmp", make, &f->tmp, why) == RC_OK &&
	       open_folder(f->top, "new", make, &f->new, why) == RC_OK;
}

static enum rc
open_inner(
    const int *above, bool make, struct maildir_folders *f, struct why *why)
{
	enum rc rc = RC_TEMP;

	if (open_all(f, false, why) &&
	    open_folder(f->top, "cur", false, &f->cur, why) == RC_OK)
		return RC_OK;
	io_close(&f->tmp);
	io_close(&f->new);
	if (!make || !open_all(f, true, why))
		return RC_TEMP;
	rc = flush_path(above, 4, why);
	if (rc == RC_OK)
		rc = open_folder(f->top, "cur", true, &f->cur, why);
	return rc;
}

/* Maildir itself, and in above[] the folders that lead to it from above[0]. */
static enum rc
open_outer(const struct maildir_place *p, bool make, int *above, int *top,
    struct why *why)
{
	enum rc rc;

	if (is_home(p))
		return open_at(
		    above[0], FOLDER, FOLLOW | (make ? MAKE : 0), top, why);
	rc = open_folder(above[0], p->domain, make, &above[1], why);
	if (rc == RC_OK)
		rc = open_folder(above[1], p->local, make, &above[2], why);
	if (rc == RC_OK)
		rc = open_folder(above[2], FOLDER, make, top, why);
	return rc;
}

enum rc
maildir_place_open(int mail, const struct maildir_place *p, bool make,
    struct maildir_folders *f, struct why *why)
{
	int above[4] = {mail, -1, -1, -1};
	enum rc rc;

	*f = (struct maildir_folders){-1, -1, -1, -1};
	rc = open_outer(p, make, above, &f->top, why);
	above[3] = f->top;
	if (rc == RC_OK)
		rc = open_inner(above, make, f, why);
	if (rc != RC_OK)
		maildir_place_close(f);
	io_close(&above[2]);
	io_close(&above[1]);
	return rc;
}

enum rc
maildir_root_init(struct maildir_root *r, int fd, struct why *why)
{
	struct durable d;
	enum rc rc = durable_init(&d, fd, -1, why);

	*r = (struct maildir_root){fd, rc == RC_OK && d.by_name};
	return rc;
}

int
maildir_place_new(const struct maildir_root *r, const struct maildir_place *p)
{
	struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
	char path[sizeof(p->domain) + sizeof(p->local) + 32];
	struct stat st;
	long fd;
	int new;

	if (r->fd < 0 || !r->by_name || is_home(p) ||
	    snprintf(path, sizeof(path), "%s/%s/" FOLDER "/new", p->domain,
		p->local) >= (int)sizeof(path))
		return -1;
	fd = syscall(SYS_openat2, r->fd, path, &how, sizeof(how));
	if (fd < 0)
		return -1;
	new = (int)fd;
	if (fstatat(new, "../cur", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISDIR(st.st_mode))
		io_close(&new);
	return new;
}

void
maildir_place_close(struct maildir_folders *f)
{
	io_close(&f->top);
	io_close(&f->tmp);
	io_close(&f->new);
	io_close(&f->cur);
}
