/*
 * The mailbox of a user of the system.
 */
#ifndef USERS_HOME_H
#define USERS_HOME_H

#include "lib/base/buf.h"
#include "lib/users/user.h"

#define HOME_PATH_MAX 8192

/*
 * Make what is missing of ~/Maildir, in a process that has become the user, and
 * append its absolute path, without links. RC_TEMP 4.3.0. Blocking.
 */
enum rc home_maildir(const struct user *u, struct buf *path, struct why *why);

#endif
