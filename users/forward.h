/*
 * The file ~/.forward of one user (lib/directory/forward.h), read with that
 * user's rights. It counts when it is a regular file of the user's or root's
 * that no other may write to: what cannot be read, or makes no sense, holds the
 * user's mail up until it can, and does.
 */
#ifndef USERS_FORWARD_H
#define USERS_FORWARD_H

#include "lib/base/span.h"
#include "lib/base/why.h"
#include "lib/conf/conf.h"
#include "lib/users/user.h"

struct forward_file;

/*
 * Read it, in a process that has become the user. Never NULL: what is wrong
 * with the file, forward_file_check() tells. Wants CONF_USERS; blocking.
 */
struct forward_file *forward_file_new(
    const struct conf *conf, const struct user *u);
void forward_file_free(struct forward_file *f);

/* RC_TEMP 4.3.5: nothing can be delivered by it. */
enum rc forward_file_check(const struct forward_file *f, struct why *why);

/* Is it another file now, or none? To be asked before each delivery. */
bool forward_file_changed(const struct forward_file *f);

/* Does the mailbox get the message? */
bool forward_file_own(const struct forward_file *f);
/* Where it goes besides, LF between; or empty. Borrowed. */
struct span forward_file_targets(const struct forward_file *f);
/* Is that action one of them? */
bool forward_file_has(const struct forward_file *f, struct span action);

#endif
