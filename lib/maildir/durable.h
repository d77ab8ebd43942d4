/*
 * Making a file durable under its name: the one place that knows in which
 * order. Blocking: runs in threads.
 *
 * On ext4, xfs, btrfs and the like the data is written out (not flushed), then
 * the file gets its name, and one fsync makes data and name durable in one
 * journal commit. Whoever sees the name sees the whole file, also after a power
 * cut. On other file systems (NFS, overlay, unknown) the file is written in
 * tmp/, flushed, linked, and the folder is flushed.
 */
#ifndef LIB_MAILDIR_DURABLE_H
#define LIB_MAILDIR_DURABLE_H

#include <stdbool.h>

#include "lib/base/span.h"
#include "lib/base/why.h"

struct durable {
	int dir; /* where the name shall be; borrowed */
	int tmp; /* folder for unfinished files, same file system; borrowed */
	bool by_name; /* one fsync of the file is enough */
};

struct durable_file {
	int fd; /* open for reading and writing */
	bool unnamed;
	char tmp_name[128];
};

/* Look at the file system behind `dir`. RC_TEMP when it cannot be asked. */
enum rc durable_init(struct durable *d, int dir, int tmp, struct why *why);

/*
 * A new empty file without its name; `name` (at most 100 bytes) is where it
 * will be. RC_TEMP with 4.3.1 when there is no room.
 */
enum rc durable_create(const struct durable *d, const char *name,
    struct durable_file *f, struct why *why);

/*
 * Give the written file its name and flush it: RC_OK is the promise. When the
 * name is taken nothing is changed, *existed is true and RC_OK is returned;
 * the file under it is then flushed as well, since whoever made it may have
 * been killed before it was. On failure the name is taken back. f->fd stays
 * the caller's; an unnamed file vanishes with it, a temporary is removed here
 * in every case.
 */
enum rc durable_commit(const struct durable *d, struct durable_file *f,
    const char *name, bool *existed, struct why *why);

/*
 * The first half of it, for many files of a by_name file system that are made
 * durable by one durable_all(): the name, nothing promised yet. `f` is unnamed.
 * RC_OK with *existed: that one is flushed, as above.
 */
enum rc durable_name(const struct durable *d, const struct durable_file *f,
    const char *name, bool *existed, struct why *why);

/* Take a name back of which nothing was promised: as if it had not been. If
 * this fails, readers tell a torn file by its size. */
void durable_unname(int dir, const char *name);

/*
 * The second half: flush the whole file system behind `fd`. RC_OK is the
 * promise for all that was named before, if `fd` was opened before the first
 * of them was written: what could not be written since then is told by it.
 */
enum rc durable_all(int fd, struct why *why);

/*
 * Flush a file that was found under its name in the folder `dir`, since
 * whoever made or moved it may have been killed before it did. RC_OK is the
 * promise again; on failure the file stays as it is.
 */
enum rc durable_found(
    const struct durable *d, int dir, int fd, struct why *why);

/* Give up: nothing is left. Closes f->fd. */
void durable_abort(const struct durable *d, struct durable_file *f);

/*
 * Put `text` into the file `name` of the folder `dir`, in place of what it
 * held: after a crash there is the one or the other, whole. RC_OK: the new
 * one, durable. `<name>.new` is used meanwhile; one writer at a time.
 */
enum rc durable_replace(
    int dir, const char *name, struct span text, struct why *why);

/* fsync(2), unless the tests' build makes it do nothing. */
int durable_sync(int fd);

#endif
