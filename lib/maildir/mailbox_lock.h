/*
 * The right to give UIDs in a mailbox, against other processes. Private to
 * lib/maildir/mailbox*.c.
 */
#ifndef LIB_MAILDIR_MAILBOX_LOCK_H
#define LIB_MAILDIR_MAILBOX_LOCK_H

#include "lib/maildir/mailbox.h"

/*
 * Wait for the lock, and take up what others have changed: m->next and
 * m->state are then as new as can be. A mailbox without state gets one.
 * RC_TEMP: not locked. On a read-only file system it succeeds as far as there
 * is a state, and maildir_mailbox_lock_room() fails.
 */
enum rc maildir_mailbox_lock(struct maildir_mailbox *m, struct why *why);
/*
 * UIDs from m->next on, n of them, may be given once this returns RC_OK; the
 * caller advances m->next. RC_PERM when there are no more (2^32).
 */
enum rc maildir_mailbox_lock_room(
    struct maildir_mailbox *m, size_t n, struct why *why);
void maildir_mailbox_lock_end(struct maildir_mailbox *m);

#endif
