/*
 * Where an account's mail is: <mail>/<domain>/<local part>/Maildir. The one
 * mapping from a login to folders, for deliveries and sessions alike. Safe for
 * any bytes: no login names a folder outside its own, and no link is followed
 * below <mail>.
 */
#ifndef LIB_MAILDIR_PLACE_H
#define LIB_MAILDIR_PLACE_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/why.h"

/*
 * Names of the two folders, both "" for a home. The login is cut at its last
 * '@' and ASCII capitals become small. Bytes outside 0x21..0x7e, each of
 * `%/<>="` and a '.' at the beginning become %xx (hexadecimal, small letters);
 * the rest stands for itself. So two logins share a place only if they differ
 * in case alone.
 */
struct maildir_place {
	char domain[256];
	char local[256];
};

/*
 * RC_PERM with 5.1.1 when no folder can be named so: no '@', a part is empty,
 * or too long for a file system (255 bytes when encoded).
 */
enum rc maildir_place_of(
    struct span account, struct maildir_place *p, struct why *why);

/*
 * The place of a user of the system: "Maildir" in the folder itself, which is
 * the user's home. There the user's own links are followed up to Maildir,
 * since whoever opens it has the user's rights and no others.
 */
void maildir_place_home(struct maildir_place *p);

/* Append "<domain>/<local part>/Maildir", of a home "Maildir". False when it
 * does not fit. */
bool maildir_place_path(const struct maildir_place *p, struct buf *b);

/* A mailbox's folders, open; all -1 when it is not. */
struct maildir_folders {
	int top; /* Maildir itself */
	int tmp;
	int new;
	int cur;
};

/* The folder of all mailboxes. */
struct maildir_root {
	int fd;       /* owned; -1: there is none */
	bool by_name; /* of its file system, see durable.h */
};

/* fd is taken. RC_TEMP 4.3.0 when its file system cannot be asked. */
enum rc maildir_root_init(struct maildir_root *r, int fd, struct why *why);

/*
 * The way of nearly all deliveries, in two calls: new/ alone, of a mailbox that
 * is whole (it has its cur/) and on the root's own file system, where by_name
 * holds. -1: anything else, or a kernel that cannot say; maildir_place_open()
 * sees to it.
 */
int maildir_place_new(
    const struct maildir_root *r, const struct maildir_place *p);

/*
 * Open the account's folders below the folder `mail` (or the home), and make
 * what is missing (0700) if `make`. cur/ is made last, after the entries of all
 * the others have been made durable: where cur/ is, the first message needs
 * nothing flushed but its own file (and new/, if !durable.by_name).
 * RC_TEMP: 4.3.0, or 4.3.1 and 4.2.2 when there is no room; nothing stays open.
 * Blocking.
 */
enum rc maildir_place_open(int mail, const struct maildir_place *p, bool make,
    struct maildir_folders *f, struct why *why);
/* Close what is open. */
void maildir_place_close(struct maildir_folders *f);

#endif
