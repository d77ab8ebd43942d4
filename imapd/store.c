/*
 * The account's mailboxes: see store.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "imapd/store.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

#define UNUSED_MAX 16 /* mailboxes that stay open for who comes again */

/* quirks: without them clients make "Sent Items" and "Sent Messages" each */
static const char *const folders_at_first[] = {
    ".Archive", ".Drafts", ".Junk", ".Sent", ".Trash"};

/* A new account has them; one that has folders of its own is left alone. */
static enum rc
make_first(struct store *s, struct why *why)
{
	struct maildir_tree tree;
	enum rc rc = maildir_tree_list(s->root, &tree, why);

	if (rc == RC_OK && tree.n == 0) {
		rc = maildir_tree_subscribe(s->root, "", true, why);
		for (size_t i = 0; i < 5 && rc == RC_OK; i++) {
			rc = maildir_tree_make(
			    s->root, folders_at_first[i], why);
			if (rc == RC_OK)
				rc = maildir_tree_subscribe(
				    s->root, folders_at_first[i], true, why);
		}
	}
	maildir_tree_fini(&tree);
	return rc;
}

enum rc
store_open(
    struct store *s, const char *maildir, const char *boot, struct why *why)
{
	struct why first;

	TAILQ_INIT(&s->boxes);
	s->boot = mem_dup(boot);
	s->root = open(maildir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "the account's Maildir");
	/* a full disk must not keep anybody from reading */
	(void)make_first(s, &first);
	return RC_OK;
}

static void
box_free(struct store *s, struct store_box *box)
{
	TAILQ_REMOVE(&s->boxes, box, next);
	s->n_boxes--;
	maildir_mailbox_close(&box->m);
	free(box->folder);
	free(box);
}

void
store_close(struct store *s)
{
	while (!TAILQ_EMPTY(&s->boxes))
		box_free(s, TAILQ_FIRST(&s->boxes));
	io_close(&s->root);
	free(s->boot);
	s->boot = NULL;
}

/*
 * Has the folder of that name another one's place? Other programs rename and
 * remove folders, and so does another process of this account. What cannot be
 * looked at now counts as the same.
 */
static bool
is_another(
    const struct store *s, const struct store_box *box, const char *folder)
{
	struct stat ours, there;

	if (fstatat(s->root, folder[0] == '\0' ? "." : folder, &there,
		AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	return fstat(box->m->folders.top, &ours) == 0 &&
	       (ours.st_dev != there.st_dev || ours.st_ino != there.st_ino);
}

bool
store_is_there(const struct store *s, const struct store_box *box)
{
	return box->folder != NULL && !is_another(s, box, box->folder);
}

static void
set_folder(struct store_box *box, const char *folder)
{
	free(box->folder);
	box->folder = folder == NULL ? NULL : mem_dup(folder);
}

static struct store_box *
find(struct store *s, struct span folder)
{
	struct store_box *box;

	TAILQ_FOREACH (box, &s->boxes, next) {
		if (box->folder == NULL || box->m->broken ||
		    !span_eq(span_of(box->folder), folder))
			continue;
		if (store_is_there(s, box))
			return box;
		/* who has it selected is told so */
		set_folder(box, NULL);
	}
	return NULL;
}

static enum rc
open_box(struct store *s, struct span folder, struct store_box **out,
    struct why *why)
{
	struct store_box *box = mem_alloc(sizeof(*box));
	enum rc rc;

	box->folder = span_dup(folder);
	rc = maildir_mailbox_open(s->root, box->folder, s->boot, &box->m, why);
	if (rc != RC_OK) {
		free(box->folder);
		free(box);
		return rc;
	}
	TAILQ_INSERT_HEAD(&s->boxes, box, next);
	s->n_boxes++;
	*out = box;
	return RC_OK;
}

enum rc
store_acquire(struct store *s, struct span folder, struct store_box **out,
    struct why *why)
{
	struct store_box *box = find(s, folder);
	bool known = box != NULL;
	enum rc rc = RC_OK;

	*out = NULL;
	if (!known)
		rc = open_box(s, folder, &box, why);
	if (rc != RC_OK)
		return rc;
	box->users++;
	rc = maildir_mailbox_sync(box->m, why);
	if (rc != RC_OK) {
		store_release(s, &box);
		return rc;
	}
	/* others may have removed messages since it was open last */
	if (!known)
		cache_sweep(s->cache, box->m);
	*out = box;
	return RC_OK;
}

/* Those that nobody uses, but for the last few. */
static void
close_unused(struct store *s)
{
	struct store_box *box, *after;
	size_t unused = 0;

	for (box = TAILQ_FIRST(&s->boxes); box != NULL; box = after) {
		after = TAILQ_NEXT(box, next);
		if (box->users == 0 && (box->folder == NULL || box->m->broken ||
					   ++unused > UNUSED_MAX))
			box_free(s, box);
	}
}

void
store_release(struct store *s, struct store_box **held)
{
	struct store_box *box = *held;

	*held = NULL;
	if (box == NULL || --box->users > 0)
		return;
	TAILQ_REMOVE(&s->boxes, box, next);
	TAILQ_INSERT_HEAD(&s->boxes, box, next);
	close_unused(s);
}

enum rc
store_make(struct store *s, const char *folder, struct why *why)
{
	return maildir_tree_make(s->root, folder, why);
}

/* What was at `from` is now at `to`; NULL: nowhere. */
static void
renamed(struct store *s, const char *from, const char *to)
{
	struct store_box *box;

	TAILQ_FOREACH (box, &s->boxes, next)
		if (box->folder != NULL && strcmp(box->folder, from) == 0)
			set_folder(box,
			    to == NULL || is_another(s, box, to) ? NULL : to);
	close_unused(s);
}

enum rc
store_remove(struct store *s, const char *folder, struct why *why)
{
	enum rc rc = maildir_tree_remove(s->root, folder, why);

	if (rc == RC_OK)
		renamed(s, folder, NULL);
	return rc;
}

static enum rc
rename_one(struct store *s, const char *from, const char *to, struct why *why)
{
	enum rc rc = maildir_tree_rename(s->root, from, to, why);

	if (rc == RC_OK)
		renamed(s, from, to);
	return rc;
}

static bool
is_below(const char *folder, const char *above)
{
	size_t n = strlen(above);

	return strncmp(folder, above, n) == 0 && folder[n] == '.';
}

/* The name below `to` of what is below `from`; false: too long. */
static bool
new_name(const char *folder, const char *from, const char *to, struct buf *b)
{
	buf_puts(b, to);
	buf_puts(b, folder + strlen(from));
	return maildir_tree_name(buf_span(b));
}

/* Can all of them have their new names? */
static enum rc
check_rename(const struct maildir_tree *t, const char *from, const char *to,
    struct why *why)
{
	bool any = false;

	for (size_t i = 0; i < t->n; i++) {
		struct buf b;
		bool ok = true;

		if (strcmp(t->v[i], from) != 0 && !is_below(t->v[i], from))
			continue;
		any = true;
		buf_init(&b, 1024);
		ok = new_name(t->v[i], from, to, &b) &&
		     !maildir_tree_has(t, buf_span(&b));
		buf_fini(&b);
		if (!ok)
			return why_set(why, RC_PERM, "5.2.0",
			    "the new name is taken, or too long");
	}
	if (any)
		return RC_OK;
	return why_set(why, RC_PERM, "5.1.1", "there is no such mailbox");
}

enum rc
store_rename(struct store *s, const char *from, const char *to, struct why *why)
{
	struct maildir_tree t;
	enum rc rc;

	if (is_below(to, from))
		return why_set(why, RC_PERM, "5.2.0",
		    "a mailbox cannot become one of its own children");
	rc = maildir_tree_list(s->root, &t, why);
	if (rc == RC_OK)
		rc = check_rename(&t, from, to, why);
	for (size_t i = 0; i < t.n && rc == RC_OK; i++) {
		struct buf b;

		if (strcmp(t.v[i], from) != 0 && !is_below(t.v[i], from))
			continue;
		buf_init(&b, 1024);
		(void)new_name(t.v[i], from, to, &b); /* checked */
		if (rename_one(s, t.v[i], buf_cstr(&b), why) != RC_OK)
			rc = RC_TEMP;
		buf_fini(&b);
	}
	maildir_tree_fini(&t);
	return rc;
}
