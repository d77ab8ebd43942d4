/*
 * The snapshot of domains, accounts and aliases that master has compiled: one
 * read-only LMDB file that never changes after it has its name. It holds no
 * secret.
 */
#ifndef LIB_DIRECTORY_DIRECTORY_H
#define LIB_DIRECTORY_DIRECTORY_H

#include "lib/base/buf.h"
#include "lib/base/why.h"

struct directory;

/* RC_TEMP when the file is missing or is no snapshot of this version. */
enum rc directory_open(const char *path, struct directory **d, struct why *why);
/* Accepts NULL inside. */
void directory_close(struct directory **d);

enum directory_kind {
	DIRECTORY_ELSEWHERE, /* not a domain of this host */
	DIRECTORY_UNKNOWN,   /* no such mailbox in a domain of this host */
	DIRECTORY_ACCOUNT,   /* a mailbox here */
	DIRECTORY_ALIAS,     /* stands for other addresses */
	DIRECTORY_ERROR,     /* no snapshot, or it cannot be read */
};

/*
 * Who is `mailbox` (canonical, as addr_path gives it; "postmaster" without a
 * domain is the host's postmaster, RFC 5321 4.5.1)? Local parts compare
 * without case. For an account its login, for an alias its targets, separated
 * by LF, are appended to `target` (may be NULL). Each target is canonical.
 */
enum directory_kind directory_find(
    const struct directory *d, struct span mailbox, struct buf *target);

/*
 * All that `mailbox` stands for, through aliases of aliases: logins of
 * accounts and canonical mailboxes elsewhere, each appended with LF behind it
 * (an output may hold earlier ones; duplicates are left out). RC_PERM: 5.1.1
 * when nothing is left, 5.4.6 when it only leads in circles. RC_TEMP: the
 * snapshot cannot be read.
 */
enum rc directory_expand(const struct directory *d, struct span mailbox,
    struct buf *accounts, struct buf *elsewhere, struct why *why);

#endif
