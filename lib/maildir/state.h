/*
 * What a mailbox knows beyond its files: a text file of a few lines in it,
 *
 *   mailstead-mailbox 1
 *   uidvalidity 1764086400
 *   tag k3f9
 *   ceiling 2000
 *   keyword a $Label1
 *
 * tag marks the UIDs in file names as this mailbox's own; no UID above the
 * ceiling has ever been given. The next UID itself is in a second file, which
 * is locked while one is given and never flushed: "<boot ID> <next>". After
 * another boot it may be older than what was shown, and the ceiling counts:
 * so no crash makes a UID come twice, and a flush is paid for each thousand.
 */
#ifndef LIB_MAILDIR_STATE_H
#define LIB_MAILDIR_STATE_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/why.h"
#include "lib/maildir/flags.h"

#define MAILDIR_TAG_LEN     4
#define MAILDIR_KEYWORD_MAX 128 /* bytes of a keyword's name */

struct maildir_state {
	uint32_t uidvalidity; /* 0: there is no state */
	char tag[MAILDIR_TAG_LEN + 1];
	uint32_t ceiling;
	char *keywords[MAILDIR_KEYWORDS]; /* NULL: the letter is free */
	/* private: the file that was read */
	uint64_t ino;
	int64_t mtime_ns;
};

void maildir_state_fini(struct maildir_state *s);

/* The text's meaning; false when it is none, and *s is empty. Pure, fuzzed. */
bool maildir_state_parse(struct maildir_state *s, struct span text);
void maildir_state_put(const struct maildir_state *s, struct buf *b);

/*
 * Read the mailbox's file in the folder `top`. RC_OK, with uidvalidity 0, when
 * there is none or it is damaged (it is then moved to `<name>.damaged`: the
 * mailbox gets a new UIDVALIDITY). *s is replaced. RC_TEMP when it cannot
 * be read: *s is as before, and no UID may be given. Blocking.
 */
enum rc maildir_state_load(int top, struct maildir_state *s, struct why *why);
/*
 * Names that letters have in another program's file: Dovecot's, of lines "0
 * name" with 0 for `a`. Letters and names that *s has stay its own; what is no
 * such line, or no name that a client could be told, is passed over. Pure,
 * fuzzed.
 */
void maildir_state_take_foreign(struct maildir_state *s, struct span text);
/*
 * The same from that file in the folder `top`, of which 16 kB are read. RC_OK
 * also when there is none or it is not for us to read; RC_TEMP when it cannot
 * be read now. Blocking.
 */
enum rc maildir_state_foreign(
    int top, struct maildir_state *s, struct why *why);
/* Is the file still the one that was read or saved? */
bool maildir_state_current(int top, const struct maildir_state *s);
/* Make it durable. Blocking. */
enum rc maildir_state_save(int top, struct maildir_state *s, struct why *why);

/*
 * Open and lock the second file (waits), and read it: *next is the least UID
 * that was not given by anybody, as far as it says; 0: it does not say.
 * *lock is the descriptor. `boot` is the boot's ID. Blocking. On a read-only
 * file system it is locked as well, but no UID can be reserved.
 */
enum rc maildir_state_lock(
    int top, struct span boot, int *lock, uint32_t *next, struct why *why);
bool maildir_state_read_only(int lock);
/*
 * Write it, under the lock and before a UID below `next` is given: on RC_TEMP
 * none may be.
 */
enum rc maildir_state_reserve(
    int lock, struct span boot, uint32_t next, struct why *why);
/* *lock becomes -1, which it may be before. */
void maildir_state_unlock(int *lock);

/*
 * A UIDVALIDITY that no mailbox below the account's Maildir `root` has had:
 * the time, or more; remembered durably in a text file there. Blocking.
 */
enum rc maildir_state_validity(
    int root, uint32_t *uidvalidity, struct why *why);

#endif
