/*
 * What FETCH and SEARCH ask of a message again and again, ready to send, in
 * the account's LMDB index (lib/db): made from the file when first asked for.
 * A record is a message's by UIDVALIDITY, mailbox tag, UID, base name and
 * size; anything else counts as absent. Store thread only; everything blocks.
 * Without a usable index all works, slower.
 */
#ifndef IMAPD_CACHE_H
#define IMAPD_CACHE_H

#include "lib/db/db.h"
#include "lib/maildir/mailbox.h"

struct cache_record {
	struct span envelope;  /* of FETCH ENVELOPE, with its parentheses */
	struct span structure; /* of BODYSTRUCTURE */
	/* CACHE_FIELDS of the header that there are, as they stand in the
	 * message, CRLF line ends, and the empty line */
	struct span header;
	uint64_t wire; /* octets with CRLF line ends */
};

/* Fields that clients list their mailboxes by; STYLE: one place. */
extern const struct span cache_fields[];
extern const size_t cache_fields_n;

struct cache;

/* `folder`: the account's for indexes; NULL: go without. */
struct cache *cache_new(const char *folder, const struct db_boot *boot);
void cache_free(struct cache **c);

/* False: there is none. Spans of *r lie in `room`, which is replaced. */
bool cache_get(struct cache *c, const struct maildir_mailbox *m,
    const struct maildir_message *msg, struct buf *room,
    struct cache_record *r);
/* Kept until the next flush, then written with others. */
void cache_put(struct cache *c, const struct maildir_mailbox *m,
    const struct maildir_message *msg, const struct cache_record *r);
void cache_forget(
    struct cache *c, const struct maildir_mailbox *m, uint32_t uid);
void cache_flush(struct cache *c);
/* Drop the records of this mailbox that belong to no message of it. */
void cache_sweep(struct cache *c, const struct maildir_mailbox *m);

#define CACHE_RECORD_MAX ((size_t)4 << 20) /* larger ones are not kept */

#endif
