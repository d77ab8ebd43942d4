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
enum rc directory_open(
    const char *path, struct directory **out, struct why *why);
/* Accepts NULL inside. */
void directory_close(struct directory **d);

enum directory_kind {
	DIRECTORY_ELSEWHERE, /* not a domain of this host */
	DIRECTORY_UNKNOWN,   /* no such mailbox in a domain of this host */
	DIRECTORY_ACCOUNT,   /* a mailbox here */
	DIRECTORY_ALIAS,     /* stands for other addresses */
	DIRECTORY_RELAY,     /* at another host, whose mail is taken here */
	DIRECTORY_BROKEN,    /* whose it is cannot be told: a line of the
				administrator's files is wrong */
	DIRECTORY_ERROR,     /* no snapshot, or it cannot be read */
};

/*
 * Who is `mailbox` (canonical, as addr_path gives it; "postmaster" without a
 * domain is the host's postmaster, RFC 5321 4.5.1)? Local parts compare
 * without case. For an account its login (of a user of the system the name,
 * without '@'), for an alias its targets, separated by LF, are appended to
 * `target` (may be NULL). Each target is canonical, or an action (action.h).
 * DIRECTORY_ERROR also when d is NULL or `target` has no room: it is as
 * before then.
 *
 * Looked up in this order: account, alias of the address, alias of the local
 * part, user of the system; the same without "+detail" (RFC 5233), the longest
 * base first; postmaster as the configuration has it; catch-all; for postmaster
 * an account at the first local domain, listed or not. In a domain that stands
 * for another, what is listed by its address there comes first, and then all
 * is as at the other domain. A line that is wrong leaves its name BROKEN; while
 * the name itself cannot be read so is whoever would be UNKNOWN, or a
 * catch-all's: it may be theirs.
 */
enum directory_kind directory_find(
    const struct directory *d, struct span mailbox, struct buf *target);

/*
 * Does an alias lead to that program or file (action.h)? UNKNOWN: none; ALIAS;
 * ERROR as above.
 */
enum directory_kind directory_find_action(
    const struct directory *d, struct span action);

/*
 * Is `mailbox` that of a user of the system, whatever aliases there are of
 * that name? As directory_find(), which answers UNKNOWN or ACCOUNT here.
 */
enum directory_kind directory_find_user(
    const struct directory *d, struct span mailbox, struct buf *target);

enum directory_right {
	DIRECTORY_OWN,       /* its mail comes to that login, and to no other */
	DIRECTORY_GIVEN,     /* the file of paths.senders gives it */
	DIRECTORY_FOREIGN,   /* neither */
	DIRECTORY_NOT_KNOWN, /* a line that may tell is wrong, or no snapshot */
};

/*
 * May `login` send as `address` (canonical; with or without a detail)? As an
 * account, an alias that leads to no other account, or a catch-all's, it is
 * its own. The file gives an address, a domain or all (`*`) to whoever any of
 * the addresses behind it leads to.
 */
enum directory_right directory_may_send(
    const struct directory *d, struct span login, struct span address);

/*
 * The addresses to whose owners the file gives `mailbox`, each canonical and
 * with an LF behind it, appended to `out`: DIRECTORY_ALIAS; UNKNOWN when there
 * are none; ERROR as for directory_find().
 */
enum directory_kind directory_find_grants(
    const struct directory *d, struct span mailbox, struct buf *out);

#define DIRECTORY_DELIMITERS_MAX 15
/* The characters that may stand between user and detail; borrowed. */
const char *directory_delimiters(const struct directory *d);

#define DIRECTORY_EXPAND_MAX   10000 /* results; twice that on the way */
#define DIRECTORY_EXPAND_DEPTH 20    /* aliases of aliases */

/*
 * All that `mailbox` stands for in the end: logins and actions (action.h) are
 * appended to `accounts` and addresses of other hosts to `elsewhere`, each with
 * an LF behind it and once. A login that an alias names with a detail has a TAB
 * and that address behind it. A user of the system whose alias names the user
 * as well (`joe: joe, ann`) is among them. RC_OK: one of them at least;
 * why->text then is "", or tells the first target that was left out because it
 * is unknown or leads too deep. RC_PERM: 5.1.1 when there is nobody, 5.4.6 when
 * there are only loops, 5.5.3 when there are too many; RC_TEMP: 4.3.5 when one
 * of them is BROKEN, 4.3.0 when the directory cannot be read or a buffer is
 * full. Nothing has been appended then.
 */
enum rc directory_expand(const struct directory *d, struct span mailbox,
    struct buf *accounts, struct buf *elsewhere, struct why *why);

#endif
