/*
 * The messages of a mailbox: see list.h. Files move from new/ to cur/, so the
 * folders are read in that order; a file that is renamed within cur/ while it
 * is read may be missed, and then all is read again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/maildir/file.h"
#include "lib/maildir/list.h"
#include "lib/base/banned.h"

#define PASSES 4

static int
folder_of(const struct maildir_folders *f, const struct maildir_entry *e)
{
	return e->in_new ? f->new : f->cur;
}

enum rc
maildir_list_folders(
    const char *path, struct maildir_folders *f, struct why *why)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	*f = (struct maildir_folders){-1, -1, -1, -1};
	f->top = open(path, flags);
	if (f->top >= 0)
		f->tmp = openat(f->top, "tmp", flags);
	if (f->tmp >= 0)
		f->new = openat(f->top, "new", flags);
	if (f->new >= 0)
		f->cur = openat(f->top, "cur", flags);
	if (f->cur >= 0)
		return RC_OK;
	why_sys(why, RC_TEMP, "4.3.0", "the mailbox");
	maildir_place_close(f);
	return RC_TEMP;
}

static DIR *
read_folder(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL)
		io_close(&fd);
	return dir;
}

static void
add(struct maildir_list *list, const char *name, bool in_new, uint64_t size)
{
	/* doubles at the powers of two */
	if ((list->n & (list->n - 1)) == 0)
		list->v = mem_grow(list->v,
		    (list->n == 0 ? 1 : list->n * 2) * sizeof(*list->v));
	list->v[list->n++] =
	    (struct maildir_entry){mem_dup(name), in_new, size};
}

/* One reading of one folder. *moved: a name was gone before it was seen. */
static enum rc
scan(const struct maildir_folders *f, bool in_new, struct maildir_list *list,
    bool *moved, struct why *why)
{
	DIR *dir = read_folder(in_new ? f->new : f->cur);
	struct dirent *e;
	struct stat st;

	if (dir == NULL)
		return why_sys(why, RC_TEMP, "4.3.0", "read the mailbox");
	for (errno = 0; (e = readdir(dir)) != NULL; errno = 0) {
		if (e->d_name[0] == '.')
			continue;
		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) <
		    0) {
			*moved = *moved || !in_new;
			continue;
		}
		if (!S_ISREG(st.st_mode))
			continue;
		if (maildir_file_torn(e->d_name, in_new, &st)) {
			maildir_file_aside(f, dirfd(dir), e->d_name);
			list->torn++;
			continue;
		}
		add(list, e->d_name, in_new, (uint64_t)st.st_size);
	}
	if (errno != 0)
		why_sys(why, RC_TEMP, "4.3.0", "read the mailbox");
	else
		why_set(why, RC_OK, "2.0.0", "ok");
	(void)closedir(dir); /* read only */
	return why->rc;
}

/* By base name; of two the one in cur/ first, since new/ is the older view. */
static int
compare(const void *va, const void *vb)
{
	const struct maildir_entry *a = va, *b = vb;
	int by_base = span_cmp(maildir_name_base(span_of(a->name)),
	    maildir_name_base(span_of(b->name)));

	return by_base != 0 ? by_base : a->in_new - b->in_new;
}

static void
sort_once_each(struct maildir_list *list)
{
	size_t kept = 0;

	if (list->n == 0)
		return;
	qsort(list->v, list->n, sizeof(*list->v), compare);
	for (size_t i = 1; i < list->n; i++) {
		struct maildir_entry *last = &list->v[kept];

		if (span_eq(maildir_name_base(span_of(last->name)),
			maildir_name_base(span_of(list->v[i].name))))
			free(list->v[i].name);
		else
			list->v[++kept] = list->v[i];
	}
	list->n = kept + 1;
}

void
maildir_list_free(struct maildir_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i].name);
	free(list->v);
	*list = (struct maildir_list){0};
}

enum rc
maildir_list_scan(
    const struct maildir_folders *f, struct maildir_list *list, struct why *why)
{
	size_t torn = 0;
	enum rc rc = RC_OK;
	bool moved = true;

	*list = (struct maildir_list){0};
	for (int i = 0; i < PASSES && moved && rc == RC_OK; i++) {
		maildir_list_free(list);
		moved = false;
		rc = scan(f, true, list, &moved, why);
		if (rc == RC_OK)
			rc = scan(f, false, list, &moved, why);
		torn += list->torn;
	}
	sort_once_each(list);
	list->torn = torn;
	if (rc != RC_OK)
		maildir_list_free(list);
	return rc;
}

static bool
find_in(int folder, struct span base, char **name)
{
	DIR *dir = read_folder(folder);
	struct dirent *e;

	if (dir == NULL)
		return false;
	while ((e = readdir(dir)) != NULL)
		if (span_eq(maildir_name_base(span_of(e->d_name)), base))
			break;
	if (e != NULL) {
		free(*name);
		*name = mem_dup(e->d_name);
	}
	(void)closedir(dir); /* read only */
	return e != NULL;
}

/* Under which name is it now? False: nowhere. */
static bool
find_again(const struct maildir_folders *f, struct maildir_entry *e)
{
	char *old = mem_dup(e->name);
	struct span base = maildir_name_base(span_of(old));
	bool found = true;

	if (find_in(f->cur, base, &e->name))
		e->in_new = false;
	else if (find_in(f->new, base, &e->name))
		e->in_new = true;
	else
		found = false;
	free(old);
	return found;
}

int
maildir_list_open(const struct maildir_folders *f, struct maildir_entry *e)
{
	int fd = io_open_read(folder_of(f, e), e->name);

	for (int i = 0; i < PASSES && fd < 0 && errno == ENOENT; i++) {
		if (!find_again(f, e)) {
			errno = ENOENT;
			break;
		}
		fd = io_open_read(folder_of(f, e), e->name);
	}
	return fd;
}

enum rc
maildir_list_wire(const struct maildir_folders *f, struct maildir_entry *e,
    uint64_t *octets, struct why *why)
{
	struct maildir_name n;
	enum rc rc = RC_OK;
	int fd;

	maildir_name_parse(span_of(e->name), &n);
	*octets = n.wire;
	/* never less than on disk, never more than a CR for each byte */
	if (n.has_size && n.has_wire && n.size == e->size && n.wire >= n.size &&
	    n.wire - n.size <= n.size)
		return RC_OK;
	fd = maildir_list_open(f, e);
	if (fd < 0 || !maildir_file_wire(fd, octets))
		rc = why_sys(why, RC_TEMP, "4.3.0", "read a message");
	io_close(&fd);
	return rc;
}

enum rc
maildir_list_remove(
    const struct maildir_folders *f, struct maildir_entry *e, struct why *why)
{
	for (int i = 0; i < PASSES; i++) {
		if (unlinkat(folder_of(f, e), e->name, 0) == 0)
			return RC_OK;
		if (errno != ENOENT)
			break;
		if (!find_again(f, e))
			return RC_OK;
	}
	return why_sys(why, RC_TEMP, "4.3.0", "remove a message");
}
