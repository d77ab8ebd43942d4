/*
 * What a client has been told of its selected mailbox: which message has which
 * sequence number, and with which flags. It changes only by what is told
 * (RFC 3501 5.2, 7.4.1). Used by the store thread only.
 */
#ifndef IMAPD_VIEW_H
#define IMAPD_VIEW_H

#include "imapd/store.h"
#include "lib/base/buf.h"

struct view {
	struct store_box *box; /* NULL: no mailbox is selected */
	bool read_only;
	uint32_t *uids;  /* by sequence number, from 0 */
	uint32_t *flags; /* as they were told */
	bool *recent;
	size_t n;
	size_t cap;
	size_t n_recent;
	uint64_t seen;     /* the mailbox's generation that was told */
	uint32_t keywords; /* letters whose names were told */
};

/* Take the box (acquired) and all that is in it, telling nothing. */
void view_select(struct view *v, struct store_box *box, bool read_only);
/* Nothing is selected any more. */
void view_close(struct view *v, struct store *store);

/* What view_update may tell. */
enum view_tell {
	VIEW_QUIET = 0,
	VIEW_EXPUNGE = 1, /* EXPUNGE too: sequence numbers change */
	VIEW_UID = 2,     /* UIDs with the flags */
};

/*
 * Bring mailbox and view up to date and append what the client is to be told.
 * RC_TEMP: the mailbox cannot be read now, or (box->m->broken) never again
 * under this selection. Blocking.
 */
enum rc view_update(
    struct view *v, unsigned tell, struct buf *out, struct why *why);

/* The message of a sequence number (from 1); NULL: it is gone, or none. */
struct maildir_message *view_message(const struct view *v, uint32_t seq);
/* Sequence number of a UID; 0: not in the view. */
uint32_t view_seq(const struct view *v, uint32_t uid);
/* Sequence number of the first UID of at least that; n + 1: none. */
uint32_t view_seq_from(const struct view *v, uint32_t uid);
uint32_t view_last_uid(const struct view *v);

#endif
