/*
 * Names of mailboxes: as clients write them (modified UTF-7, RFC 3501 5.1.3,
 * '/' between levels) and as folders of a Maildir++ (tree.h), '.' between
 * levels. A '.' in a name stands as "&AC4-" in the folder's, which no client
 * may write (printable characters are never encoded), so the two never meet.
 * Pure, fuzzed.
 */
#ifndef IMAPD_NAME_H
#define IMAPD_NAME_H

#include "lib/base/buf.h"

#define NAME_SEPARATOR '/'
#define NAME_MAX_BYTES 1024 /* of a client's name; longer ones are refused */

/*
 * Append the folder's name: "" for the inbox (INBOX in any case). False when
 * it can be none: an empty level, a control or 8-bit character, a wildcard,
 * wrong modified UTF-7, too long for a file system.
 */
bool name_to_folder(struct span name, struct buf *folder);
/* The reverse; false for folders that cannot be shown. */
bool name_from_folder(struct span folder, struct buf *name);

/* Append as an astring. */
void name_put(struct buf *b, struct span name);

/* Does the name match a pattern of LIST ('%' and '*', RFC 3501 6.3.8)? */
bool name_matches(struct span name, struct span pattern);

/* "\\Sent" for the folders that clients know by their use (RFC 6154), or "".
 */
const char *name_special_use(struct span folder);

#endif
