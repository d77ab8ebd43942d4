/*
 * The mailboxes of an account, as Maildir++ has them: the inbox is the Maildir
 * itself, every other one a folder `.Work.Reports` in it. Names here are those
 * of the folders. And the list of subscribed ones, a text file. All blocks.
 */
#ifndef LIB_MAILDIR_TREE_H
#define LIB_MAILDIR_TREE_H

#include <stdbool.h>

#include "lib/base/span.h"
#include "lib/base/why.h"

#define MAILDIR_TREE_MAX 100000 /* mailboxes of one account */

struct maildir_tree {
	char **v; /* sorted by bytes; the inbox is not among them */
	size_t n;
	size_t cap;
};

/* Folders whose name begins with a dot and that have a cur/. */
enum rc maildir_tree_list(int root, struct maildir_tree *t, struct why *why);
/* The subscribed ones, whether they are there or not; "" is the inbox. */
enum rc maildir_tree_subscribed(
    int root, struct maildir_tree *t, struct why *why);
void maildir_tree_fini(struct maildir_tree *t);
bool maildir_tree_has(const struct maildir_tree *t, struct span name);

/* Can this be the name of a folder: ".a", no '/', no "..", not too long? */
bool maildir_tree_name(struct span name);

/* Make one, durably. RC_PERM: it is there already. */
enum rc maildir_tree_make(int root, const char *name, struct why *why);
/*
 * Remove one with all mail in it. RC_PERM: there is none. It is gone from the
 * tree at once, whole; what cannot be removed of it stays in tmp/.
 */
enum rc maildir_tree_remove(int root, const char *name, struct why *why);
/* RC_PERM: there is none, or the new name is taken. */
enum rc maildir_tree_rename(
    int root, const char *from, const char *to, struct why *why);
/* Add to, or take out of, the subscribed ones; durable. */
enum rc maildir_tree_subscribe(
    int root, const char *name, bool on, struct why *why);

#endif
