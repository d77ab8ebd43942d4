/*
 * Reverse-path and forward-path, RFC 5321 4.1.2, and what is between the
 * angle brackets: the mailbox, in one canonical form; beyond ASCII by RFC 6531
 * 3.3. Pure, fuzzed.
 */
#ifndef LIB_ADDR_PATH_H
#define LIB_ADDR_PATH_H

#include "lib/base/buf.h"
#include "lib/base/why.h"

enum addr_form {
	ADDR_REVERSE, /* "<>" is allowed */
	ADDR_FORWARD, /* "<Postmaster>" is allowed */
};

/*
 * Read one path from the beginning of *in, which is advanced behind its '>'.
 * The mailbox is appended to `out`: local part (quoted only where it must
 * be, UTF-8 as it came), '@', domain in lower case (A-labels, RFC 5890) or
 * address literal; "" for <>, "postmaster" for <Postmaster>; a source route is
 * dropped. Whether text beyond ASCII may stand there is the caller's to say.
 * RC_PERM with 5.1.7 (reverse)
 * or 5.1.3 (forward): *in and *out are as before then.
 */
enum rc addr_path(
    struct span *in, enum addr_form form, struct buf *out, struct why *why);

/* The same for a bare mailbox without brackets, all of `text`. */
enum rc addr_mailbox(struct span text, struct buf *out, struct why *why);
/* The same of its parts, the local one with its quoting taken off. */
enum rc addr_mailbox_of(
    struct span local, struct span domain, struct buf *out, struct why *why);

/*
 * Parts of a canonical mailbox; borrowed. The local part is as written,
 * quotes included. False when there is no '@' ("", "postmaster").
 */
bool addr_split(struct span mailbox, struct span *local, struct span *domain);

#endif
