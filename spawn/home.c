/*
 * The folders of a virtual account: see program.h. All such accounts share one
 * uid, which spawn has already.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/maildir/place.h"
#include "spawn/program.h"
#include "lib/base/banned.h"

static void
put_path(struct buf *b, const char *top, const struct maildir_place *place)
{
	if (!buf_putf(b, "%s/%s/%s", top, place->domain, place->local))
		bug("no room for a path");
}

/* The folder `name` below the open one, made if need be; no links. */
static enum rc
folder(int above, const char *name, bool make, int *fd, struct why *why)
{
	*fd = -1;
	if (!make || mkdirat(above, name, 0700) == 0 || errno == EEXIST)
		*fd = openat(above, name,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "folder %s", name);
	return RC_OK;
}

static enum rc
make_maildir(const char *top, const struct maildir_place *place,
    struct home *home, struct why *why)
{
	struct maildir_folders folders;
	int mail;
	enum rc rc = folder(AT_FDCWD, top, false, &mail, why);

	if (rc == RC_OK)
		rc = maildir_place_open(mail, place, true, &folders, why);
	io_close(&mail);
	if (rc != RC_OK)
		return rc;
	maildir_place_close(&folders);
	put_path(&home->mail, top, place);
	buf_puts(&home->maildir, top);
	buf_putc(&home->maildir, '/');
	if (!maildir_place_path(place, &home->maildir))
		bug("no room for a path");
	return RC_OK;
}

/* What is in it can be made again: nothing is flushed. */
static enum rc
make_index(const char *top, const struct maildir_place *place,
    struct home *home, struct why *why)
{
	int fd[3] = {-1, -1, -1};
	enum rc rc = folder(AT_FDCWD, top, false, &fd[0], why);

	if (rc == RC_OK)
		rc = folder(fd[0], place->domain, true, &fd[1], why);
	if (rc == RC_OK)
		rc = folder(fd[1], place->local, true, &fd[2], why);
	for (size_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		io_close(&fd[i]);
	if (rc == RC_OK)
		put_path(&home->index, top, place);
	return rc;
}

/* A virtual account's place is made of its name alone. */
uint64_t
home_version(void)
{
	return 0;
}

enum rc
home_open(const struct worker *w, const struct service *service,
    const char *account, struct home *home, struct why *why)
{
	struct maildir_place place;
	enum rc rc = maildir_place_of(span_of(account), &place, why);

	if (rc == RC_OK)
		rc = make_maildir(worker_path(w, "mail"), &place, home, why);
	if (rc == RC_OK && service->has_index)
		rc = make_index(worker_path(w, "index"), &place, home, why);
	return rc;
}
