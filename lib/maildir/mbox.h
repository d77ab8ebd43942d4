/*
 * Mailboxes of many messages in one file, as other programs have them (mbox):
 * each message begins with a line "From sender Sun Nov 29 06:30:00 2026" and
 * ends with an empty one; a line of it that begins with "From " has a '>' in
 * front. Written to only, for aliases that lead to files.
 */
#ifndef LIB_MAILDIR_MBOX_H
#define LIB_MAILDIR_MBOX_H

#include "lib/maildir/deliver.h"

/* Such a first line with its LF, in UTC; MAILER-DAEMON: the null reverse-path.
 */
void mbox_put_from(struct buf *b, const struct maildir_deliver *d);

/*
 * Append *d to the file (absolute path), which is made if it is not there, with
 * mode 0600; under a lock of fcntl(2). RC_OK: it is durable there. /dev/null
 * takes everything. Else RC_TEMP, and the file is as it was: 4.3.1 no room,
 * 4.2.2 over quota, 4.3.0 all else, also when others hold the lock for half a
 * minute, or the path is no regular file. Blocking. A repetition appends anew.
 */
enum rc mbox_append(
    const char *path, const struct maildir_deliver *d, struct why *why);

#endif
