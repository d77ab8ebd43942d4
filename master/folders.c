/*
 * The folders of the suite: see folders.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "master/folders.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

/* mkdir -p; parents that are missing get 0755 and master's uid */
static enum rc
make_parents(char *path, struct why *why)
{
	for (char *p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST) {
			why_sys(why, RC_PERM, "5.3.5", "mkdir %s", path);
			*p = '/';
			return RC_PERM;
		}
		*p = '/';
	}
	return RC_OK;
}

static enum rc
make_folder(char *path, mode_t mode, uid_t uid, gid_t gid, struct why *why)
{
	struct stat st;
	enum rc rc = RC_OK;
	bool made;
	int fd;

	if (make_parents(path, why) != RC_OK)
		return RC_PERM;
	made = mkdir(path, mode) == 0;
	if (!made && errno != EEXIST)
		return why_sys(why, RC_PERM, "5.3.5", "mkdir %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		rc = why_sys(why, RC_PERM, "5.3.5", "%s", path);
	else if (made && (fchmod(fd, mode) < 0 || fchown(fd, uid, gid) < 0))
		rc = why_sys(why, RC_PERM, "5.3.5", "chown %s", path);
	else if (!made && st.st_uid != uid)
		rc = why_set(why, RC_PERM, "5.3.5",
		    "%s belongs to uid %u, but uid %u has to own it", path,
		    (unsigned)st.st_uid, (unsigned)uid);
	io_close(&fd);
	return rc;
}

static enum rc
make_row(struct master *m, const struct conf *conf,
    const struct worker_row *row, struct why *why)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (m->root && workers_ids(row, conf, &uid, &gid, why) != RC_OK)
		return RC_PERM;
	for (size_t i = 0; i < WORKER_PATHS_MAX; i++) {
		char *path;
		enum rc rc;

		if (row->paths[i].name == NULL)
			break;
		if (row->paths[i].base == WORKER_NET)
			continue;
		path = workers_path(&row->paths[i], conf);
		/* users of the system pass through to their own */
		rc = make_folder(
		    path, row->as_root ? 0711 : 0700, uid, gid, why);
		free(path);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

enum rc
folders_make(struct master *m, const struct conf *conf, struct why *why)
{
	static const struct worker_path_row net = {"", WORKER_NET, "", 0};
	char *path = workers_path(&net, conf);
	enum rc rc =
	    make_folder(conf->paths.run, 0755, geteuid(), getegid(), why);

	if (rc == RC_OK)
		rc = make_folder(path, 0755, geteuid(), getegid(), why);
	free(path);
	if (rc == RC_OK)
		rc = make_folder(
		    conf->paths.state, 0755, geteuid(), getegid(), why);
	for (size_t i = 0; rc == RC_OK && i < workers_n; i++)
		if (workers[i].count(conf) > 0)
			rc = make_row(m, conf, &workers[i], why);
	return rc;
}

enum rc
folders_lock(struct master *m, struct why *why)
{
	enum rc rc = RC_OK;
	struct buf b;

	buf_init(&b, 8192);
	buf_putf(&b, "%s/lock", m->conf->paths.run);
	m->lock_fd =
	    open(buf_cstr(&b), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (m->lock_fd < 0)
		rc = why_sys(why, RC_PERM, "5.3.5", "%s", buf_cstr(&b));
	else if (flock(m->lock_fd, LOCK_EX | LOCK_NB) < 0)
		rc = why_set(why, RC_TEMP, "4.3.0",
		    "mailstead is running already (%s is locked)",
		    buf_cstr(&b));
	buf_fini(&b);
	return rc;
}
