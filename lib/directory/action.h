/*
 * A target of the aliases file, or of a user's ~/.forward, that is no address:
 * a program that reads the message, "|/usr/bin/program some arguments", or a
 * file that keeps it, "/var/mail/archive" (or a Maildir, "/var/mail/archive/").
 * Where a list of accounts is expected its text stands for itself: no account
 * begins with '|' or '/', and no target that is an address. That of a user of
 * the system has the name before it, "\joe|/usr/bin/program"; "\joe" alone is
 * joe's mailbox, whatever joe's ~/.forward says. Pure, fuzzed with the aliases
 * file.
 */
#ifndef LIB_DIRECTORY_ACTION_H
#define LIB_DIRECTORY_ACTION_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/why.h"

#define ACTION_MAX 500 /* bytes of its text: it is a key in the snapshot */

/* Of a target or an account: is it a program or a file, also a user's? */
bool action_is(struct span text);
/* Of what has no user's name before it. */
bool action_is_program(struct span text);

/*
 * An account that begins with a backslash: whose it is, and which action, or
 * nothing for the mailbox. Both point into it. False: it does not.
 */
bool action_of_user(
    struct span account, struct span *user, struct span *action);

/*
 * What the file says, `|program`, `"|program arguments"`,
 * `|"program arguments"`, `/path` or `"/path"`, as text: appended to `out`.
 * RC_PERM 5.3.5: no program and no file can be made of it. With `shell` one
 * may be needed to run the program: action_split() is to tell.
 */
enum rc action_read(
    struct span said, bool shell, struct buf *out, struct why *why);

/*
 * The words of a program's text, the program first, each with a NUL behind it,
 * into `words`. No shell reads them: white space parts them, unless it is in
 * quotes
 * ('' or "") or behind a backslash; what only a shell could do, RC_PERM 5.3.5.
 */
enum rc action_split(struct span text, struct buf *words, struct why *why);

#endif
