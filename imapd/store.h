/*
 * The account's mailboxes as all its connections share them: each is open
 * once. Used by the account's one store thread only; everything blocks.
 */
#ifndef IMAPD_STORE_H
#define IMAPD_STORE_H

#include <sys/queue.h>

#include "imapd/cache.h"
#include "lib/maildir/mailbox.h"
#include "lib/maildir/tree.h"

struct store_box {
	TAILQ_ENTRY(store_box) next;
	char *folder; /* its name in the tree; NULL: it was removed, or another
			 program gave it a name that nobody knows */
	struct maildir_mailbox *m;
	unsigned users; /* views and commands that hold it */
};

struct store {
	int root; /* the account's Maildir */
	char *boot;
	struct cache *cache;
	size_t n_boxes;
	TAILQ_HEAD(, store_box) boxes; /* used last comes first */
};

/* Open the account's Maildir, and make the folders every account has. */
enum rc store_open(
    struct store *s, const char *maildir, const char *boot, struct why *why);
void store_close(struct store *s);

/*
 * The mailbox of a folder, up to date: of the one that has this name now, also
 * when another program has moved folders. RC_PERM: there is none. To be given
 * back with store_release().
 */
enum rc store_acquire(struct store *s, struct span folder,
    struct store_box **out, struct why *why);
/* Has the box its name in the tree still? */
bool store_is_there(const struct store *s, const struct store_box *box);
/* Accepts NULL inside. */
void store_release(struct store *s, struct store_box **held);

/* As maildir_tree_make, _remove and _rename; what is open follows. */
enum rc store_make(struct store *s, const char *folder, struct why *why);
enum rc store_remove(struct store *s, const char *folder, struct why *why);
/* With all below it. RC_PERM: nothing was renamed. */
enum rc store_rename(
    struct store *s, const char *from, const char *to, struct why *why);

#endif
