/*
 * The maildrop: the messages that were there at log-in, under a lock that
 * nobody else holds (RFC 1939 section 4). Their numbers, sizes and unique
 * names stay the same until it is closed, whatever other programs do to the
 * files meanwhile. Blocking where it says so: those run in threads.
 */
#ifndef POP3D_DROP_H
#define POP3D_DROP_H

#include "lib/base/buf.h"
#include "lib/maildir/list.h"

struct drop_message {
	uint64_t octets; /* with CRLF line ends */
	bool deleted;    /* at QUIT it will be */
};

struct drop {
	int lock;
	struct maildir_folders folders;
	struct maildir_list list;
	struct drop_message *v; /* beside list.v */
	size_t n;
	size_t left; /* not marked as deleted */
	uint64_t octets_left;
};

/* Nothing open: what drop_close() may be called for. */
void drop_init(struct drop *d);

/*
 * Blocking. Lock the mailbox at `maildir` and list it. RC_TEMP: nothing is
 * open; *in_use when somebody else has the lock.
 */
enum rc drop_open(
    struct drop *d, const char *maildir, bool *in_use, struct why *why);
void drop_close(struct drop *d);

/* Message i (from 0) is marked, or none is. */
void drop_delete(struct drop *d, size_t i);
void drop_reset(struct drop *d);

/* Blocking: the file of message i, open for reading; -1 with errno. */
int drop_file(struct drop *d, size_t i);

/*
 * Blocking. Remove the marked ones (RFC 1939 section 6, UPDATE). RC_TEMP: some
 * could not be, all the others are.
 */
enum rc drop_update(struct drop *d, struct why *why);

/*
 * RFC 1939 section 7, UIDL: 1 to 70 characters of 0x21 to 0x7e, appended. The
 * file's base name, which no other message ever has, or its digest.
 */
void drop_uidl(const struct drop *d, size_t i, struct buf *b);
#define DROP_UIDL_MAX 70

#endif
