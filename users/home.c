/*
 * The folders of a user of the system: see spawn/program.h. ~/Maildir is made,
 * opened and resolved with the user's rights; only the folder of indexes, in
 * one of ours, is made by root, and root never looks into it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/directory/action.h"
#include "lib/maildir/place.h"
#include "lib/sandbox/ids.h"
#include "lib/users/user.h"
#include "spawn/program.h"
#include "users/forward.h"
#include "users/home.h"
#include "lib/base/banned.h"

#define VERSION_MS 300000

/* Named with the uid: who gets a name anew must not meet another's files. */
static enum rc
make_index(
    const char *top, const struct user *u, struct buf *path, struct why *why)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;
	enum rc rc = RC_OK;
	int fd;

	if (!buf_putf(path, "%s/%s.%u", top, u->name, (unsigned)u->uid))
		bug("no room for a path");
	if (mkdir(buf_cstr(path), 0700) < 0 && errno != EEXIST)
		return why_sys(
		    why, RC_TEMP, "4.3.0", "mkdir %s", buf_cstr(path));
	fd = open(buf_cstr(path), flags);
	if (fd < 0 || fstat(fd, &st) < 0)
		rc = why_sys(why, RC_TEMP, "4.3.0", "%s", buf_cstr(path));
	else if (st.st_uid != u->uid && fchown(fd, u->uid, u->gid) < 0)
		rc = why_sys(why, RC_TEMP, "4.3.0", "chown %s", buf_cstr(path));
	io_close(&fd);
	return rc;
}

enum rc
home_maildir(const struct user *u, struct buf *path, struct why *why)
{
	struct maildir_folders folders;
	struct maildir_place place;
	int fd = open(u->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct buf asked;
	char *real = NULL;
	enum rc rc;

	if (fd < 0)
		return why_sys(
		    why, RC_TEMP, "4.3.0", "home of %s: %s", u->name, u->home);
	maildir_place_home(&place);
	rc = maildir_place_open(fd, &place, true, &folders, why);
	io_close(&fd);
	if (rc != RC_OK)
		return rc;
	maildir_place_close(&folders);
	buf_init(&asked, HOME_PATH_MAX);
	(void)buf_putf(&asked, "%s/", u->home); /* over: no such path */
	if (maildir_place_path(&place, &asked))
		real = realpath(buf_cstr(&asked), NULL);
	/* they may have been replaced, by the user and with no more rights */
	if (real == NULL || !buf_puts(path, real))
		rc = why_sys(why, RC_TEMP, "4.3.0", "%s", buf_cstr(&asked));
	free(real);
	buf_fini(&asked);
	return rc;
}

/*
 * Who is behind a name: /etc/passwd has it, and what other sources say is
 * believed for a few minutes. FNV-1a over what changes with the file.
 */
uint64_t
home_version(void)
{
	uint64_t parts[5] = {clock_mono_ms() / VERSION_MS},
		 h = 1469598103934665603U;
	struct stat st;

	if (stat("/etc/passwd", &st) == 0) {
		parts[1] = (uint64_t)st.st_ino;
		parts[2] = (uint64_t)st.st_size;
		parts[3] = (uint64_t)st.st_mtim.tv_sec;
		parts[4] = (uint64_t)st.st_mtim.tv_nsec;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		h = (h ^ parts[i]) * 1099511628211U;
	return h;
}

enum rc
home_open(const struct worker *w, const struct service *service,
    const char *account, struct home *home, struct why *why)
{
	struct span name = span_of(account), action;
	bool asks = service->role == ROLE_LOCAL;
	struct user u;
	enum rc rc;

	/* "\joe": the mailbox, whatever ~/.forward says */
	if (asks && action_of_user(name, &name, &action))
		asks = false;
	rc = user_find(w->conf, name, &u, why);

	if (rc == RC_OK && service->has_index)
		rc = make_index(worker_path(w, "index"), &u, &home->index, why);
	if (rc == RC_OK)
		rc = sandbox_ids_drop(u.uid, u.gid, why);
	if (rc == RC_OK)
		rc = home_maildir(&u, &home->maildir, why);
	if (rc == RC_OK)
		(void)buf_put_span(&home->mail, buf_span(&home->maildir));
	if (rc == RC_OK && asks)
		home->forward = forward_file_new(w->conf, &u);
	user_fini(&u);
	return rc;
}
