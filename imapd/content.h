/*
 * One message's content at hand, for FETCH and SEARCH: its file, its parts,
 * its record in the cache, each loaded when first asked for. Store thread
 * only; everything blocks.
 */
#ifndef IMAPD_CONTENT_H
#define IMAPD_CONTENT_H

#include "imapd/cache.h"
#include "lib/mime/message.h"
#include "lib/mime/reader.h"

struct content {
	int fd; /* -1: not open */
	struct mime_source source;
	bool parsed;
	struct mime_message message;
	bool has_record;
	struct cache_record record;
	/* private: */
	struct buf room;
	struct mime_section fields; /* CACHE_FIELDS */
};

/* It must not move. */
void content_init(struct content *c);
void content_fini(struct content *c);
/* The next message. */
void content_reset(struct content *c);

/* RC_PERM: the message is gone. For all of these. */
enum rc content_open(struct content *c, struct maildir_mailbox *m,
    struct maildir_message *msg, struct why *why);
/* c->message; corrects msg->wire. */
enum rc content_parse(struct content *c, struct maildir_mailbox *m,
    struct maildir_message *msg, struct why *why);
/* c->record: from the cache, else made, and given to it. */
enum rc content_record(struct content *c, struct cache *cache,
    struct maildir_mailbox *m, struct maildir_message *msg, struct why *why);

#endif
