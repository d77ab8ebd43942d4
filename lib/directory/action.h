/*
 * A target of the aliases file that is no address: a program that reads the
 * message, "|/usr/bin/program some arguments", or a file that keeps it,
 * "/var/mail/archive" (or a Maildir, "/var/mail/archive/"). Where a list of
 * accounts is expected its text stands for itself: no account begins with '|'
 * or '/', and no target that is an address. Pure, fuzzed with the aliases file.
 */
#ifndef LIB_DIRECTORY_ACTION_H
#define LIB_DIRECTORY_ACTION_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/why.h"

#define ACTION_MAX 500 /* bytes of its text: it is a key in the snapshot */

/* Of a target or an account. */
bool action_is(struct span text);
bool action_is_program(struct span text);

/*
 * What the file says, `|program`, `"|program arguments"`,
 * `|"program arguments"`, `/path` or `"/path"`, as text: appended to `out`.
 * RC_PERM 5.3.5: no program and no file can be made of it.
 */
enum rc action_read(struct span said, struct buf *out, struct why *why);

/*
 * The words of a program's text, the program first, each with a NUL behind it,
 * into `words`. No shell reads them: white space parts them, unless it is in
 * quotes
 * ('' or "") or behind a backslash; what only a shell could do, RC_PERM 5.3.5.
 */
enum rc action_split(struct span text, struct buf *words, struct why *why);

#endif
