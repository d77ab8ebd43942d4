/*
 * One message into one mailbox. Owns the form of the delivered file, its name
 * and the rules by which a repetition knows what was done before. Blocking:
 * runs in threads. No link is followed, no file replaced, none removed but
 * the one that this call failed to make durable.
 *
 * The file holds, line ends LF:
 *
 *   Return-Path: <sender>
 *   Delivered-To: account   (unless the trace begins with one, which has the
 *                           detail of the address)
 *   trace                   (our Received field; not when it is in the file)
 *   the message             (CRLF becomes LF, any other CR and LF stay)
 *
 * Its name in new/ is `<base>,S=<size>,W=<size with CRLF line ends>`, where
 *
 *   <base>  <qid>.R<rcpt>         the first attempt
 *           <qid>.R<rcpt>.<n>     n = 1 to 9: when what stands under the
 *                                 names before it is torn
 *
 * and <qid> is the queue ID, of which control characters and `,:/%` become
 * %xx. So name and bytes are made from the message alone: the same, whether
 * it comes from smtpd's memory or from the queue's file. W= counts a CR for
 * each LF that has none before it.
 *
 * A file of new/ or cur/ is ours if its name up to the first ',' or ':' is
 * one of the bases. It is
 *
 *   whole   a regular file whose size is that of the S= in its name: done; it
 *           is flushed, nothing is written
 *   torn    anything else: the machine stopped between name and flush, or
 *           another program took the S= away or changed the file. It does not
 *           count, since it may lack mail that was promised, and it stays
 *           where it is: an account's session moves it aside
 *
 * A whole one beside torn ones is whole. With `again` new/, then cur/ are
 * searched before anything is written; without it only when the name turns
 * out to be taken.
 */
#ifndef LIB_MAILDIR_DELIVER_H
#define LIB_MAILDIR_DELIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/maildir/place.h"

struct maildir_deliver {
	struct span qid;
	uint32_t rcpt;
	bool again; /* an earlier attempt may have succeeded */
	bool later; /* the caller sees to the flush, where that can be */
	struct span account;
	const char *maildir; /* its absolute path; NULL: as place.h has it */
	struct span sender;  /* "" is the null reverse-path */
	struct span trace;   /* LF line ends */
	uint64_t arrived_us; /* becomes the file's time; 0: now */
	int file;            /* read by pread(2) only; borrowed */
	uint64_t offset;     /* of the message in it */
	uint64_t size;
};

#define MAILDIR_DELIVER_NAME_MAX 256

struct maildir_delivered {
	char name[MAILDIR_DELIVER_NAME_MAX]; /* as found, when it existed */
	uint64_t size;                       /* on disk */
	bool existed;
	bool unflushed; /* nothing is promised before the caller's flush */
};

/*
 * Deliver below the folder `root` (see place.h), where folders that are missing
 * are made, or into d->maildir, which is there. RC_OK: the message is durable
 * in the mailbox, *out says where. RC_PERM only for an account that can have no
 * folder (5.1.1). Else RC_TEMP, and nothing is left under a name: 4.3.1 no
 * room, 4.2.2 over quota, 4.3.0 all else. One attempt per queue ID and
 * recipient at a time.
 */
enum rc maildir_deliver(const struct maildir_root *root,
    const struct maildir_deliver *d, struct maildir_delivered *out,
    struct why *why);

/*
 * What the delivered file would hold, written to fd (a regular file, or a
 * memfd), from where that stands on. RC_TEMP as above.
 */
enum rc maildir_deliver_text(
    const struct maildir_deliver *d, int fd, struct why *why);

/*
 * Many with one flush. Those with `later` that end RC_OK and out->unflushed are
 * written and named, and become a promise when maildir_deliver_flush() returns
 * RC_OK; else each is taken back by maildir_deliver_undo(). Its descriptor is
 * maildir_deliver_before(), made before the first of them begins: what could
 * not be written since is told by it. -1: each has to have its own flush.
 */
int maildir_deliver_before(const struct maildir_root *root);
enum rc maildir_deliver_flush(int fd, struct why *why);
void maildir_deliver_undo(const struct maildir_root *root,
    const struct maildir_deliver *d, const struct maildir_delivered *out);

#endif
