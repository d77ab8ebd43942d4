/*
 * The mailboxes of an account: see tree.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/id.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/maildir/durable.h"
#include "lib/maildir/tree.h"
#include "lib/base/banned.h"

#define SUBSCRIPTIONS     "mailstead-subscriptions"
#define SUBSCRIPTIONS_MAX (MAILDIR_TREE_MAX * 64)
#define DEPTH_MAX         3 /* folders in one another that are removed */

static const int dir_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

static void
add(struct maildir_tree *t, struct span name)
{
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 16 : t->cap * 2;
		t->v = mem_grow(t->v, t->cap * sizeof(*t->v));
	}
	t->v[t->n++] = span_dup(name);
}

static int
compare(const void *va, const void *vb)
{
	char *const *a = va, *const *b = vb;

	return strcmp(*a, *b);
}

static void
sort(struct maildir_tree *t)
{
	size_t kept = 0;

	if (t->n < 2)
		return;
	qsort(t->v, t->n, sizeof(*t->v), compare);
	for (size_t i = 1; i < t->n; i++) {
		if (strcmp(t->v[kept], t->v[i]) == 0)
			free(t->v[i]);
		else
			t->v[++kept] = t->v[i];
	}
	t->n = kept + 1;
}

void
maildir_tree_fini(struct maildir_tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i]);
	free(t->v);
	*t = (struct maildir_tree){0};
}

bool
maildir_tree_has(const struct maildir_tree *t, struct span name)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int d = span_cmp(span_of(t->v[mid]), name);

		if (d == 0)
			return true;
		if (d < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

bool
maildir_tree_name(struct span name)
{
	if (name.n < 2 || name.n > 255 || name.p[0] != '.' ||
	    name.p[name.n - 1] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '/' || name.p[i] == '\0' ||
		    (name.p[i] == '.' && span_at(name, i + 1) == '.'))
			return false;
	return true;
}

static bool
is_mailbox(int root, const char *name)
{
	char path[300];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/cur", name);
	return maildir_tree_name(span_of(name)) &&
	       fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode) &&
	       fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

enum rc
maildir_tree_list(int root, struct maildir_tree *t, struct why *why)
{
	int fd = openat(root, ".", dir_flags);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	enum rc rc = RC_OK;
	struct dirent *e;

	*t = (struct maildir_tree){0};
	if (dir == NULL) {
		why_sys(why, RC_TEMP, "4.3.0", "read the account's Maildir");
		io_close(&fd);
		return RC_TEMP;
	}
	for (errno = 0; (e = readdir(dir)) != NULL; errno = 0)
		if (e->d_name[0] == '.' && t->n < MAILDIR_TREE_MAX &&
		    is_mailbox(root, e->d_name))
			add(t, span_of(e->d_name));
	if (errno != 0)
		rc = why_sys(
		    why, RC_TEMP, "4.3.0", "read the account's Maildir");
	(void)closedir(dir); /* read only */
	sort(t);
	if (rc != RC_OK)
		maildir_tree_fini(t);
	return rc;
}

enum rc
maildir_tree_make(int root, const char *name, struct why *why)
{
	static const char *const inner[] = {"tmp", "new", "cur"};
	enum rc rc = RC_OK;
	int top;

	if (is_mailbox(root, name))
		return why_set(why, RC_PERM, "5.2.0", "it is there already");
	if (mkdirat(root, name, 0700) < 0 && errno != EEXIST)
		return why_sys(why, RC_TEMP, "4.3.0", "mkdir %s", name);
	top = openat(root, name, dir_flags);
	if (top < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "folder %s", name);
	/* cur/ last: it makes the folder a mailbox */
	for (size_t i = 0; i < 3 && rc == RC_OK; i++)
		if (mkdirat(top, inner[i], 0700) < 0 && errno != EEXIST)
			rc = why_sys(why, RC_TEMP, "4.3.0", "mkdir %s/%s", name,
			    inner[i]);
	if (rc == RC_OK && (durable_sync(top) < 0 || durable_sync(root) < 0))
		rc = why_sys(why, RC_TEMP, "4.3.0", "fsync of a new folder");
	io_close(&top);
	return rc;
}

/* Best effort: what is left is no mailbox any more. */
static void
remove_all(int at, const char *name, unsigned depth)
{
	int fd = openat(at, name, dir_flags);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (dir == NULL) {
		io_close(&fd);
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) < 0 && depth < DEPTH_MAX)
			remove_all(fd, e->d_name, depth + 1);
	}
	(void)closedir(dir);
	(void)unlinkat(at, name, AT_REMOVEDIR);
}

enum rc
maildir_tree_remove(int root, const char *name, struct why *why)
{
	struct id id = id_new();
	char to[64];

	(void)snprintf(to, sizeof(to), "tmp/removed.%s", id.text);
	if (!is_mailbox(root, name))
		return why_set(
		    why, RC_PERM, "5.1.1", "there is no such folder");
	if (renameat(root, name, root, to) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "remove %s", name);
	if (durable_sync(root) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "fsync");
	remove_all(root, to, 0);
	return RC_OK;
}

enum rc
maildir_tree_rename(int root, const char *from, const char *to, struct why *why)
{
	if (!is_mailbox(root, from))
		return why_set(
		    why, RC_PERM, "5.1.1", "there is no such folder");
	/* a folder that is no mailbox may stand there: it is not replaced */
	if (renameat2(root, from, root, to, RENAME_NOREPLACE) < 0) {
		if (errno == EEXIST || errno == ENOTEMPTY)
			return why_set(
			    why, RC_PERM, "5.2.0", "the new name is taken");
		return why_sys(why, RC_TEMP, "4.3.0", "rename %s", from);
	}
	if (durable_sync(root) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "fsync");
	return RC_OK;
}

enum rc
maildir_tree_subscribed(int root, struct maildir_tree *t, struct why *why)
{
	int fd = io_open_read(root, SUBSCRIPTIONS);
	struct span rest;
	struct buf b;
	enum rc rc;

	*t = (struct maildir_tree){0};
	if (fd < 0 && errno == ENOENT)
		return RC_OK;
	if (fd < 0)
		return why_sys(why, RC_TEMP, "4.3.0", SUBSCRIPTIONS);
	buf_init(&b, SUBSCRIPTIONS_MAX);
	rc = io_read_file(fd, &b, why);
	rest = buf_span(&b);
	while (rc == RC_OK && rest.n > 0 && t->n < MAILDIR_TREE_MAX) {
		struct span line = span_cut(&rest, '\n');

		if (span_eq(line, SPAN_LIT("INBOX")))
			add(t, SPAN_LIT(""));
		else if (maildir_tree_name(line))
			add(t, line);
	}
	buf_fini(&b);
	io_close(&fd);
	sort(t);
	return rc;
}

enum rc
maildir_tree_subscribe(int root, const char *name, bool on, struct why *why)
{
	struct maildir_tree t;
	struct buf b;
	enum rc rc = maildir_tree_subscribed(root, &t, why);

	if (rc != RC_OK)
		return rc;
	buf_init(&b, SUBSCRIPTIONS_MAX);
	if (on) {
		add(&t, span_of(name));
		sort(&t);
	}
	for (size_t i = 0; i < t.n; i++) {
		if (!on && strcmp(t.v[i], name) == 0)
			continue;
		buf_puts(&b, t.v[i][0] == '\0' ? "INBOX" : t.v[i]);
		buf_putc(&b, '\n');
	}
	rc = b.over || t.n > MAILDIR_TREE_MAX
		 ? why_set(why, RC_PERM, "5.2.0", "too many subscriptions")
		 : durable_replace(root, SUBSCRIPTIONS, buf_span(&b), why);
	buf_fini(&b);
	maildir_tree_fini(&t);
	return rc;
}
