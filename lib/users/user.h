/*
 * Users of this system who have a mailbox here: those of NSS (getpwent(3))
 * whose uid is within users.min_uid and users.max_uid, at the domains of
 * users.domains. Their mailbox is ~/Maildir, their account is their name: an
 * account without '@' is a user of the system, one with it is in authd's file.
 */
#ifndef LIB_USERS_USER_H
#define LIB_USERS_USER_H

#include <sys/types.h>

#include "lib/base/why.h"
#include "lib/conf/conf.h"

#define USER_NAME_MAX 32 /* bytes; as useradd(8) */

/* Each function wants the section CONF_USERS. */

/* Does the configuration give users of the system mailboxes at all? */
bool user_any(const struct conf *conf);

/*
 * Can this be a user's name? a-z, 0-9, '_', '-' and '.', the first a letter or
 * '_'. Names with capitals are not served: addresses compare without case.
 */
bool user_name_ok(struct span name);

/* Is this account (as the directory has it) a user of the system? */
bool user_is(struct span account);

/*
 * The user whom a login in lower case means: "joe", or "joe@example.org" with
 * a domain of users.domains. Points into `login`; empty: none. It says nothing
 * about whether there is such a user.
 */
struct span user_of_login(const struct conf *conf, struct span login);

/*
 * Is a process needed that can become somebody else: for users' mailboxes, or
 * for the programs and files of aliases? Wants CONF_DELIVERY as well.
 */
bool user_needed(const struct conf *conf);

struct user {
	char *name;
	char *home; /* absolute */
	char *shell;
	uid_t uid; /* neither is 0 */
	gid_t gid;
};

/*
 * Look the name up; blocking, as NSS is. RC_OK: *out is owned by the caller.
 * RC_PERM 5.1.1: no such user, or not one with a mailbox. RC_TEMP 4.3.0: NSS
 * cannot say.
 */
enum rc user_find(const struct conf *conf, struct span name, struct user *out,
    struct why *why);
void user_fini(struct user *u);

/* May that user run programs here? As chsh(1) has it: the shell is listed in
 * /etc/shells. Blocking. */
bool user_has_shell(const struct user *u);

/*
 * As user_find(), as whom programs are run: delivery.program_user, whatever
 * the uid, which is not 0. RC_PERM 5.3.5: there is none, or it is root or one
 * of the server's own, who have mail and keys. Wants CONF_DELIVERY only.
 */
enum rc user_of_programs(
    const struct conf *conf, struct user *out, struct why *why);

/*
 * Call `each` with the name of everybody whom NSS lists and user_find() would
 * find. Blocking. RC_TEMP 4.3.0 when NSS breaks off: some may be missing.
 */
typedef void user_each_fn(void *ctx, struct span name);
enum rc user_each(
    const struct conf *conf, user_each_fn *each, void *ctx, struct why *why);

#endif
