/*
 * Flags as IMAP names them (RFC 3501 2.3.2): system flags are Maildir's
 * letters, keywords those of the mailbox's text file; $Forwarded is Maildir's
 * own P. \Recent is no flag of a file.
 */
#ifndef IMAPD_MSGFLAGS_H
#define IMAPD_MSGFLAGS_H

#include "imapd/parse.h"
#include "lib/maildir/mailbox.h"

#define MSGFLAGS_MAX 64 /* in one list */

/* Flag names as a command gives them; borrowed from its text. */
struct msgflags {
	uint32_t bits; /* of flags.h */
	struct span keywords[MSGFLAGS_MAX];
	size_t n;
};

/*
 * A flag-list in parentheses, or flags one after the other if `bare`. False:
 * no such list, or a system flag that cannot be set (\Recent) or is not known.
 */
bool msgflags_parse(struct parse *p, bool bare, struct msgflags *f);

/*
 * The bits of the list in this mailbox. Keywords that are not there yet are
 * made if `make`, else passed over. RC_PERM: there is no letter left for one
 * of them; RC_TEMP: it cannot be made. Blocking.
 */
enum rc msgflags_bits(const struct msgflags *f, struct maildir_mailbox *m,
    bool make, uint32_t *bits, struct why *why);

/* Append "(\Seen $Forwarded)". */
void msgflags_put(struct buf *b, const struct maildir_mailbox *m,
    uint32_t flags, bool recent);
/* Append the names of all there are, without parentheses. */
void msgflags_put_known(struct buf *b, const struct maildir_mailbox *m);

#endif
